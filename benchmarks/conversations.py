"""Conversation systems on one frozen encoder: MELD's and RECCON's turns, three seeds, paired; with what they cost.

python benchmarks/conversations.py train --data DATA --cache CACHE [--corpus meld] [--system emotionic]
python benchmarks/conversations.py page --data DATA --cache CACHE
python benchmarks/conversations.py costs --data DATA --cache CACHE
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from affectus.atomic import writing
from affectus.corpora.base import Loaded, load_corpus
from affectus.evaluation.compare import Comparison, compare
from affectus.evaluation.figures import figures
from affectus.registry import restored
from affectus.sample import Item, conversations, flatten
from affectus.systems.emotionic import EmotionIC
from affectus.systems.text_classifier import TextClassifier
from affectus.timeline import Timeline
from affectus.training.job import folder_of, load_data
from affectus.training.loop import train
from affectus.training.recipe import Group, Run, read_recipe
from record import Record, timed

ENCODER = "asset:minilm-l6"
RECIPES = Path(__file__).parents[1] / "recipes"
SEEDS = (0, 1, 2)
LINEAR = Run(
    system="text-classifier/minilm-l6",
    config={"backbone": {"name": ENCODER, "train": False}, "derived": []},
    data={"meld": 1.0},
    cache=True,
    epochs=20,
    batch=64,
    select="best",
    patience=3,
    optim=(Group(lr=3e-3, weight_decay=0.01),),
)
SYSTEMS = {
    "linear": "a linear layer on each turn by itself (text-classifier)",
    "emotionic": "EmotionIC",
    "m2fnet": "M2FNet, its text path",
    "broad-mamba": "Broad Mamba, its text path",
}
PROTOCOLS = {"meld": ("official",), "reccon": ("seven", "official")}
SIZES = (1, 16)  # dialogues at a time
PLOTS = Path(__file__).parents[1] / "docs" / "images"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("train", "page", "costs"))
    parser.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    parser.add_argument("--cache", type=Path, required=True, help="folder for checkpoints")
    parser.add_argument("--corpus", choices=tuple(PROTOCOLS), action="append")
    parser.add_argument("--system", choices=tuple(SYSTEMS), action="append")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what == "train":
        for corpus in options.corpus or PROTOCOLS:
            for system in options.system or SYSTEMS:
                for seed in SEEDS:
                    trained(system, corpus, seed, options.data, options.cache)
    else:
        made = page if options.what == "page" else costs
        print(made(options.data, options.cache).read_text())


def run_of(system: str, corpus: str, seed: int, loaded: Loaded) -> Run:
    """The system's recipe for MELD on another corpus, head and seed."""
    if system == "linear":
        made = LINEAR
    else:
        [made] = read_recipe(RECIPES / system / "meld.yaml").runs.values()
    targets = [asdict(target) for target in loaded.corpus.targets[:1]]
    return replace(made, data={corpus: 1.0}, config=made.config | {"targets": targets}, seed=seed, cache=True)


@cache
def corpus_at(name: str, data: Path) -> Loaded:
    return load_corpus(name, folder_of(name, data))


def trained(system: str, corpus: str, seed: int, data: Path, folder: Path) -> Path:
    """The checkpoint, made if it is not there, with `cost.json`: processor seconds and trained parameters."""
    place = folder / corpus / f"{system}-{seed}"
    if (place / "cost.json").is_file():
        return place
    loaded = corpus_at(corpus, data)
    run = run_of(system, corpus, seed, loaded)
    with timed() as clock:
        made = train(run, load_data(run, data, {corpus: loaded})[0], place, name=system)
    weights = sum(p.numel() for name, p in made.named_parameters() if not name.startswith("backbone"))
    epochs = len({row["epoch"] for row in _log(place) if "epoch" in row})
    cost = {"seconds": clock.cpu, "parameters": weights, "epochs": epochs}
    (place / "cost.json").write_text(json.dumps(cost) + "\n")
    print(f"{corpus} {system} seed {seed}: {clock.cpu:.0f} processor seconds, {epochs} epochs", flush=True)
    return place


