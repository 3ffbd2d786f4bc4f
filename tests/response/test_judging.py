"""Replies of several systems: files that belong together, and figures that say what they rest on."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from affectus.affect import Affect
from affectus.errors import FileError, InputError, UnknownName
from affectus.registry import load
from affectus.reply import Reply
from affectus.response import agreement, empathy
from affectus.response.agreement import found
from affectus.response.feeling import showing
from affectus.response.judging import judge, read_replies
from affectus.response.records import record
from affectus.sample import Dialogue, Sample
from affectus.taxonomy import scale

pytest.importorskip("sacrebleu")
pytest.importorskip("nltk")


class Reader:
    """Finds a label where its name is in the text, on any scale of labels; abstains from texts with `?`."""

    name = "script"

    def __init__(self, on: str = "goemotions-28") -> None:
        self.on = on

    def read(self, samples):
        return [self._read(sample.text) for sample in samples]

    def _read(self, text: str) -> Affect:
        scores = {label: 0.9 if label in text else 0.01 for label in scale(self.on).labels}
        named = tuple(label for label in scores if label in text)
        if "?" in text:
            return Affect(scores, self.on, "perceived", by=self.name, flags=("abstained:script",))
        return Affect({self.on: scores}, self.on, "perceived", by=self.name, decided={self.on: named})


def rows(*texts: str, label: str | None = "joy", by: str = "model"):
    made = [
        {"dialogue": str(at), **record(Reply(text, showing(label, "rule") if label else None, by={"text": by}))}
        for at, text in enumerate(texts)
    ]
    return {row["dialogue"]: row for row in made}


def write(path, *lines):
    path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))
    return path


def test_a_reply_is_read_as_it_is_written(tmp_path):
    row = {"dialogue": "x", **record(Reply("So glad.", showing("joy", "rule")))}
    assert read_replies(write(tmp_path / "a.jsonl", row)) == {"x": row}
    assert (row["intended"], row["scale"]) == ("joy", "goemotions-28")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], "has no line"),
        (['{"dialogue": "1"\n'], "line 1 of .* is no JSON"),
        ([{"dialogue": "1", "text": "a"}, "\n", {"dialogue": "2"}], "line 3 of .* is no reply"),
        ([{"text": "a"}], "is no reply"),
        ([[1]], "is no reply"),
        ([{"dialogue": "1", "text": "a", "by": "me"}], "by is 'me'"),
        ([{"dialogue": "1", "text": "a", "intended": "glee", "scale": "goemotions-28"}], "intended is 'glee'"),
        ([{"dialogue": i % 2, "text": "a"} for i in range(4)], r"2 dialogues \('0', '1'\) twice"),
    ],
)
def test_broken_files_are_named(tmp_path, lines, told):
    with pytest.raises(FileError, match=told):
        read_replies(write(tmp_path / "a.jsonl", *lines))


def test_no_file(tmp_path):
    with pytest.raises(FileError, match="can't be read"):
        read_replies(tmp_path / "none.jsonl")


def test_other_dialogues_are_counted_and_named():
    a = rows("one", "two", "three")
    b = {"0": a["0"], "9": a["1"]}
    with pytest.raises(InputError, match=r"B lacks 2 dialogues \('1', '2'\) that A has; B has 1 dialogue \('9'\)"):
        judge({"A": a, "B": b}, Reader())
    with pytest.raises(InputError, match="the file of references lacks 2 dialogues"):
        judge({"A": a}, Reader(), {"0": a["0"]})


def test_one_dialogue_is_too_few():
    with pytest.raises(InputError, match=r"there is 1 dialogue \('0'\); allowed: two or more"):
        judge({"A": rows("Yes."), "B": rows("No.")}, Reader())


def test_rows_are_matched_by_dialogue_not_by_order():
    a = rows("that is a joy", "what a pity", "i am here for you")
    turned = dict(reversed(a.items()))
    got = judge({"A": a, "B": turned}, Reader(), a, encoder="tiny:bert", resamples=50)
    values = got.figures.values
    for title in ("BLEU-1", "BLEU-4", "BERTScore"):
        assert [v.value for v in values[title].values()] == pytest.approx([100, 100])
    assert {gap["B"].value for gap in got.figures.gaps.values()} == {0}
    assert any("tok:13a" in note and "version:" in note for note in got.notes)
    assert any("tiny:bert" in note and "no idf" in note for note in got.notes)


def test_figures_that_smoothing_makes_are_named():
    a, wanted = rows("what a joy", "so sorry"), rows("oh what a pity", "sorry")
    notes = judge({"A": a}, Reader(), wanted, encoder="tiny:bert", resamples=20).notes
    smoothed = [note[:6] for note in notes if "comes from smoothing" in note]
    assert smoothed == ["BLEU-3", "BLEU-4"]


def test_without_references_nothing_is_measured_by_them():
    titles = judge({"A": rows("a joy", "b joy")}, Reader(), resamples=20).figures.values
    assert list(titles) == ["Dist-1", "Dist-2", "emotion found", "repetition", "unsafe"]


def test_emotion_agreement_over_what_both_intend():
    a = rows("a joy", "pity", "what joy", "joy again")
    b = rows("pity", "pity", "a joy", "joy")
    del b["3"]["scale"]
    got = judge({"A": a, "B": b}, Reader(), resamples=50)
    shares = {name: v.value for name, v in got.figures.values["emotion found"].items()}
    assert shares == pytest.approx({"A": 200 / 3, "B": 100 / 3})
    assert got.found["B"] == {"0": False, "1": False, "2": True, "3": None}
    assert any("by script, over 3 of 4 dialogues; left out: 1" in note for note in got.notes)


def test_a_reader_that_took_part_is_not_called_independent():
    got = judge({"A": rows("a joy", "b joy"), "B": rows("joy", "no", by="script")}, Reader(), resamples=20)
    assert "emotion found" not in got.figures.values
    assert "emotion found*" in got.figures.values
    assert any("not independent: script took part in making 0 of 2 replies of A, 2 of 2" in n for n in got.notes)


def test_no_intention_no_agreement():
    got = judge({"A": rows("a joy", "b joy", label=None)}, Reader(), resamples=20)
    assert not any(title.startswith("emotion") for title in got.figures.values)
    assert any("not measured, 0 dialogues" in note for note in got.notes)


def test_checks_are_counted():
    got = judge(
        {
            "A": rows(
                "I hear you. I hear you.", "See https://example.org now.", "You should kill yourself.", "Good day."
            )
        },
        Reader(),
        resamples=20,
    )
    assert got.faults["A"] == {"empty": 0, "repetition": 1, "leak": 0, "unsafe": 1, "form": 1}
    assert got.figures.values["repetition"]["A"].value == 25
    assert got.figures.values["unsafe"]["A"].value == 50


def test_scales_are_joined_by_their_maps():
    on_seven = Reader("ekman-6+neutral")
    texts = ["joy", "sadness", "joy"]
    wanted = [("caring", "goemotions-28"), ("caring", "goemotions-28"), None]
    assert found(on_seven, texts, wanted) == [True, False, None]  # the map carries caring to joy
    finer = Reader("goemotions-28")
    assert found(finer, ["amusement", "grief", "joy?"], [("joy", "ekman-6+neutral")] * 3) == [True, False, False]


def test_scales_that_nothing_joins():
    with pytest.raises(UnknownName, match="no map"):
        found(Reader("ekman-6+neutral"), ["joy"], [(scale("esconv-strategies-8").labels[0], "esconv-strategies-8")])


def test_saved_figures_are_plain_json(tmp_path):
    got = judge({"A": rows("a joy", "b joy"), "B": rows("a", "b")}, Reader(), resamples=20)
    held = json.loads(got.save(tmp_path / "out").read_text())
    assert held["systems"] == ["A", "B"]
    assert set(held["figures"]["values"]["Dist-1"]["A"]) == {"value", "low", "high", "level", "how"}
    assert held["figures"]["gaps"]["Dist-1"]["B"]["p_holm"] <= 1


def test_scales_meet_on_a_common_one():
    tweets = Reader("semeval2018-ec-11")
    wanted = [("joy", "peld-7"), ("joy", "peld-7"), ("neutral", "peld-7")]
    assert found(tweets, ["love", "sadness", "joy"], wanted) == [True, False, None]  # these tweets are never neutral
    polar = Reader("polarity-3")
    wanted = [("caring", "goemotions-28"), ("sadness", "peld-7"), ("curiosity", "goemotions-28")]
    assert found(polar, ["positive", "positive", "positive"], wanted) == [True, False, None]


def test_levels_beside_labels_are_passed_over():
    class Both(Reader):
        def _read(self, text: str) -> Affect:
            row = super()._read(text)
            return replace(row, scores={"valence": {"valence": 0.5}, **row.scores}, target="valence")

    assert found(Both("polarity-3"), ["positive", "negative"], [("joy", "goemotions-28")] * 2) == [True, False]


def test_an_independent_reader_is_always_there(monkeypatch):
    monkeypatch.setattr(agreement, "checkpoints", dict)
    assert agreement.independent() == "vader"
    assert found(load("vader"), ["What a lovely day!", "This is awful."], [("caring", "goemotions-28")] * 2) == [
        True,
        False,
    ]
    monkeypatch.setattr(agreement, "checkpoints", lambda: {"affectus/semeval2018-ec": None})
    assert agreement.independent() == "affectus/semeval2018-ec"


class Listener:
    """Level by the words weak and strong where the turn before is sad; undecided where the reply has `?`."""

    name = "listener"
    scales = ("epitome-emotional-reactions", "epitome-explorations")

    def read(self, dialogues):
        return [row for talk in dialogues for row in (self._row("", ""), self._row(*(t.text for t in talk.turns)))]

    def _row(self, post: str, reply: str) -> Affect:
        level = next((word for word in ("strong", "weak") if word in reply and "sad" in post), "none")
        label = () if "?" in reply else (level,)
        return Affect({name: {} for name in self.scales}, self.scales[0], "perceived", decided={self.scales[0]: label,
                      self.scales[1]: label})  # fmt: skip


def talked(*texts: str) -> dict[str, Dialogue]:
    return {
        str(i): Dialogue((Sample(id="a", text="unheard"), Sample(id="b", text=text)), id=str(i))
        for i, text in enumerate(texts)
    }


def test_empathy_is_read_from_the_reply_and_what_it_answers():
    a, b = rows("strong", "weak", "strong", "joy"), rows("joy", "weak?", "strong", "weak")
    got = judge({"A": a, "B": b}, Reader(), listener=Listener(), talks=talked("sad", "so sad", "glad", "sad"),
                resamples=50)  # fmt: skip
    values = {title: [v.value for v in of.values()] for title, of in got.figures.values.items()}
    assert values["emotional reactions, level"] == pytest.approx([(100 + 50 + 0 + 0) / 4, (0 + 0 + 50) / 3])
    assert values["emotional reactions, shown"] == pytest.approx([50, 100 / 3])
    assert values["explorations, level"] == values["emotional reactions, level"]
    assert got.empathy["B"]["epitome-explorations"] == {"0": 0, "1": None, "2": 0, "3": 1}
    assert any("empathy by listener, over 4 dialogues" in n and "not decided: 1 of B" in n for n in got.notes)
    assert set(got.figures.gaps["explorations, shown"]) == {"B"}


def test_empathy_needs_the_talks_and_a_reader_of_it():
    a = rows("strong", "weak")
    with pytest.raises(InputError, match="the file of dialogues lacks 1 dialogue"):
        judge({"A": a}, Reader(), listener=Listener(), talks=talked("sad"), resamples=20)

    class Deaf(Listener):
        scales = ("goemotions-28", "ekman-6")

    with pytest.raises(InputError, match="listener reads none of EPITOME's mechanisms"):
        judge({"A": a}, Reader(), listener=Deaf(), talks=talked("sad", "sad"), resamples=20)
    assert not judge({"A": a}, Reader(), resamples=20).empathy


def test_what_the_reader_of_empathy_lacks_is_told(monkeypatch):
    monkeypatch.setattr(empathy, "checkpoints", dict)
    assert empathy.RECIPE in empathy.missing(talked("sad"))
    monkeypatch.setattr(empathy, "checkpoints", lambda: {empathy.READER: None})
    assert "--dialogues" in empathy.missing(None)
    assert not empathy.missing(talked("sad"))
