"""How far answers move when the sound is changed and the speech is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from affectus.evaluation.probes.conditions import DIRECT, Condition, babble, conditions, missing
from affectus.evaluation.probes.finding import Finding, Section, Table, ranged, signed
from affectus.evaluation.probes.material import AT_ONCE, RATE, Material, refused
from affectus.evaluation.probes.pictures import Dot, dots, sign
from affectus.progress import task
from affectus.timeline import Timeline

VOICES = 24  # recordings of which the babble is made


def robustness(of: Material, grid: Sequence[Condition] | None = None) -> Finding:
    """Read every item as it is and in each condition.

    Args:
        of: Reader and items.
        grid: Conditions; None takes the usual ones.
    """
    samples, rng = of.samples, np.random.default_rng(of.seed)
    if grid is None:
        chosen = rng.permutation(len(samples))[:VOICES]
        grid = conditions(babble([samples[i].wave(RATE) for i in chosen]))
    parts: list[list[Timeline]] = [[] for _ in range(len(grid) + 1)]
    with task("reading", len(samples) * len(parts)) as advance:
        for at in range(0, len(samples), AT_ONCE):
            held = samples[at : at + AT_ONCE]
            waves = [sample.wave(RATE) for sample in held]
            parts[0].append(of.read(waves, held))
            advance(len(held))
            for number, condition in enumerate(grid, 1):
                changed = [
                    condition.change(wave, np.random.default_rng([of.seed, at + i, number]))
                    for i, wave in enumerate(waves)
                ]
                parts[number].append(of.read(changed, held))
                advance(len(held))
    readings = [Timeline.concat(part) for part in parts]
    rows = [
        _compared(of, readings[0], reading, condition) for reading, condition in zip(readings[1:], grid, strict=True)
    ]
    return _finding(of, readings[0], rows)


def _compared(of: Material, before: Timeline, after: Timeline, condition: Condition) -> dict[str, Any]:
    first, given = of.answers(before), of.answers(after)
    value, gap = of.value(given), of.gap(given, first)
    moved = np.abs(given.scores - first.scores)
    return {
        "family": condition.family,
        "condition": condition.name,
        "value": value.value,
        "low": value.low,
        "high": value.high,
        "difference": gap.value,
        "difference_low": gap.low,
        "difference_high": gap.high,
        "score_change": float(np.nanmean(moved)) if not np.isnan(moved).all() else float("nan"),
        "other_answer": float((given.values != first.values).any(1).mean())
        if of.protocol.compare in ("label", "labels")
        else float("nan"),
        "refused": refused(after),
        "silent": given.silent,
        "n": len(of.samples),
    }


def _finding(of: Material, reading: Timeline, rows: list[dict[str, Any]]) -> Finding:
    original = of.value(of.answers(reading))
    worst = min(rows, key=lambda row: row["difference"] if of.figure.metric.higher else -row["difference"])
    figure, declined = of.figure.title, refused(reading)
    picture = dots(
        [
            Dot(
                name=row["condition"],
                value=row["value"],
                low=row["low"],
                high=row["high"],
                bar=row["score_change"],
                family=row["family"],
                hint=f"{row['family']} {row['condition']}: {row['value']:.3f}, change {row['difference']:+.3f}",
            )
            for row in rows
        ],
        figure,
        reference=original.value,
        bars="mean absolute change of a score",
        label=f"{figure} in changed sound",
    )
    table = Table(
        columns=(
            "what",
            "how far",
            figure,
            "against the original",
            "score change",
            "other answer",
            "refused",
            "no answer",
        ),
        rows=[
            (
                row["family"],
                row["condition"],
                ranged(row["value"], row["low"], row["high"]),
                signed(row["difference"], row["difference_low"], row["difference_high"]),
                row["score_change"],
                row["other_answer"],
                row["refused"],
                row["silent"],
            )
            for row in rows
        ],
    )
    key = {
        sign("dot"): figure,
        sign("whisker"): "95 % interval",
        sign("diagonal"): "sound as it is",
        sign("bar"): "mean absolute change of a score against the reading of the sound as it is",
    }
    remarks = [*of.remarks]
    if lacking := missing():
        remarks.append(f"Not measured, since the FFmpeg at hand can't encode them: {', '.join(lacking)}.")
    remarks.append(f"The reader refused {declined:.1%} of the items as they are; all figures count their scores.")
    return Finding(
        probe="robustness",
        title="Changed sound",
        reader=of.reader.name,
        data=of.protocol.title,
        totals={
            f"{figure}, sound as it is": f"{original.value:.3f}",
            f"worst: {worst['family']}, {worst['condition']}": f"{worst['value']:.3f}",
            "conditions": f"{len(rows)}",
            "items": f"{len(of.samples):,}",
        },
        told={
            **of.told(),
            "noise": "added at a ratio of powers over the whole recording; babble is "
            f"{VOICES} recordings of the corpus, six at a time",
            "room": f"noise that decays by 60 dB in the time given, its energy {DIRECT:g} dB below the direct sound",
            "gain": "stored with 16 bits, cut at full scale",
            "speed": "pitch and formants move with it",
            "draws": f"seed {of.seed}, recording and condition",
        },
        sections=[
            Section(
                title="What each change does",
                told="The speech is the same in every row, so an answer that moves follows the recording and not "
                "the speaker. No answer, as to silence, counts as a wrong one. Differences are paired with the reading "
                "of the sound as it is.",
                picture=picture,
                key=key,
                tables=[table],
            )
        ],
        remarks=remarks,
        values={"figure": of.figure.key, "original": vars(original), "refused": declined, "rows": rows},
    )