def _log(place: Path) -> list[dict[str, Any]]:
    lines = (place / "run" / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


class Once:
    """A reader that reads the same items once for all protocols; what the encoder gives is shared among its seeds.

    Args:
        reader: A system whose encoder is frozen.
        encoded: Of the same system with any seed.
    """

    def __init__(self, reader: Any, encoded: dict[tuple[str, ...], Any]) -> None:
        self._reader, self._encoded, self._found = reader, encoded, dict[tuple[str, ...], Timeline]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def read(self, items: Sequence[Item]) -> Timeline:
        key = tuple(item.id for item in items)
        if key not in self._found:
            self._found[key] = self._read(items, key)
        return self._found[key]

    @torch.no_grad()
    def _read(self, items: Sequence[Item], key: tuple[str, ...]) -> Timeline:
        batch = self._reader.collate(items)
        if key not in self._encoded:
            self._encoded[key] = self._reader.encode(**batch.to(self._reader.device).inputs)
        outputs = self._reader.head(**self._encoded[key])
        if isinstance(self._reader, TextClassifier):  # which word moved a reading is not asked here
            shape = batch.inputs["content"].shape
            outputs |= {f"{name}.tokens": torch.zeros(*shape, value.shape[1]) for name, value in outputs.items()}
        return self._reader.decode({name: value.cpu().numpy() for name, value in outputs.items()}, batch)


def page(data: Path, folder: Path) -> Path:
    """Figures and paired differences, with a plot of each protocol."""
    rows, notes = [], []
    for corpus, protocols in PROTOCOLS.items():
        loaded = corpus_at(corpus, data)
        places = {s: [trained(s, corpus, seed, data, folder) for seed in SEEDS] for s in SYSTEMS}
        readers = {}
        for system, each in places.items():
            encoded: dict[tuple[str, ...], Any] = {}
            readers[system] = [Once(restored(place), encoded) for place in each]
        for protocol in protocols:
            found = compare(readers, loaded, protocol=protocol, folders=places)
            found.plot(PLOTS / f"conversations-{corpus}-{protocol}.png")
            rows += [row(system, found) for system in SYSTEMS]
            n = next(iter(found.results[0].metrics.values())).n
            notes.append(f"{found.protocol.title}: n {n:,} turns of the test; {found.interval}")
    return Record(
        name="conversations",
        title="Conversation systems on one frozen encoder",
        method=(
            "MiniLM-L6, frozen, mean over a turn's tokens, is what every system is given; each is then trained by its "
            "recipe for MELD with three seeds, on RECCON (the dialogues from DailyDialog) by the same one untuned, and "
            "keeps the state with the lowest loss on the development part. Figures are means of three seeds on the "
            "test, intervals a paired bootstrap over dialogues, differences are from the linear layer, p by Holm over "
            "the systems. All but the linear layer read whole dialogues."
        ),
        rows=rows,
        notes=notes,
    ).write()


def row(system: str, found: Comparison) -> dict[str, Any]:
    [result] = [r for r in found.results if r.name == system]
    first, second = figures(found.protocol)[:2]
    gap = found.gaps[first.key].get(system)
    value = result.metrics[first.key]
    return {
        "protocol": found.protocol.title,
        "system": SYSTEMS[system],
        "figure": first.title,
        "value": f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f})",
        "seeds": ", ".join(f"{v:.3f}" for v in result.runs[first.key]),
        "difference": f"{gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})" if gap else "",
        "p": ("< 0.001" if gap.p_holm < 0.001 else f"{gap.p_holm:.3f}") if gap else "",
        second.title: f"{result.metrics[second.key].value:.3f}",
    }


