"""Emotion-aware Transformer-XL: the speaker's emotion is detected, added to every word, and a reply is generated.

Goel, Susan, Vashisht and Dhanda 2021, "Emotion-Aware Transformer Encoder for Empathetic Dialogue Generation", ACIIW,
arXiv:2204.11320; official code r9729104234/Emotion-Aware-Transformer-Encoder-for-Empathetic-Dialogue-Generation (a
notebook, without a licence and without weights). Verified: the equations, by a second computation in float64 and by
Keras's conventions for the notebook's plain form. Ours: the detector and the decoding, which the notebook lacks, and
the sizes of the Transformer-XL form, which are those of the notebook. Not verified: the paper's figures.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from affectus.affect import Affect
from affectus.batch import Batch
from affectus.card import Card
from affectus.config import Config
from affectus.errors import CheckpointError, ConfigError, check_option
from affectus.frontends.replies import Pairing, Rehearsed, ReplyCollate, SaidCollate, label_meant
from affectus.frontends.subwords import BYTES, END, PAD, START, Subwords, learn
from affectus.nn.attention import Attention
from affectus.nn.generation import Decoding, generate
from affectus.nn.losses import loss_on
from affectus.nn.transformer_xl import DecoderLayer, EncoderLayer, RelativeAttention, Stack, sinusoids
from affectus.readout import read_out
from affectus.reply import Reply
from affectus.sample import Dialogue, Item, as_items, conversations, flatten
from affectus.system import System
from affectus.taxonomy import Target, scale
from affectus.timeline import Timeline

GROUPS = Target("empathetic-dialogues-8", "felt")
REPLY = "reply"
GREEDY = Decoding()
QUIRKS = {
    "gold-emotion": "replies go by the gold label where a turn has one, as in the notebook, which has no detector"
}
Emotion = Literal["detected", "gold"]
Size = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, kw_only=True)
class EmotionDetectorConfig(Config):
    """Configuration of `EmotionDetector`; all of it is ours, as the notebook has none.

    Args:
        targets: The scale that is read: exactly one of kind one-of.
        vocabulary: Subwords, bytes and marks included; learned from the training texts.
        width: Features of a token.
        inner: Features inside the feed-forward part.
        layers: Attention layers.
        heads: Attention heads.
        dropout: Share of features dropped in training.
        most: Tokens that are read, the last ones of what somebody has said.
        cleaned: Whether texts are cleaned as in the notebook, see `affectus.frontends.replies.notebook_text`.
    """

    targets: tuple[Target, ...] = (GROUPS,)
    vocabulary: Annotated[int, Field(ge=BYTES)] = 2**13
    width: Size = 128
    inner: Size = 256
    layers: Size = 1
    heads: Size = 4
    dropout: Share = 0.3
    most: Annotated[int, Field(ge=8)] = 120
    cleaned: bool = False


@dataclass(frozen=True, kw_only=True)
class EmotionAwareTransformerConfig(Config):
    """Configuration of `EmotionAwareTransformer`; sizes are those of the notebook.

    Args:
        targets: The scale of the emotions: exactly one of kind one-of.
        detector: Sizes of the detector; targets are taken from here, and cleaning from the pairing.
        stack: `xl`: relative positions and memories; `plain`: absolute positions, as in the notebook.
        width: Features of a token.
        inner: Features inside the feed-forward parts.
        layers: Of the encoder, and of the decoder.
        heads: Attention heads.
        dropout: Share of features dropped in training.
        aware: Whether the emotion is added to the words.
        history: Stretches of the dialogue before the answered one that the encoder's memory is made of.
        memory: Places that each layer remembers; 0 is a Transformer with relative positions.
        segment: Tokens of a reply that the decoder sees at once, the earlier ones by its memory; 0 sees all.
        longest: Tokens of a stretch and of a reply, marks included. Longer pairs are left out of training.
        pairing: What answers what, see `affectus.frontends.replies.pairs`; `prompt-utterance` cleans as the notebook.
        normalise: What the summed loss is divided by: `tokens` of the replies, or all `positions` up to the longest
            reply, as in the notebook.
        decoding: How a reply is chosen; `longest` bounds it too.
        compat: Names of `QUIRKS`.
    """

    targets: tuple[Target, ...] = (GROUPS,)
    detector: EmotionDetectorConfig = EmotionDetectorConfig()
    stack: Literal["xl", "plain"] = "xl"
    width: Size = 256
    inner: Size = 512
    layers: Size = 2
    heads: Size = 8
    dropout: Share = 0.1
    aware: bool = True
    history: Annotated[int, Field(ge=0)] = 2
    memory: Annotated[int, Field(ge=0)] = 120
    segment: Annotated[int, Field(ge=0)] = 0
    longest: Annotated[int, Field(ge=3)] = 40
    pairing: Pairing = "speaker-listener"
    normalise: Literal["tokens", "positions"] = "tokens"
    decoding: Decoding = GREEDY

    def __post_init__(self) -> None:
        if self.stack == "plain" and (self.history or self.memory or self.segment):
            raise ConfigError(
                f"a plain stack with history {self.history}, memory {self.memory} and segment {self.segment}",
                allowed="0 for all three: it remembers nothing",
                remedy="stack: xl",
            )
        for name in self.compat:
            check_option("compat", name, QUIRKS)


class EmotionDetector(System):
    """Reads each turn of a dialogue from what the same person has said so far.

    Args:
        config: Sizes.
    """

    Config = EmotionDetectorConfig
    modality = "text"
    merges: Tensor
    default_run: ClassVar[dict[str, Any]] = {"epochs": 10, "batch": 32, "select": "best", "optim": [{"lr": 1e-3}]}

    def __init__(self, config: EmotionDetectorConfig) -> None:
        super().__init__(config)
        self.target = _one_target(config.targets)
        self.register_buffer("merges", torch.zeros(config.vocabulary - BYTES, 2, dtype=torch.int32))
        self.words = _embedding(config.vocabulary, config.width)
        shape = (config.width, config.inner, config.dropout)
        self.encoder = Stack(
            [EncoderLayer(Attention(config.width, config.heads), *shape) for _ in range(config.layers)]
        )
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(config.width, len(scale(self.target)))

    @property
    def collate(self) -> SaidCollate:  # type: ignore[override]
        """Makes tokens by the vocabulary as it is now; it changes when weights are loaded or learned."""
        config = self.config
        return SaidCollate(self.subwords, config.targets[0], config.most, config.cleaned)

    @property
    def subwords(self) -> Subwords:
        """The vocabulary."""
        return Subwords.of(self.merges.cpu().numpy())

    def prepare(self, items: Sequence[Item]) -> None:
        """Learn the vocabulary from the training texts, unless it came with the weights."""
        if not self.merges.any():
            collate = self.collate
            texts = [turn.text or "" for turn in flatten(items)]
            texts = [collate.written(text) for text in texts]
            self.merges.copy_(torch.from_numpy(learn(texts, self.config.vocabulary)))

    def forward(self, said: Tensor) -> dict[str, Tensor]:
        """Logits (turns, k) by the name of the scale, from token numbers (turns, tokens)."""
        valid = said != PAD
        x = self.words(said) * self.config.width**0.5 + _places(said, self.config.width)
        states, _ = self.encoder(self.dropout(x), valid)
        weights = valid.to(states.dtype)
        mean = torch.einsum("nt,ntf->nf", weights / weights.sum(1, keepdim=True).clamp(min=1), states)
        return {self.target: self.out(self.dropout(mean))}

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of the turns that have gold; 0 in a batch where none has."""
        return {self.target: detection_loss(outputs[self.target], batch)}

    def logits(self, items: Iterable[Item | str], batch_size: int = 16) -> dict[str, np.ndarray]:
        """Uncalibrated outputs of each turn, scale name → (turns, k); NaN where there was nothing to read."""
        parts = [np.empty((0, len(scale(self.target))), np.float32)]
        parts += [_read(outputs, batch, self.target) for outputs, batch in self.run(conversations(items), batch_size)]
        return {self.target: np.concatenate(parts)}

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Calibrated readings; an empty turn has none and is flagged."""
        return _timeline(self, outputs, batch, self.target)


class EmotionAwareTransformer(System):
    """Answers dialogues: what is said and the emotion detected in it go into an encoder, a decoder writes the reply.

    Args:
        config: Sizes and switches.
    """

    Config = EmotionAwareTransformerConfig
    modality = "text"
    default_run: ClassVar[dict[str, Any]] = {
        "epochs": 20,
        "batch": 32,
        "select": "best",
        "patience": 3,
        "sampler": "length",
        "optim": [{"lr": 1e-3}],
    }

    def __init__(self, config: EmotionAwareTransformerConfig) -> None:
        super().__init__(config)
        self.target = _one_target(config.targets)
        cleaned = config.pairing == "prompt-utterance"
        self.detector = EmotionDetector(replace(config.detector, targets=config.targets, cleaned=cleaned))
        vocabulary, width, shape = config.detector.vocabulary, config.width, (config.inner, config.dropout)
        self.words = _embedding(vocabulary, width)
        self.emotions = _embedding(len(scale(self.target)), width) if config.aware else None
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.reply_words = _embedding(vocabulary, width)
        attention = RelativeAttention if config.stack == "xl" else Attention
        heads, layers = config.heads, range(config.layers)
        self.encoder = Stack([EncoderLayer(attention(width, heads), width, *shape) for _ in layers], config.memory)
        self.decoder = Stack(
            [DecoderLayer(attention(width, heads), width, heads, *shape) for _ in layers], config.memory
        )
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(width, vocabulary)
        nn.init.xavier_uniform_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    @property
    def collate(self) -> ReplyCollate:  # type: ignore[override]
        """Makes tokens by the vocabulary as it is now."""
        config = self.config
        return ReplyCollate(self.detector.collate, config.pairing, config.history, config.longest)

    def prepare(self, items: Sequence[Item]) -> None:
        """Learn the vocabulary from the training texts, unless it came with the detector."""
        self.detector.prepare(items)

    # -- network -----------------------------------------------------------------------------------------------------
    def entry(self, tokens: Tensor, emotion: Tensor) -> Tensor:
        """H₀ = LayerNorm(W + S), (b, t, width): the words, and the emotion at every place, both times √width.

        Args:
            tokens: (b, t).
            emotion: (b,) labels.
        """
        x = self.words(tokens) * self.config.width**0.5
        if self.emotions is not None:
            x = x + (self.emotions(emotion) * self.config.width**0.5)[:, None]
        return self.norm(x)

    def encode_dialogue(self, source: Tensor, emotion: Tensor) -> tuple[Tensor, Tensor]:
        """States (b, t, width) of the answered stretch, which looks back through the memory, and where they are (b, t).

        Args:
            source: (b, stretches, t).
            emotion: (b,).
        """
        states, memory = torch.empty(0), None
        for tokens in source.unbind(1):
            states, memory = self.encoder(self._placed(tokens, self.entry(tokens, emotion)), tokens != PAD, memory)
        return states, source[:, -1] != PAD

    def write(self, before: Tensor, read: tuple[Tensor, Tensor]) -> Tensor:
        """The decoder's states (b, t, width) at each token so far (b, t), from what the encoder gave."""
        x = self._placed(before, self.reply_words(before) * self.config.width**0.5)
        return self.decoder.by_segments(x, before != PAD, self.config.segment, read)

    def _placed(self, tokens: Tensor, x: Tensor) -> Tensor:
        plain = self.config.stack == "plain"
        return self.dropout(x + _places(tokens, self.config.width) if plain else x)

    def forward(
        self, said: Tensor, source: Tensor, before: Tensor, emotion: Tensor, answered: Tensor
    ) -> dict[str, Tensor]:
        """Logits of the emotions (turns, k) by the name of the scale, and of each token of the replies (pairs, t, V).

        Where the emotion is not known, it is the one that the detector finds likeliest. Arguments as `ReplyCollate`
        makes them.
        """
        outputs = self.detector(said)
        shown = self._shown(outputs[self.target], emotion, answered)
        return outputs | {REPLY: self.out(self.write(before, self.encode_dialogue(source, shown)))}

    def _shown(self, detected: Tensor, emotion: Tensor, answered: Tensor) -> Tensor:
        return torch.where(emotion < 0, detected[answered].argmax(1), emotion)

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of the tokens of the replies; beside it the detector's, unless that is frozen."""
        tokens = batch.targets["tokens"]
        total = F.cross_entropy(outputs[REPLY].flatten(0, 1), tokens.flatten(), ignore_index=PAD, reduction="sum")
        by_tokens = self.config.normalise == "tokens"
        count = (tokens != PAD).sum() if by_tokens else torch.tensor(len(tokens) * (self.config.longest - 1))
        terms = {REPLY: total / count.clamp(min=1)}
        if self.detector.out.weight.requires_grad:
            terms[self.target] = detection_loss(outputs[self.target], batch)
        return terms

    # -- reading -----------------------------------------------------------------------------------------------------
    def read(self, items: Iterable[Item | str], batch_size: int = 16) -> Timeline:
        """The detector's readings of all turns, in input order; nothing is generated."""
        return Timeline.concat([self.decode(*part) for part in self.detector.run(items, batch_size)])

    def logits(self, items: Iterable[Item | str], batch_size: int = 16) -> dict[str, np.ndarray]:
        """Uncalibrated outputs of the detector, as there."""
        return self.detector.logits(items, batch_size)

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Calibrated readings; an empty turn has none and is flagged."""
        return _timeline(self, outputs, batch, self.target)

    # -- answering ---------------------------------------------------------------------------------------------------
    def respond(self, dialogue: Dialogue, intended: Affect | None = None, how: Decoding | None = None) -> Reply:
        """A reply to what was said last.

        Args:
            dialogue: What was said; the turns at the end that one person says in a row are answered.
            intended: The emotion to go by instead of the detected one, on the system's scale or one with a map to it.
                The system has one emotion, that of the speaker, and takes the tone of its reply from it.
            how: How the reply is chosen; None takes `config.decoding`.

        Raises:
            InputError: If nothing is said at the end, or no map leads from `intended` to the system's scale.
        """
        began = time.perf_counter()
        batch = self.collate.ask(dialogue)
        if intended is not None:
            batch.inputs["emotion"][:] = label_meant(intended, self.target)
        emotion: Emotion = "detected" if intended is None else "gold"
        [text], [number], [share] = self._replies(batch, how or self.config.decoding, emotion)
        label, [row] = scale(self.target).labels[number], batch.inputs["answered"]
        told = self._inputs(batch, emotion)["emotion"][0] >= 0
        reasons = [f"goes by {label}, as told" if told else f"the speaker seems {label} ({share:.2f})"]
        reasons += ["of what was said last, only the end is read"] * ("truncated" in batch.notes[row][1])
        seconds = {"reply": time.perf_counter() - began}
        return Reply(text, intended=intended, reasons=tuple(reasons), by={"text": self.name}, seconds=seconds)

    def rehearse(
        self,
        items: Iterable[Item],
        how: Decoding | None = None,
        *,
        emotion: Emotion = "detected",
        write: bool = True,
        batch_size: int = 32,
    ) -> Iterator[Rehearsed]:
        """For each reply in some dialogues: how likely it is, and what the system would have said.

        Args:
            items: Dialogues.
            how: How replies are chosen; None takes `config.decoding`.
            emotion: `gold` goes by gold labels where there are some.
            write: Whether the system answers too.
            batch_size: Dialogues at a time.
        """
        rows = as_items(items)
        for at in range(0, len(rows), batch_size):
            batch = self.collate(rows[at : at + batch_size])
            nll = self._surprise(batch, emotion)
            said = self._replies(batch, how or self.config.decoding, emotion)[0] if write else [""] * len(nll)
            for tokens, row, reply in zip(batch.targets["tokens"], nll, said, strict=True):
                reference = self.detector.subwords.decode(tokens.tolist())
                yield Rehearsed(reference, reply, float(row.sum()), int((tokens != PAD).sum()))

    def _inputs(self, batch: Batch, emotion: Emotion) -> dict[str, Tensor]:
        inputs = batch.to(self.device).inputs
        gold = emotion == "gold" or "gold-emotion" in self.config.compat
        return inputs if gold else inputs | {"emotion": torch.full_like(inputs["emotion"], -1)}

    @torch.no_grad()
    def _surprise(self, batch: Batch, emotion: Emotion) -> Tensor:
        tokens = torch.as_tensor(batch.targets["tokens"]).to(self.device)
        with self._evaluating():
            logits = self(**self._inputs(batch, emotion))[REPLY]
        return F.cross_entropy(logits.transpose(1, 2), tokens, ignore_index=PAD, reduction="none").cpu()

    @torch.no_grad()
    def _replies(self, batch: Batch, how: Decoding, emotion: Emotion) -> tuple[list[str], list[int], list[float]]:
        """Replies to all sources of a batch, the emotion that each goes by, and the detector's probability of it."""
        with self._evaluating():
            inputs = self._inputs(batch, emotion)
            detected = self.detector(inputs["said"])[self.target]
            shown = self._shown(detected, inputs["emotion"], inputs["answered"])
            states, valid = self.encode_dialogue(inputs["source"], shown)

            def step(tokens: Tensor, rows: Tensor) -> Tensor:
                rows = rows.to(self.device)
                return self.out(self.write(tokens.to(self.device), (states[rows], valid[rows]))[:, -1])

            bounded = replace(how, longest=min(how.longest, self.config.longest - 2))
            found = generate(step, len(shown), bounded, start=START, end=END, never=(PAD, *self._unused()))
        p = torch.from_numpy(self.readouts[0].probabilities(detected[inputs["answered"]].cpu().numpy()))
        sure = p.gather(1, shown.cpu()[:, None])[:, 0]
        return [self.detector.subwords.decode(tokens) for tokens in found], shown.tolist(), sure.tolist()

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        before = self.training
        self.eval()
        try:
            yield
        finally:
            self.train(before)

    def _unused(self) -> range:
        """Numbers of the vocabulary that no subword has."""
        return range(self.detector.subwords.size, self.config.detector.vocabulary)


