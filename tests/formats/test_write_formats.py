"""Every output format: whatever stands in a timeline is written, and other programs' readers find it again."""

import csv
import itertools
import json
import os
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from praatio import textgrid
from pympi import Elan

from affectus.affect import Evidence
from affectus.errors import FileError, InputError, OutputError
from affectus.formats import FORMATS, TIERED, left_out, read_timeline, write
from affectus.formats.tiers import caption
from affectus.taxonomy import scale
from affectus.timeline import Timeline

EKMAN = scale("ekman-6+neutral")


def reading(spans, *, modality="voice", by="affectus/voice-embedded", seed=0, **more):
    p = np.random.default_rng(seed).dirichlet(np.ones(7), len(spans)).astype(np.float32)
    labels = [[EKMAN.labels[i]] for i in p.argmax(1)] if len(p) else []
    more.setdefault("labels", {EKMAN.name: labels})
    return Timeline.build(spans, {EKMAN.name: p}, perspective="perceived", by=by, modality=modality, **more)


def clip(source="talk.mp4"):
    words = "so “we” did it — item [1] said:\nx < y & y > z --> done 😀"
    evidence = [[Evidence("word", 0.5, 0.75, "did", 0.4)], []]
    voice = reading([(source, "person-1", None, 0.0, 1.5), (source, "person-1", None, 1.5, 3.25)])
    text = reading(
        [(source, "person-1", None, 0.0, 1.5), (source, "person-2", None, 3600.5, 3602.0)],
        modality="text",
        by="affectus/text",
        text=[words, "oh"],
        evidence=evidence,
        flags=[[], ["abstained:low-confidence"]],
        labels={EKMAN.name: [["joy"], []]},
        sets={EKMAN.name: [["joy", "surprise"], list(EKMAN.labels)]},
    )
    mood = Timeline.build(
        [(source, "person-1", None, 0.0, 2.0), (source, "person-1", None, 1.0, 3.0)],
        {"valence-arousal": np.array([[0.25, -0.5], [np.nan, np.nan]])},
        perspective="felt",
        by="rater",
        modality="rating",
        sd={"valence-arousal": np.array([[0.1, 0.2], [np.nan, np.nan]])},
    )
    rig = Timeline.build(
        [(source, "person-1", None, t, t + 0.04) for t in (0.0, 0.04)],
        {"arkit-52": np.zeros((2, 52))},
        perspective=None,
        by="affectus/geometry",
        modality="face",
    )
    return Timeline.concat([voice, text, mood, rig])


