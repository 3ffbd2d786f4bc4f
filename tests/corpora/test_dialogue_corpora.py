"""EmpatheticDialogues in both forms, and PELD with its official split."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from files import sheet, write

from affectus.corpora.base import gold, groups, load_corpus
from affectus.corpora.empathetic_dialogues import turns
from affectus.corpora.peld_next import components
from affectus.errors import FileError

HEADER = "conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags\n"
TALK = (
    "hit:0_conv:1,1,afraid,A dog_comma_ a big one,1,I saw a dog_comma_ a big one.,5|5|5_5|5|5,\n"
    'hit:0_conv:1,2,afraid,A dog,2,Oh "no",5|5|5_5|5|5,\n'
    "hit:0_conv:1,3,afraid,A dog,1,It slept.,5|5|5_5|5|5,\n"
    "hit:0_conv:1,4,afraid,A dog,2,Good,5|5|5_5|5|5,,extra,cells\n"
    "hit:1_conv:2,1,proud,A cake,1,I baked,5|5|5_5|5|5,\n"
    "hit:1_conv:2,2,proud,A cake,2,Nice,5|5|5_5|5|5,\n"
)


def test_commas_are_words_and_quotes_mean_nothing(tmp_path: Path) -> None:
    files = {
        "train.csv": HEADER + TALK,
        "valid.csv": HEADER + TALK.replace("hit:", "v:"),
        "test.csv": HEADER + TALK.replace("hit:", "t:"),
    }
    loaded = load_corpus("empathetic-dialogues", write(tmp_path, files))
    assert {k: len(v) for k, v in loaded.splits.items()} == {"train": 3, "dev": 3, "test": 3}
    first, second, third = loaded["train"]
    assert first.text == "I saw a dog, a big one."
    assert second.text == 'I saw a dog, a big one.\nOh "no"\nIt slept.'
    assert third.text == "I baked"
    assert groups(loaded["train"], "dialogue").tolist() == ["hit:0_conv:1", "hit:0_conv:1", "hit:1_conv:2"]
    assert gold(loaded["train"], "empathetic-dialogues-32").argmax(1).tolist() == [0, 0, 26]
    assert first.gold[0].perspective == "felt"
    assert loaded.remarks == {"cells after the eighth, ignored": 3}
    assert [row.gold[0].evidence[0].text for row in (first, second, third)] == ['Oh "no"', "Good", "Nice"]
    talk = turns(second)
    assert [turn.track for turn in talk.turns] == ["speaker", "listener", "speaker"]
    assert [turn.gold is not None for turn in talk.turns] == [False, False, True]


def test_lines_that_do_not_fit(tmp_path: Path) -> None:
    files = {"train.csv": HEADER + TALK.replace("proud", "hungry"), "valid.csv": HEADER + TALK}
    with pytest.raises(FileError, match=r"line 6 of 'train\.csv' has 'hungry' in 'context'"):
        load_corpus("empathetic-dialogues", write(tmp_path, files))
    with pytest.raises(FileError, match=r"line 2 of 'train\.csv' has 3 cells.*_comma_"):
        load_corpus("empathetic-dialogues", write(tmp_path, {"train.csv": HEADER + "a,b,c\n"}))
    with pytest.raises(FileError, match="lacks the column 'utterance'"):
        load_corpus(
            "empathetic-dialogues", write(tmp_path, {"train.csv": "conv_id,utterance_idx,context,prompt,speaker_idx\n"})
        )


def test_points_in_json_lines_are_told_apart_by_contexts_that_grow(tmp_path: Path) -> None:
    points = [
        {"id": 0, "emotion": "sad", "context": ["My fish left"]},
        {"id": 1, "emotion": "sad", "context": ["My fish left", "How?", "By train"]},
        {"id": 2, "emotion": "joyful", "context": ["It is back"], "reference": "good !"},
    ]
    text = "\n".join(map(json.dumps, points))
    loaded = load_corpus("empathetic-dialogues", write(tmp_path, {"dev.jsonl": text, "test.jsonl": text}))
    assert set(loaded.splits) == {"dev", "test"}
    assert len(set(groups(loaded["dev"], "dialogue"))) == 2
    assert loaded["dev"][1].text == "My fish left\nHow?\nBy train"
    replies = [[(e.kind, e.text) for e in row.gold[0].evidence] for row in loaded["dev"]]
    assert replies == [[("reply", "How?")], [], [("reply", "good !")]]
    assert loaded.corpus.splits["dev"].rows == 5734
    with pytest.raises(FileError, match=r"line 1 of 'dev\.jsonl' is no response point"):
        load_corpus("empathetic-dialogues", write(tmp_path, {"dev.jsonl": '{"id": 1}'}))
    with pytest.raises(FileError, match="'glum' in 'emotion'"):
        load_corpus("empathetic-dialogues", write(tmp_path, {"dev.jsonl": text.replace("sad", "glum")}))


COLUMNS = (
    "Speaker_1", "Speaker_2", "Personality", "Utterance_1", "Utterance_2", "Utterance_3", "Emotion_1", "Emotion_2",
    "Emotion_3", "Sentiment_1", "Sentiment_2", "Sentiment_3",
)  # fmt: skip


def test_of_the_development_file_each_tenth_conversation_is_kept_to_watch(tmp_path: Path) -> None:
    contexts = [turns for i in range(20) for turns in ([f"Case {i}"], [f"Case {i}", "How?", "So"])]
    text = "\n".join(json.dumps({"id": i, "emotion": "sad", "context": c}) for i, c in enumerate(contexts))
    folder = write(tmp_path, {"dev.jsonl": text, "test.jsonl": text})
    loaded = load_corpus("empathetic-dialogues-small", folder)
    assert {k: len(v) for k, v in loaded.splits.items()} == {"train": 36, "dev": 4, "test": 40}
    assert [row.text for row in loaded["dev"]] == ["Case 9", "Case 9\nHow?\nSo", "Case 19", "Case 19\nHow?\nSo"]
    assert not set(groups(loaded["dev"], "dialogue")) & set(groups(loaded["train"], "dialogue"))
    (folder / "dev.jsonl").unlink()
    with pytest.raises(FileError, match="no development file"):
        load_corpus("empathetic-dialogues-small", folder)


def peld(folder: Path, traits: str = "[0.1, 0.2, 0.3, 0.4, 0.5]", emotion: str = "joy") -> Path:
    rows = []
    for i in range(60):
        scene, at = divmod(i, 3)
        said = [f'"He said ""{scene}/{at + k}"""' for k in range(3)]
        rows.append(
            (
                "Ann",
                "Bob",
                traits,
                *said,
                "neutral",
                "fear",
                (emotion, "anger")[i % 2],
                "neutral",
                "negative",
                "positive",
            )
        )
    return write(folder, {"Dyadic_PELD.tsv": sheet(COLUMNS, rows)})


