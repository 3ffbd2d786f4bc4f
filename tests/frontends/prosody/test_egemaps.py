"""eGeMAPS on signals whose truth is known, streams, and bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus.errors import InputError
from affectus.frontends.prosody import egemaps
from affectus.frontends.prosody.names import COLUMN, DESCRIPTORS, FUNCTIONALS
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
