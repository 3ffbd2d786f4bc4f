"""Broad Mamba: state spaces over the turns of a dialogue, broad learning, modalities weighed by how sure they are.

Shou, Meng, Zhang, Yin and Li 2024, "Revisiting Multi-modal Emotion Learning with Broad State Space Models and
Probability-guidance Fusion", ECML PKDD 2025, arXiv:2404.17858. No code or weights were published, and the text at hand
was the abstract and summaries: faithful to the description; the formulas of the broad layer, of the fusion and of the
loss are partly ours (docs/systems/broad-mamba.md says which). Verified: scan and Mamba block against the public Mamba
code, convolution against recurrence, ridge regression and its widening against solving directly, the rest by
properties. Not verified: the figures of the paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

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
from affectus.frontends.context import ContextCollate
from affectus.frontends.tokens import gold_rows
from affectus.frontends.turns import given_features, odd_turns
from affectus.nn.broad_learning import BroadNodes, ridge, widened
from affectus.nn.by_length import states_by_length
from affectus.nn.dialogues import Padded, padded
from affectus.nn.fitted import Fitted
from affectus.nn.losses import loss_on
from affectus.nn.state_space import Bidirectional, Diagonal, Mamba
from affectus.readout import read_out
from affectus.sample import Dialogue, Item, conversations, flatten
from affectus.system import System
from affectus.taxonomy import Target, scale
from affectus.timeline import Timeline

Modality = Literal["text", "audio", "visual"]
MODALITIES: tuple[Modality, ...] = ("text", "audio", "visual")
MELD = (Target("meld-7", "perceived"),)
Share = Annotated[float, Field(ge=0, lt=1)]
Weight = Annotated[float, Field(ge=0)]
Above = Annotated[float, Field(gt=0)]
Size = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
LEAST = 1e-6  # probability that is left to a label by a regression that gives it none


@dataclass(frozen=True, kw_only=True)
class BroadRidgeConfig(Config):
    """Configuration of `BroadRidge`.

    Args:
        targets: One scale of kind one-of.
        widths: Ready-made features in `Sample.features`: modality → numbers; any subset of text, audio, visual.
        backbone: Reference to a frozen text encoder that reads the text, in place of a text feature; empty has none.
        max_length: Tokens of a turn that it reads.
        groups: Groups of feature nodes.
        nodes: Nodes of such a group.
        enhancements: Groups of enhancement nodes.
        enhanced: Nodes of such a group.
        bent: Whether feature nodes go through tanh.
        seed: Of the random nodes.
        penalty: λ of the ridge regression.
        sparse: Penalty of the sparse auto-encoder that refines the feature nodes; 0 leaves them random.
    """

    targets: tuple[Target, ...] = MELD
    widths: dict[Modality, Size] = field(default_factory=dict)
    backbone: str | Backbone = ""
    max_length: Annotated[int, Field(ge=8)] = 128
    groups: Size = 8
    nodes: Size = 16
    enhancements: Count = 8
    enhanced: Size = 16
    bent: bool = False
    seed: int = 0
    penalty: Above = 1.0
    sparse: Weight = 0.0


@dataclass(frozen=True, kw_only=True)
class BroadMambaConfig(Config):
    """Configuration of `BroadMamba`; the sizes are those of our reading of the paper.

    Args:
        targets: As in `BroadRidgeConfig`.
        widths: Likewise.
        backbone: Likewise.
        max_length: Likewise.
        width: Features of a turn in each modality, d.
        layers: Broad Mamba blocks of each modality.
        ssm: `selective`: Mamba; `lti`: a diagonal state space that is the same at all turns, by convolution; `none`:
            each turn is read alone.
        states: States of each channel.
        kernel: Turns that the convolution in a Mamba block sees.
        expand: Channels per feature in a Mamba block.
        context: `full`: both directions, as in the paper; `past`: each turn is read from what was said until then.
        speakers: People with an embedding of their own, in order of appearance; those after share the last one.
        broad: `gradient`: all nodes are trained; `ridge`: nodes are random and fixed, and the labels that guide the
            fusion come from a ridge regression (`fit`); `none`: no broad layer.
        groups: As in `BroadRidgeConfig`.
        nodes: Likewise.
        enhancements: Likewise.
        enhanced: Likewise.
        bent: Likewise.
        seed: Likewise.
        penalty: Likewise.
        fusion: `guided`: modalities weigh by their predicted labels; `concat`: they stand side by side.
        temperature: τ of the predicted labels.
        sharpness: T of the weights; the lower, the more the surest modality counts.
        guide_grad: Whether the weights pass gradients to the predicted labels.
        auxiliary: Weight of the loss of each modality's own labels.
        consistency: Weight of the divergence between the modalities' labels.
        dropout: Share of features dropped in training.
    """

    targets: tuple[Target, ...] = MELD
    widths: dict[Modality, Size] = field(default_factory=dict)
    backbone: str | Backbone = ""
    max_length: Annotated[int, Field(ge=8)] = 128
    width: Size = 128
    layers: Size = 1
    ssm: Literal["selective", "lti", "none"] = "selective"
    states: Size = 16
    kernel: Size = 4
    expand: Size = 2
    context: Literal["full", "past"] = "full"
    speakers: Size = 9
    broad: Literal["gradient", "ridge", "none"] = "gradient"
    groups: Size = 8
    nodes: Size = 16
    enhancements: Count = 8
    enhanced: Size = 16
    bent: bool = False
    seed: int = 0
    penalty: Above = 1.0
    fusion: Literal["guided", "concat"] = "guided"
    temperature: Above = 1.0
    sharpness: Above = 0.5
    guide_grad: bool = False
    auxiliary: Weight = 0.3
    consistency: Weight = 0.1
    dropout: Share = 0.3


@dataclass(frozen=True)
class BroadCollate:
    """Dialogues → turns one below the other; a sample by itself is a dialogue of one turn.

    `inputs`: `speaker` (turns,) int64 in order of appearance from 1 on, 0 where nobody is named; `opens` (turns,) bool,
    True at the first turn of each dialogue; each ready-made modality (turns, width), NaN where a turn has none; with an
    encoder `ids`, `valid` and `content` (turns, tokens). `notes` are (text, flags); a turn with nothing to read is
    `empty`.

    Args:
        targets: Scales whose gold is collected.
        widths: Ready-made modalities.
        texts: Makes tokens, or None.
    """

    targets: tuple[Target, ...]
    widths: tuple[tuple[str, int], ...]
    texts: ContextCollate | None

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate dialogues."""
        dialogues = [item.turns if isinstance(item, Dialogue) else (item,) for item in items]
        samples = flatten(items)
        speakers: list[int] = []
        odd: list[list[str]] = []
        for turns in dialogues:
            known: dict[str, int] = {}
            speakers += [known.setdefault(turn.track, len(known) + 1) if turn.track else 0 for turn in turns]
            odd += odd_turns(turns)
        inputs: dict[str, Any] = {
            "speaker": np.array(speakers, np.int64),
            "opens": np.array([i == 0 for turns in dialogues for i in range(len(turns))], bool),
        }
        notes: list[tuple[str, tuple[str, ...]]] = [(s.text or "", ("empty",)) for s in samples]
        if self.texts is not None:
            tokens, notes = self.texts.rows(items)
            inputs |= tokens
        inputs |= {name: given_features(samples, name, width) for name, width in self.widths}
        heard = np.zeros(len(samples), bool)
        for name, _ in self.widths:
            heard |= ~np.isnan(inputs[name]).any(1)
        told = [
            (text, (*(f for f in flags if f != "empty" or not there), *more))
            for (text, flags), there, more in zip(notes, heard, odd, strict=True)
        ]
        gold = {t.scale: gold_rows(samples, t.scale, t.perspective) for t in self.targets}
        return Batch(inputs, {k: v for k, v in gold.items() if v is not None}, [s.span for s in samples], told)


