"""The job of changing voices: long sound in stretches, checks before writing, films, folders, bad input."""

import io
import json
import wave
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from affectus import assets
from affectus.analysis.anonymize import anonymize_file, anonymize_files, one, open_anonymizer
from affectus.analysis.anonymize.checks import Check
from affectus.analysis.anonymize.stretches import LEAST, changed, cut
from affectus.errors import AffectusError, FileError, InputError, OutputError
from affectus.media import probe, read_wave
from affectus.sample import Media
from media_samples import make_audio, make_wav, tone

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
RATE = 16_000


@pytest.fixture(scope="module")
def speech():
    return read_wave(EXAMPLES / "call.flac", RATE)[: 6 * RATE]


@pytest.fixture(scope="module")
def changer():
    for name in ("ge2e", "silero-vad"):
        try:
            assets.path(name)
        except AffectusError:
            pytest.skip(f"the asset {name} is not here")
    return open_anonymizer("mcadams")


class Spoiling:
    """An anonymiser that does something wrong."""

    variant = "spoiling/test"

    def __init__(self, spoil):
        self.spoil = spoil

    def anonymize(self, samples, rng=None):
        return [replace(s, media=Media("audio", array=self.spoil(s.wave(RATE)), rate=RATE)) for s in samples]


# -- stretches ---------------------------------------------------------------------------------------------------------
def blocks_of(sound, size=7 * RATE):
    return [(i / RATE, sound[i : i + size]) for i in range(0, len(sound), size)]


@pytest.mark.parametrize("seconds", [0.01, 1, 21.5, 22.5, 73.2])
def test_stretches_put_together_are_the_sound(seconds):
    sound = tone(seconds, RATE)
    stretches = list(cut(blocks_of(sound)))
    np.testing.assert_array_equal(np.concatenate(stretches), sound)
    assert all(len(s) >= LEAST for s in stretches[:-1])
    assert max(map(len, stretches)) <= 22 * RATE
    assert len(stretches) == 1 or len(stretches[-1]) >= 2 * RATE
    back = np.concatenate(list(changed(iter(stretches), np.copy)))
    np.testing.assert_allclose(back, sound, atol=1e-6)


def test_a_cut_stands_where_it_is_quiet():
    sound = tone(40, RATE)
    sound[14 * RATE : 14 * RATE + 1600] = 0
    first = next(cut(blocks_of(sound)))
    assert 14 * RATE <= len(first) <= 14 * RATE + 1600


def test_stretches_of_different_level_meet_without_a_step():
    sound = np.full(50 * RATE, 0.1, np.float32)
    gains = iter([1.0, 2.0, 1.5, 3.0])
    out = np.concatenate(list(changed(cut(blocks_of(sound)), lambda part: part * np.float32(next(gains)))))
    assert len(out) == len(sound)
    assert np.abs(np.diff(out)).max() < 0.001


# -- one file ----------------------------------------------------------------------------------------------------------
@pytest.mark.assets
def test_a_copy_in_another_voice(changer, speech, tmp_path):
    make_wav(tmp_path / "in.wav", wave=speech)
    done = anonymize_file(tmp_path / "in.wav", tmp_path / "out.wav", changer, seed=1)
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (RATE, 1, len(speech))
    assert done.similarity < 0.75
    assert 0 < done.spoken <= done.seconds == pytest.approx(len(speech) / RATE)
    assert not list(tmp_path.glob(".*")), "nothing half-written stays"
    first = (tmp_path / "out.wav").read_bytes()
    anonymize_file(tmp_path / "in.wav", tmp_path / "out.wav", changer, seed=1)
    assert (tmp_path / "out.wav").read_bytes() == first
    anonymize_file(tmp_path / "in.wav", tmp_path / "out.wav", changer)
    assert (tmp_path / "out.wav").read_bytes() != first, "without a seed nobody can repeat the voice"


@pytest.mark.parametrize(
    ("likeness", "made", "tries"),
    [
        ([0.69], [0], 1),
        ([0.72, 0.65], [0, 1], 2),
        ([0.8, 0.75, 0.72, 0.78, 0.8], [0, 1, 2, 3, 4, 2], 5),
        ([0.8, 0.79, 0.78, 0.77, 0.76], [0, 1, 2, 3, 4], 5),
    ],
)
def test_voices_are_drawn_until_one_is_strange_else_the_least_alike_is_taken(monkeypatch, likeness, made, tries):
    asked = []

    class Heard(Check):
        similarity = 0.0

        def require_speech(self, name):
            pass

    def change(source, held, anonymizer, seed, advance):
        asked.append(seed[1])
        check = object.__new__(Heard)
        check.similarity = likeness[seed[1]]
        return check, []

    monkeypatch.setattr(one, "_change", change)
    check, _, drawn = one._moved(Path("x.wav"), io.BytesIO(), None, 1, lambda seconds: None)
    assert (asked, drawn, check.similarity) == (made, tries, min(likeness))


