"""Export a trained text classifier to a folder that is read without torch."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectus import backbones
from affectus.atomic import make_folder, writing
from affectus.errors import ConfigError
from affectus.taxonomy import own_scales
from affectus.training.bert_graph import bert_graph, input_ranges

if TYPE_CHECKING:
    from affectus.sample import Sample
    from affectus.system import System

TYPICAL = 256  # texts that show the range of activations
_UNUSED = ("truncation", "padding")  # the reader makes windows and batches itself


def export(system: System, folder: Path, *, int8: bool = True, typical: Sequence[Sample] = ()) -> Path:
    """Write `model.onnx`, `tokenizer.json` and `config.json`.

    Args:
        system: A trained text classifier; its readouts are stored with it, so calibrate before.
        folder: Created if need be.
        int8: Quantise weights to int8; else float32.
        typical: A few hundred texts that show the range of activations; without them int8 is less exact.

    Returns:
        The folder.

    Raises:
        ConfigError: If the system can't be exported.
    """
    from affectus.systems.text_classifier import TextClassifier

    if not isinstance(system, TextClassifier):
        raise ConfigError(f"{type(system).__name__} can't be exported", allowed="text classifiers so far")
    system = copy.deepcopy(system)
    system.backbone = backbones.merged(system.backbone)
    make_folder(folder)
    tokenizer = json.loads(backbones.tokenizer(system.config.backbone).backend_tokenizer.to_str())
    tokenizer |= dict.fromkeys(_UNUSED)
    row = {
        "system": "text-classifier",
        "variant": system.variant or system.name,
        "checkpoint": system.name,
        "runtime": "onnx-int8" if int8 else "onnx-float32",
        "config": asdict(system.config),
        "readouts": [readout.to_dict() for readout in system.readouts],
        "scales": own_scales(readout.scale for readout in system.readouts),
    }
    ranges = input_ranges(system, typical) if int8 and typical else None
    with writing(folder / "model.onnx", "wb") as file:
        file.write(bert_graph(system, int8=int8, ranges=ranges).SerializeToString())
    with writing(folder / "tokenizer.json") as file:
        json.dump(tokenizer, file, ensure_ascii=False, separators=(",", ":"))
    _write(folder, row)
    return folder


def export_calibrated(system: System, folder: Path, samples: Sequence[Sample], *, int8: bool = True) -> Path:
    """Export, then fit the readouts on what the exported graph itself gives: quantisation moves logits a little.

    Args:
        system: A trained text classifier.
        folder: Created if need be.
        samples: With gold, not trained on.
        int8: As in `export`.
    """
    from affectus.runtime import OnnxReader
    from affectus.training.calibration import fit_readouts

    export(system, folder, int8=int8, typical=samples[:TYPICAL])
    readouts = fit_readouts(OnnxReader.open(folder), samples)
    row = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    _write(folder, row | {"readouts": [readout.to_dict() for readout in readouts]})
    return folder


def _write(folder: Path, row: dict[str, Any]) -> None:
    with writing(folder / "config.json") as file:
        json.dump(row, file, indent=1, ensure_ascii=False)
