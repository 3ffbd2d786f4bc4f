"""Dawn-SER's readers with every setting chosen within the training speakers, against the shipped reader's system.

    python benchmarks/dawn_ser_nested.py encode --cache CACHE     # states of the frozen encoder, once
    python benchmarks/dawn_ser_nested.py report --cache CACHE     # fits, which are kept, and the dated result

EMO-DB (4 classes, 10 actors) in five folds and RAVDESS speech (8 classes, 8 actors) in four, each a man and a woman,
the same for all readers. Settings are chosen within the speakers of the other folds, by fits that leave out a second
fold: for heads on the frozen encoder the silence around the sound (kept or cut), pooling (mean or moments), epochs and
rate; for the support vector machine layer and C; for voice-head, the system of the shipped reader, layers, prosody and
C. Frozen heads are trained from three seeds, whose logits are averaged. Where the top one of three layers is trained,
after a head on the frozen layer, its rate and epochs were set beforehand and the rest is what the fold chose for the
frozen mixture; Whisper's fourth layer is left out there. All learn from recordings alone. Differences are paired with
voice-head; intervals resample speakers.
"""

from __future__ import annotations

import argparse
import copy
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor

from affectus import registry
from affectus.evaluation import uar
from affectus.systems.dawn_ser import DawnSER
from affectus.systems.voice_head import logistic
from affectus.taxonomy import scale
from dawn_ser import BATCH, CORPORA, KEPT, MEN, SEEDS, TUNED, descend, lines, load_corpus, reader
from record import Record, timed
from voice_accuracy import ALL_LAYERS, GRID, features, matrix, standard

DECAY = 0.01
HEADS = tuple(itertools.product((False, True), (False, True), ((15, 1e-3), (40, 1e-3), (40, 3e-4))))
MACHINES = tuple(itertools.product(range(5), (0.3, 1.0, 3.0, 10.0)))
OPPONENT = "voice-head"
LAST = "dawn-ser, frozen, last layer"
MIXED = "dawn-ser, frozen, mixture of layers"
TOP = "dawn-ser, top of three layers trained"
MACHINE = "SVM on the mean of a layer (Dawn-SER's probe)"
Setting = tuple[Any, ...]
Fit = Callable[[np.ndarray, Sequence[np.ndarray], Setting, Sequence[int]], list[np.ndarray]]


@dataclass(frozen=True, eq=False)
class Heard:
    """One corpus, or two of which the second is only read, as the frozen encoder hears it.

    Args:
        moments: Whether silence was cut → (n, 5, 384) mean and mean square of each layer's states.
        label: (n,).
        speaker: (n,).
        fold: (n,) numbers.
        states: For each row the input (t, 384) of the layer that is trained, silence kept or cut.
        opponent: (n, f) features of voice-head, all layers, and (n, 20) prosody.
        classes: Of `label`.
    """

    moments: dict[bool, tuple[np.ndarray, np.ndarray]]
    label: np.ndarray
    speaker: np.ndarray
    fold: np.ndarray
    states: dict[bool, Sequence[np.ndarray]]
    opponent: Any
    classes: int


@torch.no_grad()
def encode(cache: Path, name: str, trim: bool) -> Path:
    """Moments of all layers, and the states below the trained layer in half precision."""
    file = cache / f"moments-{name}-{trim:d}.npz"
    if file.is_file():
        return file
    system = reader(trim=trim).eval()
    means, squares, states = [], [], []
    for sample in load_corpus(name)[0]:
        batch = system.collate([sample], np.random.default_rng(0)).to("cpu").inputs
        found, _ = system.backbone(batch["heard"], batch["lengths"], every_layer=True)
        means.append(found[:, 0].mean(1).numpy())
        squares.append(found[:, 0].square().mean(1).numpy())
        states.append(found[KEPT, 0].half().numpy())
    cache.mkdir(parents=True, exist_ok=True)
    np.save(cache / f"below-{name}-{trim:d}.npy", np.concatenate(states))
    np.savez(file, mean=np.stack(means), square=np.stack(squares), lengths=[len(s) for s in states])
    return file


