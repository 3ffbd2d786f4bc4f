"""Dawn-SER with the embedded Whisper encoder against the shipped voice reader, on speakers neither has heard.

    python benchmarks/dawn_ser.py encode --cache CACHE     # states of the frozen encoder, once
    python benchmarks/dawn_ser.py train --cache CACHE      # every fit; what was done is kept
    python benchmarks/dawn_ser.py report --cache CACHE     # comparison, the dated result

EMO-DB (4 classes, 10 actors) in five folds and RAVDESS speech (8 classes, 8 actors) in four, each a man and a woman,
the same for all readers. What can be chosen is chosen within the speakers of the other folds, by fits that leave out a
second fold: for heads on the frozen encoder the silence around the sound (kept or cut), pooling (mean or moments),
epochs and rate; for the support vector machine layer and C; for voice-head, the system of the shipped reader, layers,
prosody and C. Frozen heads are trained from three seeds, whose logits are averaged. Where the top one of three layers
is trained, after a head on the frozen layer, its rate and epochs were set beforehand and the rest is what the fold
chose for the frozen mixture; Whisper's fourth layer is left out there. All learn from recordings alone. Across corpora
voice-head and the mixture learn from all of one, with what was chosen most often there, and are asked about the four
shared classes of the other. Differences are paired with voice-head; intervals resample speakers.
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
from torch import Tensor, nn

from affectus import registry
from affectus.corpora import emodb, ravdess
from affectus.corpora.base import gold
from affectus.evaluation import bootstrap, paired_bootstrap, uar
from affectus.systems.dawn_ser import DawnSER
from affectus.systems.voice_head import logistic
from affectus.taxonomy import scale
from record import Record, timed
from voice_accuracy import ALL_LAYERS, GRID, features, matrix, standard

SHARED = Path(__file__).parents[1] / ".." / "shared" / "data"
CORPORA: dict[str, Any] = {"emodb": emodb, "ravdess": ravdess}
SEEDS = (0, 1, 2)
BATCH = 32
DECAY = 0.01
HEADS = tuple(itertools.product((False, True), (False, True), ((15, 1e-3), (40, 1e-3), (40, 3e-4))))
TUNED = {"epochs": 3, "batch": 16, "lr": 3e-4, "layer": 1e-4}  # after a head as above on the frozen layer
KEPT = 2  # layers below the trained one
MACHINES = tuple(itertools.product(range(5), (0.3, 1.0, 3.0, 10.0)))
OPPONENT = "voice-head"
LAST = "dawn-ser, frozen, last layer"
MIXED = "dawn-ser, frozen, mixture of layers"
TOP = "dawn-ser, top of three layers trained"
MACHINE = "SVM on the mean of a layer (Dawn-SER's probe)"
MEN = ("03", "10", "11", "12", "15")  # of EMO-DB; RAVDESS numbers men odd
SHARED_CLASSES = {"neutral": "neutral", "happy": "happiness", "sad": "sadness", "angry": "anger"}  # RAVDESS → EMO-DB
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


def load_corpus(name: str) -> tuple[list[Any], np.ndarray, np.ndarray]:
    module = CORPORA[name]
    folder = SHARED / (module.CORPUS.folders[0] if module.CORPUS.folders else name)
    samples = list(module.load(folder)["all"])
    return samples, gold(samples, module.SCALE).argmax(1), np.array([str(s.track) for s in samples])


def reader(**changes: Any) -> DawnSER:
    made = registry.build("dawn-ser/whisper-tiny", **changes)
    assert isinstance(made, DawnSER)
    return made


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
def descend(
    label: np.ndarray, k: int, outputs: Any, groups: list[dict[str, Any]], epochs: int, seed: int, size: int = BATCH
) -> None:
    """Balanced cross-entropy with AdamW, the rates falling to zero; `outputs(rows)` are logits of training rows."""
    target = torch.as_tensor(label)
    weight = torch.as_tensor((len(label) / (k * np.bincount(label, minlength=k))).astype(np.float32))
    optimiser = torch.optim.AdamW(groups)
    peaks, steps = [g["lr"] for g in groups], epochs * -(-len(label) // size)
    rng, done = np.random.default_rng(seed), 0
    for _ in range(epochs):
        order = rng.permutation(len(label))
        for at in range(0, len(order), size):
            rows = order[at : at + size]
            for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak * (1 - done / steps)
            done += 1
            loss = nn.functional.cross_entropy(outputs(rows), target[rows], weight=weight)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


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
            system.train()

            def outputs(rows: np.ndarray, system: DawnSER = system) -> Tensor:
                return system.head(*(v[rows] for v in values))[target]

            descend(
                of.label[train], of.classes, lambda rows, outputs=outputs: outputs(train[rows]),
                head_groups(system, lr), epochs, seed,
            )  # fmt: skip
            system.eval()
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

        system.train()
        with torch.no_grad():
            still = [top(train[at : at + BATCH]) for at in range(0, len(train), BATCH)]
        fixed = [torch.cat([b[train], torch.cat(t)], 1) for b, t in zip(below, zip(*still, strict=True), strict=True)]
        label = of.label[train]
        descend(
            label, of.classes, lambda rows: system.head(*(v[rows] for v in fixed))[target],
            head_groups(system, lr), epochs, seed,
        )  # fmt: skip
        layer = [*whisper.layers[-1].parameters(), *whisper.layer_norm.parameters()]
        groups = [
            *head_groups(system, TUNED["lr"]),
            {"params": layer, "lr": TUNED["layer"], "weight_decay": DECAY},
        ]
        epochs, size = int(TUNED["epochs"]), int(TUNED["batch"])
        descend(label, of.classes, lambda rows: outputs(train[rows]), groups, epochs, seed, size)
        system.eval()
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


def usual(choices: Sequence[Setting]) -> Setting:
    return Counter(choices).most_common(1)[0][0]


def everything(cache: Path, name: str) -> tuple[Heard, dict[str, np.ndarray], dict[str, list[Setting]], dict[str, Any]]:
    """The corpus, logits and choices of each reader, and what else is told of the choices."""
    of, target = heard(cache, name), CORPORA[name].SCALE
    found, choices, told = {}, {}, {}
    for title, (fit, grid, seeds) in arms(of, target).items():
        stem = cache / f"{name}-{title.replace(', ', '-').replace(' ', '-')[:34]}"
        found[title], choices[title], reached = nested(stem, of, fit, grid, seeds)
        told[title] = [[*c, round(r, 3)] for c, r in zip(choices[title], reached, strict=True)]
    fit, out = tuned(of, target), np.zeros((len(of.label), of.classes))
    for i, setting in zip(np.unique(of.fold), choices[MIXED], strict=True):
        left, rest = np.flatnonzero(of.fold == i), np.flatnonzero(of.fold != i)
        file = cache / f"{name}-top-{i}-{HEADS.index(setting)}.npz"
        (out[left],) = kept(file, lambda rest=rest, left=left, setting=setting: fit(rest, [left], setting, (0,)))
    return of, found | {TOP: out}, choices, told


# -- report -----------------------------------------------------------------------------------------------------------
def joined(of: Heard, other: Heard, known: np.ndarray, label: np.ndarray) -> Heard:
    """All rows of one corpus, and some of another under the labels of the first."""

    def both(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.concatenate([a, b[known]])

    moments = {t: (both(of.moments[t][0], other.moments[t][0]), both(of.moments[t][1], other.moments[t][1]))
               for t in of.moments}  # fmt: skip
    rows = type(of.opponent)(*(both(a, b) for a, b in zip(of.opponent, other.opponent, strict=True)))
    return Heard(
        moments, np.concatenate([of.label, label]), both(of.speaker, other.speaker), both(of.fold, other.fold), {},
        rows, of.classes,
    )  # fmt: skip


def across(
    of: Heard, other: Heard, learned: str, asked: str, choices: dict[str, list[Setting]]
) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Gold, predictions and speakers of one corpus's shared classes, read by what learned from all of the other."""
    names = {name: scale(CORPORA[name].SCALE).labels for name in CORPORA}
    own = {name: [names[name].index(pair[name == "emodb"]) for pair in SHARED_CLASSES.items()] for name in CORPORA}
    known = np.isin(other.label, own[asked])
    truth = np.array([own[asked].index(i) for i in other.label[known]])
    both = joined(of, other, known, np.array(own[learned])[truth])
    train, test = np.split(np.arange(len(both.label)), [len(of.label)])
    found = {}
    fits = arms(both, CORPORA[learned].SCALE)
    for title in (OPPONENT, MIXED):
        fit, _, seeds = fits[title]
        (logits,) = fit(train, [test], usual(choices[title]), seeds)
        found[title] = logits[:, own[learned]].argmax(1)
    return truth, found, other.speaker[known]


