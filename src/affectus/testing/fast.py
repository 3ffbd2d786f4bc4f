"""The checks of the unit suite: seconds a system, nothing is trained."""

from __future__ import annotations

import ast
import inspect
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectus import registry
from affectus.errors import AffectusError
from affectus.frontends.streaming import SILENT_WINDOW, Windows
from affectus.sample import Item, Media, Sample, flatten
from affectus.taxonomy import scale
from affectus.testing.items import RATE
from affectus.testing.subject import TOLERANCE, Skip, Subject, need_reader, same
from affectus.timeline import Timeline, check_scores

TINY = 200_000  # weights that a tiny size may have


def check_forward(subject: Subject) -> None:
    """Outputs are finite, of floating type, one row an item."""
    n = len(flatten(subject.items()))
    for outputs, batch in subject.system.run(subject.items()):
        assert len(batch.spans) == n, f"{len(batch.spans)} spans for {n} samples"
        for name, value in outputs.items():
            assert np.isfinite(value).all(), f"output {name!r} is not finite"


def check_backward(subject: Subject) -> None:
    """The gradient of every trainable parameter is never None, and non-zero within five steps."""
    if not subject.descends():
        raise Skip("fitted in closed form")
    system = subject.system.train()
    wanted = {k: p for k, p in system.named_parameters() if p.requires_grad}
    moved: set[str] = set()
    optimiser = torch.optim.SGD(wanted.values(), lr=0.1)
    for step in range(5):
        torch.manual_seed(step)
        batch = system.collate(subject.items(4, step), np.random.default_rng(step)).to(system.device)
        optimiser.zero_grad()
        torch.stack(list(system.loss(system(**batch.inputs), batch).values())).sum().backward()
        for key, parameter in wanted.items():
            assert parameter.grad is not None, f"{key} has no gradient"
            if parameter.grad.abs().sum() > 0:
                moved.add(key)
        optimiser.step()
    assert moved == set(wanted), f"no gradient reached {sorted(set(wanted) - moved)[:3]}"


def check_batching(subject: Subject) -> None:
    """A batch gives what its members give alone, in any order: padding does not leak."""
    need_reader(subject)
    items = subject.items(4)
    together, alone = subject.read(items, 4), Timeline.concat([subject.read([i], 1) for i in items])
    same(together, alone, TOLERANCE, "batch against singles")
    back = subject.read(items[::-1], 4)
    order = np.argsort([str(s) for s in back.column("item")], kind="stable")
    first = np.argsort([str(s) for s in together.column("item")], kind="stable")
    if subject.entry.card.unit != "dialogue" and subject.modality not in ("voice", "video", "eeg"):
        same(together[first], back[order], TOLERANCE, "reversed order")


def check_deterministic(subject: Subject) -> None:
    """Reading twice gives the same; a training step under one seed does too."""
    items = subject.items()
    if "reader" in subject.entry.card.roles:
        same(subject.read(items, 4), subject.read(items, 4), 0.0, "two readings")
    if subject.descends():
        totals = []
        for _ in range(2):
            torch.manual_seed(7)
            system = subject.system.train()
            batch = system.collate(items, np.random.default_rng(7)).to(system.device)
            totals.append(float(sum(v.detach() for v in system.loss(system(**batch.inputs), batch).values())))
        assert totals[0] == totals[1], f"the same seed gave losses {totals}"


def check_persistence(subject: Subject) -> None:
    """Save and load gives the same readings, bit for bit."""
    with tempfile.TemporaryDirectory() as folder:
        subject.system.save_pretrained(folder)
        loaded = type(subject.system).from_pretrained(folder)
        again = registry.load(folder)
    if "reader" in subject.entry.card.roles:
        items = subject.items()
        before = subject.read(items, 4)
        same(before, loaded.read(items, batch_size=4), 0.0, "after loading")
        same(before, again.read(items), TOLERANCE, "through the registry")
    assert loaded.readouts == subject.system.readouts, "readouts changed"


