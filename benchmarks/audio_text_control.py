"""Fusion of sound and text by M2FNet on RAVDESS, whose two sentences say nothing about the emotion: a control.

    python benchmarks/audio_text_control.py --cache CACHE

Sound is the mean of the states of the frozen Whisper-tiny encoder's third layer, text the mean of all-MiniLM-L6-v2's
states. Four folds of two actors, who are not heard in training; three seeds; the same settings for all, chosen before
the first run. Text can add nothing here, so the question is whether fusion loses anything against sound alone; no gain
from text is claimed, whatever the figures. Differences are paired; intervals resample speakers.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectus import backbones
from affectus.corpora import ravdess
from affectus.corpora.base import gold
from affectus.evaluation import bootstrap, paired_bootstrap, uar
from affectus.registry import build
from affectus.sample import Sample
from dawn_ser import encode, load_corpus
from record import Record, timed

FOLDS = (("01", "02"), ("03", "04"), ("05", "06"), ("07", "08"))
SEEDS = (0, 1, 2)
LAYER = 3
SETTING: dict[str, Any] = {"width": 64, "heads": 4, "inner": 128, "hidden": 64, "fusions": 2, "dropout": 0.3}
WIDTHS = {"sound and text": {"text": 384, "audio": 384}, "sound": {"audio": 384}}
EPOCHS, BATCH, RATE = 15, 32, 1e-3


@torch.no_grad()
def written(samples: list[Sample]) -> np.ndarray:
    """The mean state of each sentence, (n, 384)."""
    encoder, tokens = backbones.text_encoder("asset:minilm-l6"), backbones.tokenizer("asset:minilm-l6")
    vectors = {}
    for text in {str(s.text) for s in samples}:
        given = tokens(text, return_tensors="pt")
        vectors[text] = encoder(**given).last_hidden_state[0].mean(0).numpy()
    return np.stack([vectors[str(s.text)] for s in samples])


def standard(x: np.ndarray, known: np.ndarray) -> np.ndarray:
    return ((x - x[known].mean(0)) / (x[known].std(0) + 1e-6)).astype(np.float32)


def learned(rows: list[Sample], widths: dict[str, int], seed: int) -> Any:
    """M2FNet after training on clips, each a dialogue of one turn."""
    torch.manual_seed(seed)
    target = {"scale": ravdess.SCALE, "perspective": "intended"}
    system = build("m2fnet/base", widths=widths, targets=[target], **SETTING).train()
    optimiser = torch.optim.AdamW(system.parameters(), lr=RATE, weight_decay=RATE)
    rng = np.random.default_rng(seed)
    for _ in range(EPOCHS):
        order = rng.permutation(len(rows))
        for at in range(0, len(rows), BATCH):
            batch = system.collate([rows[i] for i in order[at : at + BATCH]]).to("cpu")
            optimiser.zero_grad()
            torch.stack(list(system.loss(system(**batch.inputs), batch).values())).sum().backward()
            optimiser.step()
    return system


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache", type=Path, required=True)
    cache = parser.parse_args().cache
    samples, labels, speakers = load_corpus("ravdess")
    with np.load(encode(cache, "ravdess", 0)) as held:
        sound = held["mean"][:, LAYER]
    text = written(samples)
    said = {(name, seed): np.zeros(len(samples), int) for name in WIDTHS for seed in SEEDS}
    with timed() as clock:
        for fold in FOLDS:
            known = ~np.isin(speakers, fold)
            features = {"audio": standard(sound, known), "text": standard(text, known)}
            rows = [
                replace(s, media=None, features={k: v[i] for k, v in features.items()}) for i, s in enumerate(samples)
            ]
            for name, seed in said:
                system = learned([row for row, k in zip(rows, known, strict=True) if k], WIDTHS[name], seed)
                asked = [row for row, k in zip(rows, known, strict=True) if not k]
                said[name, seed][~known] = system.logits(asked)[ravdess.SCALE].argmax(1)
            print(fold, flush=True)
    assert (gold(samples, ravdess.SCALE).argmax(1) == labels).all()
    truth, whose = np.tile(labels, len(SEEDS)), np.tile(speakers, len(SEEDS))
    pooled = {name: np.concatenate([said[name, seed] for seed in SEEDS]) for name in WIDTHS}
    table = []
    for name, answers in pooled.items():
        found = bootstrap(uar, truth, answers, groups=whose)
        against = paired_bootstrap(uar, truth, answers, pooled["sound"], groups=whose) if name != "sound" else None
        table.append(
            {
                "reads": name,
                "n": len(samples),
                "UAR": round(found.value, 3),
                "interval": f"{found.low:.3f}–{found.high:.3f}",
                "by seed": ", ".join(f"{uar(labels, said[name, seed]):.3f}" for seed in SEEDS),
                "against sound alone": f"{against.value:+.3f} ({against.low:+.3f} to {against.high:+.3f})"
                if against is not None
                else "",
            }
        )
    page = Record(
        "audio-text-control",
        "Sound and text fused where text says nothing: M2FNet on RAVDESS speech",
        " ".join((__doc__ or "").split("\n\n", 2)[2].split()),
        table,
        notes=[
            f"Settings: {SETTING}, {EPOCHS} epochs of batches of {BATCH}, AdamW, rate {RATE}. Chance is 0.125.",
            f"24 trainings: {clock.wall / 60:.1f} minutes, {clock.cpu / 60:.1f} of the processor.",
            "That several modalities tell more about an emotion than one is not shown by this.",
        ],
    ).write()
    print(page.read_text())


if __name__ == "__main__":
    main()
