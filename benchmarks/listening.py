"""What an answer costs while a conversation goes on: processor time of every turn that `Listener` hears.

    python benchmarks/listening.py [--data ../shared/data/meld] [--turns 200]

The turns are those of MELD's test dialogues one after another, as one conversation of many people, through
`affectus/dialogue-embedded`. A turn is encoded once, alone; the network over the turns so far runs anew for each
answer, and hears 512 turns at most, of which it then lets go of the first 384.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from affectus.analysis import Listener
from affectus.analysis.settings import READERS
from affectus.corpora.base import load_corpus
from record import Record

SHARED = Path(__file__).parents[1] / ".." / "shared" / "data"
STRETCHES = ((1, 20), (91, 110), (181, 200))
WARM = 5  # answers before the clock starts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED / "meld")
    parser.add_argument("--turns", type=int, default=STRETCHES[-1][1])
    options = parser.parse_args()
    turns = load_corpus("meld", options.data)["test"][: options.turns]
    name = READERS["dialogue"]
    warm, listener = Listener(name), Listener(name)
    for turn in turns[:WARM]:
        warm.hear(turn.text or "", turn.track)
    took, waited = np.zeros(len(turns)), np.zeros(len(turns))
    for i, turn in enumerate(turns):
        wall, processor = time.perf_counter(), time.process_time()
        listener.hear(turn.text or "", turn.track)
        took[i], waited[i] = time.process_time() - processor, time.perf_counter() - wall
    rows = []
    for first, last in STRETCHES:
        own, clock = 1e3 * took[first - 1 : last], 1e3 * waited[first - 1 : last]
        if len(own):
            rows.append(
                {
                    "turns": f"{first}–{last}",
                    "processor ms, median": round(float(np.median(own)), 1),
                    "slowest": round(float(own.max()), 1),
                    "waited ms, median": round(float(np.median(clock)), 1),
                }
            )
    slope = float(np.polyfit(np.arange(len(took)), 1e3 * took, 1)[0])
    print(
        Record(
            "listening",
            "An answer at every turn of a conversation",
            " ".join((__doc__ or "").split("\n\n", 2)[2].split()),
            rows,
            notes=[
                f"All {len(took)} turns took {took.sum():.1f} s of processor time; each costs {slope:.3f} ms more than "
                "the one before it (least squares).",
                "Waiting times hold what else ran on the machine, see the load.",
            ],
            extra={"processor seconds": [round(float(t), 5) for t in took]},
        )
        .write()
        .read_text()
    )


if __name__ == "__main__":
    main()
