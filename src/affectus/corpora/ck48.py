"""CK+ in its cropped 48×48 form: the last three frames of 327 posed sequences (Lucey et al. 2010)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affectus.corpora.base import Corpus, Loaded, Split, one_hot, with_gold
from affectus.errors import FileError
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

SCALE = "ck-7"
FOLDS = 10

CORPUS = Corpus(
    name="ck48",
    title="981 grey 48×48 faces of 118 subjects at the peak of seven posed expressions",
    modality="face",
    targets=(Target(SCALE, "perceived"),),
    language="",
    licence="CK+ agreement: research only, no redistribution",
    ship=False,
    consent="signed consent of the subjects for research use; pictures of most of them must not be published",
    citation="Lucey et al. 2010, The Extended Cohn-Kanade Dataset (CK+), CVPR Workshops",
    perspective_source="posed, but a sequence carries an emotion only if its coded action units fit the prototype and "
    "judges saw the emotion in it (section 3.2 of the paper)",
    group="subject; the three frames of a sequence are nearly the same picture",
    splits={"all": Split(981, "e7148548bb80ad98")},
    files=("CK+48/anger/S*.png", "anger/S*.png"),
    obtain="by agreement with the University of Pittsburgh",
)


def load(folder: Path) -> Loaded:
    """Read `CK+48/<emotion>/S<subject>_<sequence>_<frame>.png` in `folder`, or the emotion folders themselves.

    Raises:
        FileError: If an emotion folder is missing or a file's name does not name its subject.
    """
    import cv2

    root = folder / "CK+48" if (folder / "CK+48").is_dir() else folder
    samples: list[Sample] = []
    labels: list[list[str]] = []
    for label in scale(SCALE).labels:
        paths = sorted((root / label).glob("*.png"))
        if not paths:
            raise FileError(f"{str(root / label)!r} holds no pictures", allowed="CK+48/<emotion>/S010_004_00000017.png")
        for path in paths:
            subject, sequence, frame = (*path.stem.split("_"), "", "")[:3]
            face = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            if not (subject.startswith("S") and sequence and frame.isdigit()) or face is None:
                raise FileError(f"{str(path)!r} is no picture of CK+", allowed="S<subject>_<sequence>_<frame>.png")
            samples.append(
                Sample(
                    id=path.stem,
                    source="ck48",
                    item=len(samples),
                    track=subject,
                    features={"face": face.astype(np.uint8)},
                    groups={"speaker": subject, "sequence": f"{subject}_{sequence}"},
                )
            )
            labels.append([label])
    gold = {SCALE: one_hot(labels, SCALE)}
    return Loaded(CORPUS, {"all": with_gold(samples, gold, perspective="perceived", by="CK+", modality="face")})


def folds(samples: list[Sample], n: int = FOLDS, seed: int = 0) -> np.ndarray:
    """Number of the fold of each sample, (len,): whole subjects, dealt out in a seeded order.

    Args:
        samples: Of `load`; the subject is the track.
        n: Number of folds.
        seed: Of the order.
    """
    subjects = np.array([sample.track for sample in samples])
    names = np.unique(subjects)
    np.random.default_rng(seed).shuffle(names)
    place = {name: i % n for i, name in enumerate(names)}
    return np.array([place[subject] for subject in subjects])
