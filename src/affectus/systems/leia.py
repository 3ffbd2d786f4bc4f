"""LEIA: one of five emotions of a social-media post; a RoBERTa that first learned to guess masked emotion words.

Aroyehun, Malik, Metzler, Haimerl, Di Natale, Garcia (2023), EPJ Data Science 12, arXiv:2304.10973. Released weights:
LEIA/LEIA-base, LEIA-large, LEIA-LM-base, LEIA-LM-large, LEIA-multilingual (MIT); no training code was published. The
masking of emotion words follows eMLM (Sosea and Caragea 2021, ACL), the closest public method.

Verified: parameter counts, names and shapes of the released networks; the same weights give the logits and losses of
the Hugging Face classes that the releases are; the masking has the published rates. Not verified: the figures of the
paper, whose corpus (Vent) is restricted; its masking rates and word list; the reading of "embedding dropout".
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from affectus import backbones
from affectus.atomic import writing
from affectus.batch import Batch
from affectus.card import Card
from affectus.config import Config
from affectus.errors import CheckpointError, ConfigError
from affectus.frontends.masking import MaskingCollate
from affectus.frontends.posts import PostCollate, Writing
from affectus.frontends.words import explained
from affectus.nn.heads import ClassificationHead
from affectus.nn.losses import loss_on
from affectus.readout import read_out
from affectus.sample import Item, as_items, flatten
from affectus.system import System
from affectus.taxonomy import Target, scale
from affectus.timeline import Timeline

FIVE = Target("leia-5", "felt")
SYNONYMS = {"joy": "happiness"}  # the model cards' word for the fourth label
UNKNOWN = 3  # id of an unknown piece in all RoBERTa vocabularies
Share = Annotated[float, Field(ge=0, lt=1)]
Size = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of an encoder with random weights; the defaults are those of BERTweet-base, from which LEIA-base started.

    Args:
        kind: Class of the encoder.
        vocabulary: Pieces, special ones included.
        width: Features of a state.
        layers: Transformer layers.
        heads: Attention heads of a layer.
        inner: Features inside the feed-forward part.
        positions: Positions; RoBERTa uses all but the first two.
        pad: Id of padding.
        types: Segment types.
        epsilon: Of the layer norms.
        dropout: Of states and attention in training.
    """

    kind: Literal["roberta", "xlm-roberta", "bert"] = "roberta"
    vocabulary: Size = 64_001
    width: Size = 768
    layers: Size = 12
    heads: Size = 12
    inner: Size = 3072
    positions: Size = 130
    pad: int = 1
    types: Size = 1
    epsilon: float = 1e-5
    dropout: Share = 0.1


@dataclass(frozen=True, kw_only=True)
class LEIAConfig(Config):
    """Configuration of `LEIA`; the defaults are those of the released classifiers.

    Args:
        targets: What is read: exactly one scale.
        backbone: Reference to a pretrained encoder: `asset:`, `hf:`, `tiny:` or a folder. With a shape, only its
            tokenizer is taken.
        shape: Random weights of these sizes instead of those of the backbone.
        tokenizer: A `tokenizer.json`, or a reference to a backbone whose tokenizer is taken; empty takes that of the
            backbone. One of its own travels with the checkpoint.
        writing: How posts are normalised, see `affectus.frontends.posts.normalise`.
        pooling: `first`: the state of the first token, as released; `mean`: the mean over the tokens of the text.
        max_length: Tokens of a post, special ones included; the rest is cut off and flagged.
        dropout: Before each layer of the classification head.
        embedding_dropout: On the output of the embeddings.
        label_smoothing: Share of the gold that is spread over all labels in training (one-of scales).
    """

    targets: tuple[Target, ...] = (FIVE,)
    backbone: str = "hf:vinai/bertweet-base"
    shape: Shape | None = None
    tokenizer: str = ""
    writing: Writing = "bertweet"
    pooling: Literal["first", "mean"] = "first"
    max_length: Annotated[int, Field(ge=8)] = 128
    dropout: Share = 0.1
    embedding_dropout: Share = 0.1
    label_smoothing: Share = 0.1


