"""Loaders of the text corpora, on small files made to each format; true counts where the corpora are at hand."""

from pathlib import Path

import numpy as np
import pytest

from affectus.corpora.base import Loaded, corpus, dialogues, gold, known_corpora, load_corpus
from affectus.corpora.leaks import repeated
from affectus.errors import FileError, UnknownName

DATA = Path(__file__).parents[3] / "shared" / "data"
NAMES = ("goemotions", "tweeteval-emotion", "isear", "meld", "semeval2018-vreg")


def write(folder: Path, files: dict[str, str], encoding: str = "utf-8") -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode(encoding))
    return folder


def test_every_corpus_says_what_it_is() -> None:
    assert set(NAMES) <= set(known_corpora())
    for name in NAMES:
        described = corpus(name)
        assert described.name == name
        assert described.licence
        assert described.consent
        assert described.perspective_source
        assert described.targets
    with pytest.raises(UnknownName, match="did you mean 'goemotions'"):
        corpus("goemotion")
    with pytest.raises(FileError, match="no folder"):
        load_corpus("meld", "/nowhere")


# -- GoEmotions --------------------------------------------------------------------------------------------------------
def goemotions(folder: Path, train: str = 'a "quoted\ttext"? no\t2,27\tid1\n') -> Path:
    train = '"open quote\t2,27\tid1\nSame\u2028text.\t0\tid2\n' if train.startswith("a") else train
    return write(
        folder,
        {"original/train.tsv": train, "original/dev.tsv": "x\t1\tid3\n", "original/test.tsv": "same text\t5\tid4\n"},
    )


def test_goemotions_has_no_quoting_and_splits_at_newlines_alone(tmp_path: Path) -> None:
    loaded = load_corpus("goemotions", goemotions(tmp_path))
    first, second = loaded["train"]
    assert first.text == '"open quote'
    assert second.text == "Same\u2028text."
    assert first.gold is not None
    assert [k for k, v in first.gold[0].scores["goemotions-28"].items() if v] == ["anger", "neutral"]
    assert first.gold[0].perspective == "perceived"
    assert gold(loaded["train"], "goemotions-28").sum(1).tolist() == [2, 1]
    assert repeated(loaded["test"], loaded["train"]).tolist() == [True]
    assert loaded.summary == "goemotions: train 2, dev 1, test 1"


@pytest.mark.parametrize("row", ["text\t28\tid", "text\tx\tid", "text\t1", "a\tb\t1\tid"])
def test_goemotions_rows_that_do_not_fit_are_errors_with_their_line(tmp_path: Path, row: str) -> None:
    with pytest.raises(FileError, match=r"line 2 of 'train\.tsv'"):
        load_corpus("goemotions", goemotions(tmp_path, f"ok\t1\tid\n{row}\n"))


def test_a_folder_that_is_no_copy(tmp_path: Path) -> None:
    for name in NAMES:
        with pytest.raises(FileError, match="no copy of this corpus"):
            load_corpus(name, tmp_path)


# -- TweetEval ---------------------------------------------------------------------------------------------------------
def tweets(folder: Path, texts: str, labels: str) -> Path:
    files = {
        f"{split}_{kind}.txt": "x \n" if kind == "text" else "0\n"
        for split in ("train", "val", "test")
        for kind in ("text", "labels")
    }
    return write(folder, files | {"test_text.txt": texts, "test_labels.txt": labels})


def test_tweets_with_other_line_separators_stay_aligned(tmp_path: Path) -> None:
    loaded = load_corpus("tweeteval-emotion", tweets(tmp_path, "one\u2028still one\x85here \ntwo \n", "3\n1\n"))
    assert [s.text for s in loaded["test"]] == ["one\u2028still one\x85here ", "two "]
    assert gold(loaded["test"], "tweeteval-emotion-4").argmax(1).tolist() == [3, 1]
    assert "dev" in loaded.splits


def test_tweets_and_labels_of_different_number(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="2 lines"):
        load_corpus("tweeteval-emotion", tweets(tmp_path, "a\nb\n", "1\n"))
    with pytest.raises(FileError, match="0 to 3"):
        load_corpus("tweeteval-emotion", tweets(tmp_path, "a\n", "4\n"))


# -- ISEAR -------------------------------------------------------------------------------------------------------------
HEAD = "SUBJ|COUN|Field1|MYKEY|SIT|\n"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_isear_loses_line_break_marks_and_counts_missing_answers(tmp_path: Path, encoding: str) -> None:
    rows = "1|2|joy|k1|We met and á kissed.|\n1|2|guilt|k2|[ No response.]|\n3|2|fear|k3|[ A dark street.]|\n"
    loaded = load_corpus("isear", write(tmp_path, {"isear.csv": HEAD + rows}, encoding))
    assert [s.text for s in loaded["all"]] == ["We met and kissed.", "[ A dark street.]"]
    assert loaded.left_out == {"no answer was given": 1}
    assert "1 left out (no answer was given)" in loaded.summary
    assert [s.track for s in loaded["all"]] == ["country-2/subject-1", "country-2/subject-3"]
    first = loaded["all"][0].gold
    assert first is not None
    assert first[0].perspective == "felt"
    with pytest.raises(UnknownName, match="allowed: all"):
        loaded["test"]


