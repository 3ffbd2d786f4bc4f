"""HEF on EmpatheticDialogues: a small empathetic model and a language model together, each alone, and without a stage.

python benchmarks/hef.py tune --data DATA --keep FOLDER
python benchmarks/hef.py choose --data DATA --keep FOLDER [--sem affectus/text-empathetic] [--arms main|ablations|words]
python benchmarks/hef.py answer --data DATA --keep FOLDER
python benchmarks/hef.py serve --data DATA --keep FOLDER
python benchmarks/hef.py small --data DATA --keep FOLDER --also affectus/text-empathetic affectus/escm-empathetic
python benchmarks/hef.py page --data DATA --keep FOLDER

`tune` is what was tried on held-out development contexts. `choose` asks for the emotion after 500 test contexts, of as
many conversations; `answer` writes replies to the first of them with the runtime that users get; `serve` asks over
HTTP; `small` reads the whole test split with small models alone. What is known already is not asked again, and a run
that was stopped is told with what it has. Whether and how to take off a prior was chosen on the held-out tenth of the
development conversations; nothing is chosen on test.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectus import assets
from affectus.backbones.llm import open_llm
from affectus.corpora.base import gold, groups, load_corpus
from affectus.corpora.empathetic_dialogues import turns
from affectus.evaluation.intervals import bootstrap, paired_bootstrap
from affectus.evaluation.metrics import accuracy
from affectus.evaluation.replies_bleu import distinct
from affectus.registry import load
from affectus.sample import Sample
from affectus.systems.hef import FALLBACK, HEF, PARSED, SECOND, HEFConfig, changed
from affectus.taxonomy import scale
from record import Record

CORPUS, SCALE = "empathetic-dialogues-small", "empathetic-dialogues-32"
LABELS = scale(SCALE).labels
CONTEXTS, ANSWERED, SERVED, WATCHED = 500, 100, 20, 60
RESAMPLES = 10_000
WHOLE, ALONE, PRIOR, SMALL = "HEF", "language model alone", "language model alone, prior taken off", "small model alone"
WORDS = ("HEF, in words", "language model alone, in words")
SWITCHES: dict[str, dict[str, Any]] = {
    SMALL: {"emotion": "sem"},
    WHOLE: {},
    ALONE: {"emotion": "one-stage", "causes": 0},
    PRIOR: {"emotion": "one-stage", "causes": 0, "prior": True},
    "no cause words": {"causes": 0},
    "no first stage": {"emotion": "one-stage"},
    "no first stage, prior taken off": {"emotion": "one-stage", "prior": True},
    WORDS[0]: {"choice": "parsed"},
    WORDS[1]: {"emotion": "one-stage", "causes": 0, "choice": "parsed"},
}
ONLY_ALONE = (ALONE, PRIOR, WORDS[1])
SETS = {"main": [*SWITCHES][:4], "ablations": [*SWITCHES][4:7], "words": [*WORDS]}
ANSWERING = (WHOLE, ALONE, SMALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("tune", "choose", "answer", "serve", "small", "page"))
    parser.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    parser.add_argument("--keep", type=Path, required=True, help="folder for what was answered")
    parser.add_argument("--sem", default="affectus/text-empathetic")
    parser.add_argument("--also", nargs="+", default=[])
    parser.add_argument("--arms", choices=[*SETS], default="main")
    parser.add_argument("--contexts", type=int, default=CONTEXTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.keep.mkdir(parents=True, exist_ok=True)
    splits = load_corpus(CORPUS, options.data / "empathetic-dialogues")
    drawn = draw(splits["test"])
    if options.what == "small":
        for name in options.also:
            read_all(name, splits["test"], options.keep)
    elif options.what == "page":
        print(page(splits["test"], drawn, options.keep).read_text())
    elif options.what == "serve":
        serve(load(options.sem), drawn[:SERVED], options.keep / "served.jsonl")
    else:
        llm = open_llm("smollm2", runtime="llama.cpp" if options.what == "answer" else "transformers")
        hef = HEF(HEFConfig(), load(options.sem), llm)
        if options.what == "tune":
            tune(hef, splits["dev"], options.keep)
        elif options.what == "choose":
            choose(hef, SETS[options.arms], drawn[: options.contexts], splits["dev"], options.keep)
        else:
            answer(hef, drawn[:ANSWERED], options.keep / "replies.jsonl")


def draw(rows: Sequence[Sample], seed: int = 0) -> list[Sample]:
    """One context of each of some conversations, both drawn at random: independent, and of all lengths."""
    rng = np.random.default_rng(seed)
    talk = groups(rows, "dialogue")
    chosen = rng.permutation(np.unique(talk))[:CONTEXTS]
    return [rows[int(rng.choice(np.flatnonzero(talk == name)))] for name in chosen]


# -- asking ------------------------------------------------------------------------------------------------------------
class Kept:
    """Rows by arm and context in a file of JSON lines, so that a stopped run goes on."""

    def __init__(self, file: Path) -> None:
        self.file = file
        lines = file.read_text().splitlines() if file.is_file() else []
        self.rows = {(row["arm"], row["id"]): row for row in map(json.loads, lines)}

    def add(self, **row: Any) -> None:
        with self.file.open("a") as sink:
            sink.write(json.dumps(row) + "\n")
        self.rows[row["arm"], row["id"]] = row


def choose(hef: HEF, arms: Sequence[str], contexts: Sequence[Sample], watched: Sequence[Sample], keep: Path) -> None:
    ask({arm: switched(hef, arm, watched, keep) for arm in arms}, contexts, Kept(keep / "choices.jsonl"))


def ask(systems: Mapping[str, HEF], contexts: Sequence[Sample], kept: Kept) -> None:
    for number, sample in enumerate(contexts):
        for arm, system in systems.items():  # one after the other: they share the beginning of their prompts
            if (arm, sample.id) not in kept.rows:
                began = time.process_time()
                choice = system.choose(sample)
                kept.add(
                    arm=arm, id=sample.id, label=choice.label, stage=choice.stage, said=choice.said or choice.label,
                    flags=choice.flags, first=choice.candidates, causes=choice.causes,
                    seconds=time.process_time() - began,
                )  # fmt: skip
        if number % 50 == 0:
            print(number, flush=True)


def serve(sem: Any, contexts: Sequence[Sample], file: Path) -> None:
    """Ask llama.cpp's own server, which runs in this process, over HTTP."""
    xllamacpp: Any = importlib.import_module("xllamacpp")  # without types
    settings = xllamacpp.CommonParams()
    settings.model.path = str(assets.path("smollm2-135m", "gguf"))
    settings.n_ctx, settings.n_parallel, settings.ui, settings.verbosity = 2048, 1, False, -1
    for part in (settings.cpuparams, settings.cpuparams_batch):
        part.n_threads = 1
    server = xllamacpp.Server(settings)
    hef = HEF(HEFConfig(), sem, open_llm(f"{server.listening_address}/v1"))
    ask({arm: changed(hef, **SWITCHES[arm]) for arm in (WHOLE, ALONE)}, contexts, Kept(file))


