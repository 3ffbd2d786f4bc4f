"""ESCM: what a speaker feels and an answer to it, by how each word stands to each emotion and by the parse.

Yang, Ren, Wang, Zhu, Chen, Cai, Wu, Su, Ju and Liao 2023, "Exploiting Emotion-Semantic Correlations for Empathetic
Response Generation", Findings of EMNLP; facts from github.com/zhouzhouyang520/EmpatheticDialogueGeneration_ESCM.
Verified against a float64 computation of the equations. No weights are published but on a personal drive, and neither
GloVe nor the biaffine parser of its data is at hand: word vectors are the user's to bring, and without a parse each
turn is a chain of its words, which every reading says (`linear-chain`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from affectus.batch import Batch
from affectus.card import Card
from affectus.errors import ConfigError, InputError
from affectus.frontends.answering import PADS, WEIGHTS, AnsweringConfig, AnsweringReader, Understood
from affectus.frontends.turn_words import PAD, Note, Spoken, TurnWordsCollate, padded
from affectus.nn.conv_transformer import HIDDEN, take_official
from affectus.nn.losses import loss_on
from affectus.taxonomy import scale

MARKS = ("UNK", "PAD", "NREL", "CLS", "CREL")  # of the one table of tags and relations, before those of the parser
UNKNOWN_MARK, NO_EDGE, _, CLS_TAG, CLS_RELATION = range(5)
CHAIN = "linear-chain"
# Features of a turn that hold its dependency parse: (n,) arrays; a head of 0 is the root, 1 the first token.
PARSE = ("tokens", "tags", "heads", "relations")


@dataclass(frozen=True, kw_only=True)
class ESCMConfig(AnsweringConfig):
    """Configuration of `ESCM`.

    Args:
        compressed: Features of the encoder's state beside a word's correlations.
        marks: Tags and relations of the parser; unknown ones share a vector. A chain needs none.
        mark_width: Numbers of their vectors.
        graph: Whether words exchange what they know along the edges of the parse; without, each keeps its own.
    """

    compressed: Annotated[int, Field(ge=1)] = 10
    marks: tuple[str, ...] = (CHAIN,)
    mark_width: Annotated[int, Field(ge=1)] = 50
    graph: bool = True


@dataclass(frozen=True)
class ESCMCollate(TurnWordsCollate):
    """As `TurnWordsCollate`, with `tags` (b, s) and `edges` (b, s, s) int64, relation of head and dependent or `PAD`.

    The parse of a turn comes in its features, see `PARSE`. Where a turn of a context has none, its words are a chain:
    each is the head of the next, the first its own. The first place is tied to all words, and they to it.

    Args:
        marks: As in the configuration.
    """

    marks: tuple[str, ...] = ()

    def split(self, one: Spoken) -> list[list[tuple[str, int]]]:
        """Words of each turn, each with its speaker; of a turn with a parse its tokens.

        Raises:
            InputError: If a sample with a parse has several lines, or its arrays differ in length.
        """
        rows = super().split(one)
        for i, parse in self._parses(one):
            rows[i] = [(str(token).lower(), one.turns[i][1]) for token in parse["tokens"]]
        return rows

    def beside(self, found: Sequence[Spoken], notes: Sequence[Note]) -> dict[str, np.ndarray]:
        """`tags` and `edges`."""
        tags = [[CLS_TAG, *([UNKNOWN_MARK] * len(note.words))] for note in notes]
        longest = max(map(len, tags), default=1)
        edges = np.full((len(tags), longest, longest), NO_EDGE, np.int64)
        for one, note, tag, edge in zip(found, notes, tags, edges, strict=True):
            parses, lengths = dict(self._parses(one)), [len(words) for words in self.split(one)]
            cut, start = sum(lengths) - len(note.words), 0
            edge[0, : len(tag)] = edge[: len(tag), 0] = CLS_RELATION
            for i, length in enumerate(lengths):
                parse = parses.get(i)
                for j in range(length):
                    head = (j if j else 1) if parse is None else int(parse["heads"][j]) or j + 1
                    name = CHAIN if parse is None else str(parse["relations"][j])
                    at, over = start + j + 1 - cut, start + head - cut
                    if at > 0 and parse is not None:
                        tag[at] = self._mark(str(parse["tags"][j]))
                    if at > 0 and over > 0:
                        edge[over, at] = self._mark(name)
                start += length
            if len(parses) < len([n for n in lengths if n]):
                note.flags.append(CHAIN)
        return {"tags": padded(tags), "edges": edges}

    def _parses(self, one: Spoken) -> list[tuple[int, Mapping[str, np.ndarray]]]:
        """Turns that have a parse, by number."""
        found = []
        for i, sample in enumerate(one.samples):
            if not all(name in sample.features for name in PARSE):
                continue
            lengths = {len(sample.features[name]) for name in PARSE}
            if len(one.turns) != len(one.samples) or len(lengths) != 1:
                raise InputError(
                    f"the parse of {sample.id!r} has arrays of lengths {sorted(lengths)} and {len(one.turns)} turns",
                    allowed="arrays of one length, and a turn a sample",
                )
            heads = np.asarray(sample.features["heads"])
            if len(heads) and (heads.min() < 0 or heads.max() > len(heads)):
                raise InputError(
                    f"the parse of {sample.id!r} has heads from {heads.min()} to {heads.max()}",
                    allowed=f"0 to {len(heads)}",
                )
            found.append((i, sample.features))
        return found

    def _mark(self, name: str) -> int:
        return len(MARKS) + self.marks.index(name) if name in self.marks else UNKNOWN_MARK


class GraphAttention(nn.Module):
    """Words look at those that they are tied to: ReLU(softmax(q_ij · k_ij) W h), with q and k as the paper joins them.

    q_ij = [h_i; r_ij; t_i], k_ij = [h_j; r_ij; t_j], so that the unscaled product is h_i·h_j + r_ij·r_ij + t_i·t_j.

    Args:
        width: Features of a word.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.value = nn.Linear(width, width, bias=False)

    def forward(self, h: Tensor, tags: Tensor, lengths: Tensor, tied: Tensor) -> Tensor:
        """States (b, s, width).

        Args:
            h: (b, s, width).
            tags: (b, s, marks) vectors of the tags.
            lengths: (b, s, s) squared length of the vector of each relation.
            tied: (b, s, s) bool, True where there is an edge.
        """
        logits = h @ h.transpose(1, 2) + lengths + tags @ tags.transpose(1, 2)
        return torch.relu(logits.masked_fill(~tied, HIDDEN).softmax(-1) @ self.value(h))


