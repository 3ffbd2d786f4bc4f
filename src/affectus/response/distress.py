"""Turns in which a person may be in danger: an explicit set of rules.

The rules know wordings, in English, and nothing else: they are no diagnosis and no measure of risk. A turn that is
phrased in another way is missed, and a quotation or a story may be taken for the speaker's own plan.
"""

from __future__ import annotations

from dataclasses import dataclass

from affectus.response.tables import patterns, plain

KINDS = ("self-harm", "violence", "abuse")


@dataclass(frozen=True)
class Distress:
    """Why a person is needed.

    Args:
        kind: `self-harm`, `violence` (against others) or `abuse` (by others).
        words: What was found, in small letters.
    """

    kind: str
    words: str


def distress(text: str) -> Distress | None:
    """The first kind of danger that the words of a turn name, or None.

    Args:
        text: One turn.
    """
    found = plain(text)
    for saying in patterns("distress", "not"):
        found = saying.sub(" … ", found)
    for kind in KINDS:
        for pattern in patterns("distress", f"{kind}.patterns"):
            if match := pattern.search(found):
                return Distress(kind, match.group())
    return None