def switched(hef: HEF, arm: str, watched: Sequence[Sample], keep: Path) -> HEF:
    """The two models with the switches of an arm; the prior is that of some held-out development contexts."""
    switches = dict(SWITCHES[arm])
    if switches.pop("prior", False):
        file = keep / "prior.json"
        if not file.is_file():
            some = np.random.default_rng(7).permutation(len(watched))[:WATCHED]
            file.write_text(json.dumps(hef.label_prior([watched[i] for i in some])))
        switches["prior"] = json.loads(file.read_text())
    return changed(hef, **switches)


def tune(hef: HEF, watched: Sequence[Sample], keep: Path) -> None:
    """The language model alone on held-out contexts: as it is, and with two priors taken off."""
    some = np.random.default_rng(8).permutation(len(watched))
    others, asked = ([watched[i] for i in part] for part in (some[:WATCHED], some[WATCHED : 2 * WATCHED]))
    alone = changed(hef, **SWITCHES[ALONE])
    priors = {"none": (), "of the context 'N/A'": hef.label_prior(["N/A"]), "the mean": hef.label_prior(others)}
    right: dict[str, list[bool]] = {name: [] for name in priors}
    for sample in asked:
        for name, prior in priors.items():
            label = changed(alone, prior=prior).choose(sample).label
            right[name].append(label == LABELS[gold([sample], SCALE).argmax()])
    (keep / "tuned.json").write_text(json.dumps(right))


def answer(hef: HEF, contexts: Sequence[Sample], file: Path) -> None:
    kept = Kept(file)
    for sample in contexts:
        for arm in ANSWERING:
            if (arm, sample.id) not in kept.rows:
                began = time.perf_counter(), time.process_time()
                reply = changed(hef, **SWITCHES[arm]).respond(turns(sample))
                wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
                kept.add(arm=arm, id=sample.id, text=reply.text, wall=wall, cpu=cpu, parts=dict(reply.seconds))


