from pathlib import Path

import numpy as np
import pytest

from affectus.errors import FileError, MissingDependency
from affectus.frontends.lexicon_features import COLUMNS, SOURCES, Lexica, plain_tokens, read_lexica, read_vad
from affectus.frontends.lexicons import EMOLEX_COLUMNS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four lexica of invented words in the formats of the real ones."""
    marks = {"glorb": {"joy", "positive"}, "snark": {"anger", "negative"}}
    emolex = [f"{w}\t{c}\t{int(c in m)}" for w, m in marks.items() for c in EMOLEX_COLUMNS]
    mpqa = [
        "type=weaksubj len=1 word1=glorb pos1=noun stemmed1=n priorpolarity=positive",
        "type=strongsubj len=1 word1=snark pos1=adj stemmed1=n m stemmed1=y priorpolarity=negative",
        "type=weaksubj len=1 word1=snark pos1=verb stemmed1=y priorpolarity=weakneg",
    ]
    vad = ["glorb\t0.900\t0.200\t0.500", "snark\t0.100\t0.800\t0.700", "snark pit\t0.300\t0.300\t0.300"]
    shifters = ["word,type", "deny,shifter", "glorb,nonshifter"]
    for name, lines in (("emolex", emolex), ("mpqa", mpqa), ("nrc-vad", vad), ("shifters", shifters)):
        text = "\r\n".join(lines) + "\r\n"
        (tmp_path / SOURCES[name].file).write_bytes((b"\xef\xbb\xbf" if name == "shifters" else b"") + text.encode())
    return tmp_path


@pytest.fixture
def lexica(folder: Path) -> Lexica:
    return read_lexica(folder)


def test_columns_stand_in_the_order_of_the_paper() -> None:
    assert len(COLUMNS) == 48
    assert COLUMNS[0] == "anger count"
    assert COLUMNS[10] == "anger ratio"
    assert COLUMNS[20:22] == ("strongsubj count", "weaksubj count")
    assert (COLUMNS[31], COLUMNS[43]) == ("weakneg count", "weakneg ratio")
    assert COLUMNS[44:] == ("mean valence", "mean arousal", "mean dominance", "shifter count")


def test_counts_are_sums_and_ratios_are_over_matched_tokens(lexica: Lexica) -> None:
    row = dict(zip(COLUMNS, lexica.features(["They deny it: glorb, glorb and one snark. Glorb!"])[0], strict=True))
    assert row["joy count"] == 2  # case is kept: "Glorb" stands in no lexicon
    assert row["joy ratio"] == pytest.approx(2 / 3)
    assert row["noun count"] == 2
    assert row["verb ratio"] == pytest.approx(1 / 3)
    assert row["mean valence"] == pytest.approx((0.9 + 0.9 + 0.1) / 3)
    assert row["shifter count"] == 1
    assert not lexica.features(["nothing here"]).any()


def test_the_last_entry_of_a_word_counts(lexica: Lexica) -> None:
    row = dict(zip(COLUMNS, lexica.features(["snark"])[0], strict=True))
    assert (row["adj count"], row["verb count"], row["weakneg count"], row["strongsubj count"]) == (0, 1, 1, 0)


def test_vad_entries_of_several_words(folder: Path) -> None:
    path = folder / SOURCES["nrc-vad"].file
    assert read_vad(path)["snark"].tolist() == [0.1, 0.8, 0.7]
    assert read_vad(path, first_word=True)["snark"].tolist() == [0.3, 0.3, 0.3]  # as the original keys them
    assert read_lexica(folder).fingerprint != read_lexica(folder, first_word=True).fingerprint


def test_a_missing_lexicon_is_named_with_its_source(folder: Path) -> None:
    (folder / SOURCES["mpqa"].file).unlink()
    with pytest.raises(FileError, match=r"subjclueslen1-HLTEMNLP05\.tff.*MPQA.*mpqa\.cs\.pitt\.edu") as error:
        read_lexica(folder)
    assert "lexicons: none" in str(error.value)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("emolex", "glorb\tboredom\t1"),
        ("mpqa", "type=loud len=1 word1=glorb pos1=noun priorpolarity=positive"),
        ("nrc-vad", "glorb\t0.1\t0.2"),
        ("nrc-vad", "glorb\t0.1\t0.2\thigh"),
        ("shifters", "glorb,maybe"),
    ],
)
def test_damaged_lines_are_named(folder: Path, name: str, line: str) -> None:
    (folder / SOURCES[name].file).write_text(line + "\n", encoding="utf-8")
    with pytest.raises(FileError, match=r"glorb|boredom|loud|high|maybe"):
        read_lexica(folder)


def test_plain_tokens() -> None:
    def nothing(_: str) -> bool:
        return False

    assert plain_tokens("It isn't well-being, she's Bob’s!", nothing) == [
        "It", "is", "n't", "well-being", ",", "she", "'s", "Bob", "’s", "!",
    ]  # fmt: skip
    known = {"woman", "family", "kiss", "bus"}.__contains__
    assert plain_tokens("women families kisses bus dogs", known) == ["woman", "family", "kiss", "bus", "dogs"]


def test_nltk_is_asked_for_by_name(lexica: Lexica, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "nltk", None)
    with pytest.raises(MissingDependency, match="affectus\\[lexicons\\]"):
        lexica.features(["glorb"], "nltk")


def test_each_text_stands_alone(lexica: Lexica) -> None:
    texts = ["glorb snark", "", "deny"]
    assert np.array_equal(lexica.features(texts), np.concatenate([lexica.features([t]) for t in texts]))
