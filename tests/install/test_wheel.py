"""The wheel, installed in an environment of its own outside the clone, analyses files offline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from affectus import assets

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
ROOT = Path(__file__).resolve().parents[2]
LARGEST = 60e6  # bytes of a wheel
NO_SOCKETS = """\
import os, socket

def refuse(*args, **kwargs):
    raise RuntimeError("a socket was opened")

if os.environ.get("TEST_NO_SOCKETS"):
    socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    pytest.importorskip("build")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory) -> Path:
    """Python of an empty environment with the wheel; its dependencies are those of the environment that runs the tests.

    Their folder comes behind the environment's own packages. A `.pth` line adds it without running the `.pth` files in
    it, so the link of an editable installation is not followed, and `affectus` can come from nowhere but the wheel.
    """
    home = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*install, wheel], check=True)
    own = Path(_ask(python, tmp_path_factory.getbasetemp(), "import sysconfig; print(sysconfig.get_path('purelib'))"))
    (own / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (own / "sitecustomize.py").write_text(NO_SOCKETS)
    return python


@pytest.fixture
def outside(tmp_path, monkeypatch) -> Path:
    """A working folder outside the clone, with nothing of the clone in the environment."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _ask(python: Path, cwd: Path, code: str) -> str:
    done = subprocess.run([python, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _affectus(python: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command with all sockets refused."""
    command = [python.parent / "affectus", *words]
    settings = {**os.environ, "TEST_NO_SOCKETS": "1"}
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=settings)


def _need_assets() -> None:
    for row in assets.listing():
        if row.asset.group == "default" and row.state != "ready":
            pytest.skip(f"{row.asset.name} was not fetched")


def test_the_wheel_is_small_and_whole(wheel):
    assert wheel.stat().st_size < LARGEST
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "affectus/py.typed",
        "affectus/assets/manifest.toml",
        "affectus/taxonomy/data/scales.json",
        "affectus/taxonomy/data/maps.json",
        "affectus/taxonomy/data/coordinates.json",
        "affectus/analysis/templates/report.html",
        "affectus/analysis/templates/report.css",
        "affectus/analysis/templates/report.js",
        "affectus/evaluation/templates/evaluation.html",
        "affectus/evaluation/templates/evaluation.css",
        "affectus/page/page.css",
    ):
        assert needed in names, f"the wheel lacks {needed}"
    clone = ROOT / "src" / "affectus" / "weights"
    for path in clone.glob("*/*"):
        assert f"affectus/weights/{path.parent.name}/{path.name}" in names
    assert not [name for name in names if name.split("/")[0] not in ("affectus",) and ".dist-info/" not in name]
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert any(name.endswith("/licenses/THIRD_PARTY.md") for name in names)


def test_the_wheel_carries_all_default_readers(wheel):
    from affectus.analysis.settings import READERS

    names = zipfile.ZipFile(wheel).namelist()
    for reader in READERS.values():
        folder = f"affectus/weights/{reader.partition('/')[2]}"
        assert f"{folder}/config.json" in names, f"the wheel lacks {reader}"
        assert f"{folder}/card.json" in names


def test_affectus_comes_from_the_wheel(python, outside):
    where = Path(_ask(python, outside, "import affectus; print(affectus.__file__)"))
    assert python.parent.parent in where.parents
    assert ROOT not in where.parents
    assert _affectus(python, outside, "--version").stdout.startswith("affectus ")


def test_it_reads_a_text_offline(python, outside):
    (outside / "notes.txt").write_text("I am so happy that you came! The train leaves at nine.")
    done = _affectus(python, outside, "analyze", "notes.txt", "--out", "results", "--formats", "parquet,csv,jsonl")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (outside / "results" / "timeline.jsonl").read_text().splitlines()]
    assert [row["text"] for row in rows] == ["I am so happy that you came!", "The train leaves at nine."]
    assert rows[0]["labels"]["goemotions-28"][0] == "joy"
    report = (outside / "results" / "report.html").read_text()
    assert "I am so happy" in report.replace("</mark>", "").replace("<mark>", "") or "happy" in report


@pytest.mark.assets
def test_it_reads_a_recording_offline(python, outside):
    _need_assets()
    recording = ROOT / "examples" / "call.flac"
    done = _affectus(python, outside, "analyze", str(recording), "--out", "results", "--formats", "jsonl,eaf")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (outside / "results" / "timeline.jsonl").read_text().splitlines()]
    assert {row["modality"] for row in rows} >= {"voice", "text", "fused"}
    assert (outside / "results" / "timeline.eaf").is_file()


def test_a_mistake_is_one_line(python, outside):
    done = _affectus(python, outside, "analyze", "absent.mp4")
    assert done.returncode == 2
    assert done.stderr.startswith("affectus: there is no file")
    assert done.stderr.count("\n") == 1
