"""Sound through a lossy codec and back, as a call or a music file would have it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache

import numpy as np

from affectus.errors import MissingDependency
from affectus.media.encode import encoded
from affectus.media.pcm import planar, to_float
from affectus.media.resampling import resample


@dataclass(frozen=True)
class Codec:
    """A codec as FFmpeg knows it.

    Args:
        encoder: Name of the encoder.
        container: Name of the format that holds it.
        rate: Hz that the codec hears.
        bits: Bits a second; 0 leaves them to the codec.
    """

    encoder: str
    container: str
    rate: int
    bits: int = 0


CODECS = {
    "mp3 24 kbit/s": Codec("libmp3lame", "mp3", 16_000, 24_000),
    "opus 16 kbit/s": Codec("libopus", "ogg", 16_000, 16_000),
    "opus 8 kbit/s": Codec("libopus", "ogg", 16_000, 8_000),
    "AMR-NB 12.2 kbit/s": Codec("libopencore_amrnb", "amr", 8_000, 12_200),
    "AMR-NB 4.75 kbit/s": Codec("libopencore_amrnb", "amr", 8_000, 4_750),
    "G.711 µ-law": Codec("pcm_mulaw", "wav", 8_000),
}


@cache
def available(codec: Codec) -> bool:
    """Whether the FFmpeg at hand has the encoder."""
    import av

    try:
        return bool(av.codec.Codec(codec.encoder, "w"))
    except ValueError:  # of which PyAV's UnknownCodecError is one
        return False


def coded(wave: np.ndarray, rate: int, codec: Codec) -> np.ndarray:
    """A wave as it comes out of a codec.

    Args:
        wave: (samples,) float in [-1, 1].
        rate: Its Hz.
        codec: What it goes through.

    Returns:
        (samples,) float32 at the same rate; the codec's delay, some 10 ms, is left in.

    Raises:
        MissingDependency: If the FFmpeg at hand lacks the encoder.
    """
    import av

    if not available(codec):
        raise MissingDependency(f"this FFmpeg has no encoder {codec.encoder!r}", remedy="install PyAV from its wheels")
    heard = resample(np.asarray(wave, np.float32), rate, codec.rate)
    whole = np.rint(np.clip(heard, -1, 1) * 32767).astype(np.int16)
    file = io.BytesIO()
    with av.open(file, "w", format=codec.container) as out:
        stream = out.add_stream(codec.encoder, rate=codec.rate, layout="mono")
        if codec.bits:
            stream.bit_rate = codec.bits
        for packet in encoded(stream, [whole], codec.rate):
            out.mux(packet)
    file.seek(0)
    with av.open(file, format=codec.container) as back:
        frames = [to_float(planar(frame))[0] for frame in back.decode(audio=0)]
        got = back.streams.audio[0].rate
    sound = resample(np.concatenate(frames), got, rate) if frames else np.zeros(0, np.float32)
    return np.pad(sound[: len(wave)], (0, max(0, len(wave) - len(sound))))
