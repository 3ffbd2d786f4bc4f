"""Clips whose sound and words share a cause that nobody names, each drowned in noise of its own."""

from __future__ import annotations

import numpy as np
import torch

from affectus.corpora.base import with_gold
from affectus.sample import Sample
from affectus.taxonomy import scale
from affectus.testing.learning import built, descend

_CLASSES, _FRAMES, _WORDS, _NUISANCES = 4, 12, 16, 12
_TRAIN, _TEST, _BATCH = 400, 200, 32
_STRENGTH = 1.0  # of a nuisance against the cause


def shared_cause(name: str, /, steps: int = 150) -> float:
    """Share of clips whose cause a linear probe of the features gets wrong, after training without any label.

    Each clip has one of four causes. It moves one direction of its sound (in decibels) and one of its words a little;
    larger movements in other directions, drawn for sound and words apart, hide it. What the two have in common is the
    cause alone, so that features which agree with each other know it.

    Args:
        name: Of a system that reads features `mel` and `words` and has an objective `LabelFree`.
        steps: Of training; 0 probes features of random weights.
    """
    from affectus.systems.pairwise_contrastive import LabelFree, PairwiseContrastive

    system = built(name, modalities=("audio", "text"), words=_WORDS)
    assert isinstance(system, PairwiseContrastive)
    target = system.config.targets[0]
    rng = np.random.default_rng(0)
    heard, said = (np.linalg.qr(rng.standard_normal((size, _NUISANCES + 2)))[0].T for size in (128, _WORDS))
    clips, causes = [], rng.integers(0, _CLASSES, _TRAIN + _TEST)
    angle = 2 * np.pi * causes / _CLASSES
    shown = np.stack([np.cos(angle), np.sin(angle)], 1)
    for i, cause in enumerate(shown):
        noise = _STRENGTH * rng.standard_normal((2, _NUISANCES))
        sound = np.concatenate([cause, noise[0]]) @ heard * 8 + 0.3 * rng.standard_normal((_FRAMES, 128))
        words = np.concatenate([cause, noise[1]]) @ said + 0.1 * rng.standard_normal((_FRAMES, _WORDS))
        clips.append(Sample(id=str(i), source="made", item=i, features={"mel": 10 ** (sound / 10), "words": words}))
    gold = np.eye(len(scale(target.scale)), dtype=np.float32)[causes]
    judged = with_gold(clips, {target.scale: gold}, perspective=target.perspective, by="made", modality="clip")

    objective, drawn = LabelFree(system.config), np.random.default_rng(1).integers(0, _TRAIN, (max(1, steps), _BATCH))
    unlabelled = clips[:_TRAIN]

    def loss(step: int) -> torch.Tensor:
        batch = system.collate([unlabelled[i] for i in drawn[step]], np.random.default_rng(step)).to("cpu")
        return objective(system.train(), batch)["contrast"]

    descend(system.parameters(), loss, steps)
    return probed(system, judged[:_TRAIN], judged[_TRAIN:], causes)


def probed(system: object, train: list[Sample], test: list[Sample], causes: np.ndarray) -> float:
    """Share of wrong answers of a ridge classifier on standardised features, both modalities side by side."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known, asked = (np.concatenate(list(system.features(rows).values()), 1) for rows in (train, test))  # type: ignore[attr-defined]
    probe = make_pipeline(StandardScaler(), RidgeClassifier()).fit(known, causes[: len(train)])
    return float((probe.predict(asked) != causes[len(train) :]).mean())
