"""Results for the leaderboard: each reader on each corpus, by every protocol that it can serve.

python benchmarks/leaderboard.py NAME … --on CORPUS … [--data ../shared/data] [--protocol NAME …]

A corpus is read once and compared by all protocols; `affectus evaluate NAME --on CORPUS --protocol P --store FOLDER`
gives one result in the same form. Perspectives are compared across, and the results say so.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from affectus.corpora.base import load_corpus, locate
from affectus.evaluation.evaluate import evaluate, read_items
from affectus.evaluation.protocols import Reads, known_protocols, serves
from affectus.registry import find, load, weightless
from affectus.sample import Item, flatten
from affectus.timeline import Timeline

RESULTS = Path(__file__).parent / "results" / "leaderboard"


class Remembering:
    """A reader that reads every sample once. Readers of dialogues get a memory for each way of being asked."""

    def __init__(self, reader: Any) -> None:
        self.reader, self.readouts = reader, reader.readouts
        self.derived = Reads.of(reader).derived
        self.variant = getattr(reader, "variant", "")
        self.known: dict[tuple[str, str], int] = {}
        self.readings = Timeline.empty()

    def read(self, items: Sequence[Item]) -> Timeline:
        new = [item for item in items if any(self._key(item, s) not in self.known for s in flatten([item]))]
        if new:
            reading, _ = read_items(self.reader, new)
            for item in new:
                for sample in flatten([item]):
                    self.known[self._key(item, sample)] = len(self.known)
            self.readings = Timeline.concat([self.readings, reading])
        return self.readings[np.array([self.known[self._key(i, s)] for i in items for s in flatten([i])])]

    @staticmethod
    def _key(item: Item, sample: Any) -> tuple[str, str]:
        return type(item).__name__, sample.id


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--on", nargs="+", required=True)
    parser.add_argument("--protocol", nargs="+", help="only these")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    for corpus in options.on:
        loaded = load_corpus(corpus, locate(corpus, options.data))
        for name in options.names:
            reader = load(name)
            reads, once = Reads.of(reader), Remembering(reader)
            for protocol in known_protocols(corpus):
                if serves(protocol, reads) or (options.protocol and protocol.name not in options.protocol):
                    continue
                found = evaluate(
                    once,
                    loaded,
                    protocol=protocol,
                    asked=[f"{reads.perspective}:{protocol.perspective}"],
                    resamples=options.resamples,
                    folder=None if weightless(name) else find(name),
                    name=reader.name,
                ).result
                path = found.save(options.out)
                first = next(iter(found.metrics.items()))
                print(f"{path.name}: {first[0]} {first[1].value:.3f} ({first[1].low:.3f} to {first[1].high:.3f})")


if __name__ == "__main__":
    main()