@dataclass(frozen=True, kw_only=True)
class LEIAPretrainConfig(Config):
    """Configuration of `LEIAPretrain`; fields that are not named here are as in `LEIAConfig`.

    Args:
        lexicon: File of emotion words, for example NRC EmoLex; empty masks all words alike.
        k: Chance that an emotion word is masked.
        mlm_probability: Share of the words that are masked on average.
        cap: Stop once a post has its share of masked tokens, as eMLM's code does; see `choose_words`.
    """

    backbone: str = "hf:vinai/bertweet-base"
    shape: Shape | None = None
    tokenizer: str = ""
    writing: Writing = "bertweet"
    max_length: Annotated[int, Field(ge=8)] = 128
    lexicon: str = ""
    k: Annotated[float, Field(ge=0, le=1)] = 0.5
    mlm_probability: Annotated[float, Field(gt=0, lt=1)] = 0.15
    cap: bool = True


class MaskedHead(nn.Module):
    """Dense layer, GELU, layer norm, and the word embeddings as output weights: the masked-LM head of BERT and RoBERTa.

    Args:
        width: Features of a state.
        vocabulary: Outputs.
        epsilon: Of the layer norm.
    """

    def __init__(self, width: int, vocabulary: int, epsilon: float) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.layer_norm = nn.LayerNorm(width, eps=epsilon)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        nn.init.normal_(self.dense.weight, std=0.02)
        nn.init.zeros_(self.dense.bias)

    def forward(self, states: Tensor, embeddings: Tensor) -> Tensor:
        """Logits (n, vocabulary) from states (n, f) and the word embeddings (vocabulary, f)."""
        return F.linear(self.layer_norm(F.gelu(self.dense(states))), embeddings, self.bias)


class _Encoded(System):
    """What both networks share: an encoder, and a tokenizer that travels with the checkpoint if it is its own."""

    modality = "text"

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.backbone = _encoder(config)

    def _posts(self, targets: tuple[Target, ...] = ()) -> PostCollate:
        config = self.config
        known = self.backbone.config.vocab_size if config.writing == "bertweet" else 0
        return PostCollate(
            config.tokenizer or config.backbone, targets, config.max_length, config.writing, known, UNKNOWN
        )

    def _states(self, ids: Tensor, valid: Tensor) -> Tensor:
        return self.backbone(input_ids=ids, attention_mask=valid.long()).last_hidden_state

    def posts(self) -> PostCollate:
        """The part of `collate` that makes tokens."""
        collate: Any = self.collate
        return getattr(collate, "texts", collate)

    def use_tokenizer(self, file: Path) -> None:
        """Read texts with this `tokenizer.json`."""
        posts, collate = replace(self.posts(), tokenizer=str(file)), self.collate
        self.collate = replace(collate, texts=posts) if isinstance(collate, MaskingCollate) else posts

    def _save_pretrained(self, save_directory: Path) -> None:
        super()._save_pretrained(save_directory)
        if self.config.tokenizer:
            with writing(Path(save_directory) / "tokenizer.json") as file:
                file.write(self.posts().json())

    @classmethod
    def restore(cls, folder: Path, **parts: nn.Module) -> Self:
        """Load a checkpoint folder strictly, with the tokenizer that lies in it."""
        system = super().restore(folder, **parts)
        if (folder / "tokenizer.json").is_file():
            system.use_tokenizer(folder / "tokenizer.json")
        return system


def _encoder(config: LEIAConfig | LEIAPretrainConfig) -> Any:
    """The encoder without its pooler, which nothing here reads."""
    if config.shape is None:
        encoder = backbones.text_encoder(config.backbone)
        encoder.pooler = None
        return encoder
    import transformers

    shape = config.shape
    names = {"roberta": "Roberta", "xlm-roberta": "XLMRoberta", "bert": "Bert"}
    sizes = getattr(transformers, f"{names[shape.kind]}Config")(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
        max_position_embeddings=shape.positions,
        pad_token_id=shape.pad,
        type_vocab_size=shape.types,
        layer_norm_eps=shape.epsilon,
        hidden_dropout_prob=shape.dropout,
        attention_probs_dropout_prob=shape.dropout,
    )
    return getattr(transformers, f"{names[shape.kind]}Model")(sizes, add_pooling_layer=False)


