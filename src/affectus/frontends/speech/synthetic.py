"""Speech made from text, in a neutral manner: hibari, or flite where that is on the path."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from affectus.errors import MissingDependency, check_option, require
from affectus.media import read_wave, resample

RATE = 16_000  # Hz
ENGINES = ("hibari", "flite")

Voice = Callable[[str], np.ndarray]


def voice(engine: str = "") -> tuple[Voice, str]:
    """A voice that speaks English.

    Args:
        engine: `hibari` (the extra `voice-out`) or `flite` (a program); empty takes the first that is here.

    Returns:
        A function from text to (samples,) float32 at 16 kHz, the same for the same text; and the engine's name.

    Raises:
        MissingDependency: If it is not here, or none is.
        InputError: If there is no such engine.
    """
    if engine:
        check_option("engine", engine, ENGINES)
        return (_hibari() if engine == "hibari" else _flite()), engine
    try:
        return _hibari(), "hibari"
    except MissingDependency:
        if shutil.which("flite") is None:
            raise
        return _flite(), "flite"


def _hibari() -> Voice:
    made = require("hibari", extra="voice-out", purpose="speech from text (or the program flite on the path)")
    speaker, rate = made.Hibari(), made.SAMPLE_RATE
    return lambda text: resample(np.asarray(speaker(text, seed=0), np.float32), rate, RATE)


def _flite() -> Voice:
    program = shutil.which("flite")
    if program is None:
        raise MissingDependency("the program 'flite' is not on the path", remedy="install flite, or take hibari")
    return lambda text: _spoken([program, "-t", text])


def _spoken(command: Sequence[str]) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spoken.wav"
        done = subprocess.run([*command, "-o", str(path)], capture_output=True, text=True, check=False)
        if done.returncode or not path.is_file():
            raise MissingDependency(f"{command[0]!r} gave no sound: {done.stderr.strip()}", remedy="take hibari")
        return read_wave(path, RATE)
