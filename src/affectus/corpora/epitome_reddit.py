"""EPITOME, the Reddit part: how a response to somebody in distress communicates empathy (Sharma et al. 2020)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from affectus.affect import Evidence
from affectus.corpora.base import Corpus, Judgement, Loaded, Split, find_file, one_hot, with_judgements
from affectus.corpora.delimited import read_rows, value
from affectus.corpora.drawing import deal
from affectus.errors import FileError
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

FILES = {
    "epitome-emotional-reactions": "emotional-reactions-reddit.csv",
    "epitome-interpretations": "interpretations-reddit.csv",
    "epitome-explorations": "explorations-reddit.csv",
}
"""Scale of each mechanism → its file."""

FOLDS = 20
_PARTS = {**dict.fromkeys(range(14, 16), "dev"), **dict.fromkeys(range(16, 20), "test")}
_COLUMNS = ("sp_id", "rp_id", "seeker_post", "response_post", "level", "rationales")

CORPUS = Corpus(
    name="epitome-reddit",
    title="3,023 responses to posts of people in distress: levels of three mechanisms of empathy, with rationales",
    modality="text",
    targets=tuple(Target(name, "perceived") for name in FILES),
    language="en",
    licence="academic or attribution licence of the authors; texts of Reddit: research",
    ship=False,
    consent="posts in public forums, whose writers were not asked",
    citation="Sharma, Miner, Atkins and Althoff 2020, A Computational Approach to Understanding Empathy Expressed in"
    " Text-Based Mental Health Support, EMNLP, arXiv:2009.08441",
    perspective_source="trained crowd workers judged what the response communicates (section 4)",
    group="post: responses to one post of a seeker",
    splits={
        "train": Split(4238, "26ab42d831ad7563"),
        "dev": Split(604, "85dbebb775c460af"),
        "test": Split(1204, "715b93eedc0162f0"),
    },
    files=tuple(f"**/{name}" for name in FILES.values()),
    folders=("Empathy-Mental-Health",),
    obtain="behavioral-data/Empathy-Mental-Health on GitHub",
)


class _Pair(NamedTuple):
    post: str
    response: str
    seeker: str
    said: str
    levels: tuple[str, ...]
    rationales: tuple[tuple[str, ...], ...]


def load(folder: Path) -> Loaded:
    """Read the three `*-reddit.csv`, one row a pair and mechanism, in the same order.

    A pair is a dialogue of two turns, of the tracks `seeker` and `responder`; the second has gold on the scales of the
    three mechanisms, and what its annotators marked as the reason is evidence whose kind is the scale. A pair that
    stands in the files again is left out, whatever its levels are there. White space is made single spaces.

    The paper drew 75:5:20 at random, and its split is not published. Here posts of seekers are dealt out whole, in
    20 folds with like levels, seed 0: 14 `train`, 2 `dev`, 4 `test`.

    Raises:
        FileError: If a file is missing, or they differ in their pairs.
    """
    tables = {name: _table(find_file(folder, f"**/{file}")) for name, file in FILES.items()}
    first = next(iter(tables.values()))
    for name, rows in tables.items():
        if [row[:2] for row in rows] != [row[:2] for row in first]:
            raise FileError(f"{FILES[name]!r} has other pairs than the first file, or another order",
                            remedy="get the three files of one release")  # fmt: skip
    pairs: dict[tuple[str, str], _Pair] = {}
    for row in zip(*tables.values(), strict=True):
        post, response, seeker, said = row[0][:4]
        pair = _Pair(post, response, seeker, said, tuple(cells[4] for cells in row), tuple(cells[5] for cells in row))
        pairs.setdefault((post, response), pair)
    kept = list(pairs.values())
    fold = deal([pair.levels for pair in kept], [pair.post for pair in kept], folds=FOLDS)
    part = [_PARTS.get(int(number), "train") for number in fold]
    turns = list(zip(_seekers(kept), _responses(kept), strict=True))
    splits = {
        split: [turn for both, own in zip(turns, part, strict=True) if own == split for turn in both]
        for split in ("train", "dev", "test")
    }
    lost = sum(
        len(found) < len(told) for pair in kept for found, told in zip(_found(pair), pair.rationales, strict=True)
    )
    return Loaded(
        CORPUS,
        {split: rows for split, rows in splits.items() if rows},
        {"pair that stands in the files before": len(first) - len(kept)},
        {"lists of rationales with one that the response does not hold word for word, which is dropped": lost},
    )


def _table(path: Path) -> list[tuple[str, str, str, str, str, tuple[str, ...]]]:
    """Ids, texts, label and rationales of each row."""
    found = read_rows(path, _COLUMNS)
    labels = scale(next(iter(FILES))).labels
    out = []
    for row, line in zip(found.rows, found.lines, strict=True):
        level = value(path, line, "level", row["level"], 0, len(labels) - 1)
        rationales = tuple(text for part in row["rationales"].split("|") if (text := " ".join(part.split())))
        seeker, said = (" ".join(row[column].split()) for column in ("seeker_post", "response_post"))
        out.append((row["sp_id"], row["rp_id"], seeker, said, labels[int(level)], rationales))
    return out


def _found(pair: _Pair) -> Iterator[tuple[str, ...]]:
    """Of each mechanism the rationales that stand in the response."""
    for rationales in pair.rationales:
        yield tuple(text for text in rationales if text in pair.said)


def _seekers(pairs: list[_Pair]) -> list[Sample]:
    return [_turn(pair, 0, "seeker", pair.seeker) for pair in pairs]


def _responses(pairs: list[_Pair]) -> list[Sample]:
    return with_judgements(
        [_turn(pair, 1, "responder", pair.said) for pair in pairs],
        [
            Judgement(
                {name: one_hot([[pair.levels[at]] for pair in pairs], name) for at, name in enumerate(FILES)},
                "perceived",
                "epitome annotators",
                [
                    [
                        Evidence(name, text=text)
                        for name, found in zip(FILES, _found(pair), strict=True)
                        for text in found
                    ]
                    for pair in pairs
                ],
            )
        ],
        modality="text",
    )


def _turn(pair: _Pair, item: int, track: str, text: str) -> Sample:
    name = f"{pair.post}-{pair.response}"
    return Sample(
        id=f"{name}-{item}",
        source=f"epitome-reddit/{name}",
        item=item,
        text=text,
        track=track,
        language="en",
        groups={"dialogue": name, "post": pair.post},
    )