@pytest.mark.assets
@pytest.mark.parametrize("suffix", [".flac", ".mp3", ".ogg", ".m4a"])
def test_other_sound_formats(changer, speech, tmp_path, suffix):
    make_wav(tmp_path / "in.wav", wave=speech)
    anonymize_file(tmp_path / "in.wav", tmp_path / f"out{suffix}", changer, seed=1)
    assert probe(tmp_path / f"out{suffix}").duration == pytest.approx(len(speech) / RATE, abs=0.1)


@pytest.mark.assets
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_film_keeps_its_picture(changer, tmp_path, suffix):
    target = tmp_path / f"out{suffix}"
    anonymize_file(EXAMPLES / "clip.mp4", target, changer, seed=1)
    with av.open(str(EXAMPLES / "clip.mp4")) as before, av.open(str(target)) as after:
        pictures = [[bytes(p) for p in film.demux(film.streams.video[0]) if p.size] for film in (before, after)]
        assert len(pictures[0]) == len(pictures[1])
    with av.open(str(EXAMPLES / "clip.mp4")) as before, av.open(str(target)) as after:
        times = [[f.time for f in film.decode(video=0)] for film in (before, after)]
        np.testing.assert_allclose(times[0], times[1], atol=0.002)
        assert len(after.streams.audio) == 1
        assert not {k for k in after.metadata if k.lower() in ("title", "artist", "comment", "location")}
    old, new = (read_wave(path, RATE) for path in (EXAMPLES / "clip.mp4", target))
    assert abs(len(old) - len(new)) < 0.1 * RATE


@pytest.mark.assets
@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda w: w.copy(), "it is the input"),
        (lambda w: np.zeros_like(w), "silent"),
        (lambda w: np.full_like(w, np.nan), "not finite"),
        (lambda w: np.sign(w) * np.float32(1.0), "clipped"),
        (lambda w: (w * 0.98).astype(np.float32), "still like the speaker's"),
    ],
)
def test_a_result_that_fails_its_checks_is_not_written(changer, speech, tmp_path, spoil, says):
    make_wav(tmp_path / "in.wav", wave=speech[: 3 * RATE])
    with pytest.raises(OutputError, match=says):
        anonymize_file(tmp_path / "in.wav", tmp_path / "out.wav", Spoiling(spoil), seed=0)
    assert [p.name for p in tmp_path.iterdir()] == ["in.wav"]


@pytest.mark.assets
def test_the_input_is_never_overwritten(changer, speech, tmp_path):
    path = tmp_path / "in.wav"
    make_wav(path, wave=speech)
    before = path.read_bytes()
    (tmp_path / "link.wav").symlink_to(path)
    for target in (path, tmp_path / "link.wav", tmp_path / "x" / ".." / "in.wav"):
        (tmp_path / "x").mkdir(exist_ok=True)
        with pytest.raises(OutputError, match="the input itself"):
            anonymize_file(path, target, changer)
    assert path.read_bytes() == before


@pytest.mark.assets
@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_channels(changer, speech, tmp_path, rate, channels):
    from affectus.media import resample

    sound = resample(speech[: 3 * RATE], RATE, rate)
    make_wav(tmp_path / "in.wav", rate=rate, channels=channels, wave=np.tile(sound, (channels, 1)))
    done = anonymize_file(tmp_path / "in.wav", tmp_path / "out.wav", changer, seed=1)
    assert done.seconds == pytest.approx(3.0, abs=0.01)


@pytest.mark.assets
@pytest.mark.parametrize(
    ("sound", "error"),
    [
        (np.zeros(RATE), "no speech"),
        (np.full(160, 0.1), "no speech"),
        (np.full(2 * RATE, 0.4), "no speech"),
        (tone(4, RATE), "no speech"),
    ],
    ids=["silence", "10 ms", "constant", "a tone"],
)
def test_what_holds_no_speech_is_refused(changer, tmp_path, sound, error):
    make_wav(tmp_path / "in.wav", wave=sound.astype(np.float32))
    with pytest.raises(FileError, match=error):
        anonymize_file(tmp_path / "in.wav", tmp_path / "out.wav", changer)
    assert not (tmp_path / "out.wav").exists()


