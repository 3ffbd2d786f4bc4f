"""`affectus probe` with a small reader on a small corpus in the layout of EMO-DB."""

import json
import wave

import numpy as np
import pytest
import torch

from affectus import registry
from affectus.taxonomy import Target

RATE = 16_000


@pytest.fixture
def reader(tmp_path):
    torch.manual_seed(0)
    system = registry.build("dawn-ser/tiny", targets=(Target("emodb-4", "intended"),))
    system.name = "tiny"
    system.save_pretrained(tmp_path / "reader")
    return tmp_path / "reader"


@pytest.fixture
def data(tmp_path):
    folder, rng = tmp_path / "emodb" / "wav", np.random.default_rng(0)
    folder.mkdir(parents=True)
    for speaker in ("03", "08", "09"):
        for i, letter in enumerate("WFNT"):
            with wave.open(str(folder / f"{speaker}a0{i + 1}{letter}a.wav"), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(RATE)
                file.writeframes((3000 * rng.standard_normal(RATE // 2)).astype("<i2").tobytes())
    return folder.parent


@pytest.mark.parametrize("probe", ["robustness", "fairness", "efficiency"])
def test_each_probe_writes_a_page_and_its_figures(run, reader, data, tmp_path, probe):
    words = ("--on", "emodb", "--data", data, "--bootstrap", 20, "--items", 12, "--out", tmp_path / "out")
    code, shown, _ = run("probe", probe, reader, *words)
    assert code == 0
    assert "12 items were drawn" in shown
    row = json.loads((tmp_path / "out" / f"{probe}.json").read_text())
    assert row["protocol"]["protocol"] == "emodb/speakers"
    assert row["date"]
    page = (tmp_path / "out" / f"{probe}.html").read_text()
    assert "<svg" in page
    assert "script-src &#39;none&#39;" in page or "script-src 'none'" in page


def test_words_alone(run, reader, tmp_path):
    pytest.importorskip("hibari")
    code, shown, _ = run("probe", "linguistic", reader, "--bootstrap", 0, "--out", tmp_path / "out")
    assert code == 0
    assert "90 synthetic sentences" in shown
    row = json.loads((tmp_path / "out" / "linguistic.json").read_text())
    assert len(row["spoken"]["valence"]) == 30


def test_mistakes_are_one_line(run, reader, data, tmp_path):
    common = ("--data", data, "--out", tmp_path / "out", "-q")
    for words, said in {
        ("robustness", reader, "--on", "emodbb"): "did you mean 'emodb'",
        ("robustness", reader, "--on", "emodb", "--items", "13"): "0 (all) to 12",
        ("fairness", reader, "--on", "emodb/four"): "no protocol of 'emodb' named 'four'",
        ("fairness", "vader", "--on", "emodb"): "reads",
    }.items():
        code, _, error = run("probe", *words, *common)
        assert code == 2
        assert said in error
    code, _, error = run("probe", "linguistic", reader, "--on", "emodb")
    assert code == 2
    assert "'sentences'" in error
    assert not (tmp_path / "out").exists()
