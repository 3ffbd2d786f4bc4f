import wave

import numpy as np
import pandas as pd
from typer.testing import CliRunner

from affectus.cli.app import app
from affectus.errors import FileError, InputError


def sound(path, seconds=0.5):
    time = np.arange(int(seconds * 16_000)) / 16_000
    samples = (3000 * np.sign(np.sin(2 * np.pi * 150 * time))).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples.tobytes())
    return path


def run(*words):
    return CliRunner().invoke(app, ["features", "egemaps", *map(str, words)])


def test_a_folder_becomes_a_table_with_a_row_for_each_file(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a.wav", "b.wav"):
        sound(tmp_path / "in" / name)
    result = run(tmp_path / "in", "--out", tmp_path / "out.parquet")
    assert result.exit_code == 0, result.output
    table = pd.read_parquet(tmp_path / "out.parquet")
    assert table.shape == (2, 4 + 88)
    assert "2 rows of 2 files" in result.output


def test_a_broken_file_is_told_and_the_others_are_read(tmp_path):
    sound(tmp_path / "a.wav")
    sound(tmp_path / "short.wav", 0.01)
    result = run(tmp_path / "a.wav", tmp_path / "short.wav", "--out", tmp_path / "out.csv", "--descriptors")
    assert result.exit_code == 1
    assert "short.wav" in result.output
    assert len(pd.read_csv(tmp_path / "out.csv")) == (8000 - 960) // 160 + 2


def test_other_suffixes_and_missing_files_are_errors(tmp_path):
    assert isinstance(run(sound(tmp_path / "a.wav"), "--out", tmp_path / "x.xlsx").exception, InputError)
    assert isinstance(run(tmp_path / "none.wav", "--out", tmp_path / "x.csv").exception, FileError)
