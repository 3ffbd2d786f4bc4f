"""`make demo` with stand-ins for Python and the command: its talk, and what happens when that can't be set up."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = r"""#!/bin/sh
echo "$(basename "$0") $*"
[ "$1" = chat ] && cat
case "$BROKEN" in *"$1 $3"*) exit 2;; esac
exit 0
"""
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


@pytest.fixture
def demo(tmp_path):
    """Run the target in an empty folder; `broken` are commands of `affectus` that fail."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "affectus"):
        (programs / name).write_text(SCRIPT)
        (programs / name).chmod(0o755)

    def run(broken: str = "none") -> subprocess.CompletedProcess[str]:
        env = {"PATH": os.environ["PATH"], "BROKEN": broken}
        return subprocess.run(["make", "demo"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    return run


def test_the_demo_ends_with_a_talk_about_a_file(demo):
    done = demo()
    assert done.returncode == 0, done.stderr
    *_, talk, first, second = done.stdout.splitlines()
    assert talk == "affectus chat --about results/demo --source call.flac --show-reasons"
    assert first.endswith("and when does it change?")
    assert second.endswith("when they are sad?")


def test_without_its_model_the_demo_says_so_and_does_not_fail(demo):
    done = demo("assets chat")
    assert done.returncode == 0, done.stderr
    assert "No talk about the files" in done.stdout
    assert "make .venv/.chat && .venv/bin/affectus chat --about results/demo" in done.stdout
    assert "affectus chat --about results/demo --source call.flac --show-reasons" not in done.stdout
    assert "and when does it change?" in demo().stdout  # once the model can be had


def test_a_failed_analysis_fails_the_demo(demo):
    assert demo("analyze --out").returncode != 0
