"""Levels and rationales of three mechanisms of empathy, on EPITOME's Reddit part, against floors.

python benchmarks/epitome.py train --data DATA --keep FOLDER [--seed 0 ...]
python benchmarks/epitome.py page --data DATA --keep FOLDER

`train` runs the recipe with each seed. Nothing is chosen on test; the floor's penalty is chosen on dev.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from affectus.corpora.base import Loaded, gold, groups, load_corpus
from affectus.evaluation.intervals import bootstrap, paired_bootstrap
from affectus.evaluation.metrics import accuracy, macro_f1
from affectus.registry import restored
from affectus.systems.epitome import RATIONALE
from affectus.training.job import folder_of, load_data
from affectus.training.loop import train
from affectus.training.recipe import read_recipe
from record import Record, timed

RECIPE = Path(__file__).parents[1] / "recipes" / "epitome" / "empathy-embedded.yaml"
CORPUS, RESAMPLES, LEVELS = "epitome-reddit", 5000, 3
MAJORITY, LINEAR, SYSTEM = "majority", "TF-IDF, logistic regression", "epitome"
PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0)
OVERLAP = 0.5  # share of the union that a span has to have in common with one that people marked
macro = partial(macro_f1, classes=range(LEVELS))
Counts = np.ndarray
"""(n, 3): of each response what was found, what was found rightly, what was to be found."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "page"))
    parser.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    parser.add_argument("--keep", type=Path, required=True, help="folder for checkpoints and answers")
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what == "train":
        for seed in options.seed:
            trained(seed, options.data, options.keep)
    else:
        print(page(options.data, options.keep).read_text())


def trained(seed: int, data: Path, keep: Path) -> Path:
    """The checkpoint of a seed, made by the recipe if it is not there."""
    place = keep / f"tuned-{seed}"
    if not (place / "cost.json").is_file():
        (run,) = read_recipe(RECIPE).runs.values()
        run = replace(run, seed=seed)
        with timed() as clock:
            train(run, load_data(run, data)[0], place, name=place.name)
        (place / "cost.json").write_text(json.dumps({"seconds": clock.cpu, "wall": clock.wall}) + "\n")
    print(f"seed {seed}: {(place / 'cost.json').read_text().strip()}", flush=True)
    return place


# -- answers -----------------------------------------------------------------------------------------------------------
def truths(loaded: Loaded, split: str) -> dict[str, np.ndarray]:
    """Scale → level of each response (n,)."""
    return {t.scale: gold(loaded[split][1::2], t.scale).argmax(1) for t in loaded.corpus.targets}


def linear(loaded: Loaded, name: str) -> np.ndarray:
    """Levels of the test responses by words and pairs of words of the response alone."""
    texts = {split: [str(s.text) for s in loaded[split][1::2]] for split in loaded.splits}
    truth = {split: truths(loaded, split)[name] for split in loaded.splits}
    tried = [
        make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
            LogisticRegression(C=c, class_weight=weight, max_iter=1000),
        ).fit(texts["train"], truth["train"])
        for c in PENALTIES
        for weight in (None, "balanced")
    ]
    return max(tried, key=lambda m: macro(truth["dev"], m.predict(texts["dev"]))).predict(texts["test"])


def answers(seed: int, loaded: Loaded, keep: Path) -> dict[str, np.ndarray]:
    """Levels, and counts of tokens and spans, of each mechanism; kept, as reading takes minutes."""
    file = keep / f"answers-{seed}.npz"
    if not file.is_file():
        system: Any = restored(keep / f"tuned-{seed}")
        np.savez(file, **asked(system, loaded))
    with np.load(file) as found:
        return dict(found)


def asked(system: Any, loaded: Loaded) -> dict[str, np.ndarray]:
    items, readouts = loaded.conversations("test"), system.readouts
    parts: dict[str, list[np.ndarray]] = {}
    for outputs, batch in system.run(items):
        for readout in readouts:
            name = readout.scale
            parts.setdefault(name, []).append(readout.probabilities(outputs[name]).argmax(1))
            found = outputs[name + RATIONALE] >= 0
            for what, count in (("tokens", tokens), ("spans", spans)):
                rows = [count(f[c], g[c]) for f, g, c in zip(found, batch.targets[name + RATIONALE],
                                                             batch.inputs["content"], strict=True)]  # fmt: skip
                parts.setdefault(f"{name} {what}", []).append(np.array(rows, float))
    return {name: np.concatenate(rows) for name, rows in parts.items()}


def tokens(found: np.ndarray, marked: np.ndarray) -> tuple[float, float, float]:
    """Tokens found, found rightly, and marked; NaN where nobody said which."""
    if np.isnan(marked).any():
        return (np.nan,) * 3
    return float(found.sum()), float((found & (marked > 0)).sum()), float(marked.sum())


