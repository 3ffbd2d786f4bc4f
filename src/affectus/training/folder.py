"""The folder of a run: what was run, with what, how it went, and the states it can be resumed from."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from accelerate.state import PartialState

from affectus.atomic import make_folder, writing
from affectus.errors import ConfigError, OutputError
from affectus.provenance import environment
from affectus.training.recipe import Run


class RunFolder:
    """Files of one run: `run.yaml`, `versions.json`, `metrics.jsonl`, `curve.png`, `state-<step>/`.

    Args:
        path: Created if need be.
        run: What is run.
        resume: Go on from the last state instead of starting.

    Raises:
        OutputError: If the folder holds a run already and `resume` is false.
        ConfigError: If it holds a different run and `resume` is true.
    """

    def __init__(self, path: Path, run: Run, *, resume: bool) -> None:
        self.path = make_folder(path)
        wanted = json.loads(json.dumps(asdict(run)))
        file = path / "run.yaml"
        if file.is_file():
            stored = yaml.safe_load(file.read_text(encoding="utf-8"))
            if not resume:
                raise OutputError(f"{str(path)!r} holds a run already", remedy="pass --resume, or another --out")
            different = sorted(k for k in {*stored, *wanted} if stored.get(k) != wanted.get(k))
            if different:
                raise ConfigError(
                    f"{str(path)!r} holds a run with another {', '.join(different)}",
                    remedy="resume with the recipe and changes of the first start, or pass another --out",
                )
        with writing(file) as out:
            yaml.safe_dump(wanted, out, sort_keys=False, allow_unicode=True)
        with writing(path / "versions.json") as out:
            json.dump(environment(), out, indent=1)

    # -- states ------------------------------------------------------------------------------------------------------
    def states(self) -> list[Path]:
        """Whole states, oldest first."""
        return sorted(self.path.glob("state-*[0-9]"), key=lambda p: int(p.name.split("-")[1]))

    @contextmanager
    def new_state(self, step: int, progress: dict[str, Any]) -> Iterator[Path]:
        """A folder to save a state in; it takes its place beside the older ones, then these are removed.

        All processes of a run must enter; they wait for each other.
        """
        here, part = PartialState(), self.path / f"state-{step}.part"
        if here.is_main_process:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
        here.wait_for_everyone()
        yield part
        here.wait_for_everyone()
        if here.is_main_process:
            with writing(part / "progress.json") as out:
                json.dump({"step": step, **progress}, out)
            final, older = self.path / f"state-{step}", self.states()
            shutil.rmtree(final, ignore_errors=True)
            os.replace(part, final)
            for state in older:
                if state != final:
                    shutil.rmtree(state)
        here.wait_for_everyone()

    def last_state(self) -> tuple[Path, dict[str, Any]] | None:
        """The newest state with its progress."""
        states = self.states()
        if not states:
            return None
        return states[-1], json.loads((states[-1] / "progress.json").read_text(encoding="utf-8"))

    @property
    def finished(self) -> bool:
        """Whether the run has ended and its checkpoint is stored."""
        return (self.path / "finished").is_file()

    def finish(self) -> None:
        """Say that the checkpoint is stored, and remove all states."""
        with writing(self.path / "finished") as out:
            out.write("")
        for state in self.path.glob("state-*"):
            shutil.rmtree(state)

    # -- metrics -----------------------------------------------------------------------------------------------------
    @property
    def _metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    def log(self, **values: Any) -> None:
        """Append a line to `metrics.jsonl`."""
        with self._metrics.open("a", encoding="utf-8") as out:
            out.write(json.dumps(values) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """All lines of `metrics.jsonl`."""
        if not self._metrics.is_file():
            return []
        return [json.loads(line) for line in self._metrics.read_text(encoding="utf-8").splitlines() if line]

    def rewind(self, step: int) -> None:
        """Forget what was logged after a step, since it is done again."""
        rows = [row for row in self.metrics() if row["step"] <= step]
        with writing(self._metrics) as out:
            out.writelines(json.dumps(row) + "\n" for row in rows)

    def draw(self) -> None:
        """Draw the loss of training and of the watched split over the steps."""
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        rows = self.metrics()
        figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
        for name, style in (("loss", "-"), ("watched", "o-")):
            points = [(row["step"], row[name]) for row in rows if name in row]
            if points:
                axes.plot(*zip(*points, strict=True), style, label=name, linewidth=1)
        axes.set(xlabel="optimiser step", ylabel="loss")
        axes.legend()
        with writing(self.path / "curve.png", "wb") as out:
            figure.savefig(out, format="png", dpi=120)
        pyplot.close(figure)
