"""Speed of the linear-chain CRF against pytorch-crf: decoding, and log-partition with marginals.

python benchmarks/crf_speed.py [--batch 32] [--length 110] [--rounds 31]
"""

from __future__ import annotations

import argparse
import importlib.metadata
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torchcrf import CRF

from affectus.nn.crf import LinearChainCRF
from record import Record

BARS = {("decode", 7): 50.0, ("decode", 28): 20.0, ("log-partition and marginals", 7): 10.0,
        ("log-partition and marginals", 28): 10.0}  # fmt: skip
RESAMPLES = 10_000
LEAST = 0.05  # seconds of processor time of each in a round


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--length", type=int, default=110)
    parser.add_argument("--rounds", type=int, default=31)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row for labels in (7, 28) for row in compared(labels, options.batch, options.length, options.rounds)]
    page = Record(
        name="crf-speed",
        title="Linear-chain CRF against pytorch-crf",
        method=(
            f"{options.batch} dialogues of up to {options.length} utterances, one thread, float32 in and out; both in "
            f"turn in each of {options.rounds} rounds after a warm-up, each called again and again until "
            f"{1000 * LEAST:g} ms have passed, as `timeit` does. Medians in milliseconds of processor time a call, as "
            "other work shared the machine; the interval is the 95 % bootstrap of the median of the rounds' quotients. "
            "`first call`: how many times faster the first call of a round is, which finds the caches full of the "
            "other's work. pytorch-crf has no marginals: they are the derivative of its log-partition."
        ),
        rows=rows,
        notes=[
            f"pytorch-crf {importlib.metadata.version('pytorch-crf')}, torch {torch.__version__}.",
            "`agreement`: share of equal paths, or the largest difference of marginals.",
            "Ours computes in float64, pytorch-crf in float32; the tables of neither are derived by.",
        ],
    ).write()
    print(page.read_text())


def compared(labels: int, batch: int, length: int, rounds: int) -> list[dict[str, object]]:
    torch.manual_seed(0)
    theirs, ours = CRF(labels, batch_first=True), LinearChainCRF(labels)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.normal_()
    pairs = {"start": "start_transitions", "end": "end_transitions", "own": "transitions"}
    ours.load_state_dict({own: theirs.state_dict()[name] for own, name in pairs.items()})
    theirs.requires_grad_(False), ours.requires_grad_(False)
    emissions = torch.randn(batch, length, labels)
    lengths = torch.randint(length // 2, length + 1, (batch,))
    lengths[0] = length
    valid = torch.arange(length) < lengths[:, None]

    def their_marginals() -> tuple[Tensor, Tensor]:
        given = emissions.clone().requires_grad_()
        log_z = theirs._compute_normalizer(given.transpose(0, 1), valid.transpose(0, 1))
        return log_z, torch.autograd.grad(log_z.sum(), given)[0]

    def our_marginals() -> tuple[Tensor, Tensor]:
        given = emissions.clone().requires_grad_()
        log_z = ours.log_partition(given, valid)
        return log_z, torch.autograd.grad(log_z.sum(), given)[0]

    with torch.no_grad():
        paths = theirs.decode(emissions, valid)
    found = ours.viterbi(emissions, valid)
    equal = np.mean([row[: len(path)].tolist() == path for row, path in zip(found, paths, strict=True)])
    gap = float((their_marginals()[1] - our_marginals()[1]).abs().max())
    decode = torch.no_grad()(lambda: theirs.decode(emissions, valid))
    return [
        told("decode", labels, raced(decode, lambda: ours.viterbi(emissions, valid), rounds), float(equal)),
        told("log-partition and marginals", labels, raced(their_marginals, our_marginals, rounds), gap),
    ]


def raced(theirs: Callable[[], object], ours: Callable[[], object], rounds: int) -> np.ndarray:
    """Processor seconds of a call of both, and of the first one of each round, (rounds, 2, 2)."""
    theirs(), ours()
    out = np.empty((rounds, 2, 2))
    for row in out:
        for place, call in enumerate((theirs, ours)):
            since, calls, passed = time.process_time(), 0, 0.0
            while passed < LEAST:
                call()
                calls, passed = calls + 1, time.process_time() - since
                if calls == 1:
                    row[1, place] = passed
            row[0, place] = passed / calls
    return out


def told(what: str, labels: int, seconds: np.ndarray, agreement: float) -> dict[str, object]:
    quotients, first = (seconds[:, kind, 0] / seconds[:, kind, 1] for kind in (0, 1))
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(quotients, (RESAMPLES, len(quotients))), 1)
    low, high = np.percentile(medians, (2.5, 97.5))
    theirs, ours = 1000 * np.median(seconds[:, 0], 0)
    return {
        "what": what, "labels": labels, "pytorch-crf ms": float(theirs), "ours ms": float(ours),
        "times faster": float(np.median(quotients)), "95 %": f"{low:.1f}–{high:.1f}", "bar": BARS[what, labels],
        "first call": float(np.median(first)), "agreement": agreement,
    }  # fmt: skip


if __name__ == "__main__":
    main()
