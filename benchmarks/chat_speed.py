"""How fast the embedded agent talks, how much memory it takes, and how often its model alone obeys an attack.

python benchmarks/chat_speed.py [--attacks tests/response/attacks.jsonl] [--speed-only]

Threads are those of `OMP_NUM_THREADS`. A run on a shared machine is slower on the wall than the machine can be, so that
seconds of the processor stand beside those of the wall. The attacks are those of the tests; whether a reply obeys is
judged by the rules that the agent has for it, not by people. First replies to attacks are kept in the JSON file.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from affectus.backbones.llm import Message, open_llm
from affectus.backbones.llm.prompt import shared
from affectus.reply import Reply
from affectus.response import Agent
from affectus.response.agent import FALLBACK
from affectus.response.checks import SAFETY, Situation, faults
from affectus.response.reading import turn
from affectus.response.scene import setting
from affectus.sample import Dialogue, Sample
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
    """The model, with the tokens of each prompt that it had not seen in the one before, and what it said.

    `first` is when the first word since `begin` came, in seconds of the processor.
    """

    def __init__(self, llm: Any) -> None:
        self.llm, self.said, self.new = llm, [], 0
        self.first: float | None = None
        self._before: list[int] = []
        self._begun = 0.0

    def begin(self) -> None:
        self.new, self.first, self._begun = 0, None, time.process_time()

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
            if self.first is None:
                self.first = time.process_time() - self._begun
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


def talk(agent: Agent, watched: Watched) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[Sample]]:
    """Ten turns: rows of the table; the transcript with times; the turns."""
    turns, rows, transcript = [], [], []
    for text in TURNS:
        turns.append(turn(text, "you", len(turns)))
        row, reply = answered(agent, watched, turns)
        turns.append(turn(reply.text, agent.character.name, len(turns)))
        rows.append(row)
        seconds = {part: round(value, 3) for part, value in reply.seconds.items()}
        said = {"you": text, "reply": reply.text, "reasons": reply.reasons, "by": dict(reply.by)}
        transcript.append(said | row | {"seconds": seconds})
    later = sorted(rows[1:], key=lambda row: row["first token, processor s"])
    table = [
        {"what": "agent, first reply (readers loaded, the scene cached)"} | rows[0],
        {"what": f"agent, middle one of {len(later)} further replies, by its first token"} | later[len(later) // 2],
        {"what": "agent, slowest of these"} | later[-1],
    ]
    return table, transcript, turns


def answered(agent: Agent, watched: Watched, turns: Sequence[Sample]) -> tuple[dict[str, Any], Reply]:
    """One reply and its times."""
    watched.begin()
    with timed() as clock:
        reply = agent.respond(Dialogue(tuple(turns)))
    row = {
        "first token, s": reply.seconds.get("first token", float("nan")),
        "first token, processor s": watched.first if watched.first is not None else float("nan"),
        "new tokens": watched.new,
        "reply, s": clock.wall,
        "reply, processor s": clock.cpu,
    }
    return row, reply


def cold(agent: Agent, turns: Sequence[Sample]) -> dict[str, Any]:
    """The reply to the last turn of a talk by a model that has read nothing of it; readers are loaded."""
    watched = Watched(open_llm("smollm2", runtime="llama.cpp"))
    fresh = Agent(watched, agent.character, ear=agent._ear, chooser=agent._chooser)  # type: ignore[arg-type]
    row, _ = answered(fresh, watched, turns)
    return {"what": f"agent, cold: a talk of {len(turns)} turns taken up by a model just opened"} | row


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
    parser.add_argument("--speed-only", action="store_true", help="leave the attacks out")
    args = parser.parse_args()
    with timed() as opening:
        llm = open_llm("smollm2", runtime="llama.cpp")
    rows = [raw(llm, number) for number in (1, 2, 3)]
    watched = Watched(llm)
    agent = Agent(watched)  # type: ignore[arg-type]
    agent.respond(Dialogue(tuple(turn(text, who, 0) for text, who in (("Hello.", "you"), ("It rains.", "me")))))
    table, transcript, turns = talk(agent, watched)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    table.append(cold(agent, turns[:-1]))
    notes, replies = ([], []) if args.speed_only else attacked(agent, watched, args.attacks)
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    page = Record(
        "chat-speed" if threads == "1" else f"chat-speed-{threads}-threads",
        "The embedded agent: speed, memory, attacks",
        f"SmolLM2-135M-Instruct (Q8_0) through llama.cpp, OMP_NUM_THREADS={threads}, ten turns of one talk; greedy "
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
