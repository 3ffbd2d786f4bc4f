"""Training throughput: MiniLM fine-tuning against transformers' Trainer, and epochs over a frozen encoder.

Both sides train the same network (encoder, mean over tokens, 28 logits, binary cross-entropy) from the same weights on
the same texts in batches of the same size, for one epoch, with AdamW, in turn in one process. The Trainer pads each
batch to its longest text, as its collator does; ours also sorts texts of like length together. Run it on a machine that
does nothing else, or read the ratios only.

    python benchmarks/training_speed.py DATA/goemotions [--texts 4000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoTokenizer, Trainer, TrainingArguments

from affectus import backbones
from affectus.assets import cache
from affectus.corpora.base import gold, load_corpus
from affectus.registry import build
from affectus.training import loop
from affectus.training.recipe import Run, parse
from affectus.training.source import Data
from record import Clock, Record, timed

SCALE, BATCH, LONGEST = "goemotions-28", 32, 128


class Plain(torch.nn.Module):
    """The same network in the form that the Trainer takes."""

    def __init__(self) -> None:
        super().__init__()
        self.system = build("text-classifier/minilm-l6")

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor) -> dict[str, Any]:
        states = self.system.backbone(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        share = attention_mask / attention_mask.sum(1, keepdim=True)
        logits = self.system.head(torch.einsum("bt,btf->bf", share, states))[SCALE]
        return {"loss": torch.nn.functional.binary_cross_entropy_with_logits(logits, labels), "logits": logits}


def theirs(samples: list[Any], folder: Path) -> Clock:
    location = backbones.resolve("asset:minilm-l6").location
    tokenizer = AutoTokenizer.from_pretrained(location, local_files_only=True)
    labels = gold(samples, SCALE)

    class Rows(torch.utils.data.Dataset):
        def __init__(self) -> None:
            self.encoded = tokenizer([s.text for s in samples], truncation=True, max_length=LONGEST)["input_ids"]

        def __len__(self) -> int:
            return len(labels)

        def __getitem__(self, i: int) -> dict[str, Any]:
            return {"input_ids": self.encoded[i], "labels": labels[i]}

    def collate(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        batch = tokenizer.pad({"input_ids": [row["input_ids"] for row in rows]}, return_tensors="pt")
        return {**batch, "labels": torch.tensor(np.stack([row["labels"] for row in rows]))}

    arguments = TrainingArguments(
        output_dir=str(folder), per_device_train_batch_size=BATCH, num_train_epochs=1, learning_rate=1e-4,
        report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True, use_cpu=True,
    )  # fmt: skip
    torch.manual_seed(0)
    trainer = Trainer(Plain(), arguments, train_dataset=Rows(), data_collator=collate)
    with timed() as clock:
        trainer.train()
    return clock


def recipe(**changes: Any) -> Run:
    values = {
        "system": "text-classifier/minilm-l6", "data": {"goemotions": 1}, "splits": {"train": "train"},
        "sampler": "length", "batch": BATCH, "optim": [{"match": "heads.*", "lr": 1e-3}, {"lr": 1e-4}],
        "trackers": [], "checkpoint": 10_000,
    }  # fmt: skip
    return parse(Run, values | changes)


def ours(samples: list[Any], folder: Path, **changes: Any) -> Clock:
    with timed() as clock:
        loop.train(recipe(**changes), Data(samples, (len(samples),), (1.0,)), folder)
    return clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--texts", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    samples = list(load_corpus("goemotions", options.data)["train"])[: options.texts]
    rows, ratios, cpu = [], [], []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        ours(samples[:256], folder / "warm")
        theirs(samples[:256], folder / "warm-theirs")
        for number in range(options.rounds):
            a = theirs(samples, folder / f"theirs-{number}")
            b = ours(samples, folder / f"ours-{number}")
            ratios.append(a.wall / b.wall)
            cpu.append(a.cpu / b.cpu)
            for name, clock in (("transformers Trainer", a), ("ours, one whole run", b)):
                rows.append({
                    "round": number + 1, "how": name, "texts a second": len(samples) / clock.wall,
                    "seconds": clock.wall, "processor seconds": clock.cpu, "share of processors": clock.share,
                })  # fmt: skip
        first, later = frozen_epochs(samples, folder)
        rows.append({"how": "frozen encoder, first epoch", "seconds": first, "texts a second": len(samples) / first})
        rows.append({"how": "frozen encoder, a later epoch", "seconds": later, "texts a second": len(samples) / later})
    extra = {
        "ratio": statistics.median(ratios), "ratios": ratios, "ratio of processor seconds": statistics.median(cpu),
        "frozen epochs": first / later, "threads": torch.get_num_threads(),
    }  # fmt: skip
    notes = [
        f"Whole runs, ours against the Trainer: {extra['ratio']:.2f} × in texts a second (median of {options.rounds}; "
        f"{min(ratios):.2f}–{max(ratios):.2f}), {extra['ratio of processor seconds']:.2f} × in processor seconds.",
        f"A later epoch over the frozen encoder takes 1/{first / later:.0f} of the first.",
        "Ours includes building the network, its states, the curve and the checkpoint; the Trainer writes nothing.",
    ]
    page = Record(
        name="training-speed",
        title="Training MiniLM on GoEmotions against transformers' Trainer",
        method=f"{len(samples):,} texts, one epoch, batches of {BATCH}, float32, {torch.get_num_threads()} threads; "
        "the two in turn.",
        rows=rows, notes=notes, extra=extra,
    ).write()  # fmt: skip
    print(page.read_text())


def frozen_epochs(samples: list[Any], folder: Path) -> tuple[float, float]:
    """Seconds of the first epoch over a frozen encoder, encoding included, and of a later one."""
    models = cache.root()
    os.environ["AFFECTUS_CACHE"] = str(folder / "cache")  # nothing that was encoded before is found there
    (folder / "cache").mkdir()
    (folder / "cache" / "assets").symlink_to(models)
    groups = [{"match": "heads.*", "lr": 1e-3}, {"match": "*", "lr": 0.0}]
    run = recipe(cache=True, sampler="shuffle", optim=groups, epochs=6)
    stamps: list[float] = []
    log = loop.RunFolder.log

    def stamped(self: Any, **values: Any) -> None:
        if "loss" in values:
            stamps.append(values["seconds"])
            epochs.append(values["epoch"])
        log(self, **values)

    epochs: list[int] = []
    loop.RunFolder.log = stamped  # type: ignore[method-assign]
    try:
        with timed() as clock:
            loop.train(run, Data(samples, (len(samples),), (1.0,)), folder / "frozen")
    finally:
        loop.RunFolder.log = log  # type: ignore[method-assign]
    each = [sum(s for s, e in zip(stamps, epochs, strict=True) if e == epoch) for epoch in range(6)]
    later = statistics.median(each[1:])
    return clock.wall - sum(each[1:]), later


if __name__ == "__main__":
    main()
