"""Small made-up tasks, one a modality, on which a system must learn something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from affectus.corpora.base import with_gold
from affectus.sample import Dialogue, Item, Media, Sample
from affectus.system import System
from affectus.taxonomy import Target, scale
from affectus.testing.subject import Skip
from affectus.timeline import Timeline

RATE = 16_000  # Hz, of synthetic sound
_CLASSES = 4
_WORD = 8  # numbers of a word vector of made-up clips
_FACE = np.stack([np.arange(51) % 7, np.arange(51) // 7], 1) / 7  # places of 51 points
_WORDS = ("happy", "angry", "afraid", "sad")


def synthetic_items(system: System, modality: str, n: int, seed: int = 0, *, blind: bool = False) -> list[Item]:
    """A small task with gold labels that can be learned: the class stands in a word, a pitch or a brightness.

    Args:
        system: The system whose targets the gold is made for.
        modality: What to make: text, dialogue, voice, face, image, video, clip or eeg.
        n: Number of items.
        seed: Of the generator.
        blind: Give gold that has nothing to do with the content: each class of content meets each label equally often
            in a square number of items.
    """
    rng = np.random.default_rng(seed)
    scales = [scale(target.scale) for target in system.config.targets]
    classes = min([_CLASSES, *(len(of) for of in scales if of.kind == "one-of")])
    items: list[Item] = []
    for i in range(n):
        shown, told = i % classes, (i // classes if blind else i) % classes
        gold = _gold(system, told, classes)
        sample = Sample(id=f"item-{i}", source="synthetic", item=i, gold=gold, track="person")
        items.append(_fill(sample, modality, shown, rng))
    return items


def alike(modality: str) -> str:
    """The modality whose made-up items serve for this one too: a picture is read as a face and as an image."""
    return "face" if modality == "image" else modality


def labelled(texts: Sequence[str], labels: Sequence[int | str], target: Target) -> list[Item]:
    """Texts, each with one label of a scale (its name or number) as gold."""
    of = scale(target.scale)
    numbers = [label if isinstance(label, int) else of.index(label) for label in labels]
    return [*_judged(texts, np.eye(len(of), dtype=np.float32)[numbers], target, "synthetic")]


def levelled(texts: Sequence[str], levels: Sequence[float], target: Target, source: str = "synthetic") -> list[Sample]:
    """Texts, each with one number as gold on all labels of a scale of kind level."""
    scores = np.repeat(np.array(levels, np.float32)[:, None], len(scale(target.scale)), 1)
    return _judged(texts, scores, target, source)


def _judged(texts: Sequence[str], scores: np.ndarray, target: Target, source: str) -> list[Sample]:
    samples = [
        Sample(id=f"{source}-{i}", source=source, item=i, text=text, track="person") for i, text in enumerate(texts)
    ]
    return with_gold(samples, {target.scale: scores}, perspective=target.perspective, by="synthetic", modality="text")


def _gold(system: System, label: int, classes: int) -> Timeline | None:
    """Gold on every target; on levels each class has values of its own."""
    scores: dict[str, np.ndarray] = {}
    for target in system.config.targets:
        of = scale(target.scale)
        if of.kind == "level":
            steps = (label + np.arange(len(of))) % classes / (classes - 1)
            row = of.low + (of.high - of.low) * steps
        else:
            row = np.arange(len(of)) == label % len(of)
        scores[of.name] = row[None].astype(np.float32)
    if not scores:
        return None
    perspective = system.config.targets[0].perspective
    return Timeline.build([("synthetic",)], scores, perspective=perspective, by="synthetic", modality="gold")


def _fill(sample: Sample, modality: str, label: int, rng: np.random.Generator) -> Item:
    if modality == "text":
        filler = " ".join(rng.choice(["the", "day", "was", "long", "we", "went", "home"], rng.integers(1, 4)))
        return replace(sample, text=f"{filler} {' '.join([_WORDS[label]] * 3)}")
    if modality == "dialogue":
        turns = [
            replace(sample, id=f"{sample.id}-{j}", text=f"{_WORDS[label]} said {j}", track=f"speaker-{j % 2}")
            for j in range(int(rng.integers(2, 6)))
        ]
        return Dialogue(tuple(turns), id=sample.id)
    if modality == "voice":
        seconds = rng.uniform(0.6, 1.4)
        time = np.arange(int(seconds * RATE)) / RATE
        pitch = 110 * 2 ** (label / 2)
        tone = sum(np.sin(2 * np.pi * pitch * h * time) / h for h in range(1, 6))
        wave = (0.1 * tone + 0.005 * rng.standard_normal(len(time))).astype(np.float32)
        media = Media("audio", array=wave, rate=RATE)
        return replace(sample, media=media, item=None, start=0.0, end=float(seconds))
    if alike(modality) == "face":
        picture = rng.integers(0, 40, (64, 64, 3)).astype(np.uint8)
        picture[16 * label : 16 * label + 16] += 180
        return replace(sample, media=Media("image", array=picture), features={"face": picture})
    if modality == "video":
        frames = rng.integers(0, 40, (8, 64, 64, 3)).astype(np.uint8)
        frames[:, 16 * label : 16 * label + 16] += 180
        return replace(sample, media=Media("video", array=frames, rate=8.0), item=None, start=0.0, end=1.0)
    if modality == "clip":
        steps = int(rng.integers(14, 20))
        mel, points = rng.exponential(1.0, (steps, 128)), rng.uniform(0, 0.1, (steps, 51, 2)) + _FACE
        mel[:, 32 * label : 32 * label + 32] *= 30
        points[:, 12 * label : 12 * label + 12, 1] += 0.5
        words = np.eye(_WORD)[[label] * steps] + 0.1 * rng.standard_normal((steps, _WORD))
        frames = rng.integers(0, 40, (steps, 16, 16, 3)).astype(np.uint8)
        frames[:, 4 * label : 4 * label + 4] += 180
        return replace(sample, features={"mel": mel, "landmarks": points, "words": words, "frames": frames})
    if modality == "eeg":
        time = np.arange(256) / 128
        signal = np.sin(2 * np.pi * (4 + 6 * label) * time) + 0.3 * rng.standard_normal((4, 256))
        return replace(sample, media=Media("signal", array=signal, rate=128.0), item=None, start=0.0, end=2.0)
    raise Skip(f"no synthetic {modality} items")
