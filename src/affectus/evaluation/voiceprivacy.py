"""The three measures of VoicePrivacy 2024 on folders of its layout: privacy, words and emotion.

Tomashenko et al. 2024 (arXiv:2404.02677): the higher the equal error rate of an attacker the better the voice is
hidden, the lower the word error rate and the higher the recall of emotions the more is kept. The challenge's own
attacker, recogniser and readers are trained networks; here any are passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from affectus.corpora.trials import read_kaldi_trials
from affectus.corpora.voiceprivacy2024 import SCALE, read_set
from affectus.errors import FileError, InputError
from affectus.evaluation.intervals import Interval, bootstrap
from affectus.evaluation.metrics import uar
from affectus.evaluation.verification import equal_error_rate, verify
from affectus.evaluation.words import counted_errors, error_rate
from affectus.sample import Sample
from affectus.taxonomy import scale

PARTS = ("dev", "test")
SEXES = {"f": "female", "m": "male"}

Vectors = Callable[[Sequence[Sample]], np.ndarray]
"""Utterances → speaker vectors (n, f): the attacker."""
Transcribe = Callable[[Sequence[Sample]], Sequence[str]]
"""Utterances → their words."""
Read = Callable[[Sequence[Sample], str], Sequence[str]]
"""Utterances of one fold and its name → an emotion of `iemocap-4` each, by a reader that did not learn from it."""


class Figure(NamedTuple):
    """One figure.

    Args:
        measure: EER, WER or UAR.
        part: dev or test.
        group: Of whom: female, male, a fold, all, or the mean over groups.
        value: With its interval.
        n: Trials, words or utterances.
    """

    measure: str
    part: str
    group: str
    value: Interval
    n: int


def evaluate(
    data: Path,
    *,
    vectors: Vectors | None = None,
    transcribe: Transcribe | None = None,
    read: Read | None = None,
    suffix: str = "",
    enrolled: str = "",
    resamples: int = 1000,
) -> list[Figure]:
    """All figures that can be had of what was passed in, on dev and test where their sets are there.

    Args:
        data: Folder with the sets, `data` of the challenge.
        vectors: The attacker.
        transcribe: The recogniser.
        read: The readers of emotion.
        suffix: Of the sets that are tried, such as `_anonymised`; empty for the originals.
        enrolled: Suffix of the sets that the attacker enrols. Empty, the originals: an attacker who does not know of
            the anonymisation. The challenge's attacker enrols anonymised speech, and was trained on it.
        resamples: Of the intervals.

    Raises:
        FileError: If no set is there, or a recording of one is missing.
        InputError: If an answer does not fit what was asked.
    """
    out = []
    for part in PARTS:
        if vectors and (data / f"libri_{part}_enrolls{enrolled}").is_dir():
            out += privacy(data, part, vectors, suffix=suffix, enrolled=enrolled, resamples=resamples)
        if transcribe and (data / f"libri_{part}_trials_f{suffix}").is_dir():
            out += words(data, part, transcribe, suffix=suffix, resamples=resamples)
        if read and (data / f"IEMOCAP_{part}{suffix}").is_dir():
            out += emotions(data, part, read, suffix=suffix, resamples=resamples)
    if not out:
        raise FileError(f"{str(data)!r} has no set with the suffix {suffix!r} that can be measured")
    return out


def privacy(
    data: Path, part: str, vectors: Vectors, *, suffix: str = "", enrolled: str = "", resamples: int = 1000
) -> list[Figure]:
    """EER among women, among men, and the mean of both, with intervals over speakers; arguments as `evaluate`."""
    known = _by_name(_set(data / f"libri_{part}_enrolls{enrolled}"), vectors)
    out, targets, scores, who, whose = [], [], [], [], []
    for letter, sex in SEXES.items():
        folder = data / f"libri_{part}_trials_{letter}{suffix}"
        listed = read_kaldi_trials(data / f"libri_{part}_enrolls{enrolled}", folder)
        wanted = {t.enrolment for t in listed.trials}
        models = {speaker: said for speaker, said in listed.enrolments.items() if speaker in wanted}
        found = verify(models, listed.trials, known, _by_name(_set(folder), vectors))
        value = bootstrap(equal_error_rate, found.targets, found.scores, groups=found.enrolments, n=resamples)
        out.append(Figure("EER", part, sex, value, len(found.targets)))
        targets.append(found.targets)
        scores.append(found.scores)
        who.append(found.enrolments)
        whose.append(np.full(len(found.targets), sex))
    rows = [np.concatenate(column) for column in (targets, scores, whose)]
    value = bootstrap(_mean_over(equal_error_rate), *rows, groups=np.concatenate(who), n=resamples)
    return [*out, Figure("EER", part, "mean", value, len(rows[0]))]


def words(data: Path, part: str, transcribe: Transcribe, *, suffix: str = "", resamples: int = 1000) -> list[Figure]:
    """WER over the words of all trials, with an interval over speakers; arguments as `evaluate`."""
    samples = [s for letter in SEXES for s in _set(data / f"libri_{part}_trials_{letter}{suffix}")]
    spoken = [s.text or "" for s in samples]
    errors, count = counted_errors(spoken, _as_many(transcribe(samples), samples, "transcripts"))
    value = bootstrap(error_rate, count, errors, groups=[str(s.track) for s in samples], n=resamples)
    return [Figure("WER", part, "all", value, int(count.sum()))]


def emotions(data: Path, part: str, read: Read, *, suffix: str = "", resamples: int = 1000) -> list[Figure]:
    """UAR of each fold and the mean over folds, with an interval over speakers; arguments as `evaluate`."""
    labels = scale(SCALE).labels
    judged = [(s, s.judged(SCALE)) for s in _set(data / f"IEMOCAP_{part}{suffix}")]
    rows = [(s, labels[int(scores.argmax())]) for s, scores in judged if scores is not None]
    without = next((s.id for s, _ in rows if "fold" not in s.groups), None)
    if without is not None:
        raise FileError(f"the speaker of {without!r} has no fold", remedy="get spk2fold of the same release")
    out, answers = [], dict[str, str]()
    for fold in sorted({s.groups["fold"] for s, _ in rows}):
        mine = [(s, gold) for s, gold in rows if s.groups["fold"] == fold]
        said = _as_many(read([s for s, _ in mine], fold), mine, "emotions")
        strange = next((e for e in said if e not in labels), None)
        if strange is not None:
            raise InputError(f"an emotion is {strange!r}", allowed=", ".join(labels))
        answers |= {s.id: e for (s, _), e in zip(mine, said, strict=True)}
        value = bootstrap(uar, [gold for _, gold in mine], list(said), n=resamples)
        out.append(Figure("UAR", part, f"fold {fold}", value, len(mine)))
    gold, said, folds, speakers = (
        np.array(column)
        for column in zip(*((g, answers[s.id], s.groups["fold"], str(s.track)) for s, g in rows), strict=True)
    )
    value = bootstrap(_mean_over(uar), gold, said, folds, groups=speakers, n=resamples)
    return [*out, Figure("UAR", part, "mean", value, len(rows))]


def _set(folder: Path) -> list[Sample]:
    samples, missing = read_set(folder)
    if missing or not samples:
        raise FileError(
            f"{missing} of {missing + len(samples)} recordings of {folder.name} are not there",
            remedy="a figure on a part of them is no figure of the challenge: get or make them all",
        )
    return samples


def _by_name(samples: Sequence[Sample], vectors: Vectors) -> dict[str, np.ndarray]:
    return dict(zip((s.id for s in samples), _as_many(vectors(samples), samples, "vectors"), strict=True))


def _as_many(answers: Any, asked: Sequence[object], what: str) -> Any:
    if len(answers) != len(asked):
        raise InputError(f"{len(answers)} {what} were given for {len(asked)} utterances", allowed="one each")
    return answers


def _mean_over(function: Callable[..., float]) -> Callable[..., float]:
    """The mean of a figure over groups that the last array names; groups where it is undefined don't count."""

    def mean(*arrays: np.ndarray) -> float:
        *rows, group = arrays
        values = [function(*(row[group == g] for row in rows)) for g in np.unique(group)]
        return float(np.mean([v for v in values if not np.isnan(v)] or [np.nan]))

    return mean