class LEIA(_Encoded):
    """Reads posts: encoder, first state (or mean), two layers, one of five emotions.

    Args:
        config: Sizes and names.
    """

    Config = LEIAConfig
    default_run: ClassVar[dict[str, Any]] = {
        "sampler": "length",
        "epochs": 3,
        "select": "best",
        "optim": [{"match": "classifier.*", "lr": 1e-3}, {"lr": 5e-5, "weight_decay": 0.01}],
    }

    def __init__(self, config: LEIAConfig) -> None:
        super().__init__(config)
        if len(config.targets) != 1:
            raise ConfigError(f"LEIA has {len(config.targets)} targets", allowed="exactly one scale")
        self.target = config.targets[0].scale
        self.backbone.embeddings.dropout.p = config.embedding_dropout
        self.classifier = ClassificationHead(self.backbone.config.hidden_size, len(scale(self.target)), config.dropout)
        self.collate = self._posts(config.targets)

    def forward(self, ids: Tensor, valid: Tensor, content: Tensor) -> dict[str, Tensor]:
        """Logits, scale name → (b, k).

        Args:
            ids: (b, t) int64 token ids.
            valid: (b, t) bool, True where a token is.
            content: (b, t) bool, True where the token belongs to the text, False for special tokens.
        """
        return self.head(**self.encode(ids, valid, content))

    def encode(self, ids: Tensor, valid: Tensor, content: Tensor) -> dict[str, Tensor]:
        """The pooled state of each post, `pooled` (b, f): all that the head sees; arguments as `forward`."""
        states = self._states(ids, valid)
        if self.config.pooling == "first":
            return {"pooled": states[:, 0]}
        share = content.to(states.dtype) / content.sum(1, keepdim=True).clamp(min=1)
        return {"pooled": torch.einsum("bt,btf->bf", share, states)}

    def head(self, pooled: Tensor) -> dict[str, Tensor]:
        """Logits, scale name → (b, k), from pooled states (b, f)."""
        return {self.target: self.classifier(pooled)}

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Loss by the kind of the scale; the gold of a one-of scale is smoothed in training (Szegedy et al. 2016)."""
        if self.target not in batch.targets:
            raise ConfigError(f"the batch has no gold on {self.target!r}", remedy="check the data of the recipe")
        gold, kind = batch.targets[self.target], scale(self.target).kind
        if self.training and kind == "one-of":
            share = self.config.label_smoothing
            gold = (1 - share) * gold + share / gold.shape[1]
        return {self.target: loss_on(outputs[self.target], gold, kind)}

    def logits(self, items: Iterable[Item | str], batch_size: int = 32) -> dict[str, np.ndarray]:
        """Uncalibrated outputs of each post, scale name → (posts, k); NaN for an empty one. Calibration needs them."""
        samples = flatten(as_items(items))
        found = np.empty((len(samples), len(scale(self.target))), np.float32)
        order = np.argsort([len(sample.text or "") for sample in samples], kind="stable")
        for at in range(0, len(order), batch_size):
            rows = order[at : at + batch_size]
            for outputs, batch in self.run([samples[i] for i in rows], batch_size):
                found[rows] = _heard(outputs[self.target], batch)
        return {self.target: found}

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Readings with calibrated scores; an empty post has none and is flagged, and so is one that was cut."""
        texts, flags = zip(*batch.notes, strict=True) if batch.notes else ((), ())
        logits = {self.target: _heard(outputs[self.target], batch)}
        return read_out(batch.spans, logits, self.readouts, by=self.name, modality="text", text=texts, flags=flags)

    def explain(self, items: Iterable[Item | str], question: str | None = None) -> Timeline:
        """Readings whose evidence are the words that change them most when they are left out, at a reading a word.

        Args:
            items: As in `read`.
            question: Not used; every reading is explained for its highest label.
        """
        return explained(self, items)


