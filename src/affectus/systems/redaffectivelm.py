"""REDAffectiveLM: the emotions of a text's readers, from its context and from its affective words.

Kadan, Deepak P., Gangan, Abraham and Lajish (2024), "Leveraging Affect Enriched Embedding and Transformer-based Neural
Language Model for Readers' Emotion Detection", Knowledge and Information Systems 66(12), arXiv:2301.08995. A pretrained
encoder reads the text; a bidirectional ReLU-LSTM with attention reads frozen word vectors that were bent by emotion
(`affectus.frontends.counterfit`); two dense layers join both. It learns profiles, not classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from affectus import backbones
from affectus.affect import Evidence
from affectus.batch import Batch
from affectus.card import Card
from affectus.config import Config
from affectus.errors import ConfigError, check_option
from affectus.frontends.cleaning import content_words
from affectus.frontends.tokens import TextCollate, gold_rows
from affectus.frontends.vectors import WordVectors, read_vectors, word_keys
from affectus.nn.fitted import Fitted
from affectus.nn.losses import loss_on
from affectus.nn.recurrent import ReluLSTM
from affectus.readout import read_out
from affectus.sample import Item, Sample, flatten
from affectus.system import System
from affectus.taxonomy import Target, scale
from affectus.timeline import Timeline

PADS_IN_CONTEXT = "pads-in-context"  # the encoder gets no mask: it attends to padding
PADS_IN_WORDS = "pads-in-words"  # padding is read as words that are zero
LAST_WORDS = "last-words"  # of a longer text the last words are kept, as Keras truncates by default
RANDOM_UNKNOWN = "random-unknown"  # a word without a vector gets normal noise instead of zeros
ONES_ATTENTION = "ones-attention"  # "uniform" attention is a weight of ones, which does look at the states
COMPAT = (PADS_IN_CONTEXT, PADS_IN_WORDS, LAST_WORDS, RANDOM_UNKNOWN, ONES_ATTENTION)
_NOISES = 997  # vectors that unknown words share by their key
_STRONGEST = 5  # words of evidence in one reading


@dataclass(frozen=True, kw_only=True)
class REDAffectiveLMConfig(Config):
    """Configuration of `REDAffectiveLM`.

    Args:
        targets: One one-of scale, whose gold is a profile.
        branch: `both`, or one branch alone as in the paper's ablations.
        backbone: Reference to the context encoder.
        pooling: Vector of a document: the state of the `last` position, before which padding is put (XLNet ends with
            its summarising token), or the `mean` over the tokens of the text.
        max_length: Tokens that the encoder reads, special ones included.
        text: What the context branch reads: `clean`, the words that the affect branch reads, as the paper does; or
            `raw`, the text as it stands.
        words: Words that the affect branch reads.
        vectors: File of word vectors, see `read_vectors`; the checkpoint owns what was read from it.
        dimensions: Numbers of a word vector.
        units: Numbers of the LSTM's state in each direction.
        attention: `learned`, or `uniform`: the mean over the words.
        context_dropout: On the document vector.
        affect_dropout: On the states of the LSTM.
        layers: Dense layers between the joined vector and the output, as wide as it.
        penalty: Factor on the sum of squares of the LSTM's kernels.
    """

    targets: tuple[Target, ...] = (Target("ren-5", "evoked"),)
    branch: Literal["both", "context", "affect"] = "both"
    backbone: str = "asset:minilm-l6"
    pooling: Literal["last", "mean"] = "mean"
    max_length: Annotated[int, Field(ge=4)] = 35
    text: Literal["clean", "raw"] = "clean"
    words: Annotated[int, Field(ge=1)] = 10
    vectors: str = ""
    dimensions: Annotated[int, Field(ge=1)] = 100
    units: Annotated[int, Field(ge=1)] = 100
    attention: Literal["learned", "uniform"] = "learned"
    context_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    affect_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    layers: Annotated[int, Field(ge=0)] = 2
    penalty: Annotated[float, Field(ge=0)] = 0.001

    def __post_init__(self) -> None:
        for name in self.compat:
            check_option("compat", name, COMPAT)
        if len(self.targets) != 1 or scale(self.targets[0].scale).kind != "one-of":
            raise ConfigError(
                f"targets are {[t.scale for t in self.targets]}", allowed="one scale of kind one-of, such as ren-5"
            )


class Words(NamedTuple):
    """What `decode` needs of a text: the text, the words that the affect branch read, and warnings."""

    text: str
    words: list[str]
    flags: tuple[str, ...]


@dataclass(frozen=True)
class REDAffectiveLMCollate:
    """Texts → token ids of the context branch and word keys of the affect branch.

    `inputs` of a batch: with a context branch `ids`, `valid`, `content` (b, t) as in `TextCollate`; with an affect
    branch `words` (b, config.words) int64 keys, 0 where there is no word. `notes` is a list of `Words`.
    """

    config: REDAffectiveLMConfig

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate samples, or the turns of dialogues."""
        samples = flatten(items)
        cleaned = [content_words(sample.text or "") for sample in samples]
        inputs: dict[str, np.ndarray] = {}
        flags: list[set[str]] = [set() for _ in samples]
        if self.config.branch != "affect":
            inputs |= self._context(samples, cleaned, flags)
        kept: list[list[str]] = [[] for _ in samples]
        if self.config.branch != "context":
            kept = [self._kept(words, flag) for words, flag in zip(cleaned, flags, strict=True)]
            inputs["words"] = np.zeros((len(kept), self.config.words), np.int64)
            for row, words in zip(inputs["words"], kept, strict=True):
                row[: len(words)] = word_keys(words)
        for flag, sample, words in zip(flags, samples, cleaned, strict=True):
            raw = self.config.text == "raw" and self.config.branch != "affect"
            if not (sample.text or "").strip() if raw else not words:
                flag.add("empty")
        name = self.config.targets[0].scale
        gold = gold_rows(samples, name)
        notes = [Words(s.text or "", w, tuple(sorted(f))) for s, w, f in zip(samples, kept, flags, strict=True)]
        return Batch(inputs, {} if gold is None else {name: gold}, [s.span for s in samples], notes)

    def lengths(self, samples: Sequence[Sample]) -> list[int]:
        """Number of words of each sample: what batches are sorted by."""
        return [len(content_words(sample.text or "")) for sample in samples]

    def _context(
        self, samples: Sequence[Sample], cleaned: Sequence[list[str]], flags: Sequence[set[str]]
    ) -> dict[str, np.ndarray]:
        if self.config.text == "clean":
            samples = [replace(s, text=" ".join(words)) for s, words in zip(samples, cleaned, strict=True)]
        tokens = self._tokens.encode(samples)
        for flag, found in zip(flags, tokens, strict=True):
            flag.update(("truncated",) if len(found.windows) > 1 or "truncated" in found.flags else ())
        padded = self._tokens.pad([found.windows[0] for found in tokens])
        if PADS_IN_CONTEXT in self.config.compat:
            short = self.config.max_length - padded["ids"].shape[1]
            filling = {"ids": self._tokens.padding, "valid": False, "content": False}
            padded = {k: np.pad(v, ((0, 0), (0, short)), constant_values=filling[k]) for k, v in padded.items()}
        if self.config.pooling == "last":
            shift = padded["valid"].shape[1] - padded["valid"].sum(1)
            padded = {
                k: np.stack([np.roll(row, n) for row, n in zip(v, shift, strict=True)]) for k, v in padded.items()
            }
        return padded

    def _kept(self, words: list[str], flags: set[str]) -> list[str]:
        n = self.config.words
        if len(words) <= n:
            return words
        flags.add("truncated")
        return words[-n:] if LAST_WORDS in self.config.compat else words[:n]

    @cached_property
    def _tokens(self) -> TextCollate:
        return TextCollate(self.config.backbone, max_length=self.config.max_length)

    def __getstate__(self) -> dict[str, REDAffectiveLMConfig]:
        return {"config": self.config}


