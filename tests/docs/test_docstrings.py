"""A docstring that lists arguments lists all of them, and only those that exist (pydoclint); what is returned may stand in its summary."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ARGUMENTS = re.compile(r"^\s+\d+: DOC1\d\d: .*", re.MULTILINE)


def test_documented_arguments_are_the_real_ones():
    command = [sys.executable, "-m", "pydoclint.main", "--quiet", "src/affectus"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "Traceback" not in shown.stderr
    wrong = ARGUMENTS.findall(shown.stdout + shown.stderr)
    assert not wrong, "\n".join(wrong[:20])
