"""M2FNet: emotions of the turns of a dialogue from text, voice and face, fused by attention with swapped keys.

Chudasama, Kar, Gudmalwar, Shah, Wasnik and Onoe (2022), "M2FNet: Multi-modal Fusion Network for Emotion Recognition in
Conversation", CVPR workshops, arXiv:2206.02187. No code or weights were published. Verified: the dialogue model with
text and audio gives the outputs of the best-known re-implementation (iosonopersia/Multimodal-Emotion-Recognition), the
losses of the extractor those of the paper's formulas; the rest by properties. Not verified: the figures of the paper,
whose media are not to be had here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
from affectus.config import Config, Ref
from affectus.errors import ConfigError
from affectus.frontends.context import ContextCollate
from affectus.frontends.mel_image import MELS, RATE, mel_image
from affectus.frontends.tokens import gold_rows
from affectus.frontends.turns import given_features
from affectus.nn.attention import Attention, Transformer, TransformerLayer
from affectus.nn.by_length import states_by_length
from affectus.nn.losses import losses_on
from affectus.nn.resnet import ResNet
from affectus.readout import read_out
from affectus.sample import Dialogue, Item, Sample, conversations, flatten
from affectus.system import System
from affectus.taxonomy import Target, scale
from affectus.timeline import Timeline

Modality = Literal["text", "audio", "visual"]
Pooling = Literal["first", "mean"]
MODALITIES: tuple[Modality, ...] = ("text", "audio", "visual")
MELD = Target("meld-7", "perceived")
Share = Annotated[float, Field(ge=0, lt=1)]
Size = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, kw_only=True)
class M2FNetTextConfig(Config):
    """Configuration of `M2FNetText`.

    Args:
        targets: What is read of each turn.
        backbone: Reference to a text encoder, or a `Backbone` that says how it takes part in training.
        before: Turns before that are read with a turn, nearest first, as many as fit.
        after: Turns after.
        pooling: `first`: the state of the first token, as in the paper; `mean`: the mean over the turn's own tokens.
        max_length: Tokens of a turn with its context.
        dropout: Share of features that the head drops in training.
    """

    targets: tuple[Target, ...] = (MELD,)
    backbone: str | Backbone = "hf:FacebookAI/roberta-large"
    before: Count = 1
    after: Count = 1
    pooling: Pooling = "first"
    max_length: Annotated[int, Field(ge=8)] = 256
    dropout: Share = 0.1


@dataclass(frozen=True, kw_only=True)
class M2FNetExtractorConfig(Config):
    """Configuration of `M2FNetExtractor`; the defaults are those of the paper but for how margins are used.

    Args:
        labels: Scale whose gold tells which items are alike.
        kind: `audio`: the mel picture of a turn's sound; `visual`: a picture.
        width: Numbers of the embedding.
        channels: Of the first stage of the ResNet-18.
        frames: Columns of a mel picture, 10 ms each.
        size: Height and width to which pictures are brought.
        weights: Of the triplet, covariance and variance terms.
        normalised: Whether distances are between embeddings of length 1.
        scale: Factor on all distances; 0.5 brings those of normalised embeddings into [0, 1].
        detach_margin: Whether margins are constants to the gradient. As printed, the margin of dissimilarity grows with
            the distance of the negative, so that its gradient draws negatives nearer.
        hinge: Whether a triplet whose loss is below 0 counts as 0.
    """

    labels: str = "meld-7"
    kind: Literal["audio", "visual"] = "audio"
    width: Size = 300
    channels: Size = 64
    frames: Size = 400
    size: Annotated[int, Field(ge=32)] = 112
    weights: tuple[float, float, float] = (20.0, 5.0, 1.0)
    normalised: bool = True
    scale: Annotated[float, Field(gt=0)] = 0.5
    detach_margin: bool = True
    hinge: bool = False


@dataclass(frozen=True, kw_only=True)
class M2FNetConfig(Config):
    """Configuration of `M2FNet`; the defaults are those of the paper for MELD.

    Args:
        targets: What is read of each turn.
        widths: Features that arrive ready-made in `Sample.features`: modality → numbers. Any subset of text, audio and
            visual; the first of them in this order asks the questions of the fusion, the others give keys.
        audio: System that makes the audio feature of a turn's sound, `m2fnet/audio`; empty has none.
        backbone: Reference to a text encoder that reads the text, in place of a text feature; empty has none.
        before: As in `M2FNetTextConfig`.
        after: As in `M2FNetTextConfig`.
        pooling: As in `M2FNetTextConfig`.
        max_length: As in `M2FNetTextConfig`.
        width: Features of each modality in the fusion.
        heads: Attention heads; they divide all widths.
        encoders: Transformers of each modality, each with a skip around it: 1 for MELD, 5 for IEMOCAP.
        layers: Layers of each of these transformers.
        inner: Features inside their feed-forward parts.
        fusions: Fusion layers; with one modality there are none.
        bend: Rectify before and after the linear map of a fusion layer, as the re-implementation does; the paper
            prints the linear map alone.
        hidden: Features inside the classifier.
        past: Whether a turn sees only itself and turns before it. With a backbone, `after` must then be 0.
        dropout: In encoders, attention and classifier.
    """

    targets: tuple[Target, ...] = (MELD,)
    widths: dict[Modality, Size] = field(default_factory=dict)
    audio: Ref = ""
    backbone: str | Backbone = ""
    before: Count = 1
    after: Count = 1
    pooling: Pooling = "first"
    max_length: Annotated[int, Field(ge=8)] = 256
    width: Size = 1024
    heads: Size = 4
    encoders: Count = 1
    layers: Size = 1
    inner: Size = 2048
    fusions: Count = 5
    bend: bool = False
    hidden: Size = 1024
    past: bool = False
    dropout: Share = 0.4


# -- stage 1: text of a turn in its context ----------------------------------------------------------------------------
class _ReadsText(System):
    """What both networks share: a text encoder and how its states become one vector a turn."""

    def _open(self, config: M2FNetTextConfig | M2FNetConfig) -> ContextCollate:
        self.backbone = backbones.text_encoder(config.backbone)
        self.backbone.pooler = None
        return ContextCollate(str(config.backbone), config.targets, config.max_length, config.before, config.after)

    def pooled(self, ids: Tensor, valid: Tensor, content: Tensor) -> Tensor:
        """One vector a turn (n, f); NaN where the turn has no text. Arguments as `ContextCollate` makes them."""
        states = states_by_length(self.backbone, ids, valid)
        if self.config.pooling == "first":
            vectors = states[:, 0]
        else:
            share = content.to(states.dtype) / content.sum(1, keepdim=True).clamp(min=1)
            vectors = torch.einsum("nt,ntf->nf", share, states)
        return vectors.masked_fill(~content.any(1, keepdim=True), float("nan"))

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Loss of each target over real turns, by the kind of its scale: cross-entropy in the paper."""
        return losses_on(outputs, batch.targets, [t.scale for t in self.config.targets])

    def run(self, items: Iterable[Item | str], batch_size: int = 16) -> Iterator[tuple[dict[str, np.ndarray], Batch]]:
        """As every system; neighbouring samples of one source are turns of one dialogue."""
        return super().run(conversations(items), batch_size)

    def logits(self, items: Iterable[Item | str], batch_size: int = 16) -> dict[str, np.ndarray]:
        """Uncalibrated outputs of each turn, scale name → (turns, k); NaN where nothing could be read."""
        parts = [{r.scale: np.empty((0, len(r.of)), np.float32) for r in self.readouts}]
        parts += [self._said(outputs, batch) for outputs, batch in self.run(items, batch_size)]
        return {r.scale: np.concatenate([part[r.scale] for part in parts]) for r in self.readouts}

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Readings with calibrated scores; a turn with nothing to read has none and is flagged."""
        texts, flags = zip(*batch.notes, strict=True) if batch.notes else ((), ())
        return read_out(
            batch.spans,
            self._said(outputs, batch),
            self.readouts,
            by=self.name,
            modality=self.modality,
            text=texts,
            flags=flags,
        )

    def _said(self, outputs: dict[str, np.ndarray], batch: Batch) -> dict[str, np.ndarray]:
        empty = np.array(["empty" in flags for _, flags in batch.notes], bool)[:, None]
        return {r.scale: np.where(empty, np.float32("nan"), outputs[r.scale]) for r in self.readouts}


class M2FNetText(_ReadsText):
    """Reads a turn's text among its neighbours; its encoder is taken into `M2FNet` by a recipe's `init`.

    Args:
        config: Sizes and names.
    """

    Config = M2FNetTextConfig
    modality = "dialogue"

    def __init__(self, config: M2FNetTextConfig) -> None:
        super().__init__(config)
        self.collate = self._open(config)
        self.head = _Classifier(self.backbone.config.hidden_size, 0, config.targets, config.dropout)

    def forward(self, ids: Tensor, valid: Tensor, content: Tensor) -> dict[str, Tensor]:
        """Logits of each turn, scale name → (turns, k); arguments as `ContextCollate` makes them."""
        return self.head(self.pooled(ids, valid, content).nan_to_num(0.0))


# -- stage 1: one vector of a sound or a picture -----------------------------------------------------------------------
def margins(to_positive: Tensor, to_negative: Tensor, epsilon: float = 0.0) -> tuple[Tensor, Tensor]:
    """Margins of similarity and of dissimilarity: 1 + 2/e^(4·D_ap) and 1 + 2/e^(−4·D_an + 4) (section 3.2).

    Args:
        to_positive: Distances of anchors and positives, D_ap.
        to_negative: Distances of anchors and negatives, D_an.
        epsilon: Added to both denominators; 1e-6 in the re-implementation.
    """
    return 1 + 2 / ((4 * to_positive).exp() + epsilon), 1 + 2 / ((4 - 4 * to_negative).exp() + epsilon)


def triplet_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    scale: float = 1.0,
    detach: bool = True,
    hinge: bool = False,
    epsilon: float = 0.0,
) -> Tensor:
    """D_ap − (D_an + D_pn)/2 + both margins, of each triplet.

    Args:
        anchor: (n, f).
        positive: (n, f), each like its anchor.
        negative: (n, f), each unlike its anchor.
        scale: Factor on the Euclidean distances D.
        detach: Whether the margins are constants to the gradient.
        hinge: Whether a loss below 0 counts as 0.
        epsilon: As in `margins`.

    Returns:
        (n,).
    """
    to_positive, to_negative, between = (
        scale * torch.linalg.vector_norm(a - b, dim=1)
        for a, b in ((anchor, positive), (anchor, negative), (positive, negative))
    )
    alike, unlike = margins(to_positive, to_negative, epsilon)
    margin = (alike + unlike).detach() if detach else alike + unlike
    loss = to_positive - (to_negative + between) / 2 + margin
    return loss.clamp(min=0) if hinge else loss


def covariance_loss(z: Tensor) -> Tensor:
    """Squares of the covariances between features (Bardes et al. 2022, arXiv:2105.04906), unbiased, from (n, f)."""
    covariance = torch.cov(z.T)
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / z.shape[1]


def variance_loss(z: Tensor, epsilon: float = 1e-6) -> Tensor:
    """How far features stay below a deviation of 1 (as there), unbiased, from (n, f)."""
    return (1 - (z.var(0) + epsilon).sqrt()).clamp(min=0).mean()


def triplets(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each item that has one like it and one unlike it: itself, one like it, one unlike it.

    Args:
        labels: (n,) class of each item, −1 where unknown.
        rng: Source of the draws.

    Returns:
        (m, 3) int64.
    """
    found = []
    for anchor, label in enumerate(labels):
        alike = np.flatnonzero((labels == label) & (np.arange(len(labels)) != anchor))
        unlike = np.flatnonzero((labels != label) & (labels >= 0))
        if label >= 0 and len(alike) and len(unlike):
            found.append((anchor, rng.choice(alike), rng.choice(unlike)))
    return np.array(found, np.int64).reshape(-1, 3)


