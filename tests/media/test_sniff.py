"""The content decides, and a suffix that lies is told with both names."""

from __future__ import annotations

import os
import wave

import pytest

from affectus.errors import FileError
from affectus.media import SUFFIXES, Kind, sniff
from media_samples import make_audio, make_image, make_video


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_every_suffix(tmp_path, suffix):
    path = tmp_path / f"talk{suffix.upper()}"
    kind = SUFFIXES[suffix]
    if kind is Kind.AUDIO:
        make_audio(tmp_path / f"x{suffix}", 0.5, 48_000)
        (tmp_path / f"x{suffix}").rename(path)
    elif kind is Kind.VIDEO:
        make_video(tmp_path / f"x{suffix}", 0.2)
        (tmp_path / f"x{suffix}").rename(path)
    elif kind is Kind.IMAGE:
        make_image(path)
    elif suffix == ".parquet":
        pq = pytest.importorskip("pyarrow.parquet")
        pa = pytest.importorskip("pyarrow")
        pq.write_table(pa.table({"text": ["a"]}), path)
    else:
        path.write_text("text\nwords\n")
    assert sniff(path) is kind
    assert sniff(str(path)) is kind


def test_chat_or_table(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('\n{"speaker": "Ann", "text": "Hi"}\n')
    assert sniff(path) is Kind.CHAT
    path.write_text('{"Utterance": "Hi"}\n')
    assert sniff(path) is Kind.TABLE
    path.write_text("not json")
    assert sniff(path) is Kind.TABLE
    path.write_text('{"speaker": "Ann", "text": "Hi"}', encoding="utf-16")
    assert sniff(path) is Kind.CHAT


@pytest.mark.parametrize(
    ("true", "false", "noun"),
    [
        (".png", ".wav", "PNG"),
        (".mp3", ".wav", "MP3"),
        (".wav", ".mp3", "WAV"),
        (".wav", ".txt", "WAV"),
        (".jpg", ".png", "JPEG"),
        (".mp4", ".mkv", "MPEG-4"),
        (".webm", ".mp4", "WebM"),
        (".mkv", ".mov", "Matroska"),
        (".mp4", ".m4a", "video"),
    ],
)
def test_a_suffix_that_lies(tmp_path, true, false, noun):
    path = tmp_path / f"talk{false}"
    if SUFFIXES[true] is Kind.AUDIO:
        make_audio(path, 0.5, 48_000, suffix=true)
    elif SUFFIXES[true] is Kind.VIDEO:
        make_video(tmp_path / f"x{true}", 0.2)
        (tmp_path / f"x{true}").rename(path)
    else:
        make_image(tmp_path / f"x{true}")
        (tmp_path / f"x{true}").rename(path)
    with pytest.raises(FileError) as error:
        sniff(path)
    assert f"'talk{false}' holds" in str(error.value)
    assert noun in str(error.value)
    assert false in error.value.what
    assert f"rename it to 'talk{true}'" in error.value.remedy


def test_sound_in_a_video_container(tmp_path):
    make_audio(tmp_path / "a.mp4", 0.5, 48_000)
    make_audio(tmp_path / "a.webm", 0.5, 48_000)
    assert sniff(tmp_path / "a.mp4") is Kind.AUDIO
    assert sniff(tmp_path / "a.webm") is Kind.AUDIO


def test_mp3_without_tag_is_known_by_its_frames(tmp_path):
    make_audio(tmp_path / "a.mp3", 0.5, 44_100)
    data = (tmp_path / "a.mp3").read_bytes()
    start = data.find(b"\xff\xfb")
    (tmp_path / "a.mp3").write_bytes(data[start:])
    assert sniff(tmp_path / "a.mp3") is Kind.AUDIO


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.wav", b"", "empty"),
        ("a.wav", b"\x00" * 5000, "zero bytes"),
        ("a.wav", b"just words", "holds text"),
        ("a.txt", b"%PDF-1.7 ...", "PDF document"),
        ("a.txt", bytes(range(256)) * 20, "binary data"),
        ("a.mp4", b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", "damaged or cut off"),
        ("a.mp4", b"#EXTM3U\nhttp://example.org/a.ts\n", "holds text"),
        ("a.heic", b"\x00\x00\x00\x18ftypheic", "suffix '.heic'"),
        ("a.jpg", b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", "HEIC picture"),
        ("a.docx", b"PK\x03\x04", "suffix '.docx'"),
        ("a", b"RIFF\x00\x00\x00\x00WAVEfmt ", "rename it to 'a.wav'"),
        ("a.cvs", b"text\n", "did you mean '.csv'"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileError) as error:
        sniff(tmp_path / name)
    assert words in str(error.value)
    assert name in str(error.value)
    assert error.value.remedy


def test_paths_that_are_no_files(tmp_path):
    (tmp_path / "folder.wav").mkdir()
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    wanted = {
        "folder.wav": "folder",
        "pipe.wav": "pipe",
        "gone.wav": "not exist",
        "no.wav": "not exist",
        "a\0.wav": "read",
    }
    for name, words in wanted.items():
        with pytest.raises(FileError, match=words) as error:
            sniff(tmp_path / name)
        assert error.value.remedy


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path):
    (tmp_path / "a.txt").write_text("secret")
    (tmp_path / "a.txt").chmod(0)
    with pytest.raises(FileError, match="permission"):
        sniff(tmp_path / "a.txt")


def test_a_path_that_vanishes(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("here")
    real = os.stat

    def stat_then_gone(*args, **kwargs):
        result = real(*args, **kwargs)
        path.unlink(missing_ok=True)
        return result

    monkeypatch.setattr("pathlib.os.stat", stat_then_gone)
    with pytest.raises(FileError, match="does not exist"):
        sniff(path)


def test_riff_header_without_samples_is_still_audio(tmp_path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
    assert sniff(tmp_path / "a.wav") is Kind.AUDIO
