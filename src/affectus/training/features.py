"""Outputs of a frozen encoder, computed once and kept on disk: the epochs after the first train the head alone.

A row is found by what went into the encoder, and the store by the encoder's weights, so folds, seeds and recipes that
share an encoder share its outputs, and a changed encoder or text never meets an old output.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save

from affectus.atomic import make_folder, writing
from affectus.backbones import weight_hash
from affectus.batch import Batch
from affectus.errors import ConfigError
from affectus.progress import task
from affectus.registry import checkpoints_folder
from affectus.sample import Item
from affectus.system import System

_KEY = 16  # bytes of a hash
_TOGETHER = 32  # items that are encoded at once; neighbours in length
_PART = 4096  # items after which what is there is written, so that a stopped run loses little


class Store:
    """Arrays by key in a folder of safetensors parts; a part is written whole, so two processes may share a store.

    Args:
        folder: Created when something is added.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: dict[bytes, dict[str, np.ndarray]] = {}
        for part in sorted(folder.glob("*.safetensors")):
            self._take(load_file(part))

    def _take(self, part: dict[str, np.ndarray]) -> None:
        keys, ends = part.pop("keys"), np.cumsum(part.pop("counts"))
        for number, key in enumerate(keys):
            first = ends[number - 1] if number else 0
            self.rows[key.tobytes()] = {name: values[first : ends[number]] for name, values in part.items()}

    def add(self, keys: Sequence[bytes], rows: Sequence[dict[str, np.ndarray]]) -> None:
        """Keep the rows of some items, each name → (rows of the item, …)."""
        part = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
        part["keys"] = np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), _KEY)
        part["counts"] = np.array([len(next(iter(row.values()))) for row in rows], np.int64)
        with writing(make_folder(self.folder) / f"{uuid.uuid4().hex}.safetensors", "wb") as file:
            file.write(save(part))
        self._take(part)


def input_hash(inputs: dict[str, Any]) -> bytes:
    """Key of what goes into an encoder: names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, value in sorted(inputs.items()):
        array = np.ascontiguousarray(value)
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.digest()[:_KEY]


def encoder_hash(system: System) -> str:
    """Key of a system's encoder: its class, configuration and all weights that are not trained."""
    frozen = {name: p for name, p in system.named_parameters() if not p.requires_grad} | dict(system.named_buffers())
    facts = f"{type(system).__qualname__} {system.config!r} {weight_hash(frozen)}"
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


class Encoded:
    """Encoded items of a data set: what the head needs, without the encoder.

    Args:
        system: Offers `encode` and `head`, and `encode` uses no weights that are trained.
        items: In the order of the row numbers.
        folder: Of the stores; the user's cache by default.

    Raises:
        ConfigError: If the system has no such parts, or what `encode` gives depends on trained weights.
    """

    def __init__(self, system: System, items: Sequence[Item], folder: Path | None = None) -> None:
        if not hasattr(system, "encode") or not hasattr(system, "head"):
            raise ConfigError(f"{system.name} has no encode and head to part", allowed="cache: false")
        store = Store((folder or checkpoints_folder().parent / "features") / encoder_hash(system))
        single = [system.collate([item]) for item in items]
        self.keys = [input_hash(batch.inputs) for batch in single]
        self.targets = [batch.targets for batch in single]
        self._encode(system, items, single, store)
        self.rows = store.rows

    def _encode(self, system: System, items: Sequence[Item], single: Sequence[Batch], store: Store) -> None:
        absent = {key: i for i, key in enumerate(self.keys) if key not in store.rows}
        order = sorted(absent.values(), key=lambda i: next(iter(single[i].inputs.values())).size)
        before = system.training
        system.eval()
        keys: list[bytes] = []
        rows: list[dict[str, np.ndarray]] = []
        with task("encoding once", len(order)) as advance:
            for at in range(0, len(order), _TOGETHER):
                chosen = order[at : at + _TOGETHER]
                batch = system.collate([items[i] for i in chosen]).to(system.device)
                with torch.set_grad_enabled(at == 0):
                    outputs = system.encode(**batch.inputs)  # type: ignore[operator]
                if any(value.requires_grad for value in outputs.values()):
                    raise ConfigError(f"encode of {system.name} uses weights that are trained", remedy="lr: 0 for them")
                ends = np.cumsum([len(next(iter(single[i].inputs.values()))) for i in chosen])
                sizes = {len(value) for value in outputs.values()}
                if sizes != {ends[-1]}:
                    raise ConfigError(
                        f"encode of {system.name} gives {sorted(sizes)} rows of {ends[-1]}",
                        allowed="one row for each of the first input of collate",
                        remedy="cache: false",
                    )
                for i, first, end in zip(chosen, [0, *ends[:-1]], ends, strict=True):
                    keys.append(self.keys[i])
                    rows.append({name: value[first:end].float().cpu().numpy() for name, value in outputs.items()})
                advance(len(chosen))
                if len(keys) >= _PART or at + _TOGETHER >= len(order):
                    store.add(keys, rows)
                    keys, rows = [], []
        system.train(before)

    def batch(self, numbers: Iterable[int]) -> Batch:
        """A batch whose inputs are those of `head`."""
        chosen = list(numbers)
        parts, golds = [self.rows[self.keys[i]] for i in chosen], [self.targets[i] for i in chosen]
        return Batch(_joined(parts), _joined(golds), [])


def _joined(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    names = set.intersection(*(set(part) for part in parts))
    return {name: np.concatenate([part[name] for part in parts]) for name in sorted(names)}