@dataclass(frozen=True)
class PictureCollate:
    """Makes pictures of sounds or images, and triplets of those with gold; turns of dialogues are taken one by one.

    `inputs`: `picture` (n, 1, 128, frames) or (n, 3, size, size), in [0, 1]; `there` (n,) bool, False where an item has
    no such medium. `targets`: `triplets` (m, 3).

    Args:
        config: Of the extractor.
    """

    config: M2FNetExtractorConfig

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate samples; without a generator triplets are drawn by a fixed seed, and nothing is augmented."""
        samples = flatten(items)
        gold = gold_rows(samples, self.config.labels)
        targets = {}
        inputs = self.pictures(samples, rng)
        if gold is not None:
            known = ~np.isnan(gold).any(1) & inputs["there"]
            labels = np.where(known, np.nan_to_num(gold).argmax(1), -1)
            targets["triplets"] = triplets(labels, rng or np.random.default_rng(0))
        return Batch(inputs, targets, [s.span for s in samples])

    def pictures(self, samples: Sequence[Sample], rng: np.random.Generator | None = None) -> dict[str, np.ndarray]:
        """`inputs` of some samples."""
        config = self.config
        heard = config.kind == "audio"
        out = np.zeros(
            (len(samples), *((1, MELS, config.frames) if heard else (3, config.size, config.size))), np.float32
        )
        there = np.zeros(len(samples), bool)
        for row, sample in enumerate(samples):
            kinds = ("audio", "video") if heard else ("image",)
            if sample.media is None or sample.media.kind not in kinds:
                continue
            there[row] = True
            out[row] = (
                mel_image(sample.wave(RATE), config.frames, rng) if heard else picture(sample.image(), config.size)
            )
        return {"picture": out, "there": there}


def picture(image: np.ndarray, size: int) -> np.ndarray:
    """An RGB picture (h, w, 3) uint8 as (3, size, size) float32 in [0, 1]."""
    import cv2

    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA).transpose(2, 0, 1).astype(np.float32) / 255


class M2FNetExtractor(System):
    """One vector of a sound or a picture, such that those of one emotion are near each other (section 3.2).

    A ResNet-18 and one linear layer. It gives no readings: its vectors are what `M2FNet` reads, which takes it as a
    part by name (`audio`), with weights by a recipe's `init`.

    Args:
        config: Sizes and weights.
    """

    Config = M2FNetExtractorConfig
    modality = "dialogue"

    def __init__(self, config: M2FNetExtractorConfig) -> None:
        super().__init__(config)
        self.encoder = ResNet(width=config.channels)
        self.projector = nn.Linear(self.encoder.features, config.width)
        self.collate: PictureCollate = PictureCollate(config)

    def forward(self, picture: Tensor, there: Tensor) -> dict[str, Tensor]:
        """`embedding` (n, width), NaN where there is nothing, from what `PictureCollate` makes."""
        z = self.projector(self.encoder(picture.expand(-1, 3, -1, -1)))
        return {"embedding": z.masked_fill(~there[:, None], float("nan"))}

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """20 · triplets + 5 · covariance + 1 · variance, the latter two summed over the three roles."""
        config, z = self.config, outputs["embedding"]
        chosen = batch.targets.get("triplets")
        if chosen is None:
            raise ConfigError(
                f"the batch has no gold on {config.labels!r}", remedy="check labels and data of the recipe"
            )
        if len(chosen) < 2:  # no spread to speak of
            return {"triplet": z.nan_to_num(0.0).sum() * 0}
        roles = [z[rows] for rows in chosen.T]
        near = [F.normalize(role, dim=1) for role in roles] if config.normalised else roles
        alike = triplet_loss(*near, scale=config.scale, detach=config.detach_margin, hinge=config.hinge).mean()
        weights = config.weights
        return {
            "triplet": weights[0] * alike,
            "covariance": weights[1] * torch.stack([covariance_loss(role) for role in roles]).sum(),
            "variance": weights[2] * torch.stack([variance_loss(role) for role in roles]).sum(),
        }

    @torch.no_grad()
    def vectors(self, images: Iterable[np.ndarray]) -> np.ndarray:
        """Embeddings (n, width) of RGB pictures (h, w, 3) uint8."""
        given = np.stack([picture(image, self.config.size) for image in images])
        there = torch.ones(len(given), dtype=torch.bool)
        return self.eval()(torch.from_numpy(given), there)["embedding"].numpy()


def pool_faces(vectors: Sequence[np.ndarray], areas: Sequence[np.ndarray]) -> np.ndarray:
    """Faces of some frames as one vector: in each frame their mean by area, then the highest over frames.

    Args:
        vectors: Of each frame (faces, f).
        areas: Of each frame (faces,), in any unit; frames without faces do not count.

    Returns:
        (f,) float32; NaN if no frame has a face.
    """
    frames = [np.average(v, axis=0, weights=a) for v, a in zip(vectors, areas, strict=True) if len(a)]
    if not frames:
        return np.full(vectors[0].shape[1] if len(vectors) else 0, np.nan, np.float32)
    return np.max(frames, axis=0).astype(np.float32)


Box = tuple[int, int, int, int]


def visual_feature(
    frames: Sequence[np.ndarray],
    faces: Callable[[np.ndarray], Sequence[Box]],
    scene: M2FNetExtractor,
    face: M2FNetExtractor,
) -> np.ndarray:
    """What `M2FNet` reads as `visual`: [scene; faces] of successive frames, 15 in the paper.

    Args:
        frames: Pictures (h, w, 3) uint8.
        faces: Detector: picture → boxes (left, top, right, bottom) in pixels, within the picture; MTCNN in the paper.
        scene: Extractor of whole frames, highest value over frames.
        face: Extractor of faces, pooled by `pool_faces`; zeros where no frame shows one.

    Returns:
        (width of scene + width of face,) float32.
    """
    boxes = [list(faces(frame)) for frame in frames]
    areas = [np.array([(r - x) * (b - y) for x, y, r, b in found], float) for found in boxes]
    cut = [[frame[y:b, x:r] for x, y, r, b in found] for frame, found in zip(frames, boxes, strict=True)]
    empty = np.zeros((0, face.config.width), np.float32)
    pooled = pool_faces([face.vectors(crops) if crops else empty for crops in cut], areas)
    return np.concatenate([scene.vectors(frames).max(0), np.nan_to_num(pooled)])


# -- stage 2: the dialogue ---------------------------------------------------------------------------------------------
class Encoder(nn.Module):
    """Transformers over the turns, each with a skip around it, x ← x + Tr(x), then a projection (section 3.3).

    Args:
        width: Features of the modality.
        config: Sizes.
    """

    def __init__(self, width: int, config: M2FNetConfig) -> None:
        super().__init__()
        self.transformers = nn.ModuleList(
            Transformer(
                *(
                    TransformerLayer(width, config.heads, config.inner, dropout=config.dropout)
                    for _ in range(config.layers)
                ),
                norm=nn.LayerNorm(width),
            )
            for _ in range(config.encoders)
        )
        self.projection = nn.Linear(width, config.width)

    def forward(self, x: Tensor, valid: Tensor, mask: Tensor | None) -> Tensor:
        """Turns (b, l, width of the fusion), zeros where there is none.

        Args:
            x: (b, l, width).
            valid: (b, l) bool, True where a turn has this modality.
            mask: Which turns see which, as in `Attention`, or None.
        """
        there = valid[..., None].to(x.dtype)
        for transformer in self.transformers:
            x = x + there * transformer(x, valid=valid, mask=mask)
        return there * self.projection(x)


class FusionLayer(nn.Module):
    """Attention with queries and values of the leading modality and keys of another (section 3.3.1).

    t ← FC([MHA(t, F_A, t); MHA(t, F_V, t); t]), where MHA takes query, key and value in this order.

    Args:
        keys: Other modalities.
        config: Sizes.
    """

    def __init__(self, keys: Sequence[str], config: M2FNetConfig) -> None:
        super().__init__()
        self.attention = nn.ModuleDict(
            {name: Attention(config.width, config.heads, dropout=config.dropout) for name in keys}
        )
        self.linear = nn.Linear(config.width * (1 + len(keys)), config.width)
        self.bend = nn.ReLU() if config.bend else nn.Identity()

    def forward(
        self, t: Tensor, keys: Mapping[str, Tensor], valid: Mapping[str, Tensor], mask: Tensor | None
    ) -> Tensor:
        """The leading modality enriched, (b, l, width).

        Args:
            t: (b, l, width) of the leading modality.
            keys: Modality → (b, l, width).
            valid: Modality → (b, l) bool, True where both it and the leading one are.
            mask: As in `Encoder`.
        """
        found = [layer(t, keys[name], t, valid=valid[name], mask=mask) for name, layer in self.attention.items()]
        return self.bend(self.linear(self.bend(torch.cat([*found, t], -1))))


class _Classifier(nn.Module):
    """Linear, ReLU, dropout, linear; without hidden features dropout and one linear map. One output a label."""

    def __init__(self, width: int, hidden: int, targets: Sequence[Target], dropout: float) -> None:
        super().__init__()
        self.sizes = {t.scale: len(scale(t.scale)) for t in targets}
        if not self.sizes:
            raise ConfigError("there are no targets", remedy="name at least one scale in config.targets")
        before = (nn.Linear(width, hidden), nn.ReLU()) if hidden else ()
        self.layers = nn.Sequential(*before, nn.Dropout(dropout), nn.Linear(hidden or width, sum(self.sizes.values())))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Logits, scale name → (n, k), from features (n, width)."""
        return dict(zip(self.sizes, self.layers(x).split(list(self.sizes.values()), -1), strict=True))


