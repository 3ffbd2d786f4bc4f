"""How fast the embedded agent talks, how much memory it takes, and how often its model alone obeys an attack.

python benchmarks/chat_speed.py [--attacks tests/response/attacks.jsonl]

Threads are those of `OMP_NUM_THREADS`. A run on a shared machine is slower on the wall than the machine can be, so that
seconds of the processor stand beside those of the wall. The attacks are those of the tests; whether a reply obeys is
judged by the rules that the agent has for it, not by people. First replies to attacks are kept in the JSON file.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from affectus.backbones.llm import Message, open_llm
from affectus.backbones.llm.prompt import shared
from affectus.response import Agent
from affectus.response.agent import FALLBACK
from affectus.response.checks import SAFETY, Situation, faults
from affectus.response.reading import turn
from affectus.response.scene import setting
from affectus.sample import Dialogue
from record import Record, timed

TURNS = (
    "Hi, I'm Lena.",
    "My dog died yesterday and I can't stop crying.",
    "He was with me for twelve years.",
    "I should have taken him to the vet earlier.",
    "My boss shouted at me today because I was late.",
    "I'm so angry about it.",
    "But my sister is coming to visit on Saturday!",
    "I'm scared that I will lose my job.",
    "What would you do?",
    "Thank you, talking helps.",
)
BARS = {"tokens a second": 30.0, "first token": 2.0, "new tokens": 150}


class Watched:
    """The model, with the tokens of each prompt that it had not seen in the one before, and what it said."""

    def __init__(self, llm: Any) -> None:
        self.llm, self.said, self.new = llm, [], 0
        self._before: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.llm, name)

    def _count(self, messages: Sequence[Message]) -> None:
        ids = self.llm._prompt.tokens(messages)
        self.new += len(ids) - shared(ids, self._before)
        self._before = ids

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        self._count(messages)
        return self.llm.score(messages, options)

    def generate(self, messages: Sequence[Message], **options: Any) -> Iterator[str]:
        self._count(messages)
        opening = messages[-1].content if messages[-1].role == "assistant" else ""
        self.said.append(opening)
        for piece in self.llm.generate(messages, **options):
            self.said[-1] += piece
            yield piece


def raw(llm: Any, number: int) -> dict[str, Any]:
    """Prefill of a prompt that shares nothing with the one before, and generation of 60 tokens behind it."""
    scene = Message("system", f"{number} You tell long stories.")
    prompt = [scene, Message("user", " ".join(TURNS) + " Tell me a long story.")]
    size = llm.count(prompt)
    with timed() as first:
        begun = llm.generate(prompt, tokens=60)
        next(begun)
    with timed() as rest:
        pieces = sum(1 for _ in begun)
    return {
        "what": f"model alone, cold prompt, run {number}",
        "tokens/s": pieces / rest.wall,
        "tokens per processor s": pieces / rest.cpu,
        "first token, s": first.wall,
        "first token, processor s": first.cpu,
        "new tokens": size,
    }


def talk(agent: Agent, watched: Watched) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Ten turns: one row for the first reply and one for the median of the others; the transcript."""
    turns, rows, transcript = [], [], []
    for text in TURNS:
        turns.append(turn(text, "you", len(turns)))
        watched.new = 0
        with timed() as clock:
            reply = agent.respond(Dialogue(tuple(turns)))
        turns.append(turn(reply.text, agent.character.name, len(turns)))
        first = reply.seconds.get("first token", float("nan"))
        rows.append({"first": first, "new": watched.new, "all": clock.wall, "cpu": clock.cpu, "seconds": reply.seconds})
        transcript.append({"you": text, "reply": reply.text, "reasons": reply.reasons, "by": dict(reply.by)})
    later = rows[1:]

    def middle(name: str) -> float:
        return float(sorted(row[name] for row in later)[len(later) // 2])

    table = [
        {
            "what": "agent, first reply (readers loaded, the scene cached)",
            "first token, s": rows[0]["first"],
            "reply, s": rows[0]["all"],
            "reply, processor s": rows[0]["cpu"],
            "new tokens": rows[0]["new"],
        },
        {
            "what": f"agent, median of {len(later)} further replies",
            "first token, s": middle("first"),
            "reply, s": middle("all"),
            "reply, processor s": middle("cpu"),
            "new tokens": middle("new"),
        },
        {
            "what": "agent, slowest of these",
            "first token, s": max(row["first"] for row in later),
            "reply, s": max(row["all"] for row in later),
            "reply, processor s": max(row["cpu"] for row in later),
            "new tokens": max(row["new"] for row in later),
        },
    ]
    return table, transcript


def attacked(agent: Agent, watched: Watched, path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """How often the model alone, and how often the agent, says what the rules call obeying."""
    rows, found = [json.loads(line) for line in path.read_text().splitlines()], []
    orders = setting(agent.character)
    for row in rows:
        watched.said.clear()
        reply = agent.respond(Dialogue((turn(row["turn"], "you", 0),)))
        first = watched.said[0] if watched.said else ""
        wrong = faults(first, Situation(row["turn"], orders), SAFETY) if first else []
        found.append({**row, "first": first, "faults": wrong, "reply": reply.text, "by": reply.by["text"]})
    asked = [row for row in found if row["first"]]
    bad = sum(bool(row["faults"]) for row in asked)
    fell = sum(row["by"] == FALLBACK for row in found)
    ruled = len(found) - len(asked)
    return [
        f"of {len(found)} attacks {ruled} were answered by a rule before a model was asked; of the other {len(asked)}, "
        f"{bad} got a first reply that the rules call obeying, leaking, unsafe or malformed ({bad / len(asked):.0%})",
        f"{fell} of {len(found)} attacks ended in a marked fallback",
    ], found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attacks", type=Path, default=Path(__file__).parents[1] / "tests/response/attacks.jsonl")
    args = parser.parse_args()
    with timed() as opening:
        llm = open_llm("smollm2", runtime="llama.cpp")
    rows = [raw(llm, number) for number in (1, 2, 3)]
    watched = Watched(llm)
    agent = Agent(watched)  # type: ignore[arg-type]
    agent.respond(Dialogue(tuple(turn(text, who, 0) for text, who in (("Hello.", "you"), ("It rains.", "me")))))
    table, transcript = talk(agent, watched)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    notes, replies = attacked(agent, watched, args.attacks)
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    page = Record(
        "chat-speed",
        "The embedded agent: speed, memory, attacks",
        f"SmolLM2-135M-Instruct (Q4_1) through llama.cpp, OMP_NUM_THREADS={threads}, ten turns of one talk; greedy "
        f"first attempts, at most 60 tokens. Bars: {BARS['tokens a second']:.0f} tokens a second, first token within "
        f"{BARS['first token']:.0f} s with at most {BARS['new tokens']} new tokens, on two quiet cores.",
        [*rows, *table],
        [f"opening the model took {opening.wall:.1f} s ({opening.cpu:.1f} s of the processor)",
         f"peak memory of the process, readers included: {memory:.0f} MB", *notes],
        {"transcript": transcript, "attacks": replies},
    ).write()  # fmt: skip
    print(page.read_text())


if __name__ == "__main__":
    main()
