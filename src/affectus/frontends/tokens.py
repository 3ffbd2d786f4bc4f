"""Texts → token ids, without torch: windows instead of truncation, and the place of every token in its text."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from affectus.batch import Batch
from affectus.errors import CheckpointError, ConfigError, InputError
from affectus.sample import Item, Sample, flatten
from affectus.taxonomy import Perspective, Target, scale

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_WINDOWS = 64  # windows of one text; 64 × 128 tokens are about twelve printed pages
_LETTERS_A_TOKEN = 12  # more than any language needs on average; bounds the work on a 50 MB line
WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]+")  # a word, or punctuation and symbols that stand together


class Window(NamedTuple):
    """A stretch of a text that is encoded at once.

    Args:
        ids: Token ids without the special ones.
        offsets: First and last (exclusive) character of each token in its text.
    """

    ids: list[int]
    offsets: list[tuple[int, int]]


class Tokens(NamedTuple):
    """A text as the encoder sees it.

    Args:
        text: The text.
        windows: One window, or several for a long text; one empty window for an empty text.
        flags: `empty`, `truncated`.
    """

    text: str
    windows: list[Window]
    flags: tuple[str, ...]

    def words(self) -> tuple[list[str], np.ndarray]:
        """Words, and for each token of all windows the number of its word."""
        spans = [match.span() for match in WORD.finditer(self.text)]
        starts = [start for start, _ in spans]
        # By its last letter: the first one may be the space before the word, which some tokenizers count to the word.
        numbers = [max(bisect_right(starts, max(a, b - 1)) - 1, 0) for w in self.windows for a, b in w.offsets]
        return [self.text[a:b] for a, b in spans], np.asarray(numbers, np.int64)


@dataclass(frozen=True)
class TextCollate:
    """Makes batches of texts: a picklable object that loads its tokenizer by name in each process.

    `inputs` of a batch, one row a window: `ids` (rows, tokens) int64; `valid` (rows, tokens) bool, True where a token
    is; `content` (rows, tokens) bool, True where it is a token of the text and not a special one. `targets` has the
    gold scores of each row by scale name, if every item has gold. `notes` is the list of `Tokens`.

    Args:
        tokenizer: A `tokenizer.json`, or a reference to a backbone, whose tokenizer is taken.
        targets: Scales whose gold is collected.
        max_length: Tokens of one window, special ones included.
    """

    tokenizer: str
    targets: tuple[Target, ...] = ()
    max_length: int = 128

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate samples, or the turns of dialogues."""
        samples = flatten(items)
        notes = self.encode(samples)
        inputs = self.pad([window for tokens in notes for window in tokens.windows])
        repeats = [len(tokens.windows) for tokens in notes]
        targets = {
            t.scale: np.repeat(rows, repeats, axis=0)
            for t in self.targets
            if (rows := gold_rows(samples, t.scale, t.perspective)) is not None
        }
        return Batch(inputs, targets, [sample.span for sample in samples], notes)

    def encode(self, samples: Sequence[Sample]) -> list[Tokens]:
        """Token windows of each sample's text.

        Raises:
            InputError: If a sample has no text.
        """
        texts = []
        for sample in samples:
            if sample.text is None:
                raise InputError(f"sample {sample.id!r} has no text", remedy="transcribe it first")
            texts.append(sample.text)
        limit = MAX_WINDOWS * self.max_length * _LETTERS_A_TOKEN
        seen = [text[:limit] if text.strip() else "" for text in texts]  # white space alone is no text
        encodings = self._parts.tokenizer.encode_batch(seen, add_special_tokens=False)
        return [self._windows(text, found, len(text) > limit) for text, found in zip(texts, encodings, strict=True)]

    def owned(self, samples: Sequence[Sample]) -> tuple[dict[str, np.ndarray], list[Tokens]]:
        """Arrays of the windows of some texts with `owner` (windows,), the text of each, and the texts as encoded."""
        notes = self.encode(samples) if samples else []
        windows = [window for tokens in notes for window in tokens.windows]
        owner = [i for i, tokens in enumerate(notes) for _ in tokens.windows]
        return (self.pad(windows) if windows else _no_windows()) | {"owner": np.array(owner, np.int64)}, notes

    def first_windows(self, samples: Sequence[Sample]) -> tuple[dict[str, np.ndarray], list[Tokens]]:
        """Arrays of the first window of each text, no matter what follows it, and the texts as encoded."""
        notes = self.encode(samples) if samples else []
        return self.pad([tokens.windows[0] for tokens in notes]) if notes else _no_windows(), notes

    def pad(self, windows: Sequence[Window]) -> dict[str, np.ndarray]:
        """Arrays of some windows, as long as the longest."""
        before, after, padding = self._parts.before, self._parts.after, self._parts.padding
        longest = max(len(window.ids) for window in windows) + len(before) + len(after)
        ids = np.full((len(windows), longest), padding, np.int64)
        valid = np.zeros((len(windows), longest), bool)
        content = np.zeros((len(windows), longest), bool)
        for row, window in enumerate(windows):
            line = [*before, *window.ids, *after]
            ids[row, : len(line)] = line
            valid[row, : len(line)] = True
            content[row, len(before) : len(before) + len(window.ids)] = True
        return {"ids": ids, "valid": valid, "content": content}

    def lengths(self, samples: Sequence[Sample]) -> list[int]:
        """Number of tokens of each sample's longest window: what batches are sorted by."""
        return [max(len(window.ids) for window in tokens.windows) for tokens in self.encode(samples)]

    @property
    def mask(self) -> int:
        """Id of the token that hides another one.

        Raises:
            ConfigError: If the tokenizer has none.
        """
        found = next((i for t in ("[MASK]", "<mask>") if (i := self._parts.tokenizer.token_to_id(t)) is not None), None)
        if found is None:
            raise ConfigError(f"the tokenizer of {self.tokenizer!r} has no mask token", allowed="[MASK] or <mask>")
        return found

    @property
    def vocabulary(self) -> int:
        """Number of ids that the tokenizer gives."""
        return self._parts.tokenizer.get_vocab_size()

    def json(self) -> str:
        """The tokenizer as the text of a `tokenizer.json`."""
        return self._parts.tokenizer.to_str()

    def _windows(self, text: str, encoding: Any, cut: bool) -> Tokens:
        ids, offsets = ([], []) if text.isspace() else (encoding.ids, encoding.offsets)
        room = self.max_length - len(self._parts.before) - len(self._parts.after)
        if len(ids) <= room:
            return Tokens(text, [Window(ids, offsets)], (() if ids else ("empty",)) + (("truncated",) if cut else ()))
        words, at = encoding.word_ids, 0
        windows: list[Window] = []
        while at < len(ids) and len(windows) < MAX_WINDOWS:
            end = min(at + room, len(ids))
            whole = end
            while whole < len(ids) and whole > at + room // 2 and words[whole] == words[whole - 1]:
                whole -= 1  # never cut through a word, unless it fills half of the window
            end = whole if whole > at + room // 2 else end
            windows.append(Window(ids[at:end], offsets[at:end]))
            at = end
        return Tokens(text, windows, ("truncated",) if cut or at < len(ids) else ())

    @property
    def padding(self) -> int:
        """Token id that fills a short row."""
        return self._parts.padding

    @cached_property
    def _parts(self) -> _Parts:
        return _parts(self.tokenizer)

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}  # without the opened tokenizer


