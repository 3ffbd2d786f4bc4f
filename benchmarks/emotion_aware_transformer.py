"""Replies with the detected emotion, with the gold one and with none, on EmpatheticDialogues' test conversations.

python benchmarks/emotion_aware_transformer.py train --data DATA --cache CACHE [--seed 0]
python benchmarks/emotion_aware_transformer.py page --data DATA --cache CACHE
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectus.corpora.base import load_corpus
from affectus.evaluation.intervals import bootstrap
from affectus.evaluation.metrics import macro_f1
from affectus.evaluation.replies_bleu import TOKENISATIONS, bleu, distinct
from affectus.nn.generation import Decoding
from affectus.registry import restored
from affectus.sample import Dialogue, conversations, flatten
from affectus.systems.emotion_aware_transformer import GROUPS
from affectus.training.job import folder_of, load_data
from affectus.training.loop import train
from affectus.training.recipe import Run, read_recipe
from record import Record, timed

RECIPE = Path(__file__).parents[1] / "recipes" / "emotion-aware-transformer" / "dialogues.yaml"
SEEDS = (0, 1, 2)
WAYS = {
    "detector": ("aware", "detected"),
    "gold emotion": ("aware", "gold"),
    "no detector": ("unaware", "detected"),
}
HOW = Decoding()  # greedy
WRITTEN = 500
RESAMPLES = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("train", "page"))
    parser.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    parser.add_argument("--cache", type=Path, required=True, help="folder for checkpoints and answers")
    parser.add_argument("--seed", type=int, action="append", choices=SEEDS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what == "train":
        for seed in options.seed or SEEDS:
            for kind in ("aware", "unaware"):
                trained(kind, seed, options.data, options.cache)
            for way in WAYS:
                answers(way, seed, options.data, options.cache)
    else:
        print(page(options.data, options.cache).read_text())


def trained(kind: str, seed: int, data: Path, cache: Path) -> Path:
    """The checkpoint of a seed with the emotion or without, made by the recipe if it is not there."""
    runs = read_recipe(RECIPE).runs
    detector = cache / f"detector-{seed}"
    made(replace(runs["detector"], seed=seed), detector, data, {})
    place = cache / f"{kind}-{seed}"
    run = runs["replies"]
    config = run.config | ({} if kind == "aware" else {"aware": False})
    made(replace(run, seed=seed, config=config), place, data, {"detector": detector})
    return place


def made(run: Run, place: Path, data: Path, earlier: dict[str, Path]) -> None:
    if (place / "cost.json").is_file():
        return
    with timed() as clock:
        system = train(run, load_data(run, data)[0], place, name=place.name, earlier=earlier)
    weights = sum(p.numel() for p in system.parameters())
    (place / "cost.json").write_text(json.dumps({"seconds": clock.cpu, "weights": weights}) + "\n")
    print(f"{place.name}: {clock.cpu:.0f} processor seconds, {weights:,} weights", flush=True)


def asked(data: Path) -> list[Dialogue]:
    """Test conversations up to the last reply that is in its own words: the very last one is another edition's."""
    corpus = load_corpus("empathetic-replies", folder_of("empathetic-replies", data))
    talks = [d for d in conversations(corpus["test"]) if isinstance(d, Dialogue)]
    return [replace(d, turns=d.turns[:-2]) for d in talks if len(d.turns) > 2]


def answers(way: str, seed: int, data: Path, cache: Path) -> dict[str, Any]:
    """Surprise at every reply, and what the system says for the first ones, kept in the cache."""
    file = cache / f"{way.replace(' ', '-')}-{seed}.json"
    if file.is_file():
        return json.loads(file.read_text())
    kind, emotion = WAYS[way]
    system: Any = restored(trained(kind, seed, data, cache))
    talks = asked(data)
    rows: dict[str, Any] = {"talk": [], "surprise": [], "tokens": []}
    for number, talk in enumerate(talks):
        for found in system.rehearse([talk], emotion=emotion, write=False):
            rows["talk"].append(number)
            rows["surprise"].append(found.surprise)
            rows["tokens"].append(found.tokens)
    said = [*system.rehearse(talks[:WRITTEN], HOW, emotion=emotion)]
    rows |= {"replies": [r.reply for r in said], "references": [r.reference for r in said]}
    file.write_text(json.dumps(rows))
    print(f"{way}, seed {seed}: perplexity {perplexity(rows):.1f}", flush=True)
    return rows


