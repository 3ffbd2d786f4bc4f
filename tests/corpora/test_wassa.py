"""The three WASSA corpora: backslashes, header-less gold, several emotions in a cell, saved-again copies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from files import sheet, write

from affectus.corpora.base import Loaded, gold, groups, load_corpus
from affectus.errors import FileError

# -- WASSA 2024 --------------------------------------------------------------------------------------------------------
TRAIN = (
    'id,article_id,conversation_id,turn_id,"speaker","text","person_id_1","person_id_2",'
    "Emotion,EmotionalPolarity,Empathy,SelfDisclosure\n"
)
DEV = (
    'id,article_id,conversation_id,turn_id,"speaker_id","text",person_id,person_id_1,person_id_2,'
    "Emotion,EmotionalPolarity,Empathy,SelfDisclosure\n"
)
RATED = "this_persons_perceived_empathy_of_other_person"
TURNS = (
    '0,35,1,0,"Person 1","She called it \\"odd\\", I think","p019","p012",0.6667,1,0.6667,1\n'
    '1,35,1,1,"Person 2","Yes, very","p019","p012",3,2,4.3333,NULL\n'
    '2,36,2,0,"Person 1","So\\\\","p019","p020",3,2.6667,0,4\n'
)


def wassa2024(folder: Path, train: str = TURNS, **more: str) -> Path:
    dev = '1,8,1,1,"38","Hello",38,38,75,1,1,1,NULL\n2,8,1,2,"75","Hi there",75,38,75,2,1,2,NULL\n'
    return write(folder, {"data/trac2_CONVT_train.csv": TRAIN + train, "data/trac2_CONVT_dev.csv": DEV + dev, **more})


def test_quotation_marks_stand_behind_backslashes(tmp_path: Path) -> None:
    loaded = load_corpus("wassa2024", wassa2024(tmp_path))
    assert [s.text for s in loaded["train"]] == ['She called it "odd", I think', "Yes, very", "So\\"]
    assert gold(loaded["train"], "wassa-turn-empathy")[:, 0].tolist() == pytest.approx([0.6667, 4.3333, 0])
    assert [s.track for s in loaded["train"]] == ["Person 1", "Person 2", "Person 1"]
    assert [s.track for s in loaded["dev"]] == ["Person 1", "Person 2"]


def test_values_that_are_missing_or_outside_are_not_rated(tmp_path: Path) -> None:
    loaded = load_corpus("wassa2024", wassa2024(tmp_path))
    assert np.isnan(gold(loaded["train"], "wassa-turn-disclosure")[:, 0]).tolist() == [False, True, False]
    assert np.isnan(gold(loaded["dev"], "wassa-turn-disclosure")).all()
    assert np.isnan(gold(loaded["train"], "wassa-turn-polarity")[:, 0]).tolist() == [False, False, True]
    assert loaded.remarks == {"with EmotionalPolarity outside 0 to 2, taken as not rated": 1}


def test_numbers_of_dev_are_others_than_those_of_train(tmp_path: Path) -> None:
    loaded = load_corpus("wassa2024", wassa2024(tmp_path))
    for key in ("dialogue", "article", "speaker"):
        assert not set(groups(loaded["train"], key)) & set(groups(loaded["dev"], key))
    assert [len(talk.turns) for talk in loaded.dialogues("train")] == [2, 1]


def test_dialogues_are_rated_by_a_person(tmp_path: Path) -> None:
    rows = [(1, 1, 35, "p019", 6), (2, 1, 35, "p012", 9), (3, 7, 35, "p012", 5)]
    more = {
        "data/trac1_CONVD_train.csv": sheet(("id", "conversation_id", "article_id", "person_id_1", RATED), rows, ","),
        "data/trac1_CONVD_dev.csv": sheet(
            ("id", "conversation_id", "article_id", "person_id", RATED), [(1, 1, 8, 75, 7)], ","
        ),
    }
    loaded = load_corpus("wassa2024", wassa2024(tmp_path, **more))
    (sample,) = loaded["dialogue-train"]
    assert sample.text == 'Person 1: She called it "odd", I think\nPerson 2: Yes, very'
    assert sample.track == "Person 1"
    assert gold([sample], "wassa-dialogue-empathy").tolist() == [[6]]
    assert loaded["dialogue-dev"][0].track == "Person 2"
    assert loaded.left_out == {"malformed line": 0, "dialogue without turns": 1, "rating outside 1 to 7": 1}


def test_malformed_lines_are_counted_and_old_encodings_told(tmp_path: Path) -> None:
    folder = wassa2024(tmp_path)
    path = folder / "data/trac2_CONVT_train.csv"
    path.write_bytes((TRAIN + TURNS.replace("very", "très") + "3,36\n").encode("latin-1"))
    loaded = load_corpus("wassa2024", folder)
    assert loaded.left_out["malformed line"] == 1
    assert loaded.remarks["read as latin-1"] == 3
    assert loaded["train"][1].text == "Yes, très"
    path.write_text(TRAIN + TURNS.replace("4.3333", "much"), encoding="utf-8")
    with pytest.raises(FileError, match=r"line 3 of 'trac2_CONVT_train\.csv' has 'much' in 'Empathy'"):
        load_corpus("wassa2024", folder)
    path.write_text(TRAIN.replace("Empathy", "Empty") + TURNS, encoding="utf-8")
    with pytest.raises(FileError, match=r"lacks the column 'Empathy'.*did you mean 'Empty'"):
        load_corpus("wassa2024", folder)
    path.write_text(TRAIN + TURNS.replace("Person 2", "Person 3"), encoding="utf-8")
    with pytest.raises(FileError, match="the speaker 'Person 3'"):
        load_corpus("wassa2024", folder)


# -- WASSA 2022 --------------------------------------------------------------------------------------------------------
PLAIN = ("message_id", "response_id", "article_id")
GOLD = ("3.5", "2", "Sadness", *("1",) * 9)


def wassa2022(folder: Path, gold_rows: int = 2, emotion: str = "anger") -> Path:
    header = (*PLAIN, "empathy", "distress", "empathy_bin", "distress_bin", "essay", "emotion", "gender")
    train = [
        ("m1", "R1", 7, 4.5, 1, 1, 0, 'a "plain essay', emotion, 1),
        ("m2", "R1", 8, 7, 6.2, 1, 1, "b", "neutral", 2),
    ]
    dev = [("m3", "R2", 7, "c", 1), ("m4", "R2", 9, "d", 1)]
    files = {
        "messages_train_ready_for_WS.tsv": sheet(header, train),
        "messages_dev_features_ready_for_WS_2022.tsv": sheet((*PLAIN, "essay", "gender"), dev),
        "goldstandard_dev_2022.tsv": "".join("\t".join(GOLD) + "\n" for _ in range(gold_rows)),
        "messages_test_features_ready_for_WS_2022.tsv": sheet((*PLAIN, "essay", "gender"), [("m5", "R3", 7, "e", 1)]),
    }
    return write(folder, files)


def test_gold_of_dev_is_joined_row_by_row(tmp_path: Path) -> None:
    loaded = load_corpus("wassa2022", wassa2022(tmp_path))
    assert {k: len(v) for k, v in loaded.splits.items()} == {"train": 2, "dev": 2, "test": 1}
    assert gold(loaded["train"], "empathy-distress").tolist() == [[4.5, 1], pytest.approx([7, 6.2])]
    assert gold(loaded["dev"], "empathy-distress")[0].tolist() == [3.5, 2]
    sample = loaded["dev"][0]
    assert sample.gold is not None
    assert [(a.perspective, a.by) for a in sample.gold] == [
        ("felt", "wassa2022 writers"),
        ("perceived", "wassa2022 raters"),
    ]
    assert sample.gold[1].scores["ekman-6+neutral"]["sadness"] == 1
    assert loaded["test"][0].gold is None
    assert groups(loaded["train"], "author").tolist() == ["R1", "R1"]
    assert groups(loaded["train"], "article").tolist() == ["7", "8"]


def test_gold_of_another_length_is_not_paired(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"'goldstandard_dev_2022\.tsv' has 3 rows, but its features have 2"):
        load_corpus("wassa2022", wassa2022(tmp_path, gold_rows=3))
    with pytest.raises(FileError, match="the emotion 'boredom'; allowed: anger, disgust"):
        load_corpus("wassa2022", wassa2022(tmp_path, emotion="boredom"))
    (wassa2022(tmp_path) / "goldstandard_dev_2022.tsv").write_text("1\t2\n3\t4\n")
    with pytest.raises(FileError, match="has 2 cells; allowed: 12"):
        load_corpus("wassa2022", tmp_path)
    (tmp_path / "goldstandard_dev_2022.tsv").unlink()
    with pytest.raises(FileError, match=r"lacks 'goldstandard_dev_2022\.tsv'"):
        load_corpus("wassa2022", tmp_path)


# -- WASSA 2023 --------------------------------------------------------------------------------------------------------
ESSAY = ("conversation_id", "article_id", "essay", "empathy", "distress", "speaker_id", "essay_id", "emotion")
TURN = ("conversation_id", "turn_id", "text", "speaker_number", "article_id", "speaker_id", "essay_id")
RATINGS = ("EmotionalPolarity", "Emotion", "Empathy")


def wassa2023(folder: Path, encoding: str = "utf-8") -> Path:
    essays = [
        (4, 11, "It’s a sad piece", 5, 2.5, "s1", "e1", "Sadness/Hope"),
        (4, 11, "Fine", 1, 1, "s2", "e2", "neutral"),
    ]
    turns = [(4, 0, "Well", 1, 11, "s1", "e1", 1, 2.3333, 0), (4, 1, "Don’t know", 2, 11, "s2", "e2", 2, 5, 4.6667)]
    dev = [(9, 0, "Hm", 1, 12, "s1", "e3"), (9, 1, "Oh", 2, 12, "s3", "e4")]
    files = {
        "WASSA23_essay_level_with_labels_train.tsv": sheet(ESSAY, essays),
        "WASSA23_essay_level_dev.tsv": sheet(
            [c for c in ESSAY if c not in ("empathy", "distress", "emotion")], [(9, 12, "x", "s1", "e3")]
        ),
        "goldstandard_dev.tsv": "\t".join(GOLD) + "\n",
        "WASSA23_conv_level_with_labels_train.tsv": sheet((*TURN, *RATINGS), turns),
        "WASSA23_conv_level_dev.tsv": sheet(TURN, dev),
        "goldstandard_CONV_dev.tsv": "2\t1.6667\t3\n0\t5\t1\n",
    }
    return write(folder, files, encoding)


def test_conversations_and_essays(tmp_path: Path) -> None:
    loaded = load_corpus("wassa2023", wassa2023(tmp_path))
    assert {k: len(v) for k, v in loaded.splits.items()} == {"train": 2, "dev": 2, "essay-train": 2, "essay-dev": 1}
    assert gold(loaded["train"], "wassa-turn-intensity")[:, 0].tolist() == pytest.approx([2.3333, 5])
    assert gold(loaded["dev"], "wassa-turn-polarity")[:, 0].tolist() == [2, 0]
    assert gold(loaded["dev"], "wassa-turn-empathy")[:, 0].tolist() == [3, 1]
    assert gold(loaded["essay-train"], "wassa2023-essay-8").sum(1).tolist() == [2, 1]
    assert gold(loaded["essay-dev"], "empathy-distress").tolist() == [[3.5, 2]]
    (talk,) = loaded.dialogues("train")
    assert talk.persona["Person 1"].attributes["essay"] == "It’s a sad piece"
    assert [turn.track for turn in talk.turns] == ["Person 1", "Person 2"]
    assert "Person 2" not in loaded.dialogues("dev")[0].persona  # their essay is not there


@pytest.mark.parametrize("encoding", ["gbk", "cp1252"])
def test_copies_that_were_saved_again(tmp_path: Path, encoding: str) -> None:
    def read(folder: Path) -> Loaded:
        return load_corpus("wassa2023", folder)

    loaded = read(wassa2023(tmp_path, encoding))
    if encoding == "gbk":
        assert [s.text for s in loaded["train"]] == ["Well", "Don’t know"]
    assert sum(loaded.remarks.values()) >= 2  # named, with their number


def test_conversations_alone(tmp_path: Path) -> None:
    folder = wassa2023(tmp_path)
    for path in folder.glob("*essay*"):
        path.unlink()
    loaded = load_corpus("wassa2023", folder)
    assert set(loaded.splits) == {"train", "dev"}
    assert not loaded.personas
    (folder / "goldstandard_CONV_dev.tsv").unlink()
    assert load_corpus("wassa2023", folder)["dev"][0].gold is None
