"""MSP-Podcast: stretches of podcasts with rated arousal, dominance, valence and emotion (Lotfian & Busso 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from affectus.corpora.base import Corpus, Loaded, find_file, one_hot, with_gold
from affectus.corpora.delimited import label, read_rows, value
from affectus.corpora.recordings import people, sound
from affectus.sample import Sample
from affectus.taxonomy import Target

SCALE = "arousal-dominance-valence"
CLASSES = "msp-podcast-8"
_LABELS = ("Labels/labels_concensus.csv", "Labels/labels_consensus.csv", "labels_concensus.csv", "labels_consensus.csv")
_EMOTIONS = {
    "A": "angry", "S": "sad", "H": "happy", "U": "surprise", "F": "fear", "D": "disgust", "C": "contempt",
    "N": "neutral",
}  # fmt: skip
_OTHERS = {"O": "another emotion", "X": "no agreement on one emotion"}
_SPLITS = {"Train": "train", "Development": "dev", "Test1": "test1", "Test2": "test2", "Test3": "test3"}
_DIMENSIONS = ("EmoAct", "EmoDom", "EmoVal")  # in the order of the scale; the file has valence before dominance

CORPUS = Corpus(
    name="msp-podcast",
    title="stretches of podcasts with rated arousal, dominance and valence, and one of eight emotions",
    modality="voice",
    targets=(Target(SCALE, "perceived"), Target(CLASSES, "perceived")),
    language="en",
    licence="academic licence of the University of Texas at Dallas",
    ship=False,
    consent="public: podcasts under Creative Commons licences; the speakers were not asked",
    citation="Lotfian & Busso 2019, Building Naturalistic Emotionally Balanced Speech Corpus, IEEE TAC 10(4)",
    perspective_source="crowd workers rated what they heard in each stretch, 1 to 7 (means), and chose an emotion",
    group="speaker (track) where known; many stretches are of unknown speakers, each of which may be anybody's",
    files=_LABELS,
    folders=("MSP-PODCAST", "MSP-Podcast", "MSP_Podcast"),
    obtain="page of MSP-Podcast, signed by an institution",
)


def load(folder: Path) -> Loaded:
    """Read `Labels/labels_concensus.csv` (as older releases spell it) or `labels_consensus.csv`, and `Audios`.

    Ratings y of 1 to 7 become (y − 1) / 6. Rows whose sound is not there are left out, and so are those of other sets.

    Raises:
        FileError: If the labels or a column are missing, or a value is not acceptable (with its line).
    """
    path = find_file(folder, *_LABELS)
    top = path.parent.parent if path.parent.name == "Labels" else path.parent
    needed = ("FileName", "EmoClass", *_DIMENSIONS, "SpkrID", "Gender", "Split_Set")
    found = read_rows(path, needed)
    parts: dict[str, list[tuple[Sample, np.ndarray, list[str]]]] = {}
    left_out: dict[str, int] = {"sound is not there": 0}
    remarks = {f"with {why}, rated on the dimensions alone": 0 for why in _OTHERS.values()}
    sexes: dict[str, str] = {}
    for row, line in zip(found.rows, found.lines, strict=True):
        name, media = row["FileName"], sound(top / "Audios" / row["FileName"], top / "Audio" / row["FileName"])
        split = _SPLITS.get(row["Split_Set"])
        if media is None or split is None:
            why = "sound is not there" if split else f"set {row['Split_Set']!r}"
            left_out[why] = left_out.get(why, 0) + 1
            continue
        emotion = label(path, line, "EmoClass", row["EmoClass"], (*_EMOTIONS, *_OTHERS))
        if emotion in _OTHERS:
            remarks[f"with {_OTHERS[emotion]}, rated on the dimensions alone"] += 1
        speaker = row["SpkrID"] if row["SpkrID"].isdigit() else None
        if speaker and row["Gender"] in ("Male", "Female"):
            sexes[speaker] = row["Gender"].lower()
        sample = Sample(
            id=Path(name).stem,
            source=f"msp-podcast/{name}",
            media=media,
            track=speaker,
            language="en",
            groups={"speaker": speaker} if speaker else {},
        )
        rated = np.array([value(path, line, column, row[column], 1, 7) for column in _DIMENSIONS])
        parts.setdefault(split, []).append((sample, (rated - 1) / 6, [_EMOTIONS[e] for e in emotion if e in _EMOTIONS]))
    splits = {name: _gold(parts[name]) for name in _SPLITS.values() if name in parts} or {"train": []}
    return Loaded(CORPUS, splits, left_out, remarks, speakers=people(sexes))


def _gold(rows: Sequence[tuple[Sample, Any, list[str]]]) -> list[Sample]:
    samples, rated, labels = zip(*rows, strict=True)
    scores = {SCALE: np.stack(rated).astype(np.float32), CLASSES: one_hot(labels, CLASSES, without=np.nan)}
    return with_gold(samples, scores, perspective="perceived", by="msp-podcast raters", modality="voice")
