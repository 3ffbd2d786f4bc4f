"""What Broad Mamba's parts give: on MELD's words, and on made-up turns of three modalities of changing trust.

python benchmarks/broad_mamba.py --data DATA --cache CACHE
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectus import registry
from affectus.corpora.base import Loaded, with_gold
from affectus.evaluation.compare import compare
from affectus.evaluation.figures import figures
from affectus.registry import restored
from affectus.sample import Dialogue, Item, Sample
from affectus.testing.learning import descend, loss_of, share_wrong
from affectus.training.job import load_data
from affectus.training.loop import train
from conversations import SEEDS, Once, corpus_at, run_of
from record import Record

ARMS: dict[str, dict[str, Any]] = {
    "whole": {},
    "without the broad layer": {"broad": "none"},
    "without the second direction": {"context": "past"},
}
FUSIONS: dict[str, dict[str, Any]] = {
    "guided, three modalities": {},
    "side by side, three modalities": {"fusion": "concat"},
    "one modality": {"widths": {"text": 7}},
}
CLASSES, TURNS, POOL, STEPS = 7, 8, 64, 150
WIDTHS = dict.fromkeys(("text", "audio", "visual"), CLASSES)
SMALL: dict[str, Any] = {
    "widths": WIDTHS, "width": 32, "states": 8, "groups": 2, "nodes": 8, "enhancements": 2, "enhanced": 8,
    "dropout": 0.0,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    parser.add_argument("--cache", type=Path, required=True, help="folder for checkpoints")
    options = parser.parse_args()
    torch.set_num_threads(1)
    made = made_up()
    print(*made, sep="\n", flush=True)
    loaded = corpus_at("meld", options.data)
    places = {arm: [trained(arm, seed, loaded, options) for seed in SEEDS] for arm in ARMS}
    readers = {}
    encoded: dict[tuple[str, ...], Any] = {}  # the frozen encoder's: the same for all
    for arm, each in places.items():
        readers[arm] = [Once(restored(place), encoded) for place in each]
    found = compare(readers, loaded, protocol="official", folders=places)
    key, rows = figures(found.protocol)[0].key, []
    for result in found.results:
        value, gap = result.metrics[key], found.gaps[key].get(result.name)
        rows.append({
            "data": "MELD test, text",
            "system": result.name,
            "figure": "weighted F1",
            "value": f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f})",
            "seeds": ", ".join(f"{v:.3f}" for v in result.runs[key]),
            "difference": f"{gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})" if gap else "",
        })  # fmt: skip
    print(
        Record(
            "broad-mamba-parts",
            "What Broad Mamba's parts give",
            "MELD: the recipe with one part taken away, a frozen MiniLM, mean of three seeds, the epoch by the "
            "development part's loss; intervals over dialogues, differences from the whole, paired. Made-up turns: a "
            "label's vector in each of three modalities under noise, which in each turn and modality is weak or "
            "drowns it, by chance; "
            f"{POOL} dialogues of {TURNS} turns to learn from, {STEPS} steps, 200 dialogues to ask, three seeds, each "
            "with data of its own.",
            rows + made,
        ).write()
    )


def trained(arm: str, seed: int, loaded: Loaded, options: argparse.Namespace) -> Path:
    """The checkpoint, made if it is not there."""
    place: Path = options.cache / f"{arm.replace(' ', '-')}-{seed}"
    if not (place / "run" / "finished").is_file():
        run = run_of("broad-mamba", "meld", seed, loaded)
        run = replace(run, config=run.config | ARMS[arm])
        train(run, load_data(run, options.data, {"meld": loaded})[0], place, name="broad-mamba")
        print(f"{arm}, seed {seed}", flush=True)
    return place


def dialogues(n: int, seed: int) -> list[Item]:
    """Turns whose label stands in three modalities, each of which is clear or drowned by noise."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, CLASSES, (n, TURNS))
    turns = []
    for i, t in np.ndindex(n, TURNS):
        streams = {
            name: (np.eye(CLASSES)[label[i, t]] + level * rng.standard_normal(CLASSES)).astype(np.float32)
            for name, level in zip(WIDTHS, rng.choice([0.3, 2.0], 3), strict=True)
        }
        turns.append(Sample(id=f"{seed}-{i}-{t}", source=f"{seed}-{i}", item=t, track="ab"[t % 2], features=streams))
    gold = {"meld-7": np.eye(CLASSES, dtype=np.float32)[label.ravel()]}
    known = with_gold(turns, gold, perspective="perceived", by="made", modality="dialogue")
    return [Dialogue(tuple(known[at : at + TURNS])) for at in range(0, len(known), TURNS)]


def made_up() -> list[dict[str, Any]]:
    """Share of right labels of each way to put three modalities together."""
    rows = []
    for title, changes in FUSIONS.items():
        right = []
        for seed in SEEDS:
            torch.manual_seed(seed)
            system: Any = registry.build("broad-mamba/base", **(SMALL | changes))
            pool = dialogues(POOL, 10 + seed)
            descend(system.train().parameters(), lambda step, s=system, p=pool: loss_of(s, p, step), STEPS, 5e-3)
            right.append(1 - share_wrong(system, dialogues(200, 20 + seed)))
        rows.append({
            "data": "made-up turns",
            "system": title,
            "figure": "share of right labels",
            "value": f"{np.mean(right):.3f}",
            "seeds": ", ".join(f"{v:.3f}" for v in right),
        })  # fmt: skip
    return rows


if __name__ == "__main__":
    main()
