"""How well the voice reader does on speakers it never heard, and the weights that are shipped.

    python benchmarks/voice_accuracy.py                   # measure, write the dated result
    python benchmarks/voice_accuracy.py --ship FOLDER     # and write the checkpoint with its card
    python benchmarks/voice_accuracy.py --renew FOLDER    # only renew cost and comparison with Dawn-SER on a card

Nested leave-one-speaker-out on EMO-DB: layers, prosody and penalty are chosen, and temperature, conformal threshold
and the limit of the distance are fitted, on inner folds that leave out a second speaker; the outer speaker is only
measured.
RAVDESS is a transfer test that nothing is fitted on. Features are kept in --cache.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from affectus import registry
from affectus.backbones import log_mel
from affectus.card import CheckpointCard, Measured
from affectus.corpora import emodb, ravdess
from affectus.corpora.base import gold
from affectus.evaluation import accuracy, bootstrap, coverage_and_size, ece_top_label, uar
from affectus.frontends.hearing import hear
from affectus.frontends.prosody import prosody
from affectus.readout import Readout
from affectus.sample import Media, Sample
from affectus.systems.voice_head import Features, HeldOut, VoiceHead, logistic, principal, row_space
from affectus.taxonomy import scale
from affectus.training.calibration import fit_to_held_out
from record import RESULTS, Record, machine, timed

SHARED = Path(__file__).parents[1] / ".." / "shared" / "data"
SCALE = "emodb-4"
NAME = "affectus/voice-embedded"
K = len(scale(SCALE).labels)
ALL_LAYERS = (0, 1, 2, 3, 4)
LAYERS = ((2,), (2, 3), (1, 2, 3))
STRENGTHS = (0.003, 0.03, 0.3)
COMPONENTS = 60
COPIES = 1  # degraded copies of each training utterance; one more is kept as a probe
RATE = 16_000
SHARED_CLASSES = {"neutral": "neutral", "happy": "happiness", "sad": "sadness", "angry": "anger"}  # RAVDESS → EMO-DB


class Setting(NamedTuple):
    """What the inner folds choose."""

    layers: tuple[int, ...]
    prosody: bool
    strength: float


GRID = tuple(Setting(*values) for values in itertools.product(LAYERS, (False, True), STRENGTHS))


class Rows(NamedTuple):
    """Features of samples, in order; `copy` is 0 for the recording as it is, from 1 for degraded copies."""

    pooled: np.ndarray
    prosody: np.ndarray
    label: np.ndarray
    speaker: np.ndarray
    copy: np.ndarray
    readable: np.ndarray

    def where(self, mask: np.ndarray) -> Rows:
        return Rows(*(column[mask] for column in self))


@torch.no_grad()
def features(reader: VoiceHead, samples: Sequence[Sample], label: np.ndarray, copy: int, file: Path) -> Rows:
    """Features of all layers; degraded copies draw their conditions from the copy's number."""
    if not file.is_file():
        parts = []
        rng = np.random.default_rng(copy) if copy else None
        for at in range(0, len(samples), 16):
            batch = reader.collate(list(samples[at : at + 16]), rng)
            encoded = reader.encode(**batch.to("cpu").inputs)
            readable = np.array([heard.readable for heard in batch.notes])
            parts.append((encoded["pooled"].numpy(), encoded["prosody"].numpy(), readable))
        file.parent.mkdir(parents=True, exist_ok=True)
        names = ("pooled", "prosody", "readable")
        np.savez(file, **{n: np.concatenate(c) for n, c in zip(names, zip(*parts, strict=True), strict=True)})
    stored = np.load(file)
    speaker = np.array([str(sample.track) for sample in samples])
    numbers = np.full(len(label), copy)
    return Rows(stored["pooled"], stored["prosody"], label, speaker, numbers, stored["readable"])


