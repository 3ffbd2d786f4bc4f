"""HEF: a language model answers with the help of a small empathetic model, which names emotions to consider and words.

Yang, Ren, Wang, Peng, Sun, Zhu and Liao 2024, "Enhancing Empathetic Response Generation by Augmenting LLMs with
Small-scale Empathetic Models", arXiv:2402.11801. The framework is built from its abstract: prompts, number of emotions
and of words, and what is done with an answer that can't be read are decisions of ours, and no figure of the paper was
verified. No code was published. Verified: the logic of the stages, with language models that follow a script. Measured
over SmolLM2-135M (benchmarks/hef.py): better than the language model alone, worse than the small model alone.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from affectus.affect import Affect, Evidence
from affectus.backbones.llm import LLM, LLMError, Message, Unscorable, open_llm
from affectus.backbones.llm.stops import whole
from affectus.batch import Batch
from affectus.card import Card
from affectus.config import Config, Ref
from affectus.errors import ConfigError, InputError
from affectus.frontends.cleaning import STOP_WORDS
from affectus.frontends.turn_words import USR, Spoken, split_words, spoken
from affectus.readout import read_out
from affectus.reply import Reply
from affectus.roles import EmotionModel, Reader
from affectus.sample import Dialogue, Item, as_items
from affectus.system import System
from affectus.taxonomy import Target, scale

NONE = "none"  # what a model answers if no emotion of the first stage fits
OPENING = "Emotion:"  # how the model's answer begins where options are scored
FALLBACK, PARSED, SECOND, LONG = "fallback", "parsed", "stage-2", "long"  # flags
_LONG = 256  # words of a context; escm and cem read the last of a longer one
_PROMPTS = Path(__file__).parent / "hef_prompts"
_LOW = -30.0  # log-odds of the labels that were not chosen
_MARKS = re.compile(r"^\W+|\W+$")  # around a word
_WORD_TOKENS, _REPLY_TOKENS = 8, 60
_SENTENCES = 2  # of a reply, as the prompt asks for


@dataclass(frozen=True, kw_only=True)
class HEFConfig(Config):
    """Configuration of `HEF`.

    Args:
        targets: The scale whose labels are chosen from; that of the small model.
        sem: The small empathetic model: any reader on this scale. One without weights of its words gives those of its
            evidence.
        llm: What `open_llm` opens.
        emotion: `two-stage`; `one-stage`: the language model chooses among all labels; `sem`: the small model alone.
        candidates: Emotions to consider first.
        causes: Words that have likely triggered the emotion; 0 names none.
        choice: `scored`: the likelier option is taken, one look at the prompt; `parsed`: the model answers in words.
            A model that does not tell likelihoods answers in words, and the reading says so.
        prior: What `label_prior` measured: of each label the mean log-probability whatever was said, which is taken off
            where all labels or the rest are scored. Empty takes nothing off.
        turns: Last turns of a dialogue that the language model is shown.
        temperature: Of the reply; 0 takes the likeliest token.
        seed: Of the reply.
        prompts: Version of the prompts.
    """

    targets: tuple[Target, ...] = (Target("empathetic-dialogues-32", "felt"),)
    sem: Ref = ""
    llm: str = "smollm2"
    emotion: Literal["two-stage", "one-stage", "sem"] = "two-stage"
    candidates: Annotated[int, Field(ge=1)] = 3
    causes: Annotated[int, Field(ge=0)] = 3
    choice: Literal["scored", "parsed"] = "scored"
    prior: tuple[float, ...] = ()
    turns: Annotated[int, Field(ge=1)] = 9
    temperature: Annotated[float, Field(ge=0)] = 0.0
    seed: int = 0
    prompts: Literal["2"] = "2"

    def __post_init__(self) -> None:
        if len(self.targets) != 1 or scale(self.targets[0].scale).kind != "one-of":
            raise ConfigError(f"targets are {[t.scale for t in self.targets]}", allowed="one scale of kind one-of")
        labels = len(scale(self.targets[0].scale))
        if self.prior and len(self.prior) != labels:
            raise ConfigError(f"the prior has {len(self.prior)} numbers", allowed=f"{labels}, one a label, or none")
        if self.emotion == "two-stage" and self.candidates >= labels:
            raise ConfigError(f"{self.candidates} of {labels} emotions come first", allowed=f"1 to {labels - 1}")


# -- the small model ---------------------------------------------------------------------------------------------------
class FromReader:
    """Any reader as a small empathetic model: its scores, and the words of its evidence with their weights.

    A reader of texts is given a dialogue as one text with a turn a line, since the emotion is that of the whole.

    Args:
        reader: Reads texts or dialogues.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.name = str(getattr(reader, "name", type(reader).__name__))

    def emotions(self, context: Item | str) -> Mapping[str, float]:
        """Label → score on the reader's first target; empty where it could say nothing."""
        row = self._row(context)
        return row.scores.get(row.target or "", {})

    def token_weights(self, context: Item | str) -> list[tuple[str, float]]:
        """The words of the reading's evidence, in their order."""
        return [(e.text, float(e.weight or 0.0)) for e in self._row(context).evidence if e.kind == "word" and e.text]

    def _row(self, context: Item | str) -> Affect:
        if isinstance(context, Dialogue) and getattr(self.reader, "modality", "text") != "dialogue":
            context = "\n".join(turn.text or "" for turn in context.turns)
        row: Affect = self.reader.read([context])[-1]
        return row