# -- shared by both ----------------------------------------------------------------------------------------------------
def detection_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy of the turns that have gold, 0 where none has; logits (turns, k)."""
    [gold] = [value for name, value in batch.targets.items() if name != "tokens"] or [None]
    return logits.sum() * 0 if gold is None else loss_on(logits, gold, "one-of")


def _one_target(targets: tuple[Target, ...]) -> str:
    if len(targets) != 1 or scale(targets[0].scale).kind != "one-of":
        raise ConfigError(
            f"targets are {', '.join(t.scale for t in targets) or 'none'}", allowed="exactly one scale of kind one-of"
        )
    return targets[0].scale


def _embedding(rows: int, width: int) -> nn.Embedding:
    made = nn.Embedding(rows, width)
    nn.init.uniform_(made.weight, -0.05, 0.05)  # as Keras begins
    return made


def _places(tokens: Tensor, width: int) -> Tensor:
    return sinusoids(torch.arange(tokens.shape[1], device=tokens.device, dtype=torch.get_default_dtype()), width)


def _read(outputs: dict[str, Any], batch: Batch, target: str) -> np.ndarray:
    empty = np.array(["empty" in flags for _, flags in batch.notes], bool)[:, None]
    return np.where(empty, np.float32("nan"), outputs[target])


def _timeline(system: Any, outputs: dict[str, np.ndarray], batch: Batch, target: str) -> Timeline:
    texts, flags = zip(*batch.notes, strict=True) if batch.notes else ((), ())
    common: dict[str, Any] = {"by": system.name, "modality": system.modality, "text": texts, "flags": flags}
    return read_out(batch.spans, {target: _read(outputs, batch, target)}, system.readouts, **common)


# -- the notebook's weights --------------------------------------------------------------------------------------------
def from_keras(
    config: EmotionAwareTransformerConfig, weights: Sequence[np.ndarray], groups: Sequence[int]
) -> EmotionAwareTransformer:
    """The plain system with the weights of the notebook's model.

    Args:
        config: Sizes, with `stack: plain`.
        weights: As `get_weights()` of its layers gives them, in this order: word table, emotion table, norm; of each
            encoder layer query, key, value and output, norm, two dense layers, norm; word table of the decoder; of
            each decoder layer the four of its self-attention, norm, the four on the encoder, norm, two dense layers,
            norm; last layer. A dense layer is its kernel (in, out) and bias, a norm its gain and shift.
        groups: Rows of the emotion table, which is as large as the vocabulary there: the subword that the name of each
            label is, in the order of our scale.

    Raises:
        CheckpointError: If number or shapes differ.
    """
    if config.stack != "plain":
        raise ConfigError(f"stack is {config.stack!r}", allowed="plain, as the notebook's model is")
    system = EmotionAwareTransformer(config)
    given: Iterator[np.ndarray] = iter([np.asarray(w) for w in weights])

    def put(*parameters: Tensor, turn: bool = False) -> None:
        for parameter in parameters:
            array = next(given, np.empty(0))
            array = array.T if turn and array.ndim == 2 else array
            if array.shape != tuple(parameter.shape):
                raise CheckpointError(
                    f"an array of the notebook's weights has shape {array.shape}", allowed=f"{tuple(parameter.shape)}"
                )
            parameter.data.copy_(torch.as_tensor(array))

    def dense(*layers: nn.Linear) -> None:
        for layer in layers:
            put(layer.weight, layer.bias, turn=True)

    def attention(part: Any) -> None:
        for weight, bias in zip(part.in_proj_weight.chunk(3), part.in_proj_bias.chunk(3), strict=True):
            put(weight, bias, turn=True)
        dense(part.out_proj)

    def norm(part: nn.LayerNorm) -> None:
        put(part.weight, part.bias)

    put(system.words.weight)
    if system.emotions is not None:
        table = next(given, np.empty((0, 0)))
        if (row := max(groups)) >= len(table):
            raise CheckpointError(f"the emotion table has shape {table.shape}, and no row {row}")
        given = chain([table[list(groups)]], given)
        put(system.emotions.weight)
    norm(system.norm)
    encoder: Any = system.encoder.layers
    decoder: Any = system.decoder.layers
    for layer in encoder:
        attention(layer.self_attn)
        norm(layer.norm1)
        dense(layer.feed.linear1, layer.feed.linear2)
        norm(layer.norm2)
    put(system.reply_words.weight)
    for layer in decoder:
        attention(layer.self_attn)
        norm(layer.norm1)
        attention(layer.cross_attn)
        norm(layer.norm2)
        dense(layer.feed.linear1, layer.feed.linear2)
        norm(layer.norm3)
    dense(system.out)
    if (left := len(list(given))) > 0:
        raise CheckpointError(f"{left} arrays of the notebook's weights are left over", allowed="those of one model")
    return system.eval()


CARD = Card(
    system="emotion-aware-transformer",
    cls="EmotionAwareTransformer",
    roles=("responder", "reader"),
    modalities=("dialogue",),
    unit="turn",
    title="Replies by a Transformer-XL that adds the speaker's detected emotion to every word",
    paper="Goel et al. 2021, Emotion-Aware Transformer Encoder for Empathetic Dialogue Generation, ACIIW,"
    " arXiv:2204.11320",
    licence="code Apache-2.0; the official notebook has no licence and no weights",
    proof="equations",
    limits="Learns to write from its training dialogues alone: at the sizes that were trained here its replies are"
    " short and often beside the point. No filter looks at what it says. English, small letters.",
    expected_failures={
        "check_onnx": "torch's exporter fixes the lengths of turns and memories to those of the example"
    },
    ablation={"aware": False},
    ablated="The emotion is not added to the words.",
    task="affectus.testing.tasks.first_word:first_word",
)

_SMALL = EmotionDetectorConfig(vocabulary=2048, width=64, inner=128, most=48)

VARIANTS = {
    "tiny": EmotionAwareTransformerConfig(
        detector=EmotionDetectorConfig(vocabulary=320, width=24, inner=32, heads=2, dropout=0.0),
        width=32, inner=48, heads=2, layers=1, dropout=0.0, history=1, memory=16, segment=8,
    ),
    "tiny-detector": EmotionDetectorConfig(vocabulary=320, width=24, inner=32, heads=2, dropout=0.0),
    "base": EmotionAwareTransformerConfig(),
    "base-detector": EmotionDetectorConfig(),
    "small": EmotionAwareTransformerConfig(
        detector=_SMALL, width=96, inner=192, heads=4, layers=1, history=1, memory=80,
    ),
    "small-detector": _SMALL,
    "notebook": EmotionAwareTransformerConfig(
        stack="plain", history=0, memory=0, pairing="prompt-utterance", normalise="positions", compat=("gold-emotion",),
    ),
}  # fmt: skip