def perplexity(rows: dict[str, Any]) -> float:
    return math.exp(sum(rows["surprise"]) / sum(rows["tokens"]))


def page(data: Path, cache: Path) -> Path:
    seeds = [s for s in SEEDS if all((cache / f"{way.replace(' ', '-')}-{s}.json").is_file() for way in WAYS)]
    found = {way: [answers(way, seed, data, cache) for seed in seeds] for way in WAYS}
    rows = [row(way, found[way]) for way in WAYS]
    signatures = {t: bleu(["a b c d"], ["a b c d"], tokenise=t).signature for t in TOKENISATIONS}
    n = len(found["detector"][0]["tokens"])
    talks = asked(data)
    system: Any = restored(cache / f"aware-{seeds[0]}")
    counts = system.collate.count(talks)
    left_out = ", ".join(f"{count:,} {why}" for why, count in counts.items() if why != "pairs")
    costs = {k: [json.loads((cache / f"{k}-{s}" / "cost.json").read_text()) for s in seeds] for k in KINDS}
    notes = [
        f"Seeds {', '.join(map(str, seeds))}, each with a detector of its own; every figure is their mean.",
        f"Perplexity: n {n:,} replies of {len(set(found['detector'][0]['talk'])):,} conversations, of 2,048 subwords; "
        f"not to be compared with one of words. Left out: {left_out}.",
        *differences(found),
        f"BLEU-4 and Dist-n: n {len(found['detector'][0]['replies'])} greedy replies, those of the first "
        f"{min(WRITTEN, len(talks))} conversations; one reference each. Signatures: "
        + "; ".join(f"`{signature}`" for signature in signatures.values())
        + ". Dist-n: NLTK's Treebank words.",
        *detection(seeds, talks, cache),
        commonest(found["detector"][0]),
        "The references have Dist-1 {:.2f} and Dist-2 {:.2f}.".format(
            *(distinct(found["detector"][0]["references"], k) for k in (1, 2))
        ),
        "Training, processor seconds: "
        + "; ".join(kind + " " + ", ".join(f"{cost['seconds']:.0f}" for cost in each) for kind, each in costs.items())
        + f". Weights: {costs['aware'][0]['weights']:,}.",
        "The pairing is speaker to listener. That behind the paper's 22.5 BLEU-4 is not known, so the two can't be "
        "compared.",
    ]
    return Record(
        name="emotion-aware-transformer",
        title="Replies of the emotion-aware Transformer-XL: detected, gold and no emotion",
        method=(
            "The recipe `emotion-aware-transformer/dialogues.yaml`: the Transformer-XL form of the size `small`, "
            "learned from nine in ten conversations of the EmpatheticDialogues and ESConv development files, and each "
            "epoch a twentieth of PELD's training triples; the last state is taken. `no detector` "
            "learned without the emotion; `gold emotion` is the same network as `detector`, told the gold group. "
            "Figures on replies inside the EmpatheticDialogues test conversations that are not longer than 40 tokens; "
            "intervals are percentile bootstraps over conversations."
        ),
        rows=rows,
        notes=notes,
    ).write()


KINDS = ("detector", "aware", "unaware")


