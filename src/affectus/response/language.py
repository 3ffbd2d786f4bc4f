"""Whether words are English, which is all that the readers here were trained on: a rule, not a model."""

from __future__ import annotations

from affectus.response.tables import words

ENGLISH = "en"
_COMMON = frozenset(
    """
    a about after again all also always am an and any are aren't as at back be because been before being but by can
    can't could couldn't day did didn't do does doesn't doing don't down even every feel for from get go going good
    got had has have haven't having he he's hello her here hey hi him his how i i'd i'll i'm i've if in into is
    isn't it it's just know let like made make me more most much my need never new no not now of off oh ok okay on
    one only or other our out over please really right said same say see she she's should so some still such take
    than thank thanks that that's the their them then there there's these they they're thing think this those time
    to today tomorrow too tonight up us very want was wasn't we well went were what what's when where which who why
    will with without won't would wouldn't yeah yes yesterday you you're your yours
    """.split()  # noqa: SIM905
)
_SURE = 4  # words that a turn needs before it is judged


def foreign(text: str) -> bool:
    """Whether a turn does not look English: other letters, or four words and more without a common English one.

    Short turns of Latin letters count as English.
    """
    letters = [c for c in text if c.isalpha()]
    if letters and sum(not c.isascii() for c in letters) > 0.3 * len(letters):
        return True
    found = words(text)
    return len(found) >= _SURE and sum(word in _COMMON for word in found) < 0.15 * len(found)
