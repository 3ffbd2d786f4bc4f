"""The agent: a dialogue → the next turn, with the feeling that it should show and the reasons for it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from affectus.affect import Affect
from affectus.backbones.llm import LLM, LLMError, Message, open_llm
from affectus.backbones.llm.stops import sentences
from affectus.errors import InputError
from affectus.reply import Reply
from affectus.response import scene
from affectus.response.character import Character, load_character
from affectus.response.checks import SAFETY, Situation, faults
from affectus.response.distress import distress
from affectus.response.feeling import Chooser
from affectus.response.intents import ASK, Intent, Intents
from affectus.response.language import ENGLISH, foreign
from affectus.response.memory import show
from affectus.response.reading import UNCLEAR, Ear, Heard
from affectus.response.tables import words
from affectus.sample import Dialogue, Sample

TOKENS = 60  # most of a reply
ATTEMPTS = 3
TEMPERATURE = 0.7  # of the second attempt and later ones
FALLBACK, HAND_OVER, LANGUAGE = "fallback", "rule:hand-over", "rule:language"
_NOTE_ROOM = 80  # tokens that notes may take


class Agent:
    """Replies to dialogues.

    Danger that the words of a turn name is handed over to a person; else what is felt is read, a feeling and an intent
    are chosen, the language model speaks, and what it says is checked. A reply that fails is made anew, and in the end
    replaced by a prepared sentence; `Reply.by["text"]` says which it was.

    Args:
        llm: Language model, or its name for `open_llm`.
        character: Who replies; the shipped one by default.
        ear: Reads the other's feeling.
        chooser: Chooses the reply's feeling.
        temperature: Of the first attempt.
        seed: Of the draws. A talk that is held again from its beginning gets the same replies. One that is taken up in
            its midst may not: what the model had read bit by bit it then reads at once, which changes last digits, and
            with them close choices of words.
    """

    def __init__(
        self,
        llm: LLM | str = "smollm2",
        character: Character | None = None,
        *,
        ear: Ear | None = None,
        chooser: Chooser | None = None,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.llm: LLM = open_llm(llm) if isinstance(llm, str) else llm
        self.character = character or load_character()
        self._ear, self._chooser, self._intents = ear or Ear(), chooser or Chooser(), Intents(self.llm)
        self._temperature, self._seed = temperature, seed

    def respond(self, dialogue: Dialogue, intended: Affect | None = None, heard: Heard | None = None) -> Reply:
        """The next turn of the character.

        Args:
            dialogue: Turns in order; those whose track is the character's name are its own.
            intended: Feeling to show instead of a chosen one.
            heard: What was read of the last turn, where that is known already.

        Raises:
            InputError: If no turn has words, or the last one is the character's own.
        """
        turns = [turn for turn in dialogue.turns if (turn.text or "").strip()]
        if not turns:
            raise InputError("the dialogue has no turn with words", allowed="at least one turn to answer")
        if turns[-1].track == self.character.name:
            raise InputError(
                f"the last turn is {self.character.name}'s own", remedy="give the turn that is to be answered"
            )
        return _Work(self, Dialogue(tuple(turns), dialogue.persona, dialogue.id), intended, heard).reply()


class _Work:
    """One reply in the making."""

    def __init__(self, agent: Agent, dialogue: Dialogue, intended: Affect | None, heard: Heard | None) -> None:
        self.agent, self.dialogue, self.intended, self.heard = agent, dialogue, intended, heard
        self.begun = time.perf_counter()
        self.reasons: list[str] = []
        self.by: dict[str, str] = {}
        self.seconds: dict[str, float] = {}

    def reply(self) -> Reply:
        character = self.agent.character
        new = _unanswered(self.dialogue.turns, character.name)
        for turn in new:
            if found := distress(str(turn.text)):
                self.reasons.append(f"danger ({found.kind}): {found.words!r}")
                return self._done(character.hand_over, HAND_OVER)
        strange = foreign(" ".join(str(turn.text) for turn in new))
        if strange and set(character.languages) == {ENGLISH}:
            self.reasons.append("language: this does not look English, and the readers and the model know English only")
            return self._done("I'm sorry, I only understand English. Could you say it in English?", LANGUAGE)
        heard = self._hear(strange)
        self.intended = self.intended or self._choose(heard)
        return self._speak(heard, str(new[-1].text), strange)

    def _hear(self, strange: bool) -> Heard:
        if strange:
            self.reasons.append("language: not English, so the feeling was not read")
            return Heard(UNCLEAR)
        with self._timed("reading"):
            heard = self.heard or self.agent._ear.hear(self.dialogue)
        self.by["reading"] = heard.by
        if heard.affect is not None and heard.affect.by != heard.by:
            self.by["words"] = str(heard.affect.by)
        finer = [label for label in heard.finer if heard.emotion not in (UNCLEAR, label)]
        self.reasons.append(f"they feel: {heard.emotion}" + (f" ({', '.join(finer)})" if finer else ""))
        if heard.causes:
            self.reasons.append(f"because of: {', '.join(heard.causes)}")
        return heard

    def _choose(self, heard: Heard) -> Affect:
        with self._timed("feeling"):
            chosen = self.agent._chooser.choose(self.dialogue, heard, self.agent.character)
        self.by["intended"] = str(chosen.by)
        return chosen

    def _speak(self, heard: Heard, turn: str, strange: bool) -> Reply:
        agent, character = self.agent, self.agent.character
        feeling = (self.intended.top if self.intended else None) or "neutral"
        self.reasons.append(f"so show: {feeling}")
        setting = Message("system", scene.setting(character))
        shown = show(agent.llm, setting, self.dialogue.turns, character.name, TOKENS + _NOTE_ROOM)
        if shown.left_out:
            self.reasons.append(f"left out: the {shown.left_out} oldest turns")
        if shown.cut:
            self.reasons.append("left out: the beginning of the last turn")
        own = [str(turn.text) for turn in self.dialogue.turns if turn.track == character.name]
        with self._timed("intent"):
            intents = agent._intents.ranked(shown.messages, feeling, own)
        first, limits = intents[0], character.limits
        self.by["intent"] = first.by
        score = "" if first.score is None else f" (score {first.score:.1f})"
        begin = f", beginning {first.opening!r}" if agent.llm.continues else ""
        self.reasons.append(f"and want to: {first.name}{begin}{score}")
        note = scene.note(heard, feeling, first)
        situation = Situation(turn, f"{setting.content} {note}", own, limits.never, limits.words, not strange, feeling)
        if agent.llm.continues:
            prompts = [(scene.opened(shown.messages, intent.opening), intent) for intent in intents[:ATTEMPTS]]
        else:
            prompts = [(scene.with_note(shown.messages, note), first)]
        text = self._said(prompts, situation)
        return self._done(text or first.fallback, agent.llm.name if text else FALLBACK)

    def _said(self, prompts: Sequence[tuple[Sequence[Message], Intent]], situation: Situation) -> str:
        """The first reply that passes the checks, or nothing; each attempt takes the next prompt, as far as they go."""
        agent = self.agent
        for attempt in range(ATTEMPTS):
            messages, intent = prompts[min(attempt, len(prompts) - 1)]
            if 0 < attempt < len(prompts):
                self.reasons.append(f"so begin with: {intent.opening!r}")
            heat = agent._temperature if attempt == 0 else max(agent._temperature, TEMPERATURE)
            seed = agent._seed + 1000 * attempt + len(self.dialogue.turns)
            try:
                with self._timed("text"):
                    said = self._generated(messages, heat, seed, asks=intent.name == ASK)
            except LLMError as error:
                self.reasons.append(f"fallback: {error.what}")
                return ""
            text = fresh(tidy(said, agent.character), situation.earlier)
            with self._timed("checks"):
                wrong = faults(text, situation) or faults(said, situation, SAFETY)  # also what was tidied away
            if not wrong:
                return text
            self.reasons.append(f"refused: {'; '.join(wrong)}")
        self.reasons.append(f"fallback: {ATTEMPTS} replies were refused")
        return ""

    def _generated(self, messages: Sequence[Message], temperature: float, seed: int, asks: bool) -> str:
        opening = messages[-1].content if messages[-1].role == "assistant" else ""
        pieces: list[str] = [opening] if opening else []
        begun = False
        for piece in self.agent.llm.generate(messages, tokens=TOKENS, seed=seed, temperature=temperature):
            if not begun:
                self.seconds.setdefault("first token", time.perf_counter() - self.begun)
                begun = True
            pieces.append(piece)
            ended = sentences("".join(pieces) + " ")
            if len(ended) >= self.agent.character.limits.sentences or (asks and ended and ended[-1].endswith("?")):
                break  # a question waits for its answer
        return "".join(pieces)

    def _done(self, text: str, by: str) -> Reply:
        self.by["text"] = by
        self.seconds["all"] = time.perf_counter() - self.begun
        return Reply(text, self.intended, tuple(self.reasons), self.by, self.seconds)

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - begin


def _unanswered(turns: Sequence[Sample], own: str) -> list[Sample]:
    """The turns since the character spoke last."""
    at = max((i for i, turn in enumerate(turns) if turn.track == own), default=-1)
    return list(turns[at + 1 :])


def tidy(said: str, character: Character) -> str:
    """What was said without the speaker's name before it, quotation marks around it and a sentence that was cut off.

    Whole sentences are kept as far as the character's limits go; a first sentence that is longer is kept for the checks
    to refuse.
    """
    text = re.sub(rf"^\s*{re.escape(character.name)}\s*:\s*", "", said.strip()).strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    kept = ""
    for sentence in (sentences(text) or [text])[: character.limits.sentences]:
        longer = f"{kept} {sentence}"
        if kept and len(words(longer)) > character.limits.words:
            break
        kept = longer
    return " ".join(kept.split())


def fresh(text: str, earlier: Sequence[str]) -> str:
    """The sentences of a text that neither it nor an earlier reply has said before; the whole text if there is none."""
    said = {tuple(words(sentence)) for reply in earlier for sentence in sentences(reply)}
    kept = []
    for sentence in sentences(text):
        if (heard := tuple(words(sentence))) not in said:
            kept.append(sentence)
            said.add(heard)
    return " ".join(kept) or text
