"""Dawn-SER with the embedded Whisper encoder against the shipped voice reader, on speakers neither has heard.

    python benchmarks/dawn_ser.py encode --cache CACHE     # states of the frozen encoder, once
    python benchmarks/dawn_ser.py tune --cache CACHE       # one layer of three trained; done folds are kept
    python benchmarks/dawn_ser.py report --cache CACHE     # heads, comparison, the dated result

Leave-one-speaker-out on EMO-DB (4 classes, 10 actors) and RAVDESS speech (8 classes, 8 actors). The settings of
Dawn-SER are the same for all folds and both corpora; frozen heads are trained from three seeds, whose logits are
averaged. The opponent is voice-head, of which the shipped reader is one: on EMO-DB by its nested protocol, with the
choices of the inner folds in its dated result, elsewhere with the setting that is shipped. On EMO-DB all learn from
each recording and a copy in random conditions; on RAVDESS, and where a layer is trained, from recordings alone. A
layer is trained in five folds of two speakers, after a head on the frozen layer; the fourth layer is left out. Across
corpora both learn from all of one and are asked about the four shared classes of the other. Differences are paired
with the opponent; intervals resample speakers.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from affectus import registry
from affectus.corpora import emodb, ravdess
from affectus.corpora.base import gold
from affectus.evaluation import bootstrap, paired_bootstrap, uar
from affectus.evaluation.leave_out import leave_one_group_out
from affectus.systems.dawn_ser import DawnSER
from affectus.systems.voice_head import logistic
from affectus.taxonomy import scale
from record import RESULTS, Record, timed
from voice_accuracy import ALL_LAYERS, Rows, features, join, matrix, standard

SHARED = Path(__file__).parents[1] / ".." / "shared" / "data"
CORPORA: dict[str, Any] = {"emodb": emodb, "ravdess": ravdess}
COPIES = {"emodb": 2, "ravdess": 1}  # each recording as it is, and once in random conditions
SEEDS = (0, 1, 2)
BATCH = 32
FROZEN = {"epochs": 15, "lr": 1e-3, "decay": 0.01}
TUNED = {
    "epochs": 3,
    "batch": 16,
    "lr": 3e-4,
    "layer": 1e-4,
    "decay": 0.01,
}  # after a head as above on the frozen layer
SHIPPED = ((2, 3), False, 0.3)  # setting of affectus/voice-embedded
KEPT = 2  # layers below the trained one; Whisper's fourth is left out
MIXED = "mixture of layers"
TOP = "top of three layers trained"
MEN = ("03", "10", "11", "12", "15")  # of EMO-DB
SHARED_CLASSES = {"neutral": "neutral", "happy": "happiness", "sad": "sadness", "angry": "anger"}  # RAVDESS → EMO-DB


@dataclass(frozen=True, eq=False)
class Heard:
    """One corpus, as the frozen encoder hears it; recordings first, then their copies.

    Args:
        mean: (n, 5, 384) mean of each layer's states.
        label: (n,).
        speaker: (n,).
        copy: (n,) 0 for the recording as it is.
        states: For each row the input (t, 384) of the layer that is trained.
    """

    mean: np.ndarray
    label: np.ndarray
    speaker: np.ndarray
    copy: np.ndarray
    states: Sequence[np.ndarray]

    def rows(self, speakers: Sequence[str], copies: int) -> np.ndarray:
        return np.flatnonzero(np.isin(self.speaker, speakers) & (self.copy < copies))


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
def encode(cache: Path, name: str, copy: int) -> Path:
    """Means of all layers, and the states below the trained layer in half precision."""
    file = cache / f"dawn-{name}-{copy}.npz"
    if file.is_file():
        return file
    system = reader(degraded=1.0 if copy else 0.0).eval()
    rng = np.random.default_rng(copy) if copy else None
    means, states = [], []
    for sample in load_corpus(name)[0]:
        batch = system.collate([sample], rng).to("cpu").inputs
        found, _ = system.backbone(batch["heard"], batch["lengths"], every_layer=True)
        means.append(found[:, 0].mean(1).numpy())
        states.append(found[KEPT, 0].half().numpy())
    cache.mkdir(parents=True, exist_ok=True)
    np.save(cache / f"states-{name}-{copy}.npy", np.concatenate(states))
    np.savez(file, mean=np.stack(means), lengths=[len(s) for s in states])
    return file


def heard(cache: Path, name: str, copies: int = 0) -> Heard:
    _, label, speaker = load_corpus(name)
    copies = copies or COPIES[name]
    parts = [np.load(encode(cache, name, copy)) for copy in range(copies)]
    states = []
    for copy, part in enumerate(parts):
        states += np.split(np.load(cache / f"states-{name}-{copy}.npy"), np.cumsum(part["lengths"])[:-1])
    return Heard(
        np.concatenate([part["mean"] for part in parts]),
        np.tile(label, copies),
        np.tile(speaker, copies),
        np.repeat(np.arange(copies), len(label)),
        states,
    )


# -- training ---------------------------------------------------------------------------------------------------------
def descend(
    system: DawnSER,
    label: np.ndarray,
    outputs: Any,
    groups: list[dict[str, Any]],
    epochs: int,
    seed: int,
    size: int = BATCH,
) -> None:
    """Balanced cross-entropy with AdamW, the rates falling to zero; `outputs(rows)` are logits of training rows."""
    target = torch.as_tensor(label)
    k = system.classifier.out_proj.out_features
    weight = (len(label) / (k * np.bincount(label, minlength=k))).astype(np.float32)
    optimiser = torch.optim.AdamW(groups)
    peaks, steps = [g["lr"] for g in groups], epochs * -(-len(label) // size)
    rng, done = np.random.default_rng(seed), 0
    system.train()
    for _ in range(epochs):
        order = rng.permutation(len(label))
        for at in range(0, len(order), size):
            rows = order[at : at + size]
            for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak * (1 - done / steps)
            done += 1
            if len(rows) < 2:
                continue
            loss = nn.functional.cross_entropy(outputs(rows), target[rows], weight=torch.as_tensor(weight))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    system.eval()


def head_groups(system: DawnSER, lr: float, decay: float) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = [{"params": list(system.classifier.parameters()), "lr": lr, "weight_decay": decay}]
    return [*groups, {"params": [system.mixture], "lr": 10 * lr, "weight_decay": 0.0}]


def frozen(of: Heard, train: np.ndarray, test: np.ndarray, target: str) -> np.ndarray:
    """Logits of test rows, mean over seeds, from heads on a frozen encoder."""
    mean = torch.as_tensor(of.mean)
    total = 0
    for seed in SEEDS:
        torch.manual_seed(seed)
        system = reader(targets=[{"scale": target, "perspective": "intended"}])
        fit = mean[train]
        descend(
            system, of.label[train], lambda rows, fit=fit, s=system: s.head(fit[rows])[target],
            head_groups(system, FROZEN["lr"], FROZEN["decay"]), int(FROZEN["epochs"]), seed,
        )  # fmt: skip
        with torch.no_grad():
            total = total + system.head(mean[test])[target].numpy()
    return np.asarray(total) / len(SEEDS)


def tuned(of: Heard, train: np.ndarray, test: np.ndarray, target: str, seed: int = 0) -> np.ndarray:
    """Logits of test rows with the top one of three kept layers trained; what lies below comes from the cache."""
    torch.manual_seed(seed)
    system = reader(targets=[{"scale": target, "perspective": "intended"}], keep=KEPT + 1, trained=1)
    whisper: Any = system.backbone.net.whisper
    below = torch.as_tensor(of.mean[:, : KEPT + 1])

    def top(rows: np.ndarray) -> Tensor:
        """Mean over time of the top layer's normalised states (rows, 1, f)."""
        longest = max(len(of.states[i]) for i in rows)
        x = torch.zeros(len(rows), longest, 384)
        valid = torch.zeros(len(rows), longest)
        for at, i in enumerate(rows):
            x[at, : len(of.states[i])] = torch.as_tensor(of.states[i]).float()
            valid[at, : len(of.states[i])] = 1
        mask = (1 - valid[:, None, None]) * torch.finfo(x.dtype).min
        states = whisper.layer_norm(whisper.layers[-1](x, mask))
        return (torch.einsum("btf,bt->bf", states, valid) / valid.sum(1, keepdim=True))[:, None]

    def outputs(rows: np.ndarray) -> Tensor:
        return system.head(torch.cat([below[rows], top(rows)], 1))[target]

    with torch.no_grad():
        still = torch.cat([top(train[at : at + BATCH]) for at in range(0, len(train), BATCH)])
    fit = torch.cat([below[train], still], 1)
    first = head_groups(system, FROZEN["lr"], FROZEN["decay"])
    descend(system, of.label[train], lambda rows: system.head(fit[rows])[target], first, int(FROZEN["epochs"]), seed)
    layer = [*whisper.layers[-1].parameters(), *whisper.layer_norm.parameters()]
    groups = head_groups(system, TUNED["lr"], TUNED["decay"])
    groups.append({"params": layer, "lr": TUNED["layer"], "weight_decay": TUNED["decay"]})
    epochs, size = int(TUNED["epochs"]), int(TUNED["batch"])
    descend(system, of.label[train], lambda rows: outputs(train[rows]), groups, epochs, seed, size)
    with torch.no_grad():
        return np.concatenate([outputs(test[at : at + BATCH]).numpy() for at in range(0, len(test), BATCH)])


