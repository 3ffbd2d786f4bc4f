"""Turns with their neighbours: each turn of a dialogue as tokens among those before and after it.

The layout is EmoBERTa's (Kim and Vossen 2021, arXiv:2108.12009) without names: start, turns before, separator, the
turn, separator, turns after, end; the separator is what the tokenizer puts between two texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from affectus.batch import Batch
from affectus.errors import ConfigError
from affectus.frontends.tokens import TextCollate, gold_rows
from affectus.sample import Dialogue, Item, Sample, flatten


@dataclass(frozen=True)
class ContextCollate(TextCollate):
    """Makes batches of turns, one row a turn; what does not fit is left out.

    `inputs`: `ids`, `valid` (turns, tokens) as in `TextCollate`; `content` (turns, tokens) bool, True where a token is
    of the turn itself. `notes` are (text, flags) of each turn. A turn without a text has no content and is `empty`.

    Args:
        before: Turns before that are read, nearest first, as many as fit whole.
        after: Turns after; 0 reads no future.
    """

    before: int = 1
    after: int = 1

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate dialogues; a sample is a dialogue of one turn."""
        samples = flatten(items)
        inputs, notes = self.rows(items)
        gold = {t.scale: gold_rows(samples, t.scale, t.perspective) for t in self.targets}
        return Batch(inputs, {k: v for k, v in gold.items() if v is not None}, [s.span for s in samples], notes)

    def rows(self, items: Sequence[Item]) -> tuple[dict[str, np.ndarray], list[tuple[str, tuple[str, ...]]]]:
        """`inputs` and `notes` of all turns."""
        lines: list[tuple[list[int], int, int]] = []
        notes: list[tuple[str, tuple[str, ...]]] = []
        for item in items:
            turns = item.turns if isinstance(item, Dialogue) else (item,)
            encoded = self.encode([_written(turn) for turn in turns])
            pieces = [tokens.windows[0].ids for tokens in encoded]
            for at, tokens in enumerate(encoded):
                lines.append(self._line(pieces, at))
                kept = lines[-1][2] - lines[-1][1]
                cut = "truncated" not in tokens.flags and (len(tokens.windows) > 1 or kept < len(pieces[at]))
                notes.append((tokens.text, (*tokens.flags, *(("truncated",) if cut else ()))))
        longest = max((len(ids) for ids, _, _ in lines), default=1)
        ids = np.full((len(lines), longest), self.padding, np.int64)
        valid, content = np.zeros(ids.shape, bool), np.zeros(ids.shape, bool)
        for row, (line, start, end) in enumerate(lines):
            ids[row, : len(line)] = line
            valid[row, : len(line)] = True
            content[row, start:end] = True
        return {"ids": ids, "valid": valid, "content": content}, notes

    def _line(self, pieces: Sequence[list[int]], at: int) -> tuple[list[int], int, int]:
        """Ids of a turn in its context, and where the turn itself starts and ends among them."""
        first, between, last = _frame(self.tokenizer)
        room = self.max_length - len(first) - len(last) - len(between) * (bool(self.before) + bool(self.after))
        if room < 1:
            raise ConfigError(f"max_length is {self.max_length}", allowed="more than the special tokens of a window")
        turn = pieces[at][:room]
        room -= len(turn)
        sides: dict[int, list[list[int]]] = {-1: [], 1: []}
        full = set()
        for distance in range(1, max(self.before, self.after) + 1):
            for way, most in ((-1, self.before), (1, self.after)):
                to = at + way * distance
                if way in full or distance > most or not 0 <= to < len(pieces):
                    continue
                if len(pieces[to]) > room:
                    full.add(way)
                    continue
                sides[way].append(pieces[to])
                room -= len(pieces[to])
        line = [*first, *(i for piece in reversed(sides[-1]) for i in piece), *(between if self.before else ())]
        start = len(line)
        line += turn
        end = len(line)
        line += [*(between if self.after else ()), *(i for piece in sides[1] for i in piece), *last]
        return line, start, end


def _written(turn: Sample) -> Sample:
    return turn if turn.text is not None else replace(turn, text="")


@lru_cache(maxsize=8)
def _frame(tokenizer: str) -> tuple[list[int], list[int], list[int]]:
    """Special tokens at the start, between two texts and at the end."""
    probe = TextCollate(tokenizer)._parts.tokenizer.encode("a", "a")
    special = np.array(probe.special_tokens_mask, bool)
    a, *_, b = np.flatnonzero(~special)
    between = [i for i, s in zip(probe.ids[a:b], special[a:b], strict=True) if s]
    return probe.ids[:a], between, probe.ids[b + 1 :]
