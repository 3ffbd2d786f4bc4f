"""`Fault`: something wrong in a medium that was decoded all the same."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """A machine-readable remark on decoded data.

    Args:
        kind: One of the names below.
        start: First second that is touched, when the fault has a place in time.
        end: Last second, half-open.
        text: One clause for people.

    Sound: `silent`, `constant`, `clipped`, `non-finite-replaced`, `phase-cancelled` (channels cancel in the mono mix),
    `gap` (nothing was recorded; zeros stand there), `broken-audio` (undecodable packets; zeros stand there),
    `timestamps` (times jump and were mended).
    Pictures: `broken-frames`, `timestamps`, `constant`, `tiny`, `animated` (only the first picture is read),
    `orientation-unread`.
    Any medium: `truncated` (the file ends before its header says).
    Text: `encoding-guessed`, `empty-text`, `unknown-speaker`.
    """

    kind: str
    start: float | None = None
    end: float | None = None
    text: str = ""


class FaultSpans:
    """Collects single broken places and merges neighbours, so that a long damage is one fault."""

    def __init__(self, kind: str, noun: str, join: float = 1.0) -> None:
        self.kind = kind
        self.noun = noun
        self.join = join
        self._spans: list[list[float]] = []  # start, end, count

    def add(self, start: float, end: float, count: int = 1) -> None:
        """Note `count` broken pieces between two times (seconds)."""
        last = self._spans[-1] if self._spans else None
        if last and last[0] - self.join <= start <= last[1] + self.join:
            last[0], last[1], last[2] = min(last[0], start), max(last[1], end), last[2] + count
        else:
            self._spans.append([start, end, count])

    def __bool__(self) -> bool:
        return bool(self._spans)

    def hit(self, start: float, end: float) -> bool:
        """Whether something is broken between two times."""
        return any(s <= end and e >= start for s, e, _ in self._spans)

    def faults(self) -> list[Fault]:
        """One fault a merged span."""
        return [Fault(self.kind, s, e, f"{int(n)} {self.noun}") for s, e, n in self._spans]
