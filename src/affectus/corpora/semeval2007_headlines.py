"""SemEval-2007 task 14: news headlines with how strongly six emotions are felt (Strapparava and Mihalcea 2007)."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from affectus.corpora.base import Corpus, Loaded, Split, find_file, numbered, read_lines, with_gold
from affectus.corpora.delimited import value
from affectus.errors import FileError
from affectus.sample import Sample
from affectus.taxonomy import Target, map_scores

SCALE = "ren-5"
POINTS = "semeval2007-6"
VALENCE = "valence"
SEED = 7
_INSTANCE = re.compile(r'<instance id="(\d+)">(.*?)</instance>')
_PARTS = {  # ids of the organisers' files
    "trial": tuple(i for i in range(1, 254) if i not in (152, 157, 227)),
    "test": tuple(range(500, 1500)),
}
# Trial headlines whose five scores are 0. The arrays of Kadan et al. lack their labels, not their texts; ids from the
# organisers' files, whose normalised scores equal the label array to the bit.
_SILENT = (43, 86, 121, 151)
_TEXTS = "semEval2007_headlines.npy"
_OF_ARRAYS = {
    "train": Split(747, "3f33b8d06f6e49c1"),
    "dev": Split(249, "186a6a45fe87e783"),
    "test": Split(250, "189be35a7756ea9f"),
}
_LABELS = "labels_normalized_semEval_anger_fear_joy_sad_surp.npy"

CORPUS = Corpus(
    name="semeval2007-headlines",
    title="News headlines with the profile of five emotions in their readers",
    modality="text",
    targets=(Target(SCALE, "evoked"),),
    language="en",
    licence="research, by the organisers of the task",
    ship=False,
    consent="public: newspaper headlines",
    citation="Strapparava and Mihalcea 2007, SemEval-2007 Task 14: Affective Text; five-emotion profile of "
    "Kadan et al. 2024, KAIS 66(12)",
    perspective_source="six annotators scored each headline by its emotional words and the overall feeling it invokes",
    group="none is given; some headlines occur twice",
    splits={"train": Split(747), "dev": Split(249), "test": Split(250)},
    files=(
        "AffectiveText.trial/affectivetext_trial.xml",
        "affectivetext_trial.xml",
        f"Dataset/inputs/{_TEXTS}",
        _TEXTS,
    ),
    folders=("AffectiveText.Semeval.2007", "AffectiveText"),
    obtain="page of SemEval-2007 task 14 (Affective Text)",
)


def load(folder: Path) -> Loaded:
    """Read the organisers' files (`AffectiveText.{trial,test}/…`) or the two arrays of Kadan et al. (2024).

    Rows are in the order of the files, trial before test. The organisers' texts are as printed, those of the arrays are
    lower-case without punctuation, digits and stop words. Gold is the share of anger, fear, joy, sadness and surprise
    in their sum; disgust is dropped, and so are headlines without any of the five, with their number. Of the
    organisers' files the points on `semeval2007-6` are kept too, and the valence (−100 to 100 there, −1 to 1 here)
    where its file is.

    There is no official split of the profile; this is the 60/20/20 of Kadan et al., drawn with seed 7.
    """
    arrays = next((p.parent for p in (folder / _TEXTS, folder / "Dataset/inputs" / _TEXTS) if p.is_file()), None)
    ids, texts, scores = _arrays(arrays) if arrays else _official(folder)
    heard = scores[SCALE].sum(1) > 0
    rows = np.flatnonzero(heard)
    samples = [
        Sample(id=str(ids[row]), source="semeval2007-headlines", item=int(row), text=texts[row], language="en")
        for row in rows
    ]
    gold = {name: values[rows].astype(np.float32) for name, values in scores.items()}
    rated = with_gold(samples, gold, perspective="evoked", by="semeval2007 annotators", modality="text")
    splits = split(rated)
    learned = {sample.text for sample in splits["train"]}
    repeats = sum(sample.text in learned for name in ("dev", "test") for sample in splits[name])
    return Loaded(
        replace(CORPUS, splits=_OF_ARRAYS) if arrays else CORPUS,
        splits,
        left_out={"no score on any of the five emotions": len(ids) - len(rows)},
        remarks={"of dev and test also stand in train": repeats},
    )


def _official(folder: Path) -> tuple[list[int], list[str], dict[str, np.ndarray]]:
    ids: list[int] = []
    texts: list[str] = []
    points: list[list[int]] = []
    for part in _PARTS:
        name = f"affectivetext_{part}"
        words = _headlines(find_file(folder, f"AffectiveText.{part}/{name}.xml", f"{name}.xml"))
        for line, row in numbered(read_lines(find_file(folder, *_gold_names(part)))):
            cells = row.split()
            if len(cells) != 7 or not all(cell.isdigit() for cell in cells) or int(cells[0]) not in words:
                raise FileError(
                    f"line {line} of the gold of {part} is {row[:60]!r}",
                    allowed="id of a headline, six scores 0 to 100",
                )
            ids.append(int(cells[0]))
            texts.append(words[ids[-1]])
            points.append([int(cell) for cell in cells[1:]])
    values = np.array(points, np.float64)
    scores = {SCALE: map_scores(values, POINTS, SCALE), POINTS: values}
    valence = _valence(folder)
    if valence:
        scores[VALENCE] = np.array([[valence.get(i, np.nan)] for i in ids]) / 100
    return ids, texts, scores


def _valence(folder: Path) -> dict[int, float]:
    """Id → valence from −100 to 100, of the files that are there."""
    found = {}
    for part in _PARTS:
        name = f"affectivetext_{part}.valence.gold"
        for path in (folder / f"AffectiveText.{part}" / name, folder / name):
            for line, row in numbered(read_lines(path)) if path.is_file() else ():
                cells = row.split()
                if len(cells) != 2 or not cells[0].isdigit():
                    raise FileError(f"line {line} of {name!r} is {row[:60]!r}", allowed="id of a headline, valence")
                found[int(cells[0])] = value(path, line, "valence", cells[1], -100, 100)
    return found


def _gold_names(part: str) -> tuple[str, str]:
    return f"AffectiveText.{part}/affectivetext_{part}.emotions.gold", f"affectivetext_{part}.emotions.gold"


def _headlines(path: Path) -> dict[int, str]:
    """Id → headline. The files are no well-formed XML everywhere, so each line is matched by itself."""
    found = [match for line in read_lines(path) if (match := _INSTANCE.search(line))]
    return {int(match[1]): html.unescape(match[2]).strip() for match in found}


def _arrays(folder: Path) -> tuple[list[int], list[str], dict[str, np.ndarray]]:
    """The texts have test before trial and all rows, the labels trial before test and no silent rows."""
    try:
        texts, labels = (np.load(find_file(folder, name), allow_pickle=False) for name in (_TEXTS, _LABELS))
    except ValueError as error:
        raise FileError(f"the arrays in {str(folder)!r} can't be read ({error})") from error
    trial, test = _PARTS.values()
    if len(texts) != len(trial) + len(test) or labels.shape != (len(texts) - len(_SILENT), 5):
        raise FileError(
            f"the arrays have {len(texts)} texts and labels of shape {labels.shape}", allowed="1250 and (1246, 5)"
        )
    ids = [*trial, *test]
    profile = np.zeros((len(ids), 5))
    profile[[i not in _SILENT for i in ids]] = labels
    ordered = [str(text) for text in (*texts[len(test) :], *texts[: len(test)])]
    return ids, ordered, {SCALE: profile}


def split(samples: Sequence[Sample], seed: int = SEED) -> dict[str, list[Sample]]:
    """60/20/20 at random, as Kadan et al. (2024) do with scikit-learn's `train_test_split`: the test part first.

    Args:
        samples: All, in the order of the files.
        seed: Of both draws; 7 is the paper's.
    """
    from sklearn.model_selection import train_test_split

    rest, test = train_test_split(np.arange(len(samples)), test_size=0.2, random_state=seed)
    train, dev = train_test_split(rest, test_size=0.25, random_state=seed)
    return {
        name: [samples[i] for i in np.sort(rows)] for name, rows in (("train", train), ("dev", dev), ("test", test))
    }
