"""A part of FER2013 (Goodfellow et al. 2013) in a split that is not the official one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affectus.corpora.base import Corpus, Loaded, Split, find_file, with_gold
from affectus.errors import FileError
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

SCALE = "fer2013-7"

CORPUS = Corpus(
    name="fer2013-part",
    title="5,195 grey 48×48 faces from the web with seven expressions, unofficial split",
    modality="face",
    targets=(Target(SCALE, "perceived"),),
    language="",
    licence="Kaggle competition data, collected by web search; research use",
    ship=False,
    consent="none: pictures found by web search",
    citation="Goodfellow et al. 2013, Challenges in Representation Learning, arXiv:1307.0414",
    perspective_source="pictures found by emotion words, kept or rejected by human labellers (section 2.1 there)",
    group="none is given; the set holds duplicates",
    splits={"train": Split(2503, "d02755700f4e313a"), "val": Split(2692, "7147e2a1504c55e7")},
    files=("train.npz",),
    obtain="the whole set: Kaggle, Challenges in Representation Learning",
)


def load(folder: Path) -> Loaded:
    """Read `train.npz` and `val.npz` (images, labels, source_index).

    Raises:
        FileError: If a file is missing or holds something else.
    """
    return Loaded(CORPUS, {split: _read(find_file(folder, f"{split}.npz"), split) for split in ("train", "val")})


def _read(path: Path, split: str) -> list[Sample]:
    try:
        with np.load(path, allow_pickle=False) as file:
            images, labels = file["images"], file["labels"].astype(int)
    except (OSError, ValueError, KeyError) as error:
        raise FileError(f"{str(path)!r} is no part of FER2013 ({error})") from error
    k = len(scale(SCALE))
    if images.dtype != np.uint8 or images.shape != (len(labels), 48, 48) or not ((labels >= 0) & (labels < k)).all():
        raise FileError(
            f"{str(path)!r} holds images {images.shape} and labels up to {labels.max(initial=0)}",
            allowed=f"(n, 48, 48) uint8 and labels below {k}",
        )
    source = f"fer2013-part/{split}"
    samples = [Sample(id=f"{split}-{i}", source=source, item=i, features={"face": x}) for i, x in enumerate(images)]
    gold = {SCALE: np.eye(k, dtype=np.float32)[labels]}
    return with_gold(samples, gold, perspective="perceived", by="FER2013", modality="face")
