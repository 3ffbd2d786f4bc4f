"""PET: the emotion that somebody shows next, as a step in VAD space whose size is a matter of personality.

Wen, Cao, Yang, Liu and Shen 2021, "Automatically Select Emotion for Response via Personality-affected Emotion
Transition", Findings of ACL-IJCNLP, arXiv:2106.15846; official code and data github.com/preke/PELD (no licence, no
weights released). Verified: constants, and the whole forward against the paper's equations in float64, once as the
public code lays them out (a dense layer on every position of both utterances, then the first one). Not verified: the
figures of the paper, whose setting is not known for sure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from affectus import backbones
from affectus.backbones import Backbone
from affectus.batch import Batch
from affectus.card import Card
from affectus.config import Config
from affectus.errors import CheckpointError, ConfigError, InputError
from affectus.frontends.tokens import TextCollate, Tokens, gold_rows
from affectus.frontends.turns import given_features, odd_turns
from affectus.nn.heads import ClassificationHead
from affectus.nn.losses import focal_loss, losses_on
from affectus.readout import read_out
from affectus.sample import BIG_FIVE, Dialogue, Item, Persona, Sample, conversations, flatten
from affectus.system import System
from affectus.taxonomy import Target, scale
from affectus.timeline import Timeline

EMOTIONS = "peld-7"
# Valence, arousal and dominance of each label, as the paper and its code have them.
ANCHORS = (
    (-0.51, 0.59, 0.25), (-0.60, 0.35, 0.11), (-0.62, 0.82, -0.43), (0.81, 0.51, 0.46), (0.0, 0.0, 0.0),
    (-0.63, -0.27, -0.33), (0.40, 0.67, -0.13),
)  # fmt: skip
# Rows: valence, arousal, dominance of a temperament; columns: what each of the Big Five adds (Mehrabian's regression).
PRIOR = (
    (0.00, 0.00, 0.21, 0.59, 0.19),
    (0.15, 0.00, 0.00, 0.30, -0.57),
    (0.25, 0.17, 0.60, -0.32, 0.00),
)
TRAITS = 100  # features of the Big Five where they stand beside the text
AVERAGE = 0.5  # of each trait of somebody who is not known
QUIRKS = {
    "official-mask": "the mask is id > 0: RoBERTa's padding, up to max_length, is read, and its first token hidden"
}


@dataclass(frozen=True, kw_only=True)
class PersonalityEmotionTransitionConfig(Config):
    """Configuration of `PersonalityEmotionTransition`; mode, readout and dropout are those of the paper by default.

    Args:
        targets: One scale of kind one-of.
        backbone: Text encoder of both utterances: a reference, or a `Backbone` that says how it takes part in training;
            None reads `features`.
        pooling: `first`: the state of the first token, as in the paper; `mean`: the mean over the tokens of the text.
        max_length: Tokens of an utterance, special ones included; the rest is left out and flagged.
        features: Name of the features of a turn that are read where there is no backbone.
        width: Their numbers.
        mode: `transition`: the paper's model; `personality`: no transition, the Big Five stand beside the text;
            `utterances`: neither. Modes 3, 2 and 1 of the public code.
        readout: `classifier`: dense layers on the emotion that was reached; `nearest`: the label whose anchor is
            nearest to it in mean squared error.
        sharpness: Factor on the errors of `nearest`, whose negatives are the logits. A cross-entropy on them, which the
            paper does not try, needs a large one to tell labels apart.
        loss: `squared` is the distance to the anchor of the gold label, for `nearest` alone.
        focal: Which weight the focal loss has: `standard`, (1 − p)² of the true label's probability (Lin et al. 2017,
            arXiv:1708.02002), or `peld-official`, see `official_focal`.
        personality: Whether the step is scaled by personality; else by 1.
        unknown: What is done with somebody whose Big Five nobody gave: `error`, or `average`, which takes 0.5 for each
            trait and flags it.
        dropout: Share of features dropped in training.
        compat: Names of `QUIRKS`.
    """

    backbone: str | Backbone | None = "asset:minilm-l6"
    pooling: Literal["first", "mean"] = "first"
    max_length: Annotated[int, Field(ge=8)] = 64
    features: str = "text"
    width: Annotated[int, Field(ge=1)] = 768
    mode: Literal["transition", "personality", "utterances"] = "transition"
    readout: Literal["classifier", "nearest"] = "classifier"
    sharpness: Annotated[float, Field(gt=0)] = 1.0
    loss: Literal["cross-entropy", "focal", "squared"] = "cross-entropy"
    focal: Literal["standard", "peld-official"] = "standard"
    personality: bool = True
    unknown: Literal["error", "average"] = "error"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1


# -- equations ---------------------------------------------------------------------------------------------------------
def temperament(traits: Tensor) -> Tensor:
    """Valence, arousal and dominance (…, 3) of the Big Five (…, 5) in [0, 1], order of `BIG_FIVE`."""
    return traits @ traits.new_tensor(PRIOR).T


def nearness(vad: Tensor) -> Tensor:
    """Less the mean squared error between points (b, 3) and the anchor of each label of `peld-7`, (b, 7)."""
    return -(vad[:, None] - vad.new_tensor(ANCHORS)).square().mean(-1)


def official_focal(logits: Tensor, gold: Tensor) -> Tensor:
    """Focal loss as the public code has it: Σ w·CE / Σ w with w = (1 − σ(z_y))², the sigmoid of the true logit alone.

    Args:
        logits: (b, k).
        gold: (b, k) scores; the highest is the true label. NaN where unknown: such rows do not count.
    """
    known = gold.isfinite().all(1)
    if not known.any():
        return logits.sum() * 0
    true = gold[known].argmax(1, keepdim=True)
    weight = (1 - logits[known].gather(1, true).sigmoid()).square()
    return (weight * -logits[known].log_softmax(1).gather(1, true)).sum() / weight.sum()


# -- what was before the turn ------------------------------------------------------------------------------------------
class Moment(NamedTuple):
    """What stands before a turn that is to be spoken.

    Args:
        turn: That turn: who speaks is its `track`; its text is not read.
        own: What the same person said last, or None.
        other: What somebody else said last, or None.
        persona: Who speaks, or None.
    """

    turn: Sample
    own: Sample | None
    other: Sample | None
    persona: Persona | None

    @classmethod
    def of(cls, dialogue: Dialogue) -> Moment:
        """The moment before the last turn of a dialogue; who has no name is taken for somebody who speaks once."""
        *before, turn = dialogue.turns
        who = turn.track
        own = next((t for t in reversed(before) if who and t.track == who), None)
        other = next((t for t in reversed(before) if not who or t.track != who), None)
        return cls(turn, own, other, dialogue.persona.get(who) if who else None)

    @property
    def blank(self) -> bool:
        """Whether nothing was said."""
        return self.own is None and self.other is None


def shares(turn: Sample | None) -> np.ndarray | None:
    """Shares of the labels of `peld-7` (7,) in a turn's features of that name; None if it has none.

    Raises:
        InputError: If they are no shares.
    """
    found = turn.features.get(EMOTIONS) if turn is not None else None
    if found is None:
        return None
    row = np.asarray(found, np.float64)
    if row.shape != (len(ANCHORS),) or not np.isfinite(row).all() or (row < 0).any() or not row.sum():
        raise InputError(
            f"the emotion of {turn.id!r} is {np.round(row, 3).tolist()}",  # type: ignore[union-attr]
            allowed=f"{len(ANCHORS)} shares of {', '.join(scale(EMOTIONS).labels)}, none below 0, not all 0",
        )
    return row / row.sum()


def big_five(persona: Persona | None) -> np.ndarray | None:
    """The Big Five (5,) of a persona, in the order of `BIG_FIVE`; None if one is missing.

    Raises:
        InputError: If a trait is outside [0, 1].
    """
    if persona is None or not set(BIG_FIVE) <= set(persona.traits):
        return None
    row = np.array([persona.traits[name] for name in BIG_FIVE], np.float64)
    for name, value in zip(BIG_FIVE, row, strict=True):
        if not 0 <= value <= 1:
            raise InputError(f"{name} of {persona.name!r} is {value:g}", allowed="0 to 1")
    return row


class Notes(NamedTuple):
    """What `decode` needs.

    Args:
        last: (b,) row of the last turn of each dialogue among all turns.
        texts: Of all turns.
        flags: Of all turns.
    """

    last: np.ndarray
    texts: list[str | None]
    flags: list[list[str]]


@dataclass(frozen=True)
class TransitionCollate:
    """Dialogues whose last turn is to be spoken → one row each.

    `inputs`: either `ids`, `valid`, `content` (b, 2, tokens) or `given` (b, 2, width), of what the speaker said last
    and of what somebody else said last; nothing is read as an empty text, or as zeros. `emotion` (b, 3) the VAD of the
    speaker's last emotion, the mean of the anchors by its shares; `traits` (b, 5).

    Args:
        config: Of the system.
    """

    config: PersonalityEmotionTransitionConfig

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate dialogues of at least one turn; a sample by itself is one before which nothing was said.

        Raises:
            InputError: If the Big Five of a speaker are not known, an emotion is none, or a turn has neither text nor
                features.
        """
        dialogues = [item if isinstance(item, Dialogue) else Dialogue((item,)) for item in items]
        moments = [Moment.of(dialogue) for dialogue in dialogues]
        content, cut = self._content(moments)
        emotion, strange = self._emotion(moments)
        traits, unknown = self._traits(moments)
        flags: list[list[str]] = []
        for at, dialogue in enumerate(dialogues):
            odd = odd_turns(dialogue.turns)
            flags += [[*f, "not-the-next"] for f in odd[:-1]]
            flags.append([*odd[-1], *_missing(moments[at]), *strange[at], *unknown[at], *cut[at]])
        last = np.cumsum([len(dialogue.turns) for dialogue in dialogues], dtype=np.int64) - 1
        targets = {}
        for target in self.config.targets:
            gold = gold_rows([m.turn for m in moments], target.scale, target.perspective)
            if gold is not None:
                blank = np.array([m.blank for m in moments])[:, None]
                targets[target.scale] = np.where(blank, np.float32("nan"), gold)
        turns = flatten(dialogues)
        return Batch(
            content | {"emotion": emotion, "traits": traits},
            targets,
            [turn.span for turn in turns],
            Notes(last, [turn.text for turn in turns], flags),
        )

    def _content(self, moments: Sequence[Moment]) -> tuple[dict[str, np.ndarray], list[list[str]]]:
        """What was said, and whether some of it is left out."""
        said = [turn or Sample(id="", text="") for moment in moments for turn in (moment.own, moment.other)]
        if self.config.backbone is None:
            return {"given": self._given(moments)}, [[] for _ in moments]
        texts = TextCollate(str(self.config.backbone), (), self.config.max_length)
        found = texts.encode(said)
        arrays = texts.pad([tokens.windows[0] for tokens in found])
        if "official-mask" in self.config.compat:
            arrays = {
                name: _widened(value, self.config.max_length, texts.padding if name == "ids" else False)
                for name, value in arrays.items()
            }
        cut = [["truncated"] if _cut(a) or _cut(b) else [] for a, b in zip(found[::2], found[1::2], strict=True)]
        return {name: value.reshape(-1, 2, value.shape[1]) for name, value in arrays.items()}, cut

    def _given(self, moments: Sequence[Moment]) -> np.ndarray:
        name, width = self.config.features, self.config.width
        rows = np.zeros((len(moments), 2, width), np.float32)
        for row, moment in zip(rows, moments, strict=True):
            for place, turn in enumerate((moment.own, moment.other)):
                if turn is None:
                    continue
                row[place] = given_features([turn], name, width)[0]
                if np.isnan(row[place]).any():
                    raise InputError(
                        f"turn {turn.id!r} has no features {name!r}",
                        remedy="attach them to each turn, or name a backbone in the configuration",
                    )
        return rows

    def _emotion(self, moments: Sequence[Moment]) -> tuple[np.ndarray, list[list[str]]]:
        """VAD of the speakers' last emotions (b, 3), and who had spoken and has none; that counts as neutral."""
        rows, flags = np.zeros((len(moments), 3), np.float32), []
        for row, moment in zip(rows, moments, strict=True):
            found = shares(moment.own)
            row[:] = 0.0 if found is None else found @ np.array(ANCHORS)
            asked = self.config.mode == "transition" and moment.own is not None
            flags.append(["unknown-emotion"] if asked and found is None else [])
        return rows, flags

    def _traits(self, moments: Sequence[Moment]) -> tuple[np.ndarray, list[list[str]]]:
        """The Big Five (b, 5), and who is not known."""
        rows, flags = np.full((len(moments), len(BIG_FIVE)), AVERAGE, np.float32), []
        for row, moment in zip(rows, moments, strict=True):
            found = big_five(moment.persona)
            row[:] = AVERAGE if found is None else found
            asked = found is None and self.config.mode != "utterances" and self.config.personality and not moment.blank
            if asked and self.config.unknown == "error":
                raise InputError(
                    f"nobody gave the Big Five of {moment.turn.track!r}, who speaks next",
                    allowed=f"Dialogue.persona with traits {', '.join(BIG_FIVE)}, each from 0 to 1",
                    remedy="give them, or set unknown: average in the configuration",
                )
            flags.append(["unknown-personality"] if asked else [])
        return rows, flags


