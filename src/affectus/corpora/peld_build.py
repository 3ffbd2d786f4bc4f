"""`Dyadic_PELD.tsv` made anew from MELD and EmoryNLP, by the rules of its authors; `peld` and `peld-next` read it."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from affectus.atomic import writing
from affectus.corpora import emorynlp, meld
from affectus.corpora.base import Loaded, gold, load_corpus
from affectus.corpora.peld import SCALE
from affectus.sample import Sample
from affectus.taxonomy import scale

# Openness, conscientiousness, extraversion, agreeableness, neuroticism.
ROLES: Mapping[str, tuple[float, ...]] = {
    "Chandler": (0.648, 0.375, 0.386, 0.58, 0.477),
    "Joey": (0.574, 0.614, 0.297, 0.545, 0.455),
    "Monica": (0.713, 0.457, 0.457, 0.66, 0.511),
    "Phoebe": (0.6, 0.48, 0.31, 0.46, 0.56),
    "Rachel": (0.635, 0.354, 0.521, 0.552, 0.469),
    "Ross": (0.722, 0.489, 0.6, 0.533, 0.356),
}
COLUMNS = (
    "Speaker_1", "Speaker_2", "Personality", "Utterance_1", "Utterance_2", "Utterance_3", "Emotion_1", "Emotion_2",
    "Emotion_3", "Sentiment_1", "Sentiment_2", "Sentiment_3",
)  # fmt: skip
# EmoryNLP's other two, peaceful and powerful, have no counterpart.
_EMORYNLP = {"joyful": "joy", "mad": "anger", "neutral": "neutral", "sad": "sadness", "scared": "fear"}
_POSITIVE = ("joy", "surprise")


class Built(NamedTuple):
    """What was written.

    Args:
        triples: Number of rows.
        left_out: Reason → number of triples.
    """

    triples: int
    left_out: Mapping[str, int]


def build(out: Path, meld_folder: Path, emorynlp_folder: Path | None = None) -> Built:
    """Write the file.

    A triple is three utterances of a dialogue in a row, the first and the third by one of six roles, the second by
    somebody else; characters beyond ASCII become spaces, and of equal triples the first is kept.

    Args:
        out: The file to write, best `Dyadic_PELD.tsv`.
        meld_folder: MELD's own files.
        emorynlp_folder: EmoryNLP's own files; without them the file has only what comes from MELD, which is its first
            part.

    Raises:
        FileError: If a folder does not hold its corpus.
    """
    left_out: Counter[str] = Counter()
    rows = list(_triples(load_corpus("meld", meld_folder), meld.SCALE, {n: n for n in scale(SCALE).labels}, left_out))
    if emorynlp_folder is not None:
        rows += _triples(load_corpus("emorynlp", emorynlp_folder), emorynlp.SCALE, _EMORYNLP, left_out)
    different = list(dict.fromkeys(rows))
    left_out["the same as an earlier one"] = len(rows) - len(different)
    with writing(out) as file:
        written = csv.writer(file, delimiter="\t", lineterminator="\n")
        written.writerow(COLUMNS)
        written.writerows(different)
    return Built(len(different), left_out)


def _triples(loaded: Loaded, name: str, labels: Mapping[str, str], left_out: Counter[str]) -> Iterator[tuple[str, ...]]:
    known = scale(name).labels
    for samples in loaded.splits.values():
        emotions = [labels.get(known[number]) for number in gold(samples, name).argmax(1)]
        dialogues: dict[str, list[int]] = defaultdict(list)
        for row, sample in enumerate(samples):
            dialogues[sample.source].append(row)
        for source in sorted(dialogues, key=_number):
            rows = dialogues[source]
            for at in zip(rows, rows[1:], rows[2:], strict=False):
                turns = [samples[row] for row in at]
                first, second, third = (_first_name(turn) for turn in turns)
                if first != third or first == second or first not in ROLES:
                    continue
                felt = [emotion for row in at if (emotion := emotions[row]) is not None]
                if len(felt) < len(at):
                    left_out["with an emotion that PELD does not have"] += 1
                    continue
                yield _row(first, second, turns, felt)


def _row(first: str, second: str, turns: Sequence[Sample], felt: Sequence[str]) -> tuple[str, ...]:
    said = [re.sub(r"[^\x00-\x7f]", " ", (turn.text or "").strip()) for turn in turns]
    sentiments = ["neutral" if name == "neutral" else "positive" if name in _POSITIVE else "negative" for name in felt]
    return first, second, str(list(ROLES[first])), *said, *felt, *sentiments


def _number(source: str) -> tuple[int, ...]:
    """Season, episode and scene, or the number of the dialogue."""
    return tuple(int(digits) for digits in re.findall(r"\d+", source.rsplit("/", 1)[-1]))


def _first_name(turn: Sample) -> str:
    """MELD's speakers as they are; of EmoryNLP's the first name of the first."""
    return (turn.track or "").split()[0] if turn.source.startswith("emorynlp") else turn.track or ""
