"""Readers and corpora that say what they are told to, for tests of the measuring."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from affectus.readout import Readout, read_out
from affectus.sample import Item, Sample, as_items, flatten
from affectus.taxonomy import Perspective, scale
from affectus.timeline import Timeline


class Scripted:
    """Reads the labels that stand in the text, comma-separated; a word that is no label gives no opinion."""

    def __init__(self, name: str, scale_name: str, perspective: Perspective = "perceived") -> None:
        self.name = name
        self.readouts = (Readout(scale_name, perspective),)

    def read(self, items: Iterable[Item | str]) -> Timeline:
        samples: Sequence[Sample] = flatten(as_items(items))
        of = scale(self.readouts[0].scale)
        logits = np.full((len(samples), len(of)), -4.0)
        for row, sample in zip(logits, samples, strict=True):
            said = [word for word in str(sample.text).split(",") if word in of.labels]
            row[[of.index(word) for word in said]] = 4.0
            if not said:
                row[:] = np.nan
        return read_out([s.span for s in samples], {of.name: logits}, self.readouts, by=self.name, modality="text")


def tweets(folder: Path, rows: Sequence[tuple[str, str]], split: str = "test") -> Path:
    """A TweetEval folder whose other splits hold one tweet each; rows are (text, gold)."""
    labels = scale("tweeteval-emotion-4").labels
    parts: Mapping[str, Sequence[tuple[str, str]]] = {
        name: rows if name == split else [("a tweet", "joy")] for name in ("train", "val", "test")
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, held in parts.items():
        (folder / f"{name}_text.txt").write_text("".join(f"{text}\n" for text, _ in held), encoding="utf-8")
        (folder / f"{name}_labels.txt").write_text("".join(f"{labels.index(g)}\n" for _, g in held), encoding="utf-8")
    return folder
