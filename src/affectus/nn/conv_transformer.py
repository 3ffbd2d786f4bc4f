"""The small transformer of the empathetic models (MoEL, CEM, ESCM): convolutions in it, and an answer that may copy.

Pre-norm layers as in tensor2tensor: attention whose keys and values are narrower than the states, a feed-forward part
of two convolutions over three neighbours with a ReLU behind each, the last one too, and a layer norm of its own. Facts
from the public code of ESCM (Yang et al. 2023, Findings of EMNLP,
github.com/zhouzhouyang520/EmpatheticDialogueGeneration_ESCM) and CEM (Sabour et al. 2022, AAAI, arXiv:2109.05739,
github.com/Sahandfer/CEM).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affectus.errors import CheckpointError, ConfigError

HIDDEN = -1e18  # logit of what may not be seen; a query that sees nothing looks at all alike


class StdNorm(nn.Module):
    """γ (x − mean) / (std + 1e-6) + β with Bessel's correction in the standard deviation.

    Not torch's layer norm, which divides by the root of the biased variance and an epsilon inside it.

    Args:
        width: Features.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalised features (…, width)."""
        mean = x.mean(-1, keepdim=True)
        # torch's own std has no gradient where all features are alike.
        spread = ((x - mean).square().sum(-1, keepdim=True) / (x.shape[-1] - 1)).clamp(min=1e-24).sqrt()
        return self.gamma * (x - mean) / (spread + 1e-6) + self.beta


class DeepAttention(nn.Module):
    """Attention whose projections have no bias and a depth of their own.

    Args:
        width: Features of queries and of the output.
        depth: Features of keys and values, over all heads.
        heads: They divide the depth.
        given: Features of what is attended to; None is as many as the queries have.

    Raises:
        ConfigError: If the heads do not divide the depth.
    """

    def __init__(self, width: int, depth: int, heads: int, given: int | None = None) -> None:
        super().__init__()
        if depth % heads:
            raise ConfigError(f"{heads} heads of a depth of {depth}", allowed="heads that divide the depth")
        self.heads = heads
        self.query = nn.Linear(width, depth, bias=False)
        self.key = nn.Linear(given or width, depth, bias=False)
        self.value = nn.Linear(given or width, depth, bias=False)
        self.output = nn.Linear(depth, width, bias=False)

    def forward(self, x: Tensor, given: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        """Attended values (b, t, width), and the logits of each head (b, heads, t, s), hidden ones at −1e18.

        Args:
            x: (b, t, width).
            given: (b, s, given).
            visible: (b, t or 1, s) bool.
        """
        q, k, v = (
            project(y).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project, y in ((self.query, x), (self.key, given), (self.value, given))
        )
        logits = q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1)
        logits = logits.masked_fill(~visible[:, None], HIDDEN)
        return self.output((logits.softmax(-1) @ v).transpose(1, 2).flatten(2)), logits


class ConvFeed(nn.Module):
    """ReLU(Conv(ReLU(Conv(x)))) over three neighbours.

    Args:
        width: Features.
        inner: Features between.
        past: Whether only neighbours before count, so that nothing of a later word is seen.
    """

    def __init__(self, width: int, inner: int, past: bool) -> None:
        super().__init__()
        self.padding = (2, 0) if past else (1, 1)
        self.first, self.second = nn.Conv1d(width, inner, 3), nn.Conv1d(inner, width, 3)

    def forward(self, x: Tensor, valid: Tensor | None) -> Tensor:
        """Features (b, t, width); where `valid` (b, t) is False, neighbours see zeros. None takes all as it is."""
        for layer in (self.first, self.second):
            x = x if valid is None else x * valid[..., None]
            x = F.relu(layer(F.pad(x.transpose(1, 2), self.padding))).transpose(1, 2)
        return x


def timing(length: int, width: int, like: Tensor) -> Tensor:
    """Tensor2tensor's sinusoids (1, length, width): all sines, then all cosines, 0 in an odd last feature."""
    half = width // 2
    steps = torch.arange(half, device=like.device, dtype=like.dtype)
    rates = torch.exp(steps * (-math.log(1e4) / max(half - 1, 1)))
    angles = torch.arange(length, device=like.device, dtype=like.dtype)[:, None] * rates
    return F.pad(torch.cat([angles.sin(), angles.cos()], 1), (0, width % 2))[None]