def folded(cache: Path, name: str, kind: str, folds: Sequence[Sequence[str]]) -> np.ndarray:
    """Logits of all recordings, each from a training without its fold; a fold that was done is not done again.

    Args:
        cache: Of encoder outputs and logits.
        name: Corpus.
        kind: `MIXED` or `TOP`.
        folds: Speakers of each.
    """
    copies, target = COPIES[name] if kind == MIXED else 1, CORPORA[name].SCALE
    of = heard(cache, name, copies)
    everybody = np.unique(of.speaker)
    out = np.zeros((int((of.copy == 0).sum()), len(scale(target))))
    for fold in folds:
        file = cache / f"{kind.replace(' ', '-')}-{name}-{'-'.join(fold)}.npy"
        test, train = of.rows(fold, 1), of.rows([s for s in everybody if s not in fold], copies)
        if not file.is_file():
            with timed() as clock:
                found = (frozen if kind == MIXED else tuned)(of, train, test, target)
            np.save(file, found)
            print(f"{name} without {', '.join(fold)}, {kind}: {clock.cpu:.0f} processor seconds", flush=True)
        out[test] = np.load(file)
    return out


# -- the opponent -----------------------------------------------------------------------------------------------------
def opponent_rows(cache: Path, name: str) -> tuple[Rows, Rows]:
    """Features of the shipped voice reader: recordings and copies, and recordings alone."""
    samples, label, _ = load_corpus(name)
    system: Any = registry.build("voice-head/whisper-tiny", layers=ALL_LAYERS)
    parts = [features(system, samples, label, copy, cache / f"vh-{name}-{copy}.npz") for copy in range(COPIES[name])]
    return join(parts), parts[0]


