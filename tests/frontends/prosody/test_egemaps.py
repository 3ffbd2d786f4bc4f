"""eGeMAPS on signals whose truth is known, streams, and bad input."""

import wave as wav

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus.errors import InputError
from affectus.frontends.prosody import egemaps
from affectus.frontends.prosody.formants import resonances
from affectus.frontends.prosody.frames import HOP, SHORT, SHORT_BIN, cut, short_spectra
from affectus.frontends.prosody.index import save
from affectus.frontends.prosody.names import COLUMN, DESCRIPTORS, FUNCTIONALS
from affectus.frontends.prosody.periods import Periods
from affectus.frontends.prosody.spectral import slope
from affectus.frontends.prosody.stream import Stream

RATE = 16_000


def buzz(pitch, seconds=1.0, harmonics=20, fall=1.0, rate=RATE):
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(pitch, time.shape)) / rate
    return (0.1 * sum(np.sin(h * phase) / h**fall for h in range(1, harmonics + 1))).astype(np.float32)


def noise(seconds=1.0, scale=0.05, seed=0, rate=RATE):
    return np.random.default_rng(seed).normal(scale=scale, size=round(seconds * rate)).astype(np.float32)


def column(wave, name, rate=RATE):
    return egemaps.descriptors(wave, rate).values[:, COLUMN[name]]


def summary(wave, name, rate=RATE):
    return float(egemaps.functionals(wave, rate).values[0, FUNCTIONALS.index(name)])


def test_there_are_25_descriptors_and_88_functionals_with_names_of_their_own():
    assert len(DESCRIPTORS) == 25
    assert len(FUNCTIONALS) == len(set(FUNCTIONALS)) == 88


@pytest.mark.parametrize("pitch", [90.0, 131.7, 220.0, 330.0])
def test_pitch_of_a_buzz_is_found_within_a_tenth_of_a_semitone(pitch):
    found = column(buzz(pitch), "F0semitoneFrom27.5Hz")[5:-10]
    assert np.abs(found - 12 * np.log2(pitch / 27.5)).max() < 0.1


def test_noise_and_silence_are_unvoiced():
    assert (column(noise(), "F0semitoneFrom27.5Hz") > 0).mean() < 0.1
    assert not column(np.zeros(RATE, np.float32), "F0semitoneFrom27.5Hz").any()


def test_rows_do_not_depend_on_how_a_stream_is_cut():
    wave = np.concatenate([buzz(120, 2.3), noise(1.9), buzz(240, 3.1)]) + noise(7.3, 0.002, 1)
    whole = Stream()
    expected = np.concatenate([whole.push(wave), whole.finish()])
    rng = np.random.default_rng(2)
    for longest in (50, 3000, 70_000):
        stream, rows, at = Stream(), [], 0
        while at < len(wave):
            size = int(rng.integers(1, longest))
            rows.append(stream.push(wave[at : at + size]))
            at += size
        rows.append(stream.finish())
        assert np.array_equal(np.concatenate(rows), expected)


@given(st.integers(960, 9000), st.integers(0, 100))
@settings(max_examples=10, deadline=None)
def test_every_sound_of_60_ms_or_more_has_finite_rows(size, seed):
    wave = np.random.default_rng(seed).normal(scale=0.1, size=size).astype(np.float32)
    rows = egemaps.descriptors(wave)
    assert len(rows) == (size - 960) // 160 + 2
    assert np.isfinite(rows.values).all()
    assert np.isfinite(egemaps.functionals(wave).values).all()


def test_a_wave_shorter_than_60_ms_is_an_error_that_says_so():
    with pytest.raises(InputError, match=r"10 ms.*60 ms"):
        egemaps.functionals(noise(0.01))


def test_index_is_file_start_end():
    table = egemaps.functionals(noise(2.0), file="a.wav", segments=[(0, 0.5), (0.5, 2)]).to_pandas()
    assert table.index.names == ["file", "start", "end"]
    assert [str(t) for t in table.index.get_level_values("end")] == ["0 days 00:00:00.500000", "0 days 00:00:02"]
    assert list(table.columns) == list(FUNCTIONALS)


