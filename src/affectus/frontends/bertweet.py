"""BERTweet's way with a post (Nguyen et al. 2020, EMNLP demos): tweet words, and its byte-pair encoding made fast."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from affectus.errors import CheckpointError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")  # ids 0 to 3
_END = "</w>"


def bertweet_words(text: str) -> str:
    """A post as BERTweet saw it: tweet words with spaces between, users, links and emoji replaced, clitics apart.

    It runs the normalisation that comes with transformers, without a tokenizer's files.
    """
    return _normalizer()(text)


@lru_cache(maxsize=1)
def _normalizer() -> Callable[[str], str]:
    from emoji import demojize
    from transformers.models.bertweet.tokenization_bertweet import BertweetTokenizer, TweetTokenizer

    parts = SimpleNamespace(
        tweetPreprocessor=TweetTokenizer(), special_puncts={"’": "'", "…": "..."}, demojizer=demojize
    )
    parts.normalizeToken = lambda token: BertweetTokenizer.normalizeToken(parts, token)
    return lambda text: BertweetTokenizer.normalizeTweet(parts, text)


def bertweet_tokenizer(vocabulary: Path | str, codes: Path | str) -> Tokenizer:
    """BERTweet's tokenizer as one of the `tokenizers` package, which gives offsets and is fast.

    The original writes a piece inside a word as `piece@@`; here the last piece of a word has an end mark instead. A
    merge may give a piece that the vocabulary lacks; it gets an id behind the vocabulary, to be read as unknown.

    Args:
        vocabulary: `vocab.txt`: a piece and its count a line.
        codes: `bpe.codes`: two pieces and their count a line, in order of merging.

    Raises:
        CheckpointError: If a file is missing or has another form.
    """
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors

    ids = {token: number for number, token in enumerate(_SPECIAL)}
    for line in _lines(vocabulary):
        piece = line[: line.rfind(" ")]
        ids.setdefault(piece.removesuffix("@@") if piece.endswith("@@") else piece + _END, len(ids))
    ids["<mask>"] = len(ids)
    merges = [(first, second) for first, second, *_ in (line.split() for line in _lines(codes))]
    for first, second in merges:
        for piece in (first, second, first + second):
            ids.setdefault(piece, len(ids))
    made = Tokenizer(models.BPE(vocab=ids, merges=merges, unk_token="<unk>", end_of_word_suffix=_END))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens([AddedToken(token, special=True) for token in (*_SPECIAL, "<mask>")])
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return made


def _lines(path: Path | str) -> list[str]:
    try:
        lines = [line for line in Path(path).read_text(encoding="utf-8").split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{str(path)!r} can't be read ({error})", remedy="fetch the tokenizer again") from None
    if any(" " not in line.strip() for line in lines):
        raise CheckpointError(f"{str(path)!r} is no file of BERTweet's tokenizer", allowed="pieces and a count a line")
    return lines
