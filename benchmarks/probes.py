"""The probes of the shipped voice reader and of a trained Dawn-SER, on people they have not heard.

    python benchmarks/probes.py emodb --out FOLDER       # pages and JSON of all probes
    python benchmarks/probes.py ravdess --out FOLDER
    python benchmarks/probes.py words --out FOLDER
    python benchmarks/probes.py record --out FOLDER      # the dated results

The shipped reader learned from EMO-DB. There each recording is therefore read by the same head fitted again without its
speaker (encoder, layers, penalty and readout are the shipped ones, each recording and one copy in random conditions
learned from). On RAVDESS the shipped reader itself is asked; it refuses nearly all of that corpus as strange, so the
figures count scores that it would not stand for. The page of words alone asks the shipped reader.

Dawn-SER is asked with what its recipe left of each speaker of EMO-DB, and of all of them for words alone:

    affectus evaluate recipes/dawn-ser/emodb.yaml --on emodb/leave-one-speaker-out --data DATA --out FOLDS
    python benchmarks/probes.py emodb --folds FOLDS/emodb/leave-one-speaker-out --out FOLDER
    affectus train recipes/dawn-ser/emodb.yaml --data DATA --out VOICE
    python benchmarks/probes.py words --reader VOICE --out FOLDER
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
from torch import nn

from affectus import registry
from affectus.corpora.base import load_corpus
from affectus.evaluation import probes
from affectus.sample import Item, as_items, flatten
from affectus.systems.voice_head import Features, VoiceHead
from affectus.timeline import Timeline
from record import Record

NAME = "affectus/voice-embedded"
FOLDERS = {"emodb": "emodb", "ravdess": "ravdess-speech"}
SHARED = Path(__file__).parents[1] / ".." / "shared" / "data"
ITEMS = {"robustness": 120, "fairness": 0, "efficiency": 60}  # drawn for the probes that read an item many times
SEED = 0
IMAGES = Path(__file__).parents[1] / "docs" / "images"


class WithoutSpeaker(nn.Module):
    """Readers of the same kind, each for recordings by a speaker whom it has not heard.

    Args:
        name: Of all of them.
        readers: Speaker → the reader that learned from the others. They share the encoder of the first.
    """

    modality = "voice"

    def __init__(self, name: str, readers: dict[str, Any]) -> None:
        super().__init__()
        first = next(iter(readers.values()))
        self.name, self.readouts = f"{name}, without the speaker", first.readouts
        for one in readers.values():
            one.backbone = first.backbone
        self.readers = nn.ModuleDict(readers)

    def read(self, items: Iterable[Item | str]) -> Timeline:
        samples = flatten(as_items(items))
        order = sorted(range(len(samples)), key=lambda i: str(samples[i].track))
        parts: list[Timeline] = [
            cast(Any, self.readers[speaker]).read([samples[i] for i in order if str(samples[i].track) == speaker])
            for speaker in dict.fromkeys(str(samples[i].track) for i in order)
        ]
        return Timeline.concat(parts)[np.argsort(order)]


def refitted(cache: Path) -> WithoutSpeaker:
    """The shipped head, fitted again for each speaker without their recordings."""
    rows, readers = features(head(), cache), {}
    for speaker in np.unique(rows.speaker):
        readers[str(speaker)] = fitted = head()
        fitted.learn(rows.where(rows.speaker != speaker))
    return WithoutSpeaker(NAME, readers)


def of_folds(folder: Path, speakers: Iterable[str]) -> WithoutSpeaker:
    """What a recipe left of leave-one-speaker-out: fold k for speaker k in order."""
    made = {s: registry.load(str(folder / f"fold-{k}")) for k, s in enumerate(sorted(set(speakers)))}
    return WithoutSpeaker("dawn-ser on EMO-DB", made)


def head() -> VoiceHead:
    made: Any = registry.load(NAME)
    assert isinstance(made, VoiceHead)
    return made


def features(system: VoiceHead, cache: Path) -> Features:
    """Of all recordings of EMO-DB and a copy of each in random conditions."""
    file = cache / "probe-features.npz"
    if not file.is_file():
        samples = list(load_corpus("emodb", SHARED / "emodb")["all"])
        rng = np.random.default_rng(SEED)
        batches = (
            system.collate(samples[at : at + 16], draws) for draws in (None, rng) for at in range(0, len(samples), 16)
        )
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(file, **system.features(batches)._asdict())
    held = np.load(file)
    return Features(*(held[name] for name in Features._fields))


def carry_out(asked: argparse.Namespace) -> None:
    corpus = asked.what
    loaded = load_corpus(corpus, SHARED / FOLDERS[corpus])
    reader: Any
    folder, place = None, asked.out / corpus
    if asked.folds:
        speakers = [str(sample.track) for sample in flatten(as_items(loaded["all"]))]
        reader, place = of_folds(asked.folds, speakers), asked.out / f"{corpus}-dawn-ser"
    elif corpus == "emodb":
        reader = refitted(asked.out)
    else:
        reader, folder = registry.load(NAME), registry.find(NAME)
    for probe in asked.probe or ITEMS:
        items = min(asked.items, ITEMS[probe]) if asked.items else ITEMS[probe]
        of = probes.material(reader, loaded, items=items, seed=SEED, folder=folder)
        page, _ = probes.write(getattr(probes, probe)(of), place)
        print(page, flush=True)


def record(out: Path) -> None:
    """The pages' figures as dated results, and their pictures for the docs."""
    for page in sorted(out.glob("*/*.html")):
        found = json.loads(page.with_suffix(".json").read_text())
        of = page.parent.name.removeprefix("words").removeprefix("-")
        stem = f"probe-{found['probe']}" + (f"-{of}" if of else "")
        told = "; ".join(f"{name}: {text}" for name, text in found["protocol"].items() if name != "versions")
        title = f"{found['probe'].capitalize()} of {found['reader']} on {found['data']}"
        rows = ROWS[found["probe"]](found)
        print(Record(stem, title, told + ".", rows, found["remarks"], {"finding": found}).write())
        picture(page, IMAGES / f"{stem}.svg")


