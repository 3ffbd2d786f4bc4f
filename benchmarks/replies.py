"""Replies of the agent, of its language model alone, of floors and of people, to EmpatheticDialogues' test contexts.

python benchmarks/replies.py make --data DATA --keep FOLDER [--contexts N] [--only NAME ...] [--transformer CHECKPOINT]
python benchmarks/replies.py page --data DATA --keep FOLDER

A reply is written down as soon as it is made, so a run that was stopped goes on. The contexts come in a seeded order,
and the page is about as many of the first ones as all have answered. What was said in the corpus stays in the folder,
which is nobody else's.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectus.backbones.llm import Message, open_llm
from affectus.corpora.base import load_corpus
from affectus.evaluation.bertscore import ENCODER, token_states
from affectus.registry import load
from affectus.response import Agent, agreement, empathy, record
from affectus.response.judging import Judged, judge, read_replies
from affectus.sample import Dialogue, conversations
from affectus.training.job import folder_of
from record import Record, commit

SEED, TOKENS = 0, 60
LISTENER = "listener"
AGENT, MODEL, NEAREST, RANDOM, PEOPLE, TRANSFORMER = (
    "agent", "smollm2 alone", "nearest context", "random reply", "people", "Transformer-XL",
)  # fmt: skip
SYSTEMS = (AGENT, MODEL, NEAREST, RANDOM, PEOPLE, TRANSFORMER)
Talk = tuple[Dialogue, str]
"""What was said up to a speaker's turn, and what the listener answered."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("make", "page"))
    parser.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    parser.add_argument("--keep", type=Path, required=True, help="folder for the replies")
    parser.add_argument("--contexts", type=int, default=200)
    parser.add_argument("--only", nargs="+", choices=SYSTEMS, default=SYSTEMS[:-1])
    parser.add_argument("--transformer", help="checkpoint that the recipe emotion-aware-transformer/dialogues made")
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    if options.what == "make":
        names = dict.fromkeys([*options.only, *([TRANSFORMER] if options.transformer else [])])
        for name in names:
            make(name, talks(options.data)[: options.contexts], options.data, options.keep, options.transformer)
    else:
        print(page(options.data, options.keep).read_text())


# -- what is answered --------------------------------------------------------------------------------------------------
def talks(data: Path) -> list[Talk]:
    """The contexts in a seeded order: each test conversation up to its last reply in a listener's words.

    The very last reply of a conversation is another edition's, in small letters, and is left out.
    """
    corpus = load_corpus("empathetic-replies", folder_of("empathetic-replies", data))
    whole = [d for d in conversations(corpus["test"]) if isinstance(d, Dialogue) and len(d.turns) > 3]
    order = np.random.default_rng(SEED).permutation(len(whole))
    return [(replace(d, turns=d.turns[:-3]), str(d.turns[-3].text)) for d in (whole[i] for i in order)]


def answered(data: Path) -> tuple[list[str], list[str]]:
    """What speakers said in training conversations, and what listeners answered."""
    corpus = load_corpus("empathetic-replies", folder_of("empathetic-replies", data))
    said = [
        (str(a.text), str(b.text))
        for d in conversations(corpus["train"]) if isinstance(d, Dialogue)
        for a, b in zip(d.turns, d.turns[1:], strict=False) if b.track == LISTENER
    ]  # fmt: skip
    return [a for a, _ in said], [b for _, b in said]


# -- who answers -------------------------------------------------------------------------------------------------------
def make(name: str, asked: Sequence[Talk], data: Path, keep: Path, transformer: str | None) -> None:
    """Answer what is not answered yet."""
    file = place(keep, name)
    done = len(file.read_text().splitlines()) if file.is_file() else 0
    if done < len(asked):
        makers: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
            AGENT: lambda: agent(asked[done:]),
            MODEL: lambda: alone(asked[done:]),
            NEAREST: lambda: nearest(asked[done:], data),
            RANDOM: lambda: drawn(data, done, len(asked)),
            PEOPLE: lambda: ({"text": reply, "by": {"text": PEOPLE}} for _, reply in asked[done:]),
            TRANSFORMER: lambda: trained(asked[done:], str(transformer)),
        }
        made = {"commit": commit()}
        with file.open("a") as out:
            for (talk, _), row in zip(asked[done:], makers[name](), strict=True):
                out.write(json.dumps({"dialogue": talk.id, **row, **made}, ensure_ascii=False) + "\n")
                out.flush()
    print(f"{name}: {len(asked)} replies", flush=True)


def place(keep: Path, name: str) -> Path:
    return keep / f"{name.replace(' ', '-')}.jsonl"


def agent(asked: Sequence[Talk]) -> Iterator[dict[str, Any]]:
    """As `affectus respond` answers, with its own name on the listener's turns."""
    speaks = Agent("smollm2", seed=SEED)
    for talk, _ in asked:
        own = speaks.character.name
        turns = tuple(replace(t, track=own if t.track == LISTENER else "other") for t in talk.turns)
        yield record(speaks.respond(replace(talk, turns=turns)))