class _ReadsTurns(System):
    """What both systems share: a frozen text encoder, and readings of turns."""

    modality = "dialogue"

    def _open(self, config: BroadMambaConfig | BroadRidgeConfig) -> dict[str, int]:
        """Prepare encoder and collate; numbers of each modality."""
        if len(config.targets) != 1 or scale(config.targets[0].scale).kind != "one-of":
            raise ConfigError(f"targets are {config.targets!r}", allowed="one scale of kind one-of")
        if config.backbone and "text" in config.widths:
            raise ConfigError("there are both a backbone and a width of text", allowed="one of the two")
        if not config.backbone and not config.widths:
            raise ConfigError("there is no modality", allowed="a backbone, or widths of text, audio or visual")
        self.target = config.targets[0].scale
        self.labels = len(scale(self.target))
        self.backbone: Any = None
        found: dict[str, int] = dict(config.widths.items())
        if config.backbone:
            self.backbone = backbones.text_encoder(config.backbone)
            self.backbone.pooler = None
            found["text"] = self.backbone.config.hidden_size
        texts = ContextCollate(str(config.backbone), (), config.max_length, 0, 0) if config.backbone else None
        self.collate = BroadCollate(config.targets, tuple(config.widths.items()), texts)
        return {name: found[name] for name in MODALITIES if name in found}

    def encode(
        self,
        speaker: Tensor,
        opens: Tensor,
        ids: Tensor | None = None,
        valid: Tensor | None = None,
        content: Tensor | None = None,
        **given: Tensor,
    ) -> dict[str, Tensor]:
        """Each modality (turns, width), NaN where a turn has none, with `speaker` and `opens`, as in `BroadCollate`."""
        out = {"speaker": speaker, "opens": opens, **given}
        if ids is not None and valid is not None and content is not None:
            states = states_by_length(self.backbone, ids, valid)
            share = content.to(states.dtype) / content.sum(1, keepdim=True).clamp(min=1)
            mean = torch.einsum("nt,ntf->nf", share, states)
            out["text"] = mean.masked_fill(~content.any(1, keepdim=True), float("nan"))
        return out

    def run(self, items: Iterable[Item | str], batch_size: int = 16) -> Iterator[tuple[dict[str, np.ndarray], Batch]]:
        """As every system; neighbouring samples of one source are turns of one dialogue."""
        return super().run(conversations(items), batch_size)

    def logits(self, items: Iterable[Item | str], batch_size: int = 16) -> dict[str, np.ndarray]:
        """Uncalibrated outputs of each turn, scale name → (turns, k); NaN where nothing could be read."""
        parts = [self._said(outputs, batch) for outputs, batch in self.run(items, batch_size)]
        return {self.target: np.concatenate([np.empty((0, self.labels), np.float32), *parts])}

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Readings with calibrated scores; a turn with nothing to read has none and is flagged."""
        texts, flags = zip(*batch.notes, strict=True) if batch.notes else ((), ())
        said = {self.target: self._said(outputs, batch)}
        return read_out(batch.spans, said, self.readouts, by=self.name, modality=self.modality, text=texts, flags=flags)

    def _said(self, outputs: dict[str, np.ndarray], batch: Batch) -> np.ndarray:
        empty = np.array(["empty" in flags for _, flags in batch.notes], bool)[:, None]
        return np.where(empty, np.float32("nan"), outputs[self.target])


# -- the ridge regression alone ----------------------------------------------------------------------------------------
class BroadRidge(_ReadsTurns):
    """Broad learning by itself: each turn is classified by a ridge regression on random nodes of frozen features.

    Features are brought to mean 0 and deviation 1; a missing modality is at the mean. The outputs of the regression on
    one-hot labels estimate their probabilities: what is below 1e-6 is raised to it, and the rest divided by the sum.

    Args:
        config: Sizes and names.
    """

    Config = BroadRidgeConfig
    default_run: ClassVar[dict[str, Any]] = {"method": "fit", "epochs": 1}

    def __init__(self, config: BroadRidgeConfig) -> None:
        super().__init__(config)
        self.names = self._open(config)
        width = sum(self.names.values())
        self.nodes = BroadNodes(
            width, config.groups, config.nodes, config.enhancements, config.enhanced, bent=config.bent, fixed=True,
            seed=config.seed,
        )  # fmt: skip
        self.norm = Fitted(mean=torch.zeros(width), deviation=torch.ones(width))
        self.readout = Fitted(weights=torch.zeros(self.nodes.count, self.labels))

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        """Log probabilities (turns, k), scale name → them, from what `BroadCollate` makes."""
        return self.head(**self.encode(**inputs))

    def head(self, **given: Tensor) -> dict[str, Tensor]:
        """The same from what `encode` gives."""
        x = torch.cat([given[name] for name in self.names], -1)
        standard = ((x - self.norm.mean) / self.norm.deviation).nan_to_num(0.0)
        return {self.target: log_estimates(self.nodes(standard) @ self.readout.weights)}

    @torch.no_grad()
    def fit(self, batches: Iterable[Batch]) -> None:
        """Solve on all turns with gold: on the feature nodes, then widened by one enhancement group after the other."""
        self.eval()
        rows, gold = [], []
        for batch in batches:
            moved = batch.to(self.device)
            given = self.encode(**moved.inputs)
            rows.append(torch.cat([given[name] for name in self.names], -1))
            gold.append(_gold(moved, self.target))
        x, y = torch.cat(rows), torch.cat(gold)
        known = ~y.isnan().any(1)
        x, y = x[known], y[known]
        there = ~x.isnan()
        count = there.sum(0).clamp(min=1)
        mean = x.nan_to_num(0.0).sum(0) / count
        deviation = (((x - mean).nan_to_num(0.0).square().sum(0)) / count).sqrt()
        self.norm.set(mean=mean.cpu(), deviation=torch.where(deviation > 0, deviation, 1.0).cpu())
        x = ((x - self.norm.mean) / self.norm.deviation).nan_to_num(0.0)
        if self.config.sparse:
            self.nodes.refine(x, self.config.sparse)
        z, *groups = self.nodes(x).split(
            [self.config.groups * self.config.nodes, *[self.config.enhanced] * self.config.enhancements], 1
        )
        found = ridge(z, y, self.config.penalty)
        for more in groups:
            found, z = widened(found, z, more, y, self.config.penalty), torch.cat([z, more], 1)
        self.readout.set(weights=found.weights.float().cpu())


def log_estimates(scores: Tensor) -> Tensor:
    """Log probabilities (…, k) from the outputs of a regression on one-hot labels."""
    above = scores.clamp(min=LEAST)
    return (above / above.sum(-1, keepdim=True)).log()


def _gold(batch: Batch, target: str) -> Tensor:
    if target not in batch.targets:
        raise ConfigError("the batch has gold for none of the targets", allowed=target)
    return batch.targets[target]


# -- the network -------------------------------------------------------------------------------------------------------
class BroadBlock(nn.Module):
    """State spaces in both directions and a broad layer, each with a skip.

    h = x + W_o [M(LN x) ; flip(M'(flip(LN x)))], then LN(h + W_b [Z | H]) with the nodes of h.

    Args:
        config: Sizes.
        seed: Of nodes that are not trained.
    """

    def __init__(self, config: BroadMambaConfig, seed: int) -> None:
        super().__init__()
        width = config.width
        self.drop = nn.Dropout(config.dropout)
        self.norm_in, self.norm_out = nn.LayerNorm(width), nn.LayerNorm(width)
        self.ssm: Bidirectional | None = None
        if config.ssm != "none":
            both = config.context == "full"
            cores = [_core(config) for _ in range(2 if both else 1)]
            self.ssm = Bidirectional(cores[0], cores[1] if both else None)
            self.join = nn.Linear(width * len(cores), width)
        self.nodes: BroadNodes | None = None
        if config.broad != "none":
            self.nodes = BroadNodes(
                width, config.groups, config.nodes, config.enhancements, config.enhanced, bent=config.bent,
                fixed=config.broad == "ridge", seed=seed,
            )  # fmt: skip
            self.readout = nn.Linear(self.nodes.count, width)

    def forward(self, x: Tensor, there: Tensor, turns: Padded) -> Tensor:
        """Turns (turns, d); a turn that is not `there` (turns,) is as if it had not been."""
        if self.ssm is not None:
            wide, lengths = turns.wide(self.norm_in(x)), turns.valid.sum(1)
            found = self.ssm(wide, lengths, turns.wide(there))[turns.row, turns.at]
            x = x + self.drop(self.join(found))
        if self.nodes is not None:
            x = x + self.drop(self.readout(self.nodes(x)))
        return self.norm_out(x)


def _core(config: BroadMambaConfig) -> nn.Module:
    if config.ssm == "lti":
        return Diagonal(config.width, states=config.states)
    return Mamba(config.width, states=config.states, kernel=config.kernel, expand=config.expand)


class Stream(nn.Module):
    """One modality: features, who speaks, blocks.

    Args:
        width: Its numbers.
        config: Sizes.
        seed: Of nodes that are not trained.
    """

    def __init__(self, width: int, config: BroadMambaConfig, seed: int) -> None:
        super().__init__()
        self.project, self.norm = nn.Linear(width, config.width), nn.LayerNorm(config.width)
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(BroadBlock(config, seed + layer) for layer in range(config.layers))

    def forward(self, u: Tensor, who: Tensor, there: Tensor, turns: Padded) -> Tensor:
        """Turns (turns, d), zeros where one is not `there`, from features (turns, width) and speakers (turns, d)."""
        held = there[:, None].to(u.dtype)
        x = held * self.drop(self.norm(self.project(u)) + who)
        for block in self.blocks:
            x = held * block(x, there, turns)
        return x


def guidance(log_p: Tensor, there: Tensor, sharpness: float) -> Tensor:
    """Weights (turns, m) of the modalities from their predicted labels; zeros where no modality is.

    The softmax over modalities of (c + a) / T, with the confidence c = 1 − H(p) / ln k and the agreement a, the mean
    Bhattacharyya coefficient Σ √(p·p′) with the other modalities.

    Args:
        log_p: (turns, m, k) log probabilities.
        there: (turns, m) bool.
        sharpness: T.
    """
    p = log_p.exp()
    confidence = 1 + (p * log_p).sum(-1) / np.log(log_p.shape[-1])
    root = (log_p / 2).exp()
    others = there[:, None] & ~torch.eye(there.shape[1], dtype=torch.bool, device=there.device)
    alike = (root @ root.transpose(1, 2)) * others
    agreement = alike.sum(-1) / others.sum(-1).clamp(min=1)
    lifted = ((confidence + agreement) / sharpness).masked_fill(~there, -torch.inf)
    return lifted.masked_fill(~there.any(1, keepdim=True), 0.0).softmax(-1) * there


def divergence(log_p: Tensor, there: Tensor) -> Tensor:
    """Jensen–Shannon divergence between the modalities' labels, mean over turns with several; arguments as above."""
    several = there.sum(1) > 1
    log_p, share = log_p[several], there[several].to(log_p.dtype)
    if not len(log_p):
        return log_p.sum()
    share = share / share.sum(1, keepdim=True)
    p = log_p.exp()
    mean = (share[..., None] * p).sum(1)
    within = (share * (p * log_p).sum(-1)).sum(1)
    return (within - torch.xlogy(mean, mean).sum(-1)).mean()


class BroadMamba(_ReadsTurns):
    """Reads the turns of a dialogue: state spaces and a broad layer for each modality, fusion guided by their labels.

    A modality may be missing for some turns, or for all: it then has no weight there, and its state passes by.

    Args:
        config: Sizes and names.
    """

    Config = BroadMambaConfig
    default_run: ClassVar[dict[str, Any]] = {
        "epochs": 30,
        "batch": 16,
        "select": "best",
        "optim": [
            {"match": "*A_log", "lr": 5e-4},
            {"match": "*.D", "lr": 5e-4},
            {"match": "*bias", "lr": 5e-4},
            {"match": "*norm*", "lr": 5e-4},
            {"lr": 5e-4, "weight_decay": 1e-4},
        ],
    }

    def __init__(self, config: BroadMambaConfig) -> None:
        super().__init__(config)
        self.names = self._open(config)
        if config.broad == "ridge" and config.fusion == "concat":
            raise ConfigError("broad is 'ridge' and fusion 'concat'", allowed="fusion: guided, which the ridge serves")
        width = config.width
        self.speakers = nn.Embedding(config.speakers + 1, width)
        nn.init.normal_(self.speakers.weight, std=0.02)
        self.streams = nn.ModuleDict(
            {name: Stream(size, config, config.seed + 100 * i) for i, (name, size) in enumerate(self.names.items())}
        )
        self.fusion = nn.Sequential(
            nn.Linear(width * len(self.names), width), nn.GELU(), nn.Dropout(config.dropout), nn.Linear(width, width)
        )
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, self.labels)
        if config.broad == "ridge":
            count = self._nodes("text" if "text" in self.names else next(iter(self.names))).count
            self.estimates = Fitted(**{name: torch.zeros(count, self.labels) for name in self.names})
        else:
            self.guides = nn.ModuleDict({name: nn.Linear(width, self.labels) for name in self.names})

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        """As `head`, from what `BroadCollate` makes."""
        return self.head(**self.encode(**inputs))

    def head(self, speaker: Tensor, opens: Tensor, **given: Tensor) -> dict[str, Tensor]:
        """What is read of each turn, from what `encode` gives.

        Returns:
            Scale name → logits (turns, k); `guides` (turns, m, k) log probabilities of each modality's own labels, and
            `weights` (turns, m) of the modalities, 0 where one is missing, which sum to 1.
        """
        turns = padded(opens.bool())
        who = self.speakers(speaker.long().clamp(max=self.config.speakers))
        there = torch.stack([~given[name].isnan().any(1) for name in self.names], 1)
        states = [
            stream(given[name].nan_to_num(0.0), who, there[:, i], turns)
            for i, (name, stream) in enumerate(self.streams.items())
        ]
        log_p = torch.stack([self._guide(name, x) for name, x in zip(self.names, states, strict=True)], 1)
        said = self.fusion(torch.cat(states, -1))
        if self.config.fusion == "guided":
            seen = log_p if self.config.guide_grad else log_p.detach()
            weights = guidance(seen, there, self.config.sharpness)
            said = said + (weights[..., None] * torch.stack(states, 1)).sum(1)
        else:
            weights = there / there.sum(1, keepdim=True).clamp(min=1)
        return {self.target: self.output(self.norm(said)), "guides": log_p, "weights": weights}

    def _nodes(self, name: str) -> BroadNodes:
        """Nodes of the last block of a modality."""
        block: Any = self.streams[name].blocks[-1]  # type: ignore[index,union-attr]
        return block.nodes

    def _guide(self, name: str, x: Tensor) -> Tensor:
        """Log probabilities (turns, k) of a modality's own labels from its states (turns, d)."""
        if self.config.broad == "ridge":
            return log_estimates(self._nodes(name)(x) @ getattr(self.estimates, name))
        return (self.guides[name](x) / self.config.temperature).log_softmax(-1)

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of the fused labels and of each modality's own, and the divergence between the modalities.

        Turns without gold, or with nothing to read, do not count. Labels of a ridge regression are not trained.
        """
        there = outputs["weights"] > 0
        gold = _gold(batch, self.target)
        gold = gold.masked_fill(~there.any(1, keepdim=True), float("nan"))
        terms = {self.target: loss_on(outputs[self.target], gold, "one-of")}
        if self.config.broad != "ridge":
            own = [
                loss_on(outputs["guides"][:, i], gold.masked_fill(~there[:, i : i + 1], float("nan")), "one-of")
                for i in range(there.shape[1])
            ]
            terms["modalities"] = self.config.auxiliary * torch.stack(own).sum()
            terms["consistency"] = self.config.consistency * divergence(outputs["guides"], there)
        return terms

    @torch.no_grad()
    def fit(self, batches: Iterable[Batch]) -> None:
        """With `broad: ridge`, solve the regression from each modality's nodes to the labels; the rest stays.

        Raises:
            ConfigError: If the nodes are trained.
        """
        if self.config.broad != "ridge":
            raise ConfigError(f"broad is {self.config.broad!r}", allowed="ridge", remedy="use method: descend")
        self.eval()
        found: dict[str, list[Tensor]] = {name: [] for name in self.names}
        gold: dict[str, list[Tensor]] = {name: [] for name in self.names}
        kept: dict[str, Tensor] = {}
        hooks = [
            self.streams[name].register_forward_hook(lambda _, __, out, name=name: kept.update({name: out}))
            for name in self.names
        ]
        try:
            for batch in batches:
                moved = batch.to(self.device)
                there = self(**moved.inputs)["weights"] > 0
                y = _gold(moved, self.target)
                for i, name in enumerate(self.names):
                    rows = there[:, i] & ~y.isnan().any(1)
                    found[name].append(self._nodes(name)(kept[name][rows]))
                    gold[name].append(y[rows])
        finally:
            for hook in hooks:
                hook.remove()
        for name in self.names:
            solved = ridge(torch.cat(found[name]), torch.cat(gold[name]), self.config.penalty)
            self.estimates.set(**{name: solved.weights.float().cpu()})


CARD = Card(
    system="broad-mamba",
    cls="BroadMamba",
    roles=("reader",),
    modalities=("dialogue",),
    unit="turn",
    title="Turns of a dialogue by state spaces, broad learning, and modalities weighed by their predicted labels",
    paper="Shou et al. 2024, Broad Mamba, ECML PKDD 2025, arXiv:2404.17858",
    licence="code Apache-2.0; no code or weights were published",
    proof="equations",
    limits="The paper's text was not at hand: the formulas of broad layer, fusion and loss are partly ours. That voice"
    " or face tells more than text alone is not shown here on real recordings.",
    expected_failures={
        "check_onnx": "the scan over the turns of a dialogue is compiled for the processor, not a graph"
    },
    ablation={"ssm": "none"},
    ablated="Each turn is read alone.",
    task="affectus.testing.tasks.named_once:named_once",
)

VARIANTS = {
    "tiny": BroadMambaConfig(
        backbone=Backbone(name="tiny:bert", train=False), max_length=64, width=32, states=8, groups=2, nodes=8,
        enhancements=2, enhanced=8, dropout=0.0,
    ),
    "tiny-ridge": BroadRidgeConfig(backbone=Backbone(name="tiny:bert", train=False), max_length=64, groups=4),
    "base": BroadMambaConfig(widths={"text": 1024, "audio": 300, "visual": 342}),
    "iemocap": BroadMambaConfig(
        targets=(Target("iemocap-6", "perceived"),), widths={"text": 1024, "audio": 1582, "visual": 342}
    ),
    "minilm": BroadMambaConfig(backbone=Backbone(name="asset:minilm-l6", train=False)),
    "ridge": BroadRidgeConfig(backbone=Backbone(name="asset:minilm-l6", train=False), enhancements=32),
}  # fmt: skip