def resonator(pitch, frequencies, bandwidths, seconds=1.0):
    """Pulses through a cascade of resonances, as a vocal tract makes them."""
    from scipy.signal import lfilter

    wave = np.zeros(round(seconds * RATE))
    wave[:: round(RATE / pitch)] = 1
    for f, b in zip(frequencies, bandwidths, strict=True):
        r, w = np.exp(-np.pi * b / RATE), 2 * np.pi * f / RATE
        wave = lfilter([1], [1, -2 * r * np.cos(w), r * r], wave)
    return (0.3 * wave / np.abs(wave).max()).astype(np.float32)


@pytest.mark.parametrize("frequencies", [(700, 1200, 2600), (500, 1500, 2500), (600, 1700, 2700)])
def test_lower_resonances_of_a_known_tract_are_found(frequencies):
    frames = cut(resonator(100, frequencies, (80, 90, 120)), SHORT, 60)
    found = np.median(resonances(short_spectra(frames))[5:, :2], axis=0)
    assert np.abs(found - frequencies[:2]).max() < 40


def test_first_formant_follows_the_vowel():
    a, i = (column(resonator(110, f, (80, 90, 120)), "F1frequency") for f in ((700, 1200, 2600), (300, 2200, 3000)))
    assert np.median(a) > np.median(i) + 200


def pulses(lengths, heights):
    wave = np.zeros(int(np.sum(lengths)) + 600)
    time = np.arange(300)
    one = np.exp(-time / 18) * np.sin(2 * np.pi * 700 * time / RATE)
    for at, height in zip(np.cumsum(lengths), heights, strict=True):
        wave[at : at + 300] += height * one
    return (0.2 * wave / np.abs(wave).max()).astype(np.float32)


def test_known_jitter_is_measured_and_none_is_zero():
    lengths = 100 + np.random.default_rng(0).integers(-3, 4, 180)
    found = column(pulses(lengths, np.ones(180)), "jitterLocal")[20:-20]
    truth = np.abs(np.diff(lengths)).mean() / lengths.mean()
    assert found.mean() == pytest.approx(truth, rel=0.15)
    assert np.median(column(pulses(np.full(180, 100), np.ones(180)), "jitterLocal")[20:-20]) < 1e-3


def test_an_onset_has_a_period_even_where_two_outlast_the_step():
    wave = pulses(np.full(20, 200), np.tile([1.0, 0.8], 10))[190:]
    found = Periods().push(wave, 0, 0, np.full(4, RATE / 200))
    assert found[0, 1] == pytest.approx(20 * np.log10(1 + 0.2 / 0.9), abs=0.1)
    assert found[0, 0] == 0  # one period has no other to differ from


def test_jitter_of_a_jump_of_an_octave_is_at_most_one():
    wave = pulses([240] * 8 + [90] * 20, np.ones(28))[230:]
    pitch = np.where(np.arange(18) * HOP < 7 * 240, RATE / 240, RATE / 90)
    jitter = Periods().push(wave, 0, 0, pitch)[:, 0]
    assert jitter.max() == 1


def test_known_shimmer_is_measured_and_none_is_zero():
    heights = np.tile([1.0, 0.8], 90)
    found = column(pulses(np.full(180, 100), heights), "shimmerLocaldB")[20:-20]
    assert np.median(found) == pytest.approx(20 * np.log10(1 + 0.2 / 0.9), abs=0.4)
    assert np.median(column(pulses(np.full(180, 100), np.ones(180)), "shimmerLocaldB")[20:-20]) < 0.02


def test_twice_the_noise_costs_about_six_decibels_of_harmonics_to_noise():
    clean, added = buzz(150), noise(1.0, 0.05)
    less, more = (np.median(column(clean + k * added, "HNRdBACF")[10:-10]) for k in (1, 2))
    assert less - more == pytest.approx(6, abs=2.5)  # chance peaks of the noise hide a part


def test_slope_is_that_of_a_known_spectrum():
    power = 10 ** (np.arange(257) * SHORT_BIN * -0.02 / 10)[None]
    bins, steps = np.arange(16, 49), 32  # the convention divides by steps, see the module
    textbook = -0.02
    weights = (bins - bins.sum() / steps) / ((bins**2).sum() - bins.sum() ** 2 / steps)
    expected = (textbook * bins * SHORT_BIN) @ weights / SHORT_BIN
    assert slope(power, 500, 1500)[0] == pytest.approx(expected, rel=1e-6)


