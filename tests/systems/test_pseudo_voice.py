"""A voice that nobody has: draws, what is learned from planted directions, and what the edit does with it."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from test_mcadams import sample, voice

from affectus import registry
from affectus.errors import CheckpointError, InputError
from affectus.frontends.vocoder import vocoder
from affectus.frontends.vocoder.reshape import OCTAVES, Target, traits
from affectus.nn.boundaries import normalised, signed_distance
from affectus.registry import build, load
from affectus.roles import Anonymizer
from affectus.systems import pseudo_voice

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
    system = build("pseudo-voice/keep-emotion", engine="lpc")
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


def test_the_edit_moves_pitch_and_spectrum_towards_the_emotion(taught):
    vectors, found, emotions, people = planted()
    centred = pseudo_voice._within(found, np.array(emotions), np.array(people))
    neutral = vectors[emotions.index("neutral")]
    for emotion in ("anger", "sadness"):
        shown = vectors[emotions.index(emotion)]
        moved = taught._compensated(NONE, before=shown, after=neutral)
        wanted = centred[[e == emotion for e in emotions]].mean(0)
        assert np.sign(np.log(moved.pitch / 150)) == np.sign(wanted[0])
        assert np.corrcoef(moved.colour, wanted[1:])[0, 1] > 0.5


def test_the_distance_that_is_set_is_that_of_unchanged_speech_times_the_strength(taught):
    vectors, _, emotions, _ = planted()
    rows = normalised(vectors)[[e == "anger" for e in emotions]]
    own = signed_distance(rows, taught.boundaries.normal("anger")).mean()
    assert float(taught.edit.distances[0]) == pytest.approx(own)
    # A voice that stands there already is left as it is.
    there = rows[0] + (taught.config.strength * own - signed_distance(rows[0], taught.boundaries.normal("anger"))) * (
        taught.boundaries.normal("anger")
    )
    stays = taught._compensated(NONE, before=rows[0], after=there)
    scale = np.linalg.norm(there) / 16.0  # the length is set anew, which takes back a part
    assert abs(np.log(stays.pitch / 150)) < abs(np.log(2)) * abs(scale - 1) + 0.05


def test_the_predicted_emotion_is_put_back_into_the_sound(taught, monkeypatch):
    vectors, _, emotions, _ = planted()
    shown, plain = vectors[emotions.index("anger")], vectors[emotions.index("sadness")]
    told = iter([shown, plain])
    monkeypatch.setattr(pseudo_voice, "speaker_vector", lambda wave: next(told))
    without, kept = taught.both(voice(), NONE)
    level = [traits(vocoder("lpc").analyse(wave))[0] for wave in (without, kept)]
    assert level[1] > level[0] + 1, "anger is higher"


def test_a_stretch_too_short_to_be_told_is_changed_all_the_same(taught, monkeypatch):
    monkeypatch.setattr(pseudo_voice, "speaker_vector", lambda wave: None)
    without, kept = taught.both(voice(0.3), NONE)
    np.testing.assert_array_equal(without, kept)


def test_what_was_learned_is_stored(taught, tmp_path):
    taught.save_pretrained(tmp_path)
    again = load(str(tmp_path))
    np.testing.assert_array_equal(again.boundaries.normals, taught.boundaries.normals)
    np.testing.assert_array_equal(again.edit.map, taught.edit.map)


def test_nothing_learned_is_a_named_error():
    with pytest.raises(CheckpointError, match="learned no emotions"):
        build("pseudo-voice/keep-emotion", engine="lpc").both(voice(), NONE)
    vectors, found, emotions, people = planted()
    few = [i for i, e in enumerate(emotions) if e != "sadness"]
    with pytest.raises(InputError, match="no recording shows 'sadness'"):
        build("pseudo-voice/keep-emotion").learn(
            vectors[few], found[few], [emotions[i] for i in few], [people[i] for i in few]
        )


@pytest.mark.assets
def test_the_shipped_checkpoint_changes_a_voice():
    if pseudo_voice.CHECKPOINT not in registry.checkpoints():
        pytest.skip("the boundaries are not in this tree")
    found = load(pseudo_voice.CHECKPOINT)
    assert found.config.emotions == EMOTIONS
    assert found.boundaries.fitted
