"""Draw docs/images/anonymised.png: a recording of examples/, before and after, as the report shows it.

python docs/scripts/anonymised_picture.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import affectus
from affectus.analysis.anonymize.spectrogram import spectrogram
from affectus.media import read_wave
from affectus.sample import Media, Sample

ROOT = Path(__file__).resolve().parents[2]
RATE, SECONDS = 16_000, 5.0


def main() -> None:
    """Original, McAdams, pseudo-voice and pseudo-voice with the emotion kept, from top to bottom."""
    wave = read_wave(ROOT / "examples" / "call.flac", RATE, end=SECONDS)
    sample = Sample(id="call", media=Media("audio", array=wave, rate=RATE))
    waves = [wave]
    for name in ("mcadams", "pseudo-voice", "affectus/pseudo-voice"):
        changer = affectus.load(name)
        [changed] = changer.anonymize([sample], np.random.default_rng(4))  # type: ignore[attr-defined]
        waves.append(changed.wave(RATE))
    rows: list[np.ndarray] = []
    for sound in waves:
        picture = spectrogram(sound)
        rows += [picture, np.full((8, picture.shape[1], 3), 255, np.uint8)]
    _palette(np.concatenate(rows[:-1])).save(ROOT / "docs/images/anonymised.png", optimize=True)


def _palette(picture: np.ndarray) -> Image.Image:
    """Sixteen greys and the red of the pitch, which keeps the file small."""
    red = picture[:, :, 0] != picture[:, :, 1]
    out = Image.fromarray(np.where(red, 16, picture[:, :, 0] // 16).astype(np.uint8), "P")
    colour = picture[red][0] if red.any() else np.zeros(3)
    out.putpalette([*np.repeat(np.linspace(0, 255, 16).astype(int), 3).tolist(), *colour.tolist()])
    return out


if __name__ == "__main__":
    main()
