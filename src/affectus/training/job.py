"""A whole recipe: corpora, runs in order, calibration, card, export."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from affectus.card import CheckpointCard
from affectus.corpora.base import Corpus, Loaded, corpus, load_corpus
from affectus.errors import InputError
from affectus.registry import configuration
from affectus.sample import Sample
from affectus.training.calibration import fit_readouts
from affectus.training.mapping import by_rule, onto_targets
from affectus.training.measuring import measure_reader
from affectus.training.recipe import Recipe, Run, apply_changes, parse


def load_data(run: Run, root: Path) -> tuple[Any, list[Loaded]]:
    """The data of a run, and the corpora that they come from.

    Gold of a corpus on another scale than the system's is made by the system's rule (`by_rule`), or carried over where
    a map leads there (`onto_targets`).

    Args:
        run: Names the corpora.
        root: The corpus's folder, or a folder that holds one folder a corpus, named as the corpus.
    """
    from affectus.training.source import Data

    config, used = configuration(run.system, **run.config), list(run.splits.values())
    whole = [load_corpus(name, root / name if (root / name).is_dir() else root) for name in run.data]
    read = [onto_targets(by_rule(loaded, config, used), config.targets, used) for loaded in whole]
    train = [loaded[run.splits["train"]] for loaded in read]
    watch = [loaded[run.splits["watch"]] for loaded in read if "watch" in run.splits]
    data = Data(
        [sample for rows in train for sample in rows],
        tuple(map(len, train)),
        tuple(run.data.values()),
        [sample for rows in watch for sample in rows],
    )
    return data, read


def carry_out(recipe: Recipe, root: Path, out: Path, *, resume: bool = False, onnx: bool = False) -> list[Path]:
    """Carry out the runs of a recipe.

    Args:
        recipe: What to do.
        root: Where the corpora are; see `load_data`.
        out: Folder of the checkpoint, or of one folder a run if there are several.
        resume: Go on where an interrupted recipe stopped; finished runs are not done again.
        onnx: Also export the last checkpoint, so that it is read without torch.

    Returns:
        The checkpoint folders, in the order of the runs.
    """
    from affectus.training.loop import train

    done: dict[str, Path] = {}
    for name, run in recipe.runs.items():
        folder = out if len(recipe.runs) == 1 else out / name
        done[name] = folder
        if resume and (folder / "card.json").is_file():
            continue
        data, read = load_data(run, root)
        started = time.perf_counter()
        system = train(run, data, folder, resume=resume, earlier=done)
        minutes = (time.perf_counter() - started) / 60
        if data.watch and hasattr(system, "logits"):
            system.readouts = fit_readouts(system, data.watch)
            system.save_pretrained(folder)
        last = name == list(recipe.runs)[-1]
        if onnx and last:
            from affectus.training.export import export_calibrated

            export_calibrated(system, folder, data.watch)
        earlier = [corpus(known) for known in before(recipe, name) if known not in run.data]
        trained_card(system, run, read, data.watch, folder, minutes, earlier).save(folder)
    return list(done.values())


def before(recipe: Recipe, name: str) -> list[str]:
    """Corpora that a run's weights learned from in the runs that it starts from."""
    found: dict[str, None] = {}
    for source in recipe.runs[name].init:
        if source in recipe.runs:
            found |= dict.fromkeys([*before(recipe, source), *recipe.runs[source].data])
    return list(found)


def default_recipe(system: str, root: Path, changes: Sequence[str] = ()) -> Recipe:
    """One run of a system on the corpus that a folder is named after, with default values.

    Args:
        system: `system/variant`.
        root: Folder of the corpus.
        changes: As in `read_recipe`.

    Raises:
        UnknownName: If no corpus has the folder's name.
    """
    values = {"runs": {"run": {"system": system, "data": {corpus(root.name).name: 1.0}}}}
    return parse(Recipe, apply_changes(values, changes))


def trained_card(
    system: Any,
    run: Run,
    read: Sequence[Loaded],
    watch: Sequence[Sample],
    folder: Path,
    minutes: float,
    earlier: Sequence[Corpus] = (),
) -> CheckpointCard:
    """The card of a checkpoint that was just trained, with the figures of the watched split.

    `earlier` are corpora of the runs that it started from: their terms bind its weights as well.
    """
    if not read:
        raise InputError("a run without corpora has no card")
    corpora = [*(loaded.corpus for loaded in read), *earlier]
    names = ", ".join(loaded.corpus.name for loaded in read)
    split = f"{run.splits.get('watch', '')} (calibrated on it: optimistic)"
    measured = watch and hasattr(system, "logits")
    figures = measure_reader(system, watch, data=names, split=split, resamples=1000) if measured else []
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
        figures=tuple(figures),
        calibration=_calibration(system, run, watch),
        limits=(
            "Measured on the split that it was calibrated on: use `affectus evaluate` on a test split.",
            *(loaded.summary for loaded in read if any(loaded.left_out.values())),
        ),
        cost=f"{minutes:.1f} minutes on {platform.machine()}",
        parameters=sum(p.numel() for p in system.parameters()),
        size_mb=weights / 1e6,
        made=f"affectus train, seed {run.seed}",
    )


def _calibration(system: Any, run: Run, watch: Sequence[Sample]) -> str:
    if watch and hasattr(system, "logits"):
        return f"fitted on the split {run.splits.get('watch')!r}"
    fitted = any(readout.quantile is not None for readout in system.readouts)
    return "fitted on groups of training items, each left out of a fit in turn" if fitted else "none"