def test_triples_are_dialogues_with_a_person(tmp_path: Path) -> None:
    loaded = load_corpus("peld", peld(tmp_path))
    assert {k: len(loaded.dialogues(k)) for k in loaded.splits} == {"train": 48, "dev": 6, "test": 6}
    triple = loaded.dialogues("train")[0]
    assert [turn.track for turn in triple.turns] == ["Ann", "Bob", "Ann"]
    assert triple.persona["Ann"].traits["agreeableness"] == 0.4
    assert triple.turns[0].text.startswith('He said "')
    samples = [s for rows in loaded.splits.values() for s in rows]
    assert len(set(groups(samples, "scene"))) == 20
    labels = gold(loaded["test"], "peld-7").reshape(6, 3, 7)[:, 2].sum(0)
    assert labels[[0, 3]].tolist() == [3, 3]  # stratified by the third emotion


def test_triples_ask_for_the_third_utterance(tmp_path: Path) -> None:
    loaded = load_corpus("peld-next", peld(tmp_path))
    triple = loaded.dialogues("test")[0]
    assert [turn.gold is not None for turn in triple.turns] == [False, False, True]
    assert [turn.features["peld-7"].argmax() for turn in triple.turns[:2]] == [4, 2]  # neutral, fear
    assert not triple.turns[2].features
    samples = [s for rows in loaded.splits.values() for s in rows]
    assert gold(samples[2::3], "polarity-3").sum(0).tolist() == [30, 0, 30]
    assert len(set(groups(samples, "component"))) == 40  # in each scene Ann's even utterances, and her odd ones
    assert [d.persona for d in loaded.conversations("test")] == [d.persona for d in loaded.dialogues("test")]


def test_no_utterance_crosses_the_grouped_split_of_triples(tmp_path: Path) -> None:
    loaded = load_corpus("peld-next-grouped", peld(tmp_path))
    assert sum(map(len, loaded.splits.values())) == 180
    said = {split: {(s.track, s.text) for s in rows} for split, rows in loaded.splits.items()}
    assert not said["train"] & said["test"]
    assert not said["train"] & said["dev"]
    assert not said["dev"] & said["test"]


def test_components_join_by_way_of_others() -> None:
    assert components([{1, 2}, {3}, {2, 4}, {5, 3}, {4}]).tolist() == [0, 1, 0, 1, 0]


def test_peld_rows_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"line 2 of .* has the personality '\[1, 2\]'"):
        load_corpus("peld", peld(tmp_path, traits="[1, 2]"))
    with pytest.raises(FileError, match="the personality 'kind'"):
        load_corpus("peld", peld(tmp_path, traits="kind"))
    with pytest.raises(FileError, match="'bored' in 'Emotion_3'"):
        load_corpus("peld", peld(tmp_path, emotion="bored"))
    path = peld(tmp_path) / "Dyadic_PELD.tsv"
    path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[:4]), encoding="utf-8")
    with pytest.raises(FileError, match="the official split can't be drawn from the 3 rows"):
        load_corpus("peld", tmp_path)