def test_a_louder_recording_is_louder_by_the_power_law_and_nothing_else_changes():
    wave = buzz(150) + noise(1.0, 0.01)
    quiet, loud = egemaps.descriptors(wave / 4), egemaps.descriptors(wave)
    i = COLUMN["Loudness"]
    assert np.allclose(loud.values[:, i] / quiet.values[:, i], 4**0.66, rtol=1e-3)
    same = [COLUMN[n] for n in ("alphaRatio", "hammarbergIndex", "F0semitoneFrom27.5Hz", "HNRdBACF", "F1frequency")]
    assert np.allclose(loud.values[:, same], quiet.values[:, same], rtol=1e-3, atol=1e-2)


def test_equivalent_level_is_that_of_the_samples():
    wave = np.full(RATE, 0.1, np.float32) * np.sign(buzz(200))
    assert summary(wave, "equivalentSoundLevel_dBp") == pytest.approx(-20, abs=0.1)


def test_voiced_segments_are_counted():
    gap = np.zeros(RATE // 4, np.float32)
    wave = np.concatenate([gap, *[part for _ in range(3) for part in (buzz(140, 0.3), gap)]])
    assert summary(wave, "VoicedSegmentsPerSec") == pytest.approx(3 / (len(wave) / RATE), rel=0.1)


@pytest.mark.parametrize("rate", [8_000, 48_000, 96_000])
def test_other_rates_are_resampled_and_low_ones_flagged(rate):
    found = egemaps.functionals(buzz(150, rate=rate), rate)
    mean = found.values[0, FUNCTIONALS.index("F0semitoneFrom27.5Hz_sma3nz_amean")]
    assert mean == pytest.approx(12 * np.log2(150 / 27.5), abs=0.1)
    assert ("narrow-band" in found.flags[0]) == (rate < RATE)


@pytest.mark.parametrize(
    ("damage", "flag"),
    [
        (lambda w: np.zeros_like(w), "silent"),
        (lambda w: np.where(np.arange(len(w)) % 100 == 0, np.nan, w).astype(np.float32), "non-finite-replaced"),
        (lambda w: np.clip(w * 30, -1, 1), "clipped"),
        (lambda w: w + np.float32(0.3), "dc-offset"),
    ],
)
def test_bad_sound_is_flagged_and_finite(damage, flag):
    wave = damage(buzz(150))
    for found in (egemaps.functionals(wave), egemaps.descriptors(wave)):
        assert flag in found.flags[0]
        assert np.isfinite(found.values).all()


def test_stereo_and_impossible_segments_are_errors():
    with pytest.raises(InputError, match="channels"):
        egemaps.descriptors(np.zeros((2, RATE), np.float32))
    with pytest.raises(InputError, match=r"0\.5–9 s"):
        egemaps.functionals(noise(1.0), segments=[(0.5, 9)])


def test_long_sound_is_cut_into_pieces_without_splinters():
    found = egemaps.functionals(noise(60.5))
    assert np.allclose(found.start, [0, 30.25])
    assert np.allclose(found.end, [30.25, 60.5])


def test_a_file_gives_what_its_samples_give(tmp_path):
    wave = (buzz(150, 1.5) * 32767).astype("<i2")
    path = tmp_path / "a.wav"
    with wav.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(wave.tobytes())
    samples = wave.astype(np.float32) / 32768
    rows = np.concatenate([part.values for part in egemaps.descriptors_of(path)])
    assert np.array_equal(rows, egemaps.descriptors(samples).values)
    assert np.array_equal(egemaps.functionals_of(path).values, egemaps.functionals(samples).values)
    for suffix in (".csv", ".parquet"):
        table = save(egemaps.descriptors_of(path), tmp_path / f"rows{suffix}")
        read = pd.read_csv(table) if suffix == ".csv" else pd.read_parquet(table)
        assert len(read) == len(rows)
        assert np.allclose(read["Loudness_sma3"], rows[:, 0])
    with pytest.raises(InputError, match="parquet"):
        save(egemaps.descriptors_of(path), tmp_path / "rows.xlsx")