def row(way: str, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    def mean(values: Sequence[float], digits: int) -> str:
        return f"{np.mean(values):.{digits}f} ({', '.join(f'{v:.{digits}f}' for v in values)})"

    scores = {
        f"BLEU-4, {t}": mean([bleu(rows["replies"], rows["references"], tokenise=t).value for rows in found], 2)
        for t in TOKENISATIONS
    }
    return {
        "emotion": way,
        "perplexity": mean([perplexity(rows) for rows in found], 1),
        **scores,
        "Dist-1": mean([distinct(rows["replies"], 1) for rows in found], 2),
        "Dist-2": mean([distinct(rows["replies"], 2) for rows in found], 2),
    }


def differences(found: dict[str, list[dict[str, Any]]]) -> list[str]:
    """How much less surprised one way is than another, over the seeds together and for each."""
    lines = []
    for way, base in (("detector", "no detector"), ("gold emotion", "no detector"), ("detector", "gold emotion")):
        pairs = list(zip(found[way], found[base], strict=True))
        gaps = np.array([np.subtract(a["surprise"], b["surprise"]) for a, b in pairs])
        tokens, talk = np.array(found[way][0]["tokens"]), np.array(found[way][0]["talk"])
        whole = bootstrap(a_token, gaps.mean(0), tokens, n=RESAMPLES, groups=talk)
        each = ", ".join(f"{a_token(gap, tokens):+.4f}" for gap in gaps)
        lines.append(
            f"Surprise a token, {way} minus {base}: {whole.value:+.4f} nats ({whole.low:+.4f} to {whole.high:+.4f}; "
            f"seeds {each})."
        )
    both = [[found[way][seed] for way in ("detector", "no detector")] for seed in range(len(found["detector"]))]
    gap = bootstrap(
        lambda rows: float(np.mean([bleu_of(a, rows) - bleu_of(b, rows) for a, b in both])),
        np.arange(len(both[0][0]["replies"])),
        n=RESAMPLES // 10,
        groups=talk[: len(both[0][0]["replies"])],
    )
    figures = f"{gap.value:+.2f} ({gap.low:+.2f} to {gap.high:+.2f})"
    lines.append(f"BLEU-4 ({TOKENISATIONS[0]}), detector minus no detector: {figures}.")
    return lines


def a_token(surprise: np.ndarray, tokens: np.ndarray) -> float:
    return float(surprise.sum() / tokens.sum())


def bleu_of(rows: dict[str, Any], which: np.ndarray) -> float:
    said, wanted = ([rows[side][i] for i in which] for side in ("replies", "references"))
    return bleu(said, wanted, tokenise=TOKENISATIONS[0]).value


def detection(seeds: Sequence[int], talks: Sequence[Dialogue], cache: Path) -> list[str]:
    """How often the detector is right at speakers' turns."""
    samples = flatten(talks)
    gold = np.array([-1 if (g := s.judged(GROUPS.scale)) is None else g.argmax() for s in samples])
    talk = np.array([s.groups["dialogue"] for s in samples])
    named = np.array([restored(cache / f"detector-{s}").read(talks).scores(GROUPS.scale) for s in seeds])
    kept = (gold >= 0) & np.isfinite(named).all((0, 2))
    gold, talk, named = gold[kept], talk[kept], named[:, kept].argmax(2)
    right = bootstrap(np.mean, (named == gold).mean(0), n=RESAMPLES, groups=talk)
    macro = [macro_f1(gold, one) for one in named]
    most = Counter(gold.tolist()).most_common(1)[0][1] / len(gold)
    rights, macros = (", ".join(f"{v:.3f}" for v in each) for each in ((named == gold).mean(1), macro))
    return [
        f"Detector, eight groups, speakers' turns in them, n {len(gold):,}: accuracy {right.value:.3f} "
        f"({right.low:.3f} to {right.high:.3f}; seeds {rights}), macro-F1 {np.mean(macro):.3f} (seeds {macros}). "
        f"Always the commonest group: {most:.3f}."
    ]


def commonest(rows: dict[str, Any]) -> str:
    replies = rows["replies"]
    top = Counter(replies).most_common(3)
    return (
        f"Greedy replies of `detector`, seed 0: {len(set(replies))} different ones of {len(replies)}; the commonest "
        f"three are {100 * sum(n for _, n in top) / len(replies):.0f} % of all."
    )


if __name__ == "__main__":
    main()
