"""Subtitles as they occur: untidy, but never misread in silence."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affectus.errors import FileError
from affectus.formats.subtitles import Cue, read_subtitles
from affectus.media import Fault

SRT = (
    "1\n00:00:01,000 --> 00:00:02,500\nHello <i>there</i>,\nfriend.\n\n2\n00:00:03,000 --> 00:00:04,000\n{\\an8}Bye.\n"
)


def cues(tmp_path, text, name="a.srt", **options):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_subtitles(tmp_path / name, **options)


WANTED = [Cue(1.0, 2.5, "Hello there, friend."), Cue(3.0, 4.0, "Bye.")]


@pytest.mark.parametrize(
    "text",
    [
        SRT,
        SRT.replace("\n", "\r\n"),
        SRT.replace("\n", "\r"),
        SRT.encode("utf-8-sig"),
        SRT.encode("utf-16"),
        SRT.replace("1\n00", "00").replace("2\n00", "00"),
        SRT.replace(",000", ".000").replace(",500", ".5"),
        SRT.replace("00:00:0", "00:0"),
        SRT.replace("\n\n2\n", "\n2\n"),
        SRT.replace("\n\n2\n", "\n\n\n\n2\n"),
        SRT.replace("02,500", "02,500  X1:1 X2:2 Y1:3 Y2:4"),
    ],
)
def test_srt_in_the_wild(tmp_path, text):
    assert cues(tmp_path, text) == WANTED


def test_vtt(tmp_path):
    text = """WEBVTT - a title
Kind: captions

NOTE a comment
over two lines

STYLE
::cue { color: red }

intro
00:01.000 --> 00:02.000 align:start
<v.loud Ann>It&apos;s <c.red>fine</c> <00:01.500>&amp; good
<v Bob Lee>No.

00:03.000 --> 00:04.000
Nobody said this
"""
    assert cues(tmp_path, text, "a.vtt") == [
        Cue(1.0, 2.0, "It's fine & good", "Ann"),
        Cue(1.0, 2.0, "No.", "Bob Lee"),
        Cue(3.0, 4.0, "Nobody said this"),
    ]


def test_names_are_told_conservatively(tmp_path):
    said = [
        "ANN: Hi",
        "Bob: Yes",
        "Bob: No",
        "Carl: once only",
        "NOTE: no name",
        "Speaker 2: Well",
        "at 10:30 he left",
        "I said: go",
    ]
    text = "".join(f"00:00:0{i},000 --> 00:00:0{i},900\n{line}\n\n" for i, line in enumerate(said))
    assert [(c.speaker, c.text) for c in cues(tmp_path, text)] == [
        ("ANN", "Hi"),
        ("Bob", "Yes"),
        ("Bob", "No"),
        (None, "Carl: once only"),
        (None, "NOTE: no name"),
        ("Speaker 2", "Well"),
        (None, "at 10:30 he left"),
        (None, "I said: go"),
    ]


def test_order_and_empty_cues(tmp_path):
    text = "00:05,0 --> 00:06,0\nlate\n\n00:01,0 --> 00:02,0\nearly\n\n00:03,0 --> 00:04,0\n<i></i>\n"
    faults: list[Fault] = []
    assert [c.text for c in cues(tmp_path, text, faults=faults)] == ["early", "late"]
    assert [f.kind for f in faults] == ["empty-text"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.srt", "1\n00:00:01,000 --> soon\nHi\n", "line 2: .* no pair of times"),
        ("a.srt", "1\n00:00:02,000 --> 00:00:01,000\nHi\n", "line 2: the subtitle ends before"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\nHi\n\nlost words\nmore\n", "line 5: 'lost words'"),
        ("a.srt", "\n \n\n", "no subtitle"),
        ("a.vtt", "00:01.000 --> 00:02.000\nHi\n", "line 1: no WEBVTT"),
        ("a.vtt", "WEBVTT\n\n", "no subtitle"),
    ],
)
def test_malformed(tmp_path, name, text, words):
    with pytest.raises(FileError, match=words) as error:
        cues(tmp_path, text, name)
    assert name in error.value.what


def _srt_time(ms: int) -> str:
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"


LINE = st.text(st.sampled_from("abc ABC'?!äß日"), min_size=1).map(lambda s: " ".join(s.split())).filter(bool)


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 10**8), st.integers(0, 10**5), LINE), min_size=1, max_size=6))
def test_srt_round_trip(tmp_path, spoken):
    spoken = sorted(spoken, key=lambda s: s[0])
    blocks = [f"{i}\n{_srt_time(a)} --> {_srt_time(a + d)}\n{t}\n" for i, (a, d, t) in enumerate(spoken, 1)]
    wanted = [(a / 1000, (a + d) / 1000, t) for a, d, t in spoken]
    assert [(c.start, c.end, c.text) for c in cues(tmp_path, "\n".join(blocks))] == wanted
