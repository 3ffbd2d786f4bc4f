from pathlib import Path

import numpy as np
import pytest
import torch

from affectus import assets, registry
from affectus.errors import AffectusError
from affectus.media import read_wave
from media_samples import make_wav

CALL = Path(__file__).resolve().parents[2] / "examples" / "call.flac"


@pytest.fixture
def models():
    for name in ("ge2e", "silero-vad"):
        try:
            assets.path(name)
        except AffectusError:
            pytest.skip(f"the asset {name} is not here")


@pytest.mark.assets
@pytest.mark.usefixtures("models")
def test_a_file_with_a_report(run, tmp_path):
    code, shown, _ = run("anonymize", CALL, tmp_path / "out.wav", "--method", "mcadams", "--seed", 1, "--report")
    assert code == 0
    assert "out.wav" in shown
    page = (tmp_path / "out.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert "not anonymity in the sense of the law" in page
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.assets
@pytest.mark.usefixtures("models")
def test_a_folder_of_which_one_fails(run, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    (source / "call.flac").write_bytes(CALL.read_bytes())
    (source / "broken.wav").write_bytes(b"RIFF\x00\x00\x00\x00WAVE")
    words = ("anonymize", source, tmp_path / "out", "--method", "mcadams", "-q")
    code, _, error = run(*words)
    assert code == 1
    assert "not written" in error
    assert "broken.wav" in error
    assert (tmp_path / "out" / "call.wav").exists()
    code, shown, _ = run(*words[:-1], "--resume")
    assert code == 1
    assert "1 were there already" in shown


def random_weights(folder, method):
    """A small network that knows nothing, stored as `affectus convert` stores published weights."""
    torch.manual_seed(0)
    system = registry.build("emotion-anonymization/tiny", method=method)
    rng = np.random.default_rng(0)
    labels = system.boundaries.labels * 10
    system.boundaries.fit(rng.standard_normal((40, 12)), labels, rng)
    system.variant = system.name = f"emotion-anonymization/{method}"
    system.save_pretrained(folder)
    return folder


@pytest.mark.assets
@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(("method", "also"), [("ohnn", ()), ("ohnn", ("--keep-emotion",)), ("selection", ())])
def test_a_network_with_weights_of_the_users_own(run, tmp_path, method, also):
    weights = random_weights(tmp_path / "weights", method)
    out = tmp_path / "out.wav"
    words = ("--method", method, "--weights", weights, "--seed", 1, *also)
    code, shown, error = run("anonymize", CALL, out, *words)
    assert code == 0, error
    assert "out.wav" in shown
    before, after = read_wave(CALL, 16_000), read_wave(out, 16_000)
    assert len(after) == len(before)
    assert 0.01 < np.abs(after).max() < 1
    code, _, error = run("anonymize", CALL, tmp_path / "o.wav", "--method", "mcadams", "--weights", weights)
    assert (code, "it needs none" in error) == (2, True)


def test_weights_that_do_not_fit_are_said(run, tmp_path):
    words = ("anonymize", CALL, tmp_path / "o.wav", "--method", "selection", "--weights")
    code, _, error = run(*words, tmp_path / "nowhere")
    assert (code, "affectus convert emotion-anonymization/selection" in error) == (2, True)
    code, _, error = run(*words, random_weights(tmp_path / "weights", "ohnn"))
    assert (code, "--method ohnn" in error) == (2, True)
    assert not (tmp_path / "o.wav").exists()


def test_mistakes_are_one_line(run, tmp_path):
    code, _, error = run("anonymize", CALL, CALL)
    assert (code, "the input itself" in error) == (2, True)
    code, _, error = run("anonymize", CALL, tmp_path / "o.wav", "--method", "ohnn")
    assert (code, "--weights FOLDER" in error) == (2, True)
    code, _, error = run("anonymize", tmp_path / "no.wav", tmp_path / "o.wav")
    assert (code, "no file or folder" in error) == (2, True)
    assert not list(tmp_path.iterdir())


@pytest.mark.assets
@pytest.mark.usefixtures("models")
def test_the_emotion_is_kept_by_the_shipped_boundaries(run, tmp_path):
    sound = read_wave(CALL, 16_000)[: 6 * 16_000]
    make_wav(tmp_path / "in.wav", wave=sound)
    written = []
    for also in ((), ("--keep-emotion",)):
        code, shown, error = run("anonymize", tmp_path / "in.wav", tmp_path / "out.flac", "--seed", 3, *also)
        assert (code, "out.flac" in shown) == (0, True), error
        written.append(read_wave(tmp_path / "out.flac", 16_000))
    without, kept = written
    assert len(kept) == len(without) == len(sound)
    assert np.abs(kept - without).max() > 0.01


def test_copies_beside_results_need_a_folder(run):
    code, _, error = run("analyze", CALL, "--anonymize")
    assert (code, "--out DIR" in error) == (2, True)