@dataclass(frozen=True)
class DialogueCollate:
    """Makes batches of whole dialogues: one row a turn, and where each row stands in its dialogue.

    `inputs`: those of `ContextCollate` if there is one; each ready-made modality → (turns, width), NaN where a turn has
    none; `place` (dialogues, turns of the longest) int64, the row of each turn, −1 after the last; `slot` (turns,), the
    place of each row in `place` laid flat. `notes` are (text, flags) of each turn; a turn without any modality is
    `empty`.

    Args:
        targets: Scales whose gold is collected.
        widths: Ready-made modalities.
        texts: Makes tokens, or None.
        sounds: Makes pictures of sounds, `picture` and `there`, or None.
    """

    targets: tuple[Target, ...]
    widths: tuple[tuple[str, int], ...]
    texts: ContextCollate | None = None
    sounds: PictureCollate | None = None

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate dialogues; a sample is a dialogue of one turn."""
        samples = flatten(items)
        inputs: dict[str, np.ndarray] = {}
        notes: list[tuple[str, tuple[str, ...]]] = [(s.text or "", ("empty",)) for s in samples]
        if self.texts is not None:
            inputs, notes = self.texts.rows(items)
        inputs |= {name: given_features(samples, name, width) for name, width in self.widths}
        known = [~np.isnan(inputs[name]).any(1) for name, _ in self.widths]
        if self.sounds is not None:
            inputs |= self.sounds.pictures(samples, rng)
            known.append(inputs["there"])
        for row in np.flatnonzero(np.logical_or.reduce(known)) if known else ():
            text, flags = notes[row]
            notes[row] = (text, tuple(flag for flag in flags if flag != "empty"))
        lengths = [len(item.turns) if isinstance(item, Dialogue) else 1 for item in items]
        place = np.full((len(lengths), max(lengths, default=0)), -1, np.int64)
        there = np.arange(place.shape[1]) < np.array(lengths)[:, None]
        place[there] = np.arange(len(samples))
        inputs |= {"place": place, "slot": np.flatnonzero(there)}
        gold = {t.scale: gold_rows(samples, t.scale, t.perspective) for t in self.targets}
        return Batch(inputs, {k: v for k, v in gold.items() if v is not None}, [s.span for s in samples], notes)


class M2FNet(_ReadsText):
    """Reads all turns of a dialogue at once: encoders of each modality, fusion, classifier.

    A modality may be missing for some turns, or for all: it gives no keys there and zeros to the classifier.

    Args:
        config: Sizes and names.
    """

    Config = M2FNetConfig
    modality = "dialogue"
    default_run: ClassVar[dict[str, Any]] = {
        "epochs": 30,
        "batch": 16,
        "select": "best",
        "optim": [{"match": "backbone.*", "lr": 1e-5, "weight_decay": 0.01}, {"lr": 5e-4, "weight_decay": 5e-4}],
    }

    def __init__(self, config: M2FNetConfig, audio: M2FNetExtractor | None = None) -> None:
        super().__init__(config)
        if bool(config.audio) != (audio is not None) or (config.audio and "audio" in config.widths):
            raise ConfigError(f"audio is {config.audio!r}", allowed="a system as part, or else a width in widths")
        self.audio = audio
        reads = bool(config.backbone)
        if reads and "text" in config.widths:
            raise ConfigError("there are both a backbone and a width of text", allowed="one of the two")
        if reads and config.past and config.after:
            raise ConfigError(f"past is true and after is {config.after}", allowed="after: 0, which reads no future")
        texts = self._open(config) if reads else None
        widths = dict(config.widths) | ({"text": self.backbone.config.hidden_size} if reads else {})
        widths |= {"audio": audio.config.width} if audio is not None else {}
        self.names = tuple(name for name in MODALITIES if name in widths)
        if not self.names:
            raise ConfigError("there is no modality", allowed="a backbone, or widths of text, audio or visual")
        self.lead, *self.keys = self.names
        self.encoders = nn.ModuleDict({name: Encoder(widths[name], config) for name in self.names})
        self.fusions = nn.ModuleList(FusionLayer(self.keys, config) for _ in range(config.fusions if self.keys else 0))
        self.classifier = _Classifier(config.width * len(self.names), config.hidden, config.targets, config.dropout)
        sounds = audio.collate if audio is not None else None
        self.collate = DialogueCollate(config.targets, tuple(config.widths.items()), texts, sounds)

    def forward(
        self,
        place: Tensor,
        slot: Tensor,
        ids: Tensor | None = None,
        valid: Tensor | None = None,
        content: Tensor | None = None,
        text: Tensor | None = None,
        audio: Tensor | None = None,
        visual: Tensor | None = None,
        picture: Tensor | None = None,
        there: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Logits of each turn, scale name → (turns, k), from what `DialogueCollate` makes."""
        given = {"text": text, "audio": audio, "visual": visual}
        if ids is not None and valid is not None and content is not None:
            given["text"] = self.pooled(ids, valid, content)
        if self.audio is not None and picture is not None and there is not None:
            given["audio"] = self.audio(picture, there)["embedding"]
        return self._read({name: x for name in self.names if (x := given[name]) is not None}, place, slot)

    def encode(self, slot: Tensor, place: Tensor, **given: Tensor) -> dict[str, Tensor]:
        """Each modality (turns, width), and `start` (turns,), 1 where a dialogue starts: all that the head needs."""
        out = {name: given[name] for name in self.names if name in given}
        if "ids" in given:
            out["text"] = self.pooled(given["ids"], given["valid"], given["content"])
        if self.audio is not None:
            out["audio"] = self.audio(given["picture"], given["there"])["embedding"]
        return out | {"start": (slot % place.shape[1] == 0).to(next(iter(out.values())).dtype)}

    def head(self, start: Tensor, **streams: Tensor) -> dict[str, Tensor]:
        """Logits as of `forward` from what `encode` gives."""
        dialogue = start.long().cumsum(0) - 1
        rows = torch.arange(len(start), device=start.device)
        within = rows - start.nonzero()[:, 0][dialogue]
        place = rows.new_full((int(start.sum()), int(within.max()) + 1), -1)
        place[dialogue, within] = rows
        return self._read(streams, place, dialogue * place.shape[1] + within)

    def _read(self, streams: Mapping[str, Tensor], place: Tensor, slot: Tensor) -> dict[str, Tensor]:
        turn = place >= 0
        mask = None
        if self.config.past:
            mask = torch.ones(place.shape[1], place.shape[1], dtype=torch.bool, device=place.device).tril()
        states: dict[str, Tensor] = {}
        there: dict[str, Tensor] = {}
        for name in self.names:
            x = streams[name][place.clamp(min=0)]
            there[name] = turn & ~x[..., 0].isnan()
            x = x.nan_to_num(0.0) * there[name][..., None]
            states[name] = self.encoders[name](x, there[name], mask)
        t = states[self.lead]
        keys = {name: states[name] for name in self.keys}
        both = {name: there[name] & there[self.lead] for name in self.keys}
        for layer in self.fusions:
            t = layer(t, keys, both, mask) * turn[..., None]
        return self.classifier(torch.cat([*keys.values(), t], -1).flatten(0, 1)[slot])