def heard(cache: Path, name: str) -> Heard:
    samples, label, speaker = load_corpus(name)
    parts = {trim: np.load(encode(cache, name, trim)) for trim in (False, True)}
    below = {trim: np.load(cache / f"below-{name}-{trim:d}.npy") for trim in parts}
    system: Any = registry.build("voice-head/whisper-tiny", layers=ALL_LAYERS)
    return Heard(
        {trim: (part["mean"], part["square"]) for trim, part in parts.items()},
        label,
        speaker,
        folds(name, speaker),
        {trim: np.split(below[trim], np.cumsum(part["lengths"])[:-1]) for trim, part in parts.items()},
        features(system, samples, label, 0, cache / f"vh-{name}-0.npz"),
        len(scale(CORPORA[name].SCALE)),
    )


def folds(name: str, speaker: np.ndarray) -> np.ndarray:
    """The fold of each row: a man and a woman, as they follow one another."""
    names = np.unique(speaker)
    male = np.isin(names, MEN) if name == "emodb" else np.array([int(s) % 2 == 1 for s in names])
    number = {s: i for side in (male, ~male) for i, s in enumerate(names[side])}
    return np.array([number[s] for s in speaker])


# -- training ---------------------------------------------------------------------------------------------------------
def head_groups(system: DawnSER, lr: float) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = [{"params": list(system.classifier.parameters()), "lr": lr, "weight_decay": DECAY}]
    return [*groups, {"params": [system.mixture], "lr": 10 * lr, "weight_decay": 0.0}] if system.config.mix else groups


def frozen(of: Heard, target: str, mix: bool) -> Fit:
    """Heads on the frozen encoder."""
    made = {
        moments: reader(
            targets=[{"scale": target, "perspective": "intended"}], mix=mix, pooling="moments" if moments else "mean"
        )
        for moments in (False, True)
    }

    def fit(train: np.ndarray, tests: Sequence[np.ndarray], setting: Setting, seeds: Sequence[int]) -> list[np.ndarray]:
        trim, moments, (epochs, lr) = setting
        values = [torch.as_tensor(v if mix else v[:, -1:]) for v in of.moments[trim][: 2 if moments else 1]]
        kept = {id(made[moments].backbone): made[moments].backbone}  # a copy shares the encoder
        total = [np.zeros((len(rows), of.classes)) for rows in tests]
        for seed in seeds:
            torch.manual_seed(seed)
            system = copy.deepcopy(made[moments], dict(kept))
            for part in (system.classifier.dense, system.classifier.out_proj):
                part.reset_parameters()

            def outputs(rows: np.ndarray, system: DawnSER = system) -> Tensor:
                return system.head(*(v[rows] for v in values))[target]

            descend(
                system, of.label[train], lambda rows, outputs=outputs: outputs(train[rows]),
                head_groups(system, lr), epochs, seed,
            )  # fmt: skip
            with torch.no_grad():
                for found, rows in zip(total, tests, strict=True):
                    found += outputs(rows).numpy() / len(seeds)
        return total

    return fit


