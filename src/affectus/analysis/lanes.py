"""Lanes: the readings of one person by one reader in order of time, as arrays that can be drawn and compared."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from affectus.taxonomy import Scale
from affectus.timeline import Timeline

MODALITIES = ("fused", "voice", "face", "text")

OPEN_TURN = 10.0
"""Seconds for which a turn of a chat is drawn when nobody said when it ended."""


@dataclass(frozen=True, eq=False)
class Lane:
    """Readings of one source, track, modality and reader on one labelled scale, in order.

    Args:
        source: File.
        track: Person, or empty.
        modality: What was read.
        by: Checkpoint.
        scale: The readers' first target; a level scale has no labels to show, only `valence` and `arousal`.
        rows: Row numbers in the timeline, (n,); −1 in a lane that was condensed.
        timed: Whether positions are seconds; else they count turns (or rows, pictures) of the source from 0.
        start: Positions, (n,).
        end: Ends of the positions, (n,).
        scores: (n, k).
        shown: Index of the label that is shown: the first decided one, else the highest; −1 is none, (n,).
        set_size: Labels in the conformal set, 0 when there is none, (n,).
        abstained: Whether the reader declined to decide, (n,).
        affect: (n, 2) valence and arousal in [−1, 1], NaN where not given.
        derived: Whether valence and arousal were derived from the labels' probabilities.
    """

    source: str
    track: str
    modality: str
    by: str
    scale: Scale
    rows: np.ndarray
    timed: bool
    start: np.ndarray
    end: np.ndarray
    scores: np.ndarray
    shown: np.ndarray
    set_size: np.ndarray
    abstained: np.ndarray
    affect: np.ndarray
    derived: bool

    def __len__(self) -> int:
        return len(self.start)

    @property
    def labelled(self) -> bool:
        """Whether the lane shows labels."""
        return self.scale.kind != "level"

    @property
    def p(self) -> np.ndarray:
        """Score of the shown label, (n,); NaN where none is."""
        picked = self.scores[np.arange(len(self)), np.maximum(self.shown, 0)]
        return np.where(self.shown >= 0, picked, np.nan)

    @property
    def certainty(self) -> np.ndarray:
        """Score of the shown label above chance, (n,) in [0, 1]; 0 where nothing is shown."""
        chance = 1 / len(self.scale) if self.scale.kind == "one-of" and len(self.scale) > 1 else 0.0
        return np.clip(np.nan_to_num((self.p - chance) / (1 - chance)), 0, 1)

    def condensed(self, most: int) -> Lane:
        """The lane itself, or, when it holds more readings than `most`, their means over equal stretches."""
        if len(self) <= most:
            return self
        first, last = float(self.start.min()), float(self.end.max())
        width = max(last - first, 1e-9) / most
        at = np.clip(((self.start + self.end) / 2 - first) // width, 0, most - 1).astype(int)
        weight = np.maximum(self.end - self.start, 1e-9)
        used, at = np.unique(at, return_inverse=True)

        def mean(values: np.ndarray) -> np.ndarray:
            values = np.asarray(values, np.float64).reshape(len(self), -1)
            known = ~np.isnan(values)
            total, mass = np.zeros((2, len(used), values.shape[1]))
            np.add.at(total, at, np.where(known, values, 0) * weight[:, None])
            np.add.at(mass, at, known * weight[:, None])
            return np.divide(total, mass, out=np.full_like(total, np.nan), where=mass > 0)

        scores, quiet = mean(self.scores), mean(self.abstained)[:, 0] > 0.5
        return replace(
            self,
            rows=np.full(len(used), -1),
            start=first + used * width,
            end=first + (used + 1) * width,
            scores=scores.astype(np.float32),
            shown=np.where(quiet, -1, _highest(scores)) if self.labelled else np.full(len(used), -1),
            set_size=np.rint(mean(self.set_size)[:, 0]).astype(int),
            abstained=quiet,
            affect=mean(self.affect),
        )


def _highest(scores: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(scores).all(axis=1), -1, np.nan_to_num(scores, nan=-np.inf).argmax(axis=1))


def lanes(timeline: Timeline) -> list[Lane]:
    """All lanes, by source in order of appearance, then track, then fused, voice, face, text.

    Rig curves and action units are no emotions and make no lane.
    """
    n = len(timeline)
    if not n:
        return []
    index = {name: timeline.column(name) for name in ("source", "track", "modality", "by", "target")}
    scales = {s.name: s for s in timeline.scales}
    groups: dict[tuple[str, ...], list[int]] = {}
    for row, key in enumerate(zip(*index.values(), strict=True)):
        of = scales.get(key[-1])
        if of is not None and (of.kind != "level" or {"valence", "arousal"} & set(of.labels)):
            groups.setdefault(tuple(part or "" for part in key), []).append(row)
    place = _positions(timeline)
    affect, quiet, derived = _affect(timeline), _flagged(timeline, "abstained"), _derived(timeline)
    columns = {name: _columns(timeline, scales[name], quiet) for name in {key[-1] for key in groups}}
    out = []
    for (source, track, modality, by, target), members in groups.items():
        of, rows = scales[target], np.array(members)
        timed = ~np.isnan(timeline.column("start")[rows])
        for is_timed in (True, False):
            part = rows[timed == is_timed]
            if not len(part):
                continue
            part = part[np.argsort(place[0][part], kind="stable")]
            scores, shown, sizes, quieted = (column[part] for column in columns[target])
            out.append(
                Lane(
                    source, track, modality, by, of, part, is_timed, place[0][part], place[1][part], scores,
                    shown, sizes, quieted, affect[part], bool(derived[part].any()),
                )
            )  # fmt: skip
    order = {source: i for i, source in enumerate(dict.fromkeys(lane.source for lane in out))}
    rank = {name: i for i, name in enumerate(MODALITIES)}
    return sorted(out, key=lambda lane: (order[lane.source], lane.track, rank.get(lane.modality, 9), lane.by))


def _positions(timeline: Timeline) -> tuple[np.ndarray, np.ndarray]:
    """Seconds, or for readings without time the number of the turn; readings that share a turn share its width."""
    start, end = timeline.column("start").copy(), timeline.column("end").copy()
    _close(start, end, timeline.column("source"))
    source, item = timeline.column("source"), timeline.column("item")
    names = [timeline.column(name) for name in ("track", "modality", "by", "target")]
    seen: dict[str, dict[object, int]] = {}
    sharing: dict[tuple[object, ...], list[int]] = {}
    for row in np.flatnonzero(np.isnan(start)):
        turns = seen.setdefault(source[row], {})
        # Without an item, the readings of a lane are in the order of their rows.
        turn = item[row] if item[row] is not None else ("row", int(row))
        turns.setdefault(turn, len(turns))
        sharing.setdefault((source[row], turn, *(column[row] for column in names)), []).append(int(row))
    for name, turns in seen.items():
        if all(isinstance(turn, int) for turn in turns):
            seen[name] = {turn: i for i, turn in enumerate(sorted(turns))}  # type: ignore[type-var]
    for (name, turn, *_), rows in sharing.items():  # type: ignore[assignment]
        at = seen[name][turn]
        for i, member in enumerate(rows):
            start[member], end[member] = at + i / len(rows), at + (i + 1) / len(rows)
    return start, end


def _close(start: np.ndarray, end: np.ndarray, source: np.ndarray) -> None:
    """Draw turns that name no end until the next one of their source, but no longer than `OPEN_TURN`."""
    open_rows = np.isnan(end) & ~np.isnan(start)
    for name in set(source[open_rows]):
        rows = np.flatnonzero(open_rows & (source == name))
        starts = np.append(np.sort(start[(source == name) & ~np.isnan(start)]), np.inf)
        following = starts[np.searchsorted(starts, start[rows], side="right")]
        end[rows] = np.minimum(start[rows] + OPEN_TURN, following)


def _affect(timeline: Timeline) -> np.ndarray:
    """Valence and arousal of each row in [−1, 1], (n, 2), from the first scale that has them."""
    out = np.full((len(timeline), 2), np.nan)
    for of in timeline.scales:
        if of.kind == "level":
            for i, name in enumerate(("valence", "arousal")):
                if name in of.labels:
                    values = timeline.scores(of.name)[:, of.index(name)].astype(float)
                    values = (values - of.low) / (of.high - of.low) * 2 - 1
                    out[:, i] = np.where(np.isnan(out[:, i]), values, out[:, i])
    return out


def _flagged(timeline: Timeline, prefix: str) -> np.ndarray:
    return np.array([any(f.startswith(prefix) for f in flags or ()) for flags in timeline.column("flags")], bool)


def _derived(timeline: Timeline) -> np.ndarray:
    """Rows whose valence was computed from other scores."""
    out = np.zeros(len(timeline), bool)
    for of in timeline.scales:
        if of.kind == "level" and {"valence", "arousal"} & set(of.labels):
            out |= _flagged(timeline, f"derived:{of.name}")
    return out


def _columns(timeline: Timeline, of: Scale, flagged: np.ndarray) -> tuple[np.ndarray, ...]:
    """Scores (n, k), shown label, size of the conformal set and abstention of all rows on one scale."""
    import pyarrow.compute as pc

    scores, names = timeline.scores(of.name), timeline.table.column_names
    quiet = flagged | np.isnan(scores).all(axis=1)
    if of.kind == "level":
        return scores, np.full(len(scores), -1), np.zeros(len(scores), int), quiet
    shown = _highest(scores)
    if f"{of.name}.labels" in names:
        position = {label: i for i, label in enumerate(of.labels)}
        decided: list[list[str] | None] = timeline.table[f"{of.name}.labels"].to_pylist()
        first = np.array([position.get(labels[0], -1) if labels else -1 for labels in decided], int)
        shown = np.where(first >= 0, first, shown)
    sizes = np.zeros(len(scores), int)
    if f"{of.name}.set" in names:
        lengths = pc.fill_null(pc.list_value_length(timeline.table[f"{of.name}.set"]), 0)
        sizes = np.asarray(lengths.to_numpy(), int)
    return scores, np.where(quiet, -1, shown), sizes, quiet