CARD = Card(
    system="m2fnet",
    cls="M2FNet",
    roles=("reader",),
    modalities=("dialogue",),
    unit="turn",
    title="Turns of a dialogue from text, voice and face, fused by attention with swapped keys",
    paper="Chudasama et al. 2022, M2FNet, CVPR workshops, arXiv:2206.02187",
    licence="code Apache-2.0; no weights were published",
    proof="equations",
    limits="That voice or face tells more than text alone is not shown here on real recordings.",
    ablation={"fusions": 0},
    ablated="The modalities are not fused: the classifier sees them side by side.",
    task="affectus.testing.tasks.asked_by_tag:asked_by_tag",
)

VARIANTS = {
    "tiny": M2FNetConfig(
        backbone="tiny:bert", pooling="mean", max_length=64, width=16, heads=2, inner=32, hidden=16, fusions=2,
        bend=True, dropout=0.0,
    ),
    "tiny-text": M2FNetTextConfig(backbone="tiny:bert", pooling="mean", max_length=64, dropout=0.0),
    "base": M2FNetConfig(widths={"text": 1024, "audio": 300, "visual": 600}),
    "iemocap": M2FNetConfig(
        targets=(Target("iemocap-6", "perceived"),),
        widths={"text": 1024, "audio": 300, "visual": 600},
        encoders=5,
        dropout=0.5,
    ),
    "text": M2FNetTextConfig(),
    "audio": M2FNetExtractorConfig(),
    "visual": M2FNetExtractorConfig(kind="visual"),
    "tiny-audio": M2FNetExtractorConfig(width=8, channels=4, frames=100),
    "tiny-visual": M2FNetExtractorConfig(kind="visual", width=8, channels=4, size=32),
    "minilm": M2FNetConfig(
        backbone=Backbone(name="asset:minilm-l6", train=False), before=0, after=0, pooling="mean", max_length=128,
        width=384, inner=768, hidden=384, dropout=0.5,
    ),
}  # fmt: skip
