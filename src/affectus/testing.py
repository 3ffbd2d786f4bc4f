"""The public contract suite: what every system must do, whoever wrote it.

`check_system("acme/tiny")` runs all checks that fit the system's role and card. A check that is known to fail is
declared with its
reason in `Card.expected_failures`; a declared failure that passes is an error, so that declarations don't rot.
"""

from __future__ import annotations

import ast
import inspect
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectus import registry
from affectus.errors import AffectusError
from affectus.registry import Entry
from affectus.sample import Dialogue, Item, Media, Sample, flatten
from affectus.system import System
from affectus.taxonomy import scale
from affectus.timeline import Timeline, check_scores

TINY = 200_000  # weights that a tiny size may have
RATE = 16_000  # Hz, of synthetic sound
_WORDS = ("happy", "angry", "afraid", "sad", "calm", "proud", "bored", "curious", "jealous", "grateful")
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Outcome:
    """Result of one check.

    Args:
        check: Name of the check.
        status: `passed`, `failed`, `expected` (declared failure that does fail) or `skipped` (does not apply).
        detail: Reason.
    """

    check: str
    status: str
    detail: str = ""


class ContractError(AssertionError):
    """A system breaks the contract; the message lists the checks that failed."""


class _Skip(Exception):
    """The check does not apply."""


# -- synthetic items ---------------------------------------------------------------------------------------------------
def synthetic_items(system: System, modality: str, n: int, seed: int = 0) -> list[Item]:
    """A small task with gold labels that can be learned: the class stands in a word, a pitch or a brightness.

    Args:
        system: The system whose targets the gold is made for.
        modality: What to make: text, dialogue, voice, face, image, video or eeg.
        n: Number of items.
        seed: Of the generator.
    """
    rng = np.random.default_rng(seed)
    items: list[Item] = []
    k = max([len(scale(t.scale)) for t in system.config.targets] or [2])
    for i in range(n):
        label = i % min(k, 4)
        sample = Sample(id=f"item-{i}", source="synthetic", item=i, gold=_gold(system, label), track="person")
        items.append(_fill(sample, modality, label, rng))
    return items


def _gold(system: System, label: int) -> Timeline | None:
    scores: dict[str, np.ndarray] = {}
    for target in system.config.targets:
        of = scale(target.scale)
        row = np.full((1, len(of)), of.low if of.kind == "level" else 0.0, np.float32)
        row[0, label % len(of)] = of.high if of.kind == "level" else 1.0
        scores[of.name] = row
    if not scores:
        return None
    perspective = system.config.targets[0].perspective
    return Timeline.build([("synthetic",)], scores, perspective=perspective, by="synthetic", modality="gold")


def _fill(sample: Sample, modality: str, label: int, rng: np.random.Generator) -> Item:
    if modality == "text":
        filler = " ".join(rng.choice(["the", "day", "was", "long", "we", "went", "home"], rng.integers(2, 9)))
        return replace(sample, text=f"{filler} {_WORDS[label]} indeed")
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
    if modality in ("face", "image"):
        picture = rng.integers(0, 40, (64, 64, 3)).astype(np.uint8)
        picture[16 * label : 16 * label + 16] += 180
        return replace(sample, media=Media("image", array=picture), features={"face": picture})
    if modality == "video":
        frames = rng.integers(0, 40, (8, 64, 64, 3)).astype(np.uint8)
        frames[:, 16 * label : 16 * label + 16] += 180
        return replace(sample, media=Media("video", array=frames, rate=8.0), item=None, start=0.0, end=1.0)
    if modality == "eeg":
        time = np.arange(256) / 128
        signal = np.sin(2 * np.pi * (4 + 6 * label) * time) + 0.3 * rng.standard_normal((4, 256))
        return replace(sample, media=Media("signal", array=signal, rate=128.0), item=None, start=0.0, end=2.0)
    raise _Skip(f"no synthetic {modality} items")


# -- the checks --------------------------------------------------------------------------------------------------------
@dataclass
class _Subject:
    """What a check works on."""

    name: str
    entry: Entry
    modality: str
    system: System

    def items(self, n: int = 4, seed: int = 0) -> list[Item]:
        return synthetic_items(self.system, self.modality, n, seed)

    def descends(self) -> bool:
        return type(self.system).loss is not System.loss


def _outputs(subject: _Subject, items: list[Item], batch_size: int) -> Timeline:
    return subject.system.read(items, batch_size=batch_size)


def _need_reader(subject: _Subject) -> None:
    if "reader" not in subject.entry.card.roles:
        raise _Skip("not a reader")


