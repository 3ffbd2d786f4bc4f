"""Features of conversations as groups share them: tuples of dictionaries from dialogue to a list over its turns.

Layouts of the DialogueRNN, COSMIC and text-only files. They are pickled, so they are read by `formats.pickled` alone;
`convert` writes them once as safetensors and JSON, which are then taken instead.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affectus.atomic import make_folder, writing
from affectus.corpora.base import Corpus, Loaded, one_hot, with_gold
from affectus.errors import FileError
from affectus.formats.pickled import read_pickle
from affectus.sample import Sample
from affectus.taxonomy import scale

LAYERS = ("roberta1", "roberta2", "roberta3", "roberta4")
IDS = ("train", "test", "dev")
DIALOGUE_RNN = ("ids", "speakers", "labels", "text", "audio", "visual", "sentences", "train", "test")
ROBERTA = ("speakers", "labels", *LAYERS, "sentences", *IDS)
TEXTS = ("speakers", "labels", "sentences", *IDS)
COMET = ("xIntent", "xAttr", "xNeed", "xWant", "xEffect", "xReact", "oWant", "oEffect", "oReact")
_SPLITS = (*IDS, "ids", "unused")
_PLAIN = ("speakers", "labels", "sentiments", "sentences")

Table = dict[str, Any]
"""Field → dialogue → list over its turns; `train`, `test` and `dev` are lists of dialogues."""


@dataclass(frozen=True)
class Source:
    """One file of a corpus.

    Args:
        names: Names that it goes by.
        fields: What the tuple in it holds, in order.
    """

    names: tuple[str, ...]
    fields: tuple[str, ...]

    @property
    def patterns(self) -> tuple[str, ...]:
        """Names of the pickled file and of its converted form."""
        return tuple(name for stem in self.names for name in (f"{stem}.pkl", f"{stem}.safetensors"))

    def find(self, folder: Path) -> Path | None:
        """The file in a folder, the converted form before the pickled one."""
        stems = [folder / stem for stem in self.names]
        found = (stem.with_name(stem.name + kind) for kind in (".safetensors", ".pkl") for stem in stems)
        return next((path for path in found if path.is_file()), None)


def read(path: Path, fields: Sequence[str]) -> Table:
    """The fields of a file, pickled or converted.

    Raises:
        FileError: If it is not of this layout.
    """
    if path.suffix == ".safetensors":
        return _read_converted(path)
    found = read_pickle(path)
    allowed = f"a tuple of {', '.join(fields)}"
    if not isinstance(found, tuple | list) or len(found) != len(fields):
        what = f"{len(found)} parts" if isinstance(found, tuple | list) else type(found).__name__
        raise FileError(f"{str(path)!r} holds {what}", allowed=allowed, remedy="get the file of this layout")
    table: Table = {}
    for name, part in zip(fields, found, strict=True):
        if name in IDS:
            if not isinstance(part, list | tuple | set | frozenset):
                raise FileError(f"{name!r} in {str(path)!r} is a {type(part).__name__}", allowed="dialogues")
            table[name] = sorted(part, key=_order) if isinstance(part, set | frozenset) else list(part)
        elif name not in _SPLITS:
            if not isinstance(part, dict) or not all(isinstance(turns, list | np.ndarray) for turns in part.values()):
                raise FileError(
                    f"{name!r} in {str(path)!r} is a {type(part).__name__}",
                    allowed="a list over turns of each dialogue",
                )
            table[name] = part
    return table


def _order(name: Any) -> tuple[bool, Any, str]:
    return (isinstance(name, str), 0 if isinstance(name, str) else name, str(name))


def merged(folder: Path, sources: Iterable[Source]) -> tuple[Table, list[str]]:
    """The fields of all files of a corpus that are there, and their names; earlier files win.

    Raises:
        FileError: If none is there, or dialogues have other numbers of turns in one file than in another.
    """
    whole: Table = {}
    used = []
    listed = list(sources)
    for source in listed:
        path = source.find(folder)
        if path is None:
            continue
        used.append(path.name)
        for name, part in read(path, source.fields).items():
            whole.setdefault(name, part)
    if "labels" not in whole:
        names = [name for source in listed for name in source.patterns if "labels" in source.fields]
        raise FileError(f"{str(folder)!r} holds no labels", allowed=" or ".join(names), remedy="get one of these files")
    for name, part in whole.items():
        for dialogue, turns in part.items() if name not in IDS else ():
            wanted = whole["labels"].get(dialogue)
            if wanted is not None and len(turns) != len(wanted):
                raise FileError(
                    f"dialogue {dialogue!r} has {len(turns)} turns in {name!r} and {len(wanted)} labels",
                    remedy="take files of one release",
                )
    return whole, used


def corpus_of(
    corpus: Corpus,
    folder: Path,
    sources: Iterable[Source],
    labels: Sequence[str],
    speaker: Callable[[Any], str | None],
    sentiments: tuple[str, Sequence[str]] | None = None,
) -> Loaded:
    """A corpus from its feature files: one sample a turn, its features by name.

    `roberta1` to `roberta4` are the four last layers, the last one first as in the file; `text` is their mean, or the
    text feature of a file without them.

    Args:
        corpus: Its description; gold is on the first scale.
        folder: Where the files are.
        sources: Files, the one to be preferred first.
        labels: Label of each number in the files.
        speaker: From what a file says of who speaks to a name.
        sentiments: A second scale and the label of each of its numbers.
    """
    table, used = merged(folder, sources)
    name = corpus.targets[0].scale
    splits: dict[str, list[Sample]] = {}
    lacking: Counter[str] = Counter()
    for split in ("train", "dev", "test"):
        samples, gold, felt = [], [], []
        for dialogue in table.get(split, ()):
            if dialogue not in table["labels"]:
                raise FileError(f"the split {split!r} names dialogue {dialogue!r}, which has no labels")
            for at, number in enumerate(table["labels"][dialogue]):
                samples.append(_turn(corpus, table, split, dialogue, at, speaker, lacking))
                gold.append([_label(number, labels, dialogue, at)])
                if sentiments and "sentiments" in table:
                    felt.append([_label(table["sentiments"][dialogue][at], sentiments[1], dialogue, at)])
        scores = {name: one_hot(gold, name)}
        if sentiments and felt:
            scores[sentiments[0]] = one_hot(felt, sentiments[0])
        if samples:
            splits[split] = with_gold(
                samples, scores, perspective="perceived", by=f"{corpus.name} raters", modality="text"
            )
    if not splits:
        raise FileError(f"{', '.join(used)} in {str(folder)!r} name no dialogues of a split")
    whose = {dialogue for split in IDS for dialogue in table.get(split, ())}
    remarks = {f"without the feature {feature}": count for feature, count in lacking.items()}
    left_out = {"turns of dialogues in no split": sum(len(t) for d, t in table["labels"].items() if d not in whose)}
    return Loaded(corpus, splits, left_out=left_out, remarks=remarks)


def _turn(
    corpus: Corpus,
    table: Table,
    split: str,
    dialogue: Any,
    at: int,
    speaker: Callable[[Any], str | None],
    lacking: Counter[str],
) -> Sample:
    features: dict[str, np.ndarray] = {}
    for name, part in table.items():
        if name in IDS or name in _PLAIN:
            continue
        if dialogue not in part:
            lacking[name] += 1
            continue
        try:
            features[name] = np.asarray(part[dialogue][at], np.float32)
        except (TypeError, ValueError):
            raise FileError(
                f"turn {at} of {dialogue!r} has no numbers in {name!r}", remedy="get the file again"
            ) from None
        if features[name].ndim != 1:
            raise FileError(f"turn {at} of {dialogue!r} has shape {features[name].shape} in {name!r}", allowed="(n,)")
    if all(layer in features for layer in LAYERS):
        features["text"] = np.stack([features[layer] for layer in LAYERS]).mean(0)
    said = table.get("sentences", {}).get(dialogue)
    who = table.get("speakers", {}).get(dialogue)
    return Sample(
        id=f"{split}-{dialogue}-{at}",
        source=f"{corpus.name}/{split}/{dialogue}",
        item=at,
        text=None if said is None else str(said[at]),
        track=None if who is None else speaker(who[at]),
        features=features,
        language=corpus.language,
        groups={"dialogue": str(dialogue)},
    )


def _label(number: Any, labels: Sequence[str], dialogue: Any, at: int) -> str:
    try:
        index = int(number)
    except (TypeError, ValueError):
        index = -1
    if not 0 <= index < len(labels):
        raise FileError(f"turn {at} of {dialogue!r} has the label {number!r}", allowed=f"0 to {len(labels) - 1}")
    return labels[index]


def by_letter(said: Any) -> str | None:
    """A speaker that the file gives as text."""
    return str(said) or None


def by_place(said: Any) -> str | None:
    """A speaker that the file gives as a row of zeros with one 1; None where there is no 1."""
    row = np.asarray(said, float).ravel()
    return f"speaker-{int(row.argmax())}" if row.any() else None


def in_order(name: str) -> tuple[str, ...]:
    """The labels of a scale, for files that number them in its order."""
    return scale(name).labels


# -- once for all: without pickles -------------------------------------------------------------------------------------
def convert(path: Path, source: Source, out: Path) -> Path:
    """Write a pickled file as `NAME.safetensors` (arrays) and `NAME.json` (all else) into a folder.

    Args:
        path: The pickled file.
        source: Its layout.
        out: Folder, made if need be.

    Returns:
        The safetensors file, which the loaders then take.
    """
    from safetensors.numpy import save

    table = read(path, source.fields)
    dialogues = list(table["labels"] if "labels" in table else next(iter(table.values())))
    arrays: dict[str, np.ndarray] = {}
    plain: dict[str, Any] = {"dialogues": dialogues, "absent": {}}
    for name, part in table.items():
        if name in IDS:
            plain[name] = part
        elif name in _PLAIN:
            plain[name] = [[_simple(v) for v in part[d]] if d in part else None for d in dialogues]
        else:
            held = [d for d in dialogues if d in part]
            plain["absent"][name] = [i for i, d in enumerate(dialogues) if d not in part]
            arrays[name] = np.concatenate([np.asarray(part[d], np.float32).reshape(len(part[d]), -1) for d in held])
            arrays[f"{name}.turns"] = np.array([len(part[d]) for d in held], np.int64)
    file = make_folder(out) / f"{path.stem}.safetensors"
    with writing(file.with_suffix(".json")) as text:
        json.dump(plain, text, ensure_ascii=False, default=_simple)
    with writing(file, "wb") as binary:
        binary.write(save(arrays))
    return file


def _simple(value: Any) -> Any:
    return np.asarray(value).tolist() if isinstance(value, np.ndarray | np.generic | list | tuple) else value


def _read_converted(path: Path) -> Table:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
        plain: Mapping[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        dialogues = plain["dialogues"]
        table: Table = {}
        for name, part in plain.items():
            if name in IDS:
                table[name] = part
            elif name in _PLAIN:
                table[name] = {d: turns for d, turns in zip(dialogues, part, strict=True) if turns is not None}
        for name, absent in plain["absent"].items():
            rows = np.split(arrays[name], np.cumsum(arrays[f"{name}.turns"])[:-1])
            held = [d for i, d in enumerate(dialogues) if i not in set(absent)]
            table[name] = dict(zip(held, rows, strict=True))
        return table
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise FileError(
            f"{str(path)!r} and the .json beside it are no converted features ({error})", remedy="convert them again"
        ) from None