def opponent_fit(train: Rows, test: Rows, layers: Sequence[int], spoken: bool, strength: float, k: int) -> np.ndarray:
    z, left = standard(matrix(train, layers, spoken), matrix(test, layers, spoken))
    weight, bias = logistic(z, train.label, k, strength)
    return left @ weight.T + bias


def opponent(cache: Path, name: str, folds: Sequence[Sequence[str]]) -> np.ndarray:
    """Logits for folds that were left out: by the inner folds' choices for EMO-DB's speakers, else as shipped."""
    train, clean = opponent_rows(cache, name)
    choices: list[Any] = [SHIPPED] * len(folds)
    if name == "emodb" and len(folds) == 10:
        choices = json.loads(sorted(RESULTS.glob("*-voice-accuracy.json"))[-1].read_text())["choices"]
    out = np.zeros((len(clean.label), len(scale(CORPORA[name].SCALE))))
    for fold, (layers, spoken, strength, *_) in zip(folds, choices, strict=True):
        left, rest = np.isin(clean.speaker, fold), train.where(~np.isin(train.speaker, fold))
        out[left] = opponent_fit(rest, clean.where(left), layers, spoken, strength, out.shape[1])
    return out


# -- report -----------------------------------------------------------------------------------------------------------
def folds_of(name: str, speakers: int = 1) -> list[list[str]]:
    """Speakers of each fold: one, or a man and a woman as they follow one another."""
    names = [str(s) for s in np.unique(load_corpus(name)[2])]
    if speakers == 2 and name == "emodb":
        men, women = [[s for s in names if (s in MEN) is side] for side in (True, False)]
        return [list(pair) for pair in zip(men, women, strict=True)]
    return [names[at : at + speakers] for at in range(0, len(names), speakers)]


