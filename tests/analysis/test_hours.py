"""Three hours through the whole job: no more memory than ten minutes, and what is said is found in its place."""

import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from affectus import assets, registry
from affectus.media import read_wave
from affectus.timeline import Timeline

pytestmark = [pytest.mark.slow, pytest.mark.assets, pytest.mark.timeout(3600)]
RATE = 16_000
CALL = Path(__file__).parents[2] / "examples" / "call.flac"
ROOM = 100 << 20  # bytes by which two runs may differ

JOB = """
import resource, sys
from affectus import analyze
analyze(sys.argv[1]).save(sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.fixture(autouse=True)
def models():
    if "affectus/voice-embedded" not in registry.checkpoints():
        pytest.skip("the shipped readers are not in this tree")
    if any(row.state != "ready" for row in assets.listing() if row.asset.group == "default"):
        pytest.skip("the default assets are not fetched")


def recording(path: Path, minutes: int, spoken: list[int]) -> None:
    """A quiet room in which somebody speaks for six seconds at the given minutes; written minute by minute."""
    speech, rng = read_wave(CALL, RATE, 0.0, 6.0), np.random.default_rng(0)
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        for minute in range(minutes):
            sound = 3e-4 * rng.standard_normal(60 * RATE).astype(np.float32)
            if minute in spoken:
                sound[: len(speech)] += speech
            out.writeframes((32_767 * np.clip(sound, -1, 1)).astype("<i2").tobytes())


def analysed(folder: Path, minutes: int, spoken: list[int]) -> tuple[int, Timeline]:
    path, result = folder / f"{minutes}.wav", folder / f"{minutes}.parquet"
    recording(path, minutes, spoken)
    done = subprocess.run([sys.executable, "-c", JOB, path, result], capture_output=True, text=True, check=True)
    path.unlink()
    return int(done.stdout.split()[-1]), Timeline.load(result)


def test_three_hours_need_no_more_memory_than_ten_minutes(tmp_path):
    short, _ = analysed(tmp_path, 10, [0, 9])
    long, found = analysed(tmp_path, 180, [0, 179])
    assert long < short + ROOM
    voices = [a for a in found if a.modality == "voice"]
    assert {int(a.start // 60) for a in voices} == {0, 179}
