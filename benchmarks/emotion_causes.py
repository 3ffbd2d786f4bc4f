"""Which turn caused an emotion, on the dialogues of DailyDialog that RECCON judged.

python benchmarks/emotion_causes.py CHECKPOINT [CHECKPOINT ...] --data ../shared/data/reccon

The checkpoints differ in their seed. Of each pair of an emotional turn and a turn up to it, is the latter a cause? The
probability from which a cause counts is chosen on dev, by positive F1; test is looked at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from affectus.corpora.base import load_corpus
from affectus.evaluation.causes import Pairs, both_f1, cause_pairs, negative_f1, positive_f1
from affectus.evaluation.intervals import bootstrap
from affectus.registry import restored
from affectus.sample import Dialogue, conversations
from record import Record

BARS = np.round(np.arange(0.1, 0.75, 0.05), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/reccon"))
    options = parser.parse_args()
    corpus = load_corpus("reccon", options.data)
    dev, test = ([d for d in conversations(corpus[s]) if isinstance(d, Dialogue)] for s in ("dev", "test"))
    pairs = cause_pairs(test)
    steps = pairs.target - pairs.candidate
    rows = [row("the turn itself", pairs, steps == 0), row("the turn itself and the one before", pairs, steps <= 1)]
    bars, chosen = [], []
    for folder in options.checkpoints:
        reader = restored(folder)
        bar = best_bar(dev, reader)
        bars.append(bar)
        chosen.append(pairs.chosen(test, told(reader, test), bar))
        rows.append(row(f"emotion-cause, {folder.name}", pairs, chosen[-1]))
    scores = [positive_f1(pairs.gold, c) for c in chosen]
    page = Record(
        name="emotion-causes",
        title="Causes of emotions on RECCON-DailyDialog",
        method="Pairs of a turn with an emotion and a turn up to it, as in the published files (a pair counts once for "
        f"each marked span): {len(pairs):,} of {len(test)} test dialogues, {int(pairs.gold.sum()):,} causes. The "
        "emotion is not told to the reader. The probability from which a turn is named was chosen on the 47 dev "
        f"dialogues, seed by seed: {', '.join(f'{b:g}' for b in bars)}. Intervals: percentile bootstrap over "
        "dialogues, of test sampling alone.",
        rows=rows,
        notes=[
            f"positive F1 over {len(scores)} seeds: mean {np.mean(scores):.3f}, lowest {min(scores):.3f}, highest "
            f"{max(scores):.3f}",
            "Poria et al. 2021 report a positive F1 of 64.28 with a fine-tuned RoBERTa-base that is told the emotion "
            "and the context (quoted second hand, not run here, and on their own choice of negative pairs).",
        ],
    )
    print(page.write())


def told(reader: Any, dialogues: Sequence[Dialogue], bar: float = 0.0) -> Any:
    """Readings with every cause that the reader thinks possible."""
    object.__setattr__(reader.config, "bar", bar)
    return reader.read(dialogues)


def best_bar(dialogues: Sequence[Dialogue], reader: Any) -> float:
    """The bar of the highest positive F1."""
    pairs, read = cause_pairs(dialogues), told(reader, dialogues)
    return float(max(BARS, key=lambda bar: positive_f1(pairs.gold, pairs.chosen(dialogues, read, bar))))


def row(name: str, pairs: Pairs, chosen: np.ndarray) -> dict[str, Any]:
    found = bootstrap(positive_f1, pairs.gold, chosen, groups=pairs.dialogue, n=2000)
    return {
        "what names the cause": name,
        "positive F1": found.value,
        "95 %": f"{found.low:.3f}–{found.high:.3f}",
        "negative F1": negative_f1(pairs.gold, chosen),
        "macro-F1": both_f1(pairs.gold, chosen),
        "named": int(chosen.sum()),
    }


if __name__ == "__main__":
    main()
