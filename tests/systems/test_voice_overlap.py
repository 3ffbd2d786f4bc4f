"""Two people at once are said to be so, by the shipped reader; one person is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affectus import assets, registry
from affectus.corpora.base import load_corpus
from affectus.frontends.speech.overlap import FLAG, LAYER, Overlap, overlap
from affectus.media import read_wave
from affectus.sample import Media, Sample

DATA = Path(__file__).parents[3] / "shared" / "data"
CALL = Path(__file__).parents[2] / "examples" / "call.flac"
RATE = 16_000


@pytest.fixture(scope="module")
def reader():
    if "affectus/voice-embedded" not in registry.checkpoints():
        pytest.skip("the shipped reader is not in this tree")
    if any(row.state != "ready" for row in assets.listing() if row.asset.group == "default"):
        pytest.skip("the default assets are not fetched")
    return registry.load("affectus/voice-embedded")


def told(reader, waves) -> list[bool]:
    samples = [Sample(id=str(i), media=Media("audio", array=w, rate=RATE)) for i, w in enumerate(waves)]
    return [FLAG in reading.flags for reading in reader.read(samples)]


def level(wave: np.ndarray) -> np.ndarray:
    return (0.1 * wave / np.sqrt((wave**2).mean())).astype(np.float32)


def trimmed(wave: np.ndarray) -> np.ndarray:
    inside = np.flatnonzero(np.abs(wave) > 0.03 * np.abs(wave).max())
    return wave[inside[0] : inside[-1]]


def both(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    length = min(len(a), len(b))
    return level(a)[:length] + level(b)[:length]


def test_the_weight_stands_where_its_layer_is_pooled() -> None:
    found = Overlap(np.array([1.0, 2.0], np.float32), 0.5)
    assert found.within((2, LAYER)).tolist() == [0, 0, 1, 2]
    assert found.within((LAYER, 1)).tolist() == [1, 2, 0, 0]
    assert overlap().weight.shape == (2 * 384,)


@pytest.mark.assets
def test_one_after_the_other_is_no_overlap_but_at_once_is(reader) -> None:
    first, second = read_wave(CALL, RATE, 0.5, 3.6), read_wave(CALL, RATE, 4.5, 9.1)
    assert told(reader, [level(first), level(second), both(first, second)]) == [False, False, True]


@pytest.mark.assets
def test_silence_and_splinters_have_no_speakers(reader) -> None:
    splinter = level(read_wave(CALL, RATE, 14.6, 15.1))
    assert told(reader, [np.zeros(RATE, np.float32), splinter]) == [False, False]


@pytest.mark.data
@pytest.mark.assets
@pytest.mark.parametrize(("name", "folder"), [("emodb", "emodb"), ("ravdess", "ravdess-speech")])
def test_real_voices(reader, name: str, folder: str) -> None:
    if not (DATA / folder).is_dir():
        pytest.skip("the corpus is not here")
    samples = load_corpus(name, DATA / folder)["all"][::40]
    waves = [trimmed(sample.wave(RATE)) for sample in samples]
    others = [waves[(i + len(waves) // 2) % len(waves)] for i in range(len(waves))]
    assert all(a.track != samples[(i + len(waves) // 2) % len(waves)].track for i, a in enumerate(samples))
    assert np.mean(told(reader, waves)) <= 0.1
    assert np.mean(told(reader, [both(a, b) for a, b in zip(waves, others, strict=True)])) >= 0.8
