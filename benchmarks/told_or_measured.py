"""Made-up clips read as text and as features: which of the two ways loses what.

    python benchmarks/told_or_measured.py

A control of both systems of Richet et al. 2024 (arXiv:2407.12927) where no C-EXPR-DB is at hand, and no estimate of
what they give on real clips. Each clip has ten frames of 20 action units; the unit of its class is a little stronger
than the others and passes the threshold from which it is told now and then. Words name the class in half of the
conditions, and are missing in the other half.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from sklearn.metrics import f1_score

from affectus import registry
from affectus.corpora.base import with_gold
from affectus.frontends.textualise import EXPRESSIONS, UNITS
from affectus.sample import Sample
from affectus.taxonomy import scale
from affectus.testing.learning import descend, loss_of
from record import Record, timed

SEEDS = (0, 1, 2)
TRAIN, TEST, FRAMES, STEPS, BATCH = 96, 100, 10, 80, 24
WORDS = ("happy", "angry", "afraid", "sad")
FILLER = ("well", "so", "I", "am", "today", "you", "know")
SHOWN, HIDDEN, SPREAD = 0.35, 0.2, 0.1  # level of the class's unit, of the others, deviation of a frame
LETTERS = 8  # numbers of a word in the stream of words
TARGET = "cexpr-7"
SYSTEMS: dict[str, dict[str, Any]] = {
    "textualized-cer/tiny": {},
    "textualized-cer/tiny, words alone": {"parts": ("words",)},
    "feature-cer/tiny": {"widths": {"video": len(UNITS), "bert": LETTERS}, "channels": {"video": (16,), "bert": (16,)}},
    "feature-cer/tiny, no words": {"widths": {"video": len(UNITS)}, "channels": {"video": (16,)}},
}


def vector(word: str) -> np.ndarray:
    """A random vector of a word, the same everywhere."""
    seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest(), "little")
    return np.random.default_rng(seed).standard_normal(LETTERS).astype(np.float32)


def clips(n: int, seed: int, rich: bool) -> tuple[list[Sample], np.ndarray]:
    """Clips with gold, and their classes."""
    rng = np.random.default_rng(seed)
    classes = np.arange(n) % len(WORDS)
    made = []
    for i, label in enumerate(classes):
        levels = np.full(len(UNITS), HIDDEN)
        levels[3 * label] = SHOWN
        units = np.clip(levels + SPREAD * rng.standard_normal((FRAMES, len(UNITS))), 0, 1).astype(np.float32)
        said = [*rng.choice(FILLER, 4), WORDS[label]] if rich else []
        spread = [vector(str(said[frame * len(said) // FRAMES])) for frame in range(FRAMES)] if said else []
        features = {
            "action_units": units,
            "expressions": np.zeros(len(EXPRESSIONS)),
            "video": units,
            "bert": np.array(spread, np.float32) if said else np.zeros((FRAMES, LETTERS), np.float32),
        }
        made.append(Sample(id=f"{seed}-{i}", source="made", item=i, text=" ".join(said), features=features))
    gold = {TARGET: np.eye(len(scale(TARGET)), dtype=np.float32)[classes]}
    return with_gold(made, gold, perspective="perceived", by="made", modality="video"), classes


def figures(name: str, changes: dict[str, Any], seed: int, rich: bool) -> tuple[float, float]:
    """Accuracy and macro F1 of a system that was trained anew."""
    import torch

    torch.manual_seed(seed)
    own = {"faces": None, "standardise": ()} if name.startswith("feature") else {}
    system: Any = registry.build(name.partition(",")[0], **own, **changes)
    pool, _ = clips(TRAIN, 10 + seed, rich)
    drawn = np.random.default_rng(seed).integers(0, TRAIN, (STEPS, BATCH))
    descend(system.train().parameters(), lambda step: loss_of(system, [pool[i] for i in drawn[step]], step), STEPS)
    asked, classes = clips(TEST, 20 + seed, rich)
    scores = system.read(asked).scores(TARGET)
    said = np.where(np.isnan(scores).any(1), -1, np.nan_to_num(scores).argmax(1))
    macro = f1_score(classes, said, labels=range(len(WORDS)), average="macro", zero_division=0)
    return float((said == classes).mean()), float(macro)


def main() -> None:
    """Train and read all, and write the dated result."""
    rows = []
    for rich in (True, False):
        for name, changes in SYSTEMS.items():
            with timed() as clock:
                found = np.array([figures(name, changes, seed, rich) for seed in SEEDS])
            row: dict[str, Any] = {"words": "name the class" if rich else "missing", "system": name}
            for metric, column in zip(("accuracy", "macro F1"), found.T, strict=True):
                row[metric] = f"{column.mean():.3f} ({column.min():.3f} to {column.max():.3f})"
            rows.append(row | {"CPU s": round(clock.cpu, 1)})
            print(rows[-1], flush=True)
    Record(
        name="told-or-measured",
        title="Made-up clips, told as text and measured by frames",
        method=f"{len(SEEDS)} seeds; each system is trained anew for {STEPS} steps on {TRAIN} clips of four classes and"
        f" asked for {TEST} others. Mean, and the lowest and highest of the seeds. The unit of the class has a mean"
        f" level of {SHOWN}, the others {HIDDEN}, with a deviation of {SPREAD} at each of {FRAMES} frames; a unit is"
        " told above 0.5. Chance is 0.25.",
        rows=rows,
        notes=[
            "Constructed data: the direction is what is shown, not what to expect of real clips.",
            "A clip that nothing is told of gets no answer, which counts as wrong.",
        ],
    ).write()


if __name__ == "__main__":
    main()
