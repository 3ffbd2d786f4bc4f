"""Where an answer ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence


def until(pieces: Iterable[str], stop: Sequence[str]) -> Iterator[str]:
    """Pieces up to the first of the stop texts; what may be the beginning of one is held back until that is known."""
    stop = [text for text in stop if text]
    held = ""
    for piece in pieces:
        held += piece
        found = [at for at in (held.find(text) for text in stop) if at >= 0]
        if found:
            if held[: min(found)]:
                yield held[: min(found)]
            return
        keep = max((n for text in stop for n in range(1, len(text)) if held.endswith(text[:n])), default=0)
        ready = held[: len(held) - keep]
        if ready:
            yield ready
        held = held[len(held) - keep :]
    if held:
        yield held


def sentences(text: str) -> list[str]:
    """The sentences that have an end."""
    return [found.strip() for found in re.findall(r".+?[.!?…]+[\"'”’)\]]*(?=\s|$)", text, re.DOTALL)]


def whole(text: str, most: int) -> str:
    """The first sentences, each once and without one that was cut off; the text itself if none has an end."""
    return " ".join(list(dict.fromkeys(sentences(text)))[:most]) or text.strip()
