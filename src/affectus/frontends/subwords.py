"""A subword vocabulary that a system learns from its own training texts: byte-pair merges over UTF-8 bytes.

Every text has tokens, none is unknown, and decoding gives the text back, in small letters. All of it follows from pairs
of token numbers, so that a checkpoint keeps it as a tensor among its weights (Sennrich et al. 2016, arXiv:1508.07909).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD, START, END = range(3)
_MARKS = ("<pad>", "<s>", "</s>")
BYTES = len(_MARKS) + 256
"""Tokens before the first merge."""


@dataclass(frozen=True)
class Subwords:
    """A vocabulary; picklable, and opened once in each process.

    Args:
        merges: (merges, 2) int32 as bytes: the two tokens that each merge joins, in the order of merging. What it makes
            gets the next number from `BYTES` on, if it has none. Rows of zeros are not used.
    """

    merges: bytes = b""

    @classmethod
    def of(cls, merges: np.ndarray) -> Subwords:
        """From an array (merges, 2)."""
        return cls(np.ascontiguousarray(merges, np.int32).tobytes())

    @property
    def size(self) -> int:
        """Number of tokens, marks included."""
        return _opened(self.merges).get_vocab_size()

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token numbers of each text, without marks."""
        return [found.ids for found in _opened(self.merges).encode_batch([*texts], add_special_tokens=False)]

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of some tokens; marks and bytes that are no letter are left out."""
        kept = [token for token in tokens if token > END]
        return _opened(self.merges).decode(kept).replace("\ufffd", "").strip()


def learn(texts: Iterable[str], size: int) -> np.ndarray:
    """Merges of a vocabulary of `size` tokens, (size − `BYTES`, 2) int32; zeros where the texts give fewer."""
    from tokenizers import trainers

    core = _core({}, [])
    core.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=[*_MARKS],
            initial_alphabet=_alphabet(),
            show_progress=False,
            min_frequency=2,
        ),
    )
    numbers = _numbers()
    out = np.zeros((size - BYTES, 2), np.int32)
    found = json.loads(core.to_str())["model"]["merges"][: len(out)]
    for row, (left, right) in zip(out, found, strict=False):
        row[:] = numbers[left], numbers[right]
        numbers.setdefault(left + right, len(numbers))
    return out


def _numbers() -> dict[str, int]:
    """Piece → its number, before the first merge."""
    return {piece: i for i, piece in enumerate((*_MARKS, *_alphabet()))}


@lru_cache(maxsize=1)
def _alphabet() -> list[str]:
    from tokenizers import pre_tokenizers

    return sorted(pre_tokenizers.ByteLevel.alphabet())


@lru_cache(maxsize=8)
def _opened(merges: bytes) -> Tokenizer:
    numbers = _numbers()
    pieces, pairs = [*numbers], []
    for left, right in np.frombuffer(merges, np.int32).reshape(-1, 2).tolist():
        if left:
            pairs.append((pieces[left], pieces[right]))
            if (made := pieces[left] + pieces[right]) not in numbers:
                numbers[made] = len(numbers)
                pieces.append(made)
    return _core(numbers, pairs)


def _core(numbers: dict[str, int], pairs: list[tuple[str, str]]) -> Tokenizer:
    """Marks are in no text: what is written like one is letters like others."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    core = Tokenizer(models.BPE(vocab=numbers, merges=pairs))
    core.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    core.decoder = decoders.ByteLevel()
    return core
