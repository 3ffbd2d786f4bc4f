"""Voice head: moments of a frozen speech encoder's states and prosody under a logistic regression.

An own system. Mean and standard deviation of layer states over time are the usual summary of self-supervised speech
encoders for emotion (Pepino et al. 2021, arXiv:2104.03502, average layers; x-vectors pool both moments, Snyder et al.
2018); Whisper's encoder (Radford et al. 2022, arXiv:2212.04356) gives the states. Strange sound is recognised by its
distance to the training speech under probabilistic principal components (Tipping & Bishop 1999). Everything that is
learned is found in closed form or by a convex fit, so the weights follow from data and configuration alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from affectus import backbones
from affectus.affect import Evidence
from affectus.batch import Batch
from affectus.card import Card
from affectus.config import Config
from affectus.errors import CheckpointError, ConfigError, InputError
from affectus.frontends.hearing import RATE, Heard, gold_of, hear, placed, sound, trimmed
from affectus.frontends.prosody import DESCRIPTORS, prosody
from affectus.frontends.speech import overlap
from affectus.frontends.streaming import Streams
from affectus.nn.fitted import Fitted
from affectus.readout import read_out
from affectus.sample import Item, Sample, flatten
from affectus.system import System
from affectus.taxonomy import Target, map_scores, scale
from affectus.timeline import Timeline

FRAME = 320  # samples of one encoder state = 20 ms
SPAN = 0.5  # seconds of the strongest stretch that is shown as evidence
SHOWN = 3  # prosodic descriptors that are shown as evidence
_ABSENT = -30.0  # logit of a class that the training data lack


@dataclass(frozen=True, kw_only=True)
class VoiceHeadConfig(Config):
    """Configuration of `VoiceHead`.

    Args:
        targets: One scale of kind one-of.
        backbone: Reference to a Whisper model: `asset:`, `hf:`, `tiny:` or a folder.
        backbone_hash: Hash of the encoder's weights that the head was fitted on; empty before the fit.
        layers: Whose states are pooled: 0 is the input of the first layer, the last is the encoder's output.
        prosody: Whether prosodic descriptors are features too; they are shown in any case.
        strength: C of the logistic regression, the inverse of the L2 penalty on standardised features.
        components: Principal components of the distance to the training speech.
        window: Longest stretch that the encoder sees at once, seconds; longer speech is cut evenly, without overlap.
        derived: Scales that `decode` maps the first target to.
    """

    backbone: str = "asset:whisper-tiny-en"
    backbone_hash: str = ""
    layers: tuple[int, ...] = (2, 3)
    prosody: bool = False
    strength: Annotated[float, Field(gt=0)] = 0.3
    components: Annotated[int, Field(ge=1)] = 60
    window: Annotated[float, Field(ge=1, le=30)] = 10.0
    derived: tuple[str, ...] = ()


@dataclass(frozen=True)
class VoiceCollate:
    """Samples → mel windows and prosody. With `rng` the waves are put into random recording conditions first.

    `inputs`: `mel` (windows, 80, frames) float32, padded; `lengths` (windows,) valid frames; `owner` (windows,) row
    that a window belongs to; `prosody` (rows, 20) float32 with NaN where undefined. `notes` is a list of `Heard`.

    Args:
        targets: Scales whose gold is collected.
        window: Longest window in seconds.
    """

    targets: tuple[Target, ...]
    window: float

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate samples, or the turns of dialogues."""
        samples = flatten(items)
        rows = [self._hear(sample, rng) for sample in samples]
        windows = [(row, part) for row, (mel, _, _) in enumerate(rows) for part in self._windows(mel)]
        longest = max((part.shape[1] for _, part in windows), default=0)
        mel = np.zeros((len(windows), backbones.mel.WHISPER_MELS, longest), np.float32)
        for i, (_, part) in enumerate(windows):
            mel[i, :, : part.shape[1]] = part
        inputs = {
            "mel": mel,
            "lengths": np.array([part.shape[1] for _, part in windows], np.int64),
            "owner": np.array([row for row, _ in windows], np.int64),
            "prosody": np.stack([values for _, values, _ in rows]),
        }
        notes = [row for _, _, row in rows]
        gold = {t.scale: gold_of(samples, t.scale) for t in self.targets}
        return Batch(
            inputs,
            {name: rows for name, rows in gold.items() if rows is not None},
            [placed(sample.span, row) for sample, row in zip(samples, notes, strict=True)],
            notes,
        )

    def _windows(self, mel: np.ndarray) -> list[np.ndarray]:
        count = -(-mel.shape[1] // round(self.window * backbones.mel.FRAMES_PER_SECOND))
        return np.array_split(mel, count, axis=1)

    def _hear(self, sample: Sample, rng: np.random.Generator | None) -> tuple[np.ndarray, np.ndarray, Heard]:
        wave, flags = hear(sample, rng)
        found = sound(wave)
        cut, first = trimmed(wave, found)
        row = Heard.of(sample, len(wave), found, flags, lead=first / RATE, degraded=rng is not None)
        return backbones.log_mel(cut), prosody(cut), row


class HeldOut(NamedTuple):
    """Outputs for training items whose speaker was left out of the fit, to calibrate on.

    Args:
        outputs: As of `forward`: the scale's name → (n, k) logits, `distance` → (n,).
        targets: Scale name → (n, k) gold.
    """

    outputs: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]


