"""ESConv: people in trouble and supporters who follow strategies (Liu et al. 2021)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from affectus.corpora.base import Corpus, Loaded, find_file, one_hot, with_gold
from affectus.corpora.delimited import decode, label
from affectus.errors import FileError
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

SCALE = "esconv-strategies-8"
HELD = 10
"""Without a training file, one in so many conversations of the development file is kept to watch."""

_FILES = {split: f"{split}WithStrategy_short.tsv" for split in ("train", "dev", "test")}
_TURN = re.compile(r"\s*[\d.]+ ([01]) (\d+)(?: \[([^\]]+)\])?(.*)", re.DOTALL)

CORPUS = Corpus(
    name="esconv",
    title="1,300 conversations of people in trouble with supporters, who follow one of eight strategies at each turn",
    modality="text",
    targets=(Target(SCALE, "intended"),),
    language="en",
    licence="CC BY-NC 4.0, academic research only",
    ship=False,
    consent="study: paid crowd workers, who told of troubles of their own",
    citation="Liu et al. 2021, Towards Emotional Support Dialog Systems, ACL, arXiv:2106.01144",
    perspective_source="supporters chose the strategy before they wrote the turn (section 4)",
    group="dialogue: one conversation",
    files=tuple(f"**/{name}" for name in _FILES.values()),
    obtain="thu-coai/Emotional-Support-Conversation on GitHub",
)


class _Turn(NamedTuple):
    listens: bool
    strategy: str
    text: str


def load(folder: Path) -> Loaded:
    """Read `{train,dev,test}WithStrategy_short.tsv`; splits that are not there are absent.

    A line is a window of at most five turns that ends with a supporter's; windows that overlap are put together to
    conversations, so the seeker's words after the last reply are in none. A sample is a turn, of the track `speaker`
    (who seeks help) or `listener` (who gives it); listeners' turns have their strategy as gold. Without a training file
    nine in ten conversations of the development file are `train`, the tenth is `dev`. `FailedESConv.json`, the rejected
    conversations, is not read.
    """
    find_file(folder, *CORPUS.files)
    found = {split: next(iter(sorted(folder.glob(f"**/{name}"))), None) for split, name in _FILES.items()}
    talks = {split: _talks(path) for split, path in found.items() if path is not None}
    remarks: dict[str, int] = {}
    if "train" not in talks and len(talks.get("dev", ())) >= HELD:
        whole = talks["dev"]
        talks["train"] = [talk for i, talk in enumerate(whole) if i % HELD != HELD - 1]
        talks["dev"] = whole[HELD - 1 :: HELD]
        remarks["conversations of the development file taken for training"] = len(talks["train"])
    order = [split for split in _FILES if split in talks]
    splits = {split: [s for talk in talks[split] for s in _samples(split, *talk)] for split in order}
    return Loaded(CORPUS, {split: _rated(rows) for split, rows in splits.items()}, remarks=remarks)


_Talk = tuple[int, dict[int, _Turn]]
"""Line of its first window, and place in the conversation → turn."""


def _talks(path: Path) -> list[_Talk]:
    talks: list[_Talk] = []
    last = -1
    for number, line in enumerate(decode(path)[0].split("\n"), 1):
        if not line.strip():
            continue
        window = dict(_window(path, number, line))
        end = max(window)
        if end <= last or not talks:
            talks.append((number, {}))
        last = end
        talks[-1][1].update(window)
    return talks


def _window(path: Path, number: int, line: str) -> Iterator[tuple[int, _Turn]]:
    for piece in line.split(" EOS"):
        match = _TURN.fullmatch(piece)
        if match is None:
            raise FileError(
                f"line {number} of {path.name!r} has a turn {piece[:40]!r}",
                allowed="a weight, 0 or 1 for the speaker, a number, a strategy in brackets if it is 1, and the text",
            )
        listens, place, strategy, text = match.groups()
        if strategy is not None:
            label(path, number, "strategy", strategy, scale(SCALE).labels)
        yield int(place), _Turn(listens == "1", strategy or "", text)


def _samples(split: str, line: int, turns: dict[int, _Turn]) -> Iterator[tuple[Sample, str]]:
    name = f"{split}-{line}"
    for place, turn in sorted(turns.items()):
        yield (
            Sample(
                id=f"{name}-{place}",
                source=f"esconv/{name}",
                item=place,
                text=" ".join(turn.text.split()),
                track="listener" if turn.listens else "speaker",
                language="en",
                groups={"dialogue": name},
            ),
            turn.strategy,
        )


def _rated(rows: list[tuple[Sample, str]]) -> list[Sample]:
    gold = one_hot([[strategy] if strategy else [] for _, strategy in rows], SCALE, without=float("nan"))
    samples = [sample for sample, _ in rows]
    return with_gold(samples, {SCALE: gold}, perspective="intended", by="esconv supporters", modality="text")
