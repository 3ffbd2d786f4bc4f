"""Protocols: everything that a figure depends on apart from the reader. They are data, in `protocols.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib import resources
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from affectus.config import parse_config
from affectus.corpora.base import Corpus
from affectus.errors import InputError, UnknownName, suggest, unknown
from affectus.evaluation.catalogue import METRICS, Metric, metric
from affectus.taxonomy import Perspective, scale, scale_map
from affectus.taxonomy.scale import Kind

Compare = Literal["label", "labels", "levels", "profiles"]

OWN = "as-labelled"
"""Name of the protocol that is made for a corpus without one that fits: its own labels, the usual figures."""


@dataclass(frozen=True, kw_only=True)
class Folds:
    """Cross-validation: how the items of a split are divided.

    Args:
        k: Number of folds; 0 leaves one group out at a time.
        by: Kind of group whose items stay together (`author`, `article`); empty divides single items.
        stratify: Whether each fold has the labels in the shares of the whole.
        seed: Of the division.
        pooled: Whether a figure is that of all answers at once; else it is the mean of the folds' figures.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    k: Annotated[int, Field(ge=0)]
    by: str = ""
    stratify: bool = False
    seed: int = 0
    pooled: bool = False


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a reader is measured on a corpus.

    Gold and answers are compared on `scales`. Where the corpus's gold stands on another scale, gold is carried over by
    the taxonomy's map, and rows whose gold has no image are left out and counted; where the reader's scores do, they
    are.

    Args:
        corpus: Name of the corpus.
        name: Name of the protocol among those of the corpus.
        scales: What is compared; several scales are set side by side.
        metrics: Names of figures; the first is the one that readers are ranked by.
        source: Publication or convention that it follows.
        compare: `label`: one label an item, rows with none or several left out; `labels`: any number; `levels`:
            quantities; `profiles`: distributions.
        gold: Scale of the corpus's gold, where it is not the one that is compared.
        split: Split that is measured.
        folds: Division of the split, for systems that are fitted anew for each fold.
        group: Kind of group (`dialogue`, `author`) that intervals draw whole.
        unit: `item`, or `dialogue`: the turns of a dialogue are given together, in order.
        only: Which rows count: `all`, or `one-label`: those with one gold label on the corpus's own scale.
        classes: Labels that figures run over: `all` of the scale, or those that the map of gold can `reach`.
        answers: Labels that an answer is chosen from, likewise.
        without: Labels that figures do not run over; an answer may still be one of them.
        threshold: Probability from which a label counts as answered; None leaves it to the reader.
        perspective: Whose feeling the gold speaks of.
        by: Who judged, where a corpus has gold by several; empty takes the first.
        across: (perspective of the reader, of the gold), where the comparison of two perspectives was asked for.
        n: Number of rows that are compared, where it is known.
        note: What else must be said.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    corpus: str
    name: str
    scales: tuple[str, ...]
    metrics: tuple[str, ...]
    source: str
    compare: Compare = "label"
    gold: str = ""
    split: str = "test"
    folds: Folds | None = None
    group: str = ""
    unit: Literal["item", "dialogue"] = "item"
    only: Literal["all", "one-label"] = "all"
    classes: Literal["all", "reach"] = "all"
    answers: Literal["all", "reach"] = "all"
    without: tuple[str, ...] = ()
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    perspective: Perspective = "perceived"
    by: str = ""
    across: tuple[Perspective, Perspective] | None = None
    n: Annotated[int, Field(ge=1)] | None = None
    note: str = ""

    def __post_init__(self) -> None:
        for name in self.scales:
            scale(name)
        for name in self.metrics:
            if not _fits(metric(name), self.compare):
                raise InputError(
                    f"{name!r} is no figure of {self.compare}",
                    allowed=", ".join(m.name for m in METRICS.values() if _fits(m, self.compare)),
                )
            if metric(name).two and len(self.labels("all")) != 2:
                raise InputError(
                    f"{name!r} is asked of {len(self.labels('all'))} labels",
                    allowed="scales of two labels",
                    remedy="macro_auc and macro_average_precision take more",
                )
        for label in self.without:
            if label not in self.labels("all"):
                raise unknown(f"label of {self.title!r}", label, self.labels("all"))
        if self.gold and len(self.scales) != 1:
            raise InputError(f"protocol {self.title!r} maps gold to {len(self.scales)} scales", allowed="one")

    @property
    def title(self) -> str:
        """`corpus/name`, as tables show it."""
        return f"{self.corpus}/{self.name}"

    def labels(self, which: Literal["all", "reach"]) -> tuple[str, ...]:
        """Labels of the compared scales, all or those that gold can reach."""
        if which == "reach" and self.gold:
            return scale_map(self.gold, self.scales[0]).covered()
        return tuple(label for name in self.scales for label in scale(name).labels)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Protocol:
        """The inverse of `to_dict`; an unknown key is a `ConfigError`."""
        return parse_config(cls, values)

    @property
    def sentence(self) -> str:
        """The protocol in one line."""
        parts = [f"split {self.split!r}"]
        if self.folds is not None:
            kind = f"{self.folds.k} folds" if self.folds.k else "one group left out at a time"
            parts.append(kind + (f" grouped by {self.folds.by}" if self.folds.by else ""))
            parts.append("answers pooled" if self.folds.pooled else "mean over folds")
        parts.append(f"compared on {', '.join(self.scales)}")
        if self.gold:
            parts.append(f"gold mapped {self.gold}→{self.scales[0]}")
        if self.by:
            parts.append(f"gold by {self.by}")
        if self.only == "one-label":
            parts.append("rows with one label")
        if self.classes == "reach":
            parts.append(f"classes {', '.join(self.labels('reach'))}")
        if self.without:
            parts.append(f"figures without {', '.join(self.without)}")
        if self.answers == "reach":
            parts.append("answers restricted to them")
        if self.threshold is not None:
            parts.append(f"threshold {self.threshold:g}")
        if self.across is not None:
            parts.append(f"{self.across[0]} readings against {self.across[1]} gold")
        return "; ".join(parts)


