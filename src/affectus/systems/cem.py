"""CEM: what a speaker feels and an answer to it, by what may be inferred of their wants, needs and reactions.

Sabour, Zheng and Huang 2022, "CEM: Commonsense-aware Empathetic Response Generation", AAAI, arXiv:2109.05739; facts
from github.com/Sahandfer/CEM. Verified against a float64 computation of the equations. Inferences are COMET's, whose
weights are not shipped: they come as features of a turn, from a file that is made once. A turn without them is read
from its words alone and flagged (`no-inferences`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from affectus.batch import Batch
from affectus.card import Card
from affectus.errors import ConfigError
from affectus.frontends.answering import PADS, SAID, TOLD, WEIGHTS, AnsweringConfig, AnsweringReader, Understood
from affectus.frontends.commonsense import RELATIONS
from affectus.frontends.turn_words import CLS, EOS, PAD, REPLY, UNK, Note, Spoken, TurnWordsCollate, padded, split_words
from affectus.nn.conv_transformer import take_official
from affectus.nn.losses import loss_on
from affectus.taxonomy import scale

REACTION = RELATIONS[-1]
_EMPTY = ("to", "none")  # words of inferences that say nothing
UNINFERRED = "no-inferences"


@dataclass(frozen=True, kw_only=True)
class CEMConfig(AnsweringConfig):
    """Configuration of `CEM`.

    Args:
        diversity: Weight of the loss that counts a word the less the more often it was said.
        emotion: Whether the context is refined by the reactions; without, its own first place is read.
        cognition: Whether it is refined by intents, needs, wants and effects; without, the decoder looks at the context
            that the reactions refined.
    """

    diversity: Annotated[float, Field(ge=0)] = 1.5
    emotion: bool = True
    cognition: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.emotion or self.cognition):
            raise ConfigError("neither emotion nor cognition is read", allowed="one of the two, or both")


class CEMCollate(TurnWordsCollate):
    """As `TurnWordsCollate`, with the words of each relation (b, r): `CLS` before them, but for reactions.

    The inferences of a turn are features with the names of the relations, arrays of texts, see
    `affectus.frontends.commonsense`. Words outside the vocabulary are left out; where none is left there is `CLS`.
    """

    def beside(self, found: Sequence[Spoken], notes: Sequence[Note]) -> dict[str, np.ndarray]:
        """One array a relation; a turn without inferences is flagged."""
        for one, note in zip(found, notes, strict=True):
            if not all(name in one.own.features for name in RELATIONS):
                note.flags.append(UNINFERRED)
        return {name: padded([self._words(one, name) for one in found]) for name in RELATIONS}

    def _words(self, one: Spoken, name: str) -> list[int]:
        said = [word for text in one.own.features.get(name, ()) for word in split_words(str(text))]
        ids = [number for word in said if word not in _EMPTY and (number := self.id(word)) != UNK]
        return ids if name == REACTION and ids else [CLS, *ids]


class CEM(AnsweringReader):
    """Reads the emotion of who began a dialogue, and answers.

    Args:
        config: Sizes and names.
    """

    Config = CEMConfig

    def __init__(self, config: CEMConfig) -> None:
        super().__init__(config, memory=config.width)
        width = config.width
        self.encoder = self.encoder_of(width)
        if config.emotion:
            self.reaction, self.felt = self.encoder_of(width), self.encoder_of(2 * width)
        parts = len(RELATIONS) - 1 + config.emotion
        if config.cognition:
            self.thought, self.known = self.encoder_of(width), self.encoder_of(2 * width)
            wide = (parts - 2) * width  # three of five, two of four
            self.joined = nn.Sequential(
                nn.Linear(parts * width, wide, bias=False), nn.ReLU(), nn.Linear(wide, width, bias=False)
            )
        self.output = nn.Linear(width, len(scale(self.target)), bias=False)
        self.register_buffer("frequency", torch.zeros(self.embedding.num_embeddings, dtype=torch.long))
        self.frequency: Tensor
        c = self.config
        target = c.targets[0]
        self.collate = CEMCollate(target.scale, target.perspective, c.words, c.longest, c.reply_longest)

    def forward(
        self,
        ids: Tensor,
        states: Tensor,
        xIntent: Tensor,  # noqa: N803 - the relation's own name
        xNeed: Tensor,  # noqa: N803
        xWant: Tensor,  # noqa: N803
        xEffect: Tensor,  # noqa: N803
        xReact: Tensor,  # noqa: N803
        reply: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Emotions, weights of the words and, where an answer is known, how likely it is.

        Args:
            ids: (b, s) words.
            states: (b, s) who speaks.
            xIntent: (b, r) words of what the speaker meant to do.
            xNeed: (b, r) of what had to be before.
            xWant: (b, r) of what they want.
            xEffect: (b, r) of what follows.
            xReact: (b, r) of what they feel.
            reply: (b, t) words of the answer.

        Returns:
            The scale's name → (b, k) logits; `weights` (b, s), the attention of the first place in the encoder that the
            logits are read from, mean over its heads; with an answer `told` and `said` (b, t) as in `answered`.
        """
        relations = dict(zip(RELATIONS, (xIntent, xNeed, xWant, xEffect, xReact), strict=True))
        return self.answered(self.understand(ids, states, **relations), ids, reply)

    def understand(self, ids: Tensor, states: Tensor, **relations: Tensor) -> Understood:  # type: ignore[override]
        """What is made of a context; the relations are named as in `forward`."""
        *thoughts, reaction = (relations[name] for name in RELATIONS)
        valid = ids != PAD
        plain, looks = self.encoder.attend(self.embed(ids) + self.embed(states), valid)
        read = plain
        if self.config.emotion:
            read, looks = self.felt.attend(self._beside(plain, self._felt(reaction)), valid)
        outputs = {self.target: self.in_scale(self.output(read[:, 0])), WEIGHTS: looks[:, :, 0].mean(1)}
        if not self.config.cognition:
            return Understood(outputs, read)
        refined = [self.known(self._beside(plain, self._thought(words)), valid) for words in thoughts]
        whole = torch.cat([*refined, *([read] if self.config.emotion else [])], -1)
        return Understood(outputs, self.joined(torch.sigmoid(whole) * whole))

    @staticmethod
    def _beside(context: Tensor, vector: Tensor) -> Tensor:
        """Each word's state with one vector behind it."""
        return torch.cat([context, vector[:, None].expand_as(context)], -1)

    def _thought(self, words: Tensor) -> Tensor:
        """State of the first place (b, width)."""
        return self.thought(self.embed(words), words != PAD)[:, 0]

    def _felt(self, words: Tensor) -> Tensor:
        """Mean state of the reactions (b, width)."""
        valid = words != PAD
        states = self.reaction(self.embed(words), valid)
        if PADS in self.config.compat:
            return states.mean(1)
        return (states * valid[..., None]).sum(1) / valid.sum(1, keepdim=True)

    def word_weights(self) -> Tensor:
        """1 − RF / max RF of each word, brought to a mean of 1; RF is its share of what was said in training."""
        often = self.frequency.to(torch.get_default_dtype())
        if not often.any():
            return torch.ones_like(often)
        weights = 1 - often / often.max()
        return weights / weights.sum() * len(weights)

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of the emotion, negative log-likelihood of a word of the answer, and 1.5 × the diversity loss.

        In training the likeliest words of this batch are counted first, those of each answer up to its end.

        Raises:
            ConfigError: If the batch has neither gold nor answers.
        """
        terms = self.told_loss(outputs, batch)
        if terms and self.config.diversity:
            reply = batch.inputs[REPLY]
            if self.training:
                self._count(outputs[SAID], reply)
            told = outputs[TOLD] * self.word_weights().to(outputs[TOLD])[reply]
            terms["diversity"] = -self.config.diversity * told.sum() / (reply != PAD).sum().clamp(min=1)
        if self.target in batch.targets:
            terms[self.target] = loss_on(outputs[self.target], batch.targets[self.target], scale(self.target).kind)
        if not terms:
            raise ConfigError("the batch has neither emotions nor answers", allowed=self.target)
        return terms

    @torch.no_grad()
    def _count(self, said: Tensor, reply: Tensor) -> None:
        running = (said == EOS).cumsum(1) == 0
        self.frequency += torch.bincount(said[running & (reply != PAD)], minlength=len(self.frequency))


# -- official weights --------------------------------------------------------------------------------------------------
_NAMES = {
    "emo_encoder.": "reaction.",
    "cog_encoder.": "thought.",
    "emo_ref_encoder.": "felt.",
    "cog_ref_encoder.": "known.",
    "emo_lin.": "output.",
    "cog_lin.lin_1.": "joined.0.",
    "cog_lin.lin_2.": "joined.2.",
}


def from_official(state: Mapping[str, Tensor], config: CEMConfig) -> CEM:
    """The system of an official state dict; how often words were said is not in it.

    Args:
        state: Of the original's `CEM`.
        config: Sizes; `words` is its vocabulary behind the seven special words, which must hold the labels.

    Raises:
        CheckpointError: If names or shapes do not fit.
    """
    system = CEM(config)
    own: dict[str, Any] = {"frequency": system.frequency}
    take_official(system, {**state, **own}, _NAMES, ("criterion.",))
    return system.eval()


CARD = Card(
    system="cem",
    cls="CEM",
    roles=("reader", "responder"),
    modalities=("text", "dialogue"),
    unit="turn",
    title="What a speaker feels, and an answer, by inferred wants, needs and reactions",
    paper="Sabour, Zheng and Huang 2022, CEM, AAAI, arXiv:2109.05739",
    licence="code Apache-2.0, written from the equations; no weights are shipped",
    proof="equations",
    limits="English; word vectors (GloVe) and inferences (COMET) are the user's; without inferences a turn is read "
    "from its words alone (flag no-inferences); answers are those of a small network and of its training data.",
    expected_failures={
        "check_backward": "the made-up texts have no answers for the decoder; its own test has, and reaches all"
    },
)

VARIANTS = {
    "tiny": CEMConfig(
        words=("happy", "angry", "afraid", "sad", "the", "day", "was", "long", "we", "went", "home"),
        width=16,
        depth=8,
        inner=8,
    ),
    "base": CEMConfig(),
}
