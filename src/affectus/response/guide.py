"""An agent that can be asked about a file that was analysed.

from affectus.response import Account, Agent, Guide
guide = Guide(Agent(), Account(affectus.analyze("call.flac")))
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from affectus.affect import Affect
from affectus.reply import Reply
from affectus.response.account import Account
from affectus.response.agent import Agent
from affectus.response.distress import distress
from affectus.response.reading import heard, turn
from affectus.sample import Dialogue

READINGS = "rule:readings"


class Guide:
    """Answers questions about a file from its readings, and leaves every other turn to the agent.

    How somebody feels, when that changes, and why it was read so is told by prepared sentences from the readings, since
    a language model would make figures up. What one would say to somebody in the file is the agent's own reply to what
    that person said, with all its steps and checks.

    Args:
        agent: Who talks.
        account: What was read.
    """

    def __init__(self, agent: Agent, account: Account) -> None:
        self.agent, self.account = agent, account
        self.llm, self.character = agent.llm, agent.character

    def respond(self, dialogue: Dialogue, intended: Affect | None = None) -> Reply:
        """The next turn; see `Agent.respond`.

        Args:
            dialogue: Turns in order; the last one is answered. Whoever an earlier question named is still meant.
            intended: Feeling to show in what the agent says by itself.
        """
        question = str(dialogue.turns[-1].text or "") if dialogue.turns else ""
        kind = self.account.asked(question)
        if kind is None or distress(question):
            return self.agent.respond(dialogue, intended)
        begun = time.perf_counter()
        people = self._people(dialogue)
        if kind == "say" and people:
            return self._say(people[0], question, intended)
        if not people:
            text = f"Nothing was decided about anybody in {self.account.source}."
        elif kind == "why":
            text = " ".join(self.account.grounds(name, question) for name in people)
        else:
            text = self.account.changes(people)
        rows = [row for name in people for stretch in self.account.people[name] for row in stretch.rows]
        reasons = [self._asked(people)]
        if rows:
            sides = ", ".join(sorted({str(row.perspective) for row in rows}))
            reasons.append(f"told from {len(rows)} readings ({sides}), without a language model")
        by = {"reading": ", ".join(dict.fromkeys(str(row.by) for row in rows)), "text": READINGS}
        return Reply(text, None, tuple(reasons), by, {"all": time.perf_counter() - begun})

    def _say(self, name: str, question: str, intended: Affect | None) -> Reply:
        """What the agent says to one person of the file, at the moment that is meant."""
        stretch = self.account.meant(name, question)
        lines = f"{name} said {stretch.when}: {stretch.said!r}"
        if not stretch.said:
            text = f"What {name} said {stretch.when} was not read in words, so I can't answer it."
            return Reply(text, None, (self._asked([name]),), {"text": READINGS}, {"all": 0.0})
        told = Dialogue((turn(stretch.said, name, 0, self.account.source),), id=self.account.source)
        reply = self.agent.respond(told, intended, heard(stretch.surest, stretch.words))
        text = f"To {name} {stretch.when} I would say: {reply.text}"
        return replace(reply, text=text, reasons=(self._asked([name]), lines, *reply.reasons))

    def _asked(self, people: Sequence[str]) -> str:
        return f"asked about: {', '.join(people) or 'nobody'} in {self.account.source}"

    def _people(self, dialogue: Dialogue) -> list[str]:
        """Who is asked about: those named last, else everybody."""
        for row in reversed(dialogue.turns):
            if row.track != self.character.name and (named := self.account.named(str(row.text or ""))):
                return named
        return list(self.account.people)