def _fits(of: Metric, compare: Compare) -> bool:
    kinds: Mapping[Compare, tuple[Kind, str]] = {
        "label": ("one-of", "labels"),
        "labels": ("any-of", "labels"),
        "levels": ("level", "scores"),
        "profiles": ("one-of", "scores"),
    }
    kind, gold = kinds[compare]
    return kind in of.kinds and of.gold == gold


@cache
def _all() -> tuple[Protocol, ...]:
    text = (resources.files("affectus.evaluation") / "protocols.toml").read_text(encoding="utf-8")
    return tuple(Protocol.from_dict(row) for row in tomllib.loads(text)["protocol"])


def known_protocols(corpus: str | None = None) -> tuple[Protocol, ...]:
    """All protocols, or those of a corpus, in the order in which they are tried."""
    return tuple(p for p in _all() if corpus is None or p.corpus == corpus)


def protocol(corpus: str, name: str) -> Protocol:
    """A protocol of a corpus by name; `corpus/name` is understood too.

    Raises:
        UnknownName: If there is none of this name, with those that there are.
    """
    found = {p.name: p for p in known_protocols(corpus)}
    short = name.removeprefix(f"{corpus}/")
    if short not in found:
        raise unknown(f"protocol of {corpus!r}", name, found)
    return found[short]


@dataclass(frozen=True)
class Reads:
    """What a reader gives.

    Args:
        own: Scales that it reads, in the order of its targets.
        derived: Scales that it computes from them.
        perspective: Whose feeling it reads.
        margins: Scale of levels → how far to either side gold is looked for, for each label.
    """

    own: tuple[str, ...]
    derived: tuple[str, ...] = ()
    perspective: Perspective | None = None
    margins: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, reader: Any) -> Reads:
        """What a reader (with `readouts`) gives."""
        readouts = tuple(reader.readouts)
        derived: Iterable[str] = getattr(reader, "derived", getattr(getattr(reader, "config", None), "derived", ()))
        whose = readouts[0].perspective if readouts else None
        margins = {r.scale: r.margin for r in readouts if getattr(r, "margin", ())}
        return cls(tuple(r.scale for r in readouts), tuple(derived), whose, margins)

    def route(self, to: str) -> str | None:
        """The scale from which a compared one is had: itself, else the first that a map leads from; own ones first."""
        for given in (self.own, self.derived):
            found = to if to in given else next((name for name in given if _mapped(name, to)), None)
            if found:
                return found
        return None


