from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor

from affectus.errors import InputError
from affectus.nn.crf import UNKNOWN, LinearChainCRF, SkipChainCRF, _LogPartition

GOLDEN = Path(__file__).parents[1] / "golden" / "emotionic"
SPEAKERS = st.lists(st.integers(0, 4), min_size=1, max_size=6)


def edges(speakers: list[int]) -> list[list[tuple[str, int]]]:
    """For each utterance the edges that lead to it, read off the turns as the paper has them."""
    turns: list[list[int]] = []
    for i, who in enumerate(speakers):
        if turns and speakers[turns[-1][0]] == who:
            turns[-1].append(i)
        else:
            turns.append([i])
    out: list[list[tuple[str, int]]] = [[] for _ in speakers]
    for number, turn in enumerate(turns):
        for before, i in pairwise(turn):
            out[i].append(("own", before))
        if number:
            out[turn[0]].append(("other", turn[0] - 1))
        if number > 1 and speakers[turns[number - 2][0]] == speakers[turn[0]]:
            out[turn[0]].append(("own", turns[number - 2][-1]))
    return out


def counted(crf: LinearChainCRF, emissions: Tensor, leading: list[list[tuple[str, int]]]) -> tuple[float, Tensor, list]:
    """Log partition, marginals (t, k) and best labelling by going through all labellings."""
    length, k = emissions.shape
    y = torch.tensor(list(product(range(k), repeat=length)))
    scores = crf.start[y[:, 0]] + crf.end[y[:, -1]]
    for i, found in enumerate(leading):
        scores = scores + emissions[i, y[:, i]]
        for table, before in found:
            scores = scores + getattr(crf, table)[y[:, before], y[:, i]]
    marginals = torch.einsum("n,ntk->tk", scores.softmax(0), torch.nn.functional.one_hot(y, k).to(scores))
    return scores.logsumexp(0), marginals, y[scores.argmax()].tolist()


def made(kind: type[LinearChainCRF], k: int, seed: int, spread: float = 1.0) -> LinearChainCRF:
    torch.manual_seed(seed)
    crf = kind(k).double()
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.normal_(0, spread)
    return crf


def one(speakers: list[int]) -> tuple[Tensor, Tensor]:
    return torch.tensor([speakers]), torch.ones(1, len(speakers), dtype=torch.bool)


# -- truth by enumeration ----------------------------------------------------------------------------------------------
@settings(max_examples=40, deadline=None)
@given(SPEAKERS, st.integers(2, 3), st.integers(0, 99), st.sampled_from([0.3, 3.0, 40.0]))
def test_skip_chain_equals_enumeration_for_any_speakers(speakers: list[int], k: int, seed: int, spread: float) -> None:
    crf = made(SkipChainCRF, k, seed, spread)
    emissions = torch.randn(1, len(speakers), k, dtype=torch.double) * spread
    who, valid = one(speakers)
    log_z, marginals, best = counted(crf, emissions[0], edges(speakers))
    torch.testing.assert_close(crf.log_partition(emissions, valid, who)[0], log_z)
    torch.testing.assert_close(crf.marginals(emissions, valid, who)[0], marginals)
    assert crf.viterbi(emissions, valid, who)[0].tolist() == best


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(0, 99))
def test_linear_chain_equals_enumeration(length: int, seed: int) -> None:
    crf = made(LinearChainCRF, 3, seed)
    emissions = torch.randn(1, length, 3, dtype=torch.double)
    valid = torch.ones(1, length, dtype=torch.bool)
    leading = [[("own", i - 1)] if i else [] for i in range(length)]
    log_z, marginals, best = counted(crf, emissions[0], leading)
    torch.testing.assert_close(crf.log_partition(emissions, valid)[0], log_z)
    torch.testing.assert_close(crf.marginals(emissions, valid)[0], marginals)
    assert crf.viterbi(emissions, valid)[0].tolist() == best


def test_enumeration_of_the_reference_is_met() -> None:
    truth = load_file(GOLDEN / "skipcrf_exact.safetensors")
    crf = SkipChainCRF(3)
    names = {"start": "start", "end": "end", "own": "self_transitions", "other": "other_transitions"}
    crf.load_state_dict({name: truth[theirs] for name, theirs in names.items()})
    emissions, tags, speakers, valid = (
        truth[name].transpose(0, 1) for name in ("emissions", "tags", "speaker", "umask")
    )
    valid = valid.bool()
    close = {"atol": 1e-4, "rtol": 0.0}
    torch.testing.assert_close(crf.log_partition(emissions, valid, speakers), truth["log_partition"], **close)
    found = crf.log_likelihood(emissions, tags, valid, speakers)
    torch.testing.assert_close(found, truth["log_likelihood"], **close)
    marginals = crf.marginals(emissions, valid, speakers).transpose(0, 1)
    torch.testing.assert_close(marginals, truth["marginals"], **close)
    assert torch.equal(crf.viterbi(emissions, valid, speakers)[valid], truth["viterbi"][valid])