def read_all(name: str, rows: Sequence[Sample], keep: Path) -> None:
    """Scores of a small model alone on the whole test split."""
    file = keep / f"{Path(name).name}.npy"
    if not file.is_file():
        np.save(file, load(name).read(rows).scores(SCALE))


# -- telling -----------------------------------------------------------------------------------------------------------
def page(test: Sequence[Sample], drawn: Sequence[Sample], keep: Path) -> Path:
    kept = Kept(keep / "choices.jsonl").rows
    told = {arm: [kept.get((arm, sample.id)) for sample in drawn] for arm in SWITCHES}
    truth = [LABELS[i] for i in gold(drawn, SCALE).argmax(1)]
    rows: list[Mapping[str, Any]] = [row(arm, told[arm], truth) for arm in SWITCHES if any(told[arm])]
    notes = [
        *gaps(told, truth),
        *tuned(keep),
        *stages(told, truth),
        *small_models(test, keep),
        *answers(Kept(keep / "replies.jsonl").rows, drawn),
        *served(Kept(keep / "served.jsonl").rows, kept),
    ]
    return Record(
        name="hef",
        title="HEF over SmolLM2-135M: both models together, each alone, and without a stage",
        method=(
            f"One context of each of {len(drawn)} test conversations of EmpatheticDialogues, drawn once. The small "
            "model is `affectus/text-empathetic` (its recipe; it learned from nine in ten development conversations). "
            "The language model is SmolLM2-135M-Instruct in float32 through transformers; what llama.cpp takes stands "
            f"below. Prompts are version {HEFConfig().prompts}, three emotions come first, three "
            "words are named, options are scored by their likelihood. Strict: the label is the gold. Official, as in "
            "the authors' scripts: the gold is a part of what was said. Intervals are percentile bootstraps over "
            "contexts."
        ),
        rows=rows,
        notes=notes,
    ).write()


def row(arm: str, told: Sequence[dict[str, Any] | None], truth: Sequence[str]) -> dict[str, Any]:
    pairs = [(answer, label) for answer, label in zip(told, truth, strict=True) if answer]
    strict = bootstrap(np.mean, [float(decided(a) == label) for a, label in pairs], n=RESAMPLES)
    flags = {name: np.mean([name in a["flags"] for a, _ in pairs]) for name in (SECOND, FALLBACK, PARSED)}
    return {
        "arm": arm,
        "n": len(pairs),
        "strict accuracy": str(strict),
        "official": f"{np.mean([label in a['said'].lower() for a, label in pairs]):.3f}",
        **{name: f"{share:.3f}" for name, share in flags.items()},
        "labels used": len({decided(a) for a, _ in pairs} - {""}),
        "processor seconds": f"{np.mean([a['seconds'] for a, _ in pairs]):.2f}",
    }


def both(
    first: Sequence[dict[str, Any] | None], second: Sequence[dict[str, Any] | None], truth: Sequence[str]
) -> Iterator[tuple[str, str, str]]:
    for a, b, label in zip(first, second, truth, strict=True):
        if a and b:
            yield label, decided(a), decided(b)


def decided(answer: dict[str, Any]) -> str:
    """The label; none where the language model was to decide alone and could not be read."""
    return "" if answer["arm"] in ONLY_ALONE and FALLBACK in answer["flags"] else answer["label"]


def gaps(told: dict[str, list[Any]], truth: Sequence[str]) -> list[str]:
    lines = []
    for first, second in (
        (WHOLE, SMALL), (WHOLE, ALONE), (WHOLE, PRIOR), (WHOLE, "no cause words"), (WHOLE, "no first stage"),
        (PRIOR, ALONE), (WORDS[0], WHOLE), (WORDS[1], ALONE),
    ):  # fmt: skip
        found = [*both(told[first], told[second], truth)]
        if found:
            gap = paired_bootstrap(accuracy, *map(np.array, zip(*found, strict=True)), n=RESAMPLES)
            lines.append(
                f"{first} less {second}: {gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f}), n {len(found)}."
            )
    return lines


