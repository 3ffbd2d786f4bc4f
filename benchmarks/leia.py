"""What masking emotion words brings: MiniLM with LEIA's stages, in-domain and on corpora it never saw.

python benchmarks/leia.py train --data ../shared/data --lexicon EMOLEX --out FOLDER [--seeds 42 43 44] [--arms plain]
python benchmarks/leia.py measure --data ../shared/data --out FOLDER

Arms: `plain` starts the probe from MiniLM as it is; `masked` from MiniLM after masked language modelling that prefers
emotion words, on some 3,200 texts; `longer` after the same on all 46,700 texts; `uniform` after masked language
modelling of all words alike. An interrupted call goes on where it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from affectus.corpora.base import gold, load_corpus
from affectus.evaluation.intervals import Difference, percentiles, resampled
from affectus.evaluation.metrics import macro_f1
from affectus.registry import load
from affectus.sample import Sample
from affectus.taxonomy import scale, scale_map
from affectus.training.job import carry_out
from affectus.training.recipe import Recipe, read_recipe
from record import Record

RECIPE = Path(__file__).parents[1] / "recipes" / "leia" / "goemotions.yaml"
ARMS = ("plain", "masked", "longer", "uniform")
WHOLE = "masked.data={goemotions: 1, tweeteval-emotion: 1}"
SCALE = "leia-5"
SETS = {  # name → corpus, folder, split, gold scale, how many labels a row may have before the map, every how many rows
    "GoEmotions test": ("goemotions", "goemotions", "test", "goemotions-28", 1, 1),
    "TweetEval test": ("tweeteval-emotion", "tweeteval-emotion", "test", "tweeteval-emotion-4", 1, 1),
    "ISEAR, every third row": ("isear", "isear", "all", "isear-7", 1, 3),
    "SemEval-2018 E-c test": ("semeval2018-ec", "semeval2018-task1", "test", "semeval2018-ec-11", 11, 1),
}
NOTES = (
    "The strict mapping: rows whose gold has no image among the five, or more than one, are left out. Macro-F1 over "
    "the classes that gold can reach; answers stay five-way, and a second figure restricts them to those classes.",
    "GoEmotions is in-domain. Nothing was chosen by any of these figures; no rate, step or epoch was tuned.",
    "The arms with masked language modelling also saw texts (not labels) of TweetEval's train split, from which "
    "SemEval-2018 E-c's train split descends: what they gain on tweets may come from there and not from the masking.",
    "all-MiniLM-L6-v2 is a sentence encoder without a masked-LM head; that head starts at random.",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "measure"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--lexicon", default="")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--stages", nargs="+", default=["tuned"], choices=("probe", "tuned"))
    parser.add_argument("--resamples", type=int, default=2000)
    options = parser.parse_args()
    if options.what == "measure":
        measure(options.data, options.out, options.seeds, options.sets, options.stages, options.resamples)
        return
    for seed in options.seeds:
        for arm in options.arms:
            recipe, place = plan(arm, seed, options.lexicon), options.out / f"{arm}-{seed}"
            print(arm, seed, carry_out(recipe, options.data, place, resume=True)[-1], flush=True)


def plan(arm: str, seed: int, lexicon: str) -> Recipe:
    """The recipe of one arm and seed."""
    emotional = arm in ("masked", "longer")
    if emotional and not lexicon:
        raise SystemExit(f"the arm {arm!r} needs --lexicon")
    words = lexicon if emotional else "''"
    changes = [f"seed={seed}", f"masked.config.lexicon={words}", *([WHOLE] if arm == "longer" else [])]
    recipe = read_recipe(RECIPE, changes)
    if arm != "plain":
        return recipe
    runs = {name: run for name, run in recipe.runs.items() if name != "masked"}
    return replace(recipe, runs=runs | {"probe": replace(runs["probe"], init={})})


def cases(data: Path, name: str) -> tuple[list[Sample], np.ndarray]:
    """Samples of a set, and their gold as zeros and ones on the five."""
    corpus, folder, split, source, most, step = SETS[name]
    samples = load_corpus(corpus, data / folder)[split]
    raw = gold(samples, source) > 0.5
    images = raw.astype(int) @ (scale_map(source, SCALE).matrix() > 0) > 0
    rows = np.flatnonzero((raw.sum(1) <= most) & (images.sum(1) == 1))[::step]
    return [samples[i] for i in rows], images[rows]


def answers(out: Path, run: str, stage: str, name: str, samples: Sequence[Sample]) -> np.ndarray:
    """Logits of a finished run, (n, 5), computed once and kept beside it."""
    file = out / run / f"{stage}-{name.replace(', ', '-').replace(' ', '-')}.npy"
    if not file.is_file():
        reader: Any = load(str(out / run / stage))
        np.save(file, reader.logits(samples, batch_size=64)[SCALE])
    return np.load(file)


def chosen(logits: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """The highest allowed label of each row as zeros and ones."""
    return np.eye(len(allowed))[np.where(allowed, np.nan_to_num(logits, nan=-1e9), -np.inf).argmax(1)]


def measure(
    data: Path, out: Path, seeds: Sequence[int], sets: Sequence[str], stages: Sequence[str], resamples: int
) -> None:
    rows, gaps = [], []
    for name in sets:
        samples, truth = cases(data, name)
        reach = np.array([label in scale_map(SETS[name][3], SCALE).covered() for label in scale(SCALE).labels])
        for stage in stages:
            drawn: dict[str, dict[int, tuple[float, np.ndarray]]] = {}
            for arm in ARMS:
                done = [seed for seed in seeds if (out / f"{arm}-{seed}" / stage / "card.json").is_file()]
                if not done:
                    continue
                logits = {seed: answers(out, f"{arm}-{seed}", stage, name, samples) for seed in done}
                drawn[arm] = {
                    seed: drawing(truth, chosen(x, np.ones(5, bool)), reach, resamples) for seed, x in logits.items()
                }
                inside = np.mean([macro_f1(truth[:, reach], chosen(x, reach)[:, reach]) for x in logits.values()])
                rows.append(line(name, stage, arm, drawn[arm], len(samples)) | {"answers restricted": float(inside)})
            gaps += [gap(name, stage, arm, drawn) for arm in drawn if arm != "plain" and "plain" in drawn]
    page = Record(
        name="leia",
        title="LEIA's stages with MiniLM: emotion words masked before, or not",
        method="`recipes/leia/goemotions.yaml`, the same for all arms but the first stage; seeds as counted. Value: "
        f"mean over seeds; interval: percentile bootstrap over items of that mean, {resamples:,} resamples.",
        rows=rows,
        notes=[*(g for g in gaps if g), *NOTES],
    ).write()
    print(page.read_text())


def drawing(truth: np.ndarray, answer: np.ndarray, reach: np.ndarray, resamples: int) -> tuple[float, np.ndarray]:
    """Macro-F1, and that of each resample: the same resamples for all readers of a set."""
    columns = truth[:, reach], answer[:, reach]
    return macro_f1(*columns), resampled(macro_f1, *columns, n=resamples)


def _mean(found: Mapping[int, tuple[float, np.ndarray]], seeds: Sequence[int]) -> tuple[float, np.ndarray]:
    return float(np.mean([found[s][0] for s in seeds])), np.mean([found[s][1] for s in seeds], 0)


def line(name: str, stage: str, arm: str, found: Mapping[int, tuple[float, np.ndarray]], n: int) -> dict[str, Any]:
    value, replicates = _mean(found, list(found))
    low, high = percentiles(replicates)
    each = sorted(round(figure, 3) for figure, _ in found.values())
    return {
        "data": name,
        "stage": stage,
        "arm": arm,
        "macro-F1": value,
        "95 %": f"{low:.3f} to {high:.3f}",
        "seeds": f"{len(each)}: {' '.join(f'{v:.3f}' for v in each)}",
        "n": n,
    }


def gap(name: str, stage: str, arm: str, drawn: Mapping[str, Mapping[int, tuple[float, np.ndarray]]]) -> str:
    """The difference of an arm and `plain` on the same items and seeds, in words."""
    both = sorted(set(drawn[arm]) & set(drawn["plain"]))
    if not both:
        return ""
    (a, first), (b, second) = _mean(drawn[arm], both), _mean(drawn["plain"], both)
    found = Difference.between(a - b, first - second, 0.95, "")
    return (
        f"{name}, {stage}: {arm} − plain {found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f}), {len(both)} seeds"
    )


if __name__ == "__main__":
    main()
