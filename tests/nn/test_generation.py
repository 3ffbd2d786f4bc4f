"""Greedy, beam and nucleus on a toy network whose best sequences are known by enumeration."""

from itertools import product

import pytest
import torch

from affectus.nn.generation import Decoding, generate

PAD, START, END, A, B = range(5)
LONGEST = 3


def table(seed: int) -> dict[tuple[int, ...], torch.Tensor]:
    """Logits after every prefix."""
    generator = torch.Generator().manual_seed(seed)
    prefixes = [p for n in range(LONGEST) for p in product((A, B), repeat=n)]
    return {prefix: torch.randn(5, generator=generator) * 2 for prefix in prefixes}


def network(tables):
    def step(tokens, rows):
        found = zip(tokens[:, 1:].tolist(), rows.tolist(), strict=True)
        return torch.stack([tables[row][tuple(prefix)] for prefix, row in found])

    return step


def likelihoods(logits, penalty: float) -> dict[tuple[int, ...], float]:
    """Score of every sequence that can be chosen, by enumeration."""
    out = {}
    for n in range(1, LONGEST + 1):
        for sequence in product((A, B), repeat=n):
            total, ends = 0.0, n < LONGEST
            for at, token in enumerate((*sequence, END) if ends else sequence):
                hidden = [PAD, START, *([END] if at == 0 else [])]
                row = logits[sequence[:at]].clone()
                row[hidden] = float("-inf")
                total += float(row.log_softmax(0)[token])
            out[sequence] = total / ((5 + n + ends) / 6) ** penalty
    return out


def made(tables, **how) -> list[list[int]]:
    decoding = Decoding(longest=LONGEST, **how)
    return generate(network(tables), len(tables), decoding, start=START, end=END, never=(PAD,))


@pytest.mark.parametrize("penalty", [0.0, 0.6, 2.0])
def test_a_wide_beam_finds_the_best_sequence(penalty):
    tables = [table(seed) for seed in range(6)]
    found = made(tables, method="beam", beams=12, length_penalty=penalty)
    for logits, sequence in zip(tables, found, strict=True):
        scores = likelihoods(logits, penalty)
        assert tuple(sequence) == max(scores, key=scores.__getitem__)


def test_one_beam_is_greedy_and_takes_the_likeliest_each_time():
    tables = [table(seed) for seed in range(6)]
    greedy = made(tables)
    assert greedy == made(tables, method="beam", beams=1)
    for logits, sequence in zip(tables, greedy, strict=True):
        assert sequence[0] == max((A, B), key=lambda token: float(logits[()][token]))


def test_sequences_of_a_batch_do_not_meet():
    tables = [table(seed) for seed in range(5)]
    for method in ("greedy", "beam"):
        assert made(tables, method=method) == [made([one], method=method)[0] for one in tables]


def test_the_nucleus_holds_the_likeliest_and_the_seed_fixes_the_draw():
    logits = {p: torch.tensor([0.0, 0, -9, 3.0, 1.0]) for n in range(LONGEST) for p in product((A, B), repeat=n)}
    assert made([logits] * 20, method="nucleus", top_p=0.5) == [[A] * LONGEST] * 20
    drawn = made([logits] * 20, method="nucleus", top_p=1.0, seed=1)
    assert {token for row in drawn for token in row} == {A, B}
    assert drawn == made([logits] * 20, method="nucleus", top_p=1.0, seed=1)
    assert drawn != made([logits] * 20, method="nucleus", top_p=1.0, seed=2)


def test_no_sequences():
    assert made([]) == []