def _heard(logits: np.ndarray, batch: Batch) -> np.ndarray:
    """The logits, NaN where a post is empty and the network heard special tokens alone."""
    empty = np.array([["empty" in flags] for _, flags in batch.notes], bool).reshape(-1, 1)
    return np.where(empty, np.float32("nan"), logits)


class LEIAPretrain(_Encoded):
    """Guesses masked words, emotion words above all; its encoder is taken into `LEIA` by a recipe's `init`.

    Args:
        config: Sizes, names and how words are masked.
    """

    Config = LEIAPretrainConfig

    def __init__(self, config: LEIAPretrainConfig) -> None:
        super().__init__(config)
        sizes = self.backbone.config
        self.lm_head = MaskedHead(sizes.hidden_size, sizes.vocab_size, sizes.layer_norm_eps)
        self.collate = MaskingCollate(self._posts(), config.lexicon, config.k, config.mlm_probability, config.cap)

    def forward(self, ids: Tensor, valid: Tensor, masked: Tensor) -> dict[str, Tensor]:
        """Logits at the masked places alone: the output layer is the widest, and most places need no guess.

        Args:
            ids: (b, t) int64 token ids.
            valid: (b, t) bool, True where a token is.
            masked: (b, t) bool, True where a token is to be guessed.

        Returns:
            `tokens`: (n, vocabulary), place by place in the order of rows.
        """
        return {"tokens": self.lm_head(self._states(ids, valid)[masked], self.backbone.get_input_embeddings().weight)}

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Mean cross-entropy of the masked tokens; 0 where chance has masked none in the whole batch."""
        logits, gold = outputs["tokens"], batch.targets["tokens"]
        return {"tokens": F.cross_entropy(logits, gold) if len(gold) else logits.sum()}


def convert_official(path: Path) -> LEIA | LEIAPretrain:
    """A released model as ours: a classifier or a masked language model of RoBERTa's or XLM-R's class.

    Labels are taken from the file's `id2label` and brought into the order of the scale. The tokenizer's files, if they
    lie beside the weights, travel with the converted checkpoint.

    Args:
        path: Folder with `config.json` and `model.safetensors` or `pytorch_model.bin`.

    Raises:
        CheckpointError: If a file is missing or damaged, or the model is of another class or label set.
    """
    try:
        row = json.loads((path / "config.json").read_text(encoding="utf-8"))
        name = row["architectures"][0]
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise CheckpointError(f"{str(path)!r} has no readable config.json of a released model ({error!r})") from None
    if name not in _RELEASED:
        raise CheckpointError(f"{str(path)!r} is a {name!r}", allowed=", ".join(_RELEASED))
    tensors = _tensors(path)
    common: dict[str, Any] = {
        "shape": _shape(row),
        "backbone": _STARTS.get(row["vocab_size"], "hf:jhu-clsp/bernice"),
        "tokenizer": _tokenizer_of(path),
        "writing": "bertweet" if row["vocab_size"] == BASE.vocabulary or (path / "bpe.codes").is_file() else "words",
        "max_length": min(row["max_position_embeddings"] - 2, 128),
    }
    system: LEIA | LEIAPretrain
    if name.endswith("MaskedLM"):
        system = LEIAPretrain(LEIAPretrainConfig(**common))
    else:
        rows = _label_rows(row)
        tensors |= {key: tensors[key][rows] for key in ("classifier.out_proj.weight", "classifier.out_proj.bias")}
        system = LEIA(LEIAConfig(**common))
    wanted = {name: our for our in system.state_dict() if (name := _official(our))}
    missing = sorted(set(wanted) - set(tensors))
    strange = sorted(
        key for key in set(tensors) - set(wanted) if not key.endswith(_REDUNDANT) and ".pooler." not in key
    )
    if missing or strange:
        raise CheckpointError(f"{str(path)!r} lacks {missing[:3]} and has {strange[:3]}", allowed="a released model")
    try:
        system.load_state_dict({our: tensors[key] for key, our in wanted.items()})
    except RuntimeError as error:
        raise CheckpointError(f"{str(path)!r}: {str(error).splitlines()[-1].strip()}") from None
    return system.eval()


_RELEASED = tuple(
    f"{kind}For{job}" for kind in ("Roberta", "XLMRoberta") for job in ("SequenceClassification", "MaskedLM")
)
_STARTS = {64_001: "hf:vinai/bertweet-base", 50_265: "hf:vinai/bertweet-large"}  # by size of the vocabulary
_REDUNDANT = ("position_ids", "lm_head.decoder.weight", "lm_head.decoder.bias")  # buffers, and tied weights


def _official(our: str) -> str:
    """The published name of one of our tensors."""
    return "roberta." + our.removeprefix("backbone.") if our.startswith("backbone.") else our


def _shape(row: Mapping[str, Any]) -> Shape:
    return Shape(
        kind=row["model_type"],
        vocabulary=row["vocab_size"],
        width=row["hidden_size"],
        layers=row["num_hidden_layers"],
        heads=row["num_attention_heads"],
        inner=row["intermediate_size"],
        positions=row["max_position_embeddings"],
        pad=row.get("pad_token_id", 1),
        types=row.get("type_vocab_size", 1),
        epsilon=row.get("layer_norm_eps", 1e-5),
        dropout=row.get("hidden_dropout_prob", 0.1),
    )


def _label_rows(row: Mapping[str, Any]) -> list[int]:
    """For each label of the scale, its row in the released output layer."""
    given = {int(number): str(label).lower() for number, label in row.get("id2label", {}).items()}
    found = {SYNONYMS.get(label, label): number for number, label in given.items()}
    labels = scale(FIVE.scale).labels
    if set(found) != set(labels):
        raise CheckpointError(f"the file's labels are {list(given.values())}", allowed=", ".join(labels))
    return [found[label] for label in labels]


def _tensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if (path / "model.safetensors").is_file():
            return load_file(path / "model.safetensors")
        return torch.load(path / "pytorch_model.bin", map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{str(path)!r} has neither model.safetensors nor pytorch_model.bin") from None
    except (OSError, SafetensorError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise CheckpointError(
            f"the weights in {str(path)!r} can't be read safely ({str(error).splitlines()[0]})",
            allowed="safetensors, or a state dict of tensors that torch reads with weights_only=True",
        ) from None


def _tokenizer_of(path: Path) -> str:
    """Where the tokenizer of a released folder is: its file, the folder of BERTweet's files, or nowhere."""
    if (path / "tokenizer.json").is_file():
        return str(path / "tokenizer.json")
    return str(path) if (path / "bpe.codes").is_file() else ""