def _mapped(source: str, target: str) -> bool:
    try:
        scale_map(source, target)
    except UnknownName:
        return False
    return True


def serves(of: Protocol, reads: Reads) -> str:
    """Why a reader can't be measured by a protocol; empty if it can."""
    missing = [name for name in of.scales if reads.route(name) is None]
    if missing:
        return f"it reads {', '.join(reads.own) or 'no scale'}, from which no map leads to {', '.join(missing)}"
    if of.compare == "profiles" and any(scale(str(reads.route(name))).kind == "level" for name in of.scales):
        return "its scores are levels and no distributions"
    return ""


def choose(corpus: Corpus, reads: Reads, name: str | None = None, *, folds: bool = True) -> Protocol:
    """The protocol for a reader and a corpus: the named one, else the first in the table that the reader can serve.

    The table holds the official protocol of a corpus first; those of the reader's perspective are tried before others.
    A corpus that has none which fits, but gold on a scale that the reader reads itself, is compared on that scale as it
    is labelled; so is every table of one's own, whatever its name. Without `folds` protocols that have some are passed
    over: they divide a split of their own.

    Raises:
        UnknownName: If there is no protocol of this name.
        InputError: If the reader can't serve it, with the reason and what it can serve.
    """
    known = [p for p in known_protocols(corpus.name) if corpus.published and (folds or p.folds is None)]
    fitting = [p for p in known if not serves(p, reads)]
    fitting.sort(key=lambda p: reads.perspective not in (None, p.perspective))
    if name is not None and name.removeprefix(f"{corpus.name}/") != OWN:
        wanted = protocol(corpus.name, name)
        reason = serves(wanted, reads)
        if reason:
            raise InputError(
                f"this reader can't be measured by {wanted.title!r}: {reason}",
                allowed=", ".join(p.name for p in fitting) or f"no protocol of {corpus.name!r} fits it",
            )
        return wanted
    own = next((t for t in corpus.targets if t.scale in reads.own), None)
    if fitting and name is None:
        return fitting[0]
    if own is None:
        raise InputError(
            f"no protocol of {corpus.name!r} fits a reader of {', '.join(reads.own)}",
            allowed="scales " + ", ".join(dict.fromkeys(s for p in known for s in p.scales))
            if known
            else "scales " + ", ".join(t.scale for t in corpus.targets),
            remedy="see `affectus protocols`",
        )
    return as_labelled(corpus, own.scale)


def as_labelled(corpus: Corpus, name: str, split: str = "test") -> Protocol:
    """The protocol that compares on a scale of the corpus as it is labelled, with the usual figures of its kind."""
    target = next(t for t in corpus.targets if t.scale == name)
    compare, metrics = USUAL[scale(name).kind]
    metrics += ("auc", "average_precision") if compare == "label" and len(scale(name)) == 2 else ()
    return Protocol(
        corpus=corpus.name,
        name=OWN,
        scales=(name,),
        metrics=metrics,
        compare=compare,
        split=split,
        perspective=target.perspective,
        source="the corpus's own labels",
    )


USUAL: Mapping[str, tuple[Compare, tuple[str, ...]]] = {
    "one-of": ("label", ("macro_f1", "weighted_f1", "accuracy")),
    "any-of": ("labels", ("macro_f1",)),
    "level": ("levels", ("pearson", "ccc")),
}
"""Figures of a scale by its kind, where no protocol says more."""


def across(of: Protocol, reads: Reads, asked: Iterable[str] = ()) -> Protocol:
    """The protocol, with the two perspectives on it where they differ and that was asked for.

    Args:
        of: The protocol.
        reads: Whose feeling the reader reads stands there.
        asked: Comparisons that are wanted, each `reader:gold`, for example `perceived:felt`.

    Raises:
        InputError: If the perspectives differ and nobody asked for that.
    """
    if reads.perspective is None or reads.perspective == of.perspective:
        return of
    wanted = f"{reads.perspective}:{of.perspective}"
    if wanted not in set(asked):
        near = suggest(next(iter(asked), ""), [wanted])
        raise InputError(
            f"the reader speaks of what is {reads.perspective}, the gold of {of.corpus!r} of what is {of.perspective}",
            remedy=f"{near} " * bool(near) + f"ask for the comparison by name: --across {wanted}",
        )
    return replace(of, across=(reads.perspective, of.perspective))
