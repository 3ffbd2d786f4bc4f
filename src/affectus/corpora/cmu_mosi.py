"""CMU-MOSI: what people say in video reviews, with the sentiment of each segment (Zadeh et al. 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from affectus.corpora.base import Corpus, Loaded, Split, find_file, with_gold
from affectus.corpora.delimited import read_rows, value
from affectus.corpora.recordings import sound
from affectus.sample import Media, Sample
from affectus.taxonomy import Target

SCALE, SENTIMENT = "arousal-dominance-valence", "mosi-sentiment"
_FILES = ("label.csv", "labels.csv", "Raw/label.csv")

CORPUS = Corpus(
    name="cmu-mosi",
    title="2,199 segments of 93 video reviews with sentiment from -3 to 3",
    modality="voice",
    targets=(Target(SENTIMENT, "perceived"), Target(SCALE, "perceived")),
    language="en",
    licence="research; the videos are their makers'",
    ship=False,
    consent="public: video reviews; the speakers were not asked",
    citation="Zadeh et al. 2016, MOSI: Multimodal Corpus of Sentiment Intensity, arXiv:1606.06259",
    perspective_source="five crowd workers judged the sentiment of the speaker in each segment; the gold is their mean",
    group="video, which is one speaker's; the official splits part videos",
    splits={"train": Split(1284), "dev": Split(229), "test": Split(686)},
    files=_FILES,
    folders=("MOSI", "CMU-MOSI", "CMU_MOSI"),
    obtain="CMU MultiComp Lab; label.csv as in the release for M-SENA",
)

# Ids of the videos of dev and test, as the authors' toolkit parts them; the other 52 are train.
_DEV = (
    "WKA5OygbEKI", "c5xsKMxpXnc", "atnd_PF-Lbs", "bvLlb-M3UXU", "bOL9jKpeJRs", "_dI--eQ6qVU", "ZAIRrfG22O0",
    "X3j2zQgwYgE", "aiEXnCPZubE", "ZUXBRvtny7o",
)  # fmt: skip
_TEST = (
    "tmZoasNr4rU", "zhpQhgha_KU", "lXPQBPVc5Cw", "iiK8YX8oH1E", "tStelxIAHjw", "nzpVDcQ0ywM", "etzxEpPuc6I",
    "cW1FSBF59ik", "d6hH302o4v8", "k5Y_838nuGo", "pLTX3ipuDJI", "jUzDDGyPkXU", "f_pcplsH_V0", "yvsjCA6Y5Fc",
    "nbWiPyCm4g0", "rnaNMUZpvvg", "wMbj6ajWbic", "cM3Yna7AavY", "yDtzw_Y-7RU", "vyB00TXsimI", "dq3Nf_lMPnE",
    "phBUpBr1hSo", "d3_k5Xpfmik", "v0zCBqDeKcE", "tIrG4oNLFzE", "fvVhgmXxadc", "ob23OKe5a9Q", "cXypl4FnoZo",
    "vvZ4IcEtiZc", "f9O3YtZ2VfI", "c7UH_rxdZv4",
)  # fmt: skip
_PLACES = (
    "Raw/{v}/{c}.mp4", "{v}/{c}.mp4", "Raw/Video/Segmented/{v}_{c}.mp4", "Raw/Audio/WAV_16000/Segmented/{v}_{c}.wav",
    "Audio/WAV_16000/Segmented/{v}_{c}.wav",
)  # fmt: skip


def load(folder: Path) -> Loaded:
    """Read `label.csv` (video_id, clip_id, text, label) and the clips `Raw/{video}/{clip}.mp4` or `{video}_{clip}.wav`.

    The split follows from the video's id, not from a column. Sentiment y of −3 to 3 stands as it is, and as valence
    (y + 3) / 6 without arousal and dominance. Segments whose clip is not there keep their words.

    Raises:
        FileError: If the labels or a column are missing, or a value is not acceptable (with its line).
    """
    path = find_file(folder, *_FILES)
    found = read_rows(path, ("video_id", "clip_id", "text", "label"))
    parts: dict[str, list[Sample]] = {"train": [], "dev": [], "test": []}
    rated: dict[str, list[float]] = {name: [] for name in parts}
    without = 0
    for row, line in zip(found.rows, found.lines, strict=True):
        video, clip = row["video_id"], row["clip_id"]
        media = _clip(path.parent, video, clip)
        without += media is None
        split = "dev" if video in _DEV else "test" if video in _TEST else "train"
        rated[split].append(value(path, line, "label", row["label"], -3, 3))
        parts[split].append(
            Sample(
                id=f"{video}_{clip}",
                source=f"cmu-mosi/{video}",
                item=int(clip) if clip.isdigit() else None,
                text=row["text"],
                media=media,
                track=video,
                language="en",
                groups={"speaker": video},
            )
        )
    splits = {name: _gold(rows, rated[name]) for name, rows in parts.items() if rows} or parts
    return Loaded(CORPUS, splits, remarks={"without their clip, words alone": without})


def _clip(folder: Path, video: str, clip: str) -> Media | None:
    found = sound(*(folder / place.format(v=video, c=clip) for place in _PLACES))
    if found is None or found.path is None or found.path.suffix == ".wav":
        return found
    return Media("video", path=found.path)


def _gold(samples: Sequence[Sample], rated: Sequence[float]) -> list[Sample]:
    y = np.array(rated, np.float32)
    nobody = np.full(len(y), np.nan, np.float32)
    scores = {SENTIMENT: y[:, None], SCALE: np.stack([nobody, nobody, (y + 3) / 6], 1)}
    return with_gold(samples, scores, perspective="perceived", by="cmu-mosi raters", modality="voice")
