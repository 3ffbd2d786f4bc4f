"""A film and a sound file, told by the readers that are shipped."""

from pathlib import Path

import numpy as np
import pytest

from affectus.analysis.told import told
from affectus.frontends.textualise import UNITS, cues

EXAMPLES = Path(__file__).parents[2] / "examples"
SEEN = {"AU01", "AU02", "AU04", "AU10", "AU12", "AU15", "AU20", "AU24", "AU26"}

pytestmark = pytest.mark.assets


def test_a_film_is_told_by_face_and_voice() -> None:
    clip = told(EXAMPLES / "clip.mp4", fps=2, words=False)
    assert clip.units is not None
    assert clip.expressions is not None
    assert len(clip.times) == len(clip.units) == len(clip.expressions) > 2
    looked = clip.units[clip.expressions.any(1)]
    assert len(looked), "no face was found in the example"
    assert {unit for unit, column in zip(UNITS, looked.T, strict=True) if not np.isnan(column).any()} == SEEN
    text = cues(clip.whole(), neutral_face=True).text()
    assert text.startswith("Face: ")
    assert "Voice: " in text
    assert sum(len(block.features["action_units"]) for block in clip.blocks()) == len(clip.times)


def test_of_sound_alone_no_face_is_spoken() -> None:
    clip = told(EXAMPLES / "call.flac", words=False)
    assert clip.units is None
    assert cues(clip.whole()).text().startswith("Voice: ")
