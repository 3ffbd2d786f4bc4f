"""A voice that nobody has: draws, what is learned from planted directions, and what the edit does with it."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from test_mcadams import sample, voice

from affectus import registry
from affectus.errors import AssetError, CheckpointError, InputError
from affectus.frontends.vocoder import vocoder
from affectus.frontends.vocoder.reshape import OCTAVES, Target, traits
from affectus.media import read_wave
from affectus.registry import build, load
from affectus.roles import Anonymizer
from affectus.systems import pseudo_voice

CALL = Path(__file__).resolve().parents[2] / "examples" / "call.flac"
EMOTIONS = ("anger", "happiness", "neutral", "sadness")
NONE = Target(150.0, 1.0, np.ones(3), np.zeros(len(OCTAVES)))


def planted(seed=0, speakers=6, each=8):
    """Vectors in which speaker and emotion have directions of their own, and traits that follow the emotion."""
    rng = np.random.default_rng(seed)
    emotion_of, speaker_of = rng.standard_normal((4, 256)), 2 * rng.standard_normal((speakers, 256))
    pitch = np.array([5.0, 4.0, -4.0, -5.0])
    tint = rng.standard_normal((4, len(OCTAVES)))
    vectors, found, emotions, people = [], [], [], []
    for who in range(speakers):
        for e, emotion in enumerate(EMOTIONS):
            for _ in range(each):
                vectors.append(speaker_of[who] + emotion_of[e] + 0.3 * rng.standard_normal(256))
                found.append(np.append(pitch[e] + 3 * who, tint[e]))
                emotions.append(emotion)
                people.append(str(who))
    return np.array(vectors), np.array(found), emotions, people


@pytest.fixture
def taught():
    system = build("pseudo-voice/keep-emotion", engine="lpc", strength=1, neutral=1)
    system.learn(*planted())
    return system


def test_it_is_an_anonymizer_without_weights():
    found = load("pseudo-voice")
    assert isinstance(found, Anonymizer)
    assert found.config.emotions == ()


def test_the_voice_does_not_depend_on_the_speaker():
    system = build("pseudo-voice/tiny")
    low, high = voice(pitch=100), voice(pitch=220)
    drawn = system.draw(1, np.random.default_rng(5))[0]
    for wave in (low, high):
        [changed] = system.anonymize([sample(wave)], np.random.default_rng(5))
        pitch = vocoder("lpc").analyse(changed.wave(16_000)).pitch[20:-20]
        assert np.median(pitch[pitch > 0]) == pytest.approx(drawn.pitch, rel=0.05)


def test_each_sample_has_a_voice_of_its_own():
    drawn = build("pseudo-voice/tiny").draw(200, np.random.default_rng(0))
    pitch = np.array([d.pitch for d in drawn])
    assert len(np.unique(pitch)) == 200
    assert pitch.min() >= 150 * 2**-0.7
    assert pitch.max() <= 150 * 2**0.7
    tract = np.array([d.tract for d in drawn])
    assert tract.min() >= 1 / 1.2 - 1e-9
    assert tract.max() <= 1.2 + 1e-9
    assert np.corrcoef(np.log(pitch), np.log(tract.mean(1)))[0, 1] > 0.3, "small people have high voices"


def test_boundaries_tell_planted_emotions_of_new_speakers(taught):
    vectors, _, emotions, _ = planted(speakers=3, each=2)
    assert taught.boundaries.predict(vectors) == emotions


def test_the_way_from_neutral_is_read_from_new_speakers():
    vectors, found, emotions, people = planted(speakers=8)
    new = np.array([int(who) >= 6 for who in people])
    system = build("pseudo-voice/keep-emotion")
    known = np.flatnonzero(~new)
    system.learn(vectors[known], found[known], [emotions[i] for i in known], [people[i] for i in known])
    way = system.way(vectors[new], found[new])
    labels = np.array(emotions)[new]
    assert way[labels == "anger", 0].mean() > 5, "9 semitones above neutral were planted"
    assert abs(way[labels == "neutral", 0].mean()) < 3
    assert abs(way[labels == "sadness", 0].mean() + 1) < 3


def test_the_drawn_voice_goes_as_far_from_its_neutral(taught):
    way = np.array([5.0, -6, -5, -4, 0, 1, 2, 0])
    moved = taught.moved(NONE, way)
    assert 12 * np.log2(moved.pitch / 150) == pytest.approx(5)
    np.testing.assert_allclose(moved.colour, taught.edit.neutral.numpy() + way[1:])
    again = build("pseudo-voice/keep-emotion", engine="lpc", strength=0.5, neutral=0)
    again.learn(*planted())
    half = again.moved(NONE, way)
    assert half.pitch == pytest.approx(150 * 2 ** (2.5 / 12))
    np.testing.assert_allclose(half.colour, 0.5 * way[1:])


def test_no_reading_moves_a_voice_beyond_what_speech_does(taught):
    far = taught.moved(NONE, np.full(8, 1000.0))
    assert far.pitch == pytest.approx(150 * 2 ** (14 / 12))
    np.testing.assert_allclose(far.colour - taught.edit.neutral.numpy(), 24)


def test_the_emotion_is_put_back_into_the_sound(taught, monkeypatch):
    vectors, found, emotions, _ = planted()
    without = build("pseudo-voice/tiny").change(voice(), NONE)
    levels = []
    for at in (emotions.index("neutral"), emotions.index("anger")):
        monkeypatch.setattr(pseudo_voice, "speaker_vector", lambda wave, at=at: vectors[at])
        monkeypatch.setattr(pseudo_voice, "traits", lambda parts, detail, at=at: found[at])
        levels.append(traits(vocoder("lpc").analyse(taught.change(voice(), NONE)))[0])
    assert levels[1] > levels[0] + 5, "anger is higher"
    assert traits(vocoder("lpc").analyse(without))[0] == pytest.approx(0, abs=0.5)


def test_a_stretch_too_short_to_be_told_is_changed_all_the_same(taught, monkeypatch):
    monkeypatch.setattr(pseudo_voice, "speaker_vector", lambda wave: None)
    without = build("pseudo-voice/tiny").change(voice(0.3), NONE)
    np.testing.assert_array_equal(taught.change(voice(0.3), NONE), without)


def test_what_was_learned_is_stored(taught, tmp_path):
    taught.save_pretrained(tmp_path)
    again = load(str(tmp_path))
    np.testing.assert_array_equal(again.boundaries.normals, taught.boundaries.normals)
    np.testing.assert_array_equal(again.edit.map, taught.edit.map)


def test_nothing_learned_is_a_named_error():
    with pytest.raises(CheckpointError, match="learned no emotions"):
        build("pseudo-voice/keep-emotion", engine="lpc").change(voice(), NONE)
    vectors, found, emotions, people = planted()
    few = [i for i, e in enumerate(emotions) if e != "sadness"]
    with pytest.raises(InputError, match="no recording shows 'sadness'"):
        build("pseudo-voice/keep-emotion").learn(
            vectors[few], found[few], [emotions[i] for i in few], [people[i] for i in few]
        )


def test_who_is_never_neutral_or_alone_is_a_named_error():
    vectors, found, emotions, people = planted()
    never = [i for i, (e, who) in enumerate(zip(emotions, people, strict=True)) if (e, who) != ("neutral", "2")]
    alone = [i for i, who in enumerate(people) if who == "0"]
    for rows, says in ((never, "speaker '2' has no neutral recording"), (alone, "one speaker")):
        with pytest.raises(InputError, match=says):
            build("pseudo-voice/keep-emotion").learn(
                vectors[rows], found[rows], [emotions[i] for i in rows], [people[i] for i in rows]
            )


@pytest.mark.assets
def test_the_shipped_checkpoint_puts_back_the_pitch_that_it_reads():
    if pseudo_voice.CHECKPOINT not in registry.checkpoints():
        pytest.skip("the boundaries are not in this tree")
    found = load(pseudo_voice.CHECKPOINT)
    assert found.config.emotions == EMOTIONS
    assert found.boundaries.fitted
    try:
        parts, way = found.listen(read_wave(CALL, 16_000)[: 3 * 16_000].astype(np.float64))
    except AssetError:
        pytest.skip("the asset ge2e is not here")
    moved = found.config.strength * way[0]
    assert abs(moved) > 1, "a call that shows nothing would prove nothing"
    engine = vocoder(found.config.engine)
    levels = [traits(engine.analyse(found.speak(parts, emotion, NONE)))[0] for emotion in (None, way)]
    assert levels[1] - levels[0] == pytest.approx(np.clip(moved, -14, 14), abs=0.7)
