"""EmotionIC: attention that knows who is who, a recurrence over one's own and the other's state, a skip-chain CRF.

Liu, Li, Wang and Zeng 2023, "EmotionIC: Emotional Inertia and Contagion-driven Dependency Modelling for Emotion
Recognition in Conversation", Science China Information Sciences, doi 10.1007/s11432-023-3908-6, arXiv:2303.11117;
official code github.com/lijfrank-open/EmotionIC (no licence; no weights released). Verified: attention, recurrence,
influence, fusion, scores and Viterbi paths of the public code with random weights; the CRF against enumeration, also
for one speaker and for one utterance, where the public partition function fails.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from affectus import backbones
from affectus.affect import Evidence
from affectus.backbones import Backbone
from affectus.batch import Batch
from affectus.card import Card
from affectus.config import Config
from affectus.errors import CheckpointError, ConfigError, InputError
from affectus.frontends.tokens import TextCollate, gold_rows
from affectus.frontends.turns import odd_turns
from affectus.nn.attention import hide
from affectus.nn.by_length import states_by_length
from affectus.nn.crf import UNKNOWN, SkipChainCRF
from affectus.nn.dialogues import padded
from affectus.nn.influence import influence
from affectus.nn.pooling import means, peaks
from affectus.nn.standard import Standardised
from affectus.readout import read_out
from affectus.sample import Dialogue, Item, Sample, conversations
from affectus.system import System
from affectus.taxonomy import Target, scale
from affectus.timeline import Timeline

_SEEN = {"full": "whole dialogues", "past": "what was said until each turn", "both": "dialogues either way"}
NEVER = 100  # added to the distance of a speaker's utterance before, where there is none
QUIRKS = {"centred-on-padding": "positions are counted from the middle of the padded batch, so padding changes outputs"}


@dataclass(frozen=True, kw_only=True)
class EmotionICConfig(Config):
    """Configuration of `EmotionIC`; the defaults are those of the paper but for the encoder.

    Args:
        targets: One scale of kind one-of.
        backbone: Text encoder whose mean state over a turn's tokens is read: a reference, which is frozen, or a
            `Backbone` that says how it takes part in training; None reads `features`.
        states: Numbers of its layers whose mean states stand side by side, 0 for the embeddings, -1 for the last.
        peaks: Whether the largest value of each of the last states over the tokens stands beside those.
        beside: A second encoder with the same tokenizer, whose states stand beside those.
        features: Name of the features of a turn that are read where there is no backbone.
        width: Their numbers; with a backbone, those of its states.
        entry: Features that are made of them before all else, standardised and by a dense layer with GELU; 0 takes
            them as they are.
        hidden: Features of the recurrence and of the fusion.
        inner: Features inside the feed-forward part of the attention layers.
        layers: Attention layers.
        heads: Attention heads.
        depth: Layers of the recurrence.
        dropout: Share of features and of attention weights dropped in training.
        max_length: Tokens of one window of a text; a longer turn is read in several windows.
        context: `full`: later turns are read too, as in the paper; `past`: each turn is read from what was said until
            then, and answered at once; `both`: it learns the one and the other, a batch this way or that by lot, and
            reads the past alone until `seeing` says otherwise.
        identity: Whether who speaks is looked at.
        crf: Whether labels weigh on each other; else each turn has a softmax of its own.
        compat: Names of `QUIRKS`.
    """

    backbone: str | Backbone | None = "asset:minilm-l6"
    states: Annotated[tuple[int, ...], Field(min_length=1)] = (-1,)
    peaks: bool = False
    beside: str | Backbone | None = None
    features: str = "text"
    width: Annotated[int, Field(ge=1)] = 1024
    entry: Annotated[int, Field(ge=0)] = 0
    hidden: Annotated[int, Field(ge=1)] = 768
    inner: Annotated[int, Field(ge=1)] = 768
    layers: Annotated[int, Field(ge=1)] = 5
    heads: Annotated[int, Field(ge=1)] = 8
    depth: Annotated[int, Field(ge=1)] = 3
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    max_length: Annotated[int, Field(ge=8)] = 128
    context: Literal["full", "past", "both"] = "full"
    identity: bool = True
    crf: bool = True


# -- who speaks when ---------------------------------------------------------------------------------------------------
class Flow(NamedTuple):
    """What may pass to each utterance of a dialogue.

    Args:
        edges: (t, 2) bool: inertia, whether the speaker's state before has a say; contagion, whether the other's has.
        influence: (t, 2) float32 in [0, 1], how much of each.
    """

    edges: np.ndarray
    influence: np.ndarray


def flow(speakers: np.ndarray) -> Flow:
    """Edges and influence scales of a dialogue (section 3.3), from the speakers' numbers (t,).

    Inertia fades with the number n of utterances since the speaker's own, 1 / (1 + exp(n − 3)). Contagion grows while
    two speakers take turns, 1 / (1 + exp(−m / 2)), with m the number of times in a row that a speaker came back after
    one turn of another. At the first utterance of a turn inertia is kept only where that is so.
    """
    t = len(speakers)
    edges, distance = np.zeros((t, 2), bool), np.zeros((t, 2))
    latest: dict[int, int] = {}
    holders: list[int] = []  # of the turns so far
    exchange = 0
    for i, who in enumerate(speakers.tolist()):
        distance[i, 0] = i - latest.get(who, -NEVER) - 1
        changed = i > 0 and who != speakers[i - 1]
        back = len(holders) > 1 and holders[-2] == who
        if changed:
            exchange = exchange + 1 if back else 0
        if changed or not i:
            holders.append(who)
        distance[i, 1] = exchange if changed else 0
        edges[i] = who in latest and (back or not changed), changed
        latest[who] = i
    influence = np.stack([1 / (1 + np.exp(distance[:, 0] - 3)), 1 / (1 + np.exp(-distance[:, 1] / 2))], 1)
    return Flow(edges, influence.astype(np.float32))


@dataclass(frozen=True)
class EmotionICCollate:
    """Dialogues → turns in one row each.

    `inputs`: `speaker` (turns,) numbers that differ between people of a dialogue; `opens` (turns,) bool, True at the
    first turn of each dialogue; `gates` as in `EmotionIC.head`; and either `given` (turns, width), or
    `ids`, `valid`, `content` (windows, tokens) and `owner` (windows,) the turn of each window. `notes` is a list of
    (text, flags).

    Args:
        targets: The scale whose gold is collected.
        backbone: Reference whose tokenizer is taken; None collects features.
        features: Their name.
        width: Their numbers.
        max_length: Tokens of one window.
        identity: Whether who speaks is told.
    """

    targets: tuple[Target, ...]
    backbone: str | None
    features: str
    width: int
    max_length: int
    identity: bool

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate dialogues; a sample by itself is a dialogue of one turn.

        Raises:
            InputError: If a turn has neither text nor features.
        """
        dialogues = [item.turns if isinstance(item, Dialogue) else (item,) for item in items]
        dialogues = [turns for turns in dialogues if turns]
        turns = [turn for turns in dialogues for turn in turns]
        given, flags = self._content(turns)
        flags = [[*f, *w] for f, w in zip(flags, (w for d in dialogues for w in odd_turns(d)), strict=True)]
        gold = {t.scale: gold_rows(turns, t.scale, t.perspective) for t in self.targets}
        return Batch(
            self.company(dialogues) | given,
            {name: rows for name, rows in gold.items() if rows is not None},
            [turn.span for turn in turns],
            [(turn.text, f) for turn, f in zip(turns, flags, strict=True)],
        )

    def company(self, dialogues: Sequence[Sequence[Sample]]) -> dict[str, Any]:
        """Who speaks when: `speaker`, `opens` and `gates` of the turns of some dialogues."""
        speakers = [self._speakers(turns) for turns in dialogues]
        flows = [flow(numbers) for numbers in speakers]
        return {
            "speaker": np.concatenate([np.zeros(0, np.int64), *speakers]),
            "opens": np.array([i == 0 for numbers in speakers for i in range(len(numbers))], bool),
            "gates": np.concatenate([np.zeros((0, 2), np.float32), *(f.edges * f.influence for f in flows)]),
        }

    def _speakers(self, turns: Sequence[Sample]) -> np.ndarray:
        """A number a turn; somebody without a name is taken for nobody else."""
        if not self.identity:
            return np.zeros(len(turns), np.int64)
        names = [f"={turn.track}" if turn.track else f"?{i}" for i, turn in enumerate(turns)]
        return np.unique(names, return_inverse=True)[1].astype(np.int64)

    def _content(self, turns: Sequence[Sample]) -> tuple[dict[str, Any], list[list[str]]]:
        if self.backbone is None:
            rows = np.zeros((len(turns), self.width), np.float32)
            for row, turn in zip(rows, turns, strict=True):
                found = turn.features.get(self.features)
                if found is None or np.shape(found) != row.shape:
                    raise InputError(
                        f"features {self.features!r} of {turn.id!r} have shape "
                        f"{'none' if found is None else np.shape(found)}",
                        allowed=f"{row.shape}",
                        remedy="attach them to each turn, or name a backbone in the configuration",
                    )
                row[:] = found
            return {"given": rows}, [[] for _ in turns]
        inputs, notes = TextCollate(self.backbone, (), self.max_length).owned(turns)
        return inputs, [list(found.flags) for found in notes]


