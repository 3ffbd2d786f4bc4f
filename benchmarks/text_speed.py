"""How fast the shipped text reader is against `transformers.pipeline` with the same weights in float32.

python benchmarks/text_speed.py --data ../shared/data [--threads 1 2] [--singles 300] [--batched 1500]

Both sides get raw strings and give finished scores for all 28 labels. Ours also decides labels, makes conformal sets,
word evidence and the derived scales, and gives an Arrow table. The pipeline has the same encoder, mean pooling and head
in a subclass of `BertForSequenceClassification`; that both give the same scores is checked first. Passes of the two
alternate; the median over passes is taken of wall and of processor seconds.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin would lose time on a shared machine

import numpy as np
import torch
from transformers import AutoTokenizer, BertForSequenceClassification, pipeline
from transformers.modeling_outputs import SequenceClassifierOutput

from affectus import assets
from affectus.corpora.base import load_corpus
from affectus.registry import SHIPPED, checkpoints_folder, load
from affectus.runtime import OnnxReader
from record import Record, timed

SCALE = "goemotions-28"
BATCH = 32
BARS = {"one at a time": 3.5, f"batches of {BATCH}": 1.5}


class MeanPooled(BertForSequenceClassification):
    """A classifier as our users have it in transformers: mean over the tokens of the text, then the head."""

    def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any = None, **_: Any) -> Any:
        states = self.bert(input_ids, attention_mask=attention_mask).last_hidden_state
        content = (attention_mask * (input_ids != 101) * (input_ids != 102)).to(states.dtype)  # [CLS], [SEP]
        share = content / content.sum(1, keepdim=True).clamp(min=1)
        return SequenceClassifierOutput(logits=self.classifier(torch.einsum("bt,btf->bf", share, states)))


def rival(folder: Path) -> tuple[Any, Any]:
    """The pipeline, and the torch system that it must agree with."""
    system: Any = load(str(folder))
    config = system.backbone.config
    config.num_labels = len(system.readouts[0].of)
    config.id2label = dict(enumerate(system.readouts[0].of.labels))
    model = MeanPooled(config)
    model.bert.load_state_dict(system.backbone.state_dict(), strict=False)
    model.classifier.load_state_dict(system.heads[SCALE].state_dict())
    tokenizer = AutoTokenizer.from_pretrained(assets.path("minilm-l6"))
    pipe = pipeline(
        "text-classification", model=model.eval(), tokenizer=tokenizer, top_k=None, function_to_apply="sigmoid"
    )
    return pipe, system


def same_scores(pipe: Any, system: Any, texts: list[str]) -> float:
    """Largest difference between the pipeline's scores and ours in float32, before calibration."""
    labels = system.readouts[0].of.labels
    theirs = np.array([[{d["label"]: d["score"] for d in row}[x] for x in labels] for row in pipe(texts)])
    return float(np.abs(theirs - 1 / (1 + np.exp(-system.logits(texts)[SCALE]))).max())


def alternate(ours: Callable[[], Any], theirs: Callable[[], Any], passes: int) -> dict[str, list[tuple[float, float]]]:
    """Wall and processor seconds of each pass."""
    seconds: dict[str, list[tuple[float, float]]] = {"ours": [], "theirs": []}
    for number in range(passes + 1):
        order = [("ours", ours), ("theirs", theirs)]
        for name, call in order if number % 2 else order[::-1]:
            with timed() as clock:
                call()
            if number:  # the first is to warm up
                seconds[name].append((clock.wall, clock.cpu))
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--model", type=Path, default=SHIPPED / "text-goemotions")
    parser.add_argument("--fp32", type=Path, default=checkpoints_folder() / "text-goemotions-fp32")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--singles", type=int, default=300)
    parser.add_argument("--batched", type=int, default=1500)
    parser.add_argument("--passes", type=int, default=5)
    options = parser.parse_args()
    samples = load_corpus("goemotions", options.data / "goemotions")["test"]
    texts = [sample.text or "" for sample in samples]
    pipe, system = rival(options.fp32)
    gap = same_scores(pipe, system, texts[:64])
    assert gap < 1e-4, f"the two sides compute different things: {gap}"
    singles, batched = texts[: options.singles], sorted(texts[: options.batched], key=len)
    rows = []
    for threads in options.threads:
        torch.set_num_threads(threads)
        reader = OnnxReader.open(options.model, threads=threads)
        jobs: dict[str, tuple[int, Callable[[], Any], Callable[[], Any]]] = {
            "one at a time": (
                len(singles),
                lambda r=reader: [r.read([text]) for text in singles],
                lambda: [pipe(text) for text in singles],
            ),
            f"batches of {BATCH}": (
                len(batched),
                lambda r=reader: r.read(batched, batch_size=BATCH),
                lambda: pipe(batched, batch_size=BATCH),
            ),
        }
        for name, (n, ours, theirs) in jobs.items():
            found = alternate(ours, theirs, options.passes)
            ratios = [t[0] / o[0] for o, t in zip(found["ours"], found["theirs"], strict=True)]
            wall = {k: statistics.median(s[0] for s in v) for k, v in found.items()}
            cpu = {k: statistics.median(s[1] for s in v) for k, v in found.items()}
            rows.append(
                {
                    "how": name,
                    "threads": threads,
                    "texts": n,
                    "pipeline, ms a text": 1e3 * wall["theirs"] / n,
                    "ours, ms a text": 1e3 * wall["ours"] / n,
                    "ratio": wall["theirs"] / wall["ours"],
                    "ratio, slowest to fastest pass": f"{min(ratios):.2f} to {max(ratios):.2f}",
                    "ratio of processor seconds": cpu["theirs"] / cpu["ours"],
                    "processors used, pipeline / ours": " / ".join(
                        f"{cpu[k] / wall[k]:.2f}" for k in ("theirs", "ours")
                    ),
                    "bar": BARS[name],
                }
            )
            print(rows[-1], flush=True)
    page = Record(
        name="text-speed",
        title="affectus/text-goemotions against a transformers pipeline with the same float32 weights",
        method="GoEmotions test, in file order one at a time; batches sorted by length on both sides. Both get "
        "strings; ours also gives labels, conformal sets, word evidence, derived scales and a table. Medians of "
        f"{options.passes} passes that alternate. No cache of repeated texts.",
        rows=rows,
        notes=[
            f"the two sides agree to {gap:.1e} in float32 before calibration",
            "waiting threads sleep on both sides, since other work shared the machine",
        ],
    ).write()
    print(page.read_text())


if __name__ == "__main__":
    main()
