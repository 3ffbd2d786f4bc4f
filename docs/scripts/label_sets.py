"""Write docs/reference/label-sets.md from the shipped taxonomy. A test fails when the page and the data differ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from affectus.atomic import writing
from affectus.taxonomy import Scale, ScaleMap, coordinates, known_maps, known_scales, scale, scale_map

PAGE = Path(__file__).resolve().parents[1] / "reference" / "label-sets.md"

INTRODUCTION = """\
# Label sets

This page is made by `docs/scripts/label_sets.py` from the data that the library uses.

A **scale** is a named set of scores. On a *one-of* scale the scores of an item sum to 1; on an *any-of* scale each is
a probability of its own; a *level* is a quantity in a range. A scale says nothing about whose feeling is meant: that is
the perspective of a reading.

A **map** carries scores from one scale to another. No map is guessed from label names: each one below was written down,
with what it loses and whom it follows. Scores of labels that fall together are added (one-of) or joined by their
maximum (any-of), and a one-of result is brought to sum 1 again. Levels are combined linearly and cut to the range of
the target. A label that no source label reaches is NaN: the reader has no opinion about it.

```python
from affectus.taxonomy import map_scores, scale, scale_map

scale("meld-7").labels
scale_map("goemotions-28", "ekman-6+neutral").loses
map_scores(probabilities, "goemotions-28", "ekman-6+neutral")  # (n, 28) -> (n, 7)
```
"""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _number(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def _range(one: Scale) -> str:
    if one.kind != "level":
        return one.kind
    return f"level {_number(one.low)} to {_number(one.high)}" + (f" {one.unit}" if one.unit else "")


def _labels(one: Scale) -> str:
    names = ", ".join(f"`{_cell(label)}`" for label in one.labels)
    return names if len(one) <= 60 else f"<details><summary>{len(one)} labels</summary>{names}</details>"


def _rows(one: ScaleMap) -> str:
    """`joy ← amusement, joy`: each target label with what feeds it."""
    feeds: dict[str, list[str]] = {}
    for label, row in one.rows.items():
        for target, weight in row.items():
            feeds.setdefault(target, []).append(label if weight == 1 else f"{_number(weight)} × {label}")
    parts = [f"{target} ← {', '.join(feeds[target])}" for target in scale(one.target).labels if target in feeds]
    parts += [f"{target}: {_number(constant)} added" for target, constant in one.offset.items()]
    text = _cell("; ".join(parts))
    return text if len(text) <= 1200 else f"<details><summary>{len(feeds)} labels</summary>{text}</details>"


def _lines() -> Iterator[str]:
    yield INTRODUCTION
    yield f"## Scales ({len(known_scales())})\n"
    yield "| name | scores | labels, in order | source |"
    yield "|---|---|---|---|"
    for name in known_scales():
        one = scale(name)
        yield f"| `{name}` | {len(one)}, {_range(one)} | {_labels(one)} | {_cell(one.source)} |"
    yield f"\n## Maps ({len(known_maps())})\n"
    yield "| from | to | how | loses | follows |"
    yield "|---|---|---|---|---|"
    for one_map in known_maps():
        row = scale_map(one_map.source, one_map.target)
        yield f"| `{row.source}` | `{row.target}` | {_rows(row)} | {_cell(row.loses)} | {_cell(row.reference)} |"
    places = coordinates()
    yield "\n## Valence and arousal of labels\n"
    yield "`valence_arousal(scores, scale)` is the mean of these places, weighted by probability: derived, not read.\n"
    yield f"Source: {places.source}. Terms of use: {places.licence}.\n"
    yield from (f"- {note}" for note in places.notes)
    yield "\n| label | valence | arousal | rated state |"
    yield "|---|---|---|---|"
    for label, (valence, arousal) in places.words.items():
        term = "none: midpoint" if label == "neutral" else places.terms.get(label, label)
        yield f"| {label} | {_number(valence)} | {_number(arousal)} | {term} |"


def render() -> str:
    """The whole page as Markdown."""
    return "\n".join(_lines()) + "\n"


if __name__ == "__main__":
    with writing(PAGE) as file:
        file.write(render())
