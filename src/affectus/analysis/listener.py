"""A conversation that is read while it goes on: one turn at a time, an answer at every turn, nothing from ahead."""

from __future__ import annotations

from typing import Any

from affectus.affect import Affect
from affectus.analysis.read_dialogue import first_heard
from affectus.analysis.settings import READERS
from affectus.errors import ConfigError
from affectus.registry import load
from affectus.sample import Sample


class Listener:
    """Reads a conversation turn by turn; each answer is the one that the whole conversation gives, read past-only.

    A turn is encoded once; what was said before it is kept, at most `read_dialogue.MOST` turns of it.

    Args:
        reader: Checkpoint, or a loaded reader that was trained to read from the past.
        source: Name of the conversation in the readings.

    Raises:
        ConfigError: If the reader can't read from the past alone.

    Example:
        listener = Listener()
        listener.hear("I got the job!", "Ann").labels
    """

    def __init__(self, reader: str | Any = READERS["dialogue"], source: str = "conversation") -> None:
        loaded: Any = load(reader) if isinstance(reader, str) else reader
        if not hasattr(loaded, "answer"):
            raise ConfigError(f"{loaded.name} does not read a conversation while it goes on", allowed="emotionic")
        self.reader, self.source = loaded.seeing("past"), source
        self.count = 0
        self._turns: list[Sample] = []
        self._states: list[Any] = []

    def hear(
        self, text: str, speaker: str | None = None, start: float | None = None, end: float | None = None
    ) -> Affect:
        """The reading of the next turn.

        Args:
            text: What is said.
            speaker: Who says it; None is somebody who spoke never before.
            start: Seconds, where known.
            end: Seconds, half-open.
        """
        at = self.count
        first = first_heard(at)
        forgotten = len(self._turns) - (at - first)
        self._turns, self._states = self._turns[forgotten:], self._states[forgotten:]
        turn = Sample(
            id=f"{self.source}#{at}", source=self.source, item=at, text=text, track=speaker, start=start, end=end
        )
        read, state = self.reader.answer([*self._turns, turn], self._states)
        self._turns.append(turn)
        self._states.append(state)
        self.count += 1
        return read[0]
