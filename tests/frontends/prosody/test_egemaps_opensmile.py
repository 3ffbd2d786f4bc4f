"""Agreement with openSMILE on real sentences, where its package (not free for commercial use) and the corpora are."""

from pathlib import Path

import numpy as np
import pytest

from affectus.frontends.prosody import egemaps
from affectus.frontends.prosody.names import COLUMN, DESCRIPTORS, FUNCTIONALS, PLAIN
from affectus.media import read_wave

opensmile = pytest.importorskip("opensmile")

DATA = Path(__file__).parents[3] / ".." / "shared" / "data"
FOLDERS = {"EMO-DB": DATA / "emodb" / "wav", "RAVDESS": DATA / "ravdess-speech"}
PITCH = COLUMN["F0semitoneFrom27.5Hz"]


def smile(level):
    return opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, level)


def test_names_are_those_of_opensmile():
    assert smile(opensmile.FeatureLevel.LowLevelDescriptors).feature_names == list(DESCRIPTORS)
    assert smile(opensmile.FeatureLevel.Functionals).feature_names == list(FUNCTIONALS)


@pytest.mark.data
@pytest.mark.parametrize("corpus", list(FOLDERS))
def test_descriptors_agree(corpus):
    files = sorted(FOLDERS[corpus].rglob("*.flac"))[::24]
    if not files:
        pytest.skip(f"{corpus} is not here")
    extractor = smile(opensmile.FeatureLevel.LowLevelDescriptors)
    waves = [read_wave(path) for path in files]
    theirs = np.concatenate([extractor.process_signal(w, 16_000).to_numpy() for w in waves])
    ours = np.concatenate([egemaps.descriptors(w).values for w in waves])
    voiced = (ours[:, PITCH] > 0) & (theirs[:, PITCH] > 0)
    assert ((ours[:, PITCH] > 0) == (theirs[:, PITCH] > 0)).mean() > 0.99
    for i, name in enumerate(DESCRIPTORS):
        keep = slice(None) if i < PLAIN else voiced
        bar = 0.98 if i < PLAIN else 0.9  # a small part varies about the whole
        assert np.corrcoef(ours[keep, i], theirs[keep, i])[0, 1] > bar, name