def across(cache: Path, learned: str, asked: str) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Gold, predictions and speakers of one corpus's shared classes, read by what learned from all of the other."""
    names = {name: scale(CORPORA[name].SCALE).labels for name in CORPORA}
    shared = {
        "ravdess": {names["ravdess"].index(r): names["emodb"].index(e) for r, e in SHARED_CLASSES.items()},
        "emodb": {i: i for i in range(4)},
    }
    of, other = heard(cache, learned), heard(cache, asked, 1)
    target = CORPORA[learned].SCALE
    known = np.isin(other.label, list(shared[asked]))
    truth = np.array([shared[asked][i] for i in other.label[known]])
    columns = [next(a for a, b in shared[learned].items() if b == e) for e in range(4)]
    joined = Heard(
        np.concatenate([of.mean, other.mean[known]]), np.concatenate([of.label, truth]),
        np.concatenate([of.speaker, other.speaker[known]]), np.concatenate([of.copy, np.full(known.sum(), 9)]), [],
    )  # fmt: skip
    n = len(of.label)
    ours = frozen(joined, np.arange(n), np.arange(n, n + known.sum()), target)[:, columns]
    train, _ = opponent_rows(cache, learned)
    clean = opponent_rows(cache, asked)[1].where(known)
    theirs = opponent_fit(train, clean, *SHIPPED, len(names[learned]))[:, columns]
    found = {"voice-head": theirs.argmax(1), f"dawn-ser, frozen, {MIXED}": ours.argmax(1)}
    return truth, found, other.speaker[known]


def report(cache: Path) -> None:
    rows: list[dict[str, Any]] = []
    extra: dict[str, Any] = {"frozen": FROZEN, "tuned": TUNED}
    for name in CORPORA:
        of = heard(cache, name, 1)
        folds = folds_of(name)
        found = {"voice-head": opponent(cache, name, folds).argmax(1)}
        found[f"dawn-ser, frozen, {MIXED}"] = folded(cache, name, MIXED, folds).argmax(1)
        machine = leave_one_group_out(of.mean[:, -1], of.label, of.speaker)
        found["SVM on the mean of the last layer (Dawn-SER's probe)"] = machine
        rows += lines(f"{name}, speaker by speaker", of.label, found, of.speaker)
        extra[f"{name}, UAR by speaker"] = {
            title: {str(s): uar(of.label[of.speaker == s], p[of.speaker == s]) for s in np.unique(of.speaker)}
            for title, p in found.items()
        }
    of, folds = heard(cache, "emodb", 1), folds_of("emodb", 2)
    found = {"voice-head": opponent(cache, "emodb", folds).argmax(1)}
    found[f"dawn-ser, {TOP}"] = folded(cache, "emodb", TOP, folds).argmax(1)
    rows += lines("emodb, five folds of a man and a woman", of.label, found, of.speaker)
    for learned, asked in (("emodb", "ravdess"), ("ravdess", "emodb")):
        truth, found, speaker = across(cache, learned, asked)
        rows += lines(f"{asked}, 4 classes, learned from {learned}", truth, found, speaker)
    record = Record(
        "dawn-ser",
        "Dawn-SER with the embedded encoder against the shipped voice reader",
        " ".join((__doc__ or "").split("\n\n")[-1].split()),
        rows,
        [f"Frozen: {FROZEN}. Trained layer: {TUNED}."],
        extra,
    )
    print(record.write())


def lines(data: str, label: np.ndarray, found: dict[str, np.ndarray], speaker: np.ndarray) -> list[dict[str, Any]]:
    """Each reader's figure, and its difference to the first."""
    first, out = next(iter(found.values())), []
    for title, predicted in found.items():
        of = bootstrap(uar, label, predicted, groups=speaker)
        row: dict[str, Any] = {"data": data, "reader": title, "n": len(label), "UAR": round(of.value, 3)}
        row["interval"] = f"{of.low:.3f}–{of.high:.3f}"
        if predicted is not first:
            gap = paired_bootstrap(uar, label, predicted, first, groups=speaker)
            row["difference"] = f"{gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f}), p = {gap.p:.3f}"
        out.append(row)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["encode", "tune", "report"])
    parser.add_argument("--cache", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what == "encode":
        for name, copies in COPIES.items():
            for copy in range(copies):
                encode(options.cache, name, copy)
    elif options.what == "tune":
        folded(options.cache, "emodb", TOP, folds_of("emodb", 2))
    else:
        report(options.cache)


if __name__ == "__main__":
    main()
