"""EmpatheticDialogues with replies, and ESConv: made copies, and the real ones where they are."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from files import write

from affectus.corpora.base import gold, load_corpus, locate
from affectus.errors import FileError
from affectus.frontends.replies import pairs
from affectus.sample import Dialogue, conversations

DATA = Path(__file__).parents[3] / "shared" / "data"
HEADER = "conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags\n"
TALK = (
    "hit:0_conv:1,1,afraid,A dog_comma_ a big one,1,I saw a dog_comma_ a big one.,5|5|5_5|5|5,\n"
    "hit:0_conv:1,2,afraid,A dog_comma_ a big one,2,Oh no,5|5|5_5|5|5,,more,cells\n"
    "hit:1_conv:2,1,proud,,1,I baked,5|5|5_5|5|5,\n"
)


def points(*talks: tuple[str, list[str]], reply: bool = False) -> str:
    """Lines of response points: each conversation at every turn of the speaker."""
    lines = []
    for emotion, turns in talks:
        for end in range(1, len(turns) + 1, 2):
            row = {"id": len(lines), "emotion": emotion, "context": turns[:end]}
            lines.append(json.dumps(row | ({"reference": f"reply to {end}"} if reply else {})))
    return "\n".join(lines) + "\n"


def test_the_release_gives_situation_and_turns(tmp_path: Path) -> None:
    loaded = load_corpus("empathetic-replies", write(tmp_path, {"train.csv": HEADER + TALK}))
    assert set(loaded.splits) == {"train"}
    first, second = [d for d in conversations(loaded["train"]) if isinstance(d, Dialogue)]
    assert [(t.track, t.text) for t in first.turns] == [
        ("situation", "A dog, a big one"),
        ("speaker", "I saw a dog, a big one."),
        ("listener", "Oh no"),
    ]
    assert [t.track for t in second.turns] == ["speaker"]  # no situation was written
    rows = gold(first.turns, "empathetic-dialogues-32"), gold(first.turns, "empathetic-dialogues-8")
    for found, place in zip(rows, (0, 1), strict=True):
        assert found[:2].argmax(1).tolist() == [place, place]
        assert np.isnan(found[2]).all()
    assert len(pairs(first.turns, "prompt-utterance", 0)) == 2
    with pytest.raises(FileError, match=r"line 2 of 'train\.csv' has 3 cells"):
        load_corpus("empathetic-replies", write(tmp_path / "b", {"train.csv": HEADER + "a,b,c\n"}))


def test_points_are_put_together_and_a_tenth_is_kept_out(tmp_path: Path) -> None:
    talks = [("sad", [f"My fish {i} left", "How?", "By train"]) for i in range(20)]
    files = {"dev.jsonl": points(*talks), "test.jsonl": points(("joyful", ["It is back", "oh", "yes"]), reply=True)}
    loaded = load_corpus("empathetic-replies", write(tmp_path, files))
    found = {split: [d for d in conversations(loaded[split]) if isinstance(d, Dialogue)] for split in loaded.splits}
    assert {split: len(d) for split, d in found.items()} == {"train": 18, "dev": 2, "test": 1}
    assert [t.text for t in found["dev"][0].turns] == ["My fish 9 left", "How?", "By train"]
    assert [t.text for t in found["test"][0].turns] == ["It is back", "oh", "yes", "reply to 3"]
    assert loaded.remarks == {"conversations of the development file taken for training": 18}
    assert gold(found["test"][0].turns[:1], "empathetic-dialogues-8").argmax(1).tolist() == [0]
    with pytest.raises(FileError, match=r"line 1 of 'dev\.jsonl' is no response point"):
        load_corpus("empathetic-replies", write(tmp_path / "b", {"dev.jsonl": '{"id": 1}'}))
    with pytest.raises(FileError, match="'glum' in 'emotion'"):
        load_corpus("empathetic-replies", write(tmp_path / "c", {"dev.jsonl": points(("glum", ["Oh"]))}))


WINDOWS = (
    "1.0 0 0 I am tired  EOS 1.0 1 1 [Questions] Since when?",
    "0.0 0 0 I am tired  EOS 0.0 1 1 [Questions] Since when? EOS 1.0 1 2 [Other] Hm",
    "0.0 1 1 [Questions] Since when? EOS 0.0 1 2 [Other] Hm EOS 0.0 0 3 A week EOS 1.0 1 4 [Information] Sleep helps",
    "1.0 0 0 Hello EOS 1.0 1 1 [Other] Hi",
)


def test_windows_of_esconv_are_conversations(tmp_path: Path) -> None:
    loaded = load_corpus("esconv", write(tmp_path, {"testWithStrategy_short.tsv": "\n".join(WINDOWS) + "\n"}))
    first, second = [d for d in conversations(loaded["test"]) if isinstance(d, Dialogue)]
    said = [(t.track, t.text) for t in first.turns]
    assert said == [
        ("speaker", "I am tired"),
        ("listener", "Since when?"),
        ("listener", "Hm"),
        ("speaker", "A week"),
        ("listener", "Sleep helps"),
    ]
    assert len(second.turns) == 2
    rows = gold(first.turns, "esconv-strategies-8")
    assert rows[[1, 2, 4]].argmax(1).tolist() == [0, 7, 6]
    assert np.isnan(rows[[0, 3]]).all()
    assert [pair.target for pair in pairs(first.turns, "speaker-listener", 1)] == [(1, 2), (4,)]


def test_without_a_training_file_a_tenth_of_esconv_is_kept_out(tmp_path: Path) -> None:
    dev = "\n".join(WINDOWS[3:] * 12)
    loaded = load_corpus("esconv", write(tmp_path / "a", {"devWithStrategy_short.tsv": dev}))
    assert {split: len(rows) for split, rows in loaded.splits.items()} == {"train": 22, "dev": 2}
    files = {"devWithStrategy_short.tsv": dev, "trainWithStrategy_short.tsv": dev}
    whole = load_corpus("esconv", write(tmp_path / "b", files))
    assert {split: len(rows) for split, rows in whole.splits.items()} == {"train": 24, "dev": 24}
    assert not whole.remarks


@pytest.mark.parametrize(
    ("line", "message"), [("hello EOS there", "has a turn 'hello'"), ("1.0 1 0 [Joke] Ha", "Joke")]
)
def test_lines_that_are_no_windows(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(FileError, match=message):
        load_corpus("esconv", write(tmp_path, {"testWithStrategy_short.tsv": line}))


@pytest.mark.data
def test_the_real_ones() -> None:
    try:
        loaded = {name: load_corpus(name, locate(name, DATA)) for name in ("empathetic-replies", "esconv")}
    except FileError as error:
        pytest.skip(error.what[:60])
    replies, support = loaded["empathetic-replies"], loaded["esconv"]
    assert {k: len(conversations(v)) for k, v in replies.splits.items()} == {"train": 2486, "dev": 276, "test": 2542}
    assert {k: len(conversations(v)) for k, v in support.splits.items()} == {"train": 190, "dev": 21, "test": 210}
    listens = [s for rows in support.splits.values() for s in rows if s.track == "listener"]
    assert all(np.isfinite(gold([s], "esconv-strategies-8")).all() for s in listens)
    assert Counter(s.track for s in support["test"]).keys() == {"speaker", "listener"}
