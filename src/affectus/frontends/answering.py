"""What the small empathetic models share: word vectors, an emotion and an answer learned at once, weights of words."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from affectus.affect import Affect, Evidence
from affectus.batch import Batch
from affectus.config import Config
from affectus.errors import ConfigError, InputError, check_option
from affectus.frontends.turn_words import EOS, PAD, REPLY, SOS, SPECIAL, Note, TurnWordsCollate, joined
from affectus.frontends.vectors import read_vectors
from affectus.nn.conv_transformer import ConvDecoder, ConvEncoder, PointerGenerator
from affectus.readout import read_out
from affectus.reply import Reply
from affectus.sample import Dialogue, Item, as_items
from affectus.system import System
from affectus.taxonomy import Target, scale
from affectus.timeline import Timeline

PADS = "pads"  # padding takes part in convolutions and means, as in the official code: a batch changes its members
WEIGHTS = "weights"  # output: how much each word of the context counts
TOLD, SAID = "told", "said"  # outputs: log-probability of each word of the known answer, and the likeliest word there
_EMOTIONS = [
    "surprised", "excited", "annoyed", "proud", "angry", "sad", "grateful", "lonely", "impressed", "afraid",
    "disgusted", "confident", "terrified", "hopeful", "anxious", "disappointed", "joyful", "prepared", "guilty",
    "furious", "nostalgic", "jealous", "anticipating", "embarrassed", "content", "devastated", "sentimental", "caring",
    "trusting", "ashamed", "apprehensive", "faithful",
]  # fmt: skip
_STRONGEST = 5  # words of evidence in one reading


def network_order(labels: Sequence[str]) -> list[str]:
    """Labels in the order of the heads: that of MoEL, EmpDG, CEM and ESCM on their 32 emotions, else as they come."""
    return _EMOTIONS if set(labels) == set(_EMOTIONS) else list(labels)


@dataclass(frozen=True, kw_only=True)
class AnsweringConfig(Config):
    """What the configurations of the small empathetic models share; the defaults are those of their public code.

    Args:
        targets: One scale of kind one-of.
        words: The vocabulary; the labels are added where they are missing.
        vectors: File of word vectors, see `read_vectors`; its words are the vocabulary then, and the checkpoint owns
            both.
        width: Numbers of a word vector and of a state.
        layers: Of encoders and decoder.
        heads: Attention heads.
        depth: Features of keys and values, over all heads.
        inner: Features between the convolutions.
        dropout: Share of features of the context's words dropped in training; the originals drop none.
        longest: Words of a context that are read; of a longer one the last.
        reply_longest: Words of an answer, learned or given.
        compat: `pads`.
    """

    targets: tuple[Target, ...] = (Target("empathetic-dialogues-32", "felt"),)
    words: tuple[str, ...] = ()
    vectors: str = ""
    width: Annotated[int, Field(ge=2)] = 300
    layers: Annotated[int, Field(ge=1)] = 1
    heads: Annotated[int, Field(ge=1)] = 2
    depth: Annotated[int, Field(ge=1)] = 40
    inner: Annotated[int, Field(ge=1)] = 50
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    longest: Annotated[int, Field(ge=1)] = 256
    reply_longest: Annotated[int, Field(ge=1)] = 30

    def __post_init__(self) -> None:
        for name in self.compat:
            check_option("compat", name, (PADS,))
        if len(self.targets) != 1 or scale(self.targets[0].scale).kind != "one-of":
            raise ConfigError(f"targets are {[t.scale for t in self.targets]}", allowed="one scale of kind one-of")
        if len(set(self.words)) != len(self.words):
            raise ConfigError("a word stands twice in the vocabulary", allowed="each word once")


class Understood(NamedTuple):
    """What a model makes of a context.

    Args:
        outputs: Of `forward`, without the answer; `weights` (b, s) among them.
        memory: (b, s, features) what the decoder looks at.
    """

    outputs: dict[str, Tensor]
    memory: Tensor


class AnsweringReader(System, ABC):
    """Reads what the speaker feels and answers; a subclass gives `understand`, and its collate.

    Args:
        config: Sizes and names.
        memory: Features of a word of the context that the decoder looks at.
    """

    Config = AnsweringConfig
    modality = "text"
    collate: TurnWordsCollate
    emotions_ids: Tensor
    default_run: ClassVar[dict[str, Any]] = {
        "epochs": 12,
        "batch": 16,
        "sampler": "length",
        "optim": [{"lr": 1e-3}],
    }

    def __init__(self, config: AnsweringConfig, memory: int) -> None:
        vectors = None
        if config.vectors:
            vectors = read_vectors(config.vectors)
            if vectors.vectors.shape[1] != config.width:
                raise ConfigError(
                    f"the vectors of {config.vectors!r} have {vectors.vectors.shape[1]} numbers",
                    allowed=f"{config.width}, or another width",
                )
            # The checkpoint owns its words, and has to open where the file that they came from does not exist.
            config = replace(config, vectors="", words=vectors.words)
        target = config.targets[0]
        labels = [label.lower() for label in network_order(scale(target.scale).labels)]
        config = replace(config, words=(*config.words, *(label for label in labels if label not in config.words)))
        super().__init__(config)
        self.target = target.scale
        names = network_order(scale(self.target).labels)
        self._order = [names.index(label) for label in scale(self.target).labels]
        size = len(SPECIAL) + len(config.words)
        self.embedding = nn.Embedding(size, config.width, padding_idx=PAD)
        nn.init.normal_(self.embedding.weight, std=0.01 if vectors is not None else config.width**-0.5)
        with torch.no_grad():
            self.embedding.weight[PAD] = 0.0
            if vectors is not None:
                at = len(SPECIAL)
                self.embedding.weight[at : at + len(vectors.words)] = torch.from_numpy(vectors.vectors)
        numbers = [len(SPECIAL) + config.words.index(label) for label in labels]
        self.register_buffer("emotions_ids", torch.tensor(numbers), persistent=False)
        self.decoder = ConvDecoder(
            config.width, memory, layers=config.layers, heads=config.heads, depth=config.depth, inner=config.inner
        )
        self.generator = PointerGenerator(config.width, size)

    def encoder_of(self, given: int, width: int | None = None) -> ConvEncoder:
        """An encoder of the configuration's sizes."""
        c = self.config
        return ConvEncoder(
            given, width or c.width, layers=c.layers, heads=c.heads, depth=c.depth, inner=c.inner, dropout=c.dropout,
            pads=PADS in c.compat,
        )  # fmt: skip

    def embed(self, ids: Tensor) -> Tensor:
        """Word vectors times the root of their width, (…, width)."""
        return self.embedding(ids) * math.sqrt(self.config.width)

    def in_scale(self, logits: Tensor) -> Tensor:
        """Logits (b, k) in the order of the heads → in that of the scale."""
        return logits[:, self._order]

    @abstractmethod
    def understand(self, **inputs: Tensor) -> Understood:
        """What is made of a context; the inputs are those of the collate, without the answer."""

    def answered(self, found: Understood, ids: Tensor, reply: Tensor | None) -> dict[str, Tensor]:
        """Outputs of `forward`: those of the context and, where an answer is known, how likely it is.

        Args:
            found: What was made of the context.
            ids: (b, s) words of the context.
            reply: (b, t) words of the answer.

        Returns:
            With an answer also `told` (b, t), the log-probability of each of its words, 0 behind it, and `said` (b, t),
            the likeliest word there.
        """
        if reply is None:
            return found.outputs
        before = torch.cat([torch.full_like(reply[:, :1], SOS), reply[:, :-1]], 1)
        log_p = self.next_words(before, found.memory, ids)
        known = log_p.gather(2, reply[..., None])[..., 0] * (reply != PAD)
        return found.outputs | {TOLD: known, SAID: log_p.argmax(-1)}

    def next_words(self, before: Tensor, memory: Tensor, source: Tensor) -> Tensor:
        """Log-probabilities (b, t, words) of the word after each of `before` (b, t)."""
        states, looks = self.decoder(self.embed(before), memory, source != PAD)
        return self.generator(states, looks, source)

    def told_loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Negative log-likelihood of a word of the answers that are known; nothing where none is."""
        if REPLY not in batch.inputs:
            return {}
        return {REPLY: -outputs[TOLD].sum() / (batch.inputs[REPLY] != PAD).sum().clamp(min=1)}

    # -- reading ---------------------------------------------------------------------------------------------------
    def logits(self, items: Iterable[Item | str], batch_size: int = 32) -> dict[str, np.ndarray]:
        """Uncalibrated outputs of each row, scale name → (rows, k); NaN for an empty text. Calibration needs them."""
        parts = [self._seen(outputs, batch) for outputs, batch in self.run(items, batch_size)]
        return {self.target: np.concatenate([np.empty((0, len(scale(self.target)))), *parts])}

    def _seen(self, outputs: dict[str, np.ndarray], batch: Batch) -> np.ndarray:
        empty = np.array(["empty" in note.flags for note in batch.notes], bool)
        return np.where(empty[:, None], np.nan, outputs[self.target])

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Readings with the words of the context that count most as evidence; an empty text has no scores."""
        weighed = [self._weighed(note, row) for note, row in zip(batch.notes, outputs[WEIGHTS], strict=True)]
        return read_out(
            batch.spans,
            {self.target: self._seen(outputs, batch)},
            self.readouts,
            by=self.name,
            modality="text",
            text=[note.text for note in batch.notes],
            evidence=[_strongest(words) for words in weighed],
            flags=[note.flags for note in batch.notes],
        )

    @staticmethod
    def _weighed(note: Note, weights: np.ndarray) -> list[tuple[str, float]]:
        """Words of a context with their weights; the first place is that of `CLS`."""
        return [(word, float(w)) for word, w in zip(note.words, weights[1:], strict=False)]

    # -- as a small empathetic model ------------------------------------------------------------------------------
    def emotions(self, context: Item | str) -> dict[str, float]:
        """Label → probability after a context, a text with a turn a line or a dialogue; empty if nothing was said."""
        row = self._last(context)[0][-1]
        return dict(row.scores[self.target])

    def token_weights(self, context: Item | str) -> list[tuple[str, float]]:
        """Words of a context in their order, each with how much it counts for the emotion."""
        _, outputs, batch = self._last(context)
        return self._weighed(batch.notes[0], outputs[WEIGHTS][0])

    @torch.no_grad()
    def _last(self, context: Item | str) -> tuple[Timeline, dict[str, np.ndarray], Batch]:
        """Reading, outputs and batch of the last turn alone."""
        self.eval()
        batch = self.collate.last(context)
        batch.inputs.pop(REPLY, None)
        outputs = {k: v.cpu().numpy() for k, v in self(**batch.to(self.device).inputs).items()}
        return self.decode(outputs, batch), outputs, batch

    # -- answering -------------------------------------------------------------------------------------------------
    @torch.no_grad()
    def answers(self, items: Iterable[Item | str], batch_size: int = 16) -> list[str]:
        """The likeliest answer to each row, word by word (greedy), at most `reply_longest` words."""
        self.eval()
        rows = as_items(items)
        batches = (self.collate(rows[at : at + batch_size]) for at in range(0, len(rows), batch_size))
        return [text for batch in batches for text in self._said(batch)]

    def _said(self, batch: Batch) -> list[str]:
        never = [i for i in range(len(SPECIAL)) if i != EOS]
        inputs = batch.to(self.device).inputs
        inputs.pop(REPLY, None)
        memory = self.understand(**inputs).memory
        words = torch.full((len(memory), 1), SOS, dtype=torch.long, device=self.device)
        for _ in range(self.config.reply_longest):
            log_p = self.next_words(words, memory, inputs["ids"])[:, -1]
            log_p[:, never] = -torch.inf
            words = torch.cat([words, log_p.argmax(-1, keepdim=True)], 1)
            if (words == EOS).any(1).all():
                break
        rows = [row[: row.index(EOS)] if EOS in row else row for row in words[:, 1:].tolist()]
        return [joined([self.collate.word(i) for i in row]) for row in rows]

    @torch.no_grad()
    def respond(self, dialogue: Dialogue, intended: Affect | None = None) -> Reply:
        """The next turn, by greedy decoding; the emotion that was read is told as a reason.

        Raises:
            InputError: If nothing was said, or a feeling to show is asked for: these models know only the speaker's.
        """
        if intended is not None:
            raise InputError(f"{self.name} can't be told what to show", remedy="leave `intended` out")
        started = time.perf_counter()
        timeline, _, batch = self._last(dialogue)
        read, text = timeline[-1], self._said(batch)[0]
        reasons = tuple(f"the speaker feels {label} ({read.scores[self.target][label]:.2f})" for label in read.labels)
        by = {"emotion": self.name, "text": self.name}
        return Reply(text, None, reasons, by, {"all": time.perf_counter() - started})


def _strongest(words: list[tuple[str, float]]) -> list[Evidence]:
    chosen = sorted(np.argsort([-weight for _, weight in words], kind="stable")[:_STRONGEST])
    return [Evidence("word", text=words[i][0], weight=words[i][1]) for i in chosen if words[i][1]]
