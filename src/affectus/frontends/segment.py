"""Texts → words, also in languages that are written without spaces."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from affectus.errors import check_option, require
from affectus.frontends.tokens import WORD

SEGMENTERS = ("spaces", "ja")


def segmenter(name: str) -> Callable[[str], list[str]]:
    """A function that cuts a text into words and punctuation.

    Args:
        name: `spaces`: lower-cased runs of letters and digits, and of signs; `ja`: Japanese morphemes by MeCab with the
            dictionary IPADic, as they are written.

    Raises:
        InputError: If there is no such segmenter.
        MissingDependency: If `ja` is asked for without the extra of that name.
    """
    check_option("segment", name, SEGMENTERS)
    return _spaces if name == "spaces" else morphemes


def _spaces(text: str) -> list[str]:
    return WORD.findall(text.lower())


def morphemes(text: str) -> list[str]:
    """Japanese morphemes as they are written.

    Raises:
        MissingDependency: Without the extra `ja`.
    """
    return [str(word.surface) for word in tagger()(text)]


def tagged(text: str) -> list[tuple[str, str]]:
    """Japanese morphemes with their part of speech in IPADic's words, for example `名詞`.

    Raises:
        MissingDependency: Without the extra `ja`.
    """
    return [(str(word.surface), str(word.feature[0])) for word in tagger()(text)]


@cache
def tagger() -> Any:
    """MeCab with IPADic: another dictionary cuts differently, and then a published vocabulary no longer fits."""
    fugashi = require("fugashi", extra="ja", purpose="cutting Japanese into words")
    ipadic = require("ipadic", extra="ja", purpose="cutting Japanese into words")
    return fugashi.GenericTagger(ipadic.MECAB_ARGS)