# -- derivatives -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("speakers", [[0], [0, 0, 0], [0, 1, 0, 1], [0, 0, 1, 1, 0], [3, 1, 2, 1, 1, 0, 1]])
def test_derivatives_are_those_of_the_enumerated_sum(speakers: list[int]) -> None:
    crf = made(SkipChainCRF, 3, 1)
    emissions = torch.randn(1, len(speakers), 3, dtype=torch.double, requires_grad=True)
    who, valid = one(speakers)
    wanted = [emissions, *crf.parameters()]
    own = torch.autograd.grad(crf.log_partition(emissions, valid, who).sum(), wanted)
    if len(speakers) <= 5:
        truth = torch.autograd.grad(counted(crf, emissions[0], edges(speakers))[0], wanted, materialize_grads=True)
        torch.testing.assert_close(own, truth)
    assert torch.autograd.gradcheck(
        lambda *inputs: _LogPartition.apply(crf._kernels, crf._shape(emissions, valid, who), *inputs),
        (emissions, *crf._tables()),
    )


def test_probabilities_of_all_labellings_sum_to_one() -> None:
    crf = made(SkipChainCRF, 2, 3)
    speakers = [0, 1, 2, 0, 1]
    who, valid = one(speakers)
    emissions = torch.randn(1, 5, 2, dtype=torch.double)
    every = [crf.log_likelihood(emissions, torch.tensor([y]), valid, who) for y in product(range(2), repeat=5)]
    torch.testing.assert_close(torch.cat(every).exp().sum(), torch.tensor(1.0, dtype=torch.double))


def test_unknown_tags_are_summed_out() -> None:
    crf = made(SkipChainCRF, 3, 4)
    who, valid = one([0, 1, 0, 2])
    emissions = torch.randn(1, 4, 3, dtype=torch.double)
    known = torch.tensor([[0, 1, 2, 1]])
    partly = torch.tensor([[0, UNKNOWN, 2, 1]])
    each = [crf.log_likelihood(emissions, torch.tensor([[0, k, 2, 1]]), valid, who) for k in range(3)]
    torch.testing.assert_close(crf.log_likelihood(emissions, partly, valid, who), torch.cat(each).logsumexp(0)[None])
    assert crf.log_likelihood(emissions, known, valid, who) < crf.log_likelihood(emissions, partly, valid, who)


# -- what must not matter ----------------------------------------------------------------------------------------------
@settings(max_examples=25, deadline=None)
@given(SPEAKERS, st.permutations(range(5)), st.integers(0, 99))
def test_names_of_speakers_and_padding_change_nothing(speakers: list[int], names: list[int], seed: int) -> None:
    crf = made(SkipChainCRF, 3, seed)
    emissions = torch.randn(1, len(speakers), 3, dtype=torch.double, requires_grad=True)
    who, valid = one(speakers)
    renamed = torch.tensor([[names[s] * 7 - 3 for s in speakers]])
    behind = torch.full((1, 3, 3), torch.nan, dtype=torch.double)
    longer = torch.cat([emissions, behind], 1)
    more = torch.cat([valid, torch.zeros(1, 3, dtype=torch.bool)], 1)
    whoever = torch.cat([renamed, torch.tensor([[9, 8, 9]])], 1)
    here, there = crf.log_partition(emissions, valid, who), crf.log_partition(longer, more, whoever)
    assert torch.equal(here, there)
    assert torch.equal(*(torch.autograd.grad(z, crf.own)[0] for z in (here, there)))
    for method in (crf.marginals, crf.filtered, crf.viterbi):
        assert torch.equal(method(emissions, valid, who), method(longer, more, whoever)[:, : len(speakers)])


def test_a_batch_gives_what_its_members_give_alone() -> None:
    crf = made(SkipChainCRF, 4, 5)
    dialogues = [[0], [0, 0, 0], [0, 1, 0, 1, 0], [2, 2, 1, 0]]
    valid = torch.arange(5) < torch.tensor([[len(d)] for d in dialogues])
    who = torch.tensor([d + [0] * (5 - len(d)) for d in dialogues])
    emissions = torch.randn(4, 5, 4, dtype=torch.double)
    together = crf.log_partition(emissions, valid, who)
    for i, d in enumerate(dialogues):
        alone = crf.log_partition(emissions[i : i + 1, : len(d)], *one(d)[::-1])
        torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=0)


