"""Text classifier: a pretrained encoder, the mean over its tokens and one linear head a target.

An own system, the plain fine-tuning of Devlin et al. (2019, arXiv:1810.04805) with masked mean pooling (Reimers and
Gurevych 2019, arXiv:1908.10084) instead of the first token. Since the pooling is a mean and the head is linear, each
logit is exactly its bias plus a sum over tokens; these summands are the evidence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from affectus import backbones
from affectus.backbones import Backbone
from affectus.batch import Batch
from affectus.card import Card
from affectus.config import Config
from affectus.errors import ConfigError
from affectus.frontends.tokens import TextCollate
from affectus.frontends.words import derivable, join_windows, read_words
from affectus.nn.by_length import states_by_length
from affectus.nn.losses import losses_on
from affectus.sample import Item
from affectus.system import System
from affectus.taxonomy import Target, scale
from affectus.timeline import Timeline


@dataclass(frozen=True, kw_only=True)
class TextClassifierConfig(Config):
    """Configuration of `TextClassifier`.

    Args:
        targets: What the heads read.
        backbone: Reference to a text encoder: `asset:`, `hf:`, `tiny:` or a folder; or a `Backbone` that says how it
            takes part in training.
        dropout: Share of pooled features that are dropped in training.
        max_length: Tokens of one window, special ones included; a longer text is read in several windows.
        derived: Scales that `decode` computes from the first target.
    """

    backbone: str | Backbone = "asset:minilm-l6"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    max_length: Annotated[int, Field(ge=8)] = 128
    derived: tuple[str, ...] = ()


class TextClassifier(System):
    """Reads texts: encoder, mean over the tokens of the text, one linear head a target.

    Args:
        config: Sizes and names.
    """

    Config = TextClassifierConfig
    modality = "text"
    default_run: ClassVar[dict[str, Any]] = {
        "sampler": "length",
        "epochs": 3,
        "optim": [{"match": "heads.*", "lr": 1e-3, "weight_decay": 0.01}, {"lr": 1e-4, "weight_decay": 0.01}],
    }

    def __init__(self, config: TextClassifierConfig) -> None:
        super().__init__(config)
        if not config.targets:
            raise ConfigError("a text classifier has no targets", remedy="name at least one scale in config.targets")
        for name in config.derived:
            if not derivable(config.targets[0].scale, name):
                raise ConfigError(
                    f"derived holds {name!r}, which can't be computed from {config.targets[0].scale!r}",
                    remedy="set derived: []",
                )
        self.backbone = backbones.text_encoder(config.backbone)
        for unused in ("pooler",):  # a layer on the first token, which mean pooling never reads
            if getattr(self.backbone, unused, None) is not None:
                setattr(self.backbone, unused, None)
        self.dropout = nn.Dropout(config.dropout)
        width = self.backbone.config.hidden_size
        self.heads = nn.ModuleDict({_key(t.scale): nn.Linear(width, len(scale(t.scale))) for t in config.targets})
        self.collate = TextCollate(str(config.backbone), config.targets, config.max_length)

    def forward(self, ids: Tensor, valid: Tensor, content: Tensor) -> dict[str, Tensor]:
        """Logits of each window, and what each token adds to them.

        Args:
            ids: (b, t) int64 token ids.
            valid: (b, t) bool, True where a token is.
            content: (b, t) bool, True where the token belongs to the text, False for special tokens.

        Returns:
            For each target its scale's name → (b, k) logits, and the name with `.tokens` → (b, t, k) summands:
            logits = bias + sum over t of summands. Dropout acts on the pooled features, so the summands are exact in
            evaluation only.
        """
        states, share = self._states(ids, valid, content)
        out = self.head(torch.einsum("bt,btf->bf", share, states))
        if not self.training:
            for target in self.config.targets:
                weight: Any = self.heads[_key(target.scale)].weight
                out[f"{target.scale}.tokens"] = (states @ weight.T) * share[..., None]
        return out

    def encode(self, ids: Tensor, valid: Tensor, content: Tensor) -> dict[str, Tensor]:
        """The mean state of each window, `pooled` (b, f): all that the heads see; arguments as `forward`."""
        states, share = self._states(ids, valid, content)
        return {"pooled": torch.einsum("bt,btf->bf", share, states)}

    def head(self, pooled: Tensor) -> dict[str, Tensor]:
        """Logits of each target, scale name → (b, k), from the mean states (b, f)."""
        pooled = self.dropout(pooled)
        return {t.scale: self.heads[_key(t.scale)](pooled) for t in self.config.targets}

    def _states(self, ids: Tensor, valid: Tensor, content: Tensor) -> tuple[Tensor, Tensor]:
        """States (b, t, f) and the weight of each token in their mean (b, t), which sums to 1."""
        states = states_by_length(self.backbone, ids, valid)
        return states, content.to(states.dtype) / content.sum(1, keepdim=True).clamp(min=1)

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Mean loss of each target that has gold, by the kind of its scale."""
        return losses_on(outputs, batch.targets, [t.scale for t in self.config.targets])

    def logits(self, items: Iterable[Item | str], batch_size: int = 32) -> dict[str, np.ndarray]:
        """Uncalibrated outputs of each text, scale name → (texts, k); NaN for an empty text. Calibration needs them."""
        parts = [
            {r.scale: join_windows(outputs[r.scale], batch.notes) for r in self.readouts}
            for outputs, batch in self.run(items, batch_size)
        ]
        empty = {r.scale: np.empty((0, len(r.of))) for r in self.readouts}
        return {r.scale: np.concatenate([part[r.scale] for part in [empty, *parts]]) for r in self.readouts}

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Readings with calibrated scores, decided labels and the words that moved them (log-odds of the top label)."""
        first = f"{self.readouts[0].scale}.tokens"
        return read_words(
            batch.spans,
            {r.scale: outputs[r.scale] for r in self.readouts},
            [row[mask] for row, mask in zip(outputs[first], np.asarray(batch.inputs["content"]), strict=True)],
            batch.notes,
            self.readouts,
            by=self.name,
            derived=self.config.derived,
        )


def _key(name: str) -> str:
    """A scale's name as a module name, in which torch allows no dot."""
    return name.replace(".", "_")


CARD = Card(
    system="text-classifier",
    cls="TextClassifier",
    roles=("reader",),
    modalities=("text",),
    unit="turn",
    title="Pretrained text encoder, mean over tokens, linear heads, words as evidence",
    paper="own system after Devlin et al. 2019 (arXiv:1810.04805) and Reimers and Gurevych 2019 (arXiv:1908.10084)",
    licence="code Apache-2.0; weights as on the checkpoint's card",
    proof="own system",
    limits="Reads each turn by itself, without the dialogue before it; the language is that of encoder and corpus.",
)

VARIANTS = {
    "tiny": TextClassifierConfig(targets=(Target("goemotions-28", "perceived"),), backbone="tiny:bert", dropout=0.0),
    "minilm-l6": TextClassifierConfig(
        targets=(Target("goemotions-28", "perceived"),), derived=("ekman-6+neutral", "valence-arousal")
    ),
}