def alone(asked: Sequence[Talk]) -> Iterator[dict[str, Any]]:
    """The language model with the conversation and nothing else, its likeliest words."""
    model = open_llm("smollm2")
    for talk, _ in asked:
        said = [Message("assistant" if t.track == LISTENER else "user", str(t.text)) for t in talk.turns]
        yield {"text": "".join(model.generate(said, tokens=TOKENS, seed=SEED)).strip(), "by": {"text": model.name}}


def nearest(asked: Sequence[Talk], data: Path) -> Iterator[dict[str, Any]]:
    """What was answered to the training turn whose mean state is nearest by cosine."""
    posts, replies = answered(data)

    def vectors(texts: Sequence[str]) -> np.ndarray:
        rows = np.stack([states.mean(0) for states in token_states(texts, ENCODER)])
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    best = (vectors([str(talk.turns[-1].text) for talk, _ in asked]) @ vectors(posts).T).argmax(1)
    for at in best:
        yield {"text": replies[at], "by": {"text": f"nearest by {ENCODER}"}}


def drawn(data: Path, first: int, end: int) -> Iterator[dict[str, Any]]:
    """Any training reply."""
    replies = answered(data)[1]
    for at in np.random.default_rng(SEED).permutation(len(replies))[first:end]:
        yield {"text": replies[at], "by": {"text": "drawn"}}


def trained(asked: Sequence[Talk], checkpoint: str) -> Iterator[dict[str, Any]]:
    """The emotion-aware Transformer-XL, trained on the training conversations; greedy."""
    system: Any = load(checkpoint)
    for talk, _ in asked:
        yield record(system.respond(talk))


# -- the page ----------------------------------------------------------------------------------------------------------
def page(data: Path, keep: Path) -> Path:
    """All that `evaluate-replies` measures. By the references the people's own replies can't be measured."""
    said = {name: read_replies(place(keep, name)) for name in SYSTEMS if place(keep, name).is_file()}
    count = min(map(len, said.values()))
    context = {talk.id: talk for talk, _ in talks(data)[:count]}
    said = {name: {i: rows[i] for i in context} for name, rows in said.items()}
    meant = {i: {key: row[key] for key in ("intended", "scale")} for i, row in said[AGENT].items()}
    same = {name: {i: {**rows[i], **meant[i]} for i in context} for name, rows in said.items()}
    others = {name: rows for name, rows in same.items() if name != PEOPLE}
    reader = load(agreement.independent())
    whole = judge(same, reader, listener=load(empathy.READER), talks=context, seed=SEED)
    against = judge(others, reader, said[PEOPLE], seed=SEED)
    by_reference = [title for title in against.figures.values if title not in whole.figures.values]
    rows: list[Mapping[str, Any]] = [cells(title, against, same) for title in by_reference]
    rows += [cells(title, whole, same) for title in whole.figures.values]
    return Record(
        name="replies",
        title="Replies to EmpatheticDialogues' test contexts",
        method=f"{count} test conversations drawn with seed {SEED}, each up to its last speaker's turn that a "
        "listener answers in words of their own, which is the reference. In per cent with intervals, "
        f"{whole.figures.interval}. A star: differs from {AGENT} with p < 0.05, paired bootstrap, Holm over all "
        "differences by the references, or over all others.",
        rows=rows,
        notes=[
            *dict.fromkeys([*whole.notes, *(note for note in against.notes if note not in whole.notes)]),
            f"emotion found: the feeling that {AGENT} meant to show, looked for in the replies of all; the others knew "
            f"nothing of it, so theirs are what chance and the context give. {intentions(said[AGENT])}",
            *made_by(said),
        ],
        extra={
            "differences": {title: {n: asdict(gap) for n, gap in of.items()}
                            for found in (against, whole) for title, of in found.figures.gaps.items()
                            if found is whole or title in by_reference},
            "faults": whole.faults,
        },
    ).write()  # fmt: skip


def cells(title: str, found: Judged, systems: Mapping[str, Any]) -> dict[str, str]:
    out = {"figure": title}
    for name in systems:
        value, gap = found.figures.values[title].get(name), found.figures.gaps[title].get(name)
        star = "*" if gap is not None and gap.p_holm < 0.05 else ""
        out[name] = "" if value is None else f"{value.value:.1f}{star} ({value.low:.1f}–{value.high:.1f})"
    return out


def intentions(rows: Mapping[str, Mapping[str, Any]]) -> str:
    counts = Counter(str(row["intended"]) for row in rows.values()).most_common()
    return "Meant: " + ", ".join(f"{label} {count}" for label, count in counts)


def made_by(said: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[str]:
    """Who wrote the texts, how long they are, and of which commit the systems were."""
    for name, rows in said.items():
        makers = Counter(str(row["by"]["text"]) for row in rows.values()).most_common()
        words = np.mean([len(str(row["text"]).split()) for row in rows.values()])
        commits = sorted({str(row["commit"]) for row in rows.values()})
        yield (f"{name}: {words:.1f} words a reply; " + ", ".join(f"{maker} {count}" for maker, count in makers)
               + f"; made at commit {', '.join(commits)}")  # fmt: skip


if __name__ == "__main__":
    main()
