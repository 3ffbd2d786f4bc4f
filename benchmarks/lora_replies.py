"""SmolLM2 before and after low-rank fine-tuning on dialogues: surprise at held-out replies, what it says, its cost.

python benchmarks/lora_replies.py train --data DATA --keep FOLDER
python benchmarks/lora_replies.py ask --data DATA --keep FOLDER [--way before]
python benchmarks/lora_replies.py page --data DATA --keep FOLDER
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectus.corpora.base import load_corpus
from affectus.evaluation.intervals import Interval, bootstrap
from affectus.evaluation.replies_bleu import distinct
from affectus.frontends.chats import NOTHING, ChatCollate
from affectus.registry import build, configuration, load, restored
from affectus.response.judging import Judged, judge
from affectus.sample import Dialogue, Sample, conversations
from affectus.training.job import folder_of, load_data
from affectus.training.loop import Step, mean_loss, train
from affectus.training.recipe import Run, read_recipe
from affectus.training.source import Data, Source, chunked
from emotion_aware_transformer import asked
from record import Record, timed

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "recipes" / "chat-lm" / "dialogues.yaml"
PICTURE = ROOT / "docs" / "images" / "lora-replies.png"
WATCHED = 8  # one in so many of the dialogues kept out is watched
TALKS, SUPPORT = 110, 8  # test conversations of EmpatheticDialogues and of ESConv
TOGETHER = 11  # replies that are written at once
WAYS = ("before", "after")
OURS = (
    "I got the job I had hoped for!",
    "My neighbour keeps parking in front of my garage.",
    "My dog died last week, and the house is so quiet.",
    "I have to give a talk tomorrow and my hands are shaking already.",
    "My sister forgot my birthday again.",
    "I found my grandmother's letters in the attic and read them all night.",
    "I told everybody at work that it was my idea, and it was not.",
    "We finally booked the trip to the sea that we have talked about for years.",
    "I moved here in spring and I still don't know anybody.",
    "There was a spider in my shoe this morning, and I only noticed when my foot was in it.",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("train", "ask", "page"))
    parser.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    parser.add_argument("--keep", type=Path, required=True, help="folder for the checkpoint and all answers")
    parser.add_argument("--way", action="append", choices=WAYS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what == "train":
        trained(options.data, options.keep)
    elif options.what == "ask":
        for way in options.way or WAYS:
            answers(way, options.data, options.keep)
    else:
        print(page(options.data, options.keep).read_text())


def recipe() -> Run:
    return read_recipe(RECIPE).runs["replies"]


def material(run: Run, data: Path) -> Data:
    """What the recipe learns from, and one in eight of the dialogues kept out, mixed, to watch."""
    found = load_data(replace(run, splits={"train": "train", "watch": "dev"}), data)[0]
    watch = found.watch[::WATCHED]
    return replace(found, watch=[watch[i] for i in np.random.default_rng(0).permutation(len(watch))])


def trained(data: Path, keep: Path) -> Path:
    """The checkpoint; an interrupted run goes on."""
    place = keep / "chat-lm"
    if (place / "run" / "finished").is_file():
        return place
    run, given = recipe(), material(recipe(), data)
    kept(keep / "start.json", lambda: {"watched": watched(run, given)})
    with timed() as clock:
        system = train(run, given, place, resume=True)
    parts = keep / "cost.jsonl"  # a line for each sitting, the last one finished
    adapters = sum(p.numel() for p in system.parameters() if p.requires_grad)
    cost = {"seconds": clock.wall, "cpu": clock.cpu, "gib": peak(), "adapters": adapters}
    with parts.open("a") as file:
        file.write(json.dumps(cost) + "\n")
    print(cost, flush=True)
    return place


def watched(run: Run, given: Data) -> float:
    """The watched loss of the model as it comes."""
    system = build(run.system, **run.config)
    source = Source(system, replace(run, sampler="shuffle"), given)
    return mean_loss(Step(system, None), source, source.watched, run.batch, torch.device("cpu"))


def answers(way: str, data: Path, keep: Path) -> dict[str, Any]:
    """All that is asked of one model: surprise at replies with the emotion and without, and what it says."""
    system: Any = None

    def model() -> Any:
        nonlocal system
        if system is None:
            system = restored(trained(data, keep)) if way == "after" else build(recipe().system)
        return system

    talks, support = held_out(data)
    return {
        "unnamed": kept(keep / f"{way}-unnamed.json", lambda: surprise(model(), talks, "unnamed")),
        "gold": kept(keep / f"{way}-gold.json", lambda: surprise(model(), talks, "gold")),
        "support": kept(keep / f"{way}-support.json", lambda: surprise(model(), support, "unnamed")),
        "ours": kept(keep / f"{way}-ours.json", lambda: said(model(), [[of_ours(text)] for text in OURS])),
        "said": kept(keep / f"{way}-said.json", lambda: said(model(), [before_last(d) for d in talks])),
    }


def held_out(data: Path) -> tuple[list[Dialogue], list[Dialogue]]:
    """Drawn test conversations of both corpora."""
    rng = np.random.default_rng(0)
    talks = asked(data)
    corpus = load_corpus("esconv", folder_of("esconv", data))
    support = [d for d in conversations(corpus["test"]) if isinstance(d, Dialogue)]
    return tuple(
        [rows[i] for i in sorted(rng.permutation(len(rows))[:n])] for rows, n in ((talks, TALKS), (support, SUPPORT))
    )  # type: ignore[return-value]


def surprise(system: Any, talks: list[Dialogue], emotion: str) -> dict[str, Any]:
    """Conversation, sum of −ln p, and tokens of each reply."""
    rows = [(n, r) for n, d in enumerate(talks) for r in system.rehearse([d], emotion=emotion, write=False)]
    print(emotion, len(rows), sum(r.surprise for _, r in rows) / sum(r.tokens for _, r in rows), flush=True)
    return {
        "talk": [n for n, _ in rows],
        "surprise": [r.surprise for _, r in rows],
        "tokens": [r.tokens for _, r in rows],
    }


def before_last(talk: Dialogue) -> list[Sample]:
    """The turns up to the last one of the listener, and that one."""
    last = max(i for i, turn in enumerate(talk.turns) if turn.track == "listener")
    return list(talk.turns[: last + 1])


def of_ours(text: str) -> Sample:
    return Sample(id="ours", text=text, track="speaker")


def said(system: Any, talks: list[list[Sample]]) -> dict[str, Any]:
    """Greedy replies with no emotion named, what was answered in truth, and seconds of the processor."""
    asks = [turns[:-1] if turns[-1].track == "listener" else turns for turns in talks]
    prompts = [system.collate.prompt.tokens(system.collate.asking(turns)[0]) for turns in asks]
    replies = [""] * len(talks)
    with timed() as clock, torch.inference_mode():
        for rows in chunked(sorted(range(len(talks)), key=lambda i: len(prompts[i])), TOGETHER):
            for i, text in zip(rows, greedy(system, [prompts[i] for i in rows]), strict=True):
                replies[i] = text
    references = [turns[-1].text if turns[-1].track == "listener" else "" for turns in talks]
    return {"replies": replies, "references": references, "cpu": clock.cpu, "wall": clock.wall}


def greedy(system: Any, prompts: list[list[int]]) -> list[str]:
    """The likeliest next tokens of several prompts at once: the same as one by one, in less time."""
    tokens, size = system.collate.prompt.tokenizer, max(map(len, prompts))
    ids = torch.tensor([[tokens.pad_token_id] * (size - len(row)) + row for row in prompts])
    valid = torch.tensor([[0] * (size - len(row)) + [1] * len(row) for row in prompts])
    made = system.eval().backbone.generate(
        input_ids=ids,
        attention_mask=valid,
        do_sample=False,
        max_new_tokens=system.config.reply_longest,
        eos_token_id=tokens.eos_token_id,
        pad_token_id=tokens.pad_token_id,
    )
    return [text.strip() for text in tokens.batch_decode(made[:, size:], skip_special_tokens=True)]


# -- the page ----------------------------------------------------------------------------------------------------------
def page(data: Path, keep: Path) -> Path:
    found = {way: answers(way, data, keep) for way in WAYS}
    costs = [json.loads(line) for line in (keep / "cost.jsonl").read_text().splitlines()]
    curve = [json.loads(line) for line in (keep / "chat-lm" / "run" / "metrics.jsonl").read_text().splitlines()]
    start = json.loads((keep / "start.json").read_text())["watched"]
    given, run = material(recipe(), data), recipe()
    tokens, learned = kept(keep / "tokens.json", lambda: counted(run, given)).values()
    cpu = sum(each["cpu"] for each in costs)
    spent = sum(row["seconds"] for row in curve if "seconds" in row)
    judged = judge(
        {way: {str(i): {"text": text} for i, text in enumerate(found[way]["said"]["replies"])} for way in WAYS},
        load("affectus/text-goemotions"),
        {str(i): {"text": text} for i, text in enumerate(found["before"]["said"]["references"])},
        resamples=RESAMPLES,
    )
    rows = [row(way, found[way], judged) for way in WAYS]
    watched = [start, *(point["watched"] for point in curve if "watched" in point)]
    notes = [
        *(difference(found, what, where) for what, where in ASKED.items()),
        *(f"Naming the emotion, {way}: {naming(found[way])}" for way in WAYS),
        "After minus before, replies: " + "; ".join(f"{t} {gap(judged, t)}" for t in judged.figures.gaps) + ".",
        f"Replies: n {judged.dialogues}, greedy, at most {configuration(run.system).reply_longest} tokens, no emotion "
        "named; one a conversation of EmpatheticDialogues. The listeners' own have Dist-1 "
        f"{distinct(references(found), 1):.1f}, Dist-2 {distinct(references(found), 2):.1f} and "
        f"{words(references(found)):.1f} words.",
        *judged.notes,
        f"Learned from {tokens:,} tokens, {learned:,} of them the listeners', in {len(watched) - 1} draws: "
        f"{spent / 60:.0f} minutes of the clock on a busy machine. With loading and watching it took "
        f"{cpu / 60:.0f} minutes of the processor, {tokens / cpu:.0f} tokens a second of it. Peak memory "
        f"{max(c['gib'] for c in costs):.1f} GiB. The adapters have {costs[-1]['adapters']:,} weights.",
        f"Watched loss, {len(given.watch)} dialogues kept out, mean over batches of nats a token: "
        + ", ".join(f"{value:.3f}" for value in watched)
        + ".",
    ]
    draw(curve, start, len(given.watch))
    return Record(
        name="lora-replies",
        title="SmolLM2-135M-Instruct before and after low-rank fine-tuning on dialogues",
        method=(
            "The recipe `chat-lm/dialogues.yaml`: adapters of rank 16 on all linear layers, one thread, float32. "
            "Before: the model as it comes, in the same prompt. Held-out replies are those of "
            f"{TALKS} drawn EmpatheticDialogues test conversations and {SUPPORT} of ESConv; perplexity is that of the "
            "reply's tokens, its end included; intervals are percentile bootstraps over conversations."
        ),
        rows=rows,
        notes=notes,
        extra={"samples": [
            {"said": text, **{way: found[way]["ours"]["replies"][i] for way in WAYS}} for i, text in enumerate(OURS)
        ], "curve": curve, "start": start},
    ).write()  # fmt: skip


ASKED = {"unnamed": "EmpatheticDialogues", "gold": "EmpatheticDialogues, emotion named", "support": "ESConv"}
RESAMPLES = 2000


def a_token(surprise: np.ndarray, tokens: np.ndarray) -> float:
    return float(surprise.sum() / tokens.sum())


def perplexity(surprise: np.ndarray, tokens: np.ndarray) -> float:
    return math.exp(a_token(surprise, tokens))


def columns(rows: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.array(rows["surprise"]), np.array(rows["tokens"]), np.array(rows["talk"])


def row(way: str, found: dict[str, Any], judged: Judged) -> dict[str, Any]:
    out: dict[str, Any] = {"model": way}
    for what, where in ASKED.items():
        surprise, tokens, talk = columns(found[what])
        value = bootstrap(perplexity, surprise, tokens, n=RESAMPLES, groups=talk)
        out[f"perplexity, {where}"] = f"{value.value:.1f} ({value.low:.1f} to {value.high:.1f}), n {len(tokens)}"
    for title in ("BLEU-1", "BLEU-4", "BERTScore", "Dist-1", "Dist-2", "repetition"):
        value = judged.figures.values[title][way]
        out[title] = f"{value.value:.2f} ({value.low:.2f} to {value.high:.2f})"
    return out | {"words a reply": f"{words(found['said']['replies']):.1f}"}


def difference(found: dict[str, Any], what: str, where: str) -> str:
    """How much less surprised the model is after."""
    (after, tokens, talk), (before, _, _) = (columns(found[way][what]) for way in ("after", "before"))
    value = bootstrap(a_token, after - before, tokens, n=RESAMPLES, groups=talk)
    return f"Surprise a token, after minus before, {where}: {interval(value)} nats, n {len(tokens)} replies."


def naming(found: dict[str, Any]) -> str:
    """How much less surprised a model is where the emotion is named."""
    (named, tokens, talk), (bare, _, _) = columns(found["gold"]), columns(found["unnamed"])
    return f"{interval(bootstrap(a_token, named - bare, tokens, n=RESAMPLES, groups=talk))} nats a token."


def interval(value: Interval) -> str:
    return f"{value.value:+.3f} ({value.low:+.3f} to {value.high:+.3f})"


def gap(judged: Judged, title: str) -> str:
    value = judged.figures.gaps[title]["after"]
    return f"{value.value:+.2f} ({value.low:+.2f} to {value.high:+.2f})"


def references(found: dict[str, Any]) -> list[str]:
    return found["before"]["said"]["references"]


def words(replies: list[str]) -> float:
    return float(np.mean([len(text.split()) for text in replies]))


def counted(run: Run, given: Data) -> dict[str, int]:
    """Tokens of all batches of the run, and those that were learned."""
    c, system = configuration(run.system), build("chat-lm/tiny")  # batches need no weights
    system.collate = ChatCollate(c.backbone.name, c.targets[0], c.scene, c.aware, c.unnamed, c.longest)
    source = Source(system, run, given)
    tokens = learned = 0
    for epoch in range(run.epochs):
        for at, rows in enumerate(source.batches(epoch)):
            batch = source.batch(rows, np.random.default_rng([run.seed, epoch, at]))
            tokens += int(batch.inputs["valid"].sum())
            learned += int((batch.targets["tokens"] != NOTHING).sum())
    return {"tokens": tokens, "learned": learned}


def draw(curve: list[dict[str, Any]], start: float, dialogues: int) -> None:
    """The loss of training and of the dialogues kept out over the steps."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    learned = [(point["step"], point["loss"]) for point in curve if "loss" in point]
    watched = [(0, start), *((point["step"], point["watched"]) for point in curve if "watched" in point)]
    axes.plot(*zip(*learned, strict=True), "-", color="#888", label="training, mean since the last point")
    axes.plot(*zip(*watched, strict=True), "o-", color="#0a6", label=f"{dialogues} dialogues kept out")
    axes.set(xlabel="optimiser step", ylabel="nats a token of the listener")
    axes.set_title(f"SmolLM2-135M-Instruct, adapters of rank 16, {datetime.now(UTC).date().isoformat()}", fontsize=10)
    axes.legend()
    figure.savefig(PICTURE, dpi=120)


def kept(file: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a file holds; made and written if it is not there."""
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        row = make()
        file.write_text(json.dumps(row, ensure_ascii=False))
        print(f"{file.name}: {time.perf_counter() - began:.0f} s", flush=True)
    return json.loads(file.read_text())


def peak() -> float:
    """Largest memory of this process, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
