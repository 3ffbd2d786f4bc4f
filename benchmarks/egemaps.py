"""Our eGeMAPS against openSMILE's: descriptor by descriptor, functional by functional, speed, and a classifier on both.

    pip install 'affectus[compare-opensmile]'            # its licence allows research, not commercial use
    python benchmarks/egemaps.py agreement               # descriptors and functionals, dated results and a picture
    python benchmarks/egemaps.py speed                   # both in one run on one thread, turn by turn
    python benchmarks/egemaps.py classifier              # linear SVM, one speaker left out at a time

Descriptors are compared frame by frame; those of the voice where both find voice, which is counted. openSMILE's output
is kept in --cache.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from affectus.corpora import emodb, ravdess
from affectus.corpora.base import gold
from affectus.evaluation import bootstrap, uar
from affectus.frontends.prosody import egemaps
from affectus.frontends.prosody.names import COLUMN, DESCRIPTORS, FUNCTIONALS, PLAIN
from affectus.media import read_wave
from affectus.sample import Sample
from record import Record

SHARED = Path(__file__).parents[1] / ".." / "shared" / "data"
CORPORA: dict[str, tuple[str, Any, str]] = {
    "EMO-DB": ("emodb", emodb, emodb.SCALE),
    "RAVDESS": ("ravdess-speech", ravdess, ravdess.SCALE),
}
RATE = 16_000
PITCH = COLUMN["F0semitoneFrom27.5Hz"]
BARS = {True: 0.98, False: 0.95}  # descriptors of all frames, of voiced frames
STRENGTHS = (0.001, 0.01, 0.1)  # C of the SVM, chosen within the folds
ROUNDS = 9


class Pair(NamedTuple):
    """Ours and theirs of one corpus: rows of all files below each other, and one row of functionals a file."""

    ours: np.ndarray
    theirs: np.ndarray
    our_functionals: np.ndarray
    their_functionals: np.ndarray
    samples: Sequence[Sample]


def smile(level: str) -> Any:
    import opensmile

    levels = {"lld": opensmile.FeatureLevel.LowLevelDescriptors, "func": opensmile.FeatureLevel.Functionals}
    return opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, levels[level])


def pair(name: str, options: argparse.Namespace) -> Pair:
    """Both extractors on all files of a corpus."""
    folder, corpus, _ = CORPORA[name]
    samples = corpus.load(options.data / folder)["all"]
    waves = [read_wave(s.media.path) for s in samples]
    file = options.cache / f"opensmile-{folder}.npz"
    if not file.is_file():
        descriptors, functionals = smile("lld"), smile("func")
        rows = [descriptors.process_signal(w, RATE).to_numpy() for w in waves]
        summaries = np.concatenate([functionals.process_signal(w, RATE).to_numpy() for w in waves])
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, rows=np.concatenate(rows), summaries=summaries)
    stored = np.load(file)
    ours = np.concatenate([egemaps.descriptors(w).values for w in waves])
    summaries = np.concatenate([egemaps.functionals(w).values for w in waves])
    assert ours.shape == stored["rows"].shape
    return Pair(ours, stored["rows"].astype(float), summaries, stored["summaries"].astype(float), samples)


# -- agreement -------------------------------------------------------------------------------------------------------
def agreement(options: argparse.Namespace) -> None:
    pairs = {name: pair(name, options) for name in CORPORA}
    rows, notes = [], []
    for i, name in enumerate(DESCRIPTORS):
        plain = i < PLAIN
        row: dict[str, Any] = {"descriptor": name, "bar": BARS[plain]}
        for corpus, found in pairs.items():
            keep = slice(None) if plain else (found.ours[:, PITCH] > 0) & (found.theirs[:, PITCH] > 0)
            row |= _agreement(corpus, found.ours[keep, i], found.theirs[keep, i])
        row["met"] = "yes" if min(row[f"{c} r"] for c in pairs) >= row["bar"] else "no"
        rows.append(row)
    for corpus, found in pairs.items():
        voiced = found.ours[:, PITCH] > 0, found.theirs[:, PITCH] > 0
        both = (voiced[0] & voiced[1]).sum()
        notes.append(
            f"{corpus}: {len(found.samples)} files, {len(found.ours)} frames; voiced in both {both}, in ours alone"
            f" {(voiced[0] & ~voiced[1]).sum()}, in theirs alone {(~voiced[0] & voiced[1]).sum()}."
        )
    notes.append("r: Pearson; median and 99th percentile of the absolute difference, in the descriptor's unit.")
    method = " ".join((__doc__ or "").split("\n\n")[-1].split())
    print(Record("egemaps-descriptors", "eGeMAPS descriptors, ours and openSMILE's", method, rows, notes).write())

    rows = []
    for i, name in enumerate(FUNCTIONALS):
        row = {"functional": name}
        for corpus, found in pairs.items():
            row |= _agreement(corpus, found.our_functionals[:, i], found.their_functionals[:, i])
        rows.append(row)
    low = [row["functional"] for row in rows if min(row[f"{c} r"] for c in pairs) < BARS[False]]
    notes = [
        f"{len(rows) - len(low)} of {len(rows)} have r ≥ {BARS[False]} on both corpora.",
        "A deviation over a mean (stddevNorm) has no limit where the mean passes zero: there r says little, and the"
        " median difference is the better figure.",
    ]
    print(Record("egemaps-functionals", "eGeMAPS functionals, ours and openSMILE's", method, rows, notes).write())
    picture(pairs["EMO-DB"], options.picture)


def _agreement(corpus: str, ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    away = np.abs(ours - theirs)
    return {
        f"{corpus} r": float(np.corrcoef(ours, theirs)[0, 1]),
        f"{corpus} median": float(np.median(away)),
        f"{corpus} 99 %": float(np.percentile(away, 99)),
    }


def picture(found: Pair, path: Path) -> None:
    """Contours of one sentence, ours over theirs."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    size = slice(0, (len(read_wave(found.samples[0].media.path)) - 960) // 160 + 2)
    shown = ("Loudness", "F0semitoneFrom27.5Hz", "HNRdBACF", "F1frequency", "jitterLocal")
    figure, axes = plt.subplots(len(shown), 1, figsize=(8, 9), sharex=True)
    for axis, name in zip(axes, shown, strict=True):
        column = COLUMN[name]
        for rows, label, style in ((found.theirs, "openSMILE", "0.6"), (found.ours, "Affectus", "C0")):
            values = rows[size, column].copy()
            values[rows[size, PITCH] == 0] = np.nan if column >= PLAIN else values[rows[size, PITCH] == 0]
            width = 4 if label == "openSMILE" else 1.3
            axis.plot(np.arange(len(values)) / 100, values, color=style, linewidth=width, label=label)
        axis.set_ylabel(name.removesuffix("semitoneFrom27.5Hz") + ("\n(semitones)" if column == PITCH else ""))
    axes[0].legend(frameon=False, ncols=2)
    axes[-1].set_xlabel("s")
    figure.align_ylabels()
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