def _missing(moment: Moment) -> list[str]:
    if moment.blank:
        return ["nothing-before"]
    return ["speaks-first"] * (moment.own is None) + ["nobody-else"] * (moment.other is None)


def _cut(tokens: Tokens) -> bool:
    return len(tokens.windows) > 1 or "truncated" in tokens.flags


def _widened(rows: np.ndarray, width: int, filling: int | bool) -> np.ndarray:
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])), constant_values=filling)


# -- the system --------------------------------------------------------------------------------------------------------
class PersonalityEmotionTransition(System):
    """Reads which emotion the speaker of the last turn of a dialogue is going to show in it.

    Args:
        config: Sizes and names.
    """

    Config = PersonalityEmotionTransitionConfig
    modality = "dialogue"
    default_run: ClassVar[dict[str, Any]] = {
        "epochs": 10,
        "batch": 32,
        "select": "best",
        "optim": [{"match": "backbone.*", "lr": 2e-5, "weight_decay": 0.01}, {"lr": 3e-4, "weight_decay": 0.01}],
    }

    def __init__(self, config: PersonalityEmotionTransitionConfig) -> None:
        super().__init__(config)
        if unknown := set(config.compat) - set(QUIRKS):
            raise ConfigError(f"compat names {sorted(unknown)}", allowed=", ".join(QUIRKS))
        if len(config.targets) != 1 or scale(config.targets[0].scale).kind != "one-of":
            raise ConfigError(f"targets are {[t.scale for t in config.targets]}", allowed="one scale of kind one-of")
        self.target = config.targets[0].scale
        steps = config.mode == "transition"
        if config.readout == "nearest" and not (steps and self.target == EMOTIONS):
            raise ConfigError(
                f"readout is 'nearest' with mode {config.mode!r} on {self.target!r}",
                allowed=f"mode 'transition' on {EMOTIONS!r}, whose labels have anchors",
            )
        if config.loss == "squared" and config.readout != "nearest":
            raise ConfigError("loss is 'squared' and the readout a classifier, which it teaches nothing",
                              allowed="readout: nearest")  # fmt: skip
        if config.mode == "personality" and not config.personality:
            raise ConfigError("mode is 'personality' and personality false", allowed="mode: utterances")
        width, labels = config.width, len(scale(self.target))
        if config.backbone is not None:
            self.backbone = backbones.text_encoder(config.backbone)
            if getattr(self.backbone, "pooler", None) is not None:  # a layer on the first token, which nothing reads
                self.backbone.pooler = None
            width = self.backbone.config.hidden_size
        self.reduce = nn.Linear(2 * width, width)
        if config.mode == "personality":
            self.traits = nn.Linear(len(BIG_FIVE), TRAITS)
        beside = TRAITS if config.mode == "personality" else 0
        self.affective = ClassificationHead(width + beside, 3 if steps else labels, config.dropout)
        if steps and config.personality:
            self.adaptation = nn.Linear(3, 3)
        if steps and config.readout == "classifier":
            self.spread = nn.Linear(3, width)
            self.classifier = ClassificationHead(width, labels, config.dropout)
        self.collate = TransitionCollate(config)

    def forward(
        self,
        emotion: Tensor,
        traits: Tensor,
        ids: Tensor | None = None,
        valid: Tensor | None = None,
        content: Tensor | None = None,
        given: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """As `head`, from what `TransitionCollate` makes."""
        return self.head(**self.encode(emotion, traits, ids, valid, content, given))

    def encode(
        self,
        emotion: Tensor,
        traits: Tensor,
        ids: Tensor | None = None,
        valid: Tensor | None = None,
        content: Tensor | None = None,
        given: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """`said` (b, 2 · width), both utterances side by side, with `emotion` and `traits`: all that the head sees."""
        if ids is not None and valid is not None and content is not None:
            given = self._pooled(ids.flatten(0, 1), valid.flatten(0, 1), content.flatten(0, 1)).unflatten(0, (-1, 2))
        if given is None:
            raise InputError("there are neither tokens nor features")
        return {"said": given.flatten(1), "emotion": emotion, "traits": traits}

    def _pooled(self, ids: Tensor, valid: Tensor, content: Tensor) -> Tensor:
        """One vector a text (n, width), from (n, tokens)."""
        mask = ids > 0 if "official-mask" in self.config.compat else valid
        states = self.backbone(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        if self.config.pooling == "first":
            return states[:, 0]
        share = content.to(states.dtype) / content.sum(1, keepdim=True).clamp(min=1)
        return torch.einsum("nt,ntf->nf", share, states)

    def head(self, said: Tensor, emotion: Tensor, traits: Tensor) -> dict[str, Tensor]:
        """Logits of the next emotion, scale name → (b, k); with a transition also `vad` (b, 3), what is reached.

        Args:
            said: (b, 2 · width).
            emotion: (b, 3) VAD of the speaker's last emotion.
            traits: (b, 5) in [0, 1].
        """
        text = self.reduce(said)
        if self.config.mode == "personality":
            text = torch.cat([text, self.traits(traits)], -1)
        found = self.affective(text)
        if self.config.mode != "transition":
            return {self.target: found}
        step = found * self.adaptation(temperament(traits)) if self.config.personality else found
        vad = emotion + step
        if self.config.readout == "nearest":
            return {self.target: self.config.sharpness * nearness(vad), "vad": vad}
        return {self.target: self.classifier(self.spread(vad)), "vad": vad}

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """The loss that the configuration names, over turns that have gold and before which something was said.

        Raises:
            ConfigError: If no turn has gold.
        """
        if self.config.loss == "cross-entropy" or self.target not in batch.targets:
            return losses_on(outputs, batch.targets, [self.target])
        gold, logits = batch.targets[self.target], outputs[self.target]
        if self.config.loss == "squared":
            known = gold.isfinite().all(1)
            gap = outputs["vad"][known] - gold[known] @ gold.new_tensor(ANCHORS)
            return {self.target: gap.square().mean() if known.any() else logits.sum() * 0}
        return {self.target: (focal_loss if self.config.focal == "standard" else official_focal)(logits, gold)}

    def run(self, items: Iterable[Item | str], batch_size: int = 64) -> Iterator[tuple[dict[str, np.ndarray], Batch]]:
        """As every system; neighbouring samples of one source are a dialogue, and one without turns has no row."""
        found = [item for item in conversations(items) if isinstance(item, Sample) or item.turns]
        return super().run(found, batch_size)

    def read(self, items: Iterable[Item | str], batch_size: int = 64) -> Timeline:
        """One row a turn, of which the last of each dialogue has the emotion that its speaker is going to show."""
        return super().read(items, batch_size)

    def logits(self, items: Iterable[Item | str], batch_size: int = 64) -> dict[str, np.ndarray]:
        """Uncalibrated logits of each turn, scale name → (turns, k); NaN but at the last of each dialogue."""
        parts = [self._placed(*found) for found in self.run(items, batch_size)]
        return {self.target: np.concatenate([np.empty((0, len(scale(self.target)))), *parts])}

    def _placed(self, outputs: Mapping[str, np.ndarray], batch: Batch) -> np.ndarray:
        notes: Notes = batch.notes
        rows = np.full((len(notes.texts), len(scale(self.target))), np.nan)
        rows[notes.last] = outputs[self.target]
        rows[["nothing-before" in flags for flags in notes.flags]] = np.nan
        return rows

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Readings with calibrated scores of the last turn of each dialogue; the turns before it have none."""
        return read_out(
            batch.spans,
            {self.target: self._placed(outputs, batch)},
            self.readouts,
            by=self.name,
            modality=self.modality,
            text=batch.notes.texts,
            flags=batch.notes.flags,
        )


# -- official weights --------------------------------------------------------------------------------------------------
_OFFICIAL = {
    "roberta.": "backbone.",
    "utter_classifier.reduce.": "reduce.",
    "utter_classifier.": "affective.",
    "personality_trans.": "traits.",
    "vad_para_trans.": "adaptation.",
    "vad_to_hidden.": "spread.",
    "classifier.": "classifier.",
}
_UNUSED = ("init_trans.", "roberta.pooler.", "roberta.embeddings.position_ids")


def from_official(
    state: Mapping[str, Tensor], config: PersonalityEmotionTransitionConfig
) -> PersonalityEmotionTransition:
    """The system with weights that the public code trained.

    Args:
        state: State dict of its model.
        config: With the encoder that was trained, and the mode.

    Raises:
        CheckpointError: If a name is none of the original's, or names or shapes don't fit.
    """
    system = PersonalityEmotionTransition(config)
    tensors = {}
    for name, value in state.items():
        theirs = next((prefix for prefix in _OFFICIAL if name.startswith(prefix)), "")
        if not name.startswith(_UNUSED):
            tensors[_OFFICIAL.get(theirs, "") + name.removeprefix(theirs)] = value
    try:
        system.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise CheckpointError(f"the weights don't fit PersonalityEmotionTransition: {reason}") from error
    return system.eval()


CARD = Card(
    system="personality-emotion-transition",
    cls="PersonalityEmotionTransition",
    roles=("reader",),
    modalities=("dialogue",),
    unit="turn",
    title="The emotion that a person shows next: a step in VAD space from the last one, scaled by personality",
    paper="Wen et al. 2021, Findings of ACL-IJCNLP, arXiv:2106.15846",
    licence="code Apache-2.0; official code without licence and without weights",
    proof="equations",
    limits="Its corpus has six personalities, all of characters in one series: what it says of others is not shown.",
    ablation={"personality": False},
    ablated="The step in VAD space is the same for everybody.",
    task="affectus.testing.tasks.own_gain:own_gain",
)

_NEXT = (Target("peld-7", "intended"),)

VARIANTS = {
    "tiny": PersonalityEmotionTransitionConfig(
        targets=_NEXT, backbone="tiny:bert", pooling="mean", unknown="average", dropout=0.0
    ),
    "base": PersonalityEmotionTransitionConfig(targets=_NEXT, backbone="hf:FacebookAI/roberta-base"),
    "minilm-l6": PersonalityEmotionTransitionConfig(
        targets=_NEXT, backbone=Backbone(name="asset:minilm-l6", train=False), pooling="mean"
    ),
}
