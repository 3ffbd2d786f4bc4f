"""What context gives: EmotionIC on MELD's text with no context, with the past, and with the whole dialogue.

python benchmarks/dialogue_context.py --keep FOLDER [--data ../shared/data/meld] [--seeds 3]

Arms of the recipe `emotionic/dialogue-embedded`, all else equal: `no context` learns and reads each turn as a dialogue
of one turn; `past only` and `past and future` are two readings of the one network that learned both. The encoders are
frozen, so their states are computed once for all arms. Nothing is chosen here: no rate, no epoch, no arm.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from affectus.corpora.base import gold, load_corpus
from affectus.evaluation.intervals import bootstrap, paired_bootstrap
from affectus.evaluation.metrics import weighted_f1
from affectus.registry import build
from affectus.sample import Dialogue, Item, conversations, flatten
from affectus.training.features import Encoded
from affectus.training.loop import take, train, weights
from affectus.training.recipe import Run, read_recipe
from affectus.training.source import Data
from record import Record

RECIPE = Path(__file__).parents[1] / "recipes" / "emotionic" / "dialogue-embedded.yaml"
SCALE = "meld-7"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/meld"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--keep", type=Path, required=True, help="folder for the labels that each arm gave")
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    run, corpus = next(iter(read_recipe(RECIPE).runs.values())), load_corpus("meld", options.data)
    held = encoded(run, {split: conversations(corpus[split]) for split in ("train", "dev", "test")})
    test, width = flatten(held["test"]), flatten(held["test"])[0].features["text"].shape[0]
    truth = np.nan_to_num(gold(test, SCALE)).argmax(1)
    groups = np.array([sample.source for sample in test])
    arm = replace(
        run, init={}, cache=False, trackers=(), optim=run.optim[1:],
        config={"backbone": None, "beside": None, "width": width},
    )  # fmt: skip
    said: dict[str, list[np.ndarray]] = {"no context": [], "past only": [], "past and future": []}
    for seed in range(options.seeds):

        def both(seed: int = seed) -> list[np.ndarray]:
            system = trained(replace(arm, seed=seed), held["train"], held["dev"])
            return [labels(system, held["test"]), labels(system.seeing("full"), held["test"])]

        def alone(seed: int = seed) -> list[np.ndarray]:
            system = trained(replace(arm, seed=seed), flatten(held["train"]), flatten(held["dev"]))
            return [labels(system, test)]

        past, full = kept(options.keep / f"both-{seed}.npy", both)
        said["past only"].append(past)
        said["past and future"].append(full)
        said["no context"] += list(kept(options.keep / f"alone-{seed}.npy", alone))
    rows = [row(arm, found, truth, groups) for arm, found in said.items()]
    pairs = (("past only", "no context"), ("past and future", "past only"))
    page = Record(
        name="dialogue-context",
        title="What the context of a turn gives on MELD's text",
        method=f"Recipe emotionic/dialogue-embedded, {options.seeds} seeds; {len(test):,} test utterances of "
        f"{len(set(groups))} dialogues; weighted F1 of seven labels. Mean, lowest and highest are over seeds; the "
        "interval is a percentile bootstrap over dialogues of seed 0, differences are paired, over all seeds at once.",
        rows=rows,
        notes=[compared(said, a, b, truth, groups) for a, b in pairs],
    )
    print(page.write())


def encoded(run: Run, splits: dict[str, list[Item]]) -> dict[str, list[Dialogue]]:
    """The dialogues with the states that the recipe's frozen encoders give as features of their turns."""
    system = build(run.system, **run.config)
    for name, patterns in run.init.items():
        take(system, weights(name), patterns)
    held = Encoded(system.requires_grad_(False), [item for items in splits.values() for item in items])
    out: dict[str, list[Dialogue]] = {}
    number = 0
    for split, items in splits.items():
        out[split] = []
        for item in items:
            states = held.rows[held.keys[number]]["states"]
            turns = [replace(t, features={"text": x}) for t, x in zip(flatten([item]), states, strict=True)]
            out[split].append(Dialogue(tuple(turns), id=turns[0].source))
            number += 1
    return out


def trained(run: Run, items: Sequence[Item], watch: Sequence[Item]) -> Any:
    """The network of the recipe, trained on some items; single turns as many at once as there are in its dialogues."""
    each = np.mean([len(flatten([item])) for item in items])
    run = replace(run, batch=run.batch if each > 1 else round(run.batch * 9.6))
    with tempfile.TemporaryDirectory() as folder:
        return train(run, Data(items, (len(items),), (1.0,), watch), Path(folder) / "arm")


def labels(system: Any, items: Sequence[Item]) -> np.ndarray:
    """Number of the label of each turn, as `decode` decides."""
    return np.concatenate([system.posterior(*found)[1] for found in system.run(items, 64)])


def kept(path: Path, make: Callable[[], list[np.ndarray]]) -> np.ndarray:
    """What an earlier call made, so that a stopped benchmark goes on where it was."""
    if not path.is_file():
        np.save(path, np.stack(make()))
    return np.load(path)


def row(arm: str, found: Sequence[np.ndarray], truth: np.ndarray, groups: np.ndarray) -> dict[str, Any]:
    scores = [weighted_f1(truth, one) for one in found]
    interval = bootstrap(weighted_f1, truth, found[0], groups=groups, n=2000)
    return {
        "context": arm, "weighted F1": float(np.mean(scores)), "lowest": min(scores), "highest": max(scores),
        "95 %": f"{interval.low:.3f}–{interval.high:.3f}",
    }  # fmt: skip


def compared(said: dict[str, list[np.ndarray]], a: str, b: str, truth: np.ndarray, groups: np.ndarray) -> str:
    seeds = len(said[a])
    left, right = np.concatenate(said[a]), np.concatenate(said[b])
    found = paired_bootstrap(weighted_f1, np.tile(truth, seeds), left, right, groups=np.tile(groups, seeds), n=2000)
    return f"{a} less {b}: {found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"


if __name__ == "__main__":
    main()
