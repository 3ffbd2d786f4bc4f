"""Compound expressions from a text that tells what a clip shows, how it sounds and what is said, by a language model.

The text approach of Richet et al. (2024), "Textualized and Feature-based Models for Compound Multimodal Emotion
Recognition in the Wild", ECCV workshops, arXiv:2407.12927; its feature approach is `feature-cer`. Official code:
nicolas-richet/feature-vs-text-compound-emotion, without a licence. Verified: the fields of the text are those of the
official code in its 24 cases, the scale of the adapters that of the formula. Ours: the wording of the text, and one
linear head for all encoders. Not verified: figures on C-EXPR-DB, which was not to be had here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from affectus import backbones
from affectus.backbones import Backbone
from affectus.backbones.adapt import taking_part
from affectus.batch import Batch
from affectus.card import Card
from affectus.config import Config
from affectus.errors import ConfigError
from affectus.frontends.context import ContextCollate
from affectus.frontends.textualise import PARTS, Clip, Levels, Part, cues
from affectus.nn.decisions import Decision, decided
from affectus.nn.losses import losses_on
from affectus.readout import read_out
from affectus.sample import Item, Sample, flatten
from affectus.system import System
from affectus.taxonomy import Target, scale
from affectus.timeline import Timeline

COMPOUNDS = Target("cexpr-7", "perceived")
LLAMA = ("q_proj", "v_proj")  # layers that get an adapter, as peft's default for this family
ADAPTED = Backbone(name="hf:meta-llama/Meta-Llama-3-8B", lora=8, alpha=8.0, stabilised=True, dropout=0.05, match=LLAMA)


@dataclass(frozen=True, kw_only=True)
class TextualizedCERConfig(Config):
    """Configuration of `TextualizedCER`; the defaults are those of the paper.

    Args:
        targets: What is read.
        backbone: Reference to a language model or text encoder, or a `Backbone` that says how it takes part in
            training.
        pooling: State that the head reads: of the `last` token, as of language models; of the `first`, as of BERT; or
            the `mean` over all.
        parts: What the text tells.
        levels: How arousal, dominance and valence are written.
        neutral_face: Whether a face at rest is told; in the original it counts as no face.
        max_length: Tokens of a text; the rest is cut off and flagged.
        dropout: Share of features that the head drops in training.
        decision: How the label of a clip follows from its frames, see `affectus.nn.decisions`.
    """

    targets: tuple[Target, ...] = (COMPOUNDS,)
    backbone: str | Backbone = ADAPTED
    pooling: Literal["last", "first", "mean"] = "last"
    parts: tuple[Part, ...] = PARTS
    levels: Levels = "numbers"
    neutral_face: bool = False
    max_length: Annotated[int, Field(ge=8)] = 512
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    decision: Decision = "vote"


@dataclass(frozen=True)
class CueCollate:
    """Writes the text of each sample and makes tokens of it; see `affectus.frontends.textualise.cues`.

    `inputs`: `ids`, `valid` and `content` (samples, tokens), as of `ContextCollate`. `notes` are (text, flags) of each
    sample; one that has nothing to tell is `empty`.

    Args:
        tokens: Makes tokens.
        parts: What is told.
        levels: How levels are written.
        neutral_face: Whether a face at rest is told.
    """

    tokens: ContextCollate
    parts: tuple[Part, ...]
    levels: Levels
    neutral_face: bool

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate samples; turns of dialogues are taken one by one."""
        samples = flatten(items)
        batch = self.tokens([replace(sample, text=self.text(sample)) for sample in samples], rng)
        inputs = batch.inputs
        if not inputs["ids"].shape[1]:  # texts without a token, by a tokenizer without special ones
            inputs = {name: np.zeros((len(samples), 1), x.dtype) for name, x in inputs.items()}
        inputs["valid"][:, 0] = True  # a row must see something, be it padding
        return batch._replace(inputs=inputs)

    def text(self, sample: Sample) -> str:
        """What the language model reads; empty where there is nothing to tell."""
        found = cues(sample, self.parts, neutral_face=self.neutral_face)
        silent = found.face is None and found.voice is None and found.affect is None
        return "" if silent and not (found.words or "").strip() else found.text(self.levels)


