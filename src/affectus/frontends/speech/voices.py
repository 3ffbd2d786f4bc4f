"""Whether a recording holds a voice at all, and whether several at once; for readers that can't tell themselves.

A network that learned from speech alone answers to music as confidently as to speech. Two small networks are therefore
asked first: Silero's voice activity detector and Whisper tiny.en's encoder.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from affectus.frontends.hearing import SHORTEST, Heard, Sound, trimmed
from affectus.frontends.speech import overlap, vad

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

NO_SPEECH = "abstained:no-speech"
"""Less than 0.3 s of speech are heard: music or noise, or a voice that the detector does not take for one.

Of 339 recordings of EMO-DB none is flagged, of 480 of RAVDESS 12, of which 11 are by one of eight actors: hence no
decision, but scores all the same. Noises, tones, chords, melodies and hum have at most 0.16 s.
"""


def listened(wave: np.ndarray, found: Sound, row: Heard) -> Heard:
    """What is known of a sample, with the flag `abstained:no-speech` or `overlapping-speech` where one is due.

    Args:
        wave: (samples,) float32 at 16 kHz without offset.
        found: Where it holds sound.
        row: What is known of it so far.

    Raises:
        AssetError: If a network has not been fetched.
    """
    if not row.readable:
        return row
    cut, _ = trimmed(wave, found)
    if not spoken(cut):
        return row._replace(flags=(*row.flags, NO_SPEECH))
    if overlap.asked(row) and overlap.several(cut):
        return row._replace(flags=(*row.flags, overlap.FLAG))
    return row


def spoken(wave: np.ndarray, seconds: float = SHORTEST) -> bool:
    """Whether somebody speaks for so long in a wave (samples,) at 16 kHz; no further than needed is listened."""
    network, heard = vad.CausalSpeech(_network()), 0
    for _, frame in vad.frames([(0.0, wave)]):
        heard += network(np.pad(frame, (0, vad.FRAME - len(frame)))) >= vad.Hysteresis.onset
        if heard * vad.FRAME >= seconds * vad.RATE:
            return True
    return False


@cache
def _network() -> InferenceSession:
    return vad.network()