# -- blocks ------------------------------------------------------------------------------------------------------------
class IdentityAttention(nn.Module):
    """Attention that has one set of keys for utterances of the same speaker, and another for those of others.

    score_ij = q_i·k_j + q'_i·k'_j, where k and k' are those of the same speaker if i and j have one, else those of the
    others; q' and k' come from sinusoids of the position. The scores are not scaled (section 3.2).

    Args:
        width: Features of an utterance.
        heads: Attention heads.
        dropout: Share of the weights dropped in training.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, nn.Dropout(dropout)
        self.content = nn.Linear(width, 4 * width, bias=False)  # query, key of the same, key of others, value
        self.position = nn.Linear(width // heads, 3 * width, bias=False)  # query, key of the same, key of others
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor, places: Tensor, same: Tensor, visible: Tensor) -> Tensor:
        """Attended utterances (b, t, width).

        Args:
            x: (b, t, width).
            places: (b, t, width / heads) sinusoids.
            same: (b, t, t) bool, True where two utterances have one speaker.
            visible: (b, t, t) bool, True where utterance i may look at j.
        """
        query, near, far, value = self._split(self.content(x), 4)
        query_at, near_at, far_at = self._split(self.position(places), 3)
        alike = query @ near.transpose(-1, -2) + query_at @ near_at.transpose(-1, -2)
        other = query @ far.transpose(-1, -2) + query_at @ far_at.transpose(-1, -2)
        weights = hide(torch.where(same[:, None], alike, other), mask=visible).softmax(-1)
        return self.output((self.dropout(weights) @ value).transpose(1, 2).flatten(2))

    def _split(self, x: Tensor, parts: int) -> tuple[Tensor, ...]:
        return tuple(part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in x.chunk(parts, -1))


class IdentityLayer(nn.Module):
    """Identity attention and a feed-forward part, each with a skip and then a layer norm; arguments as there.

    Args:
        width: Features of an utterance.
        inner: Features inside the feed-forward part.
        heads: Attention heads.
        dropout: Share dropped in training.
    """

    def __init__(self, width: int, inner: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = IdentityAttention(width, heads, dropout)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.ffn = nn.Sequential(
            nn.Linear(width, inner), nn.ReLU(), nn.Dropout(dropout), nn.Linear(inner, width), nn.Dropout(dropout)
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, places: Tensor, same: Tensor, visible: Tensor) -> Tensor:
        """Utterances (b, t, width)."""
        x = self.norm1(x + self.drop(self.attention(x, places, same, visible)))
        return self.norm2(x + self.ffn(x))


class DialogueGRU(nn.Module):
    """One layer of a recurrence that carries the speaker's own state, and hears the state of who spoke before.

    With s and o the two states times their gates (section 3.3):
    r = σ(W_r x + U_r o), u = σ(W_u x + U_u s), z = σ(W_z x + U_zo o + U_zs s),
    n = tanh(W_n x + r ⊙ U_n o + u ⊙ U_m s), h = (1 − z) ⊙ n + z ⊙ s; each product has a bias.

    Args:
        inputs: Features of an utterance.
        hidden: Features of a state.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.weight_ih = nn.Parameter(nn.init.orthogonal_(torch.empty(4 * hidden, inputs)))
        self.weight_hh = nn.Parameter(nn.init.orthogonal_(torch.empty(6 * hidden, hidden)))
        bound = hidden**-0.5
        self.bias_ih = nn.Parameter(torch.empty(4 * hidden).uniform_(-bound, bound))
        self.bias_hh = nn.Parameter(torch.empty(6 * hidden).uniform_(-bound, bound))

    def forward(self, x: Tensor, speaker: Tensor, gates: Tensor) -> Tensor:
        """States (b, t, hidden).

        Args:
            x: (b, t, inputs).
            speaker: (b, t) int64, from 0 on.
            gates: (b, t, 2) how much of the own and of the other's state passes; 0 where none does.
        """
        size, rows = self.hidden, torch.arange(len(x), device=x.device)
        given = nn.functional.linear(x, self.weight_ih, self.bias_ih)
        from_other, from_own = self._parts((0, 2, 4)), self._parts((1, 3, 5))
        latest = x.new_zeros(len(x), int(speaker.amax()) + 1 if speaker.numel() else 1, size)  # of each speaker
        states = [latest[:, 0]]  # the first one is that of nobody
        for i in range(x.shape[1]):
            own = latest[rows, speaker[:, i]] * gates[:, i, :1]
            other = states[-1] * gates[:, i, 1:]
            heard = nn.functional.linear(other, *from_other).split(size, -1)
            kept = nn.functional.linear(own, *from_own).split(size, -1)
            r, u, z, n = given[:, i].split(size, -1)
            r, u, z = torch.sigmoid(r + heard[0]), torch.sigmoid(u + kept[0]), torch.sigmoid(z + heard[1] + kept[1])
            new = torch.tanh(n + r * heard[2] + u * kept[2])
            states.append((1 - z) * new + z * own)
            latest = latest.index_put((rows, speaker[:, i]), states[-1])
        return torch.stack(states[1:], 1)

    def _parts(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Weights and biases of some of the six products with a state."""
        rows = torch.cat([torch.arange(i * self.hidden, (i + 1) * self.hidden) for i in numbers])
        rows = rows.to(self.weight_hh.device)
        return self.weight_hh[rows], self.bias_hh[rows]


def sinusoids(positions: Tensor, width: int) -> Tensor:
    """Sin and cos of each position at width / 2 frequencies from 1 down to 1 / 10000, (…, width)."""
    half = width // 2
    rates = torch.exp(torch.arange(half, device=positions.device) * (-math.log(10_000) / max(half - 1, 1)))
    angles = positions[..., None] * rates
    return torch.cat([angles.sin(), angles.cos()], -1)


class Said(NamedTuple):
    """What is kept of a turn while a dialogue goes on.

    Args:
        state: (1, features).
        note: Its text and flags.
    """

    state: Tensor
    note: tuple[str | None, list[str]]


class EmotionIC(System):
    """Reads the emotion of each turn of a dialogue.

    Args:
        config: Sizes and names.
    """

    Config = EmotionICConfig
    modality = "dialogue"
    collate: EmotionICCollate
    default_run: ClassVar[dict[str, Any]] = {
        "epochs": 10,
        "batch": 16,
        "cache": True,
        "select": "best",
        "optim": [{"match": "crf.*", "lr": 7e-3}, {"lr": 3e-4, "weight_decay": 0.01}],
    }

    def __init__(self, config: EmotionICConfig) -> None:
        super().__init__(config)
        if len(config.targets) != 1 or scale(config.targets[0].scale).kind != "one-of":
            raise ConfigError(f"targets are {config.targets!r}", allowed="one scale of kind one-of")
        unknown = [name for name in config.compat if name not in QUIRKS]
        if unknown:
            raise ConfigError(f"compat names {unknown[0]!r}", allowed=", ".join(QUIRKS))
        self.target = config.targets[0].scale
        labels = len(scale(self.target))
        self.backbone: Any = None if config.backbone is None else _encoder(config.backbone)
        self.beside: Any = None if config.beside is None else _encoder(config.beside)
        given = config.width if self.backbone is None else self._features()
        width = config.entry or given
        if width % (2 * config.heads):
            raise ConfigError(f"{config.heads} heads of a width of {width}", allowed="an even number of features each")
        hidden = config.hidden
        entry = (Standardised(given), nn.Dropout(config.dropout), nn.Linear(given, width), nn.GELU())
        self.entry = nn.Sequential(*entry) if config.entry else None
        self.attention = nn.ModuleList(
            IdentityLayer(width, config.inner, config.heads, config.dropout) for _ in range(config.layers)
        )
        self.recurrence = nn.ModuleList(DialogueGRU(hidden if i else width, hidden) for i in range(config.depth))
        self.norm_global, self.norm_local, self.norm_text = (
            nn.LayerNorm(width),
            nn.LayerNorm(hidden),
            nn.LayerNorm(width),
        )
        self.fusion = nn.Linear(hidden + 2 * width, hidden)
        self.output = nn.Linear(hidden, labels)
        self.dropout = nn.Dropout(config.dropout)
        self.crf = SkipChainCRF(labels) if config.crf else None
        self.sees: Literal["full", "past"] = "full" if config.context == "full" else "past"
        reads = None if config.backbone is None else str(config.backbone)
        self.collate = EmotionICCollate(
            config.targets, reads, config.features, given, config.max_length, config.identity
        )

    @property
    def _encoders(self) -> list[Any]:
        return [encoder for encoder in (self.backbone, self.beside) if encoder is not None]

    def _features(self) -> int:
        """Numbers of a turn that its encoders give."""
        states = self.config.states
        for layers in (encoder.config.num_hidden_layers for encoder in self._encoders):
            if not all(-layers - 1 <= number <= layers for number in states):
                raise ConfigError(f"states are {states}", allowed=f"from {-layers - 1} to {layers}")
        return (len(states) + self.config.peaks) * sum(encoder.config.hidden_size for encoder in self._encoders)

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        """Log probabilities of the labels of each turn before the CRF, (turns, k); arguments as in the collate."""
        return self.head(**self.encode(**inputs))

    def encode(
        self,
        speaker: Tensor,
        opens: Tensor,
        gates: Tensor,
        given: Tensor | None = None,
        **windows: Tensor,
    ) -> dict[str, Tensor]:
        """States of the turns (turns, features), 0 of an empty one, with what the head needs beside them."""
        if given is None:
            given = self._read(len(speaker), **windows)
        return {"states": given, "speaker": speaker, "opens": opens, "gates": gates}

    def _read(self, turns: int, ids: Tensor, valid: Tensor, content: Tensor, owner: Tensor) -> Tensor:
        """States of each turn over all its tokens (turns, features), from its windows (windows, tokens), their owners.

        Of each encoder in turn: the means of the layers, then the largest values of the last one.
        """
        if not turns:
            return torch.zeros(0, self._features(), device=ids.device)
        parts = []
        for encoder in self._encoders:
            wanted = (*self.config.states, -1) if self.config.peaks else self.config.states
            found = states_by_length(encoder, ids, valid, wanted)
            width = found.shape[-1] // len(wanted)
            parts.append(means(found[..., : width * len(self.config.states)], content, owner, turns))
            if self.config.peaks:
                parts.append(peaks(found[..., -width:], content, owner, turns))
        return torch.cat(parts, -1)

    def head(self, states: Tensor, speaker: Tensor, opens: Tensor, gates: Tensor) -> dict[str, Tensor]:
        """Log probabilities of the labels of each turn before the CRF, scale name → (turns, k).

        Args:
            states: (turns, features).
            speaker: (turns,) numbers, from 0 on in each dialogue.
            opens: (turns,) True at the first turn of a dialogue.
            gates: (turns, 2) influence of own and other's state, 0 without an edge.
        """
        by_lot = self.training and self.config.context == "both"
        past = bool(torch.rand(()) < 0.5) if by_lot else self.sees == "past"
        turns = padded(opens.bool())
        text = turns.wide(states if self.entry is None else self.entry(states))
        who = turns.wide(speaker.long())
        around, local = self.globally(text, who, turns.valid, past), self.locally(text, who, turns.wide(gates))
        fused = self.fused(around, local, text)[turns.row, turns.at]
        return {self.target: self.output(self.dropout(fused)).log_softmax(-1)}

    def globally(self, text: Tensor, speaker: Tensor, valid: Tensor, past: bool = False) -> Tensor:
        """Utterances seen with all others, or those before them, (b, t, width).

        Args:
            text: (b, t, width).
            speaker: (b, t) numbers.
            valid: (b, t) bool.
            past: Whether later utterances are hidden.
        """
        t = text.shape[1]
        places = sinusoids(self._positions(valid), text.shape[-1] // self.config.heads)
        visible = valid[:, None, :].expand(-1, t, -1)
        if past:
            visible = visible & torch.ones(t, t, dtype=torch.bool, device=text.device).tril()
        same = speaker[:, :, None] == speaker[:, None, :]
        for layer in self.attention:
            text = layer(text, places, same, visible)
        return text

    def locally(self, text: Tensor, speaker: Tensor, gates: Tensor) -> Tensor:
        """States of the recurrence (b, t, hidden)."""
        for i, layer in enumerate(self.recurrence):
            text = layer(self.dropout(text) if i else text, speaker, gates)
        return text

    def fused(self, around: Tensor, local: Tensor, text: Tensor) -> Tensor:
        """The three views in one vector (b, t, hidden)."""
        return self.fusion(torch.cat([self.norm_global(around), self.norm_local(local), self.norm_text(text)], -1))

    def _positions(self, valid: Tensor) -> Tensor:
        """Place of each utterance (b, t) from the middle of its dialogue; from its start if only the past is read."""
        places = torch.arange(valid.shape[1], device=valid.device).expand(valid.shape)
        if self.config.context != "full":
            return places
        if "centred-on-padding" in self.config.compat:
            return places - valid.shape[1] // 2
        return places - valid.sum(1, keepdim=True) // 2

    def seeing(self, context: Literal["full", "past"]) -> EmotionIC:
        """The same system, which from now on reads whole dialogues or what was said until each turn; shares weights.

        Raises:
            ConfigError: If it did not learn to read that way.
        """
        learned = self.config.context
        if context != learned and learned != "both":
            raise ConfigError(
                f"{self.name} reads {_SEEN[learned]}, not {_SEEN[context]}", allowed=f"context: {learned}",
                remedy="train it with context: both",
            )  # fmt: skip
        other = copy(self)
        other.sees = context
        return other

    @torch.no_grad()
    def answer(self, turns: Sequence[Sample], before: Sequence[Said]) -> tuple[Timeline, Said]:
        """The reading of the last of some turns, one row, and what is to be known of it later on.

        Args:
            turns: Of one dialogue; at least one.
            before: What this method gave for each turn but the last.
        """
        alone = self.collate([turns[-1]])
        own = Said(self.encode(**alone.to(self.device).inputs)["states"], alone.notes[0])
        said = [*before, own]
        batch = Batch(self.collate.company([turns]), {}, [t.span for t in turns], [found.note for found in said])
        outputs = self.head(torch.cat([found.state for found in said]), **batch.to(self.device).inputs)
        return self.decode({name: value.cpu().numpy() for name, value in outputs.items()}, batch)[-1:], own

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Negative log probability of the gold labels, divided by the number of turns; unknown labels are summed out.

        Raises:
            ConfigError: If no turn has gold.
        """
        if self.target not in batch.targets:
            raise ConfigError("the batch has gold for none of the targets", allowed=self.target)
        gold = batch.targets[self.target]
        known = torch.isfinite(gold).all(1)
        tags = torch.where(known, torch.nan_to_num(gold).argmax(1), UNKNOWN)
        emissions = outputs[self.target]
        if self.crf is None:
            return {self.target: -(torch.nan_to_num(gold) * emissions)[known].sum() / known.sum().clamp(min=1)}
        turns = padded(batch.inputs["opens"].bool())
        speaker = turns.wide(batch.inputs["speaker"])
        found = self.crf.log_likelihood(turns.wide(emissions), turns.wide(tags), turns.valid, speaker)
        return {self.target: -found.sum() / len(tags)}

    def posterior(self, outputs: Mapping[str, np.ndarray], batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """Log probability of each label of each turn (turns, k), and the label of each turn (turns,).

        They are the marginals of the CRF and its best path; where only the past is read, the labels' shares given the
        turns so far. An empty turn has no emissions of its own and NaN here.
        """
        emissions = torch.from_numpy(outputs[self.target].copy())
        empty = np.array(["empty" in flags for _, flags in batch.notes], bool)
        emissions[torch.from_numpy(empty)] = 0.0
        if self.crf is None or not len(emissions):
            shares, path = emissions.softmax(-1).numpy(), emissions.argmax(-1).numpy()
        else:
            turns = padded(torch.as_tensor(batch.inputs["opens"]))
            given = (turns.wide(emissions), turns.valid, turns.wide(torch.as_tensor(batch.inputs["speaker"])))
            past = self.sees == "past"
            wide = self.crf.filtered(*given) if past else self.crf.marginals(*given)
            best = wide.argmax(-1) if past else self.crf.viterbi(*given)
            shares, path = (x[turns.row, turns.at].numpy() for x in (wide, best))
        return np.where(empty[:, None], np.nan, np.log(np.maximum(shares, 1e-12))), path

    def moved(self, outputs: Mapping[str, np.ndarray], batch: Batch) -> list[list[Evidence]]:
        """How far each turn's reading was moved by the speaker's own mood before (`inertia`) and by the other's.

        The weight is the Jensen-Shannon divergence in bits between the shares of the labels with and without what the
        turns before say of that mood, see `affectus.nn.influence`; the text is who had it. Empty without a CRF.
        """
        turns = batch.spans
        if self.crf is None or not turns:
            return [[] for _ in turns]
        shares = np.exp(self.posterior(outputs, batch)[0])
        tables = (self.crf.own.detach().numpy(), self.crf.other.detach().numpy())
        out: list[list[Evidence]] = []
        starts = np.flatnonzero(batch.inputs["opens"])
        for first, end in zip(starts, [*starts[1:], len(turns)], strict=True):
            for edges in influence(
                outputs[self.target][first:end], shares[first:end], batch.inputs["speaker"][first:end], *tables
            ):
                out.append([Evidence(e.kind, text=turns[first + e.before].track or "", weight=e.bits) for e in edges])
        return out

    def logits(self, items: Iterable[Item | str], batch_size: int = 32) -> dict[str, np.ndarray]:
        """Uncalibrated log probabilities of each turn, scale name → (turns, k).

        Neighbouring samples of one source are taken for a dialogue.
        """
        parts = [self.posterior(*found)[0] for found in self.run(conversations(items), batch_size)]
        return {self.target: np.concatenate([np.empty((0, len(scale(self.target)))), *parts])}

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Readings whose scores are calibrated marginals and whose labels are those of the best path.

        Their evidence is what the turns before did to them, see `moved`.
        """
        logits, path = self.posterior(outputs, batch)
        names = scale(self.target).labels
        decided = [[] if np.isnan(row).all() else [names[k]] for row, k in zip(logits, path, strict=True)]
        return read_out(
            batch.spans,
            {self.target: logits},
            self.readouts,
            by=self.name,
            modality=self.modality,
            text=[text for text, _ in batch.notes],
            evidence=self.moved(outputs, batch),
            flags=[flags for _, flags in batch.notes],
            decided={self.target: decided},
        )


def _encoder(reference: str | Backbone) -> Any:
    how = reference if isinstance(reference, Backbone) else Backbone(name=reference, train=False)
    encoder = backbones.text_encoder(how)
    if getattr(encoder, "pooler", None) is not None:  # a layer on the first token, which the mean never reads
        encoder.pooler = None
    return encoder


# -- official weights --------------------------------------------------------------------------------------------------
_OFFICIAL = {
    "global_encoder.layers.": "attention.",
    "self_attn.fc.": "attention.output.",
    "self_attn.qk_pos.": "attention.position.",
    "self_attn.qkv_linear.": "attention.content.",
    "conv_GRU_indi.layers.": "recurrence.",
    "LN_glob.": "norm_global.",
    "LN_local.": "norm_local.",
    "LN_origin.": "norm_text.",
    "fc_embed.": "fusion.",
    "fc_out.1.": "output.",
    "start_transitions": "crf.start",
    "end_transitions": "crf.end",
    "self_transitions": "crf.own",
    "other_transitions": "crf.other",
}
# Constants, buffers, and the terms of a distance that the original has and never uses.
_IGNORED = (
    "pos_embed.weights", "_float_tensor", "self_attn.shift", "self_attn.bias", "one_pad", "eye_pad",
    "begin_transitions", "begin_seg_path", "continual_seg_value", "output_path",
)  # fmt: skip


def from_official(network: Mapping[str, Tensor], crf: Mapping[str, Tensor], config: EmotionICConfig) -> EmotionIC:
    """The system of an official network and its SkipCRF, given as their state dicts.

    Args:
        network: Of `EmotionIC`.
        crf: Of `SkipCRF`.
        config: Sizes; the backbone must be None, as the original reads features.

    Raises:
        CheckpointError: If a name is none of the original's, or names or shapes don't fit.
    """
    system = EmotionIC(replace(config, backbone=None))
    state: dict[str, Tensor] = {}
    for name, value in {**network, **crf}.items():
        if name.endswith(_IGNORED):
            continue
        ours = name
        for theirs, own in _OFFICIAL.items():
            ours = ours.replace(theirs, own)
        if ours.endswith("attention.content.weight"):
            query, _unused, near, far, value_rows = value.chunk(5)
            value = torch.cat([query, near, far, value_rows])
        state[ours] = value
    try:
        system.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(f"the weights don't fit EmotionIC: {str(error).splitlines()[-1].strip()}") from error
    return system.eval()


CARD = Card(
    system="emotionic",
    cls="EmotionIC",
    roles=("reader",),
    modalities=("dialogue",),
    unit="turn",
    title="Emotion of each turn of a dialogue: identity-masked attention, dialogue GRU, skip-chain CRF",
    paper="Liu et al. 2023, Science China Information Sciences, arXiv:2303.11117",
    licence="code Apache-2.0; official code without licence and without weights",
    proof="official code",
    limits="Reads words alone. What its tables say of inertia and contagion is association, not cause.",
    expected_failures={"check_onnx": "the recurrence over the turns of a dialogue is unrolled to the length at hand"},
    ablation={"identity": False},
    ablated="Who speaks is not looked at.",
    task="affectus.testing.tasks.who_speaks:who_speaks",
)

_MELD = (Target("meld-7", "perceived"),)

VARIANTS = {
    "tiny": EmotionICConfig(
        targets=_MELD, backbone="tiny:bert", hidden=24, inner=24, layers=2, heads=4, depth=2, dropout=0.0
    ),
    "base": EmotionICConfig(targets=_MELD, backbone=None),
    "minilm-l6": EmotionICConfig(targets=_MELD, hidden=192, inner=192, layers=2, depth=1),
    "two-encoders": EmotionICConfig(
        targets=_MELD,
        backbone=Backbone(name="asset:minilm-l6"),
        states=(4, 5, 6),
        peaks=True,
        beside="asset:minilm-l6",
        entry=192,
        hidden=192,
        inner=192,
        layers=1,
        depth=1,
        context="both",
    ),
}
