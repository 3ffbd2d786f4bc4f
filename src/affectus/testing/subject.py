"""What a check works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affectus.registry import Entry
from affectus.sample import Item
from affectus.system import System
from affectus.timeline import Timeline

TOLERANCE = 1e-4  # of scores and outputs that should be the same by another way


class Skip(Exception):
    """The check does not apply."""


@dataclass
class Subject:
    """A freshly built system under test.

    Args:
        name: `system/variant`.
        entry: What the registry knows of it.
        modality: Of the items.
        system: With seeded weights.
    """

    name: str
    entry: Entry
    modality: str
    system: System

    def items(self, n: int = 4, seed: int = 0) -> list[Item]:
        """Items that the system can read, with gold."""
        from affectus.testing.items import synthetic_items

        return synthetic_items(self.system, self.modality, n, seed)

    def read(self, items: list[Item], batch_size: int) -> Timeline:
        """The system's readings."""
        return self.system.read(items, batch_size=batch_size)

    def descends(self) -> bool:
        """Whether it has a loss; else it is fitted in closed form, or not at all."""
        return type(self.system).loss is not System.loss


def need_reader(subject: Subject) -> None:
    """Skip unless the system is a reader."""
    if "reader" not in subject.entry.card.roles:
        raise Skip("not a reader")


def same(a: Timeline, b: Timeline, tolerance: float, what: str) -> None:
    """Assert that two timelines have the same scores.

    Args:
        a: One.
        b: The other.
        tolerance: Largest gap that is allowed.
        what: For the message.
    """
    assert len(a) == len(b), f"{what}: {len(a)} rows against {len(b)}"
    for of in a.scales:
        gap = np.abs(np.nan_to_num(a.scores(of.name)) - np.nan_to_num(b.scores(of.name))).max(initial=0)
        assert gap <= tolerance, f"{what}: scores on {of.name} differ by {gap:.2g}, more than {tolerance:g}"
