"""Hiding and keeping emotion in a space of speaker vectors: reflections, selection and boundaries on real voices.

    python benchmarks/voice_vectors.py ../shared/data [--vectors vectors.npz]

No speech is made. GE2E's vectors of EMO-DB and RAVDESS take the place of ECAPA's, whose weights are not here, so that
the anonymisers and edits of `emotion-anonymization` are measured by themselves. What hides and edits is learned on one
corpus and measured on the other.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from affectus.corpora.base import groups, load_corpus, locate
from affectus.corpora.trials import Trials, read_trials
from affectus.evaluation.intervals import Interval, bootstrap
from affectus.evaluation.metrics import uar
from affectus.evaluation.verification import equal_error_rate, verify
from affectus.frontends.speech import VoiceEncoder
from affectus.nn.boundaries import Boundaries, normalised
from affectus.nn.householder import Reflections, train_reflections
from affectus.nn.pool import unlike
from affectus.sample import Sample
from record import Record

EMOTIONS = ("angry", "happy", "sad", "neutral")
NAMES = {"anger": "angry", "happiness": "happy", "sadness": "sad"}
CORPORA = {"emodb": "emodb", "ravdess": "ravdess"}
RESAMPLES, SEED = 1000, 0


class Voices:
    """A corpus as vectors: paths, speakers, sexes and emotions of the same rows; another emotion is empty."""

    def __init__(self, name: str, data: Path, encoder: VoiceEncoder, kept: dict[str, np.ndarray]) -> None:
        corpus = CORPORA[name]
        loaded = load_corpus(corpus, locate(corpus, data))
        samples = [s for split in loaded.splits.values() for s in split]
        self.paths = [str(s.media.path.resolve().relative_to(data.resolve())) for s in samples if s.media]
        self.speaker = groups(samples, "speaker")
        self.sex = np.array([loaded.speakers[who].attributes["sex"] for who in self.speaker])
        tops = [s.gold[0].top if s.gold is not None else "" for s in samples]
        self.emotion = np.array([e if (e := NAMES.get(str(t), str(t))) in EMOTIONS else "" for t in tops])
        self.x = np.stack([_vector(s, p, encoder, kept) for s, p in zip(samples, self.paths, strict=True)])
        self.trials: Trials = read_trials(data / "speech-trials", name)


def _vector(sample: Sample, path: str, encoder: VoiceEncoder, kept: dict[str, np.ndarray]) -> np.ndarray:
    if path not in kept:
        prints = encoder.voice(sample.wave(16_000)).prints
        kept[path] = prints.mean(0) if len(prints) else np.full(256, 1e-6, np.float32)
    return normalised(kept[path])


def eer(of: Voices, known: np.ndarray, asked: np.ndarray) -> Interval:
    """Of GE2E's cosines, by speaker."""
    first, second = (dict(zip(of.paths, x, strict=True)) for x in (known, asked))
    found = verify(of.trials.enrolments, of.trials.trials, first, second)
    return bootstrap(equal_error_rate, found.targets, found.scores, groups=found.enrolments, n=RESAMPLES, seed=SEED)


def judged(of: Voices, x: np.ndarray) -> Interval:
    """UAR of a logistic regression that learned from the originals of the other speakers of the same corpus."""
    rows, said = of.emotion != "", np.array(of.emotion)
    for who in np.unique(of.speaker):
        mine, rest = rows & (of.speaker == who), rows & (of.speaker != who)
        judge = LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000).fit(of.x[rest], of.emotion[rest])
        said[mine] = judge.predict(x[mine])
    return bootstrap(uar, of.emotion[rows], said[rows], groups=of.speaker[rows], n=RESAMPLES, seed=SEED)


def reflected(of: Voices, other: Voices, steps: int) -> np.ndarray:
    torch.manual_seed(SEED)
    chain = Reflections(of.x.shape[1], 2 * of.x.shape[1])
    if steps:
        train_reflections(chain, other.x, other.speaker, steps=steps, lr=0.05, seed=SEED)
    with torch.no_grad():
        return chain(torch.as_tensor(of.x, dtype=torch.float32)).double().numpy()


