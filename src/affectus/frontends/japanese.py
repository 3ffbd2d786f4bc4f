"""The tokenizer of the Japanese BERTs: morphemes by MeCab with IPADic, then WordPiece, with offsets into the text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectus.errors import CheckpointError
from affectus.frontends.segment import morphemes

if TYPE_CHECKING:
    from tokenizers import Tokenizer


_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class _Morphemes:
    """Cuts a text for the `tokenizers` package."""

    def pre_tokenize(self, text: Any) -> None:
        text.split(self._cut)

    def _cut(self, number: int, part: Any) -> list[Any]:
        whole, at, out = str(part), 0, []
        for word in morphemes(whole):
            start = whole.index(word, at)
            at = start + len(word)
            out.append(part[start:at])
        return out


def japanese_tokenizer(vocabulary: Path | str, settings: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer of a Japanese BERT as one of the `tokenizers` package, which gives offsets.

    The first models don't name their dictionary; it is IPADic. transformers from version 5 on takes UniDic there, which
    cuts differently, so this one does not go through it.

    Args:
        vocabulary: `vocab.txt`, a piece a line.
        settings: What stands in `tokenizer_config.json`.

    Raises:
        CheckpointError: If the vocabulary can't be read, or was made by another way of cutting.
        MissingDependency: Without the extra `ja`.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    dictionary = (settings.get("mecab_kwargs") or {}).get("mecab_dic", "ipadic")
    how = (settings["word_tokenizer_type"], dictionary, settings.get("subword_tokenizer_type", "wordpiece"))
    if how != ("mecab", "ipadic", "wordpiece"):
        raise CheckpointError(
            f"the vocabulary {str(vocabulary)!r} was made with {', '.join(map(str, how))}",
            allowed="mecab, ipadic, wordpiece",
        )
    morphemes("")  # the packages are there
    try:
        pieces = Path(vocabulary).read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{str(vocabulary)!r} can't be read ({error})", remedy="fetch the model again") from None
    ids = {piece: i for i, piece in enumerate(pieces)}
    missing = [token for token in _SPECIAL if token not in ids]
    if missing:
        raise CheckpointError(f"{str(vocabulary)!r} lacks {', '.join(missing)}", remedy="fetch the model again")
    core = Tokenizer(models.WordPiece(vocab=ids, unk_token="[UNK]", max_input_chars_per_word=100))
    lower = [normalizers.Lowercase()] if settings.get("do_lower_case", False) else []
    core.normalizer = normalizers.Sequence([normalizers.NFKC(), *lower])
    core.pre_tokenizer = pre_tokenizers.PreTokenizer.custom(_Morphemes())
    core.add_special_tokens(list(_SPECIAL))
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, ids[token]) for token in ("[CLS]", "[SEP]")],
    )
    return core
