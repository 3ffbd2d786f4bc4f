import numpy as np

from affectus.affect import Evidence
from affectus.analysis.conversation import Influence, conversation, influences
from affectus.analysis.lanes import lanes
from affectus.analysis.report import write_report
from affectus.analysis.sections import SourceInfo
from affectus.sample import Span
from affectus.taxonomy import scale
from affectus.timeline import Timeline

LABELS = scale("meld-7").labels


def readings(said: list[tuple[str, str]], evidence: list[list[Evidence]] | None = None, **more: object) -> Timeline:
    """Turns of (who, label), in their conversation."""
    scores = np.full((len(said), 7), 0.02)
    for row, (_, label) in zip(scores, said, strict=True):
        row[LABELS.index(label)] = 0.88
    spans = [Span("chat.jsonl", who, i) for i, (who, _) in enumerate(said)]
    return Timeline.build(
        spans, {"meld-7": scores}, perspective="perceived", by="affectus/dialogue-embedded", modality="dialogue",
        text=[f"words {i}" for i in range(len(said))], evidence=evidence, labels={"meld-7": [[w[1]] for w in said]},
    )  # fmt: skip


TALK = [("Ann", "joy"), ("Ben", "anger"), ("Ann", "joy"), ("Ben", "anger"), ("Ann", "sadness")]


def test_shifts_are_those_of_a_person_and_not_of_the_room() -> None:
    found = conversation(read := readings(TALK), lanes(read))
    assert found is not None
    assert [(m.lane.track, m.row, m.before) for m in found.shifts] == [("Ann", 4, 2)]
    assert found.flow.count('class="shift"') == 1
    assert found.flow.count("Ann</text>") == 1


def test_influences_are_means_of_the_evidence_by_pair() -> None:
    evidence = [
        [],
        [Evidence("contagion", text="Ann", weight=0.25)],
        [Evidence("inertia", text="Ann", weight=0.125), Evidence("contagion", text="Ben", weight=0.5)],
        [Evidence("inertia", text="Ben", weight=0.75), Evidence("contagion", text="Ann", weight=0.0)],
        [Evidence("word", text="oh", weight=9.0)],
    ]
    assert influences(readings(TALK, evidence)) == [
        Influence("inertia", "Ben", "Ben", 0.75, 1),
        Influence("inertia", "Ann", "Ann", 0.125, 1),
        Influence("contagion", "Ben", "Ann", 0.5, 1),
        Influence("contagion", "Ann", "Ben", 0.125, 2),
    ]


def test_nothing_is_shown_without_a_conversation() -> None:
    assert conversation(Timeline.empty(), []) is None
    read = readings(TALK[:1])
    assert conversation(read, lanes(read)) is None


def test_many_people_are_counted_where_they_are_not_drawn(tmp_path) -> None:
    said = [(f"person with a long name {i % 40}", LABELS[i % 7]) for i in range(400)]
    read = readings(said)
    found = conversation(read, lanes(read))
    assert found is not None
    assert found.left_out == 28
    page = write_report(read, tmp_path / "r.html", sources=[SourceInfo("chat.jsonl", "chat")], cards={}).read_text()
    assert "28 more persons are not drawn here" in page


def test_the_report_says_what_influence_can_not_mean(tmp_path) -> None:
    evidence = [[Evidence("contagion", text="<b>Ann</b>", weight=0.25)] for _ in TALK]
    read = readings(TALK, evidence)
    page = write_report(read, tmp_path / "r.html", sources=[SourceInfo("chat.jsonl", "chat")], cards={}).read_text()
    assert "It does not say that one person's feeling caused another's" in page
    assert "&lt;b&gt;Ann" in page
    assert "<b>Ann" not in page
    assert "contagion from &lt;b&gt;Ann" in page


def test_what_moved_a_shift_has_a_column_only_where_something_did(tmp_path) -> None:
    for bits, shown in ((0.25, True), (0.001, False)):
        read = readings(TALK, [[Evidence("contagion", text="Ann", weight=bits)] for _ in TALK])
        page = write_report(read, tmp_path / "r.html", sources=[SourceInfo("chat.jsonl", "chat")], cards={}).read_text()
        assert ("moved by, bits" in page) is shown
