"""A network made smaller for a while: upper layers left out, linear layers in 8 bits."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from affectus.errors import InputError


class Passed(nn.Module):
    """A layer that gives what it gets."""

    def forward(self, x: Tensor, *_: Any, **__: Any) -> Tensor:
        """The input."""
        return x


class Int8Linear(nn.Module):
    """A linear layer with weights in 8 bits, one scale a row; inputs get a scale of their own at each call.

    Args:
        of: The layer, whose own weights stay beside it for code that looks at them.
    """

    def __init__(self, of: nn.Linear) -> None:
        super().__init__()
        self.weight, self.bias = of.weight, of.bias
        weight = of.weight.detach().float().cpu()
        scale = (weight.abs().amax(1) / 127).clamp(min=1e-12).double()
        with warnings.catch_warnings():
            # torch announces another home for quantised tensors; the kernel below has no successor in torch yet.
            warnings.filterwarnings("ignore", message=".*quantize_per_channel", category=UserWarning)
            rows = torch.quantize_per_channel(weight, scale, torch.zeros(len(scale), dtype=torch.long), 0, torch.qint8)
        bias = None if of.bias is None else of.bias.detach().float().cpu()
        self.packed = torch.ops.quantized.linear_prepack(rows, bias)

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) float32 → (…, out) float32."""
        return torch.ops.quantized.linear_dynamic(x, self.packed, True)


class Swap(NamedTuple):
    """One module in the place of another."""

    parent: nn.Module
    name: str
    old: nn.Module
    new: nn.Module


def layers(reader: Any) -> nn.ModuleList:
    """The stack of layers that holds most weights, which in speech encoders are those of the transformer.

    Raises:
        InputError: If the reader is no torch module or has no such stack.
    """
    stacks = [m for m in reader.modules() if isinstance(m, nn.ModuleList)] if isinstance(reader, nn.Module) else []
    stacks = [m for m in stacks if len(m) > 1 and len({type(part) for part in m}) == 1]
    if not stacks:
        raise InputError(
            f"{getattr(reader, 'name', 'the reader')!r} has no stack of layers that could be left out",
            allowed="a reader on torch with an encoder of several layers",
            remedy="an exported reader is measured before its export",
        )
    return max(stacks, key=lambda stack: sum(p.numel() for p in stack.parameters()))


def cut(reader: Any, keep: int) -> list[Swap]:
    """Swaps that leave out all but the lowest layers; what asks for the state of one that is gone gets the last."""
    stack = layers(reader)
    return [Swap(stack, str(i), stack[i], Passed()) for i in range(keep, len(stack))]


def in_8_bits(reader: nn.Module) -> list[Swap]:
    """Swaps that put all linear layers into 8 bits."""
    return [
        Swap(parent, name, part, Int8Linear(part))
        for parent in reader.modules()
        for name, part in parent.named_children()
        if isinstance(part, nn.Linear)
    ]


@contextmanager
def swapped(swaps: Sequence[Swap]) -> Iterator[None]:
    """The reader with other modules, and as it was afterwards."""
    for swap in swaps:
        setattr(swap.parent, swap.name, swap.new)
    try:
        yield
    finally:
        for swap in swaps:
            setattr(swap.parent, swap.name, swap.old)


def megabytes(reader: Any, keep: int, eight: bool) -> float:
    """Size of the weights that are used, each in the bits that it has."""
    stack = layers(reader)
    gone = {id(p) for layer in stack[keep:] for p in layer.parameters()}
    narrow = {id(m.weight) for m in reader.modules() if isinstance(m, nn.Linear)} if eight else set()
    used = [p for p in reader.parameters() if id(p) not in gone]
    return sum(p.numel() * (1 if id(p) in narrow else 4) for p in used) / 1e6
