"""PELD: triples of utterances from a television series, with the main speaker's Big Five (Wen et al. 2021)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from affectus.corpora.base import Corpus, Loaded, Split, find_file, one_hot, with_gold
from affectus.corpora.delimited import label, read_rows
from affectus.errors import FileError
from affectus.sample import BIG_FIVE, Persona, Sample
from affectus.taxonomy import Target, scale

SCALE = "peld-7"
TRAITS = BIG_FIVE
SEED = 42
_COLUMNS = (
    "Speaker_1", "Speaker_2", "Personality", "Utterance_1", "Utterance_2", "Utterance_3", "Emotion_1", "Emotion_2",
    "Emotion_3",
)  # fmt: skip

CORPUS = Corpus(
    name="peld",
    title="6,510 triples of utterances from a television series, seven emotions, Big Five of six roles",
    modality="text",
    targets=(Target(SCALE, "perceived"),),
    language="en",
    licence="not stated; transcripts of a commercial programme, from MELD and EmoryNLP: research",
    ship=False,
    consent="acted: lines of professional actors",
    citation="Wen et al. 2021, Automatically Select Emotion for Response via Personality-affected Emotion Transition,"
    " Findings of ACL-IJCNLP, arXiv:2106.15846",
    perspective_source="raters of MELD and EmoryNLP judged the emotion of the speaker",
    group="scene: triples overlap, and the official split is drawn at random across them",
    splits={
        "train": Split(3 * 5273, "50d7421e5181417b"),
        "dev": Split(3 * 586, "5aa88cb43a685493"),
        "test": Split(3 * 651, "a0996d1c1a8775ca"),
    },
    files=("data/Dyadic_PELD.tsv", "Dyadic_PELD.tsv"),
    folders=("PELD",),
    obtain="preke/PELD on GitHub",
)


class Triples(NamedTuple):
    """The rows of the file.

    Args:
        samples: Three a row, without gold.
        labels: Emotion of each sample.
        personas: Dialogue (a row) → main speaker → their Big Five.
        parts: Split → numbers of its rows, in the order in which they are drawn.
    """

    samples: list[Sample]
    labels: list[str]
    personas: dict[str, dict[str, Persona]]
    parts: dict[str, np.ndarray]

    def spread(self, samples: Sequence[Sample]) -> dict[str, list[Sample]]:
        """The samples, or others in their place, by split."""
        return {name: [samples[3 * i + turn] for i in which for turn in range(3)] for name, which in self.parts.items()}


def load(folder: Path) -> Loaded:
    """Read `Dyadic_PELD.tsv`; the official split is drawn with scikit-learn, seed 42, stratified by the third emotion.

    A sample is one of the three utterances; `Loaded.dialogues` gives triples, with the Big Five (0 to 1) of the main
    speaker, who says the first and the third. Utterances that neighbouring triples share are repeated, so the official
    split leaks; the group `scene` joins such triples, and `drawing.redraw` makes a split that respects it.
    """
    triples = read(folder)
    scores = {SCALE: one_hot([[name] for name in triples.labels], SCALE)}
    rated = with_gold(triples.samples, scores, perspective="perceived", by="peld raters", modality="text")
    return Loaded(CORPUS, triples.spread(rated), personas=triples.personas)


def read(folder: Path) -> Triples:
    """The rows of `Dyadic_PELD.tsv`.

    Raises:
        FileError: If a row can't be understood, or there are too few to draw the official split.
    """
    path = find_file(folder, *CORPUS.files)
    rows, lines, _ = read_rows(path, _COLUMNS, delimiter="\t")
    labels = scale(SCALE).labels
    samples: list[Sample] = []
    emotions: list[str] = []
    personas: dict[str, dict[str, Persona]] = {}
    scene, before = -1, {"Utterance_2": "", "Utterance_3": ""}
    for i, (row, line) in enumerate(zip(rows, lines, strict=True)):
        scene += row["Utterance_1"] not in (before["Utterance_2"], before["Utterance_3"])
        before, name = row, f"triple-{i}"
        main = row["Speaker_1"]
        personas[name] = {main: Persona(main, traits=_traits(path, line, row["Personality"]))}
        for turn in (1, 2, 3):
            emotions.append(label(path, line, f"Emotion_{turn}", row[f"Emotion_{turn}"], labels))
            samples.append(
                Sample(
                    id=f"{name}-{turn}",
                    source=f"peld/{name}",
                    item=turn - 1,
                    text=row[f"Utterance_{turn}"],
                    track=row["Speaker_2"] if turn == 2 else main,
                    language="en",
                    groups={"dialogue": name, "scene": f"scene-{scene}"},
                )
            )
    if not samples:
        raise FileError(f"{path.name!r} has no rows", remedy="get the file again")
    return Triples(samples, emotions, personas, _official(path, emotions[2::3]))


def _traits(path: Path, line: int, cell: str) -> dict[str, float]:
    try:
        numbers = [float(number) for number in json.loads(cell)]
    except (ValueError, TypeError):
        numbers = []
    if len(numbers) != len(TRAITS) or not all(0 <= number <= 1 for number in numbers):
        raise FileError(
            f"line {line} of {path.name!r} has the personality {cell!r}", allowed="five numbers from 0 to 1 in brackets"
        )
    return dict(zip(TRAITS, numbers, strict=True))


def _official(path: Path, third: list[str]) -> dict[str, np.ndarray]:
    from sklearn.model_selection import train_test_split

    ids = np.arange(len(third))
    try:
        rest, test = train_test_split(ids, test_size=0.1, random_state=SEED, stratify=third)
        train, dev = train_test_split(rest, test_size=0.1, random_state=SEED, stratify=np.array(third)[rest])
    except ValueError as error:
        raise FileError(
            f"the official split can't be drawn from the {len(third)} rows of {path.name!r} ({error})",
            remedy="get the whole file",
        ) from error
    return {"train": train, "dev": dev, "test": test}
