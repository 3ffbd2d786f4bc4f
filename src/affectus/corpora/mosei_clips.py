"""CMU-MOSEI as aligned clips: the package of modality-pairwise contrastive learning (Franceschini et al. 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from affectus.corpora.base import Corpus, Loaded, with_gold
from affectus.errors import FileError
from affectus.formats.pickled import read_pickle
from affectus.sample import Media, Sample
from affectus.taxonomy import Target, scale

SCALE = "mosei-6"
PLACES = (299, 367, 435)  # columns of the points' x and y in OpenFace's rows
SHORTEST = 3  # frames
_SPLITS = {"train": ("train",), "dev": ("valid", "validation", "dev"), "test": ("test",)}

CORPUS = Corpus(
    name="mosei-clips",
    title="sentences of video reviews as mel bands, landmarks, word vectors and frames in step, six emotions",
    modality="clip",
    targets=(Target(SCALE, "perceived"),),
    language="en",
    licence="research; the videos are their makers'",
    ship=False,
    consent="public: video reviews; the speakers were not asked",
    citation="Bagher Zadeh et al. 2018, CMU-MOSEI, ACL; package of Franceschini et al. 2022, arXiv:2207.11482",
    perspective_source="three crowd workers judged the emotions of the speaker in each sentence",
    group="video, which is one speaker's: the part of the id before the last underscore or bracket",
    files=("train/*.pkl", "train/Mel_Spect/*.pkl"),
    folders=("MOSEI", "CMU-MOSEI", "CMU_MOSEI"),
    obtain="ricfrr/mpuc-mer on GitHub links to it",
)


def load(folder: Path) -> Loaded:
    """Read `{train,valid,test}/*.pkl`, each a list of clips, with `Mel_Spect` and `Frames_resize` beside it.

    A clip has `uttr_id`, `OpenFace` (frames, 435 or more), `text_feat` (frames, 300) and `label` (6); its mel power
    loses the last row, and its frames, a folder of pictures, are read when a system asks. An emotion is there where its
    label is above 0. Clips without a mel file, and of two frames or fewer, are left out and counted.

    Raises:
        FileError: If a split is not there, or a file is damaged or of another layout.
    """
    splits: dict[str, list[Sample]] = {}
    left_out = {"clip without its mel file": 0, "clip of two frames or fewer": 0}
    for split, names in _SPLITS.items():
        place = next((folder / name for name in names if (folder / name).is_dir()), None)
        listed = sorted(place.glob("*.pkl")) if place is not None else []
        if place is None or len(listed) != 1:
            raise FileError(
                f"{str(folder)!r} has {len(listed)} lists of clips for the split {split!r}",
                allowed=f"one .pkl in a folder {' or '.join(names)}",
                remedy="unpack the package as it is",
            )
        samples, labels = [], []
        for number, clip in enumerate(_listed(listed[0])):
            name, streams, label = _clip(listed[0], number, clip)
            mel = place / "Mel_Spect" / f"{name}.pkl"
            if not mel.is_file():
                left_out["clip without its mel file"] += 1
                continue
            power = np.asarray(read_pickle(mel), np.float32)
            if len(streams["landmarks"]) < SHORTEST or len(power) < SHORTEST:
                left_out["clip of two frames or fewer"] += 1
                continue
            if power.ndim != 2:
                raise FileError(f"{str(mel)!r} has shape {power.shape}", allowed="(frames, bands)")
            video = name.rpartition("[")[0] or name.rpartition("_")[0] or name
            samples.append(
                Sample(
                    id=f"{split}-{name}",
                    source=f"mosei-clips/{name}",
                    media=Media("video", path=frames) if (frames := place / "Frames_resize" / name).is_dir() else None,
                    features={**streams, "mel": power[:-1]},
                    language="en",
                    groups={"video": video},
                )
            )
            labels.append(label)
        splits[split] = with_gold(
            samples, {SCALE: np.array(labels, np.float32).reshape(-1, 6)}, perspective="perceived", by="mosei raters",
            modality="clip",
        )  # fmt: skip
    return Loaded(CORPUS, splits, left_out=left_out)


def _listed(path: Path) -> list[Any]:
    found = read_pickle(path)
    if not isinstance(found, list):
        raise FileError(f"{str(path)!r} holds a {type(found).__name__}", allowed="a list of clips")
    return found


def _clip(path: Path, number: int, clip: Any) -> tuple[str, Mapping[str, np.ndarray], np.ndarray]:
    first, middle, last = PLACES
    try:
        name = str(clip["uttr_id"])
        face = np.asarray(clip["OpenFace"], np.float32)
        points = np.stack([face[:, first:middle], face[:, middle:last]], 2)
        words = np.asarray(clip["text_feat"], np.float32)
        label = (np.asarray(clip["label"], np.float32) > 0).astype(np.float32)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise FileError(
            f"clip {number} of {str(path)!r} can't be understood ({error!r})", remedy="get it again"
        ) from None
    if points.shape[1] != middle - first or words.ndim != 2 or label.shape != (len(scale(SCALE)),):
        raise FileError(
            f"clip {number} of {str(path)!r} has OpenFace {face.shape}, text {words.shape} and labels {label.shape}",
            allowed="(frames, 435 or more), (frames, 300) and (6,)",
        )
    return name, {"landmarks": points, "words": words}, label