# -- speed -----------------------------------------------------------------------------------------------------------
def speed(options: argparse.Namespace) -> None:
    """Turn by turn on the same sound, processor seconds of this one thread."""
    samples = emodb.load(options.data / "emodb")["all"]
    waves = [read_wave(s.media.path) for s in samples[::24]]
    joined = np.concatenate([read_wave(s.media.path) for s in samples[:25]])[: 30 * RATE]
    descriptors, functionals = smile("lld"), smile("func")
    jobs: dict[str, tuple[list[np.ndarray], Callable[[np.ndarray], Any], Callable[[np.ndarray], Any]]] = {
        "descriptors, sentences": (
            waves,
            lambda w: egemaps.descriptors(w).to_pandas(),
            lambda w: descriptors.process_signal(w, RATE),
        ),
        "functionals, sentences": (
            waves,
            lambda w: egemaps.functionals(w).to_pandas(),
            lambda w: functionals.process_signal(w, RATE),
        ),
        "descriptors, half a minute": (
            [joined],
            lambda w: egemaps.descriptors(w).to_pandas(),
            lambda w: descriptors.process_signal(w, RATE),
        ),
        "functionals, half a minute": (
            [joined],
            lambda w: egemaps.functionals(w).to_pandas(),
            lambda w: functionals.process_signal(w, RATE),
        ),
    }
    rows = []
    for name, (sound, ours, theirs) in jobs.items():
        ours(sound[0]), theirs(sound[0])
        seconds = sum(map(len, sound)) / RATE
        cost = np.array([[_cost(f, sound) for f in (ours, theirs)] for _ in range(ROUNDS)])
        ratio = bootstrap(lambda a, b: float(np.median(b) / np.median(a)), cost[:, 0, 0], cost[:, 1, 0], n=2000)
        rows.append(
            {
                "what": name,
                "seconds of sound": round(seconds, 1),
                "ours × real time": seconds / np.median(cost[:, 0, 0]),
                "openSMILE × real time": seconds / np.median(cost[:, 1, 0]),
                "times as fast": ratio.value,
                "interval": f"{ratio.low:.1f}–{ratio.high:.1f}",
                "by wall clock": float(np.median(cost[:, 1, 1]) / np.median(cost[:, 0, 1])),
            }
        )
    record = Record(
        "egemaps-speed",
        "Speed of eGeMAPS, ours and openSMILE's",
        f"One thread, both in one process, turn by turn, {ROUNDS} rounds after one to warm up; medians of processor"
        " seconds, a pandas table at the end of both; 95 % bootstrap interval of the ratio.",
        rows,
        ["The first call of ours in a process loads compiled kernels, about a second, which is left out."],
    )
    print(record.write())