CARD = Card(
    system="leia",
    cls="LEIA",
    roles=("reader", "explainer"),
    modalities=("text",),
    unit="turn",
    title="Five emotions of social-media posts, after pre-training on masked emotion words",
    paper="Aroyehun et al. 2023, LEIA, EPJ Data Science 12, arXiv:2304.10973",
    licence="code Apache-2.0; published weights MIT; lexicons and Vent are user-supplied",
    proof="equations",
    limits="There is no neutral class: every post gets one of the five, unless the reader is told to abstain below a "
    "probability. Each post is read by itself. English, except in the multilingual release.",
    ablation={"k": 0.15},
    ablated="Emotion words are masked as seldom as all others before the fine-tuning.",
    task="affectus.testing.tasks.masked_words:masked_words",
)

BASE = Shape()
LARGE = Shape(vocabulary=50_265, width=1024, layers=24, heads=16, inner=4096, positions=514)
VARIANTS = {
    "tiny": LEIAConfig(backbone="tiny:bert", writing="words"),
    "minilm": LEIAConfig(backbone="asset:minilm-l6", writing="words", pooling="mean"),
    "base": LEIAConfig(shape=BASE),
    "large": LEIAConfig(backbone="hf:vinai/bertweet-large", shape=LARGE, writing="words"),
    "tiny-pretrain": LEIAPretrainConfig(backbone="tiny:bert", writing="words"),
    "minilm-pretrain": LEIAPretrainConfig(backbone="asset:minilm-l6", writing="words"),
    "base-pretrain": LEIAPretrainConfig(shape=BASE),
    "large-pretrain": LEIAPretrainConfig(backbone="hf:vinai/bertweet-large", shape=LARGE, writing="words"),
}