def _same(a: Timeline, b: Timeline, tolerance: float, what: str) -> None:
    assert len(a) == len(b), f"{what}: {len(a)} rows against {len(b)}"
    for of in a.scales:
        gap = np.abs(np.nan_to_num(a.scores(of.name)) - np.nan_to_num(b.scores(of.name))).max(initial=0)
        assert gap <= tolerance, f"{what}: scores on {of.name} differ by {gap:.2g}, more than {tolerance:g}"


def check_forward(subject: _Subject) -> None:
    """Outputs are finite, of floating type, one row an item."""
    n = len(flatten(subject.items()))
    for outputs, batch in subject.system.run(subject.items()):
        assert len(batch.spans) == n, f"{len(batch.spans)} spans for {n} samples"
        for name, value in outputs.items():
            assert np.isfinite(value).all(), f"output {name!r} is not finite"


def check_backward(subject: _Subject) -> None:
    """The gradient of every trainable parameter is never None, and non-zero within five steps."""
    if not subject.descends():
        raise _Skip("fitted in closed form")
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


def check_batching(subject: _Subject) -> None:
    """A batch gives what its members give alone, in any order: padding does not leak."""
    _need_reader(subject)
    items = subject.items(4)
    together, alone = _outputs(subject, items, 4), Timeline.concat([_outputs(subject, [i], 1) for i in items])
    _same(together, alone, _TOLERANCE, "batch against singles")
    back = _outputs(subject, items[::-1], 4)
    order = np.argsort([str(s) for s in back.column("item")], kind="stable")
    first = np.argsort([str(s) for s in together.column("item")], kind="stable")
    if subject.entry.card.unit != "dialogue" and subject.modality not in ("voice", "video", "eeg"):
        _same(together[first], back[order], _TOLERANCE, "reversed order")


def check_deterministic(subject: _Subject) -> None:
    """Reading twice gives the same; a training step under one seed does too."""
    items = subject.items()
    if "reader" in subject.entry.card.roles:
        _same(_outputs(subject, items, 4), _outputs(subject, items, 4), 0.0, "two readings")
    if subject.descends():
        totals = []
        for _ in range(2):
            torch.manual_seed(7)
            system = subject.system.train()
            batch = system.collate(items, np.random.default_rng(7)).to(system.device)
            totals.append(float(sum(v.detach() for v in system.loss(system(**batch.inputs), batch).values())))
        assert totals[0] == totals[1], f"the same seed gave losses {totals}"


def check_persistence(subject: _Subject) -> None:
    """Save and load gives the same readings, bit for bit."""
    with tempfile.TemporaryDirectory() as folder:
        subject.system.save_pretrained(folder)
        loaded = type(subject.system).from_pretrained(folder)
        again = registry.load(folder)
    if "reader" in subject.entry.card.roles:
        items = subject.items()
        before = _outputs(subject, items, 4)
        _same(before, loaded.read(items, batch_size=4), 0.0, "after loading")
        _same(before, again.read(items), _TOLERANCE, "through the registry")
    assert loaded.readouts == subject.system.readouts, "readouts changed"


def check_scales(subject: _Subject) -> None:
    """Scores obey their scale; every target has a column; rows carry reader, modality and perspective."""
    _need_reader(subject)
    timeline = _outputs(subject, subject.items(), 4)
    names = {s.name for s in timeline.scales}
    for target in subject.system.config.targets:
        assert target.scale in names, f"target {target.scale} has no scores"
    for of in timeline.scales:
        check_scores(timeline.scores(of.name), of)
    for affect in timeline:
        assert affect.by, "rows don't say which reader made them"
        assert affect.modality, "rows have no modality"
        assert affect.perspective or affect.target is None or scale(affect.target).kind == "level", "no perspective"


def check_translation(subject: _Subject) -> None:
    """Moving an item in time moves its readings and changes nothing else."""
    _need_reader(subject)
    items = [i for i in subject.items(2) if isinstance(i, Sample)]
    if not items:
        raise _Skip("dialogues carry no times here")
    items = [replace(i, start=i.start if i.start is not None else 0.0, end=i.end or 1.0) for i in items]
    later = [replace(i, start=(i.start or 0) + 8.0, end=(i.end or 0) + 8.0) for i in items]
    here, there = _outputs(subject, list(items), 2), _outputs(subject, list(later), 2)
    _same(here, there, 0.0, "moved in time")
    gap = there.column("start") - here.column("start")
    assert np.allclose(gap, 8.0), f"starts moved by {gap}, not by 8 s"