def check_scales(subject: Subject) -> None:
    """Scores obey their scale; every target has a column; rows carry reader, modality and perspective."""
    need_reader(subject)
    timeline = subject.read(subject.items(), 4)
    names = {s.name for s in timeline.scales}
    for target in subject.system.config.targets:
        assert target.scale in names, f"target {target.scale} has no scores"
    for of in timeline.scales:
        check_scores(timeline.scores(of.name), of)
    for affect in timeline:
        assert affect.by, "rows don't say which reader made them"
        assert affect.modality, "rows have no modality"
        assert affect.perspective or affect.target is None or scale(affect.target).kind == "level", "no perspective"


def check_translation(subject: Subject) -> None:
    """Moving an item in time moves its readings and changes nothing else."""
    need_reader(subject)
    items = [i for i in subject.items(2) if isinstance(i, Sample)]
    if not items:
        raise Skip("dialogues carry no times here")
    items = [replace(i, start=i.start if i.start is not None else 0.0, end=i.end or 1.0) for i in items]
    later = [replace(i, start=(i.start or 0) + 8.0, end=(i.end or 0) + 8.0) for i in items]
    here, there = subject.read(list(items), 2), subject.read(list(later), 2)
    same(here, there, 0.0, "moved in time")
    gap = there.column("start") - here.column("start")
    assert np.allclose(gap, 8.0), f"starts moved by {gap}, not by 8 s"