# -- any timeline ------------------------------------------------------------------------------------------------------
names = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
seconds = st.floats(-1, 1e5, allow_nan=False, width=32)
times = st.one_of(st.just((None, None)), st.tuples(seconds, seconds).map(sorted).map(tuple))
texts = st.one_of(
    st.none(),
    st.sampled_from(["=1+1", "a\n\nb", "-->", "</v>", 'say ""hi""', "item [1]", 'text = "x"', "\x00\x1b", "\u2028"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
lines = st.tuples(names, names, st.one_of(st.none(), st.integers(0, 2**40)), times, texts, st.booleans())


@st.composite
def timelines(draw):
    rows = draw(st.lists(lines, max_size=6))
    spans = [(source or "", track, item, *time) for source, track, item, time, _, _ in rows]
    p = np.full((len(rows), 7), 1 / 7, np.float32)
    p[[i for i, row in enumerate(rows) if row[-1]]] = np.nan
    first = Timeline.build(
        spans,
        {EKMAN.name: p},
        perspective="perceived",
        by=draw(names) or "",
        modality=draw(st.sampled_from(["text", "voice", "=odd\n<name>"])),
        text=[row[4] for row in rows],
        evidence=[[Evidence("word", text=row[4], weight=0.1)] for row in rows],
        flags=[[row[1] or "x"] for row in rows],
    )
    return Timeline.concat([first, reading([("other.wav", None, None, 0.0, 1.0)] * draw(st.integers(0, 2)))])


def files(path):
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


@pytest.mark.parametrize("name", list(FORMATS))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(timeline=timelines())
def test_any_timeline_is_written_and_can_be_opened(tmp_path_factory, name, timeline):
    folder = tmp_path_factory.mktemp("out")
    written = write(timeline, folder / f"all{FORMATS[name]}")
    found = files(written)
    assert found
    assert not list(folder.rglob("*.part"))
    if name == "parquet":
        back = read_timeline(written)
        assert back.table.schema.equals(timeline.table.schema, check_metadata=True)
        assert back.table.equals(timeline.table)
    elif name == "csv":
        with written.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        assert len(rows) == len(timeline) + 1
        assert {len(row) for row in rows} == {len(timeline.to_pandas().columns)}
        assert not [c for row in rows for c in row if c.startswith(("=", "@", "\t", "\r"))]
    elif name == "jsonl":
        assert len(written.read_text(encoding="utf-8").splitlines()) == len(timeline)
    elif name == "eaf":
        check_eaf(found, timeline)
    elif name == "textgrid":
        kept = sum(len(t.entries) for f in found for t in open_grid(f).tiers if labels_only(t.name))
        assert kept == len(timeline) - left_out(timeline)
    elif name == "vtt":
        assert sum(len(vtt_cues(f)) for f in found) == len(timeline) - left_out(timeline)


def labels_only(tier):
    return not tier.rstrip("'").endswith((" words", " valence")) and tier != "no timed readings"


def open_grid(path):
    return textgrid.openTextgrid(str(path), includeEmptyIntervals=False, reportingMode="error")


def check_eaf(found, timeline):
    """What ELAN asks for: unique ids, ascending slots, references that exist, no overlap in a tier."""
    kept = 0
    for path in found:
        root = ElementTree.parse(path).getroot()
        slots = {s.get("TIME_SLOT_ID"): int(s.get("TIME_VALUE")) for s in root.iter("TIME_SLOT")}
        assert len(slots) == len(list(root.iter("TIME_SLOT")))
        assert list(slots.values()) == sorted(slots.values())
        ids = [a.get("ANNOTATION_ID") for a in root.iter("ALIGNABLE_ANNOTATION")]
        assert len(ids) == len(set(ids))
        tiers = [t.get("TIER_ID") for t in root.iter("TIER")]
        assert len(tiers) == len(set(tiers)) > 0
        types = {t.get("LINGUISTIC_TYPE_ID") for t in root.iter("LINGUISTIC_TYPE")}
        assert {t.get("LINGUISTIC_TYPE_REF") for t in root.iter("TIER")} <= types
        order = [child.tag for child in root]
        assert order.index("HEADER") < order.index("TIME_ORDER") < order.index("TIER") < order.index("LINGUISTIC_TYPE")
        document = Elan.Eaf(str(path))
        for tier in document.get_tier_names():
            spans = sorted(document.get_annotation_data_for_tier(tier))
            assert all(a[0] < a[1] <= b[0] for a, b in itertools.pairwise(spans))
            kept += len(spans) if labels_only(tier) else 0
    assert kept == len(timeline) - left_out(timeline)


def vtt_cues(path):
    """A strict reader of the part of WebVTT that we write: (start, end, payload) of each cue."""
    head, *blocks = path.read_text(encoding="utf-8").split("\n\n")
    assert head.startswith("WEBVTT")
    cues = []
    for block in blocks:
        timing, *payload = block.strip("\n").split("\n")
        start, arrow, end = timing.split(" ")
        assert arrow == "-->"
        times = []
        for stamp in (start, end):
            hours, minutes, rest = stamp.split(":")
            assert len(hours) >= 2
            assert len(minutes) == 2
            assert len(rest) == 6
            times.append(int(hours) * 3600 + int(minutes) * 60 + float(rest))
        assert times[0] < times[1]
        assert payload
        assert "-->" not in "".join(payload)
        cues.append((*times, "\n".join(payload)))
    assert [c[0] for c in cues] == sorted(c[0] for c in cues)
    return cues


# -- one by one --------------------------------------------------------------------------------------------------------
def test_parquet_gives_back_every_column_type_and_scale(tmp_path):
    timeline = clip()
    back = Timeline.load(timeline.save(tmp_path / "t.parquet"))
    assert back.table.equals(timeline.table)
    assert back.table.schema.equals(timeline.table.schema, check_metadata=True)
    assert back.scales == timeline.scales
    assert np.array_equal(back.sd("valence-arousal"), timeline.sd("valence-arousal"), equal_nan=True)


def test_parquet_of_an_empty_timeline(tmp_path):
    empty = Timeline.empty()
    assert Timeline.load(empty.save(tmp_path / "t.parquet")).table.equals(empty.table)


def test_parquet_in_a_folder_named_like_a_partition(tmp_path):
    path = clip().save(tmp_path / "who=me" / "t.parquet")
    assert "who" not in read_timeline(path).table.column_names


@pytest.mark.parametrize("keep", [0, 3, 4, 100, -1])
def test_a_cut_parquet_file_is_a_file_error(tmp_path, keep):
    path = clip().save(tmp_path / "t.parquet")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FileError, match=r"t\.parquet"):
        read_timeline(path)


def test_flipped_bytes_are_noticed_or_harmless(tmp_path):
    timeline = clip()
    path = timeline.save(tmp_path / "t.parquet")
    whole = path.read_bytes()
    noticed = 0
    for at in range(0, len(whole), max(1, len(whole) // 150)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        try:
            back = read_timeline(path)
        except FileError:
            noticed += 1
        else:
            assert len(back) == len(timeline)
    assert noticed > 75


def test_parquet_of_something_else(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(FileError, match="lacks the columns"):
        read_timeline(tmp_path / "other.parquet")
    with pytest.raises(FileError, match="does not exist"):
        read_timeline(tmp_path / "none.parquet")
    with pytest.raises(FileError, match="is a folder"):
        read_timeline(tmp_path)


def test_csv_is_safe_in_a_spreadsheet_and_keeps_numbers(tmp_path):
    timeline = reading([("=cmd|' /C calc'!A0", "@me", 3, -1.5, 2.0)], text=["-2+3"], evidence=[[Evidence("word")]])
    with timeline.save(tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["source"] == "'=cmd|' /C calc'!A0"
    assert row["track"] == "'@me"
    assert row["text"] == "'-2+3"
    assert float(row["start"]) == -1.5
    assert row["item"] == "3"
    assert np.float32(row[f"{EKMAN.name}/joy"]) == timeline.scores(EKMAN.name)[0, 3]
    assert json.loads(row["evidence"])[0]["kind"] == "word"
    assert json.loads(row[f"{EKMAN.name}.labels"]) == list(timeline[0].labels)


def test_csv_in_pieces_has_one_head(tmp_path, monkeypatch):
    monkeypatch.setattr("affectus.formats.csv._CHUNK", 3)
    timeline = clip()
    rows = timeline.save(tmp_path / "t.csv").read_text(encoding="utf-8").split("\n")
    assert sum(row.startswith("source,") for row in rows) == 1


def test_jsonl_leaves_out_what_is_absent_and_keeps_an_abstention(tmp_path):
    timeline = clip()
    rows = [
        json.loads(line) for line in timeline.save(tmp_path / "t.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    ]
    voice, _, said, quiet, mood, unrated, *_ = rows
    assert "text" not in voice
    assert "flags" not in voice
    assert "item" not in voice
    assert np.float32(voice["scores"][EKMAN.name]["joy"]) == timeline.scores(EKMAN.name)[0, 3]
    assert said["evidence"] == [{"kind": "word", "start": 0.5, "end": 0.75, "text": "did", "weight": 0.4}]
    assert quiet["labels"] == {EKMAN.name: []}
    assert mood["sd"]["valence-arousal"] == {"valence": 0.1, "arousal": 0.2}
    assert "scores" not in unrated


def test_eaf_tiers_names_and_media(tmp_path):
    media = tmp_path / "in" / "talk.mp4"
    media.parent.mkdir()
    media.touch()
    path = write(clip(), tmp_path / "out" / "talk.eaf", media={"talk.mp4": media})
    document = Elan.Eaf(str(path))
    assert set(document.get_tier_names()) == {
        "person-1 voice", "person-1 text", "person-1 text words", "person-2 text", "person-2 text words",
        "person-1 rating",
    }  # fmt: skip
    (linked,) = document.media_descriptors
    assert (path.parent / linked["RELATIVE_MEDIA_URL"]).resolve() == media.resolve()
    assert linked["MIME_TYPE"] == "video/mp4"
    assert document.get_annotation_data_for_tier("person-1 rating") == [(0, 2000, "valence 0.25, arousal -0.50")]
    assert document.get_annotation_data_for_tier("person-2 text") == [(3600500, 3602000, "abstained")]
    said = document.get_annotation_data_for_tier("person-1 text words")[0][2]
    assert said == "so “we” did it — item [1] said: x < y & y > z --> done 😀"
    assert document.tiers["person-1 voice"][2]["PARTICIPANT"] == "person-1"
    assert left_out(clip()) == 3  # two rows of a rig and one without a rating


def test_overlapping_readings_share_the_time_axis_in_further_tiers(tmp_path):
    spans = [("a.wav", "p", None, 0.0, 10.0), ("a.wav", "p", None, 2.0, 3.0), ("a.wav", "p", None, 3.0, 4.0)]
    document = Elan.Eaf(str(reading(spans).save(tmp_path / "a.eaf")))
    assert {t: len(document.get_annotation_data_for_tier(t)) for t in document.get_tier_names()} == {
        "p voice": 1,
        "p voice #2": 2,
    }


def test_textgrid_tiers_labels_words_and_valence(tmp_path):
    grid = open_grid(clip().save(tmp_path / "talk.TextGrid"))
    assert set(grid.tierNames) == {
        "person-1 voice", "person-1 text", "person-1 text words", "person-2 text", "person-2 text words",
        "person-1 rating", "person-1 rating valence",
    }  # fmt: skip
    assert grid.maxTimestamp == 3602
    assert "item (1] said: x" in grid.getTier("person-1 text words").entries[0].label
    assert [tuple(p) for p in grid.getTier("person-1 rating valence").entries] == [(1.0, "0.250")]
    voice = grid.getTier("person-1 voice").entries
    assert [(e.start, e.end) for e in voice] == [(0, 1.5), (1.5, 3.25)]
    assert voice[0].label == caption(clip()[0])


def test_webvtt_says_who_what_and_how(tmp_path):
    cues = vtt_cues(clip().save(tmp_path / "talk.vtt"))
    assert len(cues) == 5
    said = next(payload for *_, payload in cues if "(text)" in payload and "person-1" in payload)
    first, second = said.split("\n")
    assert first.startswith("<v person-1>joy 0.")
    assert second == "so “we” did it — item [1] said: x &lt; y &amp; y &gt; z --&gt; done 😀</v>"
    assert cues[-1][0] == 3600.5


@pytest.mark.parametrize("name", TIERED)
def test_several_sources_give_a_folder_with_a_safe_name_for_each(tmp_path, name):
    sources = ["a/talk.mp4", "b/talk.wav", "../../up.mp4", "C:\\x\\ÄÖ 会議.mkv", "Up.wav"]
    timeline = Timeline.concat(clip(s) for s in sources)
    folder = timeline.save(tmp_path / f"results{FORMATS[name]}")
    assert folder == tmp_path / "results"
    found = sorted(p.name for p in folder.iterdir())
    assert len({n.lower() for n in found}) == 5
    assert all(p.parent == folder for p in folder.rglob("*"))
    assert any("会議" in n for n in found)


@pytest.mark.parametrize("name", TIERED)
def test_readings_without_times_give_a_valid_file_and_a_count(tmp_path, name):
    timeline = reading([("notes.txt", None, i, None, None) for i in range(3)], modality="text")
    assert write(timeline, tmp_path / f"t{FORMATS[name]}").is_file()
    assert left_out(timeline) == 3


def test_unknown_suffix_names_the_known_ones(tmp_path):
    with pytest.raises(InputError, match=r"\.eaf.*eaf"):
        write(clip(), tmp_path / "t.eav")


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_path_that_cannot_be_written_is_an_output_error(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        write(clip(), tmp_path / "file" / f"t{FORMATS[name]}")


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_full_disk_leaves_the_old_file_and_no_rest(tmp_path, name, monkeypatch):
    path = tmp_path / f"t{FORMATS[name]}"
    path.write_text("old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="disk is full"):
        write(clip(), path)
    assert path.read_text() == "old"
    assert [p.name for p in Path(tmp_path).iterdir()] == [path.name]
