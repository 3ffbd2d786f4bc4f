"""Dawn-SER: arousal, dominance and valence of a voice by a pruned, fine-tuned wav2vec 2.0.

Wagner, Triantafyllopoulos, Wierstorf, Schmitt, Burkhardt, Eyben, Schuller (2023), Dawn of the transformer era in speech
emotion recognition: closing the valence gap, IEEE TPAMI 45(9), arXiv:2203.07378. Released weights: audEERING's
wav2vec2-large-robust-12-ft-emotion-msp-dim (CC BY-NC-SA 4.0); no training code was published.

Verified: names and shapes of the released tensors; features, states, pooled vector, scores, CCC and loss of a small
network with the same code path. Not verified: the figures of the paper (MSP-Podcast needs an academic licence), and the
values that the paper leaves to the defaults of its trainer.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from affectus import backbones
from affectus.backbones.sound import Shape, Share, freeze, random_encoder, sound_encoder
from affectus.batch import Batch
from affectus.card import Card
from affectus.config import Config
from affectus.errors import CheckpointError, ConfigError
from affectus.frontends.hearing import LOUDNESS, RATE, Heard, gold_of, hear, placed, sound, trimmed
from affectus.frontends.speech.voices import listened
from affectus.frontends.streaming import Streams
from affectus.nn.heads import ClassificationHead
from affectus.nn.losses import concordance_loss, loss_on
from affectus.readout import read_out
from affectus.sample import Item, as_items, flatten
from affectus.system import System
from affectus.taxonomy import Target, map_scores, scale
from affectus.timeline import Timeline

SPACE = Target("arousal-dominance-valence", "perceived")
FRAME = 400  # samples that the convolutions need for one state; a shorter clip is filled with zeros and not scored
STEP = 320  # samples between two states
BEYOND = "beyond-scale"


@dataclass(frozen=True, kw_only=True)
class DawnSERConfig(Config):
    """Configuration of `DawnSER`; the defaults are those of the released model.

    Args:
        targets: What the head reads. Levels are trained by CCC, one-of scales by cross-entropy.
        backbone: Reference to a pretrained wav2vec 2.0, HuBERT, WavLM or Whisper: `asset:`, `hf:`, `tiny:` or a folder.
        shape: A wave encoder of these sizes with random weights instead.
        keep: Transformer layers of the backbone that are kept, from below; None keeps all.
        trained: Layers that are trained, from the top; those below, and with 0 the whole encoder, are stored by
            reference. None trains all but the convolutions and stores everything.
        mix: Pool a learned mixture of all layers' states (Yang et al. 2021, arXiv:2105.01051) instead of the last.
        pooling: `mean` of the states over time, or `moments`: mean and deviation.
        standardise: Bring pooled features to mean 0 and deviation 1 by their running statistics in training.
        dropout: Before each layer of the head.
        trim: Cut the silence around the sound, of which 100 ms are kept.
        checked: Ask the assets `silero-vad` and `whisper-tiny-en` whether anybody speaks, and several at once, before a
            recording is read; not in training.
        window: Longest stretch that the encoder hears at once, seconds; longer speech is cut evenly, without overlap,
            and pooled over all of it.
        mask_share: Share of the frames where a hidden stretch begins in training, times its length (SpecAugment).
        mask_length: Frames of such a stretch.
        mask_least: Stretches that are hidden at least.
        degraded: Share of training items that are put into random recording conditions.
        derived: Scales that `decode` computes from the first target.
    """

    targets: tuple[Target, ...] = (SPACE,)
    backbone: str = "hf:facebook/wav2vec2-large-robust"
    shape: Shape | None = None
    keep: Annotated[int, Field(ge=0)] | None = None
    trained: Annotated[int, Field(ge=0)] | None = None
    mix: bool = False
    pooling: Literal["mean", "moments"] = "mean"
    standardise: bool = False
    dropout: Share = 0.1
    trim: bool = False
    checked: bool = True
    window: Annotated[float, Field(ge=1, le=30)] = 30.0
    mask_share: Share = 0.05
    mask_length: Annotated[int, Field(ge=1)] = 10
    mask_least: Annotated[int, Field(ge=0)] = 2
    degraded: Annotated[float, Field(ge=0, le=1)] = 0.0
    derived: tuple[str, ...] = ()


@dataclass(frozen=True)
class DawnCollate:
    """Samples → normalised waves or mel bands. With `rng` frames are hidden and recording conditions drawn.

    `inputs`: `heard` (windows, t) float32 waves with mean 0 and population variance 1, or (windows, 80, t) log-mel,
    zero on the right of each; `lengths` (windows,) what is valid; `owner` (windows,) row that a window belongs to;
    `rows` (rows,) their numbers; with `rng` also `masked` (windows, frames) bool. `notes` is a list of `Heard`.

    Args:
        targets: Scales whose gold is collected.
        hears: `wave` or `mel`.
        trim: Whether silence around the sound is cut.
        checked: Whether it is asked for voices where nothing is drawn.
        window: Longest window in seconds.
        mask: Share, length and least number of hidden stretches; None hides none.
        degraded: Share of items in random recording conditions.
    """

    targets: tuple[Target, ...]
    hears: Literal["wave", "mel"]
    trim: bool
    checked: bool
    window: float
    mask: tuple[float, int, int] | None
    degraded: float

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate samples, or the turns of dialogues."""
        samples = flatten(items)
        windows: list[tuple[int, np.ndarray]] = []
        notes = []
        for row, sample in enumerate(samples):
            draw = rng if rng is not None and self.degraded and rng.random() < self.degraded else None
            wave, flags = hear(sample, draw)
            found = sound(wave)
            heard = Heard.of(sample, len(wave), found, flags, degraded=draw is not None)
            notes.append(listened(wave, found, heard) if self.checked and rng is None else heard)
            wave = trimmed(wave, found)[0] if self.trim else wave
            windows += [(row, part) for part in self._windows(normalised(wave))]
        longest = max((part.shape[-1] for _, part in windows), default=0)
        shape = windows[0][1].shape[:-1] if windows else ()
        padded = np.zeros((len(windows), *shape, longest), np.float32)
        for place, (_, part) in zip(padded, windows, strict=True):
            place[..., : part.shape[-1]] = part
        lengths = np.array([part.shape[-1] for _, part in windows], np.int64)
        inputs = {
            "heard": padded,
            "lengths": lengths,
            "owner": np.array([row for row, _ in windows], np.int64),
            "rows": np.arange(len(samples)),
        }
        if rng is not None and self.mask is not None:
            frames = (lengths - FRAME) // STEP + 1 if self.hears == "wave" else (lengths + 1) // 2
            inputs["masked"] = hidden_stretches(frames, *self.mask, rng)
        gold = {t.scale: gold_of(samples, t.scale) for t in self.targets}
        spans = [placed(sample.span, row) for sample, row in zip(samples, notes, strict=True)]
        return Batch(inputs, {name: rows for name, rows in gold.items() if rows is not None}, spans, notes)

    def _windows(self, wave: np.ndarray) -> list[np.ndarray]:
        parts = np.array_split(wave, -(-len(wave) // round(self.window * RATE)))
        return parts if self.hears == "wave" else [backbones.log_mel(part * np.float32(LOUDNESS)) for part in parts]


def normalised(wave: np.ndarray) -> np.ndarray:
    """The wave with mean 0 and population variance 1, as the released extractor does: (x − mean) / √(var + 1e-7).

    Clips of fewer than 400 samples are filled with zeros behind, after this, so that they have one frame.
    """
    if len(wave):
        wave = ((wave - wave.mean()) / np.sqrt(wave.var() + 1e-7)).astype(np.float32)
    return np.pad(wave, (0, max(0, FRAME - len(wave))))


def hidden_stretches(frames: np.ndarray, share: float, length: int, least: int, rng: np.random.Generator) -> np.ndarray:
    """Stretches of frames that are hidden in training (SpecAugment along time, Park et al. 2019, arXiv:1904.08779).

    As many as share · frames / length, with a random rounding, but at least `least`, and never more than fit side by
    side. Their beginnings differ; they may overlap.

    Args:
        frames: (b,) valid frames of each row.
        share: Of frames that would be hidden without overlaps.
        length: Frames of a stretch.
        least: Number of stretches.
        rng: Source of the draws.

    Returns:
        (b, most frames) bool.
    """
    hidden = np.zeros((len(frames), max(frames, default=0)), bool)
    for row, total in zip(hidden, frames, strict=True):
        count = min(max(int(share * total / length + rng.random()), least), int(total) // length)
        for start in rng.choice(int(total) - length + 1, count, replace=False) if count else ():
            row[start : start + length] = True
    return hidden


class Standard(nn.BatchNorm1d):
    """Features in deviations from their mean: of the batch in training, else of what was seen in training."""

    def __init__(self, width: int) -> None:
        super().__init__(width, affine=False)

    def forward(self, input: Tensor) -> Tensor:
        """Standardised features (b, f); one row alone has no deviation and is held against earlier batches."""
        if len(input) > 1:
            return super().forward(input)
        return nn.functional.batch_norm(input, self.running_mean, self.running_var, eps=self.eps)


class DawnSER(Streams, System):
    """Reads stretches of speech by one speaker: arousal, dominance, valence, or whatever the targets are.

    Args:
        config: Sizes and names.
    """

    Config = DawnSERConfig
    modality = "voice"
    default_run: ClassVar[dict[str, Any]] = {
        "batch": 32,
        "epochs": 5,
        "sampler": "length",
        "optim": [{"match": "*", "lr": 1e-4}],
        "schedule": {"shape": "constant", "warmup": 0.0},
        "select": "best",
    }

    def __init__(self, config: DawnSERConfig) -> None:
        super().__init__(config)
        if not config.targets:
            raise ConfigError("Dawn-SER has no targets", remedy="name at least one scale in config.targets")
        if config.shape is not None and (config.keep is not None or config.trained is not None):
            raise ConfigError("keep and trained are of pretrained encoders", remedy="set shape to null")
        encoder = random_encoder(config.shape) if config.shape else sound_encoder(config.backbone, keep=config.keep)
        freeze(encoder, config.trained)
        if config.mix and encoder.hears == "wave":
            encoder.net.config.layerdrop = 0.0  # a layer that is left out has no state to mix
        self.backbone = encoder
        width = encoder.width * (2 if config.pooling == "moments" else 1)
        if config.mix:
            self.mixture = nn.Parameter(torch.zeros(encoder.layers + 1))
        if config.standardise:
            self.standard = Standard(width)
        self.sizes = {t.scale: len(scale(t.scale)) for t in config.targets}
        self.classifier = ClassificationHead(width, sum(self.sizes.values()), config.dropout)
        mask = (config.mask_share, config.mask_length, config.mask_least)
        hides = config.trained != 0 and config.mask_share > 0
        self.collate = DawnCollate(
            config.targets,
            encoder.hears,
            config.trim,
            config.checked,
            config.window,
            mask if hides else None,
            config.degraded,
        )

    def train(self, mode: bool = True) -> Self:
        """As any module; an encoder that is not trained at all stays as it reads."""
        super().train(mode)
        if self.config.trained == 0:
            self.backbone.eval()
        return self

    def forward(
        self, heard: Tensor, lengths: Tensor, owner: Tensor, rows: Tensor, masked: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Scores of each row, before any calibration.

        Args:
            heard: (windows, t) float32 normalised waves, or (windows, 80, t) log-mel, zero on the right.
            lengths: (windows,) samples or mel frames that are valid.
            owner: (windows,) row that a window belongs to.
            rows: (rows,) numbers of the rows.
            masked: (windows, frames) bool, frames that are hidden from the layers.

        Returns:
            For each target its scale's name → (rows, k): unbounded levels, or logits.
        """
        return self.head(**self.encode(heard, lengths, owner, rows, masked))

    def encode(
        self, heard: Tensor, lengths: Tensor, owner: Tensor, rows: Tensor, masked: Tensor | None = None
    ) -> dict[str, Tensor]:
        """`mean` and, for moments, `square` (rows, layers, f): means over the valid frames of all windows of a row."""
        states, valid = self.backbone(heard, lengths, masked, every_layer=self.config.mix)
        weight = valid.to(states.dtype)
        count = torch.zeros(len(rows), device=states.device).index_add(0, owner, weight.sum(1))[:, None, None]

        def mean(values: Tensor) -> Tensor:
            total = torch.einsum("lwtf,wt->wlf", values, weight)
            empty = total.new_zeros(len(rows), total.shape[1], total.shape[2])
            return empty.index_add(0, owner, total) / count

        means = {"mean": mean(states)}
        return means | {"square": mean(states.square())} if self.config.pooling == "moments" else means

    def head(self, mean: Tensor, square: Tensor | None = None) -> dict[str, Tensor]:
        """Scores from what `encode` gives; result as `forward`."""
        scores = self.classifier(self.pooled(mean, square)).split(list(self.sizes.values()), 1)
        return dict(zip(self.sizes, scores, strict=True))

    def pooled(self, mean: Tensor, square: Tensor | None = None) -> Tensor:
        """The embedding (rows, f) of each row: all that the head sees."""
        found = [mean] if square is None else [mean, (square - mean.square()).clamp(min=1e-8).sqrt()]
        if self.config.mix:
            share = self.mixture.softmax(0)
            found = [torch.einsum("l,rlf->rf", share, part) for part in found]
        else:
            found = [part[:, -1] for part in found]
        features = torch.cat(found, 1)
        return self.standard(features) if self.config.standardise else features

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """For levels the mean over dimensions of 1 − CCC over the batch, for other scales cross-entropy."""
        terms = {}
        for name in self.sizes:
            if name in batch.targets:
                kind, gold = scale(name).kind, batch.targets[name]
                level = kind == "level"
                terms[name] = concordance_loss(outputs[name], gold) if level else loss_on(outputs[name], gold, kind)
        if not terms:
            raise ConfigError("the batch has gold for none of the targets", allowed=", ".join(self.sizes))
        return terms

    @torch.no_grad()
    def embed(self, items: Iterable[Item | str], batch_size: int = 16) -> np.ndarray:
        """Embeddings (samples, f) of all items in input order; NaN where nothing could be heard."""
        samples: list[Item] = [*flatten(as_items(items))]
        before = self.training
        self.eval()
        try:
            parts = [np.empty((0, self.classifier.dense.in_features), np.float32)]
            for at in range(0, len(samples), batch_size):
                batch = self.collate(samples[at : at + batch_size])
                found = self.pooled(**self.encode(**batch.to(self.device).inputs)).float().cpu().numpy()
                parts.append(_readable(found, batch))
        finally:
            self.train(before)
        return np.concatenate(parts)

    def logits(self, items: Iterable[Item | str], batch_size: int = 16) -> dict[str, np.ndarray]:
        """Uncalibrated scores, scale name → (samples, k), not cut to any range; NaN where nothing could be heard."""
        parts = [{k: _readable(v, batch) for k, v in outputs.items()} for outputs, batch in self.run(items, batch_size)]
        empty = {name: np.empty((0, k), np.float32) for name, k in self.sizes.items()}
        return {name: np.concatenate([part[name] for part in [empty, *parts]]) for name in self.sizes}

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Readings; silence and splinters have no scores, and nothing is decided where nobody speaks.

        The head is linear at its end, so a level may lie outside its scale: it is cut to the nearest end, and the row
        is flagged `beyond-scale`.
        """
        scores = {name: _readable(outputs[name], batch) for name in self.sizes}
        flags = [list(row.flags) for row in batch.notes]
        for readout in self.readouts:
            if readout.of.kind == "level":
                raw = scores[readout.scale]
                for i in np.flatnonzero(((raw < readout.of.low) | (raw > readout.of.high)).any(1)):
                    flags[i] += [BEYOND] if BEYOND not in flags[i] else []
        first = self.readouts[0]
        read = first.probabilities(scores[first.scale])
        return read_out(
            batch.spans,
            scores,
            self.readouts,
            by=self.name,
            modality="voice",
            derived={name: map_scores(read, first.scale, name) for name in self.config.derived},
            flags=flags,
        )


def _readable(values: np.ndarray, batch: Batch) -> np.ndarray:
    """The rows, NaN where nothing could be heard."""
    readable = np.array([row.readable for row in batch.notes], bool)
    return np.where(readable[:, None], values, np.nan)


def convert_official(path: Path) -> DawnSER:
    """The released model, or one of the same class, as ours; nothing is left random.

    Both spellings of the positional convolution's weight norm are read: `weight_g` and `weight_v`, as released, and
    `parametrizations.weight.original0` and `original1`.

    Args:
        path: Folder with `config.json` and `model.safetensors` or `pytorch_model.bin`.

    Raises:
        CheckpointError: If a file is missing or damaged, or names or shapes differ.
    """
    try:
        row = json.loads((path / "config.json").read_text(encoding="utf-8"))
        system = DawnSER(DawnSERConfig(shape=_shape(row), dropout=row.get("final_dropout", 0.1)))
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise CheckpointError(f"{str(path)!r} has no readable config.json of a released model ({error!r})") from None
    labels = [str(row.get("id2label", {}).get(str(i), "")) for i in range(3)]
    if any(labels) and tuple(labels) != scale(SPACE.scale).labels:
        raise CheckpointError(f"the file's labels are {labels}", allowed=", ".join(scale(SPACE.scale).labels))
    tensors = {ours(name): value for name, value in _tensors(path).items()}
    wanted = system.state_dict()
    if strange := sorted(set(tensors) ^ set(wanted)):
        raise CheckpointError(f"{str(path)!r} does not fit: {len(strange)} names differ, first {strange[0]!r}")
    try:
        system.load_state_dict(tensors)
    except RuntimeError as error:  # a shape differs
        raise CheckpointError(f"{str(path)!r}: {str(error).splitlines()[-1].strip()}") from None
    return system.eval()


def ours(name: str) -> str:
    """Our name of a published tensor."""
    spelled = name.replace("conv.weight_g", "conv.parametrizations.weight.original0")
    spelled = spelled.replace("conv.weight_v", "conv.parametrizations.weight.original1")
    return "backbone.net." + spelled.removeprefix("wav2vec2.") if spelled.startswith("wav2vec2.") else spelled


def _shape(row: Mapping[str, Any]) -> Shape:
    kernels = (list(row["conv_kernel"]), list(row["conv_stride"]), row["feat_extract_activation"], row["hidden_act"])
    if kernels != ([10, 3, 3, 3, 3, 2, 2], [5, 2, 2, 2, 2, 2, 2], "gelu", "gelu"):
        raise ValueError(f"convolutions and activations {kernels}")
    return Shape(
        kind=row["model_type"],
        channels=row["conv_dim"][0],
        width=row["hidden_size"],
        layers=row["num_hidden_layers"],
        heads=row["num_attention_heads"],
        inner=row["intermediate_size"],
        norm=row["feat_extract_norm"],
        stable=row["do_stable_layer_norm"],
        bias=row["conv_bias"],
        positions=row["num_conv_pos_embeddings"],
        groups=row["num_conv_pos_embedding_groups"],
        dropout=row["hidden_dropout"],
        layerdrop=row["layerdrop"],
    )


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


CARD = Card(
    system="dawn-ser",
    cls="DawnSER",
    roles=("reader",),
    modalities=("voice",),
    unit="span",
    title="Arousal, dominance and valence of a voice by a pruned, fine-tuned wav2vec 2.0",
    paper="Wagner et al. 2023, IEEE TPAMI 45(9), arXiv:2203.07378",
    licence="code Apache-2.0; published weights CC BY-NC-SA 4.0, never part of this library",
    proof="official code",
    limits="One speaker at a time; words leak into valence; what it learned from podcasts is not what is felt.",
    ablation={
        "shape": {
            "channels": 16,
            "width": 32,
            "layers": 0,
            "heads": 4,
            "inner": 64,
            "positions": 1,
            "groups": 4,
            "dropout": 0.0,
            "layerdrop": 0.0,
        },
    },
    ablated="No layers and no positional convolution: each frame is heard by itself, then averaged.",
    task="affectus.testing.tasks.rise_and_fall:rise_and_fall",
)

VARIANTS = {
    "tiny": DawnSERConfig(
        shape=Shape(
            channels=16, width=32, layers=2, heads=4, inner=64, positions=16, groups=4, dropout=0.0, layerdrop=0.0
        ),
        dropout=0.0,
        checked=False,
    ),
    "large-robust-12": DawnSERConfig(shape=Shape()),
    "large-robust": DawnSERConfig(shape=Shape(layers=24)),
    "base": DawnSERConfig(backbone="hf:facebook/wav2vec2-base"),
    "large": DawnSERConfig(backbone="hf:facebook/wav2vec2-large"),
    "large-voxpopuli": DawnSERConfig(backbone="hf:facebook/wav2vec2-large-100k-voxpopuli"),
    "large-xls-r": DawnSERConfig(backbone="hf:facebook/wav2vec2-xls-r-300m"),
    "hubert-base": DawnSERConfig(backbone="hf:facebook/hubert-base-ls960"),
    "hubert-large": DawnSERConfig(backbone="hf:facebook/hubert-large-ll60k"),
    "whisper-tiny": DawnSERConfig(
        targets=(Target("emodb-4", "intended"),),
        backbone="asset:whisper-tiny-en",
        trained=0,
        mix=True,
        standardise=True,
    ),
}
