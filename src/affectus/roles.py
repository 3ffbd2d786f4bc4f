"""What a system can be asked to do. Code without parameters needs a role and no base class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from affectus.affect import Affect
from affectus.reply import Reply
from affectus.sample import Dialogue, Item, Sample
from affectus.timeline import Timeline


@runtime_checkable
class Reader(Protocol):
    """Reads affect from items."""

    def read(self, items: Iterable[Item | str]) -> Timeline:
        """One or more rows an item, in input order."""
        ...


@runtime_checkable
class EmotionModel(Protocol):
    """A small empathetic model: what a larger one is told to consider."""

    def emotions(self, context: Item | str) -> Mapping[str, float]:
        """Label → probability after a context: a text whose lines are turns, or a dialogue."""
        ...

    def token_weights(self, context: Item | str) -> Sequence[tuple[str, float]]:
        """Words or pieces of the context in their order, each with how much it counts for the emotion."""
        ...


@runtime_checkable
class Streamer(Protocol):
    """What a reader of voices may give besides: readings of sound while it arrives."""

    def stream(self, chunks: Iterable[tuple[float, np.ndarray]]) -> Iterator[Timeline]:
        """One row a window, as soon as the window has ended: what the sound as a whole gives, in constant memory."""
        ...


@runtime_checkable
class Explainer(Protocol):
    """Says in words what it sees, with evidence."""

    def explain(self, items: Iterable[Item], question: str | None = None) -> Timeline:
        """Rows with `text` and `evidence`."""
        ...


@runtime_checkable
class Responder(Protocol):
    """Answers a dialogue."""

    def respond(self, dialogue: Dialogue, intended: Affect | None = None) -> Reply:
        """The next turn, showing `intended` or a feeling of its own choice."""
        ...


@runtime_checkable
class Anonymizer(Protocol):
    """Hides who spoke."""

    def anonymize(self, samples: Iterable[Sample], rng: np.random.Generator | None = None) -> list[Sample]:
        """The same samples with other voices or faces."""
        ...


@runtime_checkable
class Animator(Protocol):
    """Moves a face."""

    def animate(self, samples: Iterable[Sample], emotion: Affect | Timeline | None = None) -> Timeline:
        """A timeline on a rig scale."""
        ...