class TextualizedCER(System):
    """Reads clips that were told as text: a language model and one linear head.

    Args:
        config: Sizes and names.
    """

    Config = TextualizedCERConfig
    modality = "text"
    default_run: ClassVar[dict[str, Any]] = {
        "epochs": 10,
        "batch": 8,
        "select": "best",
        "optim": [{"match": "out.*", "lr": 1e-3, "weight_decay": 0.01}, {"lr": 3e-4, "weight_decay": 0.01}],
    }

    def __init__(self, config: TextualizedCERConfig) -> None:
        super().__init__(config)
        if not config.targets:
            raise ConfigError("there are no targets", remedy="name at least one scale in config.targets")
        how = config.backbone if isinstance(config.backbone, Backbone) else Backbone(name=config.backbone)
        network = backbones.text_encoder(how.name).base_model  # without the head of a language model
        network.config.use_cache = False  # nothing is generated
        if getattr(network, "pooler", None) is not None:
            network.pooler = None
        self.backbone = taking_part(network, how)
        self.dropout = nn.Dropout(config.dropout)
        self.sizes = {t.scale: len(scale(t.scale)) for t in config.targets}
        self.out = nn.Linear(self.backbone.config.hidden_size, sum(self.sizes.values()))
        tokens = ContextCollate(how.name, config.targets, config.max_length, before=0, after=0)
        self.collate = CueCollate(tokens, config.parts, config.levels, config.neutral_face)

    def forward(self, ids: Tensor, valid: Tensor, content: Tensor) -> dict[str, Tensor]:
        """Logits of each sample, scale name → (n, k); arguments as `CueCollate` makes them."""
        return self.head(**self.encode(ids, valid, content))

    def encode(self, ids: Tensor, valid: Tensor, content: Tensor) -> dict[str, Tensor]:
        """The state that the head reads, `pooled` (n, f); arguments as `forward`."""
        states = self.backbone(input_ids=ids, attention_mask=valid.long()).last_hidden_state
        if self.config.pooling == "first":
            return {"pooled": states[:, 0]}
        if self.config.pooling == "mean":
            weights = content.to(states.dtype)
        else:
            steps = torch.arange(valid.shape[1], device=valid.device)
            weights = (steps == valid.sum(1, keepdim=True) - 1).to(states.dtype)
        return {"pooled": torch.einsum("nt,ntf->nf", weights / weights.sum(1, keepdim=True).clamp(min=1), states)}

    def head(self, pooled: Tensor) -> dict[str, Tensor]:
        """Logits of each target, scale name → (n, k), from states (n, f)."""
        outputs = self.out(self.dropout(pooled)).split(list(self.sizes.values()), -1)
        return dict(zip(self.sizes, outputs, strict=True))

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Loss of each target that has gold, by the kind of its scale: cross-entropy in the paper."""
        return losses_on(outputs, batch.targets, list(self.sizes))

    def logits(self, items: Iterable[Item | str], batch_size: int = 16) -> dict[str, np.ndarray]:
        """Uncalibrated outputs of each sample, scale name → (n, k); NaN where there was nothing to tell."""
        parts = [{name: np.empty((0, size), np.float32) for name, size in self.sizes.items()}]
        parts += [self._said(outputs, batch) for outputs, batch in self.run(items, batch_size)]
        return {name: np.concatenate([part[name] for part in parts]) for name in self.sizes}

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Readings with calibrated scores and the text that was read; a sample with nothing to tell is flagged."""
        texts, flags = zip(*batch.notes, strict=True) if batch.notes else ((), ())
        logits = self._said(outputs, batch)
        common: dict[str, Any] = {"by": self.name, "modality": self.modality, "text": texts, "flags": flags}
        return read_out(batch.spans, logits, self.readouts, **common)

    def read_clips(self, clips: Iterable[Clip], batch_size: int = 16) -> Timeline:
        """A row a clip: all frames are read, each with those around it, and `decision` says what the clip is."""
        spans, texts = [], []
        rows: dict[str, list[np.ndarray]] = {name: [np.empty((0, k), np.float32)] for name, k in self.sizes.items()}
        for clip in clips:
            whole = clip.whole()
            spans.append(whole.span)
            texts.append(self.collate.text(whole))  # type: ignore[attr-defined]
            read = self.logits([*clip.around()] or [whole], batch_size)
            for name, frames in read.items():
                known = torch.from_numpy(~np.isnan(frames).any(1))[None]
                said = decided(torch.from_numpy(np.nan_to_num(frames))[None], known, self.config.decision).numpy()
                rows[name].append(said if known.any() else np.full_like(said, np.nan))
        logits = {name: np.concatenate(parts) for name, parts in rows.items()}
        flags = [[] if text else ["empty"] for text in texts]
        common: dict[str, Any] = {"by": self.name, "modality": self.modality, "text": texts, "flags": flags}
        return read_out(spans, logits, self.readouts, **common)

    def _said(self, outputs: dict[str, np.ndarray], batch: Batch) -> dict[str, np.ndarray]:
        empty = np.array(["empty" in flags for _, flags in batch.notes], bool)[:, None]
        return {name: np.where(empty, np.float32("nan"), outputs[name]) for name in self.sizes}


CARD = Card(
    system="textualized-cer",
    cls="TextualizedCER",
    roles=("reader",),
    modalities=("text",),
    unit="span",
    title="Compound expressions from a text that tells face, voice and words, by a language model with adapters",
    paper="Richet et al. 2024, Textualized and Feature-based Models for Compound Multimodal Emotion Recognition in the"
    " Wild, ECCV workshops, arXiv:2407.12927",
    licence="code Apache-2.0; the official code has no licence; language models have terms of their own",
    proof="official code",
    limits="What the text does not tell is not read. Trained here on made-up clips alone: that face and voice add"
    " to the words is not shown on real ones.",
    ablation={"parts": ("words",)},
    ablated="Neither face nor voice is told.",
    task="affectus.testing.tasks.told_faces:told_faces",
)

VARIANTS = {
    "tiny": TextualizedCERConfig(
        backbone=Backbone(name="tiny:llama", lora=8, alpha=8.0, stabilised=True, match=LLAMA), max_length=256,
    ),
    "llama3": TextualizedCERConfig(),
    "bert": TextualizedCERConfig(backbone="hf:google-bert/bert-base-uncased", pooling="first", dropout=0.1),
    "minilm": TextualizedCERConfig(
        backbone=Backbone(name="asset:minilm-l6", lora=8, alpha=8.0, stabilised=True, dropout=0.05), pooling="mean",
        max_length=256,
    ),
}  # fmt: skip
