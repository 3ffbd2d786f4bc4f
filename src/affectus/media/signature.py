"""What a file holds, told from its first bytes."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from affectus.media.files import head


class Kind(StrEnum):
    """What can be read from a file."""

    TEXT = "text"
    TABLE = "table"
    SUBTITLES = "subtitles"
    CHAT = "chat"
    AUDIO = "audio"
    VIDEO = "video"
    IMAGE = "image"


class Format(NamedTuple):
    """A file format.

    Args:
        noun: Its name in messages.
        suffixes: Suffixes that suit it, the usual one first; none when this library does not read it.
        demuxer: FFmpeg's name of the container, for sound and video.
    """

    noun: str
    suffixes: tuple[str, ...] = ()
    demuxer: str | None = None


WAV = Format("WAV audio", (".wav",), "wav")
FLAC = Format("FLAC audio", (".flac",), "flac")
MP3 = Format("MP3 audio", (".mp3",), "mp3")
OGG = Format("Ogg audio", (".ogg", ".opus"), "ogg")
MP4 = Format("an MPEG-4 container", (".mp4", ".mov", ".m4a"), "mov")
MATROSKA = Format("a Matroska container", (".mkv", ".webm"), "matroska")
WEBM = Format("a WebM container", (".webm", ".mkv"), "matroska")
JPEG = Format("a JPEG picture", (".jpg", ".jpeg"))
PNG = Format("a PNG picture", (".png",))
WEBP = Format("a WebP picture", (".webp",))
PARQUET = Format("a Parquet table", (".parquet",))
TEXT = Format("text", (".txt", ".md", ".csv", ".tsv", ".jsonl", ".srt", ".vtt"))
EMPTY = Format("nothing but zero bytes")
BINARY = Format("binary data of an unknown kind")

_PREFIXES: tuple[tuple[bytes, Format], ...] = (
    (b"fLaC", FLAC),
    (b"ID3", MP3),
    (b"OggS", OGG),
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"PAR1", PARQUET),
    (b"GIF8", Format("a GIF picture")),
    (b"%PDF-", Format("a PDF document")),
    (b"PK\x03\x04", Format("a ZIP archive or office document")),
    (b"\x1f\x8b", Format("a gzip archive")),
    (b"7z\xbc\xaf\x27\x1c", Format("a 7-Zip archive")),
    (b"BZh", Format("a bzip2 archive")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Format("an old office document")),
    (b"SQLite format 3\x00", Format("an SQLite database")),
    (b"II*\x00", Format("a TIFF picture")),
    (b"MM\x00*", Format("a TIFF picture")),
    (b"FLV\x01", Format("Flash video")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Format("Windows media")),
    (b"#!AMR", Format("AMR audio")),
    (b".snd", Format("AU audio")),
    (b"\x7fELF", Format("a program")),
    (b"\x93NUMPY", Format("a NumPy array")),
    (b"\x89HDF", Format("an HDF5 file")),
)
_RIFF = {b"WAVE": WAV, b"WEBP": WEBP, b"AVI ": Format("AVI video")}
_STILL_BRANDS = {
    b"avif": Format("an AVIF picture"),
    b"heic": Format("a HEIC picture"),
    b"mif1": Format("a HEIF picture"),
}
_BOX_TYPES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"}
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")

_MP3_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by MPEG version bits
_MP3_KBITS = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),  # MPEG-1, layer III
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def identify(path: Path | str) -> Format:
    """The format of a file by its content alone.

    Raises:
        FileError: If it can't be opened or is empty.
    """
    return identify_bytes(head(path))


def identify_bytes(data: bytes) -> Format:
    """The format that begins with these bytes (64 KiB or the whole file)."""
    for prefix, form in _PREFIXES:
        if data.startswith(prefix):
            return form
    if data[:4] in (b"RIFF", b"RF64", b"BW64"):
        return _RIFF.get(data[8:12], Format(f"a RIFF file of type {data[8:12]!r}"))
    if data.startswith(b"\x1a\x45\xdf\xa3"):
        return WEBM if b"webm" in data[:64] else MATROSKA
    if data[:4] == b"FORM":
        return Format("AIFF audio")
    if data[4:8] in _BOX_TYPES:
        return _STILL_BRANDS.get(data[8:12], MP4) if data[4:8] == b"ftyp" else MP4
    if _is_mp3(data):
        return MP3
    if data[:2] in (b"\xff\xf1", b"\xff\xf9"):
        return Format("raw AAC audio")
    if data.startswith(_BOMS):
        return TEXT
    if not data.strip(b"\x00"):
        return EMPTY
    if b"\x00" not in data or utf16_without_bom(data):
        return TEXT
    return BINARY


def _mp3_frame_length(header: bytes) -> int:
    """Bytes of a layer-III frame with this 4-byte header, 0 if it is none (ISO 11172-3, 2.4.1.3)."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version, kbit, rate, pad = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or kbit in (0, 15) or rate == 3:
        return 0
    first = version == 3
    return (144 if first else 72) * _MP3_KBITS[first][kbit] * 1000 // _MP3_RATES[version][rate] + pad


def _is_mp3(data: bytes) -> bool:
    # Two frame headers, one frame apart: eleven set bits alone occur in any binary file.
    length = _mp3_frame_length(data[:4])
    return length > 0 and (len(data) <= length or _mp3_frame_length(data[length : length + 4]) > 0)


def utf16_without_bom(data: bytes) -> str | None:
    """`utf-16-le` or `utf-16-be` if it looks like it: in Western text every other byte is zero."""
    even, odd = data[0::2].count(0), data[1::2].count(0)
    half = max(1, len(data) // 2)
    if odd > 0.7 * half and even < 0.02 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.7 * half and odd < 0.02 * half else None
