"""What was written, with spectrograms before and after: one page that fetches nothing."""

from __future__ import annotations

import time
from importlib import resources
from pathlib import Path

from affectus.analysis.anonymize.checks import MOVED, STRANGE
from affectus.analysis.anonymize.job import Job
from affectus.analysis.anonymize.one import TRIES, Outcome
from affectus.analysis.anonymize.spectrogram import as_data, spectrogram
from affectus.atomic import writing
from affectus.media import read_wave
from affectus.page import render

RATE = 16_000  # Hz
SHOWN = 8.0  # seconds of a picture
_MOST = 20  # files with pictures


def write(job: Job, path: Path) -> Path:
    """Write the page of a job.

    Raises:
        OutputError: If it can't be written.
    """
    files = resources.files("affectus.analysis") / "templates"
    page = render(
        files / "anonymized.html",
        style=(files / "anonymized.css").read_text(encoding="utf-8"),
        written=time.strftime("%Y-%m-%d %H:%M"),
        job=job,
        shown=[_pictures(one) for one in job.outcomes[:_MOST]],
        most=_MOST,
        moved=MOVED,
        strange=STRANGE,
        tries=TRIES,
        spoken=sum(one.spoken for one in job.outcomes),
        seconds=sum(one.seconds for one in job.outcomes),
    )
    with writing(path) as file:
        file.write(page)
    return path


def _pictures(one: Outcome) -> dict[str, object]:
    end = one.first + SHOWN
    before, after = (read_wave(path, RATE, one.first, end) for path in (one.source, one.target))
    return {
        "outcome": one,
        "before": as_data(spectrogram(before)),
        "after": as_data(spectrogram(after)),
        "from": one.first,
        "to": one.first + len(before) / RATE,
    }