class EmotionHead(nn.Module):
    """Attention over the words, a dense layer with tanh, a linear one.

    Args:
        width: Features of a word.
        labels: How many emotions.
    """

    def __init__(self, width: int, labels: int) -> None:
        super().__init__()
        self.attention, self.score = nn.Linear(width, width), nn.Linear(width, 1, bias=False)
        self.hidden, self.output = nn.Linear(width, width), nn.Linear(width, labels)

    def forward(self, h: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
        """Logits (b, labels) and the weights of the words (b, s); where `valid` is False a word weighs nothing."""
        scores = self.score(torch.tanh(self.attention(h)))[..., 0]
        weights = (scores if valid is None else scores.masked_fill(~valid, HIDDEN)).softmax(-1)
        pooled = torch.einsum("bs,bsf->bf", weights, h)
        return self.output(torch.tanh(self.hidden(pooled))), weights


class ESCM(AnsweringReader):
    """Reads the emotion of who began a dialogue, and answers.

    Args:
        config: Sizes and names.
    """

    Config = ESCMConfig

    def __init__(self, config: ESCMConfig) -> None:
        labels = len(scale(config.targets[0].scale))
        narrow = config.compressed + labels
        super().__init__(config, memory=config.width + narrow)
        width = config.width
        self.marks = nn.Embedding(len(MARKS) + len(config.marks), config.mark_width, padding_idx=NO_EDGE)
        nn.init.normal_(self.marks.weight, std=config.mark_width**-0.5)
        self.encoder = self.encoder_of(width)
        self.of_word, self.of_emotion = nn.Linear(width, width), nn.Linear(width, width)
        self.correlation = nn.Linear(labels, labels)
        self.compress = nn.Linear(width, config.compressed, bias=False)
        self.correlated = self.encoder_of(narrow, narrow)
        self.exchange = GraphAttention(narrow)
        self.on_graph, self.on_encoder = EmotionHead(narrow, labels), EmotionHead(width, labels)
        c = self.config
        target = c.targets[0]
        self.collate = ESCMCollate(target.scale, target.perspective, c.words, c.longest, c.reply_longest, c.marks)

    def forward(
        self, ids: Tensor, states: Tensor, tags: Tensor, edges: Tensor, reply: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Emotions, weights of the words and, where an answer is known, how likely it is.

        Args:
            ids: (b, s) words.
            states: (b, s) who speaks.
            tags: (b, s) tags.
            edges: (b, s, s) relations.
            reply: (b, t) words of the answer.

        Returns:
            The scale's name → (b, k) logits, those of the heads with `.graph` and `.encoder` behind it, `weights`
            (b, s) by the head on the encoder; with an answer `told` and `said` (b, t) as in `answered`.
        """
        return self.answered(self.understand(ids, states, tags, edges), ids, reply)

    def understand(self, ids: Tensor, states: Tensor, tags: Tensor, edges: Tensor) -> Understood:  # type: ignore[override]
        """What is made of a context; the decoder looks at [encoder; graph]. Arguments as `forward`."""
        valid = ids != PAD
        heads_see = None if PADS in self.config.compat else valid
        encoded = self.encoder(self.embed(ids) + self.embed(states), valid)
        emotions = self.of_emotion(self.embed(self.emotions_ids))
        correlations = self.correlation(self.of_word(self.embed(ids)) @ emotions.T)
        narrow = self.correlated(torch.cat([self.compress(encoded), correlations], -1), valid)
        joined = self.exchanged(narrow, tags, edges, valid) if self.config.graph else narrow
        of_graph, _ = self.on_graph(joined, heads_see)
        of_encoder, weights = self.on_encoder(encoded, heads_see)
        heads = {f"{self.target}.graph": of_graph, f"{self.target}.encoder": of_encoder}
        logits = {self.target: self.in_scale(of_graph + of_encoder)}
        return Understood(
            logits | {name: self.in_scale(values) for name, values in heads.items()} | {WEIGHTS: weights},
            torch.cat([encoded, joined], -1),
        )

    def exchanged(self, h: Tensor, tags: Tensor, edges: Tensor, valid: Tensor) -> Tensor:
        """Graph attention over the parse (b, s, features); arguments as `understand`."""
        root = self.config.mark_width**0.5
        table = self.marks.weight * root
        lengths = table.square().sum(1)[edges]
        return self.exchange(h, self.marks(tags) * root, lengths, (edges != NO_EDGE) & valid[:, None])

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of each head and negative log-likelihood of a word of the answer, each of weight 1.

        Raises:
            ConfigError: If the batch has neither gold nor answers.
        """
        terms = self.told_loss(outputs, batch)
        if self.target in batch.targets:
            gold, kind = batch.targets[self.target], scale(self.target).kind
            for name in (f"{self.target}.graph", f"{self.target}.encoder"):
                terms[name] = loss_on(outputs[name], gold, kind)
        if not terms:
            raise ConfigError("the batch has neither emotions nor answers", allowed=self.target)
        return terms


# -- official weights --------------------------------------------------------------------------------------------------
_NAMES = {
    "tag_rel_embedding.lut.": "marks.",
    "emo_encoder.": "correlated.",
    "gcn_encoder.": "exchange.",
    "word_linear.": "of_word.",
    "emotion_linear.": "of_emotion.",
    "cosine_linear.": "correlation.",
    "w_word_embed.": "compress.",
    "attention_layer2.": "on_graph.attention.",
    "attention_v2.": "on_graph.score.",
    "hidden_layer2.": "on_graph.hidden.",
    "output_layer2.": "on_graph.output.",
    "attention_layer.": "on_encoder.attention.",
    "attention_v.": "on_encoder.score.",
    "hidden_layer.": "on_encoder.hidden.",
    "output_layer.": "on_encoder.output.",
}


def from_official(state: Mapping[str, Tensor], config: ESCMConfig) -> ESCM:
    """The system of an official state dict.

    Args:
        state: Of the original's `ESCM`.
        config: Sizes; `words` is its vocabulary behind the seven special words, which must hold the labels, and `marks`
            that of tags and relations behind the five of `MARKS`.

    Raises:
        CheckpointError: If names or shapes do not fit.
    """
    system = ESCM(config)
    take_official(system, state, _NAMES, ("cog_lin.", "criterion."))
    return system.eval()


CARD = Card(
    system="escm",
    cls="ESCM",
    roles=("reader", "responder"),
    modalities=("text", "dialogue"),
    unit="turn",
    title="What a speaker feels, and an answer, by correlations of words and emotions along the parse",
    paper="Yang et al. 2023, Exploiting Emotion-Semantic Correlations, Findings of EMNLP",
    licence="code Apache-2.0, written from the equations; no weights are published",
    proof="equations",
    limits="English; word vectors are the user's (GloVe is not shipped); without a dependency parse in the features a "
    "turn is a chain of words (flag linear-chain); answers are those of a small network and of its training data.",
    expected_failures={
        "check_backward": "the made-up texts have no answers for the decoder; its own test has, and reaches all"
    },
)

VARIANTS = {
    "tiny": ESCMConfig(
        words=("happy", "angry", "afraid", "sad", "the", "day", "was", "long", "we", "went", "home"),
        width=16,
        depth=8,
        inner=8,
        mark_width=8,
    ),
    "base": ESCMConfig(),
}