def costs(data: Path, folder: Path) -> Path:
    """What the systems cost to train and to use, with a plot."""
    items = conversations(corpus_at("meld", data)["test"])[:96]
    turns = len(flatten(items))
    rows: list[dict[str, Any]] = []
    for system, title in SYSTEMS.items():
        places = {c: [trained(system, c, seed, data, folder) for seed in SEEDS] for c in PROTOCOLS}
        known = {c: [json.loads((place / "cost.json").read_text()) for place in each] for c, each in places.items()}
        reader = restored(places["meld"][0])
        line = {"system": title, "trained parameters": f"{known['meld'][0]['parameters']:,}"}
        for corpus, each in known.items():
            line[f"training s, {corpus}"] = float(f"{np.mean([c['seconds'] for c in each[1:]]):.0f}")
            line[f"epochs, {corpus}"] = ", ".join(str(c["epochs"]) for c in each)
        for size in SIZES:
            line[f"turns/s, {size} at a time"] = float(f"{turns / from_vectors(reader, items, size):.2g}")
        line["turns/s, text"] = float(f"{turns / from_text(reader, items):.2g}")
        rows.append(line)
    draw(rows, PLOTS / "conversations-cost.png")
    return Record(
        name="conversations-cost",
        title="What conversation systems cost on one frozen encoder",
        method=(
            "One thread, processor seconds. Training: a run on vectors of the turns that are at hand already, mean of "
            "the second and the third seed (the first one also encodes), until the development part's loss had not "
            "fallen for as many epochs as the recipe says. Use: turns of MELD's test a second, from vectors to scores "
            "(of EmotionIC with marginals and best path of its CRF), one dialogue or sixteen at a time, median of five "
            "rounds; and from text to readings, sixteen dialogues at a time, where the encoder takes nearly all."
        ),
        rows=rows,
        notes=[f"use: {turns:,} turns of {len(items)} dialogues, what is compiled on first use being compiled"],
    ).write()


def from_vectors(reader: Any, items: Sequence[Item], size: int, rounds: int = 5) -> float:
    """Processor seconds from the turns' vectors to their scores."""
    batches = [reader.collate(items[at : at + size]) for at in range(0, len(items), size)]
    took = []
    with torch.no_grad():
        inside = [reader.encode(**batch.to(reader.device).inputs) for batch in batches]
        for _ in range(rounds + 1):
            started = time.process_time()
            for given, batch in zip(inside, batches, strict=True):
                outputs = reader.head(**given)
                if isinstance(reader, EmotionIC):
                    reader.posterior({name: value.numpy() for name, value in outputs.items()}, batch)
            took.append(time.process_time() - started)
    return float(np.median(took[1:]))


def from_text(reader: Any, items: Sequence[Item]) -> float:
    """Processor seconds from texts to readings."""
    reader.read(items[:2])
    started = time.process_time()
    reader.read(items)
    return time.process_time() - started


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Seconds of training, and turns a second on a logarithmic scale."""
    canvas = Figure(figsize=(10, 1.7 + 0.45 * len(rows)), layout="constrained")
    left, right = canvas.subplots(1, 2, sharey=True)
    for i, corpus in enumerate(PROTOCOLS):
        places = np.arange(len(rows)) + 0.38 * (i - 0.5)
        drawn = left.barh(places, [row[f"training s, {corpus}"] for row in rows], 0.36, label=corpus)
        left.bar_label(drawn, fmt="{:,.0f}", padding=3, fontsize=8)
    for i, size in enumerate(SIZES):
        found = [row[f"turns/s, {size} at a time"] for row in rows]
        right.plot(found, range(len(rows)), "os"[i], label=f"dialogues at a time: {size}")
        for at, value in enumerate(found):
            right.annotate(
                f"{value:,.0f}", (value, at), (0, (7, -14)[i]), textcoords="offset points", ha="center", fontsize=8
            )
    left.set(xlabel="training, processor seconds a seed", ylim=(len(rows) - 0.4, -0.6))
    left.set_yticks(range(len(rows)), list(SYSTEMS))
    right.set(xlabel="turns a second, from vectors to scores", xscale="log")
    for axes in (left, right):
        axes.margins(x=0.15)
        axes.grid(axis="x", alpha=0.3)
        axes.legend(loc="lower right", fontsize=8)
    with writing(path, "wb") as out:
        canvas.savefig(out, format="png", dpi=150)


if __name__ == "__main__":
    main()