def check_streaming(subject: Subject) -> None:
    """Sound that arrives in chunks of any size gives the timeline of the whole, in order, within 1e-3."""
    system: Any = subject.system
    if not hasattr(system, "stream") or subject.modality != "voice":
        raise Skip("no streaming declared")
    rng, gap = np.random.default_rng(0), np.zeros(2 * RATE, np.float32)
    spoken = [item.wave(RATE) for item in subject.items(4) if isinstance(item, Sample)]
    wave = np.concatenate([spoken[0], spoken[1], gap, spoken[2], gap[: RATE // 3], spoken[3]])
    asked: dict[str, Any] = {"windows": Windows(window=1.5, hop=0.6, speech=0.4), "detector": _loud}
    sample = Sample(id="sound", source="stream", media=Media("audio", array=wave, rate=RATE), start=3.0)
    whole = system.read_windows(sample, **asked)
    assert len(whole) == -(-(len(wave) - round(1.5 * RATE)) // round(0.6 * RATE)) + 1, f"{len(whole)} windows"
    silent = [SILENT_WINDOW in affect.flags for affect in whole]
    assert any(silent), "the pause was read"
    assert not all(silent), "no window was read"
    for sizes in ([len(wave)], [1600], [512], [1, 7, 20_000], rng.integers(1, 9000, 50).tolist()):
        live = Timeline.concat(system.stream(_chunks(wave, sizes, 3.0), **asked))
        same(live, whole, 1e-3, f"streamed in chunks of {sizes[:3]}")
        for column in ("start", "end", "flags"):
            assert list(map(str, live.column(column))) == list(map(str, whole.column(column))), f"{column} differs"


def _loud(frame: np.ndarray) -> float:
    """A detector without a network: whether a frame is louder than −40 dB of full scale."""
    return float(np.square(frame).mean() > 1e-4)


def _chunks(wave: np.ndarray, sizes: list[int], start: float) -> Iterator[tuple[float, np.ndarray]]:
    at = 0
    for size in cycle(sizes):
        if at >= len(wave):
            return
        yield start + at / RATE, wave[at : at + size]
        at += size


def check_bad_input(subject: Subject) -> None:
    """Empty, one, very long, silent and NaN inputs give a named error or a flagged result."""
    need_reader(subject)
    assert len(subject.system.read([])) == 0, "no items must give no rows"
    for name, item in _bad_items(subject):
        try:
            timeline = subject.system.read([item])
        except AffectusError:
            continue
        assert any(a.flags for a in timeline), f"{name} was read without a flag"


def check_anonymizer(subject: Subject) -> None:
    """Sound keeps its length and is finite and another; what would tell the voice is dropped; nothing given changes.

    One generator state gives one result, and bad sound gives a named error or finite sound.
    """
    if "anonymizer" not in subject.entry.card.roles:
        raise Skip("not an anonymizer")
    hide: Any = subject.system.anonymize
    given = [replace(s, features={"original": np.ones(3)}) for s in flatten(subject.items())]
    before = [s.wave(RATE).copy() for s in given]
    first, again = (hide(given, np.random.default_rng(7)) for _ in range(2))
    assert len(first) == len(given), f"{len(first)} samples for {len(given)}"
    for sample, was, hidden, repeated in zip(given, before, first, again, strict=True):
        sound = hidden.wave(RATE)
        assert len(sound) == len(was), f"{len(sound)} samples of sound for {len(was)}"
        assert np.isfinite(sound).all(), "sound is not finite"
        assert np.abs(sound - was).max() > 1e-3 * np.abs(was).max(), "sound is the original"
        assert np.array_equal(sound, repeated.wave(RATE)), "the same generator gave other sound"
        assert np.array_equal(sample.wave(RATE), was), "the original was changed"
        assert "original" not in hidden.features, "features of the original are still there"
    assert hide([]) == [], "no samples must give none"
    for name, item in _bad_items(subject):
        try:
            made = hide([item], np.random.default_rng(7))
        except AffectusError:
            continue
        assert all(np.isfinite(s.wave(RATE)).all() for s in made), f"{name} gave sound that is not finite"


def _bad_items(subject: Subject) -> Iterator[tuple[str, Item]]:
    sample = flatten(subject.items(1))[0]
    if subject.modality == "text":
        yield "empty text", replace(sample, text="")
        yield "very long text", replace(sample, text="happy " * 5000)
        yield "text without letters", replace(sample, text=" \n\t ")
    if subject.modality == "voice":
        for name, wave in {
            "silence": np.zeros(RATE, np.float32),
            "no samples": np.zeros(0, np.float32),
            "NaN": np.full(RATE, np.nan, np.float32),
            "10 ms": np.zeros(160, np.float32) + 0.1,
        }.items():
            yield name, replace(sample, media=Media("audio", array=wave, rate=RATE), start=0.0, end=len(wave) / RATE)
    if subject.modality == "clip":
        yield "nothing to see, hear or read", replace(sample, features={})
        mel, points = sample.features["mel"], sample.features["landmarks"]
        yield "other bands", replace(sample, features={"mel": mel[:, :5]})
        yield "no frames", replace(sample, features={"mel": mel[:0]})
        yield "NaN", replace(sample, features={"landmarks": np.full_like(points, np.nan)})
    if subject.modality in ("face", "image"):
        for name, picture in {
            "one pixel": np.zeros((1, 1, 3), np.uint8),
            "blank": np.full((64, 64, 3), 128, np.uint8),
        }.items():
            yield name, replace(sample, media=Media("image", array=picture), features={})


def check_card(subject: Subject) -> None:
    """The card is complete, fits the code, and the file has the common order."""
    card = subject.entry.card
    for field in ("title", "paper", "licence", "proof", "unit"):
        assert getattr(card, field), f"the card has no {field}"
    assert bool(card.ablation) == bool(card.ablated), "`ablation` and `ablated` need each other"
    assert card.ablation or not card.task, "a `task` is of no use without an `ablation`"
    assert card.proof in ("official code", "equations", "own system"), f"proof is {card.proof!r}"
    count = sum(p.numel() for p in subject.system.parameters())
    if subject.name.endswith("/tiny"):
        assert count <= TINY, f"the tiny size has {count:,} weights, more than {TINY:,}"
    path = inspect.getsourcefile(type(subject.system))
    assert path is not None
    order = [_landmark(node, card.cls) for node in ast.parse(Path(path).read_text(encoding="utf-8")).body]
    found = [mark for mark in order if mark]
    wanted = [mark for mark in ("docstring", "config", "system", "CARD", "VARIANTS") if mark in found]
    assert [m for m in found if m in wanted] == wanted, f"the file's order is {found}, not {wanted}"


def _landmark(node: ast.stmt, cls: str) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return "docstring"
    if isinstance(node, ast.ClassDef):
        bases = {ast.unparse(base) for base in node.bases}
        return "system" if node.name == cls else "config" if "Config" in bases and node.name == f"{cls}Config" else ""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id if node.targets[0].id in ("CARD", "VARIANTS") else ""
    return ""


FAST: tuple[Callable[[Subject], None], ...] = (
    check_forward,
    check_backward,
    check_batching,
    check_deterministic,
    check_persistence,
    check_scales,
    check_translation,
    check_streaming,
    check_bad_input,
    check_anonymizer,
    check_card,
)
