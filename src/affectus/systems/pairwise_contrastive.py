"""Modality-pairwise contrastive learning: encoders of sound, landmarks, face video and words that learn without labels.

Franceschini, Fini, Beyan, Conti and Arrigoni (2022), "Multimodal Emotion Recognition with Modality-Pairwise
Unsupervised Contrastive Loss", ICPR, arXiv:2207.11482; official code ricfrr/mpuc-mer, without a licence file and
without weights. Verified: features, projections, graph and losses are those of the official code under its weights; the
video encoder is torchvision's R(2+1)D-18, value for value. Not verified: the figures of the paper, whose recordings are
not to be had here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from affectus import backbones
from affectus.backbones import Backbone
from affectus.batch import Batch
from affectus.card import Card
from affectus.config import Config
from affectus.errors import CheckpointError, ConfigError
from affectus.frontends import clips
from affectus.frontends.context import ContextCollate
from affectus.frontends.tokens import gold_rows
from affectus.nn.attention import Transformer, TransformerLayer
from affectus.nn.losses import losses_on
from affectus.nn.video_resnet import VideoResNet
from affectus.readout import read_out
from affectus.sample import Item, Sample, flatten
from affectus.system import System
from affectus.taxonomy import Target, scale
from affectus.timeline import Timeline

Modality = Literal["audio", "landmarks", "video", "text"]
MODALITIES: tuple[Modality, ...] = ("audio", "landmarks", "video", "text")  # in the order of the classifier's input
SHORTEST = 11  # frames of a window; the convolutions over landmarks take ten away
LONGEST = 5000  # frames or tokens that have a position
BY_ITEM = "positions-by-item"
DILATIONS = (1, 2, 4, 8, 16)
REPEATS = 2

# Neighbours among the 51 points of a face, as walks: the 68-point scheme without the jaw.
_WALKS = (
    "10 11 12 13 16 15 14 10 18 17 16 34 33 32 31 19 0 1 2 3 4 5 7 6 8 9 28 27 26 25 10 22 21 20 19 24 23 22",
    "25 30 29 28 37 36 35 34 45 44 33",
    "35 46 45",
    "43 31 42 41 40 39 38 37 47 46 48 47",
    "48 49 50 43 44 50",
)
Size = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, kw_only=True)
class PairwiseContrastiveConfig(Config):
    """Configuration of `PairwiseContrastive`; the defaults are those of the paper for CMU-MOSEI.

    Args:
        targets: What the classifier reads of each clip.
        compat: `positions-by-item` adds the sinusoid of the clip's place in the batch to all its words, as the official
            code does; otherwise each step has its own.
        modalities: Two or more of audio, landmarks, video, text.
        frames: Frames of a window, 11 or more with landmarks: 30 for CMU-MOSEI, 90 for RAVDESS.
        fps: Video frames a second of all streams.
        width: Features of each encoder and of the contrast.
        inner: Features inside the projection heads.
        hidden: Features inside the classifier; 0 makes it a linear map, as a linear probe wants.
        dropout: In all encoders.
        channels: Of the convolutions over sound between their blocks.
        wide: Of the same inside a block.
        graph: Channels over landmarks in time.
        spatial: Channels over landmarks in space.
        pictures: Pictures of a window that the video encoder sees.
        size: Height and width of a picture.
        video: Channels of the first stage of R(2+1)D.
        words: Numbers of a word vector.
        backbone: Reference to a text encoder whose token states take the place of word vectors; empty has none.
        layers: Layers of the transformer over words.
        heads: Of its attention; they divide the numbers of a word.
        feed: Features inside its feed-forward parts.
        temperature: Of the contrast.
        contrast: `code`: two windows, the pair of the very same windows left out, as the official code has it; `clip`:
            one window, symmetric cross-entropy, as the paper's text has it.
        alike: What counts as a positive where `loss` contrasts: another window of the same clip, or any clip of the
            same `label`.
        detach: Whether labels teach the classifiers alone, as in the paper; else the encoders too.
        positive: Weight of the positives of each label of an any-of target, or none.
        augment: Whether training crops, mirrors and jitters pictures and masks bands of sound.
    """

    targets: tuple[Target, ...] = (Target("mosei-6", "perceived"),)
    modalities: tuple[Modality, ...] = MODALITIES
    frames: Annotated[int, Field(ge=1, le=LONGEST)] = 30
    fps: Annotated[float, Field(gt=0, le=100)] = 30.0
    width: Size = 512
    inner: Size = 1024
    hidden: Annotated[int, Field(ge=0)] = 512
    dropout: Share = 0.1
    channels: Size = 64
    wide: Size = 128
    graph: Size = 64
    spatial: Size = 16
    pictures: Size = 8
    size: Annotated[int, Field(ge=16)] = 112
    video: Size = 64
    words: Size = 300
    backbone: str | Backbone = ""
    layers: Size = 6
    heads: Size = 5
    feed: Size = 2048
    temperature: Annotated[float, Field(gt=0)] = 0.07
    contrast: Literal["code", "clip"] = "code"
    alike: Literal["clip", "label"] = "clip"
    detach: bool = True
    positive: tuple[Annotated[float, Field(gt=0)], ...] = ()
    augment: bool = False


# -- encoders ----------------------------------------------------------------------------------------------------------
class GlobalNorm(nn.Module):
    """Normalises over channels and time at once, with a gain and a shift of each channel (Luo & Mesgarani 2019).

    Args:
        channels: Of the input.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, t) from the same shape."""
        centred = x - x.mean((1, 2), keepdim=True)
        scaled = centred / (centred.square().mean((1, 2), keepdim=True) + 1e-8).sqrt()
        return self.gamma[:, None] * scaled + self.beta[:, None]


class AudioEncoder(nn.Module):
    """A temporal convolutional network: two repeats of five blocks with dilations 1 to 16, their mean over time.

    Args:
        config: Sizes.
    """

    def __init__(self, config: PairwiseContrastiveConfig) -> None:
        super().__init__()
        narrow, wide = config.channels, config.wide
        self.bottleneck = nn.Sequential(GlobalNorm(clips.MELS), nn.Conv1d(clips.MELS, narrow, 1))
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(narrow, wide, 1),
                nn.PReLU(),
                GlobalNorm(wide),
                nn.Conv1d(wide, wide, 3, padding=dilation, dilation=dilation, groups=wide),
                nn.PReLU(),
                GlobalNorm(wide),
                nn.Conv1d(wide, narrow, 1),
            )
            for dilation in DILATIONS * REPEATS
        )
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Sequential(nn.PReLU(), nn.Linear(narrow, config.width))

    def forward(self, x: Tensor) -> Tensor:
        """Features (n, width) from mel bands in decibels (n, t, 128)."""
        x = self.dropout(self.bottleneck(x.transpose(1, 2)))
        for block in self.blocks:
            x = x + self.dropout(block(x))
        return self.out(x.mean(2))


def face_graph() -> Tensor:
    """Weights between the 51 points, D^(−1/2)·(A + 2I)·D^(−1/2), (51, 51); the official code adds I twice."""
    graph = 2 * torch.eye(clips.POINTS)
    for walk in _WALKS:
        points = [int(point) for point in walk.split()]
        graph[points[:-1], points[1:]] = graph[points[1:], points[:-1]] = 1
    root = graph.sum(1).rsqrt()
    return root[:, None] * graph * root


class TimeBlock(nn.Module):
    """ReLU(c₁ + σ(c₂) + c₃) of three convolutions over three frames, each point for itself.

    Args:
        channels: Of the input.
        width: Of the output.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = (nn.Conv2d(channels, width, (1, 3)) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """(n, points, t − 2, width) from (n, points, t, channels)."""
        x = x.permute(0, 3, 1, 2)
        return F.relu(self.conv1(x) + torch.sigmoid(self.conv2(x)) + self.conv3(x)).permute(0, 2, 3, 1)


class GraphBlock(nn.Module):
    """Convolution in time, over the graph, in time again, and a norm of each point.

    Args:
        channels: Of the input.
        width: Of the output.
        spatial: Over the graph.
    """

    def __init__(self, channels: int, width: int, spatial: int) -> None:
        super().__init__()
        self.temporal1 = TimeBlock(channels, width)
        self.theta = nn.Parameter(torch.empty(width, spatial).uniform_(-(spatial**-0.5), spatial**-0.5))
        self.temporal2 = TimeBlock(spatial, width)
        self.batch_norm = nn.BatchNorm2d(clips.POINTS)

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        """(n, points, t − 4, width) from (n, points, t, channels) and the graph (points, points)."""
        spread = torch.einsum("ij,njtc->nitc", graph, self.temporal1(x))
        return self.batch_norm(self.temporal2(F.relu(spread @ self.theta)))


class LandmarkEncoder(nn.Module):
    """A spatio-temporal graph network over the points of a face (Yu et al. 2018, arXiv:1709.04875).

    Args:
        config: Sizes.
    """

    graph: Tensor

    def __init__(self, config: PairwiseContrastiveConfig) -> None:
        super().__init__()
        if config.frames < SHORTEST:
            raise ConfigError(f"frames is {config.frames}", allowed=f"{SHORTEST} or more with landmarks")
        self.register_buffer("graph", face_graph(), persistent=False)
        self.block1 = GraphBlock(2, config.graph, config.spatial)
        self.block2 = GraphBlock(config.graph, config.graph, config.spatial)
        self.last_temporal = TimeBlock(config.graph, config.graph)
        self.dropout = nn.Dropout(config.dropout)
        self.fully = nn.Linear((config.frames - SHORTEST + 1) * config.graph, config.width)
        self.fc_out = nn.Linear(clips.POINTS * config.width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        """Features (n, width) from points in [0, 1] (n, t, 51, 2)."""
        x = self.block2(self.block1(x.transpose(1, 2), self.graph), self.graph)
        x = self.fully(self.dropout(self.last_temporal(x)).flatten(2))
        return self.fc_out(x.flatten(1))


class TextEncoder(nn.Module):
    """Sinusoids, transformer layers, their mean over time.

    Args:
        width: Numbers of a word.
        config: Sizes.
    """

    positions: Tensor

    def __init__(self, width: int, config: PairwiseContrastiveConfig) -> None:
        super().__init__()
        self.by_item = BY_ITEM in config.compat
        self.register_buffer("positions", sinusoids(LONGEST, width), persistent=False)
        self.transformer = Transformer(
            *(TransformerLayer(width, config.heads, config.feed, dropout=config.dropout) for _ in range(config.layers))
        )
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(width, config.width)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """Features (n, width) from word vectors (n, t, words); `valid` (n, t) bool is True where there is one."""
        x = x + (self.positions[: len(x), None] if self.by_item else self.positions[: x.shape[1]])
        x = self.transformer(self.dropout(x), valid=valid)
        share = valid.to(x.dtype) / valid.sum(1, keepdim=True).clamp(min=1)
        return self.out(self.dropout(torch.einsum("nt,ntf->nf", share, x)))


def sinusoids(length: int, width: int) -> Tensor:
    """Sines and cosines of the place, interleaved, (length, width) (Vaswani et al. 2017, section 3.5)."""
    angle = torch.arange(length)[:, None] * torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    return torch.stack([angle.sin(), angle.cos()], 2).flatten(1)[:, :width]


# -- contrast ----------------------------------------------------------------------------------------------------------
def pair_loss(
    anchors: Tensor,
    others: Tensor,
    *,
    temperature: float = 0.07,
    labels: Tensor | None = None,
    form: Literal["code", "clip"] = "code",
) -> Tensor:
    """Contrast of one modality's views with those of another, the mean over anchors.

    With `code` and two views the anchor (view 1, i) has (view 2, i) of the other modality as its positive and the rest
    as negatives; (view 1, i) itself is left out above and below. Each anchor counts −Σ log p(positive) divided by its
    positives plus one. With `clip`, or one view, it is the cross-entropy of finding the same clip.

    Args:
        anchors: (views, n, d) of length 1.
        others: (views, n, d) of length 1.
        temperature: Divides the cosines.
        labels: (n,) classes; clips of one class are positives of each other. None: each clip for itself.
        form: As above.
    """
    n = anchors.shape[1]
    if form == "clip" or len(anchors) == 1:
        return F.cross_entropy(anchors[0] @ others[0].T / temperature, torch.arange(n, device=anchors.device))
    logits = anchors.flatten(0, 1) @ others.flatten(0, 1).T / temperature
    itself = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    classes = (torch.arange(n, device=logits.device) if labels is None else labels).repeat(len(anchors))
    positive = (classes[:, None] == classes) & ~itself
    log_p = logits - logits.masked_fill(itself, float("-inf")).logsumexp(1, keepdim=True)
    return (-log_p.masked_fill(~positive, 0).sum(1) / (positive.sum(1) + 1)).mean()


def contrast(
    projections: Mapping[str, Tensor],
    there: Tensor,
    views: int,
    config: PairwiseContrastiveConfig,
    labels: Tensor | None = None,
) -> Tensor:
    """The mean of `pair_loss` over all ordered pairs of modalities; a pair takes the clips that have both.

    Args:
        projections: Modality → (views · n, d), all clips of the first view first.
        there: (views · n, modalities) truth, in the order of the configuration.
        views: 1 or 2.
        config: Temperature and form.
        labels: As in `pair_loss`.
    """
    z = {name: F.normalize(p, dim=1).unflatten(0, (views, -1)) for name, p in projections.items()}
    held = dict(zip(config.modalities, there.bool().unflatten(0, (views, -1))[0].T, strict=True))
    losses = [
        pair_loss(
            z[a][:, both],
            z[b][:, both],
            temperature=config.temperature,
            labels=None if labels is None else labels[both],
            form=config.contrast,
        )
        for a, b in permutations(config.modalities, 2)
        if (both := held[a] & held[b]).any()
    ]
    return torch.stack(losses).mean() if losses else sum(p.sum() for p in projections.values()) * torch.tensor(0.0)


class LabelFree(nn.Module):
    """Objective that learns encoders and projection heads from clips alone: no label is looked at.

    Args:
        config: Of the system.
    """

    def __init__(self, config: PairwiseContrastiveConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, system: PairwiseContrastive, batch: Batch) -> dict[str, Tensor]:
        """The contrast of a batch; one without a second window is contrasted as `clip` does."""
        encoded = system.encode(**batch.inputs)
        views = len(encoded["there"]) // max(1, len(batch.spans))
        return {"contrast": contrast(system.project(encoded), encoded["there"], views, self.config)}


# -- collating ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class ClipCollate:
    """Cuts windows out of clips: one, from the start, to read; two at random places to learn from.

    All streams of a clip are cut at the same place; one that is shorter than a window begins anew. With two windows the
    rows of the first come before those of the second, in `inputs` and `targets` alike.

    `inputs`: `there` (rows, modalities) float, 1 where the clip has the modality; `audio` (rows, frames, 128);
    `landmarks` (rows, frames, 51, 2); `video` (rows, 3, pictures, size, size); `text` (rows, frames, words), or with a
    backbone `ids`, `valid` and `content` (rows, tokens) as of `ContextCollate`. `notes` are flags of each clip.

    Args:
        config: Of the system.
    """

    config: PairwiseContrastiveConfig

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate clips; turns of dialogues are taken one by one."""
        config, samples = self.config, flatten(items)
        streams = [self.streams(sample) for sample in samples]
        views = 1 if rng is None else 2
        inputs: dict[str, np.ndarray] = {}
        rows = [self._cut(found, rng) for _ in range(views) for found in streams]
        for name in config.modalities:
            if name == "text" and config.backbone:
                texts = ContextCollate(str(config.backbone), (), LONGEST, 0, 0)
                tokens, _ = texts.rows(samples)
                inputs |= {key: np.tile(value, (views, 1)) for key, value in tokens.items()}
                continue
            blank = np.zeros(self._shape(name), np.float32)
            inputs[name] = np.stack([row.get(name, blank) for row in rows]) if rows else np.zeros((0, *blank.shape))
        spoken: np.ndarray = np.any(inputs.get("content", np.zeros((len(rows), 1), bool)), axis=1)
        there = [[name in row or (name == "text" and said) for name in config.modalities]
                 for row, said in zip(rows, spoken, strict=True)]  # fmt: skip
        inputs["there"] = np.array(there, np.float32).reshape(-1, len(config.modalities))
        gold = {t.scale: gold_rows(samples, t.scale, t.perspective) for t in config.targets}
        targets = {name: np.tile(values, (views, 1)) for name, values in gold.items() if values is not None}
        notes = [() if has.any() else ("empty",) for has in inputs["there"][: len(samples)]]
        return Batch(inputs, targets, [s.span for s in samples], notes)

    def streams(self, sample: Sample) -> dict[str, np.ndarray]:
        """All streams of a clip that it has and the system reads, each (frames, …)."""
        config = self.config
        found = {
            "audio": lambda: clips.mel_frames(sample, config.fps),
            "landmarks": lambda: clips.landmark_frames(sample),
            "video": lambda: clips.picture_frames(sample, config.fps),
            "text": lambda: None if config.backbone else clips.word_frames(sample, config.words),
        }
        return {name: stream for name in config.modalities if (stream := found[name]()) is not None}

    def _cut(self, streams: Mapping[str, np.ndarray], rng: np.random.Generator | None) -> dict[str, np.ndarray]:
        config = self.config
        spare = min((len(stream) for stream in streams.values()), default=0) - config.frames
        start = int(rng.integers(0, spare + 1)) if rng is not None and spare > 0 else 0
        cut = {name: clips.window(stream, start, config.frames) for name, stream in streams.items()}
        if "video" in cut:
            cut["video"] = clips.pictures(cut["video"], config.pictures, config.size, rng, augment=config.augment)
        if "audio" in cut and config.augment and rng is not None:
            cut["audio"] = clips.masked(cut["audio"], rng)
        return cut

    def _shape(self, name: str) -> tuple[int, ...]:
        config = self.config
        return {
            "audio": (config.frames, clips.MELS),
            "landmarks": (config.frames, clips.POINTS, 2),
            "video": (3, config.pictures, config.size, config.size),
            "text": (config.frames, config.words),
        }[name]


# -- the system --------------------------------------------------------------------------------------------------------
class PairwiseContrastive(System):
    """Encoders that agree with each other about a clip, and a classifier of their features side by side.

    A modality may be missing in a clip: its features are then zeros and it takes part in no contrast.

    Args:
        config: Sizes and names.
    """

    Config = PairwiseContrastiveConfig
    modality = "clip"
    default_run: ClassVar[dict[str, Any]] = {"epochs": 50, "batch": 32, "optim": [{"lr": 1e-3, "weight_decay": 1e-3}]}

    def __init__(self, config: PairwiseContrastiveConfig) -> None:
        super().__init__(config)
        names = config.modalities
        if len(names) < 2 or len(set(names)) < len(names):
            raise ConfigError(f"modalities are {', '.join(names)}", allowed=f"two or more of {', '.join(MODALITIES)}")
        if config.backbone and BY_ITEM in config.compat:
            raise ConfigError(f"{BY_ITEM!r} with a backbone", allowed="the official code reads word vectors")
        words = config.words
        if config.backbone and "text" in names:
            self.backbone = backbones.text_encoder(config.backbone)
            self.backbone.pooler = None
            words = self.backbone.config.hidden_size
        makers = {
            "audio": lambda: AudioEncoder(config),
            "landmarks": lambda: LandmarkEncoder(config),
            "video": lambda: VideoResNet(config.width, width=config.video, dropout=config.dropout),
            "text": lambda: TextEncoder(words, config),
        }
        self.encoders = nn.ModuleDict({name: makers[name]() for name in names})
        self.projections = nn.ModuleDict({name: _layers(config.width, config.inner, config.width) for name in names})
        self.sizes = {t.scale: len(scale(t.scale)) for t in config.targets}
        total = sum(self.sizes.values())
        self.classifier = _layers(config.width * len(names), config.hidden, total) if total else None
        self.single = nn.ModuleDict({name: _layers(config.width, config.hidden, total) for name in names if total})
        self.collate = ClipCollate(config)

    def forward(
        self,
        there: Tensor,
        audio: Tensor | None = None,
        landmarks: Tensor | None = None,
        video: Tensor | None = None,
        text: Tensor | None = None,
        ids: Tensor | None = None,
        valid: Tensor | None = None,
        content: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Outputs of each row from what `ClipCollate` makes, as `head` gives them."""
        given = {"audio": audio, "landmarks": landmarks, "video": video, "text": text}
        given |= {"ids": ids, "valid": valid, "content": content}
        return self.head(**self.encode(there, **{name: x for name, x in given.items() if x is not None}))

    def encode(self, there: Tensor, **given: Tensor) -> dict[str, Tensor]:
        """Features of each modality (rows, width), zeros where it is missing, and `there` (rows, modalities)."""
        given = dict(given)
        if "ids" in given:
            ids, seen, valid = given.pop("ids"), given.pop("valid").long(), given.pop("content")
            which = torch.arange(len(ids), device=ids.device)
            if self.training:  # both windows of a clip have its text, and clips may share one
                pairs, which = torch.unique(torch.stack([ids, seen]), dim=1, return_inverse=True)
                ids, seen = pairs
            given["text"] = self.backbone(input_ids=ids, attention_mask=seen).last_hidden_state[which]
        elif "text" in given:
            valid = torch.ones(given["text"].shape[:2], dtype=torch.bool, device=there.device)
        out = {"there": there}
        for name, has in zip(self.config.modalities, there.T, strict=True):
            inputs = (given[name], valid) if name == "text" else (given[name],)
            rows = has.nonzero()[:, 0] if self.training else None  # batch norms must not learn from rows without it
            if rows is None:
                out[name] = self.encoders[name](*inputs) * has[:, None]
            else:
                blank = has.new_zeros(len(has), self.config.width)
                found = self.encoders[name](*(x[rows] for x in inputs)) if len(rows) else blank[:0]
                out[name] = blank.index_copy(0, rows, found)
        return out

    def head(self, there: Tensor, **features: Tensor) -> dict[str, Tensor]:
        """Logits and projections from what `encode` gives.

        Scale name → (rows, k) of all modalities together; `scale:modality` → the same of each alone, for diagnosis;
        `contrast:modality` → (rows, width), what is contrasted.
        """
        z = self.project(features)
        out = {f"contrast:{name}": value for name, value in z.items()}
        if self.classifier is None:
            return out
        used = {name: f.detach() if self.config.detach else f for name, f in features.items()}
        side = torch.cat([used[name] for name in self.config.modalities], 1)
        sizes = list(self.sizes.values())
        logits = dict(zip(self.sizes, self.classifier(side).split(sizes, 1), strict=True))
        for name, layers in self.single.items():
            alone = layers(used[name]).split(sizes, 1)
            logits |= {f"{of}:{name}": value for of, value in zip(self.sizes, alone, strict=True)}
        return logits | out

    def project(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Projections of features, modality → (rows, width), not yet of length 1."""
        return {name: layers(features[name]) for name, layers in self.projections.items()}

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """The official joint training: the contrast, where there are two windows, and losses of the classifiers.

        With `detach` the labels teach the classifiers alone. `LabelFree` is the contrast by itself.
        """
        config = self.config
        terms = {}
        for of in self.sizes:
            if of in batch.targets:
                gold = batch.targets[of]
                terms[of] = self._judged(outputs[of], gold, of)
                alone = [self._judged(outputs[f"{of}:{name}"], gold, of) for name in self.single]
                terms[f"{of} alone"] = torch.stack(alone).mean()
        views = len(batch.inputs["there"]) // max(1, len(batch.spans)) if "there" in batch.inputs else 1
        if views == 2:
            z = {name: outputs[f"contrast:{name}"] for name in config.modalities}
            terms["contrast"] = contrast(z, batch.inputs["there"], views, config, self._labels(batch))
        if not terms:
            raise ConfigError(
                "the batch has gold for none of the targets", allowed=", ".join(self.sizes), remedy="check the recipe"
            )
        return terms

    def _judged(self, logits: Tensor, gold: Tensor, of: str) -> Tensor:
        weights = self.config.positive
        if not weights:
            return losses_on({of: logits}, {of: gold}, [of])[of]
        if scale(of).kind != "any-of" or len(weights) != logits.shape[1]:
            raise ConfigError(f"{len(weights)} weights of positives for {of!r}", allowed="any-of, one a label")
        known = ~gold.isnan()
        weight = logits.new_tensor(weights)
        each = F.binary_cross_entropy_with_logits(logits, gold.nan_to_num(0.0), pos_weight=weight, reduction="none")
        return each[known].mean() if known.any() else logits.sum() * 0

    def _labels(self, batch: Batch) -> Tensor | None:
        if self.config.alike == "clip":
            return None
        gold = batch.targets.get(next(iter(self.sizes), ""))
        if gold is None or gold.isnan().any():
            raise ConfigError("a clip has no gold on the first target, so it has no label", allowed="alike: clip")
        # Clips of one label, or of one set of labels, are alike.
        return torch.unique(gold[: len(batch.spans)], dim=0, return_inverse=True)[1]

    def features(self, items: Sequence[Item], batch_size: int = 16) -> dict[str, np.ndarray]:
        """What the encoders say of each clip, modality → (clips, width) before the projection; NaN where missing."""
        rows: dict[str, list[np.ndarray]] = {name: [] for name in self.config.modalities}
        before = self.training
        self.eval()
        with torch.no_grad():
            for at in range(0, len(items), batch_size):
                encoded = self.encode(**self.collate(list(items[at : at + batch_size])).to(self.device).inputs)
                for name, has in zip(self.config.modalities, encoded["there"].T, strict=True):
                    rows[name].append(encoded[name].masked_fill(has[:, None] == 0, float("nan")).cpu().numpy())
        self.train(before)
        empty = np.zeros((0, self.config.width), np.float32)
        return {name: np.concatenate([empty, *parts]) for name, parts in rows.items()}

    def logits(self, items: Sequence[Item], batch_size: int = 16) -> dict[str, np.ndarray]:
        """Uncalibrated outputs of each clip, scale name → (clips, k); NaN where nothing could be read."""
        parts: dict[str, list[np.ndarray]] = {of: [np.empty((0, k), np.float32)] for of, k in self.sizes.items()}
        for outputs, batch in self.run(items, batch_size):
            for of, values in self._read(outputs, batch).items():
                parts[of].append(values)
        return {of: np.concatenate(found) for of, found in parts.items()}

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Readings with calibrated scores; a clip without any modality has none and is flagged `empty`."""
        scores = self._read(outputs, batch)
        return read_out(batch.spans, scores, self.readouts, by=self.name, modality="clip", flags=list(batch.notes))

    def _read(self, outputs: Mapping[str, np.ndarray], batch: Batch) -> dict[str, np.ndarray]:
        empty = np.array(["empty" in flags for flags in batch.notes], bool)[:, None]
        return {of: np.where(empty, np.float32("nan"), outputs[of]) for of in self.sizes}


def _layers(width: int, hidden: int, outputs: int) -> nn.Sequential:
    """Linear, ReLU, linear; without hidden features one linear map."""
    if not hidden:
        return nn.Sequential(nn.Linear(width, outputs))
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


# -- official weights --------------------------------------------------------------------------------------------------
_NAMES = {
    "audio_encoder.bottleneck.": "encoders.audio.bottleneck.",
    "audio_encoder.out.": "encoders.audio.out.",
    "stgcn.": "encoders.landmarks.",
    "video_encoder.model.": "encoders.video.",
    "trnn1.": "encoders.text.transformer.",
    "text_linear.": "encoders.text.out.",
    "proj_audio.": "projections.audio.",
    "proj_ld.": "projections.landmarks.",
    "proj_video.": "projections.video.",
    "proj_text.": "projections.text.",
}
_UNUSED = ("text_pos_encoder.", "text_encoder_layer.")


def ours(name: str) -> str | None:
    """Our name of a tensor of the official encoder; None for what it holds without using it."""
    if name.startswith(_UNUSED):
        return None
    if name.startswith("audio_encoder.TCN."):
        _, _, block, part, *rest = name.split(".")
        return ".".join(["encoders.audio.blocks", block, *(["6"] if part == "res_conv" else []), *rest])
    for theirs, here in _NAMES.items():
        if name.startswith(theirs):
            return here + name.removeprefix(theirs).replace("Theta1", "theta")
    raise CheckpointError(f"the official encoder has no tensor {name!r}", remedy="pass the encoder's own file")


def convert_official(path: Path) -> PairwiseContrastive:
    """An encoder of the official code as ours, with its sizes read off the tensors; the classifier stays untrained.

    Args:
        path: File of the encoder's tensors, safetensors or pickled; a pickled one may hold nothing but tensors.

    Raises:
        CheckpointError: If it can't be read, or names or shapes differ.
    """
    given = {new: value for old, value in _tensors(path) if (new := ours(old)) is not None}
    names = tuple(name for name in MODALITIES if any(key.startswith(f"encoders.{name}.") for key in given))
    try:
        config = _sizes(given, names)
    except KeyError as error:
        raise CheckpointError(f"{str(path)!r} lacks {error.args[0]!r}", remedy="pass the encoder's own file") from None
    system = PairwiseContrastive(config)
    wanted = {key for key in system.state_dict() if not key.startswith(("classifier.", "single."))}
    if strange := sorted(set(given) ^ wanted):
        raise CheckpointError(f"{str(path)!r} does not fit: {len(strange)} names differ, first {strange[0]!r}")
    try:
        system.load_state_dict(given, strict=False)
    except RuntimeError as error:  # a shape differs
        raise CheckpointError(f"{str(path)!r}: {str(error).splitlines()[-1].strip()}") from None
    return system.eval()


def _tensors(path: Path) -> Iterator[tuple[str, Tensor]]:
    import pickle

    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        held = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except (OSError, SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise CheckpointError(f"{str(path)!r} can't be read: {str(error).splitlines()[0][:200]}") from None
    if not isinstance(held, Mapping) or not all(isinstance(value, Tensor) for value in held.values()):
        raise CheckpointError(f"{str(path)!r} does not hold tensors by name", remedy="pass the encoder's own file")
    yield from held.items()


def _sizes(given: Mapping[str, Tensor], names: tuple[Modality, ...]) -> PairwiseContrastiveConfig:
    inner, width = given[f"projections.{names[0]}.0.weight"].shape if names else (1, 1)
    sizes: dict[str, Any] = {"modalities": names, "width": width, "inner": inner, "compat": (BY_ITEM,)}
    if "landmarks" in names:
        graph, spatial = given["encoders.landmarks.block1.theta"].shape
        steps = given["encoders.landmarks.fully.weight"].shape[1] // graph
        sizes |= {"graph": graph, "spatial": spatial, "frames": steps + SHORTEST - 1}
    if "audio" in names:
        wide, narrow = given["encoders.audio.blocks.0.0.weight"].shape[:2]
        sizes |= {"channels": narrow, "wide": wide}
    if "text" in names:
        feed, words = given["encoders.text.transformer.layers.0.linear1.weight"].shape
        layers = sum(key.endswith("self_attn.in_proj_weight") for key in given)
        sizes |= {"words": words, "feed": feed, "layers": layers}
    return PairwiseContrastiveConfig(**sizes)


CARD = Card(
    system="pairwise-contrastive",
    cls="PairwiseContrastive",
    roles=("reader",),
    modalities=("clip",),
    unit="clip",
    title="Sound, landmarks, face video and words of a clip, whose encoders learn from each other without labels",
    paper="Franceschini et al. 2022, Modality-Pairwise Unsupervised Contrastive Loss, ICPR, arXiv:2207.11482",
    licence="code Apache-2.0; no weights were published",
    proof="official code",
    limits="That several modalities tell more than one is not shown here on real recordings.",
    ablation={"steps": 0},
    ablated="The encoders are not taught by contrast: a linear probe reads features of random weights.",
    task="affectus.testing.tasks.shared_cause:shared_cause",
)

VARIANTS = {
    "tiny": PairwiseContrastiveConfig(
        targets=(Target("ravdess-8", "intended"),), frames=12, width=8, inner=16, hidden=16, channels=8, wide=8,
        graph=4, spatial=4, pictures=2, size=16, video=2, words=8, layers=1, heads=2, feed=16, dropout=0.0,
    ),
    "mosei": PairwiseContrastiveConfig(
        positive=(1.05285, 5.215074, 5.3373003, 19.489855, 7.0448384, 23.688004), augment=True,
    ),
    "ravdess": PairwiseContrastiveConfig(
        targets=(Target("ravdess-8", "intended"),), modalities=("audio", "landmarks"), frames=90, augment=True,
    ),
    "speech": PairwiseContrastiveConfig(
        targets=(Target("ravdess-8", "intended"),), modalities=("audio", "text"), frames=60, width=128, inner=256,
        hidden=0, channels=32, wide=64, backbone=Backbone(name="asset:minilm-l6", train=False), layers=1, heads=6,
        feed=512,
    ),
}  # fmt: skip
