"""A whole recipe: corpora, runs in order, calibration, card, export."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectus.card import CheckpointCard
from affectus.corpora.base import Corpus, Loaded, corpus, load_corpus, locate
from affectus.errors import FileError, InputError
from affectus.registry import configuration, entry
from affectus.sample import Item, flatten
from affectus.training.calibration import fit_readouts
from affectus.training.mapping import by_rule, onto_targets
from affectus.training.measuring import Found, measure_watched
from affectus.training.recipe import Recipe, Run

if TYPE_CHECKING:
    from affectus.training.source import Data


def load_data(run: Run, root: Path, own: Mapping[str, Loaded] | None = None) -> tuple[Data, list[Loaded], list[Loaded]]:
    """The data of a run, the corpora as they are learned from, and the same as they are labelled, to measure on.

    Gold of a corpus on another scale than the system's is made by the system's rule (`by_rule`), or carried over where
    a map leads there (`onto_targets`). A system that reads dialogues learns whole ones.

    Args:
        run: Names the corpora.
        root: A corpus's folder, or a folder that holds one folder a corpus.
        own: Corpora that were read already, by name.
    """
    from affectus.training.source import Data

    config, used = configuration(run.system, **run.config), list(run.splits.values())
    whole = [(own or {}).get(name) or load_corpus(name, folder_of(name, root)) for name in run.data]
    labelled = [by_rule(loaded, config, used) for loaded in whole]
    read = [onto_targets(loaded, config.targets, used) for loaded in labelled]
    whole_dialogues = entry(run.system).card.modalities[0] == "dialogue"

    def items(loaded: Loaded, split: str) -> Sequence[Item]:
        return loaded.conversations(split) if whole_dialogues else loaded[split]

    learned = [items(loaded, run.splits["train"]) for loaded in read]
    watched = [items(loaded, run.splits["watch"]) for loaded in read if "watch" in run.splits]
    data = Data(
        [item for rows in learned for item in rows],
        tuple(map(len, learned)),
        tuple(run.data.values()),
        [item for rows in watched for item in rows],
    )
    return data, read, labelled


def folder_of(name: str, root: Path) -> Path:
    """The folder of a corpus: at or below the root, else beside it, where the root is another corpus's folder."""
    try:
        return locate(name, root)
    except FileError as error:
        try:
            return locate(name, root.resolve().parent)
        except FileError:
            raise error from None


def carry_out(
    recipe: Recipe,
    root: Path,
    out: Path,
    *,
    own: Mapping[str, Loaded] | None = None,
    resume: bool = False,
    onnx: bool = False,
) -> list[Path]:
    """Carry out the runs of a recipe.

    Args:
        recipe: What to do.
        root: Where the corpora are; see `load_data`.
        out: Folder of the checkpoint, or of one folder a run if there are several.
        own: Corpora that were read already, by name.
        resume: Go on where an interrupted recipe stopped; finished runs are not done again.
        onnx: Also export the last checkpoint, so that it is read without torch.

    Returns:
        The checkpoint folders, in the order of the runs.
    """
    from accelerate.state import PartialState

    from affectus.training.loop import train

    done: dict[str, Path] = {}
    here = PartialState()
    for name, run in recipe.runs.items():
        folder = out if len(recipe.runs) == 1 else out / name
        done[name] = folder
        if resume and (folder / "card.json").is_file():
            continue
        data, read, labelled = load_data(run, root, own)
        started = time.perf_counter()
        system = train(run, data, folder, resume=resume, earlier=done)
        minutes = (time.perf_counter() - started) / 60
        if here.is_main_process:
            if data.watch and hasattr(system, "logits"):
                system.readouts = fit_readouts(system, data.watch)
                system.save_pretrained(folder)
            if onnx and name == list(recipe.runs)[-1]:
                from affectus.training.export import export_calibrated

                export_calibrated(system, folder, flatten(data.watch))
            earlier = [corpus(known) for known in before(recipe, name) if known not in run.data]
            found = Found() if not data.watch else measure_watched(system, labelled, run.splits["watch"])
            trained_card(system, run, read, found, folder, minutes, earlier).save(folder)
        here.wait_for_everyone()
    return list(done.values())


def before(recipe: Recipe, name: str) -> list[str]:
    """Corpora that a run's weights learned from in the runs that it starts from."""
    found: dict[str, None] = {}
    for source in recipe.runs[name].init:
        if source in recipe.runs:
            found |= dict.fromkeys([*before(recipe, source), *recipe.runs[source].data])
    return list(found)


def trained_card(
    system: Any,
    run: Run,
    read: Sequence[Loaded],
    found: Found,
    folder: Path,
    minutes: float,
    earlier: Sequence[Corpus] = (),
) -> CheckpointCard:
    """The card of a checkpoint that was just trained, with what was found on the watched split.

    `earlier` are corpora of the runs that it started from: their terms bind its weights as well.
    """
    if not read:
        raise InputError("a run without corpora has no card")
    corpora = [*(loaded.corpus for loaded in read), *earlier]
    names = ", ".join(loaded.corpus.name for loaded in read)
    shippable = all(c.ship for c in corpora)
    weights = sum(file.stat().st_size for file in folder.glob("model.*"))
    return CheckpointCard(
        name=system.name,
        title=f"{run.system} trained on {names}",
        system=run.system.split("/")[0],
        modality=corpora[0].modality,
        data="; ".join(f"{c.name} ({c.citation}), {c.licence}" for c in corpora),
        licence="as the data" if shippable else "not to be passed on: the data may not be redistributed",
        consent="; ".join(c.consent for c in corpora),
        perspective=", ".join(sorted({t.perspective for t in system.config.targets})),
        figures=found.figures,
        protocols=found.protocols,
        calibration=_calibration(system, run),
        limits=(
            *found.limits,
            *(loaded.summary for loaded in read if any(loaded.left_out.values())),
        ),
        cost=f"{minutes:.1f} minutes, at most {_peak():.1f} GiB, on {platform.machine()} with {os.cpu_count()} cores",
        parameters=sum(p.numel() for p in system.parameters()),
        size_mb=weights / 1e6,
        made=f"affectus train, seed {run.seed}",
    )


def _peak() -> float:
    """Largest memory that this process has held, GiB."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def _calibration(system: Any, run: Run) -> str:
    if "watch" in run.splits and hasattr(system, "logits"):
        where = f"the split {run.splits['watch']!r}"
    elif any(readout.quantile is not None for readout in system.readouts):
        where = "groups of training items, each left out of a fit in turn"
    else:
        return "none"
    return f"fitted on {where}; conformal sets and intervals at {system.readouts[0].coverage:.0%}"