class StepAttention(nn.Module):
    """Attention with a bias a step: e_t = tanh(h_t·w + b_t), a_t = exp(e_t) / (Σ exp(e_s) + 1e-7), Σ a_t h_t.

    Args:
        size: Numbers of a state.
        steps: Most steps.
        kind: `learned`, `uniform` (no parameters: every step weighs the same) or `ones` (w is 1 and not learned).
    """

    def __init__(self, size: int, steps: int, kind: str) -> None:
        super().__init__()
        self.kind = kind
        if kind == "learned":
            self.weight = nn.Parameter(torch.empty(size).uniform_(-1, 1) * (3 / size) ** 0.5)  # Glorot on a vector
        elif kind == "ones":
            self.register_buffer("weight", torch.ones(size))
        if kind != "uniform":
            self.bias = nn.Parameter(torch.zeros(steps))

    def forward(self, states: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Weighted sum (b, size) and weights (b, t) of states (b, t, size); steps that are not valid weigh 0."""
        if self.kind == "uniform":
            raw = torch.ones_like(states[..., 0])
        else:
            raw = torch.tanh(states @ self.weight + self.bias[: states.shape[1]]).exp()
        raw = raw * valid
        weights = raw / (raw.sum(1, keepdim=True) + 1e-7)
        return torch.einsum("bt,btf->bf", weights, states), weights


class REDAffectiveLM(System):
    """Reads the emotion profile of a text's readers.

    Args:
        config: Sizes and names.
        context: Encoder to use instead of loading `config.backbone`.
    """

    Config = REDAffectiveLMConfig
    modality = "text"
    default_run: ClassVar[dict[str, Any]] = {
        "epochs": 8,
        "select": "best",
        "optim": [{"match": "backbone.*", "lr": 1e-4}, {"lr": 1e-3}],
    }

    def __init__(self, config: REDAffectiveLMConfig, context: nn.Module | None = None) -> None:
        # The checkpoint owns its vectors, and has to open where the file that they came from does not exist.
        super().__init__(replace(config, vectors=""))
        width = 0
        if config.branch != "affect":
            encoder: Any = context if context is not None else backbones.text_encoder(config.backbone)
            _drop_unread(encoder)
            self.backbone = encoder
            self.context_dropout = nn.Dropout(config.context_dropout)
            width += encoder.config.hidden_size
        if config.branch != "context":
            self.table = _table(config)
            self.ahead = ReluLSTM(config.dimensions, config.units)
            self.back = ReluLSTM(config.dimensions, config.units, backwards=True)
            self.affect_dropout = nn.Dropout(config.affect_dropout)
            kind = "ones" if config.attention == "uniform" and ONES_ATTENTION in config.compat else config.attention
            self.attention = StepAttention(2 * config.units, config.words, kind)
            width += 2 * config.units
        self.dense = nn.ModuleList(_dense(width, width) for _ in range(config.layers))
        self.output = _dense(width, len(scale(config.targets[0].scale)))
        self.collate = REDAffectiveLMCollate(self.config)

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        """Logits of the profile, and the weights of the words.

        Args:
            **inputs: Of `REDAffectiveLMCollate`.

        Returns:
            The scale's name → (b, k) logits; with an affect branch also `attention` (b, t) for the t words of the
            longest text, summing to 1 over the words of each, and `known` (b,), how many of them have a vector.
        """
        return self.head(**self.encode(**inputs))

    def encode(
        self,
        ids: Tensor | None = None,
        valid: Tensor | None = None,
        content: Tensor | None = None,
        words: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Document vectors (b, d) of the context branch; the keys of the words are passed on."""
        encoded: dict[str, Tensor] = {}
        if ids is not None and valid is not None and content is not None:
            mask = None if PADS_IN_CONTEXT in self.config.compat else valid.long()
            states = self.backbone(input_ids=ids, attention_mask=mask).last_hidden_state
            if self.config.pooling == "last":
                encoded["document"] = states[:, -1]
            else:
                share = content.to(states.dtype) / content.sum(1, keepdim=True).clamp(min=1)
                encoded["document"] = torch.einsum("bt,btf->bf", share, states)
        return encoded if words is None else encoded | {"words": words}

    def head(self, document: Tensor | None = None, words: Tensor | None = None) -> dict[str, Tensor]:
        """What `forward` gives, from the output of `encode`."""
        joined, extra = [], {}
        if document is not None:
            joined.append(self.context_dropout(document))
        if words is not None:
            if PADS_IN_WORDS not in self.config.compat:  # steps after the longest text change nothing
                words = words[:, : max(1, int((words != 0).sum(1).max()))].contiguous()
            vectors, known = self.look_up(words)
            steps = torch.ones_like(words, dtype=torch.bool) if PADS_IN_WORDS in self.config.compat else words != 0
            states = torch.cat([self.ahead(vectors, steps), self.back(vectors, steps)], 2)
            summary, weights = self.attention(self.affect_dropout(states), steps)
            joined.append(summary)
            extra = {"attention": weights, "known": known.sum(1).to(weights.dtype)}
        x = torch.cat(joined, 1)
        for layer in self.dense:
            x = torch.relu(layer(x))
        return {self.config.targets[0].scale: self.output(x), **extra}

    def look_up(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors (b, t, d) of word keys (b, t), zeros where there is no word, and which words have their own."""
        keys, vectors = self.table.keys, self.table.vectors
        found = torch.zeros(*words.shape, vectors.shape[1], dtype=vectors.dtype, device=words.device)
        known = torch.zeros_like(words, dtype=torch.bool)
        if len(keys):
            rows = torch.searchsorted(keys, words).clamp(max=len(keys) - 1)
            known = (keys[rows] == words) & (words != 0)
            found = torch.where(known[..., None], vectors[rows], found)
        if RANDOM_UNKNOWN in self.config.compat:
            strange = (words != 0) & ~known
            found = torch.where(strange[..., None], self.table.noise[words.remainder(_NOISES)], found)
        return found, known

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Mean squared error of the profile, and the penalty on the LSTM's kernels."""
        name = self.config.targets[0].scale
        if name not in batch.targets:
            raise ConfigError("the batch has no gold", allowed=name)
        terms = {name: loss_on(torch.softmax(outputs[name], 1), batch.targets[name], "level")}
        if self.config.branch != "context":
            kernels = (self.ahead.kernel, self.ahead.recurrent, self.back.kernel, self.back.recurrent)
            terms["penalty"] = self.config.penalty * torch.stack([k.square().sum() for k in kernels]).sum()
        return terms

    def logits(self, items: Iterable[Item | str], batch_size: int = 32) -> dict[str, np.ndarray]:
        """Uncalibrated outputs of each text, scale name → (texts, k); NaN for an empty text. Calibration needs them."""
        name = self.config.targets[0].scale
        parts = [_silenced(outputs[name], batch) for outputs, batch in self.run(items, batch_size)]
        return {name: np.concatenate([np.empty((0, len(scale(name)))), *parts])}

    def attended(self, items: Iterable[Item | str]) -> list[list[tuple[str, float]]]:
        """The words that the affect branch reads of each text, with their weights (which sum to 1).

        Raises:
            ConfigError: If there is no affect branch.
        """
        if self.config.branch == "context":
            raise ConfigError("a context branch alone weighs no words", allowed="branch: both or affect")
        return [
            list(zip(note.words, map(float, row), strict=False))
            for outputs, batch in self.run(items)
            for note, row in zip(batch.notes, outputs["attention"], strict=True)
        ]

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Readings with the profile as scores; evidence are the words that were attended to most, with their weight."""
        name = self.config.targets[0].scale
        nothing = np.zeros((len(batch.spans), self.config.words))
        flags = [list(note.flags) for note in batch.notes]
        if self.config.branch == "affect":
            for row, note, known in zip(flags, batch.notes, outputs["known"], strict=True):
                row += ["no-known-word"] if note.words and not known and not _noisy(self.config) else []
        return read_out(
            batch.spans,
            {name: _silenced(outputs[name], batch)},
            self.readouts,
            by=self.name,
            modality="text",
            text=[note.text for note in batch.notes],
            evidence=[_evidence(n, row) for n, row in zip(batch.notes, outputs.get("attention", nothing), strict=True)],
            flags=flags,
        )


def _evidence(note: Words, weights: np.ndarray) -> list[Evidence]:
    chosen = np.sort(np.argsort(-weights[: len(note.words)], kind="stable")[:_STRONGEST])
    return [Evidence("word", text=note.words[i], weight=float(weights[i])) for i in chosen if weights[i]]


def _silenced(logits: np.ndarray, batch: Batch) -> np.ndarray:
    """Nothing can be said of an empty text."""
    return np.where([["empty" in note.flags] for note in batch.notes], np.nan, logits)


def _noisy(config: REDAffectiveLMConfig) -> bool:
    return RANDOM_UNKNOWN in config.compat


def _dense(size: int, width: int) -> nn.Linear:
    layer = nn.Linear(size, width)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _drop_unread(backbone: nn.Module) -> None:
    """Take away or freeze what nothing depends on: BERT's pooler, XLNet's parts for segments and masked prediction."""
    if isinstance(getattr(backbone, "pooler", None), nn.Module):
        backbone.register_module("pooler", None)
    for name, parameter in backbone.named_parameters():
        if name.rsplit(".", 1)[-1] in ("mask_emb", "seg_embed", "r_s_bias"):
            parameter.requires_grad_(False)


def _table(config: REDAffectiveLMConfig) -> Fitted:
    """Word keys in ascending order with their vectors; without a file, none."""
    words = WordVectors((), np.empty((0, config.dimensions), np.float32))
    if config.vectors:
        words = read_vectors(config.vectors)
        if words.vectors.shape[1] != config.dimensions:
            raise ConfigError(
                f"the vectors of {config.vectors!r} have {words.vectors.shape[1]} numbers",
                allowed=f"{config.dimensions}, or another value of dimensions",
            )
    keys = word_keys(words.words)
    order = np.argsort(keys)
    noise = {}
    if _noisy(config):
        noise["noise"] = np.random.default_rng(7).normal(size=(_NOISES, config.dimensions)).astype(np.float32)
    return Fitted(keys=keys[order], vectors=words.vectors[order], **noise)


CARD = Card(
    system="redaffectivelm",
    cls="REDAffectiveLM",
    roles=("reader",),
    modalities=("text",),
    unit="turn",
    title="Readers' emotion profile from a language model and affect-enriched word vectors",
    paper="Kadan, Deepak P., Gangan, Abraham and Lajish 2024, KAIS 66(12), 7495–7525, arXiv:2301.08995",
    licence="code Apache-2.0, written from the paper's equations; no weights or vectors are published",
    proof="equations",
    limits="English; short texts such as headlines: what is longer than `words` and `max_length` is cut and flagged.",
    expected_failures={"check_onnx": "the words are cut to the longest text of a batch, which no traced graph follows"},
    ablation={"enriched": False},
    ablated="Plain word vectors, which know the topic of a word and not its emotion.",
    task="affectus.testing.tasks.affect_words:affect_words",
)

VARIANTS = {
    "tiny": REDAffectiveLMConfig(
        backbone="tiny:xlnet",
        pooling="last",
        dimensions=8,
        units=8,
        context_dropout=0.0,
        affect_dropout=0.0,
        compat=("random-unknown",),
    ),
    "minilm": REDAffectiveLMConfig(max_length=64, words=24),
    "minilm-context": REDAffectiveLMConfig(max_length=64, branch="context", context_dropout=0.5, layers=0),
    "minilm-uniform": REDAffectiveLMConfig(max_length=64, words=24, attention="uniform"),
    "large": REDAffectiveLMConfig(backbone="hf:xlnet/xlnet-large-cased", pooling="last"),
    "large-context": REDAffectiveLMConfig(
        backbone="hf:xlnet/xlnet-large-cased", pooling="last", branch="context", context_dropout=0.5, layers=0
    ),
    "large-uniform": REDAffectiveLMConfig(backbone="hf:xlnet/xlnet-large-cased", pooling="last", attention="uniform"),
    "affect": REDAffectiveLMConfig(branch="affect", dimensions=300, units=300, layers=0),
}
