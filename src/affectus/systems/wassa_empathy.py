"""WASSA empathy: sentence embedding and emotion lexica, a small network and two support vector machines, equal votes.

Singh, Sharma, Ma and Goldfine 2024, "Towards More Accurate Prediction of Human Empathy and Emotion in Text and
Multi-turn Conversations", arXiv:2407.18496; official code and models
github.com/manisha-Singh-UW/LING573_HUE-Human-Understanding-and-Empathy (MIT; the texts in it are for research alone).
Verified: the official MiniLM networks, read by `convert_official`, give the published correlations on the 270 shipped
development vectors; support vector machines equal scikit-learn's; the rest by independent computation.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from affectus import backbones
from affectus.batch import Batch
from affectus.card import Card
from affectus.config import Config
from affectus.errors import CheckpointError, ConfigError, FileError, InputError
from affectus.frontends import lexicon_features
from affectus.frontends.tokens import TextCollate, Tokens, gold_rows
from affectus.nn.fitted import Fitted
from affectus.nn.machines import KERNELS, Machines
from affectus.readout import read_out
from affectus.sample import Dialogue, Item, Sample, as_items, conversations
from affectus.system import System
from affectus.taxonomy import Target, scale
from affectus.timeline import Timeline

REDUCTION = 16  # units of an advanced dropout layer to one unit of its prior
PROBIT = 3.14 / 8  # the original writes 3.14, not π
HIDDEN = (256, 128)
LEXICON = len(lexicon_features.COLUMNS)  # 48
QUIRKS = {
    "first-window": "a text longer than the encoder's window is cut there, as sentence-transformers does",
    "transductive": "lexicon features are standardised with the statistics of the batch that is read",
    "vad-first-word": "entries of several words stand under their first word in NRC-VAD",
    "official-leak": "the network also trains on the rows that choose its epoch (version 1 of the original)",
}


class Encoder(NamedTuple):
    """A sentence embedder.

    Args:
        backbone: Reference to its network; None where vectors come ready-made.
        width: Numbers in a vector.
        limit: Word pieces that it reads at once.
    """

    backbone: str | None
    width: int
    limit: int


ENCODERS = {  # section 3.1 of the paper; all vectors have length 1
    "minilm": Encoder("asset:minilm-l6", 384, 256),  # all-MiniLM-L6-v2
    "mpnet": Encoder("hf:sentence-transformers/all-mpnet-base-v2", 768, 384),
    "roberta-large": Encoder("hf:sentence-transformers/all-roberta-large-v1", 1024, 128),
    "ada-002": Encoder(None, 1536, 8191),  # OpenAI text-embedding-ada-002
    "tiny": Encoder("tiny:bert", 32, 128),
}
EncoderName = Literal["minilm", "mpnet", "roberta-large", "ada-002", "tiny"]
Vote = Literal["ffn", "svr-poly", "svr-rbf"]


@dataclass(frozen=True, kw_only=True)
class WassaEmpathyConfig(Config):
    """Configuration of `WassaEmpathy`; the defaults are those of the paper's last essay system but for the encoder.

    Args:
        targets: Scales of kind level; each of their labels gets regressors of its own.
        encoder: Sentence embedder, one of `ENCODERS`.
        encoder_hash: Hash of the encoder's weights that the regressors were fitted on; empty before the fit.
        layers: Hidden states whose means over tokens are put side by side instead of the sentence vector: 0 is the
            input of the first layer. Empty, as in the paper, is the sentence vector.
        lexicons: `four` adds the 48 lexicon features; `none` needs no lexicon files.
        lexicon_hash: Fingerprint of the lexica that the regressors were fitted on; empty before the fit.
        tokens: Who cuts texts for the lexica: `nltk` as the paper, or our `plain` rules, which need no data.
        history: Whether the centroid of all turns before is a feature.
        essay: Whether the speaker's essay is a feature (`persona[speaker].attributes["essay"]`).
        standardised: Whether each feature is brought to mean 0 and deviation 1 before the regressors; not so in the
            paper.
        votes: Regressors whose mean is the reading.
        activation: `gelu` in version 2 of the network, `relu` in version 1.
        dropout: `advanced` in version 2, `fixed` (one half) in version 1.
        weighted: Whether a row weighs |middle − gold| + 1 in the support vector machines.
        strength: C of the support vector machines.
        tube: Their ε, in points of the scale.
        half: Whether they keep their rows in half precision, at half the size.
        lr: Learning rate of the network.
        weight_decay: Decoupled weight decay of the network.
        batch: Rows in one step of the network.
        epochs: Most passes of the network over its rows.
        held_out: Share of rows that choose the epoch, stratified by the whole number nearest below the gold value;
            0 trains on all rows and keeps the last epoch.
        factor: What the learning rate is multiplied by on a plateau.
        patience: Epochs without a better loss before that.
        min_lr: Smallest learning rate.
        seed: Of split, weights, dropout and order.
        compat: Names of `QUIRKS`.
    """

    encoder: EncoderName = "minilm"
    encoder_hash: str = ""
    layers: tuple[Annotated[int, Field(ge=0)], ...] = ()
    lexicons: Literal["none", "four"] = "four"
    lexicon_hash: str = ""
    tokens: Literal["plain", "nltk"] = "plain"
    history: bool = False
    essay: bool = False
    standardised: bool = False
    votes: tuple[Vote, ...] = ("ffn", "svr-poly", "svr-rbf")
    activation: Literal["gelu", "relu"] = "gelu"
    dropout: Literal["advanced", "fixed", "none"] = "advanced"
    weighted: bool = True
    strength: Annotated[float, Field(gt=0)] = 1.0
    tube: Annotated[float, Field(ge=0)] = 0.1
    half: bool = False
    lr: Annotated[float, Field(gt=0)] = 1e-4
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    batch: Annotated[int, Field(ge=2)] = 30
    epochs: Annotated[int, Field(ge=1)] = 200
    held_out: Annotated[float, Field(ge=0, lt=1)] = 0.2
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.8
    patience: Annotated[int, Field(ge=0)] = 3
    min_lr: Annotated[float, Field(ge=0)] = 0.0
    seed: int = 573


# -- the network -------------------------------------------------------------------------------------------------------
class AdvancedDropout(nn.Module):
    """A multiplicative mask whose distribution is learned (Xie et al. 2021, TPAMI, arXiv:2010.05244).

    For x (b, n) and r = n // 16: h = x·W_hᵀ + b_h; μ = mean over the batch of h·W_μᵀ + b_μ; σ = mean over the batch of
    softplus(h·W_σᵀ + b_σ); the mask is sigmoid(μ + σ·noise), and x ⊙ mask is divided by its expectation in the probit
    approximation, sigmoid(μ / √(1 + 3.14/8 · σ²)), through which no gradient flows. Evaluation is the identity.

    Args:
        width: Units of the layer, n.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        reduced = width // REDUCTION
        self.weight_h = nn.Parameter(torch.rand(reduced, width) * 0.01)
        self.bias_h = nn.Parameter(torch.rand(1) * 0.01)
        self.weight_mu = nn.Parameter(torch.rand(1, reduced) * 0.01)
        self.bias_mu = nn.Parameter(torch.zeros(1))
        self.weight_sigma = nn.Parameter(torch.rand(1, reduced) * 0.01)
        self.bias_sigma = nn.Parameter(torch.full((1,), 1.2))

    def forward(self, x: Tensor) -> Tensor:
        """Masked features, (b, n)."""
        if not self.training:
            return x
        hidden = F.linear(x, self.weight_h, self.bias_h)
        mu = F.linear(hidden, self.weight_mu, self.bias_mu).mean()
        sigma = F.softplus(F.linear(hidden, self.weight_sigma, self.bias_sigma)).mean()
        mask = torch.sigmoid(mu + sigma * torch.randn_like(x))
        return x * mask / torch.sigmoid(mu.detach() / (1 + PROBIT * sigma.detach() ** 2).sqrt())


