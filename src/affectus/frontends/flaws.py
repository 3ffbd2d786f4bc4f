"""What is wrong with the sound of a recording although it could be decoded; for readers of voices."""

from __future__ import annotations

import numpy as np
from scipy import fft

RATE = 16_000  # Hz
OFFSET = 0.01
"""Mean of the samples from which they have an offset: −40 dB of full scale."""

NARROW = 10**-3.8
"""Power above 4.2 kHz ÷ power of 0.3 to 3.4 kHz below which a recording has no upper band: −38 dB.

Of the 819 recordings of EMO-DB and RAVDESS none has less than −33 dB; of their copies through 8 kHz none has more than
−85 dB. Poorer resampling leaves more above, hence a limit near the former.
"""

ECHO = "echo"
COPY = 0.2
"""Height of a needle in the cepstrum from which a copy of the sound follows it: about its level, here −14 dB.

Of 113 recordings of EMO-DB none reaches 0.17, cut to half a second or sent through a telephone either; all with a copy
150 ms behind at −10 dB reach 0.27.
"""

_WINDOW = 512  # samples
_SHORTEST = 4800  # samples = 0.3 s; less says nothing about the band
_STRETCH = 65_536  # samples = 4.1 s whose spectrum is taken at once
_DELAYS = (320, 8000)  # samples = 20 ms to 0.5 s; below lies the pitch of voices
_BAND = (100, 3800)  # Hz; what every recording of speech has


def flaws(wave: np.ndarray) -> list[str]:
    """Flags of a wave: `dc-offset`, `narrow-band` and `echo`.

    Args:
        wave: (samples,) float32 at 16 kHz, finite, as recorded.
    """
    if len(wave) < _SHORTEST:
        return []
    found = {
        "dc-offset": abs(float(wave.mean(dtype=np.float64))) > OFFSET,
        "narrow-band": upper(wave) < NARROW,
        ECHO: copied(wave) > COPY,
    }
    return [flag for flag, told in found.items() if told]


def upper(wave: np.ndarray) -> float:
    """Power above 4.2 kHz ÷ power of 0.3 to 3.4 kHz, of the louder half of the wave; 1 in silence.

    Args:
        wave: (samples,) float32 at 16 kHz, at least one window of 512 samples.
    """
    frames = wave[: len(wave) // _WINDOW * _WINDOW].reshape(-1, _WINDOW)
    loud = frames.std(1)
    frames = frames[loud >= np.median(loud)]
    power = np.zeros(_WINDOW // 2 + 1)
    for block in np.array_split(frames, -(-len(frames) // 1000)):  # constant memory for any length
        power += (np.abs(np.fft.rfft(block * np.hanning(_WINDOW))) ** 2).sum(0)
    hertz = np.arange(len(power)) * RATE / _WINDOW
    speech, above = (power[(hertz >= a) & (hertz < b)].sum() for a, b in ((300, 3400), (4200, 8000)))
    return float(above / speech) if speech > 0 else 1.0


def copied(wave: np.ndarray) -> float:
    """About how loud a copy of the sound follows 20 ms to 0.5 s behind it, as a factor; speech without has up to 0.16.

    An echo multiplies the spectrum by 1 + a · exp(−jωd), whose logarithm is a ripple: a needle of height a at d in the
    power cepstrum (Bogert, Healy & Tukey 1963), averaged here over stretches of about 4 s. Two voices make none.

    Args:
        wave: (samples,) float32 at 16 kHz.
    """
    if not wave.any():
        return 0.0
    first, last = _DELAYS[0], min(_DELAYS[1], len(wave) // 2)
    parts = np.array_split(wave, max(1, round(len(wave) / _STRETCH)))
    needle = np.zeros(last - first)
    for part in parts:
        size = fft.next_fast_len(len(part) + _DELAYS[1], real=True)
        low, high = (round(hertz * size / RATE) for hertz in _BAND)
        level = np.log(np.abs(fft.rfft(part - part.mean(), size)[low:high]) ** 2 + 1e-20)
        ripple = np.zeros(size // 2 + 1, level.dtype)
        ripple[low:high] = (level - level.mean()) * (len(ripple) / len(level))
        needle += fft.irfft(ripple, size)[first:last]
    return float(needle.max() / len(parts))
