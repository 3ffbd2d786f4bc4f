"""Quotes with the words that moved the reading shaded by their weight."""

from __future__ import annotations

import re
from collections.abc import Iterable

from markupsafe import Markup, escape

from affectus.affect import Evidence

_LONGEST = 600  # characters of a quote; a one-line file of 50 MB must not fill the page
_STEPS = 5


def shaded(text: str, evidence: Iterable[Evidence] = ()) -> Markup:
    """The text as HTML, each evidence word marked in one of five strengths; words that spoke against it are underlined.

    Words are found from left to right as whole words; one that does not occur is left out.

    Args:
        text: What was read; cut after 600 characters.
        evidence: Rows of kind `word` with their weights count, others do not.
    """
    shown = text if len(text) <= _LONGEST else text[:_LONGEST].rsplit(" ", 1)[0] + " …"
    words = [e for e in evidence if e.kind == "word" and e.text and e.weight]
    most = max((abs(e.weight or 0) for e in words), default=0)
    taken: list[tuple[int, int, float]] = []
    for word in sorted(words, key=lambda e: -abs(e.weight or 0)):
        pattern = rf"(?<!\w){re.escape(word.text or '')}(?!\w)"
        for found in re.finditer(pattern, shown, re.IGNORECASE):
            if not any(a < found.end() and found.start() < b for a, b, _ in taken):
                taken.append((found.start(), found.end(), (word.weight or 0) / most))
                break
    out, at = [], 0
    for start, end, share in sorted(taken):
        step = max(1, round(abs(share) * _STEPS))
        sign = "for" if share > 0 else "against"
        mark = f'<mark class="{sign} w{step}">{escape(shown[start:end])}</mark>'
        out += [escape(shown[at:start]), Markup(mark)]
        at = end
    return Markup("").join([*out, escape(shown[at:])])