class ConvEncoderLayer(nn.Module):
    """Attention among all words, then convolutions; arguments as `ConvEncoder`."""

    def __init__(self, width: int, depth: int, heads: int, inner: int) -> None:
        super().__init__()
        self.attention, self.feed = DeepAttention(width, depth, heads), ConvFeed(width, inner, past=False)
        self.norm1, self.norm2 = StdNorm(width), StdNorm(width)

    def forward(self, x: Tensor, valid: Tensor, neighbours: Tensor | None) -> tuple[Tensor, Tensor]:
        """States (b, t, width) and logits (b, heads, t, t); `neighbours` is `valid` for the convolutions."""
        y = self.norm1(x)
        attended, logits = self.attention(y, y, valid[:, None])
        x = x + attended
        return x + self.feed(self.norm2(x), neighbours), logits


class ConvEncoder(nn.Module):
    """A linear map, the timing signal, layers, a norm.

    Args:
        given: Features of the input.
        width: Features of a state.
        layers: How many.
        heads: Attention heads.
        depth: Features of keys and values, over all heads.
        inner: Features between the convolutions.
        dropout: Share of the input's features dropped in training.
        pads: Whether convolutions see padding, as in the official code, where a batch changes its members.
    """

    def __init__(
        self,
        given: int,
        width: int,
        *,
        layers: int,
        heads: int,
        depth: int,
        inner: int,
        dropout: float = 0.0,
        pads: bool = False,
    ) -> None:
        super().__init__()
        self.pads, self.dropout = pads, nn.Dropout(dropout)
        self.entry = nn.Linear(given, width, bias=False)
        self.layers = nn.ModuleList(ConvEncoderLayer(width, depth, heads, inner) for _ in range(layers))
        self.norm = StdNorm(width)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """States (b, t, width) from features (b, t, given); `valid` (b, t) is True where a word is."""
        return self.attend(x, valid)[0]

    def attend(self, x: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """The states, and the attention weights of the last layer (b, heads, t, t)."""
        x = self.entry(self.dropout(x))
        x = x + timing(x.shape[1], x.shape[2], x)
        logits = x.new_zeros(0)
        for layer in self.layers:
            x, logits = layer(x, valid, None if self.pads else valid)
        return self.norm(x), logits.softmax(-1)


class ConvDecoderLayer(nn.Module):
    """Attention among the words so far, then to the context, then convolutions; arguments as `ConvDecoder`."""

    def __init__(self, width: int, depth: int, heads: int, inner: int, given: int) -> None:
        super().__init__()
        self.attention = DeepAttention(width, depth, heads)
        self.context = DeepAttention(width, depth, heads, given)
        self.feed = ConvFeed(width, inner, past=True)
        self.norm1, self.norm2, self.norm3 = StdNorm(width), StdNorm(width), StdNorm(width)

    def forward(self, x: Tensor, past: Tensor, memory: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """States (b, t, width), and the logits of the words of the context (b, heads, t, s)."""
        y = self.norm1(x)
        x = x + self.attention(y, y, past)[0]
        attended, logits = self.context(self.norm2(x), memory, valid[:, None])
        x = x + attended
        return x + self.feed(self.norm3(x), None), logits


class ConvDecoder(nn.Module):
    """A linear map, the timing signal, layers that look at the context, a norm.

    Args:
        width: Features of a word and of a state.
        memory: Features of a word of the context.
        layers: How many.
        heads: Attention heads.
        depth: Features of keys and values, over all heads.
        inner: Features between the convolutions.
    """

    def __init__(self, width: int, memory: int, *, layers: int, heads: int, depth: int, inner: int) -> None:
        super().__init__()
        self.entry = nn.Linear(width, width, bias=False)
        self.layers = nn.ModuleList(ConvDecoderLayer(width, depth, heads, inner, memory) for _ in range(layers))
        self.norm = StdNorm(width)

    def forward(self, x: Tensor, memory: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """States of the words of an answer, and how each looks at the context.

        Args:
            x: (b, t, width) embedded words. Nothing sees a later word, so padding behind them does no harm.
            memory: (b, s, memory) the context.
            valid: (b, s) bool.

        Returns:
            (b, t, width), and the last layer's logits, mean over the heads (b, t, s).
        """
        t = x.shape[1]
        past = torch.ones(t, t, dtype=torch.bool, device=x.device).tril()[None]
        x = self.entry(x)
        x = x + timing(t, x.shape[2], x)
        logits = x.new_zeros(0)
        for layer in self.layers:
            x, logits = layer(x, past, memory, valid)
        return self.norm(x), logits.mean(1)


class PointerGenerator(nn.Module):
    """p(word) = α softmax(W x) + (1 − α) copy, α = σ(w x): a word is said, or copied from the context.

    Args:
        width: Features of a state.
        words: In the vocabulary.
    """

    def __init__(self, width: int, words: int) -> None:
        super().__init__()
        self.words, self.gate = nn.Linear(width, words), nn.Linear(width, 1)

    def forward(self, x: Tensor, logits: Tensor, source: Tensor) -> Tensor:
        """Log-probabilities (b, t, words).

        Args:
            x: (b, t, width) states of the decoder.
            logits: (b, t, s) its attention to the context, before the softmax.
            source: (b, s) ids of the words of the context.
        """
        said = torch.sigmoid(self.gate(x))
        spread = said * self.words(x).softmax(-1)
        copied = (1 - said) * logits.softmax(-1)
        whole = spread.scatter_add(2, source[:, None].expand(-1, x.shape[1], -1), copied)
        return whole.clamp(min=torch.finfo(whole.dtype).tiny).log()


# -- names of the official code ----------------------------------------------------------------------------------------
OFFICIAL = {
    "embedding.lut.": "embedding.",
    "embedding_proj.": "entry.",
    ".enc.": ".layers.",
    ".dec.": ".layers.",
    "multi_head_attention_enc_dec.": "context.",
    "multi_head_attention_dec.": "attention.",
    "multi_head_attention.": "attention.",
    "query_linear.": "query.",
    "key_linear.": "key.",
    "value_linear.": "value.",
    "output_linear.": "output.",
    "positionwise_feed_forward.layers.0.conv.": "feed.first.",
    "positionwise_feed_forward.layers.1.conv.": "feed.second.",
    "layer_norm_mha_dec.": "norm1.",
    "layer_norm_mha_enc.": "norm2.",
    "layer_norm_mha.": "norm1.",
    "layer_norm.": "norm.",
    "generator.proj.": "generator.words.",
    "generator.p_gen_linear.": "generator.gate.",
}


def take_official(
    system: nn.Module, state: Mapping[str, Tensor], names: Mapping[str, str], unused: tuple[str, ...]
) -> None:
    """Load a state dict of the official code.

    Args:
        system: Of the same sizes.
        state: Official name → tensor.
        names: What the names of this system's own parts become; then come those that all of them share.
        unused: Beginnings of the names that the original holds and never reads.

    Raises:
        CheckpointError: If names or shapes do not fit.
    """
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        if name.startswith(unused):
            continue
        ours = name
        for theirs, own in {**names, **OFFICIAL}.items():
            ours = ours.replace(theirs, own)
        # The norm before the convolutions is the second of an encoder's layer and the third of a decoder's.
        ours = ours.replace("layer_norm_ffn.", "norm3." if ours.startswith("decoder.") else "norm2.")
        found[ours] = value
    try:
        system.load_state_dict(found)
    except RuntimeError as error:
        kind = type(system).__name__
        raise CheckpointError(f"the weights don't fit {kind}: {str(error).splitlines()[-1].strip()}") from error