def tuned(of: Heard, target: str) -> Fit:
    """The top one of three kept layers is trained; what lies below comes from the cache."""

    def fit(train: np.ndarray, tests: Sequence[np.ndarray], setting: Setting, seeds: Sequence[int]) -> list[np.ndarray]:
        trim, moments, (epochs, lr) = setting
        (seed,) = seeds
        torch.manual_seed(seed)
        system = reader(
            targets=[{"scale": target, "perspective": "intended"}], pooling="moments" if moments else "mean",
            keep=KEPT + 1, trained=1,
        )  # fmt: skip
        whisper: Any = system.backbone.net.whisper
        below = [torch.as_tensor(v[:, : KEPT + 1]) for v in of.moments[trim][: 2 if moments else 1]]

        def top(rows: np.ndarray) -> list[Tensor]:
            """Moments over time of the top layer's normalised states, each (rows, 1, f)."""
            longest = max(len(of.states[trim][i]) for i in rows)
            x = torch.zeros(len(rows), longest, 384)
            valid = torch.zeros(len(rows), longest)
            for at, i in enumerate(rows):
                part = of.states[trim][i]
                x[at, : len(part)] = torch.as_tensor(part).float()
                valid[at, : len(part)] = 1
            mask = (1 - valid[:, None, None]) * torch.finfo(x.dtype).min
            states = whisper.layer_norm(whisper.layers[-1](x, mask))
            means = [states, states.square()][: len(below)]
            return [(torch.einsum("btf,bt->bf", v, valid) / valid.sum(1, keepdim=True))[:, None] for v in means]

        def outputs(rows: np.ndarray) -> Tensor:
            return system.head(*(torch.cat([b[rows], t], 1) for b, t in zip(below, top(rows), strict=True)))[target]

        with torch.no_grad():
            still = [top(train[at : at + BATCH]) for at in range(0, len(train), BATCH)]
        fixed = [torch.cat([b[train], torch.cat(t)], 1) for b, t in zip(below, zip(*still, strict=True), strict=True)]
        label = of.label[train]
        descend(
            system, label, lambda rows: system.head(*(v[rows] for v in fixed))[target],
            head_groups(system, lr), epochs, seed,
        )  # fmt: skip
        layer = [*whisper.layers[-1].parameters(), *whisper.layer_norm.parameters()]
        groups = [
            *head_groups(system, TUNED["lr"]),
            {"params": layer, "lr": TUNED["layer"], "weight_decay": DECAY},
        ]
        epochs, size = int(TUNED["epochs"]), int(TUNED["batch"])
        descend(system, label, lambda rows: outputs(train[rows]), groups, epochs, seed, size)
        with torch.no_grad():
            return [
                np.concatenate([outputs(rows[at : at + BATCH]).numpy() for at in range(0, len(rows), BATCH)])
                for rows in tests
            ]

    return fit


# -- the others -------------------------------------------------------------------------------------------------------
def machine(of: Heard) -> Fit:
    """A support vector machine on one layer's mean, silence kept; its answers as scores."""

    def fit(train: np.ndarray, tests: Sequence[np.ndarray], setting: Setting, _: Sequence[int]) -> list[np.ndarray]:
        layer, strength = setting
        x = of.moments[False][0][:, layer]
        found = make_pipeline(StandardScaler(), SVC(gamma="auto", C=strength)).fit(x[train], of.label[train])
        return [np.eye(of.classes)[found.predict(x[rows])] for rows in tests]

    return fit


def opponent(of: Heard) -> Fit:
    """The system of the shipped reader."""

    def fit(train: np.ndarray, tests: Sequence[np.ndarray], setting: Setting, _: Sequence[int]) -> list[np.ndarray]:
        layers, spoken, strength = setting
        x = matrix(of.opponent, layers, spoken)
        z, *left = standard(x[train], *(x[rows] for rows in tests))
        weight, bias = logistic(z, of.label[train], of.classes, strength)
        return [part @ weight.T + bias for part in left]

    return fit


def arms(of: Heard, target: str) -> dict[str, tuple[Fit, Sequence[Setting], Sequence[int]]]:
    """How each reader is fitted, what it may choose from, and its seeds."""
    return {
        OPPONENT: (opponent(of), GRID, (0,)),
        LAST: (frozen(of, target, mix=False), HEADS, SEEDS),
        MIXED: (frozen(of, target, mix=True), HEADS, SEEDS),
        MACHINE: (machine(of), MACHINES, (0,)),
    }


# -- choosing ---------------------------------------------------------------------------------------------------------
def kept(file: Path, make: Callable[[], list[np.ndarray]]) -> list[np.ndarray]:
    """What was computed once and is on disk, or is computed now."""
    if not file.is_file():
        with timed() as clock:
            made = make()
        np.savez(file, *made)
        print(f"{file.stem}: {clock.cpu:.0f} processor seconds", flush=True)
    stored = np.load(file)
    return [stored[name] for name in stored.files]