def _dropout(kind: str, width: int) -> nn.Module:
    if kind == "advanced":
        return AdvancedDropout(width)
    return nn.Dropout(0.5) if kind == "fixed" else nn.Identity()


class Network(nn.Module):
    """Three linear layers, each behind its dropout (section 3.2); parameter names are those of the original.

    Args:
        width: Features.
        activation: `gelu` or `relu`.
        dropout: `advanced`, `fixed` or `none`.
    """

    def __init__(self, width: int, activation: str = "gelu", dropout: str = "advanced") -> None:
        super().__init__()
        first, second = HIDDEN
        bend = nn.GELU if activation == "gelu" else nn.ReLU
        self.layers = nn.Sequential(
            _dropout(dropout, width),
            nn.Linear(width, first),
            bend(),
            _dropout(dropout, first),
            nn.Linear(first, second),
            bend(),
            _dropout(dropout, second),
            nn.Linear(second, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """One value a row, (b,), from features (b, width)."""
        return self.layers(x)[:, 0]


# -- features ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class WassaCollate:
    """Texts with what surrounds them → tokens and lexicon counts.

    `inputs`: `ids`, `valid` (windows, tokens) and `owner` (windows,) the text of each window; `ready` (texts, width)
    vectors that came with a sample, NaN where none did; `lexicon` (texts, 48 or 0) counts, not rescaled; `row` and
    `first` (rows,) the text that a row reads and the first text of its conversation; `essay` (rows,) the essay of its
    speaker, −1 without. The turns of a conversation are neighbouring texts. `notes` lists the `Tokens` of the rows.

    Args:
        targets: Scales whose gold is collected.
        encoder: Name of the sentence embedder.
        width: Numbers in the vector of a text.
        lexicons: Whether lexicon features are counted.
        tokens: Who cuts texts for the lexica.
        essay: Whether essays are wanted.
        compat: Names of `QUIRKS`.
    """

    targets: tuple[Target, ...]
    encoder: str
    width: int
    lexicons: bool
    tokens: Literal["plain", "nltk"]
    essay: bool
    compat: tuple[str, ...] = ()

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate samples, which stand alone, and dialogues, whose turns have those before them as history."""
        texts: list[Sample] = []
        row, first, essay = [], [], []
        for item in items:
            turns = item.turns if isinstance(item, Dialogue) else (item,)
            essays = {track: len(texts) + i for i, track in enumerate(self._essays(item))}
            texts += self._essays(item).values()
            start = len(texts)
            for turn in turns:
                row.append(len(texts))
                first.append(start)
                essay.append(self._essay(turn, essays))
                texts.append(turn)
        rows = [texts[i] for i in row]
        encoded, notes = self._encoded(texts)
        inputs = {
            **encoded,
            "lexicon": self._lexicon(texts),
            "row": np.array(row, np.int64),
            "first": np.array(first, np.int64),
            "essay": np.array(essay, np.int64),
        }
        gold = {t.scale: gold_rows(rows, t.scale) for t in self.targets}
        known = {name: values for name, values in gold.items() if values is not None}
        return Batch(inputs, known, [sample.span for sample in rows], [notes[i] for i in row])

    def _essays(self, item: Item) -> dict[str, Sample]:
        if not self.essay or not isinstance(item, Dialogue):
            return {}
        found = {track: persona.attributes.get("essay") for track, persona in item.persona.items()}
        return {t: e if isinstance(e, Sample) else Sample(id=t, text=e) for t, e in found.items() if e is not None}

    def _essay(self, turn: Sample, essays: dict[str, int]) -> int:
        if self.essay and turn.track not in essays:
            raise InputError(
                f"the speaker {turn.track!r} of {turn.id!r} has no essay",
                remedy='pass a Dialogue whose persona[speaker].attributes["essay"] has it, or train with essay: false',
            )
        return essays[turn.track or ""] if self.essay else -1

    def _encoded(self, texts: Sequence[Sample]) -> tuple[dict[str, np.ndarray], list[Tokens]]:
        """Token windows of the texts without a ready vector, and the vectors of the others."""
        encoder = ENCODERS[self.encoder]
        ready = np.full((len(texts), self.width), np.nan, np.float32)
        for place, sample in zip(ready, texts, strict=True):
            vector = sample.features.get("embedding")
            if vector is not None and np.shape(vector) != place.shape:
                raise InputError(
                    f"the embedding of {sample.id!r} has shape {np.shape(vector)}", allowed=f"{place.shape}"
                )
            if vector is not None:
                place[:] = vector
        if encoder.backbone is None:
            missing = next((s.id for s, v in zip(texts, ready, strict=True) if np.isnan(v).any()), None)
            if missing is not None:
                raise InputError(
                    f"{missing!r} has no vector, and {self.encoder} has no network here",
                    remedy="attach vectors with affectus.systems.wassa_empathy.with_embeddings(items, source)",
                )
            notes = [Tokens(s.text or "", [], () if (s.text or "").strip() else ("empty",)) for s in texts]
            none = np.zeros((0, 1), np.int64)
            return {"ids": none, "valid": none.astype(bool), "owner": none[:, 0], "ready": ready}, notes
        cut = TextCollate(encoder.backbone, (), encoder.limit)
        notes = [self._cut(tokens) for tokens in cut.encode(texts)]
        owner = [i for i, tokens in enumerate(notes) if np.isnan(ready[i]).any() for _ in tokens.windows]
        windows = [w for i, tokens in enumerate(notes) if np.isnan(ready[i]).any() for w in tokens.windows]
        padded = cut.pad(windows) if windows else {"ids": np.zeros((0, 1), np.int64), "valid": np.zeros((0, 1), bool)}
        return {
            "ids": padded["ids"], "valid": padded["valid"], "owner": np.array(owner, np.int64), "ready": ready
        }, notes  # fmt: skip

    def _cut(self, tokens: Tokens) -> Tokens:
        if "first-window" not in self.compat or len(tokens.windows) == 1:
            return tokens
        return Tokens(tokens.text, tokens.windows[:1], tuple(dict.fromkeys((*tokens.flags, "truncated"))))

    def _lexicon(self, texts: Sequence[Sample]) -> np.ndarray:
        if not self.lexicons:
            return np.zeros((len(texts), 0), np.float32)
        return self.lexica().features([s.text or "" for s in texts], self.tokens).astype(np.float32)

    def lexica(self) -> lexicon_features.Lexica:
        """The user's lexica; read once in each process."""
        return lexicon_features.read_lexica(
            lexicon_features.lexicon_folder(), first_word="vad-first-word" in self.compat
        )


def with_embeddings(items: Iterable[Item | str], source: Callable[[list[str]], Any] | Path | str) -> list[Item]:
    """The same items, each text with its sentence vector as `features["embedding"]`.

    Args:
        items: Samples, dialogues or texts.
        source: What makes vectors of a list of texts (any embedding service), or a `.npy` file that holds them in the
            order of the texts, turns of dialogues included.

    Raises:
        FileError: If the file can't be read.
        InputError: If there is not one vector for each text.
    """
    rows = as_items(items)
    turns = [turn for item in rows for turn in (item.turns if isinstance(item, Dialogue) else (item,))]
    if callable(source):
        vectors = np.asarray(source([turn.text or "" for turn in turns]), np.float32)
    else:
        try:
            vectors = np.load(source, allow_pickle=False).astype(np.float32)
        except (OSError, ValueError) as error:
            raise FileError(
                f"{str(source)!r} holds no array ({error})", allowed="a .npy file, (texts, width)"
            ) from error
    if vectors.ndim != 2 or len(vectors) != len(turns):
        raise InputError(f"the vectors have shape {vectors.shape}", allowed=f"one row for each of {len(turns)} texts")
    given = iter(
        replace(turn, features={**turn.features, "embedding": vector})
        for turn, vector in zip(turns, vectors, strict=True)
    )
    return [
        replace(i, turns=tuple(next(given) for _ in i.turns)) if isinstance(i, Dialogue) else next(given) for i in rows
    ]


class Texts(NamedTuple):
    """What the regressors need to know of texts, before rescaling.

    Args:
        vectors: (texts, width) sentence embeddings.
        lexicon: (texts, 48 or 0) lexicon counts.
        row: (rows,) text of each row.
        first: (rows,) first text of its conversation.
        essay: (rows,) text of the speaker's essay, −1 without.
    """

    vectors: Tensor
    lexicon: Tensor
    row: Tensor
    first: Tensor
    essay: Tensor


class WassaEmpathy(System):
    """Reads how much of something a text holds on level scales: empathy and distress of essays, or of turns.

    Args:
        config: Sizes and names.
    """

    Config = WassaEmpathyConfig
    modality = "text"
    default_run: ClassVar[dict[str, Any]] = {"method": "fit", "batch": 64}

    def __init__(self, config: WassaEmpathyConfig) -> None:
        super().__init__(config)
        strange = [t.scale for t in config.targets if scale(t.scale).kind != "level"]
        if not config.targets or strange:
            raise ConfigError(f"targets are {config.targets!r}", allowed="at least one, all on scales of kind level")
        if not config.votes:
            raise ConfigError("votes are empty", allowed="ffn, svr-poly, svr-rbf")
        unknown = [name for name in config.compat if name not in QUIRKS]
        if unknown:
            raise ConfigError(f"compat names {unknown[0]!r}", allowed=", ".join(QUIRKS))
        encoder = ENCODERS[config.encoder]
        self.encoder = None if encoder.backbone is None else _frozen(encoder.backbone)
        if config.encoder_hash and self.encoder and config.encoder_hash != backbones.weight_hash(self.encoder):
            raise CheckpointError(
                f"the weights of {encoder.backbone!r} are not those that these regressors were fitted on",
                remedy="affectus assets verify",
            )
        lexical = LEXICON if config.lexicons == "four" else 0
        vector = encoder.width * max(1, len(config.layers))
        self.width = (vector + lexical) * (1 + config.history + config.essay)
        self.outputs = [(t.scale, label) for t in config.targets for label in scale(t.scale).labels]
        self.scaling = Fitted(
            mean=torch.zeros(lexical), deviation=torch.ones(lexical), centre=torch.zeros(1), spread=torch.ones(1)
        )
        self.standard = Fitted(mean=torch.zeros(self.width), deviation=torch.ones(self.width))
        networks = len(self.outputs) if "ffn" in config.votes else 0
        self.networks = nn.ModuleList(Network(self.width, config.activation, config.dropout) for _ in range(networks))
        self.machines = nn.ModuleDict(
            {v: Machines(len(self.outputs), self.width, v, config.half) for v in KERNELS if v in config.votes}
        )
        self.collate: WassaCollate = WassaCollate(
            config.targets, config.encoder, vector, bool(lexical), config.tokens, config.essay, config.compat
        )
        if config.lexicon_hash and config.lexicon_hash != self.collate.lexica().fingerprint:
            raise CheckpointError(
                "the lexica on this machine are not those that these regressors were fitted on",
                remedy="put the same versions into the folder of AFFECTUS_LEXICONS, or fit again",
            )

    # -- reading -----------------------------------------------------------------------------------------------------
    def forward(
        self, ids: Tensor, valid: Tensor, owner: Tensor, ready: Tensor, lexicon: Tensor, row: Tensor, first: Tensor,
        essay: Tensor,
    ) -> dict[str, Tensor]:  # fmt: skip
        """Readings from what `WassaCollate` makes, as `head` gives them."""
        return self.head(self.features(Texts(self.vectors(ids, valid, owner, ready), lexicon, row, first, essay)))

    def head(self, features: Tensor) -> dict[str, Tensor]:
        """Votes and their mean.

        Args:
            features: (rows, width).

        Returns:
            For each vote its name → (rows, outputs); for each target its scale's name → (rows, k), the mean.
        """
        x = (features - self.standard.mean) / self.standard.deviation
        votes: dict[str, Tensor] = {}
        if len(self.networks):
            votes["ffn"] = torch.stack([network(x) for network in self.networks], 1)
        votes |= {name: machine(x) for name, machine in self.machines.items()}
        mean = torch.stack(list(votes.values())).mean(0)
        parts = mean.split([len(scale(t.scale)) for t in self.config.targets], 1)
        return votes | {t.scale: part for t, part in zip(self.config.targets, parts, strict=True)}

    def vectors(self, ids: Tensor, valid: Tensor, owner: Tensor, ready: Tensor) -> Tensor:
        """Sentence vectors of length 1, (texts, width): the mean over all tokens of a text, special ones included.

        With `config.layers` instead the means of these hidden states, side by side and of any length. A vector that is
        ready is taken as it is.
        """
        if self.encoder is None:
            return ready
        layers = self.config.layers
        found = self.encoder(input_ids=ids, attention_mask=valid.long(), output_hidden_states=bool(layers))
        states = torch.cat([found.hidden_states[i] for i in layers], 2) if layers else found.last_hidden_state
        there = valid.to(states.dtype)
        sums = torch.zeros_like(ready).index_add(0, owner, torch.einsum("bt,btf->bf", there, states))
        mean = sums / torch.zeros_like(ready[:, :1]).index_add(0, owner, there.sum(1, keepdim=True)).clamp(min=1)
        return ready.where(~ready.isnan(), mean if layers else F.normalize(mean, dim=1))

    def features(self, texts: Texts) -> Tensor:
        """Rows for the regressors, (rows, width): [text; centroid of the turns before, 0 at the first; essay]."""
        each = torch.cat([texts.vectors, self._rescaled(texts.lexicon)], 1)
        parts = [each[texts.row]]
        if self.config.history:
            running = torch.cat([torch.zeros_like(each[:1]).double(), each.double().cumsum(0)])
            count = (texts.row - texts.first).clamp(min=1)[:, None]
            parts.append(((running[texts.row] - running[texts.first]) / count).to(each.dtype))
        if self.config.essay:
            parts.append(each[texts.essay])
        return torch.cat(parts, 1)

    def _rescaled(self, lexicon: Tensor) -> Tensor:
        """Lexicon features on the scale of the embedding: m₂ + (f − mean) · s₂ / deviation, undefined → 0."""
        mean, deviation = self.scaling.mean, self.scaling.deviation
        if "transductive" in self.config.compat:
            mean, deviation = lexicon.mean(0), lexicon.std(0, correction=0)
        return (self.scaling.centre + (lexicon - mean) * self.scaling.spread / deviation).nan_to_num(0.0, 0.0, 0.0)

    def run(self, items: Iterable[Item | str], batch_size: int = 16) -> Iterator[tuple[dict[str, np.ndarray], Batch]]:
        """As every system; with `history`, neighbouring samples of one source are turns of one conversation."""
        return super().run(conversations(items) if self.config.history else items, batch_size)

    def logits(self, items: Iterable[Item | str], batch_size: int = 32) -> dict[str, np.ndarray]:
        """Readings before they are clipped to their scale, scale name → (rows, k); NaN for an empty text."""
        parts: list[dict[str, np.ndarray]] = [{r.scale: np.empty((0, len(r.of))) for r in self.readouts}]
        parts += [self._spoken(outputs, batch) for outputs, batch in self.run(items, batch_size)]
        return {r.scale: np.concatenate([part[r.scale] for part in parts]) for r in self.readouts}

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Levels within their scales; an empty text gets a flag and no scores."""
        return read_out(
            batch.spans,
            self._spoken(outputs, batch),
            self.readouts,
            by=self.name,
            modality="text",
            text=[tokens.text for tokens in batch.notes],
            flags=[tokens.flags for tokens in batch.notes],
        )

    def _spoken(self, outputs: dict[str, np.ndarray], batch: Batch) -> dict[str, np.ndarray]:
        silent = np.array([["empty" in tokens.flags] for tokens in batch.notes], bool).reshape(-1, 1)
        return {r.scale: np.where(silent, np.nan, outputs[r.scale]) for r in self.readouts}

    # -- fitting -----------------------------------------------------------------------------------------------------
    def fit(self, batches: Iterable[Batch]) -> None:
        """Find the rescaling, descend the networks and fit the support vector machines, all on these rows.

        Split, weights, dropout and order follow from `config.seed`. With `history`, neighbouring rows of one source are
        turns of one conversation.

        Args:
            batches: From `collate`, all with gold.

        Raises:
            InputError: If there are no rows, or a target has no gold.
        """
        texts, gold = self.gather(batches)
        self.fit_texts(texts, gold)

    @torch.no_grad()
    def gather(self, batches: Iterable[Batch]) -> tuple[Texts, np.ndarray]:
        """All texts of some batches, encoded, and the gold (rows, outputs) of their rows."""
        self.eval()
        parts: list[Texts] = []
        golds, sources, before = [], [], 0
        for batch in batches:
            given = batch.to(self.device).inputs
            vectors = self.vectors(*(given[name] for name in ("ids", "valid", "owner", "ready")))
            row, first = given["row"] + before, given["first"] + before
            essay = torch.where(given["essay"] < 0, -1, given["essay"] + before)
            parts.append(Texts(vectors, given["lexicon"], row, first, essay))
            before += len(vectors)
            lacking = next((t.scale for t in self.config.targets if t.scale not in batch.targets), None)
            if lacking is not None:
                raise InputError(f"samples without gold on {lacking!r} can't be learned from")
            golds.append(np.concatenate([np.asarray(batch.targets[t.scale]) for t in self.config.targets], 1))
            sources += [span.source for span in batch.spans]
        if not parts:
            raise InputError("there is nothing to learn from", remedy="check data and splits of the recipe")
        texts = Texts(*(torch.cat(column) for column in zip(*parts, strict=True)))
        if self.config.history and not self.config.essay:
            starts = [i for i, source in enumerate(sources) if not i or source != sources[i - 1]]
            sizes = np.diff([*starts, len(sources)])
            texts = texts._replace(first=torch.as_tensor(np.repeat(starts, sizes), device=self.device))
        return texts, np.concatenate(golds).astype(np.float64)

    def fit_texts(self, texts: Texts, gold: np.ndarray) -> None:
        """As `fit`, from texts that were encoded before.

        Args:
            texts: What `gather` gives, or some of its rows.
            gold: (rows, outputs), NaN where unknown.
        """
        if self.encoder is not None:
            self.config = replace(self.config, encoder_hash=backbones.weight_hash(self.encoder))
        if self.config.lexicons == "four":
            self.config = replace(self.config, lexicon_hash=self.collate.lexica().fingerprint)
        used = torch.unique(torch.cat([texts.row, texts.essay[texts.essay >= 0]]))
        vectors, lexicon = (part[used].double().cpu().numpy() for part in (texts.vectors, texts.lexicon))
        self.scaling.set(
            mean=lexicon.mean(0),
            deviation=lexicon.std(0),
            centre=vectors.mean(keepdims=True)[0],
            spread=vectors.std(0).mean(keepdims=True),
        )
        features = self.features(texts)
        if self.config.standardised:
            deviation = features.std(0, correction=0)
            self.standard.set(mean=features.mean(0).cpu(), deviation=deviation.where(deviation > 1e-6, 1.0).cpu())
            features = (features - self.standard.mean) / self.standard.deviation
        for machine in cast(Iterable[Machines], self.machines.values()):
            machine.fit(
                features.cpu().numpy(), gold, strength=self.config.strength, tube=self.config.tube,
                weighted=self.config.weighted,
            )  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            for output in range(len(self.networks)):
                self.networks[output] = descended(features, gold[:, output], self.config).to(self.device)

    # -- persistence -------------------------------------------------------------------------------------------------
    def owned(self) -> dict[str, Tensor]:
        """The regressors and the rescaling; the frozen encoder is stored as its reference and hash."""
        return {k: v for k, v in self.state_dict().items() if not k.startswith("encoder.")}


def _frozen(reference: str) -> nn.Module:
    encoder = backbones.text_encoder(reference).requires_grad_(False)
    if getattr(encoder, "pooler", None) is not None:  # a layer on the first token, which mean pooling never reads
        encoder.pooler = None
    return encoder


def held_out_rows(gold: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from and rows that choose the epoch, stratified by the whole number below the gold value.

    The paper says "stratified data sampling" and not how a continuous target is binned; whole numbers are our reading.
    Bins of a single row join the one below.
    """
    from sklearn.model_selection import train_test_split

    bins = np.floor(gold).astype(np.int64)
    for value in np.unique(bins)[::-1]:
        if (bins == value).sum() < 2:
            lower = bins[bins < value]
            bins[bins == value] = lower.max() if len(lower) else bins[bins > value].min(initial=value + 1)
    many = len(np.unique(bins)) <= min(round(share * len(gold)), round((1 - share) * len(gold)))
    rows = np.arange(len(gold))
    return train_test_split(rows, test_size=share, random_state=seed, stratify=bins if many else None)


def descended(features: Tensor, gold: np.ndarray, config: WassaEmpathyConfig) -> Network:
    """A network trained by AdamW on the squared error, in evaluation mode.

    The learning rate falls on a plateau of the watched loss, and the epoch with the lowest one is kept; without
    held-out rows the watched loss is that of training, and the last epoch is kept.

    Args:
        features: (n, width).
        gold: (n,), NaN where unknown.
        config: Sizes, rates and split.
    """
    known = np.flatnonzero(np.isfinite(gold))
    y = torch.as_tensor(gold, dtype=features.dtype, device=features.device)
    learn, watch = known, known[:0]
    if config.held_out and len(known) > 2:
        split = held_out_rows(gold[known], config.held_out, config.seed)
        learn, watch = known[split[0]], known[split[1]]
    if "official-leak" in config.compat:
        learn = known
    network = Network(features.shape[1], config.activation, config.dropout).to(features.device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, factor=config.factor, patience=config.patience, min_lr=config.min_lr
    )
    best, kept = float("inf"), None
    rows = torch.as_tensor(learn)
    for _ in range(config.epochs):
        network.train()
        total = 0.0
        for chosen in rows[torch.randperm(len(rows))].split(config.batch):
            loss = F.mse_loss(network(features[chosen]), y[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(chosen)
        network.eval()
        watched = total / len(rows)
        if len(watch):
            with torch.no_grad():
                watched = F.mse_loss(network(features[watch]), y[watch]).item()
            if watched < best:
                best, kept = watched, {k: v.clone() for k, v in network.state_dict().items()}
        plateau.step(watched)
    if kept is not None:
        network.load_state_dict(kept)
    return network.eval()


# -- official checkpoints ----------------------------------------------------------------------------------------------
_OFFICIAL = re.compile(
    r"(?:d4_)?model_nn_(?P<target>\w+?)"
    r"_(?P<encoder>all-MiniLM-L6-v2|all-mpnet-base-v2|all-roberta-large-v1|text-embedding-ada-002)"
    r"(?P<kind>_advanced_lexicon|_exp2)?\.pth"
)
_OFFICIAL_ENCODERS = {
    "all-MiniLM-L6-v2": "minilm",
    "all-mpnet-base-v2": "mpnet",
    "all-roberta-large-v1": "roberta-large",
    "text-embedding-ada-002": "ada-002",
}
_ESSAY_NAMES = ("empathy", "distress")
_TURN_TARGETS = {
    "Empathy": "wassa-turn-empathy",
    "EmotionalPolarity": "wassa-turn-polarity",
    "Emotion": "wassa-turn-intensity",
}
# m₂ and s₂ of the lexicon columns of the published development vectors. They are the same for every encoder's file,
# although each encoder has its own statistics: the original kept those of one encoder.
OFFICIAL_CENTRE, OFFICIAL_SPREAD = -0.00067603918, 0.01272430787


def stored_arrays(path: Path) -> list[np.ndarray]:
    """The raw storages of a torch archive in their order, as flat float32 arrays; nothing in it is unpickled.

    Raises:
        CheckpointError: If the file is no such archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = {n.rsplit("/", 1)[1]: n for n in archive.namelist() if re.search(r"/data/\d+$", n)}
            return [np.frombuffer(archive.read(names[key]), "<f4") for key in sorted(names, key=int)]
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise CheckpointError(f"{str(path)!r} is no archive of torch ({error})") from error


def official_network(path: Path) -> Network:
    """One official network, versions 1 and 2 told apart by the number of its storages.

    The order of storages is that in which the original pickles its parameters: the order of the state dict of version 2
    after the empty `device_check_parameter`, and that of version 1. A `.pth` that holds a plain state dict is read
    with `weights_only`.

    Raises:
        CheckpointError: If number or sizes of the storages are not those of a network.
    """
    arrays = stored_arrays(path)
    arrays = arrays[1:] if arrays and not arrays[0].size else arrays
    advanced = len(arrays) > 6
    first = 6 if advanced else 0  # position of the first linear layer's weight
    if len(arrays) not in (6, 24) or arrays[first].size % HIDDEN[0]:
        raise CheckpointError(f"{path.name!r} has {len(arrays)} arrays", allowed="6 (version 1) or 24 (version 2)")
    width = arrays[first].size // HIDDEN[0]
    network = Network(width, "gelu", "advanced") if advanced else Network(width, "relu", "fixed")
    state = network.state_dict()
    for (name, tensor), array in zip(state.items(), arrays, strict=True):
        if tensor.numel() != array.size:
            raise CheckpointError(f"{name} of {path.name!r} has {array.size} values", allowed=str(tensor.numel()))
        state[name] = torch.from_numpy(array.reshape(tensor.shape).copy())
    network.load_state_dict(state)
    return network.eval()


def convert_official(path: Path) -> WassaEmpathy:
    """The system of an official network file and of its siblings for the other targets.

    Official support vector machines are pickles and are not read. The rescaling of the 48 lexicon features is the
    original's: with the statistics of the texts that are read at once.

    Args:
        path: For example `model_nn_empathy_all-MiniLM-L6-v2_advanced_lexicon.pth`; `distress` is looked up beside it.

    Raises:
        CheckpointError: If the name is none of the original's, or a file is damaged.
    """
    match = _OFFICIAL.fullmatch(path.name)
    if match is None:
        raise CheckpointError(
            f"{path.name!r} is no network of the original",
            allowed="model_nn_{empathy,distress}_{encoder}[_exp2|_advanced_lexicon].pth, d4_model_nn_…",
        )
    turns = path.name.startswith("d4_")
    names = tuple(_TURN_TARGETS) if turns else _ESSAY_NAMES
    a, b = match.span("target")
    networks = [official_network(path.with_name(path.name[:a] + name + path.name[b:])) for name in names]
    lexical = turns or match["kind"] == "_advanced_lexicon"
    advanced = isinstance(networks[0].layers[0], AdvancedDropout)
    targets = (
        tuple(Target(name, "perceived") for name in _TURN_TARGETS.values()) if turns
        else (Target("empathy-distress", "felt"),)
    )  # fmt: skip
    config = WassaEmpathyConfig(
        targets=targets,
        encoder=_OFFICIAL_ENCODERS[match["encoder"]],  # type: ignore[arg-type]
        lexicons="four" if lexical else "none",
        tokens="nltk" if lexical else "plain",
        history=turns,
        essay=turns,
        votes=("ffn",),
        activation="gelu" if advanced else "relu",
        dropout="advanced" if advanced else "fixed",
        compat=("first-window", *(("transductive", "vad-first-word") if lexical else ())),
    )
    system = WassaEmpathy(config)
    for own, network in zip(system.networks, networks, strict=True):
        own.load_state_dict(network.state_dict())
    system.scaling.set(centre=np.array([OFFICIAL_CENTRE]), spread=np.array([OFFICIAL_SPREAD]))
    return system.eval()


CARD = Card(
    system="wassa-empathy",
    cls="WassaEmpathy",
    roles=("reader",),
    modalities=("text",),
    unit="turn",
    title="Empathy and distress of essays and turns: sentence vectors, emotion lexica, network and SVR ensemble",
    paper="Singh et al. 2024, arXiv:2407.18496 (WASSA 2022 and 2023 shared tasks)",
    licence="code Apache-2.0; official models MIT; WASSA texts and the four lexica are for research",
    proof="official code",
    limits="Explains a sixth to a quarter of the variance of what writers report; says nothing reliable of one person.",
    ablation={"history": False},
    ablated="The turns before are not read.",
    task="affectus.testing.tasks.said_before:said_before",
)

_ESSAY = (Target("empathy-distress", "felt"),)
_TURN = (
    Target("wassa-turn-empathy", "perceived"),
    Target("wassa-turn-polarity", "perceived"),
    Target("wassa-turn-intensity", "perceived"),
)

VARIANTS = {
    "tiny": WassaEmpathyConfig(
        targets=_ESSAY, encoder="tiny", lexicons="none", batch=8, epochs=60, lr=1e-2, held_out=0.0, strength=100.0
    ),
    "base": WassaEmpathyConfig(targets=_ESSAY),
    "mpnet": WassaEmpathyConfig(targets=_ESSAY, encoder="mpnet"),
    "roberta": WassaEmpathyConfig(targets=_ESSAY, encoder="roberta-large"),
    "ada": WassaEmpathyConfig(targets=_ESSAY, encoder="ada-002"),
    "first": WassaEmpathyConfig(
        targets=_ESSAY, lexicons="none", votes=("ffn",), activation="relu", dropout="fixed", epochs=100
    ),
    "conversation": WassaEmpathyConfig(
        targets=_TURN,
        encoder="ada-002",
        history=True,
        essay=True,
        votes=("ffn",),
        held_out=0.0,
        epochs=100,
        lr=2e-5,
        min_lr=1e-6,
    ),
    "turns": WassaEmpathyConfig(targets=_TURN, history=True),
    # Not of the paper: lower layers know more of the manner of a text, and one kernel does as well as three votes.
    "layers": WassaEmpathyConfig(
        targets=_ESSAY,
        lexicons="none",
        layers=(3, 4, 5, 6),
        standardised=True,
        votes=("svr-rbf",),
        strength=0.5,
        half=True,
    ),
    "turn-layers": WassaEmpathyConfig(
        targets=_TURN,
        lexicons="none",
        layers=(3, 4, 5, 6),
        standardised=True,
        votes=("ffn",),
        batch=256,
        epochs=8,
        lr=1e-3,
        patience=1,
        factor=0.5,
    ),
}
