"""Robustness: changed sound is what it says, and the figures are those that must come out."""

import json

import numpy as np
import pytest
from voices import PITCH, RATE, Pitched, corpus, tone

from affectus.errors import InputError, MissingDependency
from affectus.evaluation.probes import material, robustness, write
from affectus.evaluation.probes.conditions import Condition, babble, conditions
from affectus.frontends.degrade import at_speed
from affectus.media.coding import CODECS, Codec, available, coded

GRID = {(c.family, c.name): c.change for c in conditions(babble([tone(label) for label in PITCH]))}


def changed(family, name, wave, seed=0):
    return GRID[family, name](wave, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", ["white noise", "babble"])
@pytest.mark.parametrize("snr", [30, 0])
def test_noise_stands_at_its_ratio(kind, snr):
    wave = tone("anger").astype(float)
    noise = changed(kind, f"{snr} dB SNR", wave) - wave
    assert 10 * np.log10((wave**2).mean() / (noise**2).mean()) == pytest.approx(snr, abs=0.01)


def test_gain_is_stored_with_16_bits_and_cut_at_full_scale():
    wave = tone("anger", level=0.5)
    assert np.abs(changed("gain, 16 bit", "+12 dB", wave)).max() == 1
    quiet = changed("gain, 16 bit", "−40 dB", wave)
    assert np.abs(quiet * 100 - wave).max() < 0.6 * 100 / 32767
    assert np.array_equal(quiet * 32767, np.rint(quiet * 32767))


def test_resampling_takes_what_lies_above_half_its_rate():
    high, low = (np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE) for hertz in (3000, 1000))
    assert np.abs(changed("resampled to", "4 kHz", high)[2000:-2000]).max() < 0.01
    assert np.abs(changed("resampled to", "4 kHz", low) - low)[2000:-2000].max() < 0.01


def test_a_room_has_its_energy_and_decay():
    click = np.zeros(2 * RATE)
    click[0] = 1.0
    tail = changed("room", "RT60 1.2 s", click)[1:]
    assert 10 * np.log10(1 / (tail**2).sum()) == pytest.approx(3, abs=0.1)
    early, late = (10 * np.log10((tail[at : at + 3200] ** 2).mean()) for at in (0, 9600))
    assert early - late == pytest.approx(30, abs=2)  # 0.6 s at 50 dB a second


def test_speed_moves_pitch_and_length():
    fast = changed("speed", "× 1.25", tone("neutral"))
    assert len(fast) == pytest.approx(0.5 * RATE / 1.25, abs=2)
    assert np.abs(np.fft.rfft(fast)).argmax() * RATE / len(fast) == pytest.approx(550, abs=3)


@pytest.mark.parametrize("name", CODECS)
def test_codecs_keep_length_and_pitch_and_lose_something(name):
    if not available(CODECS[name]):
        pytest.skip("this FFmpeg lacks the encoder")
    wave = tone("neutral", 1.0)
    heard = coded(wave, RATE, CODECS[name])
    assert heard.shape == wave.shape
    assert np.abs(np.fft.rfft(heard)).argmax() == 440
    assert 0 < np.abs(heard - wave).mean() < 0.2


def test_a_codec_that_is_not_there_is_named():
    with pytest.raises(MissingDependency, match="no encoder 'no-such'"):
        coded(tone("anger"), RATE, Codec("no-such", "wav", RATE))


def test_answers_that_move_are_counted(tmp_path):
    loaded = corpus({"a": "female", "b": "male", "c": "female"})
    grid = [
        Condition("gain", "half", lambda wave, rng: wave / 2),
        Condition("speed", "half an octave", lambda wave, rng: at_speed(wave, 0.64)),
        Condition("white noise", "drowned", lambda wave, rng: 0.001 * wave + 0.3 * rng.standard_normal(len(wave))),
    ]
    found = robustness(material(Pitched(), loaded, resamples=200), grid)
    gain, speed, noise = found.values["rows"]
    assert found.values["original"]["value"] == 1
    assert (gain["value"], gain["difference"], gain["other_answer"], gain["refused"]) == (1, 0, 0, 0)
    assert gain["score_change"] < 1e-6
    assert (speed["value"], speed["difference"], speed["other_answer"]) == (0.25, -0.75, 0.75)  # only sadness stays
    assert speed["score_change"] > 0.3
    assert noise["refused"] == 1
    page, values = write(found, tmp_path / "out")
    text = page.read_text()
    assert "half an octave" in text
    assert "http" not in text.replace("http-equiv", "")
    row = json.loads(values.read_text())
    assert row["probe"] == "robustness"
    assert row["protocol"]["figure"] == "UAR"
    assert "seed 0" in row["protocol"]["intervals"]
    assert len(row["rows"]) == 3


def test_the_same_seed_gives_the_same_figures():
    grid = [Condition("speed", "drawn", lambda wave, rng: at_speed(wave, rng.uniform(0.7, 1.4)))]
    loaded = corpus({"a": "female", "b": "male"}, rounds=1)
    rows = [
        robustness(material(Pitched(), loaded, resamples=50, seed=seed), grid).values["rows"][0] for seed in (1, 1, 2)
    ]
    assert rows[0] == rows[1]
    assert rows[0]["score_change"] != rows[2]["score_change"]


def test_a_draw_of_items_is_said_and_bad_numbers_are_named():
    loaded = corpus({"a": "female", "b": "male"})
    of = material(Pitched(), loaded, items=9, resamples=0)
    assert len(of.samples) == 9
    assert any("9 items were drawn" in remark for remark in of.remarks)
    with pytest.raises(InputError, match=r"25 items.*0 \(all\) to 24"):
        material(Pitched(), loaded, items=25)


def test_readers_of_other_things_are_refused():
    from affectus.registry import build

    with pytest.raises(InputError, match="reads text"):
        material(build("text-classifier/tiny"), corpus({"a": "female"}))
