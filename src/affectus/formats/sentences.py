"""Where sentences begin and end: rules for scripts with and without spaces, in linear time and bounded memory."""

from __future__ import annotations

import re
from collections.abc import Iterator

from affectus.errors import InputError

MAX_CHARS = 1000
"""Longest sentence by default; readers see some hundred tokens at once."""

_CLOSERS = "\"'”’»›)\\]}」』）】》〉"
_EMOJI = "\u2600-\u27bf\U0001f000-\U0001faff\U000e0020-\U000e007f\u200d\ufe0f\u20e3"
_STOPS = ".!?…‼⁇⁈⁉؟۔।॥։"
_WIDE = "。！？｡．"  # of scripts that put no space behind a sentence
_CANDIDATE = re.compile(rf"[{_STOPS}{_WIDE}\n]")
_RUN = re.compile(rf"[{_STOPS}{_WIDE}]+[{_CLOSERS}]*")
_AFTER_STOP = re.compile(rf"\s|[{_EMOJI}]|\Z")
_TRAILING_EMOJI = re.compile(rf"(?:[^\S\n]*[{_EMOJI}]+)+")
_SPACE = re.compile(r"\s*")
_CLOSING = frozenset("\"'”’»›)]}」』）】》〉")
_OPENERS = "\"'“‘«‹([{「『（【《〈¿¡*_-–—#>"
_BULLET = re.compile(r"(?:[-–—*•‣▪·>#]+|\(?\d{1,3}[.)]|[A-Za-z][.)])\s")
_WRAPPED = 55  # characters: a line of prose at least this long was probably broken by an editor


def _words(listing: str) -> frozenset[str]:
    return frozenset(listing.split())


# Never at a sentence's end.
_TITLES = _words(
    "mr mrs ms mx dr prof rev hon st gen col capt lt sgt maj cmdr sen rep gov pres messrs mme mlle sr.a hr fr "
    "frau herr e.g i.e vs cf viz approx ca z.b d.h u.a bzw bspw p.ex"
)
# At a sentence's end only when a capital follows.
_COMMON = _words(
    "etc inc ltd co corp jr sr ph.d b.a m.a u.s u.k u.n a.m p.m al est dept univ assn bros usw jan feb mar apr "
    "jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun"
)
# Abbreviations in front of a number, ordinary words elsewhere.
_BEFORE_NUMBER = _words("no nos nr vol p pp fig figs art sec ch eq ref")


def sentences(text: str, max_chars: int = MAX_CHARS) -> list[tuple[int, int, str]]:
    """Split a text into sentences.

    Abbreviations, initials, decimals, ellipses before a small letter and quoted exclamations inside a sentence do not
    end one; a blank line, a list item and the end of a short line do. Emoji behind a sentence belong to it. All
    characters but white space are in exactly one sentence.

    Args:
        text: Any text.
        max_chars: Longer sentences are cut, best at a clause, else at a space.

    Returns:
        (first character, last character + 1, sentence) with `text[first:last] == sentence`, in order.

    Raises:
        InputError: If `max_chars` is below 1.
    """
    return list(iter_sentences(text, max_chars))


def iter_sentences(text: str, max_chars: int = MAX_CHARS) -> Iterator[tuple[int, int, str]]:
    """As `sentences`, one at a time."""
    if max_chars < 1:
        raise InputError(f"max_chars is {max_chars}", allowed="1 or more")
    for start, end in _spans(text):
        for a, b in _cut(text, start, end, max_chars):
            yield a, b, text[a:b]


