"""Speed and memory of the selective scan, against the plain torch loop of transformers.

python benchmarks/selective_scan.py [--rounds 9] [--slow-rounds 2]
"""

from __future__ import annotations

import argparse
import inspect
import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor
from transformers.models.mamba.modeling_mamba import mamba_selective_scan

from affectus.nn.selective_scan import selective_scan
from record import RESULTS, Record

NAME = "selective-scan"
IMAGES = Path(__file__).parents[1] / "docs" / "images"
SIZES = ((8, 128, 512, 16), (1, 1024, 512, 16))  # sequences, steps, channels, states
BARS = {"forward": 6.0, "forward and backward": 4.0}
NAMES = ("u", "delta", "a", "b", "c", "skip", "gate", "bias")
LENGTHS = tuple(2**power for power in range(8, 17))
CHANNELS, STATES = 64, 16  # of the runs over lengths
RESAMPLES = 10_000
loop = inspect.unwrap(mamba_selective_scan)  # without the search for a kernel on the hub


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--slow-rounds", type=int, default=2)
    parser.add_argument(
        "--one", nargs=3, metavar=("FORM", "PASS", "STEPS"), help="one run of the plot, in this process"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.one:
        form, what, steps = options.one
        print(json.dumps(measured(form, what, int(steps))))
        return
    rows: list[dict[str, object]] = []
    for size in SIZES:
        rows += [compared(size, "forward", options.rounds), compared(size, "forward and backward", options.slow_rounds)]
    grown = [alone(*case) for case in cases()]
    draw(grown)
    page = Record(
        name=NAME,
        title="Selective scan on a processor, against the loop of transformers",
        method=(
            "The scan with softplus, bias, skip and gate, float32, one thread, step sizes and rates as in a Mamba "
            "block before training. Both in turn in each round after a warm-up; medians in milliseconds of processor "
            "time, as other work shared the machine; the interval is the 95 % bootstrap of the rounds' median quotient "
            f"({options.rounds} rounds forward, {options.slow_rounds} with backward, where their lowest and highest "
            "stand instead). `error`: largest difference from the same loop in float64, ours and theirs; with backward "
            "the largest over all derivatives, each as a share of its largest value."
        ),
        rows=rows,
        notes=[
            f"transformers {transformers.__version__} (the loop of `mamba_selective_scan`), torch {torch.__version__}.",
            f"The plot `{NAME}.png` of this day has time and memory for one sequence of {CHANNELS} channels with "
            f"{STATES} states up to {LENGTHS[-1]:,} steps, each run in a process of its own. Memory is what a run "
            "takes at most beside its arguments and what it gives back.",
            *said(grown),
        ],
        extra={"lengths": grown},
    ).write()
    print(page.read_text())


def arguments(n: int, length: int, d: int, s: int, kind: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Arguments as inside a Mamba block before training: rates −1 … −s, step sizes about 1e-3 to 1e-1."""
    draw = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw)

    steps = (torch.rand(d, generator=draw) * np.log(100) + np.log(1e-3)).exp()
    given = {
        "u": normal(n, d, length), "delta": 0.5 * normal(n, d, length), "a": -torch.arange(1.0, s + 1).repeat(d, 1),
        "b": normal(n, s, length), "c": normal(n, s, length), "skip": torch.ones(d), "gate": normal(n, d, length),
        "bias": steps + (-torch.expm1(-steps)).log(),
    }  # fmt: skip
    return {name: x.to(kind) for name, x in given.items()}


def ours(form: Any) -> Callable[..., Tensor]:
    return lambda given: selective_scan(**given, form=form).y


def theirs(given: dict[str, Tensor]) -> Tensor:
    return loop(*(given[name] for name in NAMES), delta_softplus=True)


RUNS = {"fused": ours("fused"), "chunked": ours("chunked"), "transformers": theirs}


def call(run: Callable[..., Tensor], given: dict[str, Tensor], what: str) -> list[Tensor]:
    if what == "forward":
        with torch.no_grad():
            return [run(given)]
    leaves = {name: x.detach().requires_grad_() for name, x in given.items()}
    y = run(leaves)  # its derivative is taken along the gate, as that is already there
    return [y.detach(), *torch.autograd.grad(y, [leaves[name] for name in NAMES], given["gate"])]


def compared(size: tuple[int, int, int, int], what: str, rounds: int) -> dict[str, object]:
    given = arguments(*size)
    exact = call(ours("recurrent"), arguments(*size, torch.float64), what)
    errors = {}
    for name in ("fused", "transformers"):
        found = call(RUNS[name], given, what) if what == "forward" or name == "fused" else None
        if found is not None:
            gaps = [float((a - b).abs().max()) for a, b in zip(found, exact, strict=True)]
            shares = [gap / float(b.abs().max()) for gap, b in zip(gaps[1:], exact[1:], strict=True)]
            errors[name] = max(shares) if shares else gaps[0]
    seconds = np.empty((rounds, 2))
    for row in seconds:
        for place, name in enumerate(("transformers", "fused")):
            since = time.process_time()
            call(RUNS[name], given, what)
            row[place] = time.process_time() - since
    quotients = seconds[:, 0] / seconds[:, 1]
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(quotients, (RESAMPLES, rounds)), 1)
    low, high = np.percentile(medians, (2.5, 97.5)) if rounds > 4 else (quotients.min(), quotients.max())
    slow, fast = 1000 * np.median(seconds, 0)
    return {
        "sequences, steps, channels, states": ", ".join(map(str, size)), "what": what, "transformers ms": float(slow),
        "ours ms": float(fast), "times faster": float(np.median(quotients)), "interval": f"{low:.1f}–{high:.1f}",
        "bar": BARS[what], "error": f"{errors['fused']:.1e}", "error of theirs": f"{errors['transformers']:.1e}"
        if "transformers" in errors else "",
    }  # fmt: skip


# -- over lengths ------------------------------------------------------------------------------------------------------
def cases() -> list[tuple[str, str, int]]:
    """Form, pass and steps; the loop's way back takes the square of the length, so it stops early."""
    most = {("transformers", "forward and backward"): 1024, ("chunked", "forward and backward"): 16_384}
    return [
        (form, what, steps)
        for form in RUNS
        for what in BARS
        for steps in LENGTHS
        if steps <= most.get((form, what), LENGTHS[-1])
    ]


def alone(form: str, what: str, steps: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--one", form, what, str(steps)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(found.stdout.splitlines()[-1])


def measured(form: str, what: str, steps: int) -> dict[str, Any]:
    """Processor seconds (the least of three) and the highest memory of a run beside what is given and comes back."""
    call(RUNS[form], arguments(1, 128, CHANNELS, STATES), what)
    given = arguments(1, steps, CHANNELS, STATES)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the highest value starts anew
    since = time.process_time()
    out = call(RUNS[form], given, what)
    seconds = [time.process_time() - since]
    extra = resident("VmHWM") - before - sum(x.nbytes for x in out) / 2**20
    while len(seconds) < 3 and sum(seconds) < 5:
        since = time.process_time()
        call(RUNS[form], given, what)
        seconds.append(time.process_time() - since)
    return {"form": form, "pass": what, "steps": steps, "seconds": min(seconds), "extra MiB": max(0.0, extra)}


def resident(what: str) -> float:
    """MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def said(grown: list[dict[str, Any]]) -> list[str]:
    """What the plot shows, in words."""
    out = []
    for form in RUNS:
        for what in BARS:
            rows = [row for row in grown if row["form"] == form and row["pass"] == what]
            first, last = rows[0], rows[-1]
            long = rows[2:] if len(rows) > 4 else rows
            slope = np.polyfit(*(np.log([row[x] for row in long]) for x in ("steps", "seconds")), 1)[0]
            out.append(
                f"{form}, {what}: {first['steps']:,} to {last['steps']:,} steps, {1000 * first['seconds']:.3g} to "
                f"{1000 * last['seconds']:.4g} ms, from {long[0]['steps']:,} on as the power {slope:.2f} of the "
                f"length; {first['extra MiB']:.3g} to {last['extra MiB']:.4g} MiB."
            )
    return out


def draw(grown: list[dict[str, Any]]) -> None:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for axis, name, title in zip(
        axes, ("seconds", "extra MiB"), ("processor seconds", "extra memory, MiB"), strict=True
    ):
        for colour, form in enumerate(RUNS):
            for style, what in zip(("-", "--"), BARS, strict=True):
                rows = [row for row in grown if row["form"] == form and row["pass"] == what]
                values = [max(row[name], 0.1 if name == "extra MiB" else 0) for row in rows]
                axis.plot([row["steps"] for row in rows], values, f"C{colour}{style}o", ms=3, label=f"{form}, {what}")
        axis.set(xscale="log", yscale="log", xlabel="steps", title=title)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=7)
    for path in (RESULTS / f"{datetime.now(UTC).date().isoformat()}-{NAME}.png", IMAGES / f"{NAME}.png"):
        figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