# -- special cases -----------------------------------------------------------------------------------------------------
def test_without_tables_labels_are_independent() -> None:
    crf = made(SkipChainCRF, 5, 6)
    torch.nn.init.zeros_(crf.own), torch.nn.init.zeros_(crf.other)
    torch.nn.init.zeros_(crf.start), torch.nn.init.zeros_(crf.end)
    who, valid = one([0, 1, 1, 0, 2, 0])
    emissions = torch.randn(1, 6, 5, dtype=torch.double)
    torch.testing.assert_close(crf.marginals(emissions, valid, who), emissions.softmax(-1))
    assert torch.equal(crf.viterbi(emissions, valid, who), emissions.argmax(-1))


def test_two_who_alternate_without_inertia_are_a_linear_chain() -> None:
    crf, linear = made(SkipChainCRF, 4, 7), LinearChainCRF(4).double()
    torch.nn.init.zeros_(crf.own)
    linear.load_state_dict({"start": crf.start, "end": crf.end, "own": crf.other})
    who, valid = one([0, 1] * 4)
    emissions = torch.randn(1, 8, 4, dtype=torch.double)
    torch.testing.assert_close(crf.log_partition(emissions, valid, who), linear.log_partition(emissions, valid))
    torch.testing.assert_close(crf.marginals(emissions, valid, who), linear.marginals(emissions, valid))


def test_forbidden_pairs_and_steep_scores_stay_exact() -> None:
    crf = made(LinearChainCRF, 2, 8)
    with torch.no_grad():
        crf.own.copy_(torch.tensor([[0.0, -torch.inf], [-torch.inf, 0.0]]))
    emissions = torch.tensor([[[0.0, -800.0], [-2000.0, 0.0]]], dtype=torch.double)
    valid = torch.ones(1, 2, dtype=torch.bool)
    log_z, marginals, _ = counted(crf, emissions[0], [[], [("own", 0)]])
    torch.testing.assert_close(crf.log_partition(emissions, valid)[0], log_z)
    torch.testing.assert_close(crf.marginals(emissions, valid)[0], marginals)
    emissions.requires_grad_()
    gradient = torch.autograd.grad(crf.log_partition(emissions, valid).sum(), crf.own)[0]
    torch.testing.assert_close(gradient, torch.diag(torch.tensor([0.0, 1.0], dtype=torch.double)))


def test_filtered_reads_only_what_was_said() -> None:
    crf = made(SkipChainCRF, 3, 9)
    speakers = [0, 1, 0, 2, 0]
    who, valid = one(speakers)
    emissions = torch.randn(1, 5, 3, dtype=torch.double)
    whole = crf.filtered(emissions, valid, who)
    torch.nn.init.zeros_(crf.end)
    for n in range(1, 6):
        cut = crf.marginals(emissions[:, :n], valid[:, :n], who[:, :n])
        torch.testing.assert_close(whole[:, n - 1], cut[:, -1])


def test_no_utterances_and_long_dialogues() -> None:
    crf = SkipChainCRF(7)
    nothing = torch.zeros(1, 4, dtype=torch.bool)
    assert crf.log_partition(torch.randn(1, 4, 7), nothing, torch.zeros(1, 4, dtype=torch.long)).tolist() == [0.0]
    rng = np.random.default_rng(0)
    who = torch.from_numpy(rng.integers(0, 40, (1, 1000)))
    emissions, valid = torch.randn(1, 1000, 7), torch.ones(1, 1000, dtype=torch.bool)
    torch.testing.assert_close(crf.marginals(emissions, valid, who).sum(-1), torch.ones(1, 1000))
    assert crf.log_likelihood(emissions, crf.viterbi(emissions, valid, who), valid, who) < 0


def test_bad_masks_and_missing_speakers_are_named() -> None:
    crf = SkipChainCRF(2)
    emissions = torch.randn(1, 3, 2)
    with pytest.raises(InputError, match="gaps"):
        crf.log_partition(emissions, torch.tensor([[True, False, True]]), torch.zeros(1, 3))
    with pytest.raises(InputError, match="who speaks"):
        crf.log_partition(emissions, torch.ones(1, 3, dtype=torch.bool))
    with pytest.raises(InputError, match="valid is"):
        crf.log_partition(emissions, torch.ones(1, 2, dtype=torch.bool), torch.zeros(1, 3))
