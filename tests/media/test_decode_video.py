"""Video: the right picture at the right time, upright, whatever the container; damage is passed over and told."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from affectus.errors import FileError, InputError
from affectus.media import Fault, frames, probe
from media_samples import make_audio, make_video, pattern


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    for suffix in (".mp4", ".mov", ".mkv", ".webm"):
        make_video(folder / f"v{suffix}", 2.0, 25)
    return folder


def shown_index(image: np.ndarray, count: int) -> float:
    """Frame number that a picture carries in its red channel."""
    return float(image[image.shape[0] // 2, image.shape[1] // 2, 0]) / 255 * count


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_every_frame_with_its_time(videos, suffix):
    got = list(frames(videos / f"v{suffix}"))
    assert len(got) == 50
    np.testing.assert_allclose([t for t, _ in got], np.arange(50) / 25, atol=0.0011)
    for i, (_, image) in enumerate(got):
        assert image.shape == (120, 160, 3)
        assert image.dtype == np.uint8
        assert shown_index(image, 50) == pytest.approx(i, abs=2.5)
    truth = pattern(30, 50, (160, 120)).astype(int)
    assert np.abs(got[30][1].astype(int) - truth).mean() < 8


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
@pytest.mark.parametrize(("start", "end"), [(0.0, 0.5), (0.61, 1.3), (1.5, None)])
def test_a_stretch_equals_the_same_stretch_of_the_whole(videos, suffix, start, end):
    path = videos / f"v{suffix}"
    for fps in (None, 10, 7.3):
        whole = [(t, i) for t, i in frames(path, fps) if t >= start and (end is None or t < end)]
        part = list(frames(path, fps, start, end))
        assert [t for t, _ in part] == [t for t, _ in whole]
        for (_, a), (_, b) in zip(part, whole, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("fps", [5, 10, 12.5, 30, 60])
def test_the_grid_gets_the_nearest_frame(videos, fps):
    got = list(frames(videos / "v.mp4", fps))
    np.testing.assert_allclose([t for t, _ in got], np.arange(len(got)) / fps)
    assert len(got) == int(np.ceil(2.0 * fps))
    for time, image in got:
        assert abs(shown_index(image, 50) - time * 25) < 0.5 + 2.5


def test_varying_frame_rate(tmp_path):
    times = [0.0, 0.1, 0.2, 1.0, 1.05, 1.1, 2.0, 2.5]
    make_video(tmp_path / "v.mkv", times=times, audio=False)
    assert [t for t, _ in frames(tmp_path / "v.mkv")] == pytest.approx(times)
    for time, image in frames(tmp_path / "v.mkv", 4):
        nearest = min(range(8), key=lambda i: (abs(times[i] - time), i))
        assert shown_index(image, 8) == pytest.approx(nearest, abs=0.3)


def test_size(videos):
    ((_, image),) = list(frames(videos / "v.mp4", 1, end=1.0, size=(40, 30)))
    assert image.shape == (30, 40, 3)
    assert image[2, 2].min() > 200
    assert image[-3, -3, 1] > 180 > image[-3, -3, 0]


def _turn(path, degrees):
    """Write a rotation into the display matrix of the video track (ISO 14496-12, 8.3.2)."""
    data = bytearray(path.read_bytes())
    one = 0x10000
    a, b = {90: (0, one), 180: (-one, 0), 270: (0, -one)}[degrees]  # clockwise
    place = data.find(b"tkhd") + 4 + 40
    data[place : place + 36] = struct.pack(">9i", a, b, 0, -b, a, 0, 0, 0, 0x40000000)
    path.write_bytes(data)


@pytest.mark.parametrize(("degrees", "corner"), [(90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))])
def test_rotation_is_applied(tmp_path, degrees, corner):
    path = tmp_path / "v.mp4"
    make_video(path, 0.4, audio=False)
    _turn(path, degrees)
    info = probe(path).video
    assert info.rotation == (360 - degrees) % 360
    _, image = next(iter(frames(path)))
    assert image.shape[:2] == (info.height, info.width)
    assert image.shape[:2] == ((160, 120) if degrees != 180 else (120, 160))
    y, x = (3 if c == 0 else -4 for c in corner)
    assert image[y, x].min() > 200, "the white square of the stored top left is elsewhere"
    _, small = next(iter(frames(path, size=(30, 40))))
    assert small.shape == (40, 30, 3)


def test_damage_in_the_middle_is_passed_over_and_told(tmp_path):
    path = tmp_path / "v.mov"
    make_video(path, 4.0, audio=False)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + len(data) // 10] = np.random.default_rng(0).bytes(len(data) // 10)
    path.write_bytes(data)
    faults: list[Fault] = []
    got = list(frames(path, faults=faults))
    assert 60 < len(got) < 100
    assert got[-1][0] == pytest.approx(3.96)
    assert "broken-frames" in {f.kind for f in faults}
    broken = [f for f in faults if f.kind == "broken-frames"]
    assert 1.0 < broken[0].start < broken[-1].end < 3.5


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".mp4"])
def test_a_truncated_video_is_told(tmp_path, suffix):
    path = tmp_path / f"v{suffix}"
    make_video(path, 4.0, options={"movflags": "faststart"} if suffix == ".mp4" else None)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    faults: list[Fault] = []
    got = list(frames(path, 5, faults=faults))
    assert 5 < len(got) < 19
    assert "truncated" in {f.kind for f in faults}


def test_a_video_without_its_index_is_an_error(tmp_path):
    make_video(tmp_path / "v.mp4", 1.0)
    (tmp_path / "v.mp4").write_bytes((tmp_path / "v.mp4").read_bytes()[:2000])
    with pytest.raises(FileError, match=r"v\.mp4.*damaged or cut off"):
        list(frames(tmp_path / "v.mp4"))


def test_sound_is_no_video(tmp_path):
    make_audio(tmp_path / "a.m4a", 1.0, 48_000)
    with pytest.raises(FileError, match="holds no video"):
        list(frames(tmp_path / "a.m4a"))
    assert probe(tmp_path / "a.m4a").video is None


@pytest.mark.parametrize(
    "options", [{"fps": 0}, {"fps": float("nan")}, {"size": (0, 5)}, {"start": 3, "end": 2}, {"fps": 1e9}]
)
def test_bad_options(videos, options):
    with pytest.raises(InputError):
        frames(videos / "v.mp4", **options)


@pytest.mark.parametrize("fps", [None, 5])
def test_a_range_behind_the_end(videos, fps):
    with pytest.raises(InputError, match="behind the end"):
        list(frames(videos / "v.mp4", fps, 10.0))


def test_probe(videos):
    info = probe(videos / "v.mp4")
    assert (info.video.width, info.video.height, info.video.fps, info.video.frames) == (
        160,
        120,
        pytest.approx(25, abs=0.6),
        50,
    )
    assert info.audio.rate == 48_000
    assert info.duration == pytest.approx(2.0, abs=0.06)
