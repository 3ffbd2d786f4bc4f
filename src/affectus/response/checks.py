"""What a reply is tested for before anybody sees it: explicit rules that know wordings and form, not meaning.

A reply that passes is not thereby right, kind or safe; a rule may also refuse a harmless one, and then another is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from affectus.response.language import foreign
from affectus.response.tables import patterns, plain, table, words

RUN = 6  # words in a row that count as copied
_FORMS = re.compile(
    r"https?:|www\.|\w@\w+\.\w"  # links and addresses
    r"|```|</?\w+[^>]*>|<\||\|>|\[/?INST|\[\[|^\s*[{\[]|^\s*#+\s"  # markup and marks of templates
    r"|(?m:^(?:import|def|class) )|[A-Za-z0-9+/]{24,}"  # code
)
_PARTS = re.compile(
    r"(?:you are|you're|act as|be|name is|called|praise|company)(?: now| my| an?| the)* ((?:[a-z]+ ?){1,3})"
)
_SAID = re.compile(r"\"([^\"]{3,})\"|'([^']{3,})'(?!\w)|:\s*([^:]{3,})$")


@dataclass(frozen=True)
class Situation:
    """What a reply is measured against.

    Args:
        turn: The turn that is answered.
        orders: What the model was told: scene and notes.
        earlier: Replies that were given before, newest last.
        never: Phrases that the persona excludes.
        most: Words that a reply may have.
        english: Whether the reply has to be English.
        feeling: That the reply is meant to show.
    """

    turn: str
    orders: str = ""
    earlier: Sequence[str] = field(default=())
    never: Sequence[str] = field(default=())
    most: int = 200
    english: bool = True
    feeling: str = ""


def faults(reply: str, situation: Situation, only: Iterable[str] = ()) -> list[str]:
    """What is wrong with a reply, as `check: detail`; empty if nothing is.

    Args:
        reply: What the model said.
        situation: The turn, the orders and the limits.
        only: Checks to make; all by default.
    """
    found = ((name, CHECKS[name](reply, situation)) for name in only or CHECKS)
    return [f"{name}: {detail}" for name, detail in found if detail]


def _empty(reply: str, situation: Situation) -> str:
    return "" if len(words(reply)) > 1 else f"{reply.strip()!r} says nothing"


def _repeats(reply: str, situation: Situation) -> str:
    """The same three words three times, a sentence or a part of one twice, or a sentence of an earlier reply again."""
    said = words(reply)
    runs = [tuple(said[at : at + 3]) for at in range(len(said) - 2)]
    for run in runs:
        if runs.count(run) > 2:
            return f"{' '.join(run)!r} three times"
    sentences = _sentences(reply)
    if len(set(sentences)) < len(sentences):
        return "a sentence twice"
    parts = [part for part in _parts(reply, r"[.!?,;]+") if " " in part]
    if len(set(parts)) < len(parts):
        return "a part of a sentence twice"
    before = {sentence for text in situation.earlier for sentence in _sentences(text)}
    return "a sentence of an earlier reply" if before & set(sentences) else ""


def _echoes(reply: str, situation: Situation) -> str:
    """Words of the turn given back: many in a row, or nothing else."""
    said, heard = words(reply), words(situation.turn)
    run = _common_run(said, heard)
    if len(run) >= RUN or (len(run) > 2 and len(run) >= 0.7 * len(said)):
        return repr(" ".join(run))
    return ""


def _leaks(reply: str, situation: Situation) -> str:
    """Words of the orders, or about them."""
    run = _common_run(words(reply), words(situation.orders))
    return repr(" ".join(run)) if len(run) >= RUN - 1 else _first("leak.patterns", reply)


def _obeys(reply: str, situation: Situation) -> str:
    """After a turn that gives orders: what was ordered to be said, the part that was to be played, or a yes to it."""
    turn = plain(situation.turn)
    if not any(pattern.search(turn) for pattern in patterns("checks", "orders.patterns")):
        return ""
    if found := _first("obedience.patterns", reply):
        return found
    said, heard = words(reply), words(turn)
    ordered = [words(next(filter(None, match))) for match in _SAID.findall(turn)]
    for payload in ordered:
        if payload and _inside(payload, said):
            return repr(" ".join(payload))
    run = _common_run(said, heard)
    if len(run) > 2 or (run and len(run) >= 0.5 * len(said)):
        return repr(" ".join(run))
    for part in _PARTS.findall(turn):
        played = [word for word in part.split() if len(word) > 2 and word not in _SMALL]
        if played and played[0] in said:
            return repr(played[0])
    return ""


def _unsafe(reply: str, situation: Situation) -> str:
    return _first("unsafe.patterns", reply)


def _form(reply: str, situation: Situation) -> str:
    """Links, code, markup, shouting, another language: nothing that one says."""
    if match := _FORMS.search(reply):
        return repr(match.group()[:20])
    letters = [c for c in reply if c.isalpha()]
    if len(letters) > 12 and sum(c.isupper() for c in letters) > 0.6 * len(letters):
        return "capitals"
    return "not English" if situation.english and foreign(reply) else ""


def _serves(reply: str, situation: Situation) -> str:
    """What a help desk says, to somebody who asks for no help."""
    return "" if "help" in words(situation.turn) else _first("service.patterns", reply)


def _tone(reply: str, situation: Situation) -> str:
    """Pity where gladness is meant, gladness where comfort is."""
    unfit = (name for name, row in table("checks")["tone"].items() if situation.feeling in row["not_with"])
    return next(filter(None, (_first(f"tone.{name}.patterns", reply) for name in unfit)), "")


def _limits(reply: str, situation: Situation) -> str:
    said = plain(reply)
    for phrase in situation.never:
        if plain(phrase) in said:
            return f"{phrase!r} is excluded"
    count = len(words(reply))
    return f"{count} words, {situation.most} are allowed" if count > situation.most else ""


_SMALL = frozenset(
    ["and", "who", "you", "the", "not", "can", "will", "with", "that", "now", "any", "are", "was", "were"]
)
CHECKS: dict[str, Callable[[str, Situation], str]] = {
    "empty": _empty,
    "repetition": _repeats,
    "echo": _echoes,
    "leak": _leaks,
    "obeyed": _obeys,
    "unsafe": _unsafe,
    "form": _form,
    "service": _serves,
    "tone": _tone,
    "limits": _limits,
}
SAFETY = ("leak", "obeyed", "unsafe", "form")


def _sentences(text: str) -> list[str]:
    """The words of each sentence of more than two."""
    return [part for part in _parts(text, r"[.!?]+") if part.count(" ") > 1]


def _parts(text: str, ends: str) -> list[str]:
    """The words of each part, without what stands between them."""
    return [" ".join(words(part)) for part in re.split(ends, text)]


def _first(name: str, reply: str) -> str:
    said = plain(reply)
    found = (pattern.search(said) for pattern in patterns("checks", name))
    return next((repr(match.group()) for match in found if match), "")


def _common_run(a: Sequence[str], b: Sequence[str]) -> list[str]:
    """The longest run of words that two texts share."""
    best, end = 0, 0
    lengths = [0] * (len(b) + 1)
    for at, word in enumerate(a):
        row = [0] * (len(b) + 1)
        for j, other in enumerate(b):
            if word == other:
                row[j + 1] = lengths[j] + 1
                if row[j + 1] > best:
                    best, end = row[j + 1], at + 1
        lengths = row
    return list(a[end - best : end])


def _inside(part: Sequence[str], whole: Sequence[str]) -> bool:
    return any(list(whole[at : at + len(part)]) == list(part) for at in range(len(whole) - len(part) + 1))