class VoiceHead(Streams, System):
    """Reads stretches of speech by one speaker: which of a few acted emotions the voice was meant to show.

    Args:
        config: Sizes and names.
    """

    Config = VoiceHeadConfig
    modality = "voice"
    default_run: ClassVar[dict[str, Any]] = {"method": "fit", "epochs": 2, "batch": 16, "splits": {"train": "all"}}

    def __init__(self, config: VoiceHeadConfig) -> None:
        super().__init__(config)
        if len(config.targets) != 1 or scale(config.targets[0].scale).kind != "one-of":
            raise ConfigError(f"targets are {config.targets!r}", allowed="one target on a scale of kind one-of")
        self.backbone = backbones.speech_encoder(config.backbone).requires_grad_(False)
        if config.backbone_hash and config.backbone_hash != backbones.weight_hash(self.backbone):
            raise CheckpointError(
                f"the weights of {config.backbone!r} are not those that this head was fitted on",
                remedy="affectus assets verify",
            )
        if not config.layers or not all(0 <= layer <= self.backbone.layers for layer in config.layers):
            raise ConfigError(f"layers are {config.layers}", allowed=f"at least one of 0 to {self.backbone.layers}")
        k = len(scale(config.targets[0].scale))
        pooled = 2 * len(config.layers) * self.backbone.width
        used = pooled + (len(DESCRIPTORS) if config.prosody else 0)
        self.standard = Fitted(mean=torch.zeros(pooled), deviation=torch.ones(pooled))
        self.descriptors = Fitted(mean=torch.zeros(len(DESCRIPTORS)), deviation=torch.ones(len(DESCRIPTORS)))
        self.head_weights = Fitted(weight=torch.randn(k, used) / used**0.5, bias=torch.zeros(k))
        self.familiar = Fitted(axes=torch.zeros(1, pooled), variance=torch.ones(1), rest=torch.ones(1))
        known = config.backbone == overlap.ENCODER and overlap.LAYER in config.layers
        self.several = torch.nn.Buffer(self._several() if known else torch.zeros(0), persistent=False)
        self.collate = VoiceCollate(config.targets, config.window)

    def _several(self) -> Tensor:
        """Weight for the pooled moments, and bias, of what tells several speakers from one."""
        found = overlap.overlap()
        return torch.tensor([*found.within(self.config.layers), found.bias])

    # -- reading -----------------------------------------------------------------------------------------------------
    def forward(self, mel: Tensor, lengths: Tensor, owner: Tensor, prosody: Tensor) -> dict[str, Tensor]:
        """Logits, distance to the training speech, and what each frame adds to the logits.

        Args:
            mel: (windows, 80, frames) float32 log-mel, padded.
            lengths: (windows,) valid frames.
            owner: (windows,) row that a window belongs to; all windows of a row are neighbours.
            prosody: (rows, 20) float32, NaN where undefined.

        Returns:
            The scale's name → (rows, k); `distance` (rows,), about 1 on training speech; `frames`
            (windows, states, k), the part of the logits that is a sum over frames; `deviation` (rows, 20), prosody in
            standard deviations from the training mean; `prosody` (rows, 20, k), what each descriptor adds; `several`
            (rows,), above 0 where several people speak at once, with the encoder for which that is known.
        """
        return self.head(**self.encode(mel, lengths, owner, prosody))

    def encode(self, mel: Tensor, lengths: Tensor, owner: Tensor, prosody: Tensor) -> dict[str, Tensor]:
        """Features that do not depend on the fit: `pooled`, `prosody`, `states` and what belongs to them.

        Every window goes through the encoder by itself, without padding: a batch is then exactly its members, and on
        a processor it costs no more.
        """
        layers, width = len(self.config.layers), self.backbone.width
        sums = mel.new_zeros((2, len(prosody), layers, width), dtype=torch.float64)
        counts = mel.new_zeros(len(prosody), dtype=torch.float64)
        if torch.compiler.is_exporting():  # a graph has no loop over windows: all at once, with masks
            states, added = self._together(mel, lengths)
            sums = sums.index_add(1, owner, torch.stack([states.double().sum(2), states.double().square().sum(2)]))
            counts = counts.index_add(0, owner, added)
        else:
            longest = int((lengths.max().item() + 1) // 2) if len(lengths) else 0
            states = mel.new_zeros((len(mel), layers, longest, width))
            for i, row in enumerate(owner.tolist()):
                found = self._states(mel[i : i + 1, :, : int(lengths[i])])[:, 0]
                states[i, :, : found.shape[1]] = found
                sums[0, row] += found.double().sum(1)
                sums[1, row] += found.double().square().sum(1)
                counts[row] += found.shape[1]
        mean, square = sums / counts.clamp(min=1)[:, None, None]
        deviation = (square - mean.square()).clamp(min=0).sqrt()
        pooled = torch.stack([mean, deviation], 2).flatten(1).float()  # (rows, layers · 2 · width)
        return {"pooled": pooled, "prosody": prosody, "states": states, "counts": counts.float(), "owner": owner}

    def _together(self, mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """States (windows, layers, t, width), zero beyond each window's end, and the number of them (windows,)."""
        valid = torch.arange(mel.shape[2], device=mel.device) < lengths[:, None]
        return self._states(mel, valid).transpose(0, 1), ((lengths + 1) // 2).double()

    def _states(self, mel: Tensor, valid: Tensor | None = None) -> Tensor:
        """States (layers, windows, t, width) of the layers that are pooled; those above them are not computed."""
        return self.backbone(mel, valid, upto=max(self.config.layers))[list(self.config.layers)]

    def head(self, pooled: Tensor, prosody: Tensor, states: Tensor, counts: Tensor, owner: Tensor) -> dict[str, Tensor]:
        """Outputs from what `encode` gives."""
        z, deviation = self._standardised(pooled, prosody)
        used = torch.cat([z, deviation], 1) if self.config.prosody else z
        weight, k = self.head_weights.weight, len(self.head_weights.bias)
        layers, width = states.shape[1], states.shape[3]
        # Only means are sums over frames: (state − mean) / deviation · weight / number of frames.
        shape = (layers, 2, width)
        centre, spread = (part.reshape(shape)[:, 0] for part in (self.standard.mean, self.standard.deviation))
        share = weight[:, : pooled.shape[1]].reshape(k, *shape)[:, :, 0]
        frames = torch.einsum("nltw,klw->ntk", (states - centre[:, None]) / spread[:, None], share)
        of_prosody = weight[:, pooled.shape[1] :] if self.config.prosody else weight.new_zeros(k, len(DESCRIPTORS))
        out = {
            self.config.targets[0].scale: used @ weight.T + self.head_weights.bias,
            "distance": self._distance(z),
            "frames": frames / counts[owner].clamp(min=1)[:, None, None],
            "deviation": deviation,
            "prosody": deviation[:, :, None] * of_prosody.T,
        }
        if len(self.several):
            out["several"] = pooled @ self.several[:-1] + self.several[-1]
        return out

    def _standardised(self, pooled: Tensor, prosody: Tensor) -> tuple[Tensor, Tensor]:
        z = (pooled - self.standard.mean) / self.standard.deviation
        deviation = (prosody - self.descriptors.mean) / self.descriptors.deviation
        return z, deviation.nan_to_num(0.0).clamp(-10, 10)  # an undefined descriptor says nothing

    def _distance(self, z: Tensor) -> Tensor:
        """Mean squared distance a feature under probabilistic principal components."""
        along = z @ self.familiar.axes.T
        rest = (z.square().sum(1) - along.square().sum(1)).clamp(min=0)
        return ((along.square() / self.familiar.variance).sum(1) + rest / self.familiar.rest) / z.shape[1]

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Readings with the half second and the prosody that moved them; silence and splinters have no scores."""
        readout, notes = self.readouts[0], batch.notes
        readable = np.array([heard.readable for heard in notes], bool)
        logits = np.where(readable[:, None], outputs[readout.scale], np.nan)
        scores = readout.probabilities(logits)
        derived = {name: map_scores(scores, readout.scale, name) for name in self.config.derived}
        slope = np.broadcast_to(np.asarray(readout.slope or 1.0), scores.shape[1])
        owner, lengths = np.asarray(batch.inputs["owner"]), np.asarray(batch.inputs["lengths"])
        evidence: list[list[Evidence]] = []
        for row, heard in enumerate(notes):
            if not readable[row]:
                evidence.append([])
                continue
            top = int(scores[row].argmax())
            parts = [outputs["frames"][i, : (lengths[i] + 1) // 2] for i in np.flatnonzero(owner == row)]
            found = [self._stretch(_contrast(np.concatenate(parts) * slope, top), heard)]
            added = _contrast(outputs["prosody"][row] * slope, top) if self.config.prosody else None
            evidence.append(found + self._descriptors(outputs["deviation"][row], added))
        return read_out(
            batch.spans,
            {readout.scale: logits},
            self.readouts,
            by=self.name,
            modality="voice",
            derived=derived,
            distance=np.where(readable, outputs["distance"], 0.0),
            evidence=evidence,
            flags=[
                [*heard.flags, *([overlap.FLAG] if several > 0 and overlap.asked(heard) else [])]
                for heard, several in zip(notes, outputs.get("several", np.zeros(len(notes))), strict=True)
            ],
        )

    @staticmethod
    def _stretch(added: np.ndarray, heard: Heard) -> Evidence:
        """The stretch of half a second whose frames add most to the log-odds of the top label."""
        size = min(len(added), round(SPAN * RATE / FRAME))
        running = np.concatenate([[0.0], np.cumsum(added)])
        total = running[size:] - running[:-size]
        at = int(total.argmax())
        start = heard.lead + at * FRAME / RATE
        end = min(start + size * FRAME / RATE, heard.seconds)
        return Evidence("span", heard.start + start, heard.start + end, weight=float(total[at]))

    @staticmethod
    def _descriptors(deviation: np.ndarray, added: np.ndarray | None) -> list[Evidence]:
        chosen = np.argsort(-np.abs(deviation), kind="stable")[:SHOWN]
        return [
            Evidence(
                "prosody",
                text=f"{DESCRIPTORS[i].name} {deviation[i]:+.1f} sd",
                weight=None if added is None else float(added[i]),
            )
            for i in chosen
            if deviation[i]
        ]

    # -- fitting -----------------------------------------------------------------------------------------------------
    def fit(self, batches: Iterable[Batch]) -> HeldOut | None:
        """Find the head and the region of familiar speech; nothing is drawn at random.

        Args:
            batches: From `collate`, all with gold. Unreadable rows are left out. Degraded copies of a sample count as
                further rows.

        Returns:
            Outputs of the rows that were not degraded, each from a fit without its speaker (the track of its span);
            None with fewer than three speakers.
        """
        return self.fit_features(self.features(batches))

    def fit_features(self, rows: Features) -> HeldOut | None:
        """As `fit`, from features that were computed before."""
        self.config = replace(self.config, backbone_hash=backbones.weight_hash(self.backbone))
        held = self._cross_fit(rows)
        self.learn(rows)
        return held

    @torch.no_grad()
    def features(self, batches: Iterable[Batch]) -> Features:
        """What `learn` needs of all readable rows.

        Raises:
            InputError: If there are no rows, or one has no gold.
        """
        name, parts = self.config.targets[0].scale, []
        for batch in batches:
            if name not in batch.targets:
                raise InputError(f"samples without gold on {name!r} can't be learned from")
            encoded = self.encode(**batch.to(self.device).inputs)
            keep = np.array([heard.readable for heard in batch.notes], bool)
            parts.append(
                Features(
                    encoded["pooled"].cpu().numpy()[keep],
                    encoded["prosody"].cpu().numpy()[keep],
                    np.asarray(batch.targets[name]).argmax(1)[keep],
                    np.array([str(span.track) for span in batch.spans])[keep],
                    np.array([heard.degraded for heard in batch.notes], bool)[keep],
                )
            )
        if not parts or not sum(len(part.label) for part in parts):
            raise InputError("there is nothing to learn from", remedy="check data and splits of the recipe")
        return Features(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def learn(self, rows: Features) -> None:
        """Fit all arrays on these rows."""
        deviation = rows.pooled.std(0)
        self.standard.set(mean=rows.pooled.mean(0), deviation=np.where(deviation > 1e-6, deviation, 1.0))
        mean, spread = _moments(rows.prosody)
        self.descriptors.set(mean=mean, deviation=spread)
        z, of_prosody = (part.numpy() for part in self._standardised(*self._tensors(rows)))
        used = np.concatenate([z, of_prosody], 1) if self.config.prosody else z
        weight, bias = logistic(used, rows.label, len(self.head_weights.bias), self.config.strength)
        self.head_weights.set(weight=weight, bias=bias)
        axes, variance, rest = principal(z, self.config.components)
        self.familiar.set(axes=axes, variance=variance, rest=np.array([rest]))

    @torch.no_grad()
    def answer(self, rows: Features) -> tuple[np.ndarray, np.ndarray]:
        """Logits (n, k) and distances (n,) of feature rows."""
        z, deviation = self._standardised(*self._tensors(rows))
        used = torch.cat([z, deviation], 1) if self.config.prosody else z
        logits = used @ self.head_weights.weight.T + self.head_weights.bias
        return logits.cpu().numpy(), self._distance(z).cpu().numpy()

    def _tensors(self, rows: Features) -> tuple[Tensor, Tensor]:
        return torch.as_tensor(rows.pooled, device=self.device), torch.as_tensor(rows.prosody, device=self.device)

    def _cross_fit(self, rows: Features) -> HeldOut | None:
        speakers = np.unique(rows.speaker)
        if len(speakers) < 3:
            return None
        logits, distance, gold = [], [], []
        for speaker in speakers:
            self.learn(rows.where(rows.speaker != speaker))
            left = rows.where((rows.speaker == speaker) & ~rows.degraded)
            found, far = self.answer(left)
            logits.append(found)
            distance.append(far)
            gold.append(np.eye(found.shape[1], dtype=np.float32)[left.label])
        name = self.config.targets[0].scale
        outputs = {name: np.concatenate(logits), "distance": np.concatenate(distance)}
        return HeldOut(outputs, {name: np.concatenate(gold)})

    # -- persistence -------------------------------------------------------------------------------------------------
    def owned(self) -> dict[str, Tensor]:
        """The fitted arrays; the frozen encoder is stored as its reference and hash."""
        return {k: v for k, v in self.state_dict().items() if not k.startswith("backbone.")}


class Features(NamedTuple):
    """Rows to learn from.

    Args:
        pooled: (n, layers · 2 · width) moments of the states.
        prosody: (n, 20), NaN where undefined.
        label: (n,) class numbers.
        speaker: (n,) names.
        degraded: (n,) bool, whether the row is a copy in random recording conditions.
    """

    pooled: np.ndarray
    prosody: np.ndarray
    label: np.ndarray
    speaker: np.ndarray
    degraded: np.ndarray

    def where(self, mask: np.ndarray) -> Features:
        """Some of the rows."""
        return Features(*(column[mask] for column in self))


def _contrast(added: np.ndarray, top: int) -> np.ndarray:
    """What is added to the top label's logit beyond the mean over labels, for (n, k) contributions."""
    return added[:, top] - added.mean(1)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each column over what is defined; 0 and 1 where nothing is."""
    known = ~np.isnan(values)
    count = np.maximum(known.sum(0), 1)
    mean = np.where(known, values, 0).sum(0) / count
    spread = np.sqrt(np.where(known, (values - mean) ** 2, 0).sum(0) / count)
    return mean, np.where(spread > 1e-6, spread, 1.0)


def logistic(
    x: np.ndarray, label: np.ndarray, k: int, strength: float, axes: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Multinomial logistic regression with L2 penalty, each class weighing the same.

    The rows span a small part of the many features and the penalty keeps the solution there, so it is found in
    coordinates of that part, exactly, at a fraction of the cost.

    Args:
        x: (n, f) standardised features.
        label: (n,) class numbers.
        k: Number of classes; one without rows gets a logit of −30.
        strength: scikit-learn's C.
        axes: What `row_space(x)` gives, if it is known already.

    Returns:
        Weight (k, f) and bias (k,).
    """
    from sklearn.linear_model import LogisticRegression

    present = np.unique(label)
    weight, bias = np.zeros((k, x.shape[1])), np.full(k, _ABSENT)
    if len(present) == 1:
        bias[present] = 0.0
        return weight, bias
    axes = row_space(x) if axes is None else axes
    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=5000, tol=1e-4).fit(x @ axes.T, label)
    found, offset = model.coef_ @ axes, model.intercept_
    if len(present) == 2:  # scikit-learn keeps one row
        found, offset = np.stack([-found[0], found[0]]) / 2, np.array([-offset[0], offset[0]]) / 2
    weight[present], bias[present] = found, offset
    return weight, bias


def row_space(x: np.ndarray) -> np.ndarray:
    """An orthonormal basis of what the rows span, (rank, f), from the small matrix of their inner products."""
    values, vectors = np.linalg.eigh((x @ x.T).astype(np.float64))
    kept = values > 1e-6 * values.max()
    return (vectors[:, kept] / np.sqrt(values[kept])).T @ x


def principal(z: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Probabilistic principal components of standardised rows.

    Returns:
        Axes (c, f), variance along each (c,), and the mean variance of the remaining directions.
    """
    values, vectors = np.linalg.eigh((z @ z.T).astype(np.float64))
    order = np.argsort(-values)[: int(min(components, max(1, (values > 1e-6 * values.max()).sum() - 1)))]
    axes, variance = (vectors[:, order] / np.sqrt(values[order])).T @ z, values[order] / len(z)
    rest = (values.sum() / len(z) - variance.sum()) / max(1, z.shape[1] - len(order))
    return axes, variance, max(float(rest), 1e-6)


CARD = Card(
    system="voice-head",
    cls="VoiceHead",
    roles=("reader",),
    modalities=("voice",),
    unit="span",
    title="Frozen speech encoder, mean and deviation of its states, prosody, logistic regression",
    paper="own system after Pepino et al. 2021 (arXiv:2104.03502) on Whisper's encoder (arXiv:2212.04356)",
    licence="code Apache-2.0; weights as on the checkpoint's card",
    proof="own system",
    limits="Reads one speaker at a time and how it was said, not what; classes and language are those of the corpus.",
)

VARIANTS = {
    "tiny": VoiceHeadConfig(
        targets=(Target("emodb-4", "intended"),), backbone="tiny:whisper", layers=(1, 2), components=4, strength=1.0
    ),
    "whisper-tiny": VoiceHeadConfig(targets=(Target("emodb-4", "intended"),), derived=("ekman-6+neutral",)),
}
