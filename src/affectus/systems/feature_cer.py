"""Compound expressions of a clip from features of its frames: temporal convolutions, and one of four fusions.

The feature approach of Richet et al. (2024), "Textualized and Feature-based Models for Compound Multimodal Emotion
Recognition in the Wild", ECCV workshops, arXiv:2407.12927; its text approach is `textualized-cer`. Official code:
sbelharbi/feature-vs-text-compound-emotion, without a licence. The fusions are LFAN (leader-follower attention) and CAN
(channel attention) of Zhang, Zhao and Guan (2023, arXiv:2303.10335), and JMT (joint transformer) and its part MT of
Waligora et al. (2024, arXiv:2403.10488). Verified: LFAN, CAN and MT give the outputs of the official code, all four
have its tensors, JMT and MT are their equations in float64. Not verified: figures on C-EXPR-DB, not to be had here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from affectus.batch import Batch
from affectus.card import Card
from affectus.config import Config
from affectus.errors import ConfigError, InputError, check_option
from affectus.frontends.tokens import gold_rows
from affectus.nn.attention import Attention, TransformerLayer
from affectus.nn.decisions import Decision, decided
from affectus.nn.ir_resnet import IRResNet
from affectus.nn.losses import losses_on
from affectus.nn.reparametrised import parametrised
from affectus.nn.temporal import TemporalNet
from affectus.readout import read_out
from affectus.sample import Item, Sample, Span, flatten
from affectus.system import System
from affectus.taxonomy import Target, scale
from affectus.timeline import Timeline

Modality = Literal["video", "vggish", "bert"]
Fusion = Literal["lfan", "can", "jmt", "mt", "none"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)
COMPOUNDS = Target("cexpr-7", "perceived")
MIXED = "mixed-batch"  # JMT and MT: the last attention runs over all frames of all clips of a batch, not over tokens
QUIRKS = (MIXED,)
FACE, MARGIN = 40, 8  # pixels of a face as it is read, and how much larger it is cut
WIDE = (256, 256, 128, 128)
Size = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, kw_only=True)
class Faces:
    """The network that makes `video` features of faces; the defaults are IR-50.

    Args:
        units: Units of each stage.
        width: Channels of the first stage.
        train: Whether it is trained; in the paper it was trained before, and is frozen.
    """

    units: tuple[Size, ...] = (3, 4, 14, 3)
    width: Size = 64
    train: bool = False


@dataclass(frozen=True, kw_only=True)
class FeatureCERConfig(Config):
    """Configuration of `FeatureCER`; the defaults are those of the paper's LFAN.

    Args:
        targets: What is read of each clip.
        fusion: How modalities are fused; `none` lays them side by side.
        widths: Modality → numbers of a frame. The first of `video`, `vggish`, `bert` leads.
        channels: Modality → channels of its temporal blocks.
        kernel: Frames that a temporal convolution sees.
        dropout: Of the temporal blocks; 0.1 for LFAN, 0.2 for the others.
        modal: Features of each modality in LFAN.
        heads: Of LFAN; they divide `modal`.
        width: Features of each modality in the other fusions.
        window: Frames that are read at once.
        hop: Frames between the starts of two windows; where windows overlap, logits are averaged.
        decision: How the label of a clip follows from its frames, see `affectus.nn.decisions`.
        standardise: Modalities that are brought to mean 0 and deviation 1 by statistics of the training frames.
        faces: Makes `video` of faces; None takes it ready-made.
        compat: `mixed-batch`: as in the official code, the last attention of JMT and MT runs over all frames of all
            clips of a batch, so that an answer depends on what else is in the batch.
    """

    targets: tuple[Target, ...] = (COMPOUNDS,)
    fusion: Fusion = "lfan"
    widths: dict[Modality, Size] = field(default_factory=lambda: {"video": 512, "vggish": 128, "bert": 768})
    channels: dict[Modality, tuple[Size, ...]] = field(
        default_factory=lambda: {
            "video": (256, 256, 128, 128),
            "vggish": (64, 64, 32, 32),
            "bert": (256, 256, 128, 128),
        }
    )
    kernel: Size = 5
    dropout: Share = 0.1
    modal: Size = 32
    heads: Size = 2
    width: Size = 128
    window: Size = 300
    hop: Size = 200
    decision: Decision = "vote"
    standardise: tuple[Modality, ...] = ("vggish", "bert")
    faces: Faces | None = None


# -- frames ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class ClipCollate:
    """Makes windows of the frames of clips; in training one window a clip, drawn, with its faces moved and mirrored.

    A sample has features by the names of modalities, (frames, width) each; one that is missing is NaN. With `faces` it
    may have pictures of one cut face instead of `video`: the feature `faces` (frames, h, w, 3) uint8, or its media are
    a video of nothing else.

    `inputs`: each modality (windows, w, width); `faces` (windows, w, 3, 40, 40) in [−1, 1]; `valid` (windows, w) bool;
    `owner` and `start` (windows,), the clip of a window and its first frame; `shown` (clips, frames) bool, True where a
    clip has a frame. `notes` are (times of frames or None, flags) of each clip.

    Args:
        targets: Scales whose gold is collected.
        widths: Modalities.
        window: Frames of a window.
        hop: Frames between windows.
        faces: Whether `video` is made of pictures.
    """

    targets: tuple[Target, ...]
    widths: tuple[tuple[str, int], ...]
    window: int
    hop: int
    faces: bool = False

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate clips."""
        samples = flatten(items)
        clips = [self._streams(sample) for sample in samples]
        lengths = [max(len(x) for x in clip.values()) for clip in clips]
        cuts = [(row, first) for row, frames in enumerate(lengths) for first in self._starts(frames, rng)]
        held = np.array([min(lengths[row] - first, self.window) for row, first in cuts], np.int64)
        longest = int(held.max(initial=1))
        inputs: dict[str, np.ndarray] = {}
        for name in self._names:
            empty = (FACE, FACE, 3) if name == "faces" else (dict(self.widths)[name],)
            inputs[name] = np.zeros((len(cuts), longest, *empty), np.float32)
            for out, (row, first) in zip(inputs[name], cuts, strict=True):
                part = clips[row][name][first : first + self.window]
                out[: len(part)] = _cropped(part, rng) if name == "faces" else part
        if self.faces:
            inputs["faces"] = np.ascontiguousarray(np.moveaxis(inputs["faces"], -1, 2)) / np.float32(127.5) - 1
        whole = rng is None  # else a clip is the one window that was drawn
        seen = np.array([n if whole else min(n, self.window) for n in lengths], np.int64)
        inputs |= {
            "valid": np.arange(longest) < held[:, None],
            "owner": np.array([row for row, _ in cuts], np.int64),
            "start": np.array([first if whole else 0 for _, first in cuts], np.int64),
            "shown": np.arange(seen.max(initial=1)) < seen[:, None],
        }
        gold = {t.scale: gold_rows(samples, t.scale, t.perspective) for t in self.targets}
        notes = [(s.features.get("frame_times"), _flags(clip)) for s, clip in zip(samples, clips, strict=True)]
        return Batch(inputs, {k: v for k, v in gold.items() if v is not None}, [s.span for s in samples], notes)

    @property
    def _names(self) -> list[str]:
        return ["faces" if name == "video" and self.faces else name for name, _ in self.widths]

    def _starts(self, frames: int, rng: np.random.Generator | None) -> list[int]:
        """First frame of each window: the last one reaches the clip's end."""
        if rng is not None:
            return [int(rng.integers(0, max(frames - self.window, 0) + 1))]
        return [0, *range(self.hop, max(frames - self.window + self.hop, 0), self.hop)]

    def _streams(self, sample: Sample) -> dict[str, np.ndarray]:
        """Modality → frames of a sample, all of one length, at least one; NaN where there is nothing."""
        found: dict[str, np.ndarray] = {}
        for name, width in self.widths:
            if name == "video" and self.faces:
                found["faces"] = _pictures(sample)
            elif name in sample.features:
                found[name] = np.asarray(sample.features[name], np.float32)
                if found[name].ndim != 2 or found[name].shape[1] != width:
                    raise InputError(
                        f"the feature {name!r} of {sample.id!r} has shape {found[name].shape}",
                        allowed=f"(frames, {width})",
                    )
        lengths = {name: len(x) for name, x in found.items() if len(x)}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} {n}" for name, n in lengths.items())
            raise InputError(f"the features of {sample.id!r} differ in frames: {told}", allowed="as many for each")
        frames = max(lengths.values(), default=1)
        empty: dict[str, np.ndarray] = {
            name: np.full((frames, width), np.nan, np.float32) for name, width in self.widths
        }
        if self.faces:
            empty["faces"] = np.zeros((frames, FACE + MARGIN, FACE + MARGIN, 3), np.uint8)
        return {name: found[name] if name in lengths else empty[name] for name in self._names}