def _cost(function: Callable[[np.ndarray], Any], sound: Sequence[np.ndarray]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    for wave in sound:
        function(wave)
    return time.process_time() - cpu, time.perf_counter() - wall


# -- classifier ------------------------------------------------------------------------------------------------------
def classifier(options: argparse.Namespace) -> None:
    rows = []
    for name, (_, _, scale) in CORPORA.items():
        found = pair(name, options)
        label = gold(found.samples, scale).argmax(1)
        speaker = np.array([str(s.track) for s in found.samples])
        read = {
            "ours": _left_out(found.our_functionals, label, speaker),
            "openSMILE": _left_out(found.their_functionals, label, speaker),
        }
        for which, predicted in read.items():
            rows.append(_scored(name, which, bootstrap(uar, label, predicted, groups=speaker), len(label)))
        difference = bootstrap(
            lambda y, a, b: uar(y, a) - uar(y, b), label, read["ours"], read["openSMILE"], groups=speaker
        )
        rows.append(_scored(name, "ours − openSMILE", difference, len(label)))
    record = Record(
        "egemaps-classifier",
        "A linear SVM on the 88 functionals, ours and openSMILE's",
        "Leave one speaker out; standardisation by the training speakers, C chosen among "
        f"{', '.join(map(str, STRENGTHS))} by inner folds that leave out one more speaker at a time; class weights"
        " balanced. Unweighted average recall of the pooled predictions; 95 % interval by drawing speakers.",
        rows,
    )
    print(record.write())


def _scored(corpus: str, which: str, found: Any, n: int) -> dict[str, Any]:
    interval = f"{100 * found.low:.1f} – {100 * found.high:.1f}"
    return {"corpus": corpus, "features": which, "UAR, %": round(100 * found.value, 2), "interval": interval, "n": n}


def _left_out(x: np.ndarray, label: np.ndarray, speaker: np.ndarray) -> np.ndarray:
    """Predictions for each speaker by a machine that never heard that speaker."""
    from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    predicted = np.empty_like(label)
    for name in np.unique(speaker):
        test = speaker == name
        machine = GridSearchCV(
            make_pipeline(StandardScaler(), LinearSVC(class_weight="balanced", max_iter=20_000, dual=True)),
            {"linearsvc__C": STRENGTHS},
            scoring="balanced_accuracy",
            cv=LeaveOneGroupOut(),
        )
        machine.fit(x[~test], label[~test], groups=speaker[~test])
        predicted[test] = machine.predict(x[test])
    return predicted


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", choices=("agreement", "speed", "classifier"))
    parser.add_argument("--data", type=Path, default=SHARED, help="folder that holds emodb and ravdess-speech")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "affectus-egemaps")
    parser.add_argument(
        "--picture", type=Path, default=Path(__file__).parents[1] / "docs" / "images" / "egemaps.png", help="to write"
    )
    options = parser.parse_args()
    {"agreement": agreement, "speed": speed, "classifier": classifier}[options.part](options)


if __name__ == "__main__":
    main()