def check_streaming(subject: _Subject) -> None:
    """Where streaming is declared, it gives the offline timeline."""
    stream = getattr(subject.system, "stream", None)
    if stream is None or subject.modality != "voice":
        raise _Skip("no streaming declared")
    item = subject.items(1)[0]
    assert isinstance(item, Sample)
    wave = item.wave(RATE)
    chunks = [(at / RATE, wave[at : at + 1600]) for at in range(0, len(wave), 1600)]
    _same(Timeline.concat(stream(iter(chunks))), _outputs(subject, [item], 1), 1e-3, "streamed")


def check_bad_input(subject: _Subject) -> None:
    """Empty, one, very long, silent and NaN inputs give a named error or a flagged result."""
    _need_reader(subject)
    assert len(subject.system.read([])) == 0, "no items must give no rows"
    for name, item in _bad_items(subject):
        try:
            timeline = subject.system.read([item])
        except AffectusError:
            continue
        assert any(a.flags for a in timeline), f"{name} was read without a flag"


def _bad_items(subject: _Subject) -> Iterator[tuple[str, Item]]:
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
    if subject.modality in ("face", "image"):
        for name, picture in {
            "one pixel": np.zeros((1, 1, 3), np.uint8),
            "blank": np.full((64, 64, 3), 128, np.uint8),
        }.items():
            yield name, replace(sample, media=Media("image", array=picture), features={})


def check_card(subject: _Subject) -> None:
    """The card is complete, fits the code, and the file has the common order."""
    card = subject.entry.card
    for field in ("title", "paper", "licence", "proof", "unit"):
        assert getattr(card, field), f"the card has no {field}"
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


def check_learning(subject: _Subject) -> None:
    """On the synthetic task the loss falls to under 70 % within 60 steps; a fitted system gets it right."""
    items = subject.items(16)
    if not subject.descends():
        fit = getattr(subject.system, "fit", None)
        if fit is None:
            raise _Skip("has no weights to learn")
        fit([subject.system.collate(items)])
        target = subject.system.config.targets[0].scale
        p = subject.system.read(items).scores(target)
        gold = np.concatenate([s.gold.scores(target) for s in flatten(items) if s.gold is not None])
        right = float((p.argmax(1) == gold.argmax(1)).mean())
        assert right >= 0.9, f"after fitting, {right:.0%} of the training items are right"
        return
    torch.manual_seed(0)
    system = subject.system.train()
    optimiser = torch.optim.AdamW([p for p in system.parameters() if p.requires_grad], lr=3e-3)
    losses = []
    for step in range(60):
        batch = system.collate(items, np.random.default_rng(step)).to(system.device)
        total = torch.stack(list(system.loss(system(**batch.inputs), batch).values())).sum()
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        losses.append(total.item())
    assert losses[-1] < 0.7 * losses[0], f"the loss went from {losses[0]:.3f} to {losses[-1]:.3f}"


FAST: tuple[Callable[[_Subject], None], ...] = (
    check_forward,
    check_backward,
    check_batching,
    check_deterministic,
    check_persistence,
    check_scales,
    check_translation,
    check_streaming,
    check_bad_input,
    check_card,
)
SLOW: tuple[Callable[[_Subject], None], ...] = (check_learning,)


def run_check(name: str, check: Callable[[Any], None]) -> Outcome:
    """Run one check on a freshly built system with seeded weights.

    Args:
        name: `system/variant`.
        check: One of `FAST` or `SLOW`.
    """
    entry = registry.entry(name)
    declared = entry.card.expected_failures.get(check.__name__)
    detail = ""
    for modality in entry.card.modalities:
        torch.manual_seed(0)
        subject = _Subject(name, entry, modality, registry.build(name))
        try:
            check(subject)
        except _Skip as reason:
            return Outcome(check.__name__, "skipped", str(reason))
        except AssertionError as error:
            detail = str(error)
            break
        except AffectusError as error:
            detail = f"{type(error).__name__}: {error}"
            break
    if declared:
        return (
            Outcome(check.__name__, "expected", declared)
            if detail
            else Outcome(check.__name__, "failed", "declared to fail, but passes")
        )
    return Outcome(check.__name__, "failed" if detail else "passed", detail)


def check_system(name: str, *, slow: bool = False) -> list[Outcome]:
    """Run the contract suite on a system.

    Args:
        name: `system/variant`, best the tiny one.
        slow: Also run the checks that train.

    Returns:
        The outcome of every check.

    Raises:
        ContractError: If a check fails that the card does not declare.
    """
    outcomes = [run_check(name, check) for check in (*FAST, *(SLOW if slow else ()))]
    broken = [f"{o.check}: {o.detail}" for o in outcomes if o.status == "failed"]
    if broken:
        raise ContractError(f"{name} breaks the contract:\n  " + "\n  ".join(broken))
    return outcomes