def selected(of: Voices, other: Voices) -> np.ndarray:
    """Half of the other corpus's voices of the sex that are least alike, the mean of half of them; by utterance."""
    rng = np.random.default_rng(SEED)
    pools = {sex: other.x[other.sex == sex] for sex in np.unique(other.sex)}
    rows = []
    for x, sex in zip(of.x, of.sex, strict=True):
        pool = pools[sex]
        far = min(200, len(pool) // 2)
        rows.append(unlike(x, pool, far, far // 2, rng))
    return normalised(np.stack(rows))


def rows(name: str, of: Voices, other: Voices, steps: int) -> list[dict[str, object]]:
    boundaries = Boundaries(EMOTIONS, of.x.shape[1])
    known = other.emotion != ""
    boundaries.fit(other.x[known], list(other.emotion[known]), np.random.default_rng(SEED))
    guessed = boundaries.predict(of.x)
    four = of.emotion != ""
    right = uar(of.emotion[four], np.array(guessed)[four])
    told = [e or g for e, g in zip(of.emotion, guessed, strict=True)]
    ohnn, strangers = reflected(of, other, steps), selected(of, other)

    def edit(x: np.ndarray, emotions: Sequence[str], d: float) -> np.ndarray:
        return boundaries.move(x, emotions, {e: -d if e == "sad" else d for e in EMOTIONS})

    def unflipped(x: np.ndarray, emotions: Sequence[str], d: float) -> np.ndarray:
        return boundaries.move(x, emotions, dict.fromkeys(EMOTIONS, d))

    made = {
        "original": of.x,
        "random reflections": reflected(of, other, 0),
        "trained reflections": ohnn,
        "… d = 10": edit(ohnn, guessed, 10),
        "… d = 30": edit(ohnn, guessed, 30),
        "… d = 30, sad not flipped": unflipped(ohnn, guessed, 30),
        "… d = 30, oracle": edit(ohnn, told, 30),
        "… d = 30, oracle, sad not flipped": unflipped(ohnn, told, 30),
        "selection": strangers,
        "selection, d = 30": edit(strangers, guessed, 30),
        "selection, d = 30, oracle": edit(strangers, told, 30),
    }
    out = []
    for what, x in made.items():
        ignorant, informed, emotion = eer(of, of.x, x), eer(of, x, x), judged(of, x)
        out.append(
            {
                "corpus": name,
                "vectors": what,
                "EER, originals enrolled": str(ignorant),
                "EER, changed enrolled": str(informed),
                "UAR": str(emotion),
            }
        )
        print(out[-1], flush=True)
    print(f"{name}: the indicator is right with UAR {right:.3f}", flush=True)
    return [*out, {"corpus": name, "vectors": "emotion indicator alone", "UAR": f"{right:.3f}"}]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with emodb, ravdess-speech and speech-trials")
    parser.add_argument("--vectors", type=Path, help="npz that keeps the vectors for another run")
    parser.add_argument("--steps", type=int, default=200, help="of the training of reflections")
    asked = parser.parse_args()
    kept = dict(np.load(asked.vectors)) if asked.vectors and asked.vectors.is_file() else {}
    encoder = VoiceEncoder()
    voices = {name: Voices(name, asked.data, encoder, kept) for name in CORPORA}
    if asked.vectors:
        np.savez(asked.vectors, **kept)
    table = [
        row
        for name, other in (("emodb", "ravdess"), ("ravdess", "emodb"))
        for row in rows(name, voices[name], voices[other], asked.steps)
    ]
    counts = {n: f"{len(v.x)} recordings, {(v.emotion != '').sum()} of the four emotions" for n, v in voices.items()}
    Record(
        "voice-vectors",
        "Hiding and keeping emotion among speaker vectors",
        "GE2E vectors of EMO-DB and RAVDESS, brought to length √256; no speech is made. Reflections "
        f"(512, {asked.steps} steps), pools and boundaries come from the other corpus. EER of cosines on the lists of "
        "`speech-trials`; UAR of a logistic regression on originals of the other speakers of the same corpus, of "
        "angry, happy, neutral, sad. Intervals: bootstrap over speakers, 1000 resamples, 95 %.",
        table,
        [
            *(f"{name}: {count}; {voices[name].trials.summary}." for name, count in counts.items()),
            "An orthogonal map keeps all angles: whoever can have it applied to speech of his own verifies as before.",
            "The oracle writes the label that is judged into the vector; its rows show what the edit can do, and are "
            "no figures of a system that has to find the emotion itself.",
        ],
    ).write()


if __name__ == "__main__":
    main()
