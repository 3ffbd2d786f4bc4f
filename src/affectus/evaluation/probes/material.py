"""What a probe works on: a reader, the items that a protocol compares, and the one figure that is watched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from affectus.card import CheckpointCard
from affectus.corpora.base import Loaded
from affectus.errors import CheckpointError, InputError
from affectus.evaluation.answers import ABSTAINED, Answers, Cases, answers, cases
from affectus.evaluation.evaluate import agreed
from affectus.evaluation.figures import Draws, Figure, figures
from affectus.evaluation.intervals import Difference, Interval, percentiles
from affectus.evaluation.protocols import Protocol, Reads
from affectus.sample import Media, Sample
from affectus.taxonomy import scale
from affectus.timeline import Timeline

RATE = 16_000  # Hz
AT_ONCE = 16  # items that are read together
LEARNED = "The reader learned from this corpus, so its figures here are better than on people it has never heard."


@dataclass(frozen=True, eq=False)
class Material:
    """A reader and what it is asked.

    Args:
        reader: Has `read` and `readouts`.
        loaded: The corpus.
        protocol: What is compared.
        cases: The compared items and their gold.
        figure: The one that is watched.
        draws: How items are resampled.
        remarks: What must be said about all figures.
    """

    reader: Any
    loaded: Loaded
    protocol: Protocol
    cases: Cases
    figure: Figure
    draws: Draws
    remarks: tuple[str, ...] = ()

    @property
    def samples(self) -> list[Sample]:
        """The compared samples."""
        return list(self.cases.samples)

    @property
    def seed(self) -> int:
        """Of resamples, and of whatever a probe draws."""
        return self.draws.seed

    def people(self, attribute: str = "") -> list[str | None]:
        """Who speaks in each sample, or an attribute of them; None where it is not known."""
        tracks = [sample.groups.get("speaker") or sample.track for sample in self.samples]
        if not attribute:
            return tracks
        known = self.loaded.speakers
        return [known[t].attributes.get(attribute) if t in known else None for t in map(str, tracks)]

    def read(self, waves: Sequence[np.ndarray], samples: Sequence[Sample]) -> Timeline:
        """Readings of waves (samples,) at 16 kHz in the place of the sound of samples, one row each."""
        return self.reader.read([sounding(wave, sample) for wave, sample in zip(waves, samples, strict=True)])

    def answers(self, reading: Timeline) -> Answers:
        """What was answered to all samples; an abstention counts by its scores."""
        return answers(self.protocol, Reads.of(self.reader), reading, np.arange(len(self.samples)))

    def value(self, given: Answers) -> Interval:
        """The figure with its interval."""
        value = self.draws.value(self.figure, self.cases.gold, given)
        if np.isnan(value) or not self.draws.count:
            return Interval(value, np.nan, np.nan, how=self.draws.how)
        ends = percentiles(self.draws.replicates(self.figure, self.cases.gold, given))
        return Interval(value, *ends, how=self.draws.how)

    def gap(self, given: Answers, other: Answers) -> Difference:
        """The figure of the first less that of the other, on the same resamples."""
        gold, of = self.cases.gold, self.figure
        value = self.draws.value(of, gold, given) - self.draws.value(of, gold, other)
        if not self.draws.count or np.isnan(value):
            return Difference(value, np.nan, np.nan, how=self.draws.how)
        both = [self.draws.replicates(of, gold, each) for each in (given, other)]
        return Difference.between(value, both[0] - both[1], 0.95, self.draws.how)

    def told(self) -> dict[str, str]:
        """What all figures depend on besides the reader, name → text."""
        left = "; ".join(f"{count:,} rows {reason}" for reason, count in self.cases.left_out.items())
        rows = {
            "protocol": self.protocol.title,
            "what is compared": self.protocol.sentence,
            "source": self.protocol.source,
            "figure": self.figure.title,
            "items": f"{len(self.samples):,}",
            "speakers": f"{len(set(self.people())):,}",
            "left out": left,
            "intervals": f"{self.draws.how}, seed {self.draws.seed}",
            "abstentions": "an answer that the reader declined to give counts by its scores",
        }
        return {name: text for name, text in rows.items() if text}


def sounding(wave: np.ndarray, sample: Sample) -> Sample:
    """The sample with another sound, (samples,) at 16 kHz."""
    return replace(sample, media=Media("audio", array=np.asarray(wave, np.float32), rate=RATE), start=None, end=None)


def material(
    reader: Any,
    loaded: Loaded,
    *,
    protocol: str | Protocol | None = None,
    asked: Iterable[str] = (),
    items: int = 0,
    resamples: int = 2000,
    seed: int = 0,
    folder: Path | None = None,
) -> Material:
    """What a reader is asked on a corpus.

    The figure is the first of the protocol; of levels CCC, as in the paper. Protocols with folds are taken without:
    nothing is fitted here.

    Args:
        reader: Of voices, with `read` and `readouts`.
        loaded: The corpus.
        protocol: A protocol or its name; None takes the first that the reader can serve.
        asked: Comparisons across perspectives that are wanted, `reader:gold`.
        items: Items that are drawn; 0 takes all.
        resamples: Of the bootstrap; 0 gives no intervals.
        seed: Of the draws and resamples.
        folder: The checkpoint, on whose card stands what it learned from.

    Raises:
        InputError: If the reader reads no voices, can't serve the protocol, or there are fewer items than asked.
        UnknownName: If there is no such protocol.
    """
    check_voice(reader)
    of = replace(agreed(loaded, Reads.of(reader), protocol, None, asked), folds=None)
    found = cases(of, loaded)
    if items > len(found.samples) or items < 0:
        raise InputError(f"{items:,} items are asked for", allowed=f"0 (all) to {len(found.samples):,}")
    if items:
        found = _drawn(found, np.sort(np.random.default_rng(seed).permutation(len(found.samples))[:items]))
    wanted = figures(replace(of, metrics=("ccc",) if of.compare == "levels" else of.metrics[:1]))[0]
    remarks = [LEARNED] if learned_from(folder, loaded) else []
    if items:
        remarks.append(f"{items:,} items were drawn from those of the protocol.")
    return Material(reader, loaded, of, found, wanted, Draws(resamples, seed, found.groups), tuple(remarks))


def check_voice(reader: Any) -> None:
    """Raise `InputError` unless a reader reads voices."""
    modality = getattr(reader, "modality", "")
    if modality != "voice":
        raise InputError(
            f"{getattr(reader, 'name', 'the reader')!r} reads {modality or 'no voices'}",
            allowed="readers of voices",
            remedy="affectus systems --modality voice lists them",
        )


def learned_from(folder: Path | None, loaded: Loaded) -> bool:
    """Whether the card of a checkpoint names the corpus as what it learned from."""
    if folder is None:
        return False
    try:
        return loaded.corpus.citation in CheckpointCard.load(folder).data
    except CheckpointError:  # a checkpoint of one's own may have no card
        return False


def _drawn(of: Cases, rows: np.ndarray) -> Cases:
    samples = [of.samples[row] for row in rows]
    groups = None if of.groups is None else of.groups[rows]
    return replace(of, items=samples, rows=np.arange(len(rows)), samples=samples, gold=of.gold[rows], groups=groups)


def refused(reading: Timeline) -> float:
    """Share of rows on which the reader abstained."""
    return float(np.mean([any(f.startswith(ABSTAINED) for f in flags or ()) for flags in reading.column("flags")]))


def valence(reading: Timeline, reader: Any) -> tuple[np.ndarray, str]:
    """Valence of each row, (n,) in [-1, 1], and how it was had.

    A level called valence is taken as it is, brought to that range. Else the labels' published valence is averaged by
    their probabilities.

    Raises:
        InputError: If the reader gives neither.
    """
    from affectus.errors import ScaleError
    from affectus.taxonomy.coordinates import valence_arousal

    names: Mapping[str, None] = dict.fromkeys(r.scale for r in reader.readouts)
    for name in names:
        of = scale(name)
        if of.kind == "level" and "valence" in of.labels:
            level = reading.scores(name)[:, of.labels.index("valence")]
            return 2 * (level - of.low) / (of.high - of.low) - 1, f"the level valence of {name}"
    for name in names:
        try:
            return valence_arousal(reading.scores(name), name)[:, 0], f"labels of {name} by their published valence"
        except ScaleError:
            continue
    raise InputError(
        f"the reader gives {', '.join(names)}", allowed="a level called valence, or labels with published coordinates"
    )
