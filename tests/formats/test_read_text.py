"""Text: its encoding, and its sentences."""

from __future__ import annotations

import io
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus.errors import FileError, InputError
from affectus.formats.sentences import iter_sentences
from affectus.formats.text import read_text, sentences
from affectus.media import Fault

WORDS = "Grüße, “dear” friend — naïve café…"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_found_out(tmp_path, encoding):
    (tmp_path / "a.txt").write_bytes(WORDS.encode(encoding))
    faults: list[Fault] = []
    assert read_text(tmp_path / "a.txt", faults=faults) == WORDS
    assert faults == []


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le", "utf-16-be"])
def test_guesses_are_told(tmp_path, encoding):
    (tmp_path / "a.txt").write_bytes(WORDS.encode(encoding))
    faults: list[Fault] = []
    assert read_text(tmp_path / "a.txt", faults=faults) == WORDS
    assert [f.kind for f in faults] == ["encoding-guessed"]


def test_named_encoding(tmp_path):
    (tmp_path / "a.txt").write_bytes("とても嬉しい".encode("shift_jis"))
    assert read_text(tmp_path / "a.txt", "shift_jis") == "とても嬉しい"
    with pytest.raises(FileError, match="not text in the encoding ascii"):
        read_text(tmp_path / "a.txt", "ascii")
    with pytest.raises(InputError, match="no encoding 'klingon'"):
        read_text(tmp_path / "a.txt", "klingon")


NOT_TEXT = [
    bytes(range(256)),
    b"words\x00words" * 9,
    b"\x01\x02\x03words",
    b"\x81\x8d\x8f" * 9,
    b"%PDF-1.4 words",
    b"\xff\xfea",
]


@pytest.mark.parametrize("content", NOT_TEXT)
def test_what_is_not_text(tmp_path, content):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(FileError, match=r"a\.txt") as error:
        read_text(tmp_path / "a.txt")
    assert error.value.remedy


def test_line_ends(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\rthree\n")
    assert read_text(tmp_path / "a.txt") == "one\ntwo\nthree\n"


def test_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(WORDS.encode())))
    assert read_text("-") == WORDS
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(FileError, match="standard input is empty"):
        read_text("-")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Dr. Smith paid $3.50 at 5 p.m. on Friday! Really?! Yes.", 3),
        ("“Stop!” he said. She replied “No way.” Then they left.", 3),
        ("He waited... and waited. Then… nothing. Ok", 3),
        ("I love it!! 😂😂 You rock.", 2),
        ("i was sad. then i went home.", 2),
        ("J. R. R. Tolkien wrote it, e.g. at night. It sold well.", 2),
        ("No. I won't. No. 5 is alive.", 3),
        ("今日は楽しかった。「本当に？」と彼は言った。嬉しい！", 3),
        ("क्या हाल है। मैं ठीक हूँ।", 2),
        ("You are taller than I. He knows.", 2),
        ("Visit example.com or mail a.b@c.org today. Bye", 2),
        (
            "A short line\nAnother one\n\nA paragraph that an editor has broken as it was rather long\nPeter said.",
            3,
        ),
        ("- one\n- two\n1. First thing\n2. Second thing", 4),
        ("He asked (really?) why. (It was late.) Ok.", 3),
        ("Wow", 1),
        ("", 0),
        (" \n\t ", 0),
    ],
)
def test_sentences(text, wanted):
    assert len(sentences(text)) == wanted, [s for _, _, s in sentences(text)]


def test_emoji_stay_with_what_they_comment():
    assert [s for _, _, s in sentences("So good! 😀 Next one. 👩‍👩‍👧")] == ["So good! 😀", "Next one. 👩‍👩‍👧"]


PROSE = st.text(alphabet=st.sampled_from("aA1.!?…。\"”'() \n\t-,;:Dr😀\u200d\ufe0f\u0301é、」"), max_size=200)


@settings(deadline=None)
@given(text=st.one_of(PROSE, st.text(max_size=100)), limit=st.integers(1, 60))
def test_sentences_cover_the_text(text, limit):
    place = 0
    for start, end, sentence in sentences(text, limit):
        assert text[place:start].strip() == ""
        assert text[start:end] == sentence == sentence.strip()
        assert 0 < len(sentence) <= limit
        place = end
    assert text[place:].strip() == ""


def test_long_sentences_are_cut_at_clauses():
    text = "word " * 30 + "end, " + "more " * 30
    parts = [s for _, _, s in sentences(text, 200)]
    assert parts[0].endswith("end,")
    assert all(len(p) <= 200 for p in parts)
    assert sentences("👩‍👩‍👧" * 100, 7)[0][2] == "👩‍👩‍👧"
    with pytest.raises(InputError, match="max_chars"):
        sentences("a", 0)


@pytest.mark.parametrize(
    "unit", ["x", " ", "\n", ".", "! ", "\n ", '("', "😀 ", ". 😀", "word ", "Mr. ", "a\n", "。", "e.g. a"]
)
def test_time_grows_linearly_with_length(unit):
    def seconds(size: int) -> float:
        text = "a" + unit * (size // len(unit)) + "b"
        begin = time.process_time()
        for _ in iter_sentences(text):
            pass
        return time.process_time() - begin

    seconds(1000)
    # Quadratic time would make this 64 times; the bound leaves room for a busy machine.
    assert seconds(160_000) < 30 * max(seconds(20_000), 0.002)


@pytest.mark.slow
def test_fifty_megabytes_in_one_line(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("This is a sentence of the usual length, more or less. " * 925_000)
    count = sum(1 for _ in iter_sentences(read_text(path)))
    assert count == 925_000