def cause_words(weights: Sequence[tuple[str, float]], most: int) -> tuple[str, ...]:
    """The words with the largest weights, in the order of their first appearance.

    Pieces of a word are put together and their weights added (`##ing`, or `▁` and `Ġ` before the first one). Stop
    words, special tokens and what has no letters are no causes; a word that occurs again counts once, by its largest
    weight.

    Args:
        weights: Words or pieces in their order, with weights.
        most: How many are kept.
    """
    best: dict[str, float] = {}
    for word, weight in _whole(weights):
        plain = _MARKS.sub("", word.lower())
        if any(letter.isalpha() for letter in plain) and plain not in STOP_WORDS and word[0] not in "[<":
            best[plain] = max(weight, best.get(plain, -np.inf))
    chosen = sorted(best, key=lambda word: -best[word])[:most]
    return tuple(word for word in best if word in chosen)


def _whole(pieces: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Words of pieces, with the sum of their weights."""
    marked = any(piece[:1] in ("▁", "Ġ") for piece, _ in pieces)
    words: list[tuple[str, float]] = []
    for piece, weight in pieces:
        goes_on = piece.startswith("##") or (marked and piece[:1] not in ("▁", "Ġ", "[", "<"))
        text = piece.removeprefix("##").lstrip("▁Ġ")
        if not text:
            continue
        if goes_on and words:
            words[-1] = (words[-1][0] + text, words[-1][1] + weight)
        else:
            words.append((text, weight))
    return words


# -- prompts and answers -----------------------------------------------------------------------------------------------
@cache
def prompt(version: str, name: str) -> str:
    """The text of a prompt, with its gaps."""
    return (_PROMPTS / version / f"{name}.txt").read_text(encoding="utf-8")


def parse_label(text: str, labels: Sequence[str]) -> str | None:
    """The label that an answer names, or None: the whole answer without regard to case, else the only one inside it.

    Args:
        text: What the model said.
        labels: What it could choose.
    """
    said = text.strip().strip(".!?\"'*:;, ").lower()
    exact = [label for label in labels if label.lower() == said]
    inside = exact or [label for label in labels if label.lower() in said]
    return inside[0] if len(inside) == 1 else None


class Choice(NamedTuple):
    """An emotion, and how it came about.

    Args:
        label: Of the scale; None where nothing was said.
        stage: That gave it; 0 if the small model was asked alone.
        candidates: Emotions that came first.
        causes: Words that were named.
        said: What the language model answered; the option where options were scored.
        scored: Whether options were scored.
        fallback: Whether the answer could not be read, and the small model decided.
        long: Whether the context has more words than a small model is sure to read whole.
    """

    label: str | None
    stage: int
    candidates: tuple[str, ...]
    causes: tuple[str, ...]
    said: str
    scored: bool
    fallback: bool
    long: bool = False

    @property
    def flags(self) -> list[str]:
        """What a reading is marked with."""
        marks = {"empty": self.label is None, SECOND: self.stage == 2, FALLBACK: self.fallback, LONG: self.long}
        marks[PARSED] = self.stage > 0 and not self.scored
        return [name for name, holds in marks.items() if holds]


class HEFCollate:
    """Items → `contexts`, one a row: what was said up to a turn."""

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate samples, whose lines are turns, or dialogues."""
        found = list(spoken(items))
        return Batch({"contexts": found}, {}, [one.own.span for one in found], [one.own.text or "" for one in found])


class HEF(System):
    """Reads what the speaker feels, and answers; a language model and a small empathetic model together.

    Args:
        config: Names and switches.
        sem: The small model.
        llm: The language model; None opens the one that the configuration names when it is first asked.
    """

    Config = HEFConfig
    modality = "text"
    collate: HEFCollate

    def __init__(self, config: HEFConfig, sem: Any = None, llm: LLM | None = None) -> None:
        super().__init__(config)
        self.target = config.targets[0].scale
        self.labels = scale(self.target).labels
        # Not modules of this one: a checkpoint of it holds names, not their weights.
        self._parts: dict[str, Any] = {"sem": sem, "llm": llm}
        self.tally: Counter[str] = Counter()
        self.collate = HEFCollate()

    @property
    def sem(self) -> EmotionModel:
        """The small model.

        Raises:
            ConfigError: If none was given.
        """
        found = self._parts["sem"]
        if found is None:
            raise ConfigError(
                "HEF has no small model",
                remedy="affectus.build('hef/smollm2', sem='affectus/text-empathetic'), which the recipe of this name "
                "makes, or the folder of another reader",
            )
        return found if isinstance(found, EmotionModel) else FromReader(found)

    @property
    def llm(self) -> LLM:
        """The language model."""
        if self._parts["llm"] is None:
            self._parts["llm"] = open_llm(self.config.llm)
        return self._parts["llm"]

    # -- emotion ---------------------------------------------------------------------------------------------------
    def choose(self, context: Item | str) -> Choice:
        """The emotion of the speaker after a context: a text whose lines are turns, or a dialogue."""
        found = list(spoken(as_items(context)))
        if not found:
            raise InputError("the dialogue has no turns", allowed="at least one")
        return self._choose(found[-1])

    def rates(self) -> dict[str, float]:
        """Shares of the choices so far that came from the second stage, from an answer in words, or by falling back."""
        total = max(self.tally["choices"], 1)
        return {name: self.tally[name] / total for name in (SECOND, PARSED, FALLBACK)}

    def label_prior(self, contexts: Iterable[Item | str]) -> tuple[float, ...]:
        """The mean log-probability that the language model gives each label when asked for one of all: for `prior`.

        A small model prefers some words whatever it is told. What it prefers is measured on contexts without gold and
        taken off (Zhou et al. 2023, Batch Calibration, arXiv:2309.17249).

        Args:
            contexts: Texts whose lines are turns, or dialogues; other ones than those to be read.

        Raises:
            InputError: If there are none.
            Unscorable: If the language model tells no likelihoods.
        """
        found = list(spoken(as_items(contexts)))
        if not found:
            raise InputError("there are no contexts to measure a prior on", allowed="at least one")
        rows = [
            self._scores(self._messages(one, "all", (), labels=", ".join(self.labels)), self.labels) for one in found
        ]
        return tuple(np.mean(rows, 0).tolist())

    def _choose(self, one: Spoken) -> Choice:
        if not split_words(one.own.text or ""):
            return Choice(None, 0, (), (), "", False, False)
        config = self.config
        context = Dialogue(one.samples) if len(one.samples) > 1 else one.own
        ranked: tuple[str, ...] = ()
        if config.emotion != "one-stage":
            ranked = self._ranked(self.sem.emotions(context))
        causes = cause_words(self.sem.token_weights(context), config.causes) if config.causes else ()
        if config.emotion == "sem":
            choice = Choice(ranked[0], 0, ranked[:1], causes, "", False, False)
        elif config.emotion == "one-stage":
            choice = self._among(one, causes, self.labels, (), 1)
        else:
            choice = self._two_stages(one, causes, ranked)
        choice = choice._replace(long=sum(len(split_words(text)) for text, _ in one.turns) > _LONG)
        self.tally.update(["choices", *choice.flags])
        return choice

    def _ranked(self, scores: Mapping[str, float]) -> tuple[str, ...]:
        if set(scores) != set(self.labels):
            raise ConfigError(
                f"the small model reads {len(scores)} labels, among them {next(iter(scores), 'none')!r}",
                allowed=f"those of {self.target}",
            )
        return tuple(sorted(self.labels, key=lambda label: -scores[label]))

    def _two_stages(self, one: Spoken, causes: tuple[str, ...], ranked: tuple[str, ...]) -> Choice:
        """Among the first candidates, or, if none of them fits, among the rest."""
        first, rest = ranked[: self.config.candidates], ranked[self.config.candidates :]
        said, scored = self._asked(one, "first", causes, first, (*first, NONE))
        label = said if scored else parse_label(said, (*first, NONE))
        if label is None and parse_label(said, rest) is None:
            return Choice(ranked[0], 1, first, causes, said, scored, True)
        if label in first:
            return Choice(label, 1, first, causes, said, scored, False)
        # It was refused, or another emotion was named: what came first is out of the question now.
        listed = tuple(label for label in self.labels if label in rest)
        return self._among(one, causes, listed, first, 2, fallback=rest[0])

    def _among(
        self, one: Spoken, causes: tuple[str, ...], labels: tuple[str, ...], first: tuple[str, ...], stage: int,
        fallback: str | None = None,
    ) -> Choice:  # fmt: skip
        said, scored = self._asked(one, "all", causes, labels, labels)
        label = said if scored else parse_label(said, labels)
        if label is not None:
            return Choice(label, stage, first, causes, said, scored, False)
        spare = (
            fallback or self._ranked(self.sem.emotions(one.own if len(one.samples) < 2 else Dialogue(one.samples)))[0]
        )
        return Choice(spare, stage, first, causes, said, scored, True)

    def _asked(
        self, one: Spoken, name: str, causes: tuple[str, ...], shown: Sequence[str], options: Sequence[str]
    ) -> tuple[str, bool]:
        """The option or what was said instead, and whether options were scored."""
        asked = self._messages(one, name, causes, labels=", ".join(shown))
        if self.config.choice == "scored" and self.llm.scores:
            try:
                scores = self._scores(asked, options)
            except Unscorable:
                pass  # it has to say it in words
            else:
                prior = dict(zip(self.labels, self.config.prior, strict=False)) if name == "all" else {}
                return max(zip(options, scores, strict=True), key=lambda row: row[1] - prior.get(row[0], 0.0))[0], True
        return "".join(self.llm.generate(asked, tokens=_WORD_TOKENS, stop=("\n",))), False

    def _scores(self, asked: Sequence[Message], options: Sequence[str]) -> list[float]:
        return self.llm.score([*asked, Message("assistant", OPENING)], [f" {option}" for option in options])

    def _messages(self, one: Spoken, name: str, causes: tuple[str, ...], **gaps: str) -> list[Message]:
        said = [f"{'Speaker' if who == USR else 'Listener'}: {text}" for text, who in one.turns[-self.config.turns :]]
        text = self._filled(name, causes, context="\n".join(said), **gaps)
        return [Message("system", prompt(self.config.prompts, "scene")), Message("user", text)]

    def _talk(self, one: Spoken, causes: tuple[str, ...], **gaps: str) -> list[Message]:
        """What is known of the speaker, and the turns as a talk with the model; it begins and ends with the speaker."""
        messages = [Message("system", self._filled("respond", causes, **gaps))]
        shown = one.turns[-self.config.turns :]
        for who, turns in groupby(shown, key=itemgetter(1)):
            own = who != shown[-1][1]
            if own and len(messages) == 1:
                continue  # a talk begins with the user in most models' templates
            messages.append(Message("assistant" if own else "user", "\n".join(text for text, _ in turns)))
        return messages

    def _filled(self, name: str, causes: tuple[str, ...], **gaps: str) -> str:
        version = self.config.prompts
        words = prompt(version, "causes").format(words=", ".join(causes)) if causes else ""
        return prompt(version, name).format(causes=words, **gaps)

    # -- reading ---------------------------------------------------------------------------------------------------
    def forward(self, contexts: list[Spoken]) -> dict[str, Tensor]:
        """Log-odds of the labels of each context, (b, k): those of the chosen one are 0, of all others −30."""
        return {self.target: self._logits([self._choose(one) for one in contexts])}

    def _logits(self, choices: Sequence[Choice]) -> Tensor:
        rows = [[0.0 if label == c.label else _LOW for label in self.labels] for c in choices]
        return torch.tensor(rows).reshape(-1, len(self.labels))

    def read(self, items: Iterable[Item | str], batch_size: int = 16) -> Any:
        """The chosen emotion of each row, with the cause words as evidence.

        It is a choice and no probability: its score is 1. The flags are `stage-2`, `fallback`, `parsed`,
        `empty`, and `long` where a model may have read a part of the context alone.
        """
        batch = self.collate(as_items(items))
        choices = [self._choose(one) for one in batch.inputs["contexts"]]
        logits = self._logits(choices).numpy()
        logits[np.array([c.label is None for c in choices], bool)] = np.nan
        return read_out(
            batch.spans,
            {self.target: logits},
            self.readouts,
            by=self.name,
            modality="text",
            text=batch.notes,
            evidence=[[Evidence("word", text=word) for word in c.causes] for c in choices],
            flags=[c.flags for c in choices],
        )

    # -- answering -------------------------------------------------------------------------------------------------
    def respond(self, dialogue: Dialogue, intended: Affect | None = None) -> Reply:
        """The listener's next turn.

        Args:
            dialogue: Ends with a turn of the speaker.
            intended: A feeling that the listener is to show.

        Raises:
            InputError: If there are no turns, or the last one has no words.
            LLMError: If the language model answers nothing.
        """
        started = time.perf_counter()
        found = list(spoken(as_items(dialogue)))
        choice = self.choose(dialogue)
        if choice.label is None:
            raise InputError("the last turn has no words", allowed="something to answer")
        chosen = time.perf_counter()
        show = prompt(self.config.prompts, "show").format(emotion=intended.top) if intended and intended.top else ""
        asked = self._talk(found[-1], choice.causes, emotion=choice.label, show=show)
        pieces = self.llm.generate(
            asked, tokens=_REPLY_TOKENS, seed=self.config.seed, temperature=self.config.temperature, stop=("\n",)
        )
        text = whole("".join(pieces), _SENTENCES)
        if not text:
            raise LLMError(f"{self.llm.name} answered nothing", remedy="ask again with another seed and a temperature")
        done = time.perf_counter()
        left_out = len(found[-1].turns) - self.config.turns
        reasons = [f"the speaker feels {choice.label} ({self._way(choice)})"]
        reasons += [f"because of: {', '.join(choice.causes)}"] if choice.causes else []
        reasons += [f"the first {left_out} turns were not shown to {self.llm.name}"] if left_out > 0 else []
        return Reply(
            text,
            intended,
            tuple(reasons),
            {"emotion": self._asked_whom(choice), "text": self.llm.name, "prompts": f"hef/{self.config.prompts}"},
            {"emotion": chosen - started, "text": done - chosen},
        )

    def _way(self, choice: Choice) -> str:
        if choice.stage == 0:
            return "by the small model alone"
        how = "scored" if choice.scored else "parsed from its words"
        return f"stage {choice.stage}, {how}{', fallen back on the small model' if choice.fallback else ''}"

    def _asked_whom(self, choice: Choice) -> str:
        small = str(getattr(self.sem, "name", "small model")) if choice.candidates or choice.causes else ""
        return " + ".join(name for name in (small, self.llm.name if choice.stage else "") if name)


def changed(system: HEF, **changes: Any) -> HEF:
    """The same two models with other switches, for ablations."""
    return HEF(replace(system.config, **changes), **system._parts)


CARD = Card(
    system="hef",
    cls="HEF",
    roles=("reader", "responder"),
    modalities=("text", "dialogue"),
    unit="turn",
    title="A language model that is told which emotions and words to consider by a small empathetic model",
    paper="Yang et al. 2024, arXiv:2402.11801; built from its abstract",
    licence="code Apache-2.0; the models that it is put together from have their own",
    proof="equations",
    limits="Prompts, the number of emotions and words, and falling back are ours; no figure of the paper was verified. "
    "A choice is no probability. SmolLM2-135M, which is embedded, chooses worse than the small model that advises it "
    "(accuracy 0.352 against 0.378, n 500); with it take emotion: sem.",
    expected_failures={
        "check_persistence": "its two models are named and given by the registry, not stored; alone it has none to ask",
        "check_onnx": "a language model is asked, in words",
    },
)

VARIANTS = {
    # The window of the tiny language model has no room for 32 labels.
    "tiny": HEFConfig(sem="escm/tiny", llm="tiny:llama", emotion="sem"),
    "smollm2": HEFConfig(),
}