def spans(found: np.ndarray, marked: np.ndarray) -> tuple[float, float, float]:
    """Runs of tokens found, those that share half of the union with one that was marked, and those marked."""
    if np.isnan(marked).any():
        return (np.nan,) * 3
    told, wanted = runs(found), runs(marked > 0)
    right = sum(any(len(a & b) >= OVERLAP * len(a | b) for b in wanted) for a in told)
    return float(len(told)), float(right), float(len(wanted))


def runs(row: np.ndarray) -> list[set[int]]:
    return [{place for place, _ in run} for on, run in groupby(enumerate(row), key=lambda pair: pair[1]) if on]


def f1(counts: Counts) -> float:
    """F1 of what all responses have together."""
    told, right, wanted = np.nansum(counts, axis=0)
    return float(2 * right / (told + wanted)) if told + wanted else float("nan")


# -- the page ----------------------------------------------------------------------------------------------------------
def page(data: Path, keep: Path) -> Path:
    loaded = load_corpus(CORPUS, folder_of(CORPUS, data))
    seeds = sorted(int(p.stem.partition("-")[2]) for p in keep.glob("tuned-*") if (p / "cost.json").is_file())
    found = [answers(seed, loaded, keep) for seed in seeds]
    posts, truth = groups(loaded["test"][1::2], "post").astype(str), truths(loaded, "test")
    rows: list[Mapping[str, Any]] = []
    notes = []
    for name, wanted in truth.items():
        said = {
            MAJORITY: [np.full(len(wanted), np.bincount(truths(loaded, "train")[name]).argmax())],
            LINEAR: [linear(loaded, name)],
            SYSTEM: [of[name] for of in found],
        }
        rows += [row(name, arm, each, wanted, posts) for arm, each in said.items()]
        rows[-1] = {**rows[-1], **rationales(name, found, posts)}
        for metric, title in ((accuracy, "accuracy"), (macro, "macro-F1")):
            gaps = [paired_bootstrap(metric, wanted, one, said[LINEAR][0], groups=posts, n=RESAMPLES)
                    for one in said[SYSTEM]]  # fmt: skip
            told = "; ".join(f"{g.value:+.3f} ({g.low:+.3f} to {g.high:+.3f})" for g in gaps)
            notes.append(f"{short(name)}, {title} of {SYSTEM} less {LINEAR}, seed by seed: {told}")
    costs = [json.loads((keep / f"tuned-{seed}" / "cost.json").read_text()) for seed in seeds]
    minutes = ", ".join(f"{cost['seconds'] / 60:.1f}" for cost in costs)
    return Record(
        name="epitome",
        title="Three mechanisms of empathy in responses to people in distress",
        method=f"System epitome over MiniLM by its recipe, seeds {', '.join(map(str, seeds))}, on the grouped split of "
        f"EPITOME's Reddit part: {len(posts)} test responses to {len(set(posts))} posts. Means over seeds with lowest "
        f"and highest; intervals are percentile bootstraps over posts, {RESAMPLES:,} resamples, of seed {seeds[0]}.",
        rows=rows,
        notes=[
            *notes,
            f"{LINEAR}: words and pairs of words of the response, penalty and class weights chosen on dev.",
            "Rationales: F1 of tokens, and of runs of tokens that share half of the union with one that was marked "
            "(IOU), pooled over all test responses, those with nothing marked among them. The public code takes the "
            "mean over responses, so the two can't be compared.",
            "The paper's random split is not published, and its encoders were trained further on posts that are not "
            "public.",
            f"Training: {minutes} processor minutes.",
        ],
    ).write()


def short(name: str) -> str:
    return name.removeprefix("epitome-").replace("-", " ")


def row(name: str, arm: str, found: list[np.ndarray], truth: np.ndarray, posts: np.ndarray) -> dict[str, Any]:
    out: dict[str, Any] = {"mechanism": short(name), "arm": arm, "seeds": len(found)}
    for title, metric in (("accuracy", accuracy), ("macro-F1", macro)):
        scores = [metric(truth, one) for one in found]
        interval = bootstrap(metric, truth, found[0], groups=posts, n=RESAMPLES)
        out |= {title: spread(scores), f"95 % of {title}": f"{interval.low:.3f}–{interval.high:.3f}"}
    return out


def rationales(name: str, found: list[dict[str, np.ndarray]], posts: np.ndarray) -> dict[str, str]:
    out: dict[str, str] = {}
    for what, title in (("tokens", "token F1"), ("spans", "IOU F1")):
        each = [of[f"{name} {what}"] for of in found]
        interval = bootstrap(f1, each[0], groups=posts, n=RESAMPLES)
        out |= {title: spread([f1(one) for one in each]), f"95 % of {title}": f"{interval.low:.3f}–{interval.high:.3f}"}
    return out


def spread(scores: list[float]) -> str:
    ends = f" ({min(scores):.3f}–{max(scores):.3f})" if len(scores) > 1 else ""
    return f"{np.mean(scores):.3f}{ends}"


if __name__ == "__main__":
    main()
