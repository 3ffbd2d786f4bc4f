from pathlib import Path

import pytest

from affectus import assets
from affectus.errors import AffectusError

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


def test_mistakes_are_one_line(run, tmp_path):
    code, _, error = run("anonymize", CALL, CALL)
    assert (code, "the input itself" in error) == (2, True)
    code, _, error = run("anonymize", CALL, tmp_path / "o.wav", "--method", "ohnn")
    assert (code, "--weights FOLDER" in error) == (2, True)
    code, _, error = run("anonymize", tmp_path / "no.wav", tmp_path / "o.wav")
    assert (code, "no file or folder" in error) == (2, True)
    assert not list(tmp_path.iterdir())
