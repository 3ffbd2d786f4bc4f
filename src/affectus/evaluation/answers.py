"""Both sides of a comparison as arrays: the gold of a corpus, and what a reader answers, under a protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from affectus.corpora.base import Loaded, groups
from affectus.corpora.base import gold as gold_of
from affectus.errors import InputError
from affectus.evaluation.metrics import membership
from affectus.evaluation.protocols import Folds, Protocol, Reads
from affectus.frontends.words import derive
from affectus.sample import Item, Sample
from affectus.taxonomy import map_scores, scale
from affectus.timeline import Timeline

ABSTAINED = "abstained:"
LABELS = ("label", "labels")


@dataclass(frozen=True, eq=False)
class Cases:
    """What a protocol compares.

    Args:
        items: What readers are given; in dialogues also turns that are not compared.
        rows: (n,) places of the compared samples among all that are read.
        samples: The compared samples.
        gold: (n, k) zeros and ones, quantities or shares.
        groups: (n,) cluster of each sample, or None.
        folds: (n,) fold of each sample, or None.
        left_out: Reason → rows of the split that are not compared.
    """

    items: Sequence[Item]
    rows: np.ndarray
    samples: Sequence[Sample]
    gold: np.ndarray
    groups: np.ndarray | None = None
    folds: np.ndarray | None = None
    left_out: dict[str, int] = field(default_factory=dict)


def cases(protocol: Protocol, loaded: Loaded, conversations: bool = False) -> Cases:
    """The gold side.

    Args:
        protocol: What is compared.
        loaded: The corpus.
        conversations: Whether turns are read in their conversation, of which turns without gold are a part too.

    Raises:
        InputError: If nothing is left to compare, or everything left has one and the same gold.
    """
    samples = list(loaded[protocol.split])
    gold, left_out = _gold(protocol, samples)
    rows = np.flatnonzero(~np.isnan(gold).any(1))
    if not len(rows):
        raise InputError(
            f"split {protocol.split!r} of {protocol.corpus!r} has no rows that {protocol.title!r} compares"
            + "".join(f"; {count:,} left out ({reason})" for reason, count in left_out.items()),
            allowed="splits with rows: " + (", ".join(k for k, v in loaded.splits.items() if len(v)) or "none"),
        )
    kept = [samples[row] for row in rows]
    gold = gold[rows]
    _check_variety(protocol, gold)
    items: Sequence[Item] = kept
    if protocol.unit == "dialogue":
        items = loaded.dialogues(protocol.split)
    elif conversations:
        items = loaded.conversations(protocol.split)
    return Cases(
        items=items,
        rows=np.arange(len(kept)) if items is kept else rows,
        samples=kept,
        gold=gold > 0.5 if protocol.compare in LABELS else gold,
        groups=_clusters(kept, protocol.group) if protocol.group else None,
        folds=fold_numbers(protocol.folds, kept, gold) if protocol.folds else None,
        left_out=left_out,
    )


def _gold(protocol: Protocol, samples: Sequence[Sample]) -> tuple[np.ndarray, dict[str, int]]:
    """Gold on the compared scales, NaN in rows that are left out, and why they are."""
    names = [protocol.gold] if protocol.gold else list(protocol.scales)
    raw = np.concatenate([gold_of(samples, name, protocol.perspective, protocol.by or None) for name in names], 1)
    unknown = np.isnan(raw).any(1)
    reasons = {"without gold": unknown}
    if protocol.only == "one-label":
        reasons["with several labels"] = ~unknown & ((raw > 0.5).sum(1) > 1)
        reasons["without a label"] = ~unknown & ((raw > 0.5).sum(1) < 1)
    gold = map_scores(raw, protocol.gold, protocol.scales[0]) if protocol.gold else raw
    if protocol.compare == "label":
        if any(scale(name).kind == "one-of" for name in names):
            gold = np.where(np.nan_to_num(gold).any(1, keepdims=True), np.eye(gold.shape[1])[_top(gold)], gold)
        images = (np.nan_to_num(gold) > 0).sum(1)
        where = f" on {protocol.scales[0]}" if protocol.gold else ""
        reasons[f"label without an image{where}" if where else "without a label"] = ~unknown & (images == 0)
        reasons[f"several labels{where}"] = images > 1
        gold = (np.nan_to_num(gold) > 0).astype(float)
    elif protocol.compare == "labels":
        gold = (np.nan_to_num(gold) > 0.5 * (not protocol.gold)).astype(float)
    elif protocol.compare == "profiles":
        total = np.nan_to_num(gold).sum(1, keepdims=True)
        reasons["no label with a share"] = ~unknown & (total[:, 0] <= 0)
        gold = gold / np.where(total > 0, total, np.nan)
    gold, counts = gold.astype(float), {}
    taken = np.zeros(len(gold), bool)
    for reason, rows in reasons.items():
        if (rows & ~taken).any():
            counts[reason] = int((rows & ~taken).sum())
        taken |= rows
    gold[taken] = np.nan
    return gold, counts


def _top(scores: np.ndarray) -> np.ndarray:
    return np.nan_to_num(scores, nan=-1).argmax(1)


def _check_variety(protocol: Protocol, gold: np.ndarray) -> None:
    if protocol.compare in LABELS:
        present = [protocol.labels("all")[i] for i in np.flatnonzero(gold.sum(0))]
        if len(present) < 2:
            raise InputError(
                f"all {len(gold):,} compared rows of split {protocol.split!r} have the label {present}",
                allowed="at least two labels in gold",
                remedy="choose another split or protocol",
            )
    elif protocol.compare == "levels" and (np.ptp(gold, axis=0) == 0).any():
        raise InputError(f"gold is one and the same in all {len(gold):,} rows of split {protocol.split!r}")


def _clusters(samples: Sequence[Sample], key: str) -> np.ndarray:
    """Cluster of each sample as a number; a sample that is in none is one of its own."""
    names = [name or f"{row} alone" for row, name in enumerate(groups(samples, key))]
    return np.unique(names, return_inverse=True)[1]


def fold_numbers(folds: Folds, samples: Sequence[Sample], gold: np.ndarray) -> np.ndarray:
    """Fold of each sample, (n,), by scikit-learn's splitters.

    Args:
        folds: How to divide.
        samples: What is divided.
        gold: (n, k); the highest label is what stratified folds are balanced by.
    """
    from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut, StratifiedGroupKFold, StratifiedKFold

    clusters = _clusters(samples, folds.by) if folds.by else None
    if not folds.k:
        splitter = LeaveOneGroupOut()
    elif clusters is not None:
        kind = StratifiedGroupKFold if folds.stratify else GroupKFold
        splitter = kind(folds.k, shuffle=True, random_state=folds.seed)
    else:
        kind = StratifiedKFold if folds.stratify else KFold
        splitter = kind(folds.k, shuffle=True, random_state=folds.seed)
    parts = len(samples) if clusters is None else len(np.unique(clusters))
    if parts < max(folds.k, 2):
        raise InputError(f"{parts} items or groups can't be divided into {folds.k or 'two or more'} folds")
    out = np.zeros(len(samples), int)
    try:
        for number, (_, held) in enumerate(splitter.split(np.zeros(len(samples)), gold.argmax(1), clusters)):
            out[held] = number
    except ValueError as error:
        raise InputError(f"{len(samples)} items can't be divided into {folds.k} folds: {error}") from error
    return out


@dataclass(frozen=True, eq=False)
class Answers:
    """What a reader answers.

    Args:
        values: (n, k) zeros and ones, quantities or shares, in the form of the gold.
        silent: Rows on which the reader has no answer. A missing label is wrong; a missing level or profile is taken
            to be the mean of the others.
        abstained: Rows on which the reader gave scores but refused to decide. Where one label is compared, the highest
            counts all the same.
        scores: (n, k) probabilities of the labels, quantities or shares; NaN in rows without an answer.
        sets: (n, k) conformal sets, or (n, k, 2) both ends of each level, where the reader gives them on its own scale.
    """

    values: np.ndarray
    silent: int = 0
    abstained: int = 0
    scores: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    sets: np.ndarray | None = None

    def filled(self) -> np.ndarray | None:
        """The scores, with the mean of the others in rows without an answer; None if there is no answer at all."""
        silent = np.isnan(self.scores).any(1)
        if silent.all():
            return None
        return np.where(silent[:, None], self.scores[~silent].mean(0), self.scores)


def joined(parts: Sequence[Answers], order: np.ndarray) -> Answers:
    """Answers of several readers to items of their own as those of one.

    Args:
        parts: One for each reader.
        order: (n,) place of each row, one part after another.
    """
    back, sets = np.argsort(order), [part.sets for part in parts if part.sets is not None]
    return Answers(
        np.concatenate([part.values for part in parts])[back],
        sum(part.silent for part in parts),
        sum(part.abstained for part in parts),
        np.concatenate([part.scores for part in parts])[back],
        np.concatenate(sets)[back] if len(sets) == len(parts) else None,
    )


def answers(protocol: Protocol, reads: Reads, reading: Timeline, rows: np.ndarray) -> Answers:
    """The reader's side.

    Args:
        protocol: What is compared; the reader can serve it.
        reads: What the reader gives.
        reading: One row for every sample that was read.
        rows: Those that are compared.

    Raises:
        InputError: If the reading holds another number of rows than were asked for.
    """
    routes = {name: str(reads.route(name)) for name in protocol.scales}
    scores = np.concatenate([_scores(routes[name], name, reading)[rows] for name in protocol.scales], 1)
    abstained = sum(any(f.startswith(ABSTAINED) for f in flags or ()) for flags in reading.column("flags")[rows])
    if protocol.compare == "label":
        values = _one(scores, protocol)
        given = Answers(values, int((~values.any(1)).sum()), abstained, _probable(scores, protocol))
    elif protocol.compare == "labels":
        values = np.concatenate([_several(protocol, routes[name], name, reading)[rows] for name in protocol.scales], 1)
        given = Answers(values, 0, abstained, _probable(scores, protocol))
    else:
        given = Answers(scores, int(np.isnan(scores).any(1).sum()), abstained, scores)
        filled = given.filled()
        if filled is None:
            raise InputError("the reader has no answer for any row")
        given = replace(given, values=filled)
    own = all(source == name for name, source in routes.items())
    return replace(given, sets=_sets(protocol, reads, given, reading, rows)) if own else given


def _scores(source: str, name: str, reading: Timeline) -> np.ndarray:
    scores = reading.scores(source)
    return np.array(scores if source == name else derive(scores, source, name), float)


def _several(protocol: Protocol, source: str, name: str, reading: Timeline) -> np.ndarray:
    """Decided labels on a compared scale, (n, k) booleans."""
    if protocol.threshold is not None:
        return np.nan_to_num(_scores(source, name, reading)) >= protocol.threshold
    decided = membership([row or () for row in reading.column(f"{source}.labels")], scale(source).labels)
    return decided if source == name else np.nan_to_num(map_scores(decided.astype(np.float32), source, name)) > 0


def _probable(scores: np.ndarray, protocol: Protocol) -> np.ndarray:
    """Probabilities of the compared labels; 0 for one that is no possible answer."""
    possible = np.isin(protocol.labels("all"), protocol.labels(protocol.answers))
    return np.clip(np.where(possible | np.isnan(scores), scores, 0.0), 0, 1)


def _sets(protocol: Protocol, reads: Reads, given: Answers, reading: Timeline, rows: np.ndarray) -> np.ndarray | None:
    """Conformal sets or intervals that the reader gives on the compared scales; None where it has none."""
    if protocol.compare == "levels":
        if not all(name in reads.margins for name in protocol.scales):
            return None
        ends = [_ends(given.values, protocol, reads, side) for side in (-1, 1)]
        return np.stack(ends, -1)
    columns = [f"{name}.set" for name in protocol.scales]
    if protocol.compare == "profiles" or not set(columns) <= set(reading.table.column_names):
        return None
    parts = []
    for name, column in zip(protocol.scales, columns, strict=True):
        held = [row if row is not None else () for row in reading.column(column)[rows]]
        parts.append(membership(held, scale(name).labels))
    return np.concatenate(parts, 1)


def _ends(values: np.ndarray, protocol: Protocol, reads: Reads, side: int) -> np.ndarray:
    """One end of each level's interval, within the range of its scale."""
    margins = np.concatenate([reads.margins[name] for name in protocol.scales])
    edges = [scale(name).high if side > 0 else scale(name).low for name in protocol.scales for _ in scale(name).labels]
    return (np.minimum if side > 0 else np.maximum)(values + side * margins, edges)


def _one(scores: np.ndarray, protocol: Protocol) -> np.ndarray:
    """The one highest label of each row among those allowed, as zeros and ones; a tie is no answer."""
    labels = protocol.labels("all")
    allowed = [labels.index(label) for label in protocol.labels(protocol.answers)]
    inside = np.full(scores.shape, -np.inf)
    inside[:, allowed] = np.nan_to_num(scores[:, allowed], nan=-np.inf)
    best = inside.max(1, keepdims=True)
    out = (inside == best) & np.isfinite(best)
    out[out.sum(1) > 1] = False
    return out
