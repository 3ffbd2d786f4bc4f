"""Exported readers: onnxruntime and NumPy, no torch. The same collate and decode code as the trained system."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affectus import backbones
from affectus.errors import CheckpointError, check_option
from affectus.frontends.tokens import TextCollate, Tokens, Window
from affectus.frontends.words import explained, join_windows, read_words
from affectus.readout import Readout
from affectus.sample import Item, Sample, as_items, flatten
from affectus.taxonomy import adopt_scales
from affectus.timeline import Timeline

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

CHUNK_TEXTS, CHUNK_LETTERS = 4096, 1_000_000  # what is sorted by length together and held in memory


@dataclass(frozen=True, eq=False)
class OnnxReader:
    """Reads texts with an exported checkpoint.

    Args:
        name: Checkpoint name, which signs the readings.
        session: The graph.
        collate: Texts → arrays.
        readouts: How the outputs are read, in the order of the targets.
        derived: Scales that are computed from the first target.
    """

    name: str
    session: InferenceSession
    collate: TextCollate
    readouts: tuple[Readout, ...]
    derived: tuple[str, ...] = ()

    @classmethod
    def open(cls, folder: Path | str, threads: int | None = None) -> OnnxReader:
        """Open a folder that `affectus.training.export` wrote.

        Args:
            folder: Holds `model.onnx`, `tokenizer.json`, `config.json`.
            threads: Threads inside an operator; by default `OMP_NUM_THREADS` if it is set, else one a core.

        Raises:
            CheckpointError: If a file is missing, damaged or not of an exported reader.
        """
        folder = Path(folder)
        try:
            row = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            check_option("system", row["system"], ["text-classifier"])
            adopt_scales(row.get("scales", ()))
            config, readouts = row["config"], tuple(Readout(**values) for values in row["readouts"])
            collate = TextCollate(str(folder / "tokenizer.json"), max_length=config["max_length"])
            derived, name = tuple(config["derived"]), row["checkpoint"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"{str(folder)!r} is no exported reader ({error!r})", remedy="fetch or export it again"
            ) from error
        session = backbones.session(folder / "model.onnx", threads)
        missing = {r.scale for r in readouts} - {output.name for output in session.get_outputs()}
        if missing:
            raise CheckpointError(f"{str(folder)!r} has a graph without the outputs {sorted(missing)}")
        return cls(name, session, collate, readouts, derived)

    def read(self, items: Iterable[Item | str], batch_size: int = 32) -> Timeline:
        """Readings of all items, in input order.

        Args:
            items: Samples with text, dialogues (each turn is read by itself) or plain strings.
            batch_size: Texts that are run together; sorted by length, so that little is padding.
        """
        parts = [self._chunk(chunk, batch_size) for chunk in chunks(flatten(as_items(items)))]
        return parts[0] if len(parts) == 1 else Timeline.concat(parts)

    def explain(self, items: Iterable[Item | str], question: str | None = None) -> Timeline:
        """Readings whose evidence are the words that change them most when they are left out.

        Slower than `read` by the number of words, and sharper: the summands that `read` gives say where in the text
        the score was collected, not what it depends on.

        Args:
            items: As in `read`.
            question: Not used; every reading is explained for its highest label.
        """
        return explained(self, items)

    def logits(self, items: Iterable[Item | str], batch_size: int = 32) -> dict[str, np.ndarray]:
        """Uncalibrated outputs of each text, scale name → (texts, k); NaN for an empty text. Calibration needs them."""
        parts = []
        for chunk in chunks(flatten(as_items(items))):
            notes = self.collate.encode(chunk)
            outputs, _ = self.run(notes, batch_size)
            parts.append({name: join_windows(values, notes) for name, values in outputs.items()})
        empty = {r.scale: np.empty((0, len(r.of))) for r in self.readouts}
        return {r.scale: np.concatenate([part[r.scale] for part in [empty, *parts]]) for r in self.readouts}

    def calibrated(self, *readouts: Readout) -> OnnxReader:
        """This reader with other readouts, on the same session."""
        return replace(self, readouts=readouts)

    def run(self, notes: Sequence[Tokens], batch_size: int = 32) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
        """Raw outputs of encoded texts.

        Args:
            notes: From `collate.encode`.
            batch_size: Windows that are run together.

        Returns:
            Scale name → (windows, k) logits, and for each window (tokens, k) summands on the first scale.
        """
        windows = [window for tokens in notes for window in tokens.windows]
        names = [readout.scale for readout in self.readouts]
        logits = {r.scale: np.empty((len(windows), len(r.of)), np.float32) for r in self.readouts}
        summands: list[Any] = [None] * len(windows)
        for rows, inputs in self._batches(windows, batch_size):
            *scores, tokens = self.session.run([*names, f"{names[0]}.tokens"], inputs)
            for name, values in zip(names, scores, strict=True):
                logits[name][rows] = values
            for row, values, mask in zip(rows, tokens, inputs["content"], strict=True):
                summands[row] = values[mask]
        return logits, summands

    def _chunk(self, samples: Sequence[Sample], batch_size: int) -> Timeline:
        notes = self.collate.encode(samples)
        logits, summands = self.run(notes, batch_size)
        spans = [sample.span for sample in samples]
        return read_words(spans, logits, summands, notes, self.readouts, by=self.name, derived=self.derived)

    def _batches(
        self, windows: Sequence[Window], batch_size: int
    ) -> Iterable[tuple[np.ndarray, dict[str, np.ndarray]]]:
        order = np.argsort([len(window.ids) for window in windows], kind="stable")
        for at in range(0, len(order), batch_size):
            rows = order[at : at + batch_size]
            yield rows, self.collate.pad([windows[row] for row in rows])


def chunks(samples: Sequence[Sample]) -> Iterator[list[Sample]]:
    """Samples in order, in lists that hold a bounded number of texts and letters."""
    chunk: list[Sample] = []
    letters = 0
    for sample in samples:
        size = len(sample.text or "")
        if chunk and (len(chunk) == CHUNK_TEXTS or letters + size > CHUNK_LETTERS):
            yield chunk
            chunk, letters = [], 0
        chunk.append(sample)
        letters += size
    if chunk:
        yield chunk
