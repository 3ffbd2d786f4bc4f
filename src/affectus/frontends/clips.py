"""Clips as aligned streams, one row a video frame: sound as mel bands, landmarks of a face, pictures, word vectors.

As in modality-pairwise contrastive learning (Franceschini et al. 2022, arXiv:2207.11482): all streams of a clip run at
one frame rate, and a window of some frames cuts all of them at the same place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from affectus.backbones.mel import FRAMES_PER_SECOND, RATE, WINDOW, mel_power
from affectus.errors import InputError
from affectus.media import probe, read_image
from affectus.sample import Media, Sample

MELS = 128
POINTS, JAW = 51, 17  # of 68 points, the first are the jaw
MEAN, DEVIATION = (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)  # of Kinetics, RGB in [0, 1]
RANGE = 80.0  # dB below the loudest that still differ
_JITTER, _CROP = 0.2, 0.85  # of colours; smallest share of height and width that a crop keeps
_BANDS, _SHARE = 16, 0.2  # widest mask of mel bands; longest mask in time, of a window


def band_power(wave: np.ndarray, fps: float) -> np.ndarray:
    """Power in mel bands of each video frame, (frames, 128): the mean of the 10 ms frames that begin in it.

    Args:
        wave: (samples,) float in [-1, 1] at 16 kHz.
        fps: Video frames a second, at most 100.
    """
    fine = mel_power(np.pad(wave, (0, max(0, WINDOW - len(wave)))), MELS).T
    starts = np.flatnonzero(np.diff((np.arange(len(fine)) * fps / FRAMES_PER_SECOND).astype(int), prepend=-1))
    return np.add.reduceat(fine, starts) / np.diff(starts, append=len(fine))[:, None]


def mel_frames(sample: Sample, fps: float) -> np.ndarray | None:
    """Mel bands of a clip in decibels below its loudest, (frames, 128) float32; None if it has no sound.

    Power comes as the feature `mel` (frames, 128), one row a video frame, else from the sound.

    Args:
        sample: The clip.
        fps: Video frames a second, at most 100.
    """
    given = sample.features.get("mel")
    if given is not None:
        power = _checked(sample, "mel", given, (MELS,))
    elif sample.media is not None and sample.media.kind in ("audio", "video") and _sounds(sample.media):
        power = band_power(sample.wave(RATE), fps)
    else:
        return None
    level = 10 * np.log10(np.maximum(power, 1e-10))
    return np.maximum(level - level.max(), -RANGE).astype(np.float32)


def _sounds(media: Media) -> bool:
    return media.kind == "audio" or (media.path is not None and probe(media.path).audio is not None)


def landmark_frames(sample: Sample) -> np.ndarray | None:
    """Points of the face in each frame, (frames, 51, 2) float32; None if there are none.

    The feature `landmarks` is (frames, 68 or 51, 2) in any unit; x and y are each brought to [0, 1] over the clip, then
    the jaw, the first 17 of 68 points, is left out.
    """
    given = sample.features.get("landmarks")
    if given is None:
        return None
    shape = np.shape(given)
    points = _checked(sample, "landmarks", given, (POINTS + JAW if shape[1:2] == (POINTS + JAW,) else POINTS, 2))
    low, high = points.min((0, 1)), points.max((0, 1))
    scaled = (points - low) / np.where(high > low, high - low, 1)
    return scaled[:, -POINTS:].astype(np.float32)


def word_frames(sample: Sample, width: int) -> np.ndarray | None:
    """The vector of the word that is spoken in each frame, the feature `words` (frames, width); None if absent."""
    given = sample.features.get("words")
    return None if given is None else _checked(sample, "words", given, (width,)).astype(np.float32)


def picture_frames(sample: Sample, fps: float) -> np.ndarray | None:
    """Pictures of a clip, (frames, h, w, 3) uint8: the feature `frames`, else those of its video; None if absent.

    A video may be a folder of pictures, which follow each other by the numbers in their names.
    """
    given = sample.features.get("frames")
    if given is not None:
        return _checked(sample, "frames", given, (*np.shape(given)[1:3], 3))
    if sample.media is None or sample.media.kind != "video":
        return None
    place = sample.media.path
    if place is not None and place.is_dir():
        found = [read_image(path) for path in sorted(place.glob("*.[jp][pn]g"), key=_number)]
    else:
        found = [picture for _, picture in sample.frames(fps)]
    return np.stack(found) if found else None


def _number(path: Path) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", path.stem)))


def _checked(sample: Sample, name: str, given: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    array = np.asarray(given)
    if array.shape[1:] != tuple(shape) or not len(array):
        allowed = ", ".join(map(str, ("frames", *shape)))
        raise InputError(f"the feature {name!r} of {sample.id!r} has shape {array.shape}", allowed=f"({allowed})")
    if not np.isfinite(array).all():
        raise InputError(f"the feature {name!r} of {sample.id!r} holds NaN or infinity", allowed="finite numbers")
    return array


def window(stream: np.ndarray, start: int, frames: int) -> np.ndarray:
    """`frames` rows of a stream from a place on; a shorter stream begins anew."""
    return stream[(start + np.arange(frames)) % len(stream)]


def pictures(
    frames: np.ndarray, count: int, size: int, rng: np.random.Generator | None = None, *, augment: bool = False
) -> np.ndarray:
    """Some pictures, evenly taken, as R(2+1)D reads them: (3, count, size, size) float32, scaled as for Kinetics.

    Args:
        frames: (t, h, w, 3) uint8 RGB.
        count: Pictures.
        size: Height and width.
        rng: Source of the changes.
        augment: Whether to crop, mirror and jitter brightness and contrast, all pictures alike.
    """
    import cv2

    chosen = frames[np.linspace(0, len(frames) - 1, count).astype(int)]
    if augment and rng is not None:
        high, wide = (max(1, int(n * rng.uniform(_CROP, 1))) for n in chosen.shape[1:3])
        top, left = (rng.integers(0, n - m + 1) for n, m in zip(chosen.shape[1:3], (high, wide), strict=True))
        chosen = chosen[:, top : top + high, left : left + wide]
        chosen = chosen[:, :, ::-1] if rng.random() < 0.5 else chosen
    small = np.stack([cv2.resize(np.ascontiguousarray(p), (size, size), interpolation=cv2.INTER_AREA) for p in chosen])
    scaled = small.astype(np.float32) / 255
    if augment and rng is not None:
        scaled = (scaled - scaled.mean()) * rng.uniform(1 - _JITTER, 1 + _JITTER) + scaled.mean()
        scaled = np.clip(scaled * rng.uniform(1 - _JITTER, 1 + _JITTER), 0, 1)
    return ((scaled - np.array(MEAN)) / np.array(DEVIATION)).transpose(3, 0, 1, 2).astype(np.float32)


def masked(mel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mel bands (t, bands) with one stretch of bands and one of time at their mean (SpecAugment, Park et al. 2019)."""
    out, fill = mel.copy(), mel.mean()
    bands, time = rng.integers(0, _BANDS + 1), rng.integers(0, int(_SHARE * len(mel)) + 1)
    low, start = rng.integers(0, mel.shape[1] - bands + 1), rng.integers(0, len(mel) - time + 1)
    out[:, low : low + bands] = fill
    out[start : start + time] = fill
    return out