def nested(
    stem: Path, of: Heard, fit: Fit, grid: Sequence[Setting], seeds: Sequence[int]
) -> tuple[np.ndarray, list[Setting], list[float]]:
    """Logits of all rows, each from a fit without its fold by settings that were chosen without it.

    Args:
        stem: Of the files that are kept.
        of: The corpus.
        fit: Fits on rows and gives logits of others.
        grid: Settings; of equals the first is taken.
        seeds: Of the final fits; choices are made with the first.

    Returns:
        Logits, the choice of each fold, and its UAR in the inner folds.
    """
    numbers = np.unique(of.fold)
    inner = np.zeros((len(numbers), len(grid), len(of.label), of.classes))  # without the fold and without the row's own
    for i, j in itertools.combinations(numbers, 2):
        rest = np.flatnonzero(~np.isin(of.fold, (i, j)))
        one, two = (np.flatnonzero(of.fold == number) for number in (i, j))

        def both(rest: np.ndarray = rest, one: np.ndarray = one, two: np.ndarray = two) -> list[np.ndarray]:
            found = [fit(rest, (one, two), setting, seeds[:1]) for setting in grid]
            return [np.stack(part) for part in zip(*found, strict=True)]

        first, second = kept(stem.with_name(f"{stem.name}-{i}-{j}.npz"), both)
        inner[j][:, one], inner[i][:, two] = first, second
    out, choices, reached = np.zeros((len(of.label), of.classes)), [], []
    for i in numbers:
        left, rest = np.flatnonzero(of.fold == i), np.flatnonzero(of.fold != i)
        scores = [uar(of.label[rest], found[rest].argmax(1)) for found in inner[i]]
        best = int(np.argmax(scores))
        choices.append(grid[best])
        reached.append(scores[best])
        (out[left],) = kept(
            stem.with_name(f"{stem.name}-{i}-without-{best}.npz"),
            lambda rest=rest, left=left, best=best: fit(rest, [left], grid[best], seeds),
        )
    return out, choices, reached


def everything(cache: Path, name: str) -> tuple[Heard, dict[str, np.ndarray], dict[str, list[Any]]]:
    """The corpus, answers of each reader, and what each fold chose with its UAR in the inner folds."""
    of, target = heard(cache, name), CORPORA[name].SCALE
    found, told, mixed = {}, {}, []
    for title, (fit, grid, seeds) in arms(of, target).items():
        stem = cache / f"{name}-{title.replace(', ', '-').replace(' ', '-')[:34]}"
        logits, chosen, reached = nested(stem, of, fit, grid, seeds)
        found[title], mixed = logits.argmax(1), chosen if title == MIXED else mixed
        told[title] = [[*c, round(r, 3)] for c, r in zip(chosen, reached, strict=True)]
    fit, out = tuned(of, target), np.zeros((len(of.label), of.classes))
    for i, setting in enumerate(mixed):
        left, rest = np.flatnonzero(of.fold == i), np.flatnonzero(of.fold != i)
        file = cache / f"{name}-top-{i}-{HEADS.index(setting)}.npz"
        (out[left],) = kept(file, lambda rest=rest, left=left, setting=setting: fit(rest, [left], setting, (0,)))
    return of, found | {TOP: out.argmax(1)}, told


def report(cache: Path) -> None:
    rows: list[dict[str, Any]] = []
    notes, extra = [f"Trained layer: {TUNED}."], {}
    for name in CORPORA:
        of, answers, told = everything(cache, name)
        title = f"{name}, {int(of.fold.max()) + 1} folds of a man and a woman"
        rows += lines(title, of.label, answers, of.speaker)
        extra[f"{name}, choices of the folds, and their UAR in the inner folds"] = told
        for title, chosen in told.items():
            most, often = Counter(str(c[:-1]) for c in chosen).most_common(1)[0]
            notes.append(f"{name}, {title}: {most} chosen in {often} of {len(chosen)} folds.")
    record = Record(
        "dawn-ser-nested",
        "Dawn-SER with settings chosen within the training speakers",
        " ".join((__doc__ or "").split("\n\n")[-1].split()),
        rows,
        notes,
        extra,
    )
    print(record.write())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["encode", "report"])
    parser.add_argument("--cache", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what == "report":
        return report(options.cache)
    for name, trim in itertools.product(CORPORA, (False, True)):
        encode(options.cache, name, trim)


if __name__ == "__main__":
    main()