@pytest.mark.assets
def test_damage_is_told(changer, speech, tmp_path):
    loud = np.clip(12 * speech, -1, 1)
    make_wav(tmp_path / "loud.wav", wave=loud)
    assert any("clipped" in r for r in anonymize_file(tmp_path / "loud.wav", tmp_path / "o.wav", changer).remarks)
    make_wav(tmp_path / "offset.wav", wave=speech + 0.3)
    anonymize_file(tmp_path / "offset.wav", tmp_path / "o.wav", changer)
    assert abs(read_wave(tmp_path / "o.wav", RATE).mean()) < 0.01
    broken = speech.copy()
    broken[1000:1100] = np.nan
    make_audio(tmp_path / "nan.wav", wave=broken, codec="pcm_f32le")
    assert any("non-finite" in r for r in anonymize_file(tmp_path / "nan.wav", tmp_path / "o.wav", changer).remarks)
    make_wav(tmp_path / "whole.wav", wave=speech)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "whole.wav").read_bytes()[: 2 * 4 * RATE])
    assert any("truncated" in r for r in anonymize_file(tmp_path / "cut.wav", tmp_path / "o.wav", changer).remarks)
    (tmp_path / "head.wav").write_bytes((tmp_path / "whole.wav").read_bytes()[:30])
    with pytest.raises(FileError):
        anonymize_file(tmp_path / "head.wav", tmp_path / "o2.wav", changer)


# -- folders -----------------------------------------------------------------------------------------------------------
@pytest.mark.assets
def test_a_folder_goes_on_where_it_stopped(changer, speech, tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    (source / "deep").mkdir(parents=True)
    make_wav(source / "a.wav", wave=speech)
    make_audio(source / "a.flac", wave=speech[: 4 * RATE])
    make_wav(source / "deep" / "b.wav", wave=speech[: 5 * RATE])
    make_wav(source / "silent.wav", wave=np.zeros(RATE, np.float32))
    (source / "notes.txt").write_text("words")
    choices = {"method": "mcadams"}
    done = anonymize_files(source, target, changer, seed=1, choices=choices)
    copies = sorted(str(p.relative_to(target)) for p in target.rglob("*.wav"))
    assert copies == ["a.flac.wav", "a.wav.wav", "deep/b.wav"]
    assert (len(done.outcomes), done.kept, done.ignored) == (3, 0, 1)
    assert [f.file for f in done.failures] == ["silent.wav"]
    stamps = {p: p.stat().st_mtime_ns for p in target.rglob("*.wav")}
    make_wav(source / "deep" / "b.wav", wave=speech[: 3 * RATE])
    again = anonymize_files(source, target, changer, seed=1, resume=True, choices=choices)
    assert (len(again.outcomes), again.kept) == (1, 2)
    assert [p.name for p in stamps if p.stat().st_mtime_ns != stamps[p]] == ["b.wav"]
    record = json.loads((target / "anonymized.json").read_text())
    assert set(record["files"]) == {"a.wav", "a.flac", "deep/b.wav"}
    assert "seed" not in json.dumps(record["files"])
    other = anonymize_files(source, target, changer, seed=1, resume=True, choices={"method": "embedded"})
    assert other.kept == 0, "other choices make other copies"


def test_what_is_asked_for_wrongly(tmp_path):
    with pytest.raises(InputError, match=r"method is 'mcadam'.*did you mean 'mcadams'"):
        open_anonymizer("mcadam")
    for method in ("ohnn", "selection"):
        with pytest.raises(InputError, match=r"needs trained weights.*--weights FOLDER"):
            open_anonymizer(method)
    with pytest.raises(InputError, match="needs none"):
        open_anonymizer("mcadams", weights=tmp_path)
    with pytest.raises(InputError, match="can't keep the emotion"):
        open_anonymizer("mcadams", keep_emotion=True)
    changer = open_anonymizer("mcadams")
    make_wav(tmp_path / "in.wav")
    with pytest.raises(InputError, match="can't be written to"):
        anonymize_file(tmp_path / "in.wav", tmp_path / "out.xyz", changer)
    with pytest.raises(FileError, match="there is no file or folder"):
        anonymize_files(tmp_path / "absent.wav", tmp_path / "out.wav", changer)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        anonymize_file(tmp_path / "in.wav", tmp_path / "folder", changer)
    with pytest.raises(OutputError, match="the input itself"):
        anonymize_files(tmp_path, tmp_path, changer)
