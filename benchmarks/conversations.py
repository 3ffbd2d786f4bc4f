"""Conversation systems on one frozen encoder: MELD's and RECCON's turns, three seeds, paired; with what they cost.

python benchmarks/conversations.py train --data DATA --cache CACHE [--corpus meld] [--system emotionic]
python benchmarks/conversations.py page --data DATA --cache CACHE
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectus.corpora.base import Loaded, load_corpus
from affectus.evaluation.compare import Comparison, compare
from affectus.evaluation.figures import figures
from affectus.registry import restored
from affectus.sample import conversations, flatten
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
CORPORA = ("meld", "reccon")
PLOT = Path(__file__).parents[1] / "docs" / "images"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("train", "page"))
    parser.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    parser.add_argument("--cache", type=Path, required=True, help="folder for checkpoints")
    parser.add_argument("--corpus", choices=CORPORA, action="append")
    parser.add_argument("--system", choices=tuple(SYSTEMS), action="append")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what == "train":
        for corpus in options.corpus or CORPORA:
            for system in options.system or SYSTEMS:
                for seed in SEEDS:
                    trained(system, corpus, seed, options.data, options.cache)
    else:
        print(page(options.data, options.cache).read_text())


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


def page(data: Path, folder: Path) -> Path:
    rows, notes = [], []
    for corpus in CORPORA:
        loaded = corpus_at(corpus, data)
        places = {s: [trained(s, corpus, seed, data, folder) for seed in SEEDS] for s in SYSTEMS}
        readers = {s: [restored(place) for place in each] for s, each in places.items()}
        found = compare(readers, loaded, protocol="official", folders=places)
        found.plot(PLOT / f"conversations-{corpus}.png")
        speeds = {s: speed(s, each[0], loaded) for s, each in readers.items()}
        rows += [row(corpus, system, found, places[system], speeds[system]) for system in SYSTEMS]
        n = next(iter(found.results[0].metrics.values())).n
        notes.append(f"{corpus}: n {n:,} turns of the test, differences from `linear`, {found.interval}.")
    return Record(
        name="conversations",
        title="Conversation systems on one frozen encoder",
        method=(
            "MiniLM-L6, frozen, mean over a turn's tokens, is what every system is given; each is then trained by its "
            "recipe for MELD with three seeds, on RECCON (the dialogues from DailyDialog) by the same one untuned, and "
            "keeps the state with the lowest loss on the development part. Figures are means of three seeds on the "
            "test, intervals a paired bootstrap over dialogues, p by Holm over the systems. All systems read whole "
            "dialogues. Training: processor seconds of a run, median of the seeds, vectors of the turns at hand. "
            "Speed: turns a second from vectors to readings, and from text."
        ),
        rows=rows,
        notes=notes,
    ).write()


def row(corpus: str, system: str, found: Comparison, places: list[Path], speeds: tuple[float, float]) -> dict[str, Any]:
    [result] = [r for r in found.results if r.name == system]
    first, second = figures(found.protocol)[:2]
    costs = [json.loads((place / "cost.json").read_text()) for place in places]
    gap = found.gaps[first.key].get(system)
    value = result.metrics[first.key]
    return {
        "corpus": corpus,
        "system": SYSTEMS[system],
        "figure": first.title,
        "value": f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f})",
        "seeds": ", ".join(f"{v:.3f}" for v in result.runs[first.key]),
        "difference": f"{gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})" if gap else "",
        "p": ("< 0.001" if gap.p_holm < 0.001 else f"{gap.p_holm:.3f}") if gap else "",
        second.title: f"{result.metrics[second.key].value:.3f}",
        "trained parameters": f"{costs[0]['parameters']:,}",
        "training s": f"{np.median([c['seconds'] for c in costs[1:]]):.0f}",
        "turns/s, vectors": f"{speeds[0]:,.0f}",
        "turns/s, text": f"{speeds[1]:,.0f}",
    }


def speed(system: str, reader: Any, loaded: Loaded, rounds: int = 5) -> tuple[float, float]:
    """Turns a processor second: from vectors, median of rounds; and from text, one round over 100 dialogues."""
    items: Any = loaded["test"] if system == "linear" else conversations(loaded["test"])
    items = items[:1000] if system == "linear" else items[:100]
    turns, took = len(flatten(items)), []
    started = time.process_time()
    reader.read(items)
    whole = turns / (time.process_time() - started)
    with torch.no_grad():
        inside = reader.encode(**reader.collate(items).to(reader.device).inputs)
        for _ in range(rounds):
            started = time.process_time()
            reader.head(**inside)
            took.append(time.process_time() - started)
    return turns / float(np.median(took)), whole


if __name__ == "__main__":
    main()