def report(cache: Path) -> None:
    rows: list[dict[str, Any]] = []
    extra: dict[str, Any] = {"trained layer": TUNED}
    done = {name: everything(cache, name) for name in CORPORA}
    for name, (of, found, _, told) in done.items():
        answers = {title: logits.argmax(1) for title, logits in found.items()}
        rows += lines(f"{name}, {of.fold.max() + 1} folds of a man and a woman", of.label, answers, of.speaker)
        extra[f"{name}, UAR by speaker"] = {
            title: {str(s): uar(of.label[of.speaker == s], p[of.speaker == s]) for s in np.unique(of.speaker)}
            for title, p in answers.items()
        }
        extra[f"{name}, choices of the folds, and their UAR in the inner folds"] = told
    for learned, asked in (("emodb", "ravdess"), ("ravdess", "emodb")):
        truth, answers, speaker = across(done[learned][0], done[asked][0], learned, asked, done[learned][2])
        rows += lines(f"{asked}, 4 classes, learned from {learned}", truth, answers, speaker)
    record = Record(
        "dawn-ser",
        "Dawn-SER with the embedded encoder against the shipped voice reader",
        " ".join((__doc__ or "").split("\n\n")[-1].split()),
        rows,
        [
            f"Chosen most often on {name}, {title}: {usual(chosen)}."
            for name, (_, _, choices, _) in done.items()
            for title, chosen in choices.items()
        ]
        + [f"Trained layer: {TUNED}."],
        extra,
    )
    print(record.write())


def lines(data: str, label: np.ndarray, found: dict[str, np.ndarray], speaker: np.ndarray) -> list[dict[str, Any]]:
    """Each reader's figure, and its difference to voice-head."""
    out = []
    for title, predicted in found.items():
        of = bootstrap(uar, label, predicted, groups=speaker)
        row: dict[str, Any] = {"data": data, "reader": title, "n": len(label), "UAR": round(of.value, 3)}
        row["interval"] = f"{of.low:.3f}–{of.high:.3f}"
        if title != OPPONENT:
            gap = paired_bootstrap(uar, label, predicted, found[OPPONENT], groups=speaker)
            row["difference"] = f"{gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f}), p = {gap.p:.3f}"
        out.append(row)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["encode", "train", "report"])
    parser.add_argument("--cache", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in CORPORA if options.what != "report" else ():
        if options.what == "encode":
            for trim in (False, True):
                encode(options.cache, name, trim)
        else:
            everything(options.cache, name)
    if options.what == "report":
        report(options.cache)


if __name__ == "__main__":
    main()