def _spans(text: str) -> Iterator[tuple[int, int]]:
    start = line_start = place = _skip_space(text, 0)
    while candidate := _CANDIDATE.search(text, place):
        stop = candidate.start()
        if text[stop] == "\n":
            following = _skip_space(text, stop + 1)
            blank = text.find("\n", stop + 1, following) >= 0
            ends = blank or following >= len(text) or _line_ends(text, stop, following, line_start)
            cut, line_start = stop, following
        else:
            run = _RUN.match(text, stop)
            cut = run.end() if run else stop + 1
            if emoji := _TRAILING_EMOJI.match(text, cut):
                cut = emoji.end()
            elif text[stop] not in _WIDE and not _AFTER_STOP.match(text, cut):
                place = cut  # inside a number or a name
                continue
            following = _skip_space(text, cut)
            ends = following >= len(text) or _mark_ends(text, stop, run.end() if run else cut, following, line_start)
            if text.find("\n", cut, following) >= 0:
                following = cut  # the line's end is a candidate of its own
        if ends:
            end = _rstrip(text, start, cut)
            if end > start:
                yield start, end
            start = _skip_space(text, cut)
        place = max(following, cut)
    end = _rstrip(text, start, len(text))
    if end > start:
        yield start, end


def _mark_ends(text: str, stop: int, end: int, following: int, line_start: int) -> bool:
    """Whether the punctuation text[stop:end] ends a sentence; the next word begins at `following`."""
    mark, after = text[stop:end], text[following : following + 8]
    quoted = mark[-1] in _CLOSING
    if mark[0] in _WIDE:
        return after[0] not in "、，," and not (quoted and after[0] in "とのはがをにで")
    if after[0] in ",;:)":
        return False
    small = _opened(after).islower()
    if "." not in mark and "…" not in mark:
        return not (quoted and small)  # “Stop!” he said
    if mark == ".":
        return _full_stop(text, stop, line_start, after, small)
    return not small  # a quotation or an ellipsis within the sentence


def _full_stop(text: str, dot: int, line_start: int, after: str, small: bool) -> bool:
    before_dot = text[max(line_start, dot - 24) : dot].split()
    word = before_dot[-1].lstrip(_OPENERS) if before_dot else ""
    low = word.lower().strip("'’-")
    if low in _TITLES:
        return False
    if low in _COMMON:
        return not small and not after[0].isdigit()
    if low in _BEFORE_NUMBER and after[0].isdigit():
        return False
    if word.isdigit() and text[line_start:dot].strip() == word:
        return False  # “1. Wash your hands”: the number of a list item
    if len(word) == 1 and word.isalpha() and word.isupper():  # an initial, unless it is the pronoun: “taller than I.”
        before = text[max(0, dot - 3) : dot - 1]
        return word == "I" and bool(before.strip()) and before.strip()[-1].islower()
    # An inner dot marks an abbreviation (“U.S.A. and”), but a new sentence may follow it all the same.
    return not (small and "." in word)


def _line_ends(text: str, newline: int, following: int, line_start: int) -> bool:
    if _BULLET.match(text, following, following + 12):
        return True
    if text[following].islower():
        return False
    wrapped = newline - line_start >= _WRAPPED
    return not wrapped or not (text[newline - 1].isalnum() or text[newline - 1] in ",;")


def _opened(after: str) -> str:
    """The first character behind opening quotes."""
    return after.lstrip(_OPENERS)[:1] or after[:1]


def _cut(text: str, start: int, end: int, limit: int) -> Iterator[tuple[int, int]]:
    while end - start > limit:
        window = text[start : start + limit + 1]
        half = limit // 2
        cut = max(window.rfind(mark, half) for mark in (", ", "; ", ": ", "、", "，", "\n")) + 1
        cut = cut or window.rfind(" ", half) + 1 or limit
        cut = _whole_character(text, start, min(cut, limit))
        stop = _rstrip(text, start, start + cut)
        yield start, stop
        start = _skip_space(text, start + cut)
    if end > start:
        yield start, end


def _whole_character(text: str, start: int, cut: int) -> int:
    """Move a cut back to before a joined emoji or a letter with combining marks."""
    back = cut
    while back > max(1, cut - 16) and (text[start + back] in _JOINERS or text[start + back - 1] == "\u200d"):
        back -= 1
    return back


_JOINERS = frozenset(["\u200d", "\ufe0f", "\u20e3", *map(chr, range(0x300, 0x370)), *map(chr, range(0x1F3FB, 0x1F400))])


def _skip_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _rstrip(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1].isspace():
        end -= 1
    return end