def _rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if v is not None} for row in found["rows"]]


def _people(found: dict[str, Any]) -> list[dict[str, Any]]:
    rows = [
        {"who": group["name"], "n": group["n"], **_interval(found["figure"], group["figure"])}
        for group in found["sex"]
        if group["figure"]
    ]
    rows += [{"who": f"speaker {p.pop('name')}", **p} for p in map(dict, found["spread"]["people"])]
    count = sum(person["n"] for person in found["spread"]["people"])
    spread = {k: v for k, v in found["spread"].items() if k != "people"}
    return [
        {"who": "all", "n": count, **_interval(found["figure"], found["all"])},
        *rows,
        {"who": "spread of speakers", **spread},
    ]


def _words(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"sound": way, "measure": name, **_interval("value", value)}
        for way in ("spoken", "reversed")
        for name, value in found[way].items()
        if isinstance(value, dict)
    ]


def _interval(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {name: value["value"], "low": value["low"], "high": value["high"]}


ROWS = {"robustness": _rows, "efficiency": _rows, "fairness": _people, "linguistic": _words}


def picture(page: Path, target: Path) -> None:
    """The picture of a page that shows most, as a file of its own; two of a kind stand side by side."""
    text = page.read_text()
    style = re.search(r"<style>(.*?)</style>", text, re.S)
    assert style is not None
    css = re.sub(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", style[1])
    dots = re.findall(r'<svg [^>]*class="dots".*?</svg>', text, re.S)
    pair = re.findall(r'<svg [^>]*class="plot-picture".*?</svg>', text, re.S)
    if dots:
        inside = max(dots, key=len)
        box = re.search(r'viewBox="([^"]*)"', inside)
        assert box is not None
        size = box[1]
    else:
        boxed = [f'<svg x="{480 * i}" width="460" height="330" {one[5:]}' for i, one in enumerate(pair)]
        inside, size = "".join(boxed), f"0 0 {480 * len(pair)} 340"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" style="background: #fdfcfa">'
    target.write_text(f"{head}<style>{css}</style>{inside}</svg>\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=(*FOLDERS, "words", "record"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--probe", action="append")
    parser.add_argument("--items", type=int, help="at most so many where items are drawn")
    parser.add_argument("--folds", type=Path, help="checkpoints of the folds of a recipe on this corpus")
    parser.add_argument("--reader", default=NAME, help="who is asked about words alone")
    asked = parser.parse_args()
    if asked.what == "words":
        place = asked.out / ("words" if asked.reader == NAME else "words-dawn-ser")
        page, _ = probes.write(probes.linguistic(registry.load(asked.reader), seed=SEED), place)
        print(page)
    elif asked.what == "record":
        record(asked.out)
    else:
        carry_out(asked)


if __name__ == "__main__":
    main()