def _no_windows() -> dict[str, np.ndarray]:
    return {name: np.zeros((0, 1), kind) for name, kind in (("ids", np.int64), ("valid", bool), ("content", bool))}


def gold_rows(samples: Sequence[Sample], name: str, perspective: Perspective | None = None) -> np.ndarray | None:
    """Gold scores on a scale, (n, k) float32 with NaN where unknown; None if no sample has any.

    Args:
        samples: With gold or without.
        name: Of the scale.
        perspective: Whose feeling, where samples have gold from several.
    """
    out = np.full((len(samples), len(scale(name))), np.nan, np.float32)
    found = False
    for row, sample in enumerate(samples):
        if (scores := sample.judged(name, perspective)) is not None:
            out[row], found = scores, True
    return out if found else None


class _Parts(NamedTuple):
    tokenizer: Tokenizer
    before: list[int]
    after: list[int]
    padding: int


@lru_cache(maxsize=8)
def _parts(name: str) -> _Parts:
    """Tokenizer, special tokens before and after a text, padding id."""
    tokenizer = _open(name)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    probe = tokenizer.encode("a")
    first = probe.special_tokens_mask.index(0)
    last = len(probe.ids) - probe.special_tokens_mask[::-1].index(0)
    padding = next((i for t in ("[PAD]", "<pad>") if (i := tokenizer.token_to_id(t)) is not None), 0)
    return _Parts(tokenizer, probe.ids[:first], probe.ids[last:], padding)


def _open(name: str) -> Tokenizer:
    from tokenizers import Tokenizer

    path = Path(name)
    if path.suffix != ".json":
        from affectus import backbones

        path = Path(backbones.resolve(name).location) / "tokenizer.json"
        if not path.is_file():  # made in memory, or on the hub
            return _japanese(name) or _fast(backbones.tokenizer(name))
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust side raises a bare Exception
        raise CheckpointError(
            f"{str(path)!r} is no readable tokenizer ({error})", remedy="fetch or train it again"
        ) from error


def _japanese(name: str) -> Tokenizer | None:
    """The tokenizer of a Japanese BERT; None if the model is none."""
    from affectus import backbones
    from affectus.frontends.japanese import japanese_tokenizer

    file = backbones.file(name, "tokenizer_config.json")
    settings = json.loads(file.read_text(encoding="utf-8")) if file is not None else {}
    if "word_tokenizer_type" not in settings:
        return None
    return japanese_tokenizer(backbones.file(name, "vocab.txt") or "vocab.txt", settings)


def _fast(made: Any) -> Tokenizer:
    """The core of one of transformers' tokenizers; BERTweet's has none and is rebuilt from its files."""
    from tokenizers import Tokenizer

    if hasattr(made, "backend_tokenizer"):
        return Tokenizer.from_str(made.backend_tokenizer.to_str())
    from affectus.frontends.bertweet import bertweet_tokenizer

    return bertweet_tokenizer(made.vocab_file, made.merges_file)