# -- MELD --------------------------------------------------------------------------------------------------------------
MELD = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"


def meld(folder: Path, train: bytes) -> Path:
    rest = MELD + '1,"x, y",A,neutral,neutral,0,0,1,1,"00:00:01,000","00:00:02,500"\n'
    write(folder, {"MELD/dev_sent_emo.csv": rest, "MELD/test_sent_emo.csv": rest})
    (folder / "MELD/train_sent_emo.csv").write_bytes(MELD.encode() + train)
    return folder


def test_meld_dialogues_times_and_old_apostrophes(tmp_path: Path) -> None:
    train = (
        b'1,It\x92s on,Ann,joy,positive,7,0,1,1,"00:14:38,127","00:14:40,378"\n'
        b'2,No,Bob,anger,negative,7,1,1,1,"00:14:41,000","00:14:40,000"\n'
        b'3,Well,Ann,neutral,neutral,8,0,1,1,"01:00:00,000","01:00:01,000"\n'
    )
    loaded = load_corpus("meld", meld(tmp_path, train))
    first, backwards, _ = loaded["train"]
    assert first.text == "It’s on"
    assert (first.start, first.end) == (878.127, 880.378)
    assert (backwards.start, backwards.end) == (None, None)
    assert "1 with times that run backwards" in loaded.summary
    talk = dialogues(loaded["train"])
    assert [len(d.turns) for d in talk] == [2, 1]
    assert [t.track for t in talk[0].turns] == ["Ann", "Bob"]
    assert loaded["dev"][0].text == "x, y"
    with pytest.raises(FileError, match="emotion 'bored'"):
        load_corpus("meld", meld(tmp_path, train.replace(b"joy", b"bored")))


# -- SemEval V-reg -----------------------------------------------------------------------------------------------------
VREG = "ID\tTweet\tAffect Dimension\tIntensity Score\n"


def test_audit_sentences_are_no_test_tweets(tmp_path: Path) -> None:
    row = '2018-En-1\tmy "day\tvalence\t0.750\n'
    audit = "2018-En-mystery-00001\tThe situation makes Leroy feel annoyed.\tvalence\t0.000\n"
    files = {f"V-reg/Valence-reg-En-{name}.txt": VREG + row.replace("1", name, 1) for name in ("train", "dev")}
    files["V-reg/Valence-reg-En-test-gold.txt"] = VREG + audit + row
    loaded = load_corpus("semeval2018-vreg", write(tmp_path, files))
    assert {k: len(v) for k, v in loaded.splits.items()} == {"train": 1, "dev": 1, "test": 1, "audit": 1}
    assert loaded["test"][0].text == 'my "day'
    assert gold(loaded["test"], "valence")[0, 0] == 0.5
    assert loaded["audit"][0].gold is None
    files["V-reg/Valence-reg-En-test-gold.txt"] = VREG + row.replace("0.750", "NONE")
    with pytest.raises(FileError, match="'NONE'"):
        load_corpus("semeval2018-vreg", write(tmp_path, files))


# -- the corpora themselves --------------------------------------------------------------------------------------------
def shared(name: str, folder: str = "") -> Loaded:
    if not (DATA / (folder or name)).is_dir():
        pytest.skip(f"{name} is not here")
    return load_corpus(name, DATA / (folder or name))


@pytest.mark.data
def test_counts_of_the_corpora() -> None:
    counts = {
        name: {k: len(v) for k, v in shared(name, "semeval2018-task1" if "semeval" in name else "").splits.items()}
        for name in NAMES
    }
    assert counts == {
        "goemotions": {"train": 43410, "dev": 5426, "test": 5427},
        "tweeteval-emotion": {"train": 3257, "dev": 374, "test": 1421},
        "isear": {"all": 7540},
        "meld": {"train": 9989, "dev": 1109, "test": 2610},
        "semeval2018-vreg": {"train": 1181, "dev": 449, "test": 937, "audit": 16937},
    }


@pytest.mark.data
def test_class_counts_and_groups_of_the_corpora() -> None:
    tweet = gold(shared("tweeteval-emotion")["test"], "tweeteval-emotion-4").sum(0)
    assert tweet.tolist() == [558, 358, 123, 382]
    loaded = shared("meld")
    assert gold(loaded["test"], "meld-7").sum(0).tolist() == [1256, 281, 50, 208, 402, 68, 345]
    assert [len(dialogues(loaded[s])) for s in ("train", "dev", "test")] == [1038, 114, 280]
    assert sum(shared("isear").left_out.values()) + 7540 == 7666
    reddit = shared("goemotions")
    assert repeated(reddit["test"], reddit["train"]).sum() == 109
    several = gold(reddit["train"], "goemotions-28").sum(1) > 1
    assert 0.15 < np.mean(several) < 0.17
