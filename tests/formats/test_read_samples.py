"""Any file becomes samples or dialogues."""

from __future__ import annotations

import pytest

from affectus.errors import AffectusError, InputError
from affectus.formats.read import read_samples
from affectus.media import Fault, Kind
from affectus.sample import Dialogue, Span
from media_samples import make_image, make_video, make_wav


def test_text(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("I am glad. You are not!")
    samples = list(read_samples(path, language="en"))
    assert [s.text for s in samples] == ["I am glad.", "You are not!"]
    assert samples[1].span == Span(str(path), None, 1, None, None)
    assert samples[0].language == "en"
    assert len({s.id for s in samples}) == 2


def test_blank_text_is_told(tmp_path):
    (tmp_path / "a.txt").write_text(" \n ")
    faults: list[Fault] = []
    assert list(read_samples(tmp_path / "a.txt", faults=faults)) == []
    assert [f.kind for f in faults] == ["empty-text"]


def test_table_keeps_row_numbers(tmp_path):
    (tmp_path / "a.csv").write_text("id,words\n1,one\n2,\n3,three\n")
    faults: list[Fault] = []
    samples = list(read_samples(tmp_path / "a.csv", text_column="words", faults=faults))
    assert [(s.item, s.text) for s in samples] == [(0, "one"), (2, "three")]
    assert [f.kind for f in faults] == ["empty-text"]


def test_subtitles(tmp_path):
    (tmp_path / "a.srt").write_text("1\n00:00:01,000 --> 00:00:02,500\nANN: Hi\n")
    (sample,) = read_samples(tmp_path / "a.srt")
    assert (sample.start, sample.end, sample.track, sample.text) == (1.0, 2.5, "ANN", "Hi")


def test_chat(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"dialogue": 1, "speaker": "A", "text": "Hi", "start": 1}\n{"dialogue": 2, "speaker": "B", "text": "Ho"}\n'
        '{"dialogue": 1, "speaker": "B", "text": "Hey", "start": 2}\n'
    )
    first, second = read_samples(path)
    assert isinstance(first, Dialogue)
    assert [(t.track, t.text, t.start, t.item) for t in first.turns] == [("A", "Hi", 1.0, 0), ("B", "Hey", 2.0, 1)]
    assert [(t.item, t.text) for t in second.turns] == [(2, "Ho")]


def test_a_map_makes_a_chat(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"who": "A", "what": "Hi"}\n')
    (dialogue,) = read_samples(path, map={"who": "speaker", "what": "text"})
    assert dialogue.turns[0].text == "Hi"


def test_media_are_lazy(tmp_path):
    make_wav(tmp_path / "a.wav", 0.5)
    make_image(tmp_path / "a.png")
    make_video(tmp_path / "a.mp4", 0.4)
    (sound,), (picture,), (film,) = (list(read_samples(tmp_path / name)) for name in ("a.wav", "a.png", "a.mp4"))
    assert sound.wave(8_000).shape == (4_000,)
    assert picture.image().shape == (48, 64, 3)
    assert len(list(film.frames(5))) == 2


def test_options_that_do_not_suit(tmp_path):
    (tmp_path / "a.txt").write_text("Hi")
    with pytest.raises(InputError, match="text_column was given"):
        read_samples(tmp_path / "a.txt", text_column="text")
    with pytest.raises(InputError, match="map was given"):
        read_samples(tmp_path / "a.txt", map={"a": "text"})
    with pytest.raises(AffectusError, match="kind is 'movie'"):
        read_samples(tmp_path / "a.txt", "movie")
    assert next(read_samples(tmp_path / "a.txt", Kind.TEXT)).text == "Hi"