def _pictures(sample: Sample) -> np.ndarray:
    """Faces of a sample, (frames, 48, 48, 3) uint8; none where it has none."""
    side = FACE + MARGIN
    if "faces" in sample.features:
        frames = list(sample.features["faces"])
    elif sample.media is not None and sample.media.kind == "video":
        frames = [frame for _, frame in sample.frames()]
    else:
        frames = []
    if not frames:
        return np.zeros((0, side, side, 3), np.uint8)
    import cv2

    way = cv2.INTER_AREA if min(frames[0].shape[:2]) > side else cv2.INTER_LINEAR
    return np.stack([cv2.resize(frame, (side, side), interpolation=way) for frame in frames])


def _cropped(faces: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """(t, 40, 40, 3) of (t, 48, 48, 3): the middle, or in training one place for all frames, perhaps mirrored."""
    top, left = (MARGIN // 2, MARGIN // 2) if rng is None else rng.integers(0, MARGIN + 1, 2)
    cut = faces[:, top : top + FACE, left : left + FACE]
    return cut[:, :, ::-1] if rng is not None and rng.random() < 0.5 else cut


def _flags(clip: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """`empty` where nothing is there at all, else `no-…` for each modality that is missing."""
    gone = [name for name, x in clip.items() if (np.isnan(x).all() if x.dtype.kind == "f" else not x.any())]
    return ("empty",) if len(gone) == len(clip) else tuple(f"no-{name}" for name in gone)


class FrameNorm(nn.BatchNorm1d):
    """Batch norm of frames; those that are not there do not count."""

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """(b, t, f) from the same, with `valid` (b, t) bool."""
        if not self.training or valid is None or int(valid.sum()) < 2:
            return F.batch_norm(
                x.transpose(1, 2), self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            ).transpose(1, 2)
        out = torch.zeros_like(x)
        out[valid] = super().forward(x[valid])
        return out


class Standard(nn.Module):
    """Brings features to mean 0 and deviation 1 by the moments of all frames seen in training.

    Args:
        width: Numbers of a frame.
    """

    count: Tensor
    mean: Tensor
    square: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("square", torch.ones(width))

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """(b, t, f) from the same; frames that are not `there` (b, t) become zeros."""
        if self.training and bool(there.any()):
            self._take_in(x[there].detach())
        return ((x - self.mean) / self.square.clamp(min=1e-8).sqrt()).masked_fill(~there[..., None], 0.0)

    def _take_in(self, x: Tensor) -> None:
        """Moments of the frames so far and these (Chan et al. 1979)."""
        total = self.count + len(x)
        new, apart = len(x) / total, x.mean(0) - self.mean
        spread = self.square * (1 - new) + x.var(0, correction=0) * new + apart.square() * new * (1 - new)
        self.square.copy_(spread if self.count > 0 else x.var(0, correction=0))
        self.mean.add_(apart * new)
        self.count.copy_(total)


# -- fusions -----------------------------------------------------------------------------------------------------------
class LeaderFollower(nn.Module):
    """LFAN: at each frame the modalities attend to each other; the leader is put before what comes of it.

    With tokens m of one frame, a head has softmax(q·kᵀ/√d)·v + v; all heads and tokens side by side go through a linear
    map, dropout and a layer norm.

    Args:
        widths: Modality → features of a frame.
        modal: Features of a token.
        heads: Attention heads.
        dropout: Share of features dropped before the norm.
    """

    def __init__(self, widths: Mapping[str, int], modal: int, heads: int, dropout: float) -> None:
        super().__init__()
        if modal % heads:
            raise ConfigError(
                f"{heads} heads of a width of {modal}", allowed="a number of heads that divides the width"
            )
        self.heads, self.features = heads, modal * len(widths)
        self.qkv_proj = nn.ModuleDict({name: nn.Linear(width, 3 * modal) for name, width in widths.items()})
        self.o_proj = nn.Linear(self.features, self.features)
        for layer in (*self.qkv_proj.values(), self.o_proj):
            nn.init.xavier_uniform_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.dropout = nn.Dropout(dropout)
        self.norm1 = nn.LayerNorm(self.features)

    def forward(self, streams: Mapping[str, Tensor]) -> Tensor:
        """(b, t, modal × modalities) from modality → (b, t, width)."""
        tokens = [layer(streams[name]).unflatten(-1, (self.heads, -1)) for name, layer in self.qkv_proj.items()]
        q, k, v = torch.stack(tokens, -2).chunk(3, -1)  # each (b, t, heads, modalities, d)
        weights = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(-1)
        return self.norm1(self.dropout(self.o_proj((weights @ v + v).flatten(2))))


class Weighing(nn.Module):
    """CAN: each feature of all modalities is weighed by a softmax over all of them.

    Args:
        widths: Modality → features of a frame.
        width: Features to which each is brought.
    """

    def __init__(self, widths: Mapping[str, int], width: int) -> None:
        super().__init__()
        self.features = width * len(widths)
        self.attn = nn.ModuleDict({name: nn.Linear(size, width) for name, size in widths.items()})
        self.weights = nn.Linear(self.features, self.features)

    def forward(self, streams: Mapping[str, Tensor]) -> Tensor:
        """(b, t, width × modalities) from modality → (b, t, width of it)."""
        x = torch.cat([layer(streams[name]) for name, layer in self.attn.items()], -1)
        return self.weights(x).softmax(-1) * x


class Crossing(nn.Module):
    """JMT and MT: streams read each other over time; what comes of it attends once more, and its last token is taken.

    A crossing `xy` asks with x and takes keys and values of y. The joint stream is a linear map of video and audio.

    Args:
        joint: Whether there is a joint stream (JMT), with four more crossings.
        audio: Features of an audio frame.
        width: Features of all streams; those of a video frame.
        mixed: Whether the last attention runs over all frames of the batch, each crossing by itself, as in the official
            code, and not over the crossings of a frame.
    """

    def __init__(self, joint: bool, audio: int, width: int, mixed: bool) -> None:
        super().__init__()
        self.mixed, self.features = mixed, width
        self.augment = nn.Linear(audio, width)
        self.reduce = nn.Linear(2 * width, width) if joint else None
        crossings = ("va", "av", "jv", "vj", "ja", "aj") if joint else ("va", "av")
        self.encoders = nn.ModuleDict({s: self._layer(width) for s in ("vaj" if joint else "va")})
        self.crossings = nn.ModuleDict({pair: Attention(width, 1) for pair in crossings})
        self.final_encoder = self._layer(width)
        self.final_attention = Attention(width, 1)

    @staticmethod
    def _layer(width: int) -> TransformerLayer:
        return TransformerLayer(width, 1, width, dropout=0.0)

    def forward(self, video: Tensor, audio: Tensor, valid: Tensor) -> Tensor:
        """(b, t, width) from video (b, t, width), audio (b, t, f) and `valid` (b, t) bool."""
        streams = {"v": video, "a": self.augment(audio)}
        if self.reduce is not None:
            streams["j"] = self.reduce(torch.cat([streams["v"], streams["a"]], -1))
        x = {name: layer(streams[name], valid=valid) for name, layer in self.encoders.items()}
        crossed = [layer(x[to[0]], x[to[1]], x[to[1]], valid=valid) for to, layer in self.crossings.items()]
        if self.mixed:
            flat = torch.stack(crossed).flatten(1, 2)  # (crossings, b × t, width)
            return self._last(flat, valid.flatten().expand(len(flat), -1))[-1].unflatten(0, video.shape[:2])
        tokens = torch.stack(crossed, 2).flatten(0, 1)  # (b × t, crossings, width)
        return self._last(tokens, None)[:, -1].unflatten(0, video.shape[:2])

    def _last(self, x: Tensor, valid: Tensor | None) -> Tensor:
        x = self.final_encoder(x, valid=valid)
        return self.final_attention(x, x, x, valid=valid)


class _Bent(nn.Module):
    """Linear, batch norm, leaky ReLU, linear: the head of all fusions but LFAN."""

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__()
        self.fc1, self.bn1, self.fc2 = nn.Linear(features, features), FrameNorm(features), nn.Linear(features, outputs)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        return self.fc2(F.leaky_relu(self.bn1(self.fc1(x), valid)))


# -- the whole ---------------------------------------------------------------------------------------------------------
class FeatureCER(System):
    """Reads clips frame by frame, and says one label of each.

    Args:
        config: Sizes and names.
    """

    Config = FeatureCERConfig
    modality = "video"
    default_run: ClassVar[dict[str, Any]] = {
        "epochs": 30,
        "batch": 8,
        "select": "best",
        "optim": [{"match": "faces.*", "lr": 0}, {"lr": 1e-3, "weight_decay": 1e-4}],
    }

    def __init__(self, config: FeatureCERConfig) -> None:
        super().__init__(config)
        if len(config.targets) != 1 or scale(config.targets[0].scale).kind != "one-of":
            raise ConfigError(f"targets are {[t.scale for t in config.targets]}", allowed="one scale of kind one-of")
        for name in config.compat:
            check_option("compat", name, QUIRKS)
        self.target = config.targets[0].scale
        self.names = tuple(name for name in MODALITIES if name in config.widths)
        if not self.names or config.hop > config.window or any(name not in config.channels for name in self.names):
            raise ConfigError(
                f"widths are {dict(config.widths)}, channels {dict(config.channels)}, hop {config.hop} of a window of"
                f" {config.window}",
                allowed="at least one modality, channels for each, and a hop no longer than the window",
            )
        self.faces: IRResNet | None = None
        if config.faces is not None:
            features = config.widths.get("video", 0)
            if not features:
                raise ConfigError("there are faces, and no width of video", allowed="a width of video")
            self.faces = IRResNet(config.faces.units, config.faces.width, FACE, features)
            self.faces.requires_grad_(config.faces.train)
        self.standard = nn.ModuleDict(
            {name: Standard(config.widths[name]) for name in self.names if name in config.standardise}
        )
        self.temporal = nn.ModuleDict(
            {n: TemporalNet(config.widths[n], config.channels[n], config.kernel, config.dropout) for n in self.names}
        )
        widths: dict[str, int] = {name: config.channels[name][-1] for name in self.names}
        self.bn = nn.ModuleDict({name: FrameNorm(width) for name, width in widths.items()})
        self.fuse = self._fusion(widths)
        outputs = len(scale(self.target))
        if config.fusion in ("lfan", "none"):
            beside = widths[self.names[0]] + self.fuse.features if isinstance(self.fuse, LeaderFollower) else 0
            self.head: nn.Module = nn.Linear(beside or sum(widths.values()), outputs)
        else:
            self.head = _Bent(int(self.fuse.features), outputs)
        order = tuple((name, config.widths[name]) for name in self.names)
        self.collate = ClipCollate(config.targets, order, config.window, config.hop, config.faces is not None)

    def _fusion(self, widths: Mapping[str, int]) -> Any:
        config = self.config
        if config.fusion == "none":
            return nn.Identity()
        if config.fusion == "lfan":
            return LeaderFollower(widths, config.modal, config.heads, config.dropout)
        if config.fusion == "can":
            return Weighing(widths, config.width)
        if self.names != ("video", "vggish") or widths["video"] != config.width:
            raise ConfigError(
                f"{config.fusion} was given {', '.join(f'{n} {w}' for n, w in widths.items())}",
                allowed=f"video and vggish alone, video with {config.width} channels at last",
                remedy="it does not read text: take it out of widths",
            )
        return Crossing(config.fusion == "jmt", widths["vggish"], config.width, MIXED in config.compat)

    def train(self, mode: bool = True) -> FeatureCER:
        """As every module; a frozen network of faces stays in evaluation mode."""
        super().train(mode)
        if self.faces is not None and not self.config.faces.train:
            self.faces.eval()
        return self

    def forward(
        self,
        valid: Tensor,
        owner: Tensor,
        start: Tensor,
        shown: Tensor,
        video: Tensor | None = None,
        vggish: Tensor | None = None,
        bert: Tensor | None = None,
        faces: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Logits of clips and of their frames from what `ClipCollate` makes.

        Returns:
            The scale's name → (clips, k); the name with `.frames` → (clips, frames, k), zeros where there is no frame.
        """
        given = {"video": video, "vggish": vggish, "bert": bert}
        if self.faces is not None and faces is not None:
            given["video"] = self.faces(faces.flatten(0, 1)).unflatten(0, valid.shape)
        logits = self.frames({name: x for name in self.names if (x := given[name]) is not None}, valid)
        frames = _joined(logits, valid, owner, start, shown)
        return {self.target: decided(frames, shown, self.config.decision), f"{self.target}.frames": frames}

    def frames(self, given: Mapping[str, Tensor], valid: Tensor) -> Tensor:
        """Logits of the frames of windows, (b, t, k).

        Args:
            given: Modality → (b, t, width), NaN where it is missing.
            valid: (b, t) bool, True where a frame is.
        """
        streams = {}
        for name in self.names:
            there = valid & ~given[name][..., 0].isnan()
            x = given[name].nan_to_num(0.0)
            x = self.standard[name](x, there) if name in self.standard else x * there[..., None]
            streams[name] = self.bn[name](self.temporal[name](x.transpose(1, 2)).transpose(1, 2), valid)
        if isinstance(self.fuse, LeaderFollower):
            return self.head(torch.cat([streams[self.names[0]], self.fuse(streams)], -1))
        if isinstance(self.fuse, Crossing):
            return self.head(self.fuse(streams["video"], streams["vggish"], valid), valid)
        if isinstance(self.fuse, Weighing):
            return self.head(self.fuse(streams), valid)
        return self.head(torch.cat(list(streams.values()), -1))

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of every frame with the gold of its clip."""
        shown = batch.inputs["shown"]
        gold = {name: rows[:, None].expand(*shown.shape, -1)[shown] for name, rows in batch.targets.items()}
        return losses_on({self.target: outputs[f"{self.target}.frames"][shown]}, gold, [self.target])

    def logits(self, items: Iterable[Item | str], batch_size: int = 16) -> dict[str, np.ndarray]:
        """Uncalibrated outputs of each clip, scale name → (clips, k); NaN where nothing could be read."""
        parts = [np.empty((0, len(scale(self.target))), np.float32)]
        parts += [self._said(outputs, batch) for outputs, batch in self.run(items, batch_size)]
        return {self.target: np.concatenate(parts)}

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Readings with calibrated scores; a clip with nothing to read has none and is flagged."""
        logits = {self.target: self._said(outputs, batch)}
        flags = [flags for _, flags in batch.notes]
        return read_out(batch.spans, logits, self.readouts, by=self.name, modality=self.modality, flags=flags)

    def read_frames(self, items: Iterable[Item | str], batch_size: int = 16) -> Timeline:
        """A row for each frame of each clip, in order; its number is the row's item.

        Where a clip has the feature `frame_times` (frames,) in seconds, rows have times: a frame lasts until the next.
        """
        spans: list[Span] = []
        rows = [np.empty((0, len(scale(self.target))), np.float32)]
        for outputs, batch in self.run(items, batch_size):
            shown = np.asarray(batch.inputs["shown"])
            for clip, (span, (times, flags)) in enumerate(zip(batch.spans, batch.notes, strict=True)):
                found = outputs[f"{self.target}.frames"][clip][shown[clip]]
                rows.append(np.full_like(found, np.nan) if "empty" in flags else found)
                spans += _spans(span, len(found), times)
        logits = {self.target: np.concatenate(rows)}
        return read_out(spans, logits, self.readouts, by=self.name, modality=self.modality)

    def _said(self, outputs: dict[str, np.ndarray], batch: Batch) -> np.ndarray:
        empty = np.array(["empty" in flags for _, flags in batch.notes], bool)[:, None]
        return np.where(empty, np.float32("nan"), outputs[self.target])


def _joined(logits: Tensor, valid: Tensor, owner: Tensor, start: Tensor, shown: Tensor) -> Tensor:
    """Frames of clips (clips, frames, k) from those of windows (windows, w, k): the mean where windows overlap."""
    clips, frames = shown.shape
    steps = torch.arange(valid.shape[1], device=valid.device)
    place = owner[:, None] * frames + start[:, None] + steps
    place = torch.where(valid, place, clips * frames).flatten()  # what is no frame goes to a row of its own
    total = logits.new_zeros(clips * frames + 1, logits.shape[-1]).index_add(0, place, logits.flatten(0, 1))
    count = logits.new_zeros(clips * frames + 1).index_add(0, place, torch.ones_like(logits[..., 0]).flatten())
    mean = (total / count.clamp(min=1)[:, None])[: clips * frames].unflatten(0, (clips, frames))
    return mean.masked_fill(~shown[..., None], 0.0)


def _spans(span: Span, frames: int, times: np.ndarray | None) -> list[Span]:
    if times is None:
        return [span._replace(item=i, start=None, end=None) for i in range(frames)]
    step = float(times[-1] - times[-2]) if len(times) > 1 else 0.0
    ends = [*times[1:], span.end if span.end is not None and span.end > times[-1] else times[-1] + step]
    return [span._replace(item=i, start=float(times[i]), end=float(ends[i])) for i in range(frames)]


# -- official weights --------------------------------------------------------------------------------------------------
_STREAMS = {"visual": "v", "audio": "a", "jr": "j"}
_LAYER = {"attention": "self_attn", "feed_forward.0": "linear1", "feed_forward.2": "linear2"}
_NAMES = {
    "fusion.layers.self_attn.": "fuse.",
    "fusion.layers.": "fuse.",
    "regressor.": "head.",
    "fuse.augment_audio_feats_dim.": "fuse.augment.",
    "fuse.reduce_feats_dim.": "fuse.reduce.",
    "fuse.final_encoder.layers.0.": "fuse.final_encoder.",
    "fuse.final_self_attention.": "fuse.final_attention.",
    "fc1.": "head.fc1.",
    "fc2.": "head.fc2.",
    "bn1.": "head.bn1.",
}


def from_official(state: Mapping[str, Tensor], fusion: Fusion) -> dict[str, Tensor]:
    """Tensors of the official LFAN, CAN, JMT or MT under our names.

    Left out are what the official networks hold and never use: the second name of each temporal convolution (`net.`),
    CAN's `conv_c`, the text stream of JMT and MT, and the joint map of MT.

    Args:
        state: Official name → tensor, without the visual backbone (`spatial.`).
        fusion: Which of them it is.
    """
    unused = [".net."]
    unused += {"can": ["conv_c."], "jmt": [".bert."], "mt": [".bert.", "reduce_feats_dim."]}.get(fusion, [])
    kept = {key: value for key, value in state.items() if not any(part in key for part in unused)}
    return parametrised({_our_name(key): value for key, value in kept.items()})


def _our_name(key: str) -> str:
    for old, new in _NAMES.items():
        if key.startswith(old):
            key = new + key.removeprefix(old)
            break
    head, _, rest = key.removeprefix("fuse.").partition(".")
    if key.startswith("fuse.attn."):
        number, _, rest = rest.partition(".")
        return f"fuse.attn.{MODALITIES[int(number)]}.{rest}"
    if head.removesuffix("_encoder") in _STREAMS:
        key = f"fuse.encoders.{_STREAMS[head.removesuffix('_encoder')]}.{rest.removeprefix('layers.0.')}"
    elif head.startswith("CA_"):
        return f"fuse.crossings.{head[3:].replace('jr', 'j')}.{rest}"
    if key.startswith(("fuse.encoders.", "fuse.final_encoder.")):
        for old, new in {**_LAYER, "layer_norm": "norm"}.items():
            key = key.replace(f".{old}", f".{new}")
    return key


CARD = Card(
    system="feature-cer",
    cls="FeatureCER",
    roles=("reader",),
    modalities=("video",),
    unit="span",
    title="Compound expressions of a clip from features of its frames, with leader-follower attention",
    paper="Richet et al. 2024, Textualized and Feature-based Models for Compound Multimodal Emotion Recognition in the"
    " Wild, ECCV workshops, arXiv:2407.12927",
    licence="code Apache-2.0; the official code has no licence, and no weights are passed on",
    proof="official code",
    limits="Trained here on made-up clips alone: that several modalities tell more than one is not shown on real ones.",
    ablation={"fusion": "none"},
    ablated="The modalities are laid side by side and not fused.",
    task="affectus.testing.tasks.trusted_stream:trusted_stream",
)

_CROSSED: Any = {
    "widths": {"video": 512, "vggish": 128},
    "channels": {"video": (256, 256, 128, 128, 128), "vggish": (128, 128, 64, 64)},
    "standardise": ("vggish",),
    "dropout": 0.2,
}
VARIANTS = {
    "tiny": FeatureCERConfig(
        widths={"video": 16}, channels={"video": (16, 16)}, kernel=3, dropout=0.0, modal=16, width=16, window=16, hop=8,
        decision="logits", standardise=(), faces=Faces(units=(1, 1), width=2, train=True),
    ),
    "lfan": FeatureCERConfig(),
    "can": FeatureCERConfig(
        fusion="can",
        channels={"video": (256, 256, 128, 128, 128), "vggish": (128, 128, 64, 64), "bert": WIDE},
        dropout=0.2,
    ),
    "jmt": FeatureCERConfig(fusion="jmt", **_CROSSED),
    "mt": FeatureCERConfig(fusion="mt", **_CROSSED),
    "faces": FeatureCERConfig(faces=Faces()),
}  # fmt: skip
