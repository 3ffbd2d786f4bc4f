"""RECCON: causes as gold evidence, pairs of turns as the authors count them, and their figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectus.affect import Evidence
from affectus.corpora.base import gold, load_corpus, locate
from affectus.errors import FileError, InputError
from affectus.evaluation.causes import both_f1, cause_pairs, gold_causes, negative_f1, positive_f1
from affectus.formats.parquet import read_timeline
from affectus.timeline import Timeline

DATA = Path(__file__).parents[3] / "shared" / "data"
TALK: list[dict[str, Any]] = [
    {"turn": 1, "speaker": "A", "utterance": "The bus left .", "emotion": "neutral"},
    {
        "turn": 2,
        "speaker": "B",
        "utterance": "Oh no , and it rains !",
        "emotion": "sad",
        "expanded emotion cause evidence": [1, 2, 2],
        "expanded emotion cause span": ["bus left", "it", "rains"],
        "type": ["hybrid"],
    },
    {
        "turn": 3,
        "speaker": "A",
        "utterance": "I am glad .",
        "emotion": "happiness",
        "expanded emotion cause evidence": ["b"],
        "expanded emotion cause span": ["b"],
        "type": ["latent"],
    },
    {
        "turn": 4,
        "speaker": "B",
        "utterance": "Why ?",
        "emotion": "anger",
        "expanded emotion cause evidence": [5, 3],
        "expanded emotion cause span": ["know", "I am glad ."],
        "type": ["inter-personal"],
    },
    {"turn": 5, "speaker": "A", "utterance": "I know a shop .", "emotion": "neutral"},
]


def copy(folder: Path, talk: list[dict[str, Any]] = TALK) -> Path:
    for split in ("train", "valid", "test"):
        (folder / f"dailydialog_{split}.json").write_text(json.dumps({f"{split}_7": [talk]}), encoding="utf-8")
    return folder


def test_causes_are_evidence_of_the_gold(tmp_path: Path) -> None:
    loaded = load_corpus("reccon", copy(tmp_path))
    assert {split: len(rows) for split, rows in loaded.splits.items()} == {"train": 5, "dev": 5, "test": 5}
    turns = loaded["test"]
    assert [turn.track for turn in turns] == ["A", "B", "A", "B", "A"]
    assert gold(turns, "dailydialog-7").argmax(1).tolist() == [0, 5, 4, 1, 0]
    assert turns[1].gold is not None
    first = turns[1].gold[0].evidence[0]
    assert first == Evidence("cause", text="bus left", item=0)
    assert [gold_causes(turn) for turn in turns] == [[], [0, 1, 1], [None], [4, 2], []]
    assert loaded.remarks == {"misspelt emotions, mended": 3, "causes that come later than their emotion": 3}


def test_pairs_count_as_the_authors_count_them(tmp_path: Path) -> None:
    talks = load_corpus("reccon", copy(tmp_path)).dialogues("test")
    pairs = cause_pairs(talks)
    found = list(zip(pairs.target.tolist(), pairs.candidate.tolist(), pairs.gold.tolist(), strict=True))
    assert found == [
        (1, 0, True), (1, 1, True), (1, 1, True),
        (2, 0, False), (2, 1, False), (2, 2, False),
        (3, 0, False), (3, 1, False), (3, 2, True), (3, 3, False),
    ]  # fmt: skip
    assert len(cause_pairs(talks, repeated=False)) == 9


def test_readings_are_measured_by_the_turns_they_name(tmp_path: Path) -> None:
    talks = load_corpus("reccon", copy(tmp_path)).dialogues("test")
    pairs = cause_pairs(talks)
    evidence = [
        [],
        [Evidence("cause", item=0, weight=0.9), Evidence("cause", item=1, weight=0.4), Evidence("word", text="rains")],
        [Evidence("cause", item=1)],
        [Evidence("cause", item=2, weight=0.5), Evidence("cause", item=77, weight=1.0)],
        [],
    ]
    spans = [turn.span for turn in talks[0].turns]
    read = Timeline.build(spans, {}, perspective="perceived", by="x", modality="text", evidence=evidence)
    chosen = pairs.chosen(talks, read)
    assert np.flatnonzero(chosen).tolist() == [0, 4, 8]
    assert positive_f1(pairs.gold, chosen) == pytest.approx(2 * 2 / (4 + 3))
    assert negative_f1(pairs.gold, chosen) == pytest.approx(2 * 5 / (6 + 7))
    assert both_f1(pairs.gold, chosen) == pytest.approx((4 / 7 + 10 / 13) / 2)
    with pytest.raises(InputError, match="has 4 rows"):
        pairs.chosen(talks, read[:4])
    assert read_timeline(read.save(tmp_path / "x.parquet"))[1].evidence == read[1].evidence


def test_a_timeline_saved_before_evidence_named_items_is_read(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    spans = [("a", None, 0, None, None)]
    whole = Timeline.build(
        spans, {}, perspective=None, by="x", modality="text", evidence=[[Evidence("word", text="so")]]
    )
    names = ("kind", "start", "end", "text", "weight")
    kind = whole.table.schema.field("evidence").type.value_type
    old = pa.list_(pa.struct([kind.field(name) for name in names]))
    column = pa.array([[{"kind": "word", "text": "so"}]], old)
    at = whole.table.schema.get_field_index("evidence")
    pq.write_table(whole.table.set_column(at, pa.field("evidence", old), column), tmp_path / "old.parquet")
    assert read_timeline(tmp_path / "old.parquet")[0].evidence == (Evidence("word", text="so"),)


def test_turns_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"turn 1 of 'train_7' .* has the emotion 'glum'"):
        load_corpus("reccon", copy(tmp_path, [{**TALK[0], "emotion": "glum"}]))
    with pytest.raises(FileError, match="a cause in turn 3"):
        load_corpus("reccon", copy(tmp_path, [TALK[0], {**TALK[1], "expanded emotion cause evidence": [1, 2, 3]}]))
    with pytest.raises(FileError, match=r"turn 2 of .* can't be understood"):
        load_corpus("reccon", copy(tmp_path, [TALK[0], {**TALK[1], "expanded emotion cause evidence": [1]}]))
    (tmp_path / "dailydialog_valid.json").write_text("[1, 2]", encoding="utf-8")
    copy_ = copy(tmp_path)
    (copy_ / "dailydialog_train.json").write_text("[1, 2]", encoding="utf-8")
    with pytest.raises(FileError, match="does not hold dialogues"):
        load_corpus("reccon", copy_)


@pytest.mark.data
def test_the_published_files_have_the_published_counts() -> None:
    try:
        loaded = load_corpus("reccon", locate("reccon", DATA))
    except FileError as error:
        pytest.skip(error.what[:80])
    counts = {}
    for split in loaded.splits:
        pairs = cause_pairs(loaded.dialogues(split))
        counts[split] = (int(pairs.gold.sum()), int((~pairs.gold).sum()))
    assert counts == {"train": (7269, 20646), "dev": (347, 838), "test": (1894, 5330)}
    once = cause_pairs(loaded.dialogues("test"), repeated=False)
    assert once.gold.sum() == 1767
