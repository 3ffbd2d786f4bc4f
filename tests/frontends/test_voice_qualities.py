import numpy as np

from affectus.frontends.prosody.summary import DESCRIPTORS
from affectus.frontends.speech.vad import Segment
from affectus.frontends.textualise import HIGH, voice_words
from affectus.frontends.voice_qualities import QUALITIES, qualities_of, voice_qualities

RATE = 16_000


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    return (0.1 * sum(np.sin(2 * np.pi * hertz * h * time) / h for h in range(1, 6))).astype(np.float32)


def test_every_quality_names_a_descriptor() -> None:
    names = {descriptor.name for descriptor in DESCRIPTORS}
    assert all(usual.descriptor in names and usual.deviation > 0 for usual in QUALITIES.values())


def test_scores_rise_with_what_they_name_and_stay_in_range() -> None:
    low, high = voice_qualities(tone(90)), voice_qualities(tone(400))
    assert low["pitch"] < HIGH < high["pitch"]
    assert all(0 <= score <= 2 * HIGH for found in (low, high) for score in found.values())
    paused = np.concatenate([tone(200, 0.5), np.zeros(RATE, np.float32), tone(200, 0.5)])
    assert voice_qualities(paused)["pauses"] > HIGH > voice_qualities(tone(200))["pauses"]


def test_what_is_not_defined_is_left_out() -> None:
    assert voice_qualities(np.zeros(RATE)) == {}
    hiss = np.random.default_rng(0).standard_normal(RATE) * 0.1
    assert "pitch" not in voice_qualities(hiss)


def test_qualities_have_the_times_of_their_segment() -> None:
    spoken = [(Segment(1.0, 2.0, 0.9), tone(400)), (Segment(5.0, 6.0, 0.9), np.zeros(RATE, np.float32))]
    found = qualities_of(spoken)
    assert {(q.start, q.end) for q in found} == {(1.0, 2.0)}
    assert "High pitch" in voice_words(found)
    assert [q.name for q in qualities_of(spoken, lambda wave: {"calm": 0.4})] == ["calm", "calm"]
