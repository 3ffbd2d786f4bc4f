"""Pictures: every colour mode as a viewer shows it; damage and bombs are errors."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from affectus.errors import FileError
from affectus.media import Fault, read_image
from media_samples import make_image


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_formats(tmp_path, suffix):
    truth = make_image(tmp_path / f"a{suffix}")
    faults: list[Fault] = []
    image = read_image(tmp_path / f"a{suffix}", faults)
    assert image.dtype == np.uint8
    assert np.abs(image.astype(int) - truth).mean() < 6
    assert faults == []


@pytest.mark.parametrize("mode", ["L", "1", "P", "I;16"])
def test_colour_modes_of_png(tmp_path, mode):
    make_image(tmp_path / "a.png", mode=mode)
    image = read_image(tmp_path / "a.png")
    assert image.shape == (48, 64, 3)
    if mode == "I;16":
        np.testing.assert_array_equal(image[:, :, 0], np.tile(255 * np.arange(64) // 63, (48, 1)))


def test_cmyk_jpeg(tmp_path):
    make_image(tmp_path / "a.jpg", mode="CMYK")
    make_image(tmp_path / "b.jpg")
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - read_image(tmp_path / "b.jpg")).mean() < 12


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_white(tmp_path, mode):
    make_image(tmp_path / "a.png", mode=mode)
    image = read_image(tmp_path / "a.png")
    assert (image[:, :32] == 255).all()
    assert (image[:, 40:] < 255).any()


def test_palette_with_a_transparent_colour(tmp_path):
    picture = Image.new("P", (20, 20), 0)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putpixel((0, 0), 1)
    picture.save(tmp_path / "a.png", transparency=0)
    image = read_image(tmp_path / "a.png")
    assert image[5, 5].tolist() == [255, 255, 255]
    assert image[0, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, orientation):
    upright = np.zeros((20, 30, 3), np.uint8)
    upright[:8, :8] = 255  # white top left
    upright[:8, -8:, 0] = 255  # red top right
    undo = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.transpose(1, 0, 2),
        6: np.rot90,
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
        8: lambda a: np.rot90(a, 3),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(undo(upright))).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), upright)


def test_faults(tmp_path):
    faults: list[Fault] = []
    Image.new("RGB", (1, 1)).save(tmp_path / "one.png")
    assert read_image(tmp_path / "one.png", faults).shape == (1, 1, 3)
    Image.new("RGB", (50, 50), "teal").save(tmp_path / "flat.png")
    read_image(tmp_path / "flat.png", faults)
    reds = [Image.new("RGB", (32, 32), (i * 80, 0, 0)) for i in range(3)]
    reds[0].putpixel((0, 0), (255, 255, 255))
    reds[0].save(tmp_path / "moving.webp", save_all=True, append_images=reds[1:], lossless=True)
    read_image(tmp_path / "moving.webp", faults)
    assert [f.kind for f in faults] == ["tiny", "constant", "animated"]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_truncated(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    make_image(path, (200, 150))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(FileError, match="damaged or cut off"):
        read_image(path)


def test_decompression_bomb(tmp_path):
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    for side in (12_000, 60_000):  # above our limit, and above the size where Pillow itself refuses
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        (tmp_path / "bomb.png").write_bytes(
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
        )
        with pytest.raises(FileError, match="pixels"):
            read_image(tmp_path / "bomb.png")


def test_not_a_picture(tmp_path):
    (tmp_path / "a.png").write_text("no picture at all")
    with pytest.raises(FileError, match="holds text"):
        read_image(tmp_path / "a.png")
