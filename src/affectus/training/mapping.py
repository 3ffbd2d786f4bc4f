"""Gold of a corpus on the scale that a system learns, by the explicit map; rows without an image are left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from affectus.corpora.base import Loaded, gold, with_gold
from affectus.sample import Sample
from affectus.taxonomy import Scale, Target, known_maps, map_scores, scale


def onto_targets(loaded: Loaded, targets: Sequence[Target], splits: Iterable[str]) -> Loaded:
    """The corpus with gold on the targets, where it has gold on none of them and a map leads to one.

    Onto a one-of scale only rows with exactly one gold label are taken, and only if that label has an image: no label
    is chosen among several. Rows that are left out are counted in `left_out`.

    Args:
        loaded: What was read.
        targets: What the system learns; a system without targets learns from texts alone and takes all rows.
        splits: Names of the splits that are used; the others are dropped.
    """
    own = [t for t in loaded.corpus.targets if len(scale(t.scale))]
    wanted = [t.scale for t in targets]
    routes = {m.target: m.source for m in known_maps() if m.source in {t.scale for t in own} and m.target in wanted}
    if not routes or {t.scale for t in own} & set(wanted):
        return loaded
    perspectives = {t.scale: t.perspective for t in own}
    name = loaded.corpus.name
    kept, left_out = {}, dict(loaded.left_out)
    for split in dict.fromkeys(splits):
        samples = loaded[split]
        scores = {target: _carried(samples, scale(source), scale(target)) for target, source in routes.items()}
        some = np.logical_or.reduce([np.isfinite(rows).any(1) for rows in scores.values()])
        taken = [sample for sample, keep in zip(samples, some, strict=True) if keep]
        kept[split] = with_gold(
            taken,
            {target: rows[some] for target, rows in scores.items()},
            perspective=perspectives[next(iter(routes.values()))],
            by=f"{name}, {', '.join(f'{source}→{target}' for target, source in routes.items())}",
            modality=loaded.corpus.modality,
        )
        left_out[f"of {split}, without one label on {' or '.join(routes)}"] = len(samples) - len(taken)
    return replace(loaded, splits=kept, left_out=left_out)


def by_rule(loaded: Loaded, config: Any, splits: Iterable[str]) -> Loaded:
    """The corpus with gold that a system's configuration makes of the corpus's own, if it has a rule (`label`).

    Args:
        loaded: What was read; a corpus that already has gold on a target stays as it is.
        config: Of the system; None if the reader has none.
        splits: Names of the splits that are used; the others are dropped.
    """
    label = getattr(config, "label", None)
    wanted = [t.scale for t in config.targets] if label is not None else []
    if label is None or {t.scale for t in loaded.corpus.targets} & set(wanted):
        return loaded
    kept, left_out = {}, dict(loaded.left_out)
    for split in dict.fromkeys(splits):
        samples = label(loaded[split])
        known = np.logical_and.reduce([np.isfinite(gold(samples, name)).all(1) for name in wanted])
        kept[split] = [sample for sample, keep in zip(samples, known, strict=True) if keep]
        left_out[f"of {split}, without what the rule for {' and '.join(wanted)} needs"] = int((~known).sum())
    return replace(loaded, corpus=replace(loaded.corpus, targets=config.targets), splits=kept, left_out=left_out)


def _carried(samples: Sequence[Sample], source: Scale, target: Scale) -> np.ndarray:
    """Gold of each sample on the target, (n, k); NaN where it has no image."""
    raw = gold(samples, source.name)
    out = map_scores(raw, source.name, target.name)
    if target.kind == "one-of" and source.kind != "level":
        single = (np.nan_to_num(raw) > 0).sum(1) == 1
        out[~single | ~(np.nan_to_num(out) > 0).any(1)] = np.nan
        out = np.where(np.isfinite(out).any(1, keepdims=True), np.nan_to_num(out), np.nan)
    return out
