"""Conditional random fields over the utterances of a dialogue: linear chain and skip chain, exact.

Linear chain: Lafferty, McCallum and Pereira 2001. Skip chain: Sutton and McCallum 2004, in the form of EmotionIC (Liu
et al. 2023, arXiv:2303.11117): what a speaker felt before and what the other just felt both weigh on an utterance,

    score(y) = start[y_1] + Σ_i emissions_i[y_i] + Σ_i (own[y_p(i), y_i] + other[y_(i−1), y_i]) + end[y_n].

`own` holds inside a turn, and where a speaker comes back after one turn of another (A-B-A), with p(i) the speaker's
utterance before; `other` holds where the speaker changes.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from affectus.errors import InputError
from affectus.nn import chains, linear_chains

UNKNOWN = -1  # a tag that was not observed
INITIAL = 0.1  # tables start uniform within ± this


class LinearChainCRF(nn.Module):
    """Scores of labellings in which neighbours weigh on each other.

    All methods take `emissions` (b, t, k) and `valid` (b, t) bool, True where an utterance is: from the first one on,
    without gaps. What stands elsewhere changes nothing. They compute in float64 and answer in the type of the
    emissions.

    Args:
        labels: How many, k.
    """

    _kernels: ClassVar[ModuleType] = linear_chains

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.empty(labels).uniform_(-INITIAL, INITIAL))
        self.end = nn.Parameter(torch.empty(labels).uniform_(-INITIAL, INITIAL))
        self.own = nn.Parameter(torch.empty(labels, labels).uniform_(-INITIAL, INITIAL))

    def log_partition(self, emissions: Tensor, valid: Tensor, speakers: Tensor | None = None) -> Tensor:
        """Log of the sum over all labellings, (b,); 0 for a dialogue without utterances."""
        shape = self._shape(emissions, valid, speakers)
        return _LogPartition.apply(self._kernels, shape, emissions, *self._tables())

    def score(self, emissions: Tensor, tags: Tensor, valid: Tensor, speakers: Tensor | None = None) -> Tensor:
        """Log of the sum over all labellings that agree with `tags` (b, t), (b,); `UNKNOWN` agrees with any label."""
        labels = torch.arange(emissions.shape[-1], device=emissions.device)
        agreeing = (tags[..., None] == labels) | (tags[..., None] == UNKNOWN)
        return self.log_partition(emissions.masked_fill(~agreeing, -torch.inf), valid, speakers)

    def log_likelihood(self, emissions: Tensor, tags: Tensor, valid: Tensor, speakers: Tensor | None = None) -> Tensor:
        """Log probability of `tags` (b, t), (b,); those that are `UNKNOWN` are summed out."""
        return self.score(emissions, tags, valid, speakers) - self.log_partition(emissions, valid, speakers)

    @torch.no_grad()
    def marginals(self, emissions: Tensor, valid: Tensor, speakers: Tensor | None = None) -> Tensor:
        """Probability of each label of each utterance given the whole dialogue, (b, t, k); 0 where none is."""
        shape = self._shape(emissions, valid, speakers)
        nodes = self._kernels.expectations(_array(emissions), *shape, *_arrays(*self._tables()), False)[1]
        return _tensor(nodes, emissions)

    @torch.no_grad()
    def filtered(self, emissions: Tensor, valid: Tensor, speakers: Tensor | None = None) -> Tensor:
        """Probability of each label given the utterances so far, (b, t, k); later ones and `end` have no say."""
        shape = self._shape(emissions, valid, speakers)
        shares = self._kernels.filtered(_array(emissions), *shape, *_arrays(*self._tables()))
        return _tensor(shares, emissions) * valid[..., None]

    @torch.no_grad()
    def viterbi(self, emissions: Tensor, valid: Tensor, speakers: Tensor | None = None) -> Tensor:
        """The most probable labelling, (b, t) int64, −1 where no utterance is."""
        shape = self._shape(emissions, valid, speakers)
        paths = self._kernels.best_paths(emissions.detach().cpu().numpy(), *shape, *_arrays(*self._tables()))
        return torch.from_numpy(paths).to(emissions.device)

    def _tables(self) -> tuple[Tensor, ...]:
        return self.start, self.end, self.own

    def _shape(self, emissions: Tensor, valid: Tensor, speakers: Tensor | None) -> tuple[np.ndarray, ...]:
        """What the kernels are told of the dialogues: their lengths (b,)."""
        here = np.asarray(valid.detach().cpu().numpy(), bool)
        if here.shape != emissions.shape[:2] or emissions.shape[-1] != len(self.start):
            raise InputError(
                f"emissions are {tuple(emissions.shape)}, valid is {here.shape}",
                allowed=f"(dialogues, utterances, {len(self.start)}) and (dialogues, utterances)",
            )
        lengths, whole = chains.extents(here)
        if not whole:
            raise InputError("valid has gaps", allowed="True for the first utterances, then False")
        return (lengths,)


class SkipChainCRF(LinearChainCRF):
    """Scores of labellings in which one's own state before weighs on the present one, and what the other just felt.

    Its methods also take `speakers` (b, t) integers; what numbers they are does not matter.

    Args:
        labels: How many, k.
    """

    _kernels: ClassVar[ModuleType] = chains

    def __init__(self, labels: int) -> None:
        super().__init__(labels)
        self.other = nn.Parameter(torch.empty(labels, labels).uniform_(-INITIAL, INITIAL))

    def _tables(self) -> tuple[Tensor, ...]:
        return *super()._tables(), self.other

    def _shape(self, emissions: Tensor, valid: Tensor, speakers: Tensor | None) -> tuple[np.ndarray, ...]:
        """Their steps (b, t) and lengths (b,)."""
        [lengths] = super()._shape(emissions, valid, speakers)
        if speakers is None:
            raise InputError("nobody knows who speaks", allowed="speakers: one number an utterance")
        steps = np.full(valid.shape, chains.SAME, np.int64)
        for row, numbers, size in zip(steps, speakers.cpu().numpy(), lengths, strict=True):
            row[:size] = chains.turn_steps(numbers[:size])
        return steps, lengths


class _LogPartition(torch.autograd.Function):
    """Its derivatives are expectations: probabilities of labels, and expected numbers of pairs."""

    @staticmethod
    def forward(
        ctx: Any, kernels: ModuleType, shape: tuple[np.ndarray, ...], emissions: Tensor, *tables: Tensor
    ) -> Tensor:
        arrays = _arrays(*tables)
        if not any(ctx.needs_input_grad):
            return _tensor(kernels.log_partitions(_array(emissions), *shape, *arrays), emissions)
        edges = any(ctx.needs_input_grad[5:])
        log_z, nodes, *pairs = kernels.expectations(_array(emissions), *shape, *arrays, edges)
        first = nodes[:, 0]
        last = np.take_along_axis(nodes, np.maximum(shape[-1] - 1, 0)[:, None, None], 1)[:, 0]
        ctx.save_for_backward(*(_tensor(x, emissions) for x in (nodes, first, last, *pairs)))
        return _tensor(log_z, emissions)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        nodes, *tables = ctx.saved_tensors
        return (None, None, grad[:, None, None] * nodes, *(torch.tensordot(grad, x, 1) for x in tables))


def _array(values: Tensor) -> np.ndarray:
    return np.ascontiguousarray(values.detach().cpu().numpy(), np.float64)


def _arrays(*values: Tensor) -> tuple[np.ndarray, ...]:
    return tuple(_array(value) for value in values)


def _tensor(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(values).to(like)
