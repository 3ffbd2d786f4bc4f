"""REDAffectiveLM on the headlines of SemEval-2007: both branches against each alone, plain vectors, uniform attention.

python benchmarks/affect_vectors.py --emolex EMOLEX --out VECTORS
python benchmarks/redaffectivelm.py --data ../shared/data/semeval2007-headlines --vectors VECTORS --runs FOLDER

Each arm is trained by the recipe on the paper's 60/20/20 split (seed 7) or on several splits; the state with the
lowest loss on the validation part is kept, and nothing looks at a test part before the table. The predictions of each
run stay in `--runs`, so that an interrupted benchmark goes on.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from affectus.corpora.base import gold, load_corpus
from affectus.corpora.semeval2007_headlines import SCALE, split
from affectus.evaluation import compared, profiles
from affectus.evaluation.intervals import bootstrap, paired_bootstrap
from affectus.evaluation.metrics import rmse
from affectus.sample import Sample
from affectus.training.loop import train
from affectus.training.recipe import Group, Run, read_recipe
from affectus.training.source import Data
from record import Record

ROOT = Path(__file__).parents[1]
FULL = "both branches"
CONSTANT = "mean profile of train"
PENALTY = 1e-6
ON_ONE = "The paper's split (seed 7); intervals are bootstraps over its test headlines, differences are paired."
OVER_SPLITS = (
    "Mean ± standard deviation over random splits; the interval of a difference is the t of Nadeau and Bengio, which "
    "allows for test parts that overlap."
)
Metric = Callable[[np.ndarray, np.ndarray], float]
METRICS: dict[str, Metric] = {
    "RMSE": lambda y, p: rmse(y.ravel(), p.ravel()),
    "Wasserstein": profiles.wasserstein_values,
    "Acc@1": profiles.acc_at_1,
    "APdocument": profiles.ap_document,
    "APemotion": profiles.ap_emotion,
}
OFFICIAL: dict[str, Metric] = {
    "APdocument (official)": partial(profiles.ap_document, form="official"),
    "APemotion (official)": partial(profiles.ap_emotion, form="official"),
}


def arms(recipe: Run, vectors: Path, raw: bool) -> dict[str, Run]:
    """The recipe and its ablations. Rates, epochs and penalty follow a few pilots on the validation part of seed 7."""
    plain, affect = ({"penalty": PENALTY, "vectors": str(vectors / f"{name}.npy")} for name in ("plain", "affect"))
    reading = {"text": "raw"} if raw else {}
    same = {"branch": "context", **reading}
    small: dict[str, Any] = {"dimensions": 100, "units": 100, "words": 24, **affect}
    alone = (Group(lr=1e-3),)
    linear = (*recipe.optim[:-1], replace(recipe.optim[-1], lr=3e-3))
    return {
        FULL: replace(recipe, config=affect | reading),
        "plain vectors": replace(recipe, config=plain | reading),
        "uniform attention": replace(recipe, system="redaffectivelm/minilm-uniform", config=affect | reading),
        "context only, same head": replace(recipe, config=same),
        "context only": replace(
            recipe, system="redaffectivelm/minilm-context", config=reading, optim=linear, epochs=20
        ),
        "affect only": replace(recipe, system="redaffectivelm/affect", config=small, optim=alone, cache=False),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/semeval2007-headlines"))
    parser.add_argument("--vectors", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--recipe", type=Path, default=ROOT / "recipes/redaffectivelm/semeval2007.yaml")
    parser.add_argument(
        "--splits", type=int, nargs="+", default=[7, 1, 2, 3, 4], help="seeds; the first is the paper's"
    )
    parser.add_argument("--arms", nargs="+", help="some of the arms; by default all")
    parser.add_argument("--raw", action="store_true", help="the context branch reads the texts as they stand")
    options = parser.parse_args()
    loaded = load_corpus("semeval2007-headlines", options.data)
    samples = sorted((s for rows in loaded.splits.values() for s in rows), key=lambda s: s.item or 0)
    options.runs.mkdir(parents=True, exist_ok=True)
    made = read_recipe(options.recipe)
    (recipe,) = made.runs.values()
    found = [
        {name: predicted(samples, run, seed, options.runs / f"{name.replace(',', '').replace(' ', '-')}-{seed}.npy")
         for name, run in arms(recipe, options.vectors, options.raw).items() if name in (options.arms or [name])}
        for seed in options.splits
    ]  # fmt: skip
    parts = [split(samples, seed) for seed in options.splits]
    truths = [gold(part["test"], SCALE).astype(np.float64) for part in parts]
    for part, arm in zip(parts, found, strict=True):
        mean = gold(part["train"], SCALE).astype(np.float64).mean(0)
        arm[CONSTANT] = np.tile(mean, (len(part["test"]), 1))
    one = len(parts) == 1
    page = Record(
        name="-".join(["redaffectivelm", options.recipe.stem, *["raw"] * options.raw, *([] if one else ["splits"])]),
        title="REDAffectiveLM on the headlines of SemEval-2007"
        + (", the context branch reading them as printed" if options.raw else ""),
        method=f"{loaded.summary}. {made.title}. Word vectors: input embeddings of MiniLM reduced to 100 numbers, "
        f"plain or counter-fitted with EmoLex. {ON_ONE if one else OVER_SPLITS} APdocument and APemotion are "
        "Pearson's r; the official forms multiply it by 1.25 and n / (n − 1).",
        rows=on_one_split(truths[0], found[0]) if one else over_splits(truths, found),
        notes=tests(truths[0], found[0]) if one else [f"splits of seeds {options.splits}, one training each"],
    ).write()
    print(page.read_text())


def predicted(samples: Sequence[Sample], run: Run, seed: int, kept: Path) -> np.ndarray:
    """Profiles (n, 5) of the test part of a split, by a reader trained on its train part."""
    if kept.is_file():
        return np.load(kept)
    parts = split(samples, seed)
    with tempfile.TemporaryDirectory() as folder:
        data = Data(parts["train"], (len(parts["train"]),), (1.0,), parts["dev"])
        system: Any = train(replace(run, seed=seed), data, Path(folder) / "model")
        logits = system.logits(parts["test"])[SCALE].astype(np.float64)
        shutil.rmtree(folder, ignore_errors=True)
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    np.save(kept, p)
    return p


def on_one_split(truth: np.ndarray, arm: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    rows = []
    for name, p in arm.items():
        cells: dict[str, Any] = {"": name, "n": len(truth)}
        for metric, function in METRICS.items():
            if name == CONSTANT and metric == "APemotion":
                continue  # a constant has no correlation
            cells[metric] = f"{bootstrap(function, truth, p, n=2000)}"
        cells |= {metric: round(f(truth, p), 3) for metric, f in OFFICIAL.items() if name != CONSTANT}
        rows.append(cells)
    for name, p in arm.items():
        if name in (FULL, CONSTANT):
            continue
        cells = {"": f"{FULL} − {name}", "n": len(truth)}
        for metric, function in METRICS.items():
            gap = paired_bootstrap(function, truth, arm[FULL], p, n=2000)
            cells[metric] = f"{gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})"
        rows.append(cells)
    return rows


def over_splits(truths: Sequence[np.ndarray], found: Sequence[dict[str, np.ndarray]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    figures = {
        name: {m: np.array([f(y, arm[name]) for y, arm in zip(truths, found, strict=True)]) for m, f in METRICS.items()
               if (name, m) != (CONSTANT, "APemotion")}
        for name in found[0]
    }  # fmt: skip
    place = {"n": sum(map(len, truths))}
    for name, values in figures.items():
        rows.append({"": name, **place, **{m: f"{v.mean():.3f} ± {v.std(ddof=1):.3f}" for m, v in values.items()}})
    for name, values in figures.items():
        if name not in (FULL, CONSTANT):
            gaps = {m: corrected_t(figures[FULL][m] - v) for m, v in values.items()}
            rows.append({"": f"{FULL} − {name}", **place, **gaps})
    return rows


def corrected_t(gaps: np.ndarray, test_share: float = 0.25) -> str:
    """Mean difference with the interval of Nadeau and Bengio (2003): variance · (1/runs + test size / train size).

    Args:
        gaps: (runs,).
        test_share: Size of the test part over that of the others that trained: 20 / 80.
    """
    from scipy.stats import t

    half = t.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) * (1 / len(gaps) + test_share) ** 0.5
    return f"{gaps.mean():+.3f} ({gaps.mean() - half:+.3f} to {gaps.mean() + half:+.3f})"


def tests(truth: np.ndarray, arm: dict[str, np.ndarray]) -> list[str]:
    """The paper's tests on its split: McNemar for Acc@1, Welch and Kolmogorov–Smirnov for the documents' RMSE."""
    top = truth.argmax(1)
    off = {name: np.sqrt(((p - truth) ** 2).mean(1)) for name, p in arm.items()}
    out = []
    for name, p in arm.items():
        if name in (FULL, CONSTANT):
            continue
        exact = compared.mcnemar(arm[FULL].argmax(1) == top, p.argmax(1) == top)
        welch = compared.welch_t(off[FULL], off[name])
        shape = compared.kolmogorov_smirnov(off[FULL], off[name])
        out.append(
            f"{FULL} against {name}: Acc@1 McNemar p {exact.p:.3f}; documents' RMSE Welch p {welch.p:.3f}, "
            f"Kolmogorov–Smirnov p {shape.p:.3f} (not corrected for the number of comparisons)"
        )
    return out


if __name__ == "__main__":
    main()
