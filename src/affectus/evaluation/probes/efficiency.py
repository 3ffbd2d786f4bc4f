"""What a smaller network costs and saves: layers kept and 8-bit weights against accuracy and time, in one run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from affectus.evaluation.probes.finding import Finding, Section, Table, ranged, signed
from affectus.evaluation.probes.material import AT_ONCE, RATE, Material, refused, sounding
from affectus.evaluation.probes.pictures import Dot, dots, sign
from affectus.evaluation.probes.smaller import Swap, cut, in_8_bits, layers, megabytes, swapped
from affectus.progress import task
from affectus.timeline import Timeline

BITS = {False: "32-bit weights", True: "8-bit linear layers"}


@dataclass(eq=False)
class Variant:
    """The reader with some layers and bits, and what it has done so far."""

    keep: int
    eight: bool
    swaps: list[Swap]
    megabytes: float
    readings: list[Timeline] = field(default_factory=list)
    cpu: float = 0.0
    wall: float = 0.0

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.keep} layer{'s' * (self.keep != 1)}"


def efficiency(of: Material) -> Finding:
    """Read every item with all layers and with fewer, in 32 and in 8 bits, without training anew.

    All variants read the same items in turns, so that what else the machine does falls on all of them.

    Raises:
        InputError: If the reader has no stack of layers.
    """
    import torch

    depth, narrow = len(layers(of.reader)), in_8_bits(of.reader)
    variants = [
        Variant(keep, eight, [*(narrow if eight else []), *cut(of.reader, keep)], megabytes(of.reader, keep, eight))
        for eight in BITS
        for keep in range(depth, -1, -1)
    ]
    seconds, samples = 0.0, of.samples
    with task("reading", len(samples) * len(variants)) as advance:
        for at in range(0, len(samples), AT_ONCE):
            held = samples[at : at + AT_ONCE]
            heard = [sounding(sample.wave(RATE), sample) for sample in held]
            seconds += sum(len(sample.wave(RATE)) for sample in heard) / RATE
            turn = (at // AT_ONCE) % len(variants)
            for variant in [*variants[turn:], *variants[:turn]]:
                with swapped(variant.swaps):
                    wall, cpu = time.perf_counter(), time.process_time()
                    variant.readings.append(of.reader.read(heard))
                    variant.cpu += time.process_time() - cpu
                    variant.wall += time.perf_counter() - wall
                advance(len(held))
    return _finding(of, variants, seconds, torch.get_num_threads())


def _finding(of: Material, variants: list[Variant], seconds: float, threads: int) -> Finding:
    answered = [of.answers(Timeline.concat(variant.readings)) for variant in variants]
    whole, declined, rows = answered[0], refused(Timeline.concat(variants[0].readings)), []
    for variant, given in zip(variants, answered, strict=True):
        value, gap = of.value(given), of.gap(given, whole)
        rows.append(
            {
                "layers": variant.keep,
                "bits": 8 if variant.eight else 32,
                "value": value.value,
                "low": value.low,
                "high": value.high,
                "difference": gap.value,
                "difference_low": gap.low,
                "difference_high": gap.high,
                "score_change": float(np.nanmean(np.abs(given.scores - whole.scores))),
                "cpu_seconds_per_second": variant.cpu / seconds,
                "wall_seconds_per_second": variant.wall / seconds,
                "megabytes": variant.megabytes,
                "n": len(of.samples),
            }
        )
    figure = of.figure.title
    picture = dots(
        [
            Dot(
                name=variant.name,
                value=row["value"],
                low=row["low"],
                high=row["high"],
                bar=1000 * row["cpu_seconds_per_second"],
                family=BITS[variant.eight],
            )
            for variant, row in zip(variants, rows, strict=True)
        ],
        figure,
        reference=rows[0]["value"],
        bars="processor milliseconds for a second of sound",
        digits=1,
        label=f"{figure} and time of smaller networks",
    )
    narrow = rows[len(rows) // 2]
    return Finding(
        probe="efficiency",
        title="A smaller network",
        reader=of.reader.name,
        data=of.protocol.title,
        totals={
            f"{figure}, whole": f"{rows[0]['value']:.3f}",
            f"{figure}, 8 bits": f"{narrow['value']:.3f}",
            "× real time, whole": f"{1 / rows[0]['cpu_seconds_per_second']:.0f}",
            "× real time, 8 bits": f"{1 / narrow['cpu_seconds_per_second']:.0f}",
            "items": f"{len(of.samples):,}",
        },
        told={
            **of.told(),
            "layers": "upper ones are left out and nothing is trained again; what asks for the state of one that is "
            "gone gets the last that is left",
            "8 bits": "weights of all linear layers, one scale a row; activations get a scale at each call",
            "time": f"processor time for {seconds:,.0f} s of decoded sound, {threads} thread(s), all variants in turns "
            f"of {AT_ONCE} items in one run",
        },
        sections=[
            Section(
                title="Layers and bits",
                told="A network trained with all its layers is asked with fewer. One that is trained again after the "
                "cut can do better: this tells which layers the reader as it is can do without.",
                picture=picture,
                key={
                    sign("dot"): figure,
                    sign("whisker"): "95 % interval",
                    sign("diagonal"): "the whole network",
                    sign("bar"): "processor milliseconds for a second of sound",
                },
                tables=[_table(figure, rows)],
            )
        ],
        remarks=[
            *of.remarks,
            f"The reader refused {declined:.1%} of the items; all figures count their scores.",
        ],
        values={"figure": of.figure.key, "seconds": seconds, "refused": declined, "threads": threads, "rows": rows},
    )


def _table(figure: str, rows: list[dict[str, Any]]) -> Table:
    return Table(
        columns=("layers", "bits", figure, "against the whole", "score change", "× real time", "by the clock", "MB"),
        rows=[
            (
                row["layers"],
                row["bits"],
                ranged(row["value"], row["low"], row["high"]),
                signed(row["difference"], row["difference_low"], row["difference_high"]),
                row["score_change"],
                f"{1 / row['cpu_seconds_per_second']:.0f}",
                f"{1 / row['wall_seconds_per_second']:.0f}",
                f"{row['megabytes']:.1f}",
            )
            for row in rows
        ],
    )
