"""Cards: what a system is, and what a checkpoint was measured to do. A figure that nobody ran is never on one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from affectus.errors import CheckpointError

Role = Literal["reader", "explainer", "responder", "anonymizer", "animator", "tool"]


@dataclass(frozen=True, kw_only=True)
class Card:
    """A system: the literal at the end of its file, read without importing it.

    Args:
        system: Registry name, for example `"text-classifier"`; the module is the same with underscores.
        cls: Name of the class in the module.
        roles: What it can be asked to do.
        modalities: What it reads or makes: text, voice, face, image, video, music, eeg, dialogue, clip (several of them
            at once, aligned in time).
        unit: What one reading speaks of: turn, span, frame, image, dialogue, clip.
        title: One line.
        paper: Citation, or what it follows when there is no paper.
        licence: Licence of our code and terms of the published weights.
        proof: How equality with the original was shown: `official code`, `equations`, or `own system`.
        limits: What it can't do.
        weightless: Whether it is complete without trained weights, and is then read with under its own name.
        expected_failures: Contract check → reason why it does not hold.
        ablation: What takes the key piece away: config field → value, or argument → value of the task. The system must
            then learn less well.
        ablated: What is missing then, in one line.
        task: `module:function` of a task that takes the key piece to solve, see `affectus.testing.tasks`; empty takes
            the made-up items of the contract suite.
    """

    system: str
    cls: str
    roles: tuple[Role, ...]
    modalities: tuple[str, ...]
    unit: str
    title: str
    paper: str
    licence: str
    proof: str
    limits: str = ""
    weightless: bool = False
    expected_failures: Mapping[str, str] = field(default_factory=dict)
    ablation: Mapping[str, Any] = field(default_factory=dict)
    ablated: str = ""
    task: str = ""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One figure with the protocol that makes it mean something.

    Args:
        metric: For example `macro-F1`.
        value: The figure.
        protocol: Name of the protocol, `corpus/name`; `affectus protocols` or the card says what it is.
        low: Lower end of the interval.
        high: Upper end of the interval.
        interval: How the interval was made, for example `bootstrap 10000, 95 %`.
        data: Corpus.
        split: Split and grouping.
        n: Number of items.
        headline: Whether reports show it as "the accuracy this reader is known to have".
        note: What else must be said, for example that training data overlap.
        verified: False only for a published figure that was not run here.
    """

    metric: str
    value: float
    protocol: str
    data: str
    split: str
    n: int
    low: float | None = None
    high: float | None = None
    interval: str = ""
    headline: bool = False
    note: str = ""
    verified: bool = True


@dataclass(frozen=True, kw_only=True)
class CheckpointCard:
    """Trained weights: where they come from, what was measured, what they must not be used for.

    Args:
        name: For example `"affectus/text-goemotions"`.
        title: One line.
        system: The system they belong to.
        modality: What is read.
        data: Training data and their licence.
        licence: Licence of these weights.
        consent: Consent class of the people in the training data.
        perspective: Whose feeling is read, and where that is written.
        figures: What was measured.
        protocols: Name of each protocol of the figures → what it is, in one line.
        calibration: How the probabilities were calibrated.
        limits: Known limits.
        cost: Seconds and memory on a stated machine.
        parameters: Number of weights.
        size_mb: Size on disk.
        made: Date and command that made the weights.
    """

    name: str
    title: str
    system: str
    modality: str
    data: str
    licence: str
    consent: str
    perspective: str
    figures: tuple[Measured, ...]
    calibration: str
    limits: tuple[str, ...]
    cost: str
    parameters: int
    size_mb: float
    made: str
    protocols: Mapping[str, str] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write `card.json` and its readable twin `README.md`."""
        from affectus.atomic import writing

        with writing(folder / "card.json") as file:
            json.dump(asdict(self), file, indent=1, ensure_ascii=False)
        with writing(folder / "README.md") as file:
            file.write(self.markdown())

    @classmethod
    def load(cls, folder: Path) -> CheckpointCard:
        """Read `card.json`.

        Raises:
            CheckpointError: If it is missing or not a card.
        """
        try:
            row: dict[str, Any] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
            # Cards of a user's own from before figures named their protocol are read all the same.
            row["figures"] = tuple(Measured(**{"protocol": "not recorded", **figure}) for figure in row["figures"])
            row["limits"] = tuple(row["limits"])
            return cls(**row)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise CheckpointError(
                f"{str(folder)!r} has no readable card.json ({error})", remedy="fetch or train it again"
            ) from error

    def markdown(self) -> str:
        """The card as a page."""
        lines = [f"# {self.name}", "", self.title, ""]
        for label in ("system", "modality", "perspective", "data", "consent", "licence", "calibration", "cost", "made"):
            lines.append(f"- **{label}**: {getattr(self, label)}")
        lines += [f"- **parameters**: {self.parameters:,} ({self.size_mb:.1f} MB)", "", "## Measured", ""]
        lines += ["| metric | value | interval | protocol | data | split | n | note |", "|---" * 8 + "|"]
        for f in self.figures:
            interval = f"{f.low:.3f}–{f.high:.3f}" if f.low is not None and f.high is not None else ""
            interval += f" ({f.interval})" if f.interval else ""
            note = f.note if f.verified else f"published, not run here; {f.note}".rstrip("; ")
            place = f"{f.protocol} | {f.data} | {f.split} | {f.n} | {note}"
            lines.append(f"| {f.metric} | {f.value:.3f} | {interval} | {place} |")
        if self.protocols:
            lines += ["", "## Protocols", ""] + [f"- `{name}`: {told}" for name, told in self.protocols.items()]
        lines += ["", "## Limits", ""] + [f"- {limit}" for limit in self.limits]
        return "\n".join(lines) + "\n"
