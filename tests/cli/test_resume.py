"""Killed at any moment, a job goes on and ends with the same result."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from affectus import Timeline

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("text_reader")]
FILES = 24


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "in"
    place.mkdir()
    for i in range(FILES):
        (place / f"{i:02}.txt").write_text(
            " ".join(f"This is sentence {j} of text {i}, and I love it." for j in range(25))
        )
    return place


def command(folder, out, *more):
    words = [
        sys.executable,
        "-m",
        "affectus.cli",
        "analyze",
        str(folder),
        "--out",
        str(out),
        "-q",
        "--formats",
        "parquet,csv",
    ]
    return [*words, *more]


def record(out):
    row = json.loads((out / "run.json").read_text())
    row.pop("written")
    for source in row["sources"]:
        source.pop("seconds")
    return row


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("parts", [1, FILES // 2, FILES - 2])
def test_a_killed_job_goes_on_to_the_same_result(folder, tmp_path, parts, jobs):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run(command(folder, whole), check=True)
    job = subprocess.Popen(command(folder, broken, "--jobs", jobs), start_new_session=True)
    deadline = time.monotonic() + 120
    while len(list((broken / ".parts").glob("*.json"))) < parts and job.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(job.pid, signal.SIGKILL)
    job.wait()
    assert not (broken / "timeline.parquet").exists() or job.returncode == 0
    assert not [p for p in broken.glob("*") if p.suffix == ".part"]
    subprocess.run(command(folder, broken, "--resume", "--jobs", jobs), check=True)
    assert Timeline.load(broken / "timeline.parquet").table.equals(Timeline.load(whole / "timeline.parquet").table)
    assert (broken / "timeline.csv").read_bytes() == (whole / "timeline.csv").read_bytes()
    assert record(broken) == record(whole)