def join(parts: Sequence[Rows]) -> Rows:
    return Rows(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def strange_sounds() -> list[Sample]:
    """Sounds that are no speech: noises, tones, chords, melodies, clicks, hum; ten of each."""
    rng = np.random.default_rng(0)
    found: list[Sample] = []

    def add(kind: str, wave: np.ndarray) -> None:
        wave = (0.3 * wave / np.abs(wave).max()).astype(np.float32)
        found.append(Sample(id=f"{kind}-{len(found)}", track=kind, media=Media("audio", array=wave, rate=RATE)))

    for _ in range(10):
        size = int(rng.uniform(1.5, 4) * RATE)
        time = np.arange(size) / RATE
        noise = rng.standard_normal(size)
        bins = np.fft.rfftfreq(size, 1 / RATE)
        pitch = 220 * 2 ** (rng.integers(0, 12) / 12)
        add("white noise", noise)
        add("pink noise", np.fft.irfft(np.fft.rfft(noise) / np.sqrt(np.maximum(bins, 20)), size))
        add("telephone-band noise", np.fft.irfft(np.fft.rfft(noise) * ((bins > 300) & (bins < 3000)), size))
        add("pulsing noise", noise * np.abs(np.sin(2 * np.pi * 2 * time)))
        add("sine tone", np.sin(2 * np.pi * rng.uniform(100, 2000) * time))
        add("sweep", np.sin(2 * np.pi * (100 * time + rng.uniform(100, 800) * time**2)))
        add("mains hum", sum(np.sin(2 * np.pi * 50 * h * time) / h for h in range(1, 20)) + 0.01 * noise)
        add("clicks", (rng.random(size) < 12 / size).astype(float) + 1e-4 * noise)
        chords = ([0, 4, 7], [5, 9, 12], [7, 11, 14], [0, 4, 7])
        add("chords", np.concatenate([_struck(pitch * 2 ** (np.array(c) / 12), 0.5) for c in chords]))
        steps = rng.choice([0, 2, 4, 5, 7, 9, 11, 12], 10)
        add("melody", np.concatenate([_struck(pitch * 2 ** (s / 12) * np.arange(1, 4), 0.25) for s in steps]))
    return found


def _struck(pitches: np.ndarray, seconds: float) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    return (np.sin(2 * np.pi * pitches[:, None] * time) * np.exp(-3 * time)).sum(0)


# -- nested leave-one-speaker-out ------------------------------------------------------------------------------------
def matrix(rows: Rows, layers: Sequence[int], spoken: bool) -> np.ndarray:
    """The features of one setting."""
    pooled = rows.pooled.reshape(len(rows.pooled), len(ALL_LAYERS), -1)[:, list(layers)].reshape(len(rows.pooled), -1)
    return np.hstack([pooled, rows.prosody]) if spoken else pooled


def standard(train: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """All in deviations from the training mean; what is undefined is put there."""
    mean, spread = np.nanmean(train, 0), np.nanstd(train, 0)
    spread = np.where(spread > 1e-6, spread, 1.0)
    return [np.nan_to_num((x - mean) / spread).astype(np.float32) for x in (train, *others)]


def by_speaker(x: np.ndarray, speaker: np.ndarray) -> np.ndarray:
    """Each speaker's features in deviations from that speaker's own mean: needs speech of the test speaker."""
    out = np.empty_like(x)
    for name in np.unique(speaker):
        mask = speaker == name
        out[mask] = (x[mask] - x[mask].mean(0)) / (x[mask].std(0) + 1e-6)
    return out


@dataclass
class Outer:
    """What was found for the speakers that were left out, row by row of the recordings as they are.

    Args:
        logits: (n, k) of the fit without the row's speaker.
        p: (n, k) scores, calibrated on inner folds.
        sets: (n, k) bool, conformal sets fitted on inner folds.
        refused: (n,) bool, farther than the limit fitted on inner folds.
        rough: (n, k) logits of the row's degraded copy, which no fit has seen.
        rough_refused: (n,) bool, of that copy.
        choices: For each outer speaker the setting and its inner UAR.
    """

    logits: np.ndarray
    p: np.ndarray
    sets: np.ndarray
    refused: np.ndarray
    rough: np.ndarray
    rough_refused: np.ndarray
    choices: list[tuple[Setting, float]]

    @classmethod
    def empty(cls, n: int) -> Outer:
        scores, flags = np.zeros((n, K)), np.zeros(n, bool)
        return cls(scores.copy(), scores.copy(), scores > 0, flags.copy(), scores.copy(), flags.copy(), [])


def distances(z: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """Distance of other rows to training rows, all standardised, as `VoiceHead` computes it."""
    axes, variance, rest = principal(z, COMPONENTS)
    out = []
    for x in others:
        along = x @ axes.T
        out.append((((along**2 / variance).sum(1)) + ((x**2).sum(1) - (along**2).sum(1)) / rest) / x.shape[1])
    return out


def nested(train: Rows, clean: Rows, degraded: Rows, *, own_mean: bool) -> Outer:
    """Nested leave-one-speaker-out: `train` holds recordings and copies, `clean` is measured, `degraded` is a probe."""
    speakers, n = np.unique(clean.speaker), len(clean.label)
    tables = {}
    for layers, spoken in dict.fromkeys((s.layers, s.prosody) for s in GRID):
        found = [matrix(rows, layers, spoken) for rows in (train, clean, degraded)]
        names = (train.speaker, clean.speaker, degraded.speaker)
        tables[layers, spoken] = [by_speaker(x, s) for x, s in zip(found, names, strict=True)] if own_mean else found

    # inner[setting][i] are logits of all other speakers' rows, each from a fit without speaker i and without its own.
    inner = {setting: np.zeros((len(speakers), n, K), np.float32) for setting in GRID}
    apart = {layers: np.zeros((len(speakers), n)) for layers in LAYERS}
    for i, j in itertools.combinations(range(len(speakers)), 2):
        fit = ~np.isin(train.speaker, speakers[[i, j]])
        sides = [(i, np.flatnonzero(clean.speaker == speakers[j])), (j, np.flatnonzero(clean.speaker == speakers[i]))]
        for (layers, spoken), (x, probe, _) in tables.items():
            z, *left = standard(x[fit], *(probe[rows] for _, rows in sides))
            axes = row_space(z)
            for strength in STRENGTHS:
                weight, bias = logistic(z, train.label[fit], K, strength, axes)
                for (outer, rows), part in zip(sides, left, strict=True):
                    inner[Setting(layers, spoken, strength)][outer, rows] = part @ weight.T + bias
            if not spoken:
                for (outer, rows), far in zip(sides, distances(z, *left), strict=True):
                    apart[layers][outer, rows] = far
        print(f"  without speakers {speakers[i]} and {speakers[j]}", flush=True)

    out = Outer.empty(n)
    for i, speaker in enumerate(speakers):
        rest, test, fit = clean.speaker != speaker, clean.speaker == speaker, train.speaker != speaker
        scores = {setting: uar(clean.label[rest], inner[setting][i, rest].argmax(1)) for setting in GRID}
        chosen = max(GRID, key=lambda s: scores[s])  # of equals the first, which is the simplest
        out.choices.append((chosen, scores[chosen]))
        readout = calibrated(inner[chosen][i, rest], clean.label[rest], apart[chosen.layers][i, rest])
        x, probe, rough = tables[chosen.layers, chosen.prosody]
        z, left, worse = standard(x[fit], probe[test], rough[test])
        weight, bias = logistic(z, train.label[fit], K, chosen.strength)
        out.logits[test], out.rough[test] = left @ weight.T + bias, worse @ weight.T + bias
        out.p[test] = readout.probabilities(out.logits[test])
        out.sets[test] = 1 - out.p[test] <= (readout.quantile or 0)
        x, probe, rough = tables[chosen.layers, False]
        z, left, worse = standard(x[fit], probe[test], rough[test])
        out.refused[test], out.rough_refused[test] = (d > (readout.limit or np.inf) for d in distances(z, left, worse))
    return out


def calibrated(logits: np.ndarray, label: np.ndarray, distance: np.ndarray) -> Readout:
    """Temperature, 90 % conformal threshold and limit of the distance from held-out outputs."""
    held = HeldOut({SCALE: logits, "distance": distance}, {SCALE: np.eye(K)[label]})
    return fit_to_held_out([Readout(SCALE, "intended")], held)[0]


# -- the shipped reader -----------------------------------------------------------------------------------------------
def shipped(train: Rows, setting: Setting) -> VoiceHead:
    """The reader fitted on all speakers, calibrated on outputs for speakers that each fit left out."""
    reader = registry.build(
        "voice-head/whisper-tiny", layers=setting.layers, prosody=setting.prosody, strength=setting.strength
    )
    assert isinstance(reader, VoiceHead)
    rows = Features(matrix(train, setting.layers, False), train.prosody, train.label, train.speaker, train.copy > 0)
    held = reader.fit_features(rows)
    assert held is not None
    reader.name = NAME
    return reader.calibrated(*fit_to_held_out(reader.readouts, held))


def transfer(reader: VoiceHead, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Scores and refusals of the shipped reader."""
    pooled = matrix(rows, reader.config.layers, False)
    found = Features(pooled, rows.prosody, rows.label, rows.speaker, rows.copy > 0)
    logits, distance = reader.answer(found)
    readout = reader.readouts[0]
    return readout.probabilities(logits), (distance > (readout.limit or np.inf)) | ~rows.readable


def stages(reader: VoiceHead, samples: Sequence[Sample]) -> dict[str, float]:
    """Processor seconds for a second of speech, stage by stage, one thread."""
    torch.set_num_threads(1)
    spent: Counter[str] = Counter()
    seconds = 0.0
    for sample in samples:
        with timed() as clock:
            wave, _ = hear(sample)
        spent["decoding and faults"] += clock.cpu
        seconds += len(wave) / RATE
        with timed() as clock:
            prosody(wave)
        spent["prosody"] += clock.cpu
        with timed() as clock:
            log_mel(wave)
        spent["mel"] += clock.cpu
        batch = reader.collate([replace(sample, media=Media("audio", array=wave, rate=RATE))])
        with timed() as clock, torch.no_grad():
            encoded = reader.encode(**batch.to("cpu").inputs)
        spent["encoder"] += clock.cpu
        with timed() as clock, torch.no_grad():
            outputs = {k: v.numpy() for k, v in reader.head(**encoded).items()}
            reader.decode(outputs, batch)
        spent["head and reading"] += clock.cpu
    return {stage: value / seconds for stage, value in spent.items()} | {"seconds of speech": seconds}


def in_words(cost: dict[str, float]) -> str:
    """How fast that is, and where the time goes."""
    of_speech = {k: v for k, v in cost.items() if k != "seconds of speech"}
    total = sum(of_speech.values())
    shares = ", ".join(f"{stage} {value / total:.0%}" for stage, value in of_speech.items())
    return f"{1 / total:.0f} × real time on one thread ({shares})"


COMPARED = "emodb/compared"
COMPARISON = {COMPARED: "other readers that were trained on the same recordings; benchmarks/dawn_ser.py says how"}
PROTOCOLS = {
    "emodb/nested-leave-one-speaker-out": "anger, happiness, neutral, sadness; fitted on nine speakers, measured on "
    "the tenth, settings and calibration chosen within the nine; predictions pooled",
    "ravdess/transfer": "angry, happy, neutral, sad of RAVDESS speech as the same four classes; nothing fitted on it",
    "no-speech/synthetic": "noises, tones, chords, melodies, clicks and hum, which a reader of speech shall refuse",
}


def figures(outer: Outer, own: Outer, clean: Rows) -> tuple[dict[str, Measured], dict[str, Any]]:
    """What the card says of EMO-DB, and what the page says beside it."""
    split = "nested leave-one-speaker-out, ten speakers"
    (protocol, *_), label, n = PROTOCOLS, clean.label, len(clean.label)
    found: dict[str, Measured] = {}

    def add(key: str, metric: str, function: Any, *arrays: Any, **more: Any) -> None:
        interval = bootstrap(function, *arrays, groups=clean.speaker)
        more = {"protocol": protocol, "data": "EMO-DB, 4 classes", "split": split, "n": n} | more
        found[key] = Measured(
            metric=metric, value=interval.value, low=interval.low, high=interval.high, interval=interval.how, **more
        )

    add("uar", "UAR", uar, label, outer.logits.argmax(1), headline=True)
    note = "looks at unlabelled speech of the test speaker: features in deviations from the speaker's own mean"
    add("own", "UAR with per-speaker standardisation", uar, label, own.logits.argmax(1), note=note)
    add("accuracy", "accuracy", accuracy, label, outer.logits.argmax(1))
    note = f"random speed, room, microphone and noise; {outer.rough_refused.mean():.1%} of these copies refused"
    add("rough", "UAR on degraded copies", uar, label, outer.rough.argmax(1), note=note)
    add("ece", "ECE of the top label", ece_top_label, outer.p, label)
    coverage = coverage_and_size(outer.sets, label)
    note = f"mean set size {coverage.size:.2f}"
    add(
        "coverage",
        "coverage of 90 % conformal sets",
        lambda s, y: coverage_and_size(s, y).coverage,
        outer.sets,
        label,
        note=note,
    )
    add("refused", "share refused as out of distribution", np.mean, outer.refused)
    kept = ~outer.refused
    extra = {
        "confusion (rows gold, columns read; anger, happiness, neutral, sadness)": [
            np.bincount(outer.logits.argmax(1)[label == c], minlength=K).tolist() for c in range(K)
        ],
        "UAR of what was not refused": uar(label[kept], outer.logits.argmax(1)[kept]),
        "UAR by speaker": {
            str(s): uar(label[clean.speaker == s], outer.logits.argmax(1)[clean.speaker == s])
            for s in np.unique(clean.speaker)
        },
        "choices": [[*setting, score] for setting, score in outer.choices],
        "choices with per-speaker standardisation": [[*setting, score] for setting, score in own.choices],
    }
    return found, extra


def transfer_figures(reader: VoiceHead, foreign: Rows, noises: Rows) -> tuple[dict[str, Measured], dict[str, Any]]:
    """RAVDESS and sounds that are no speech, as found."""
    names = scale("ravdess-8").labels
    shared = {names.index(a): scale(SCALE).index(b) for a, b in SHARED_CLASSES.items()}
    p, refused = transfer(reader, foreign)
    known = np.isin(foreign.label, list(shared))
    label, top, actor = np.array([shared[i] for i in foreign.label[known]]), p[known].argmax(1), foreign.speaker[known]
    kept = ~refused[known]
    note = "English, other actors and studio; calm counts as none of the four and is left out"
    _, transferred, no_speech = PROTOCOLS
    place = {"data": "RAVDESS speech, 8 actors", "split": "transfer, nothing fitted on it"}
    common = {"protocol": transferred, **place, "n": len(label)}
    interval = bootstrap(uar, label, top, groups=actor)
    found = {
        "transfer": Measured(
            metric="UAR without abstention",
            value=interval.value,
            low=interval.low,
            high=interval.high,
            interval=interval.how,
            note=note,
            **common,
        ),
        "transfer ece": Measured(metric="ECE of the top label", value=ece_top_label(p[known], label), **common),
        "transfer refused": Measured(
            metric="share refused as out of distribution", value=float(refused[known].mean()), **common
        ),
    }
    if kept.any():
        found["transfer kept"] = Measured(
            metric="accuracy of what was not refused", value=accuracy(label[kept], top[kept]),
            **common | {"n": int(kept.sum())},
        )  # fmt: skip
    _, strange = transfer(reader, noises)
    found["strange"] = Measured(
        metric="share refused as out of distribution", value=float(strange.mean()), protocol=no_speech,
        data="sounds that are no speech", split="synthetic: noises, tones, chords, melodies, clicks, hum",
        n=len(strange),
    )  # fmt: skip
    extra = {
        "RAVDESS accuracy without abstention": accuracy(label, top),
        "RAVDESS confusion (rows gold, columns read)": [
            np.bincount(top[label == c], minlength=K).tolist() for c in range(K)
        ],
        "RAVDESS refused by emotion": {
            names[c]: float(refused[foreign.label == c].mean()) for c in np.unique(foreign.label)
        },
        "RAVDESS mean top score by emotion": {
            names[c]: float(p[foreign.label == c].max(1).mean()) for c in np.unique(foreign.label)
        },
        "no speech refused by kind": {
            str(k): float(strange[noises.speaker == k].mean()) for k in np.unique(noises.speaker)
        },
    }
    return found, extra


def _line(m: Measured) -> dict[str, Any]:
    interval = f"{m.low:.3f}–{m.high:.3f}" if m.low is not None else ""
    row = {"metric": m.metric, "value": round(m.value, 3), "interval": interval}
    return row | {"protocol": m.protocol, "data": m.data, "split": m.split, "n": m.n, "note": m.note}


def card(reader: VoiceHead, measured: Sequence[Measured], cost: str) -> CheckpointCard:
    """The card of the shipped weights."""
    corpus = emodb.CORPUS
    owned = sum(tensor.numel() for tensor in reader.owned().values())
    layers = ", ".join(map(str, reader.config.layers))
    return CheckpointCard(
        name=NAME,
        title="Acted emotion in a voice: anger, happiness, neutral, sadness",
        system="voice-head",
        modality="voice",
        data=f"{corpus.citation}; 339 recordings of 4 classes by 10 actors, and one degraded copy of each; "
        f"{corpus.licence}",
        licence="Apache-2.0 for the fitted arrays; open: whether the corpus is CC0; its audio is not shipped. "
        "The encoder is Whisper tiny.en (MIT), fetched as an asset and not part of this file",
        consent=corpus.consent,
        perspective=f"intended: {corpus.perspective_source}",
        figures=tuple(measured),
        protocols=PROTOCOLS,
        calibration="temperature, 90 % conformal threshold, limit of the distance (5 % of familiar speech is refused), "
        "fitted on outputs for speakers that each fit left out",
        limits=(
            "acted German sentences, ten actors, four classes: any other emotion is read as one of the four",
            "everyday speech, other languages, microphones and rooms are far from it: the reader then abstains; "
            "on RAVDESS see above what its answers are worth without abstention",
            "reads how something was said, never the words; one speaker at a time",
            "says what a voice was meant to show, not what someone feels",
            f"chosen by inner folds: encoder layers {layers}, C = {reader.config.strength:g}, "
            f"prosody {'used' if reader.config.prosody else 'shown as evidence but not used'}",
        ),
        cost=cost,
        parameters=owned,
        size_mb=owned * 4 / 1e6,
        made=f"{datetime.now(UTC):%Y-%m-%d}, affectus train recipes/voice-head/emodb.yaml",
    )


def compared() -> list[Measured]:
    """Dawn-SER on the same speakers, from the dated result of dawn_ser.py: what else could have been shipped."""
    found = sorted(RESULTS.glob("*-dawn-ser.json"))
    rows = json.loads(found[-1].read_text())["rows"] if found else []
    out = []
    for row in rows:
        if row["data"].startswith("emodb") and "difference" in row:
            low, high = map(float, row["interval"].split("–"))
            out.append(
                Measured(
                    metric=f"UAR of {row['reader']}",
                    value=row["UAR"],
                    low=low,
                    high=high,
                    interval="percentile bootstrap over 10 groups, 10000 resamples, 95%",
                    protocol=COMPARED,
                    data="EMO-DB, 4 classes",
                    split=row["data"].partition(", ")[2],
                    n=row["n"],
                    note=f"another reader, for comparison; against this system {row['difference']}",
                )
            )
    return out


def with_comparison(of: CheckpointCard) -> CheckpointCard:
    """The card with the comparison as it was last measured."""
    own = [figure for figure in of.figures if figure.protocol != COMPARED]
    return replace(of, figures=(*own, *compared()), protocols={**of.protocols, **COMPARISON})


def renew(folder: Path, data: Path) -> None:
    """Bring the comparison and the cost on a card up to date; weights and their figures stay."""
    kept: Any = registry.load(str(folder))
    cost = in_words(stages(kept, emodb.load(data / "emodb")["all"][::8]))
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    of = machine()
    where = f"{of['processor']}, load {of['load'][0]:.0f}, {datetime.now(UTC):%Y-%m-%d}"
    words = f"{cost}; {where}; {rss:.0f} MiB at most in this run"
    with_comparison(replace(CheckpointCard.load(folder), cost=words)).save(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED, help="folder that holds emodb and ravdess-speech")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "affectus-voice-accuracy")
    parser.add_argument("--ship", type=Path, help="folder to write the checkpoint to")
    parser.add_argument(
        "--renew", type=Path, help="folder of a checkpoint whose card gets comparison and cost; no more"
    )
    options = parser.parse_args()
    if options.renew:
        renew(options.renew, options.data)
        return

    reader = registry.build("voice-head/whisper-tiny", layers=ALL_LAYERS)
    assert isinstance(reader, VoiceHead)
    spoken = emodb.load(options.data / "emodb")["all"]
    label = gold(spoken, SCALE).argmax(1)
    parts = [features(reader, spoken, label, c, options.cache / f"emodb-{c}.npz") for c in range(COPIES + 2)]
    other = ravdess.load(options.data / "ravdess-speech")["all"]
    foreign = features(reader, other, gold(other, "ravdess-8").argmax(1), 0, options.cache / "ravdess.npz")
    sounds = strange_sounds()
    noises = features(reader, sounds, np.zeros(len(sounds), int), 0, options.cache / "strange.npz")

    assert all(part.readable.all() for part in (*parts, foreign)), "every file of these corpora holds speech"
    clean, train, probe = parts[0], join(parts[: COPIES + 1]), parts[COPIES + 1]
    print("per-speaker standardisation", flush=True)
    own = nested(clean, clean, clean, own_mean=True)
    print("as shipped", flush=True)
    outer = nested(train, clean, probe, own_mean=False)
    modal = Counter(setting for setting, _ in outer.choices).most_common(1)[0][0]
    final = shipped(train, modal)
    found, extra = figures(outer, own, clean)
    away, more = transfer_figures(final, foreign, noises)
    cost = stages(final, spoken[::8])
    words = in_words(cost)

    measured = [*found.values(), *away.values()]
    record = Record(
        "voice-accuracy",
        "The voice reader on speakers it never heard",
        " ".join((__doc__ or "").split("\n\n")[-1].split()),
        [_line(m) for m in measured],
        [f"Cost: {words}.", f"Shipped setting (most frequent among the inner folds): {modal}."],
        extra | more | {"cpu seconds for a second of speech": cost, "shipped setting": list(modal)},
    )
    print(record.write())
    if options.ship:
        options.ship.mkdir(parents=True, exist_ok=True)
        final.save_pretrained(options.ship)
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        made = card(final, measured, f"{words}; {machine()['processor']}; {rss:.0f} MiB at most in this run")
        with_comparison(made).save(options.ship)


if __name__ == "__main__":
    main()