def stages(told: dict[str, list[Any]], truth: Sequence[str]) -> list[str]:
    """Why the whole is what it is: what is in reach of the first stage, and what is made of it."""
    pairs = [(a, label) for a, label in zip(told[WHOLE], truth, strict=True) if a]
    inside = [(a, label) for a, label in pairs if label in a["first"]]
    right = np.mean([a["label"] == label for a, label in inside])
    small = np.mean([a["first"][0] == label for a, label in inside])
    places = [np.mean([a["label"] == a["first"][k] for a, _ in pairs]) for k in range(len(pairs[0][0]["first"]))]
    reach, refused = len(inside) / len(pairs), np.mean([SECOND in a["flags"] for a, _ in pairs])
    apart = [(a, label) for a, label in pairs if a["label"] != a["first"][0]]
    gained = sum(a["label"] == label for a, label in apart)
    lost = sum(a["first"][0] == label for a, label in apart)
    return [
        f"The gold is among the small model's first three in {reach:.3f} of the contexts, which bounds a system that "
        f"never refuses. There HEF is right in {right:.3f} (n {len(inside)}), the small model's own first in "
        f"{small:.3f}; HEF refuses all three in {refused:.3f} of all contexts.",
        f"HEF leaves the small model's first emotion in {len(apart)} contexts: {gained} become right and {lost} wrong.",
        "The language model takes the first, second and third of the list in "
        + ", ".join(f"{share:.2f}" for share in places)
        + " of the contexts.",
    ]


def tuned(keep: Path) -> list[str]:
    file = keep / "tuned.json"
    if not file.is_file():
        return []
    right = json.loads(file.read_text())
    figures = "; ".join(
        f"{name}, {bootstrap(np.mean, np.array(hits, float), n=RESAMPLES)}" for name, hits in right.items()
    )
    return [
        f"The prior, on {len(right['none'])} held-out development contexts: accuracy of the language model alone, by "
        f"what is taken off: {figures}. The mean is that of {WATCHED} other held-out contexts. 29 of 32 labels are "
        "one token, so that a likelihood per token would differ little from the sum."
    ]


def small_models(test: Sequence[Sample], keep: Path) -> list[str]:
    truth, talk = gold(test, SCALE).argmax(1), groups(test, "dialogue")
    lines = []
    for file in sorted(keep.glob("*.npy")):
        ranked = np.argsort(-np.load(file), 1)
        right = bootstrap(np.mean, (ranked[:, 0] == truth).astype(float), n=RESAMPLES, groups=talk)
        three = (ranked[:, :3] == truth[:, None]).any(1).mean()
        lines.append(
            f"`{file.stem}` alone on the whole test split, n {len(test):,}: accuracy {right} over conversations, gold "
            f"among the first three in {three:.3f}."
        )
    return lines


def answers(kept: dict[tuple[str, str], dict[str, Any]], drawn: Sequence[Sample]) -> list[str]:
    whole = [sample.id for sample in drawn if all((arm, sample.id) in kept for arm in ANSWERING)]
    if not whole:
        return []
    lines = [
        "Replies through llama.cpp, eight bits a weight, on one thread while the other core worked too; medians of "
        "seconds."
    ]
    for arm in ANSWERING:
        rows = [kept[arm, name] for name in whole]
        texts = [row["text"] for row in rows]
        wall, cpu = (np.median([row[key] for row in rows]) for key in ("wall", "cpu"))
        emotion = np.median([row["parts"]["emotion"] for row in rows])
        lines.append(
            f"Replies with the emotion of: {arm}, n {len(rows)}: Dist-1 {distinct(texts, 1):.2f}, Dist-2 "
            f"{distinct(texts, 2):.2f}; {len(set(texts))} different ones; {wall:.1f} seconds of the clock a reply, "
            f"{emotion:.1f} of them for the emotion; {cpu:.1f} of the processor."
        )
    return lines


def served(kept: dict[tuple[str, str], dict[str, Any]], here: dict[tuple[str, str], dict[str, Any]]) -> list[str]:
    lines = []
    for arm in (WHOLE, ALONE):
        rows = [row for (name, _), row in kept.items() if name == arm]
        if rows:
            same = np.mean([row["label"] == here[arm, row["id"]]["label"] for row in rows])
            parsed, lost = (np.mean([flag in row["flags"] for row in rows]) for flag in (PARSED, FALLBACK))
            lines.append(
                f"Over HTTP from llama.cpp's own server (eight bits a weight), {arm}, n {len(rows)}: answered in words "
                f"{parsed:.2f}, could not be read {lost:.2f}, the label as in the table above {same:.2f}."
            )
    return lines


if __name__ == "__main__":
    main()
