"""Pairwise contrastive learning of sound and text on RAVDESS without labels, then linear probes on other speakers.

    python benchmarks/pairwise_contrastive.py

Encoders learn from the clips of all eight actors by the objective `LabelFree`, with the settings of the recipe's run
`contrast`; no label is looked at. In four folds of two actors a ridge classifier on standardised features, its penalty
chosen within the other six, is then asked about the two. The same is asked of encoders with random weights and of plain
statistics of the mel bands. Since the two sentences are neutral, what sound can learn from text is which of them is
said: that is probed too.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectus.corpora import ravdess
from affectus.corpora.base import gold
from affectus.evaluation import bootstrap, uar
from affectus.frontends.clips import RATE, band_power
from affectus.registry import build
from affectus.sample import Sample
from affectus.systems.pairwise_contrastive import PairwiseContrastive
from affectus.training.loop import train
from affectus.training.recipe import read_recipe
from affectus.training.source import Data
from record import Record, timed

ROOT = Path(__file__).parents[1]
DATA = ROOT / ".." / "shared" / "data" / "ravdess-speech"
FOLDS = (("01", "02"), ("03", "04"), ("05", "06"), ("07", "08"))
SEEDS = (0,)
PENALTIES = np.logspace(-1, 4, 11)


def heard(data: Path) -> list[Sample]:
    """All clips with their mel bands in place of their sound."""
    return [replace(s, media=None, features={"mel": band_power(s.wave(RATE), 30.0)}) for s in ravdess.load(data)["all"]]


def answers(features: np.ndarray, labels: np.ndarray, known: np.ndarray) -> np.ndarray:
    """What a linear probe that learned from the known rows says of the others."""
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), RidgeClassifierCV(PENALTIES, class_weight="balanced"))
    return probe.fit(features[known], labels[known]).predict(features[~known])


def statistics(samples: list[Sample]) -> np.ndarray:
    levels = [10 * np.log10(np.maximum(s.features["mel"], 1e-10)) for s in samples]
    return np.stack([np.concatenate([x.mean(0), x.std(0)]) for x in levels])


def main() -> None:
    run = read_recipe(ROOT / "recipes" / "pairwise-contrastive" / "ravdess.yaml").runs["contrast"]
    samples = heard(DATA)
    speakers = np.array([str(s.track) for s in samples])
    asked = {
        "emotion": gold(samples, ravdess.SCALE).argmax(1),
        "sentence": np.array([int(s.groups["sentence"]) for s in samples]),
    }
    said: dict[tuple[str, str, int], np.ndarray] = {}

    def probe(name: str, features: np.ndarray, known: np.ndarray, seed: int) -> None:
        for question, labels in asked.items():
            rows = said.setdefault((name, question, seed), np.zeros(len(samples), int))
            rows[~known] = answers(features, labels, known)

    def sound(system: Any) -> np.ndarray:
        assert isinstance(system, PairwiseContrastive)
        return system.features(samples)["audio"]

    losses = []
    with timed() as clock, tempfile.TemporaryDirectory() as folder:
        for seed in SEEDS:
            torch.manual_seed(seed)
            mine, out = replace(run, seed=seed, trackers=()), Path(folder) / str(seed)
            features = {"random weights": sound(build(run.system, **run.config))}
            unlabelled = [replace(s, gold=None) for s in samples]
            features["contrast with text"] = sound(train(mine, Data(unlabelled, (len(unlabelled),), (1.0,)), out))
            features["mean and deviation of mel bands"] = statistics(samples)
            losses.append((out / "run" / "metrics.jsonl").read_text().splitlines()[-1])
            print(seed, losses[-1], flush=True)
            for fold in FOLDS:
                for name, values in features.items():
                    probe(name, values, ~np.isin(speakers, fold), seed)
    rows: list[dict[str, Any]] = []
    for question, labels in asked.items():
        for name in dict.fromkeys(key[0] for key in said):
            by_seed = [said[name, question, seed] for seed in SEEDS]
            values = [uar(labels, rows_) for rows_ in by_seed]
            found = bootstrap(
                uar, np.tile(labels, len(SEEDS)), np.concatenate(by_seed), groups=np.tile(speakers, len(SEEDS))
            )
            rows.append(
                {
                    "asked": question,
                    "features of sound": name,
                    "n": len(samples),
                    "UAR": round(found.value, 3),
                    "interval": f"{found.low:.3f}–{found.high:.3f}",
                    "by seed": ", ".join(f"{v:.3f}" for v in values),
                }
            )
    page = Record(
        "pairwise-contrastive-ravdess",
        "Sound that learned from text without labels, probed on RAVDESS",
        " ".join((__doc__ or "").split("\n\n", 2)[2].split()),
        rows,
        notes=[
            "Seeds pooled; intervals resample the eight speakers. Chance is 0.125 for emotions, 0.5 for sentences.",
            f"Seeds {SEEDS}, trainings and probes: {clock.wall / 60:.1f} minutes, {clock.cpu / 60:.1f} of a core.",
        ],
        extra={"run": str(run), "last losses": losses},
    ).write()
    print(page.read_text())


if __name__ == "__main__":
    main()
