"""What may be inferred about who speaks: short texts by relation of ATOMIC, made by COMET once and kept in a file.

Hwang et al. 2021, "(Comet-)Atomic 2020", AAAI, arXiv:2010.05953; the prompt and the five beams are those of CEM's
public code (Sabour et al. 2022). COMET's weights are not shipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from affectus.atomic import writing
from affectus.errors import CheckpointError, FileError
from affectus.sample import Dialogue, Item, Sample

RELATIONS = ("xIntent", "xNeed", "xWant", "xEffect", "xReact")
"""Names of features of a turn, each an array of texts; the last one are words for what is felt."""

BEAMS = 5
Inferences = Mapping[str, Mapping[str, Sequence[str]]]
"""Turn → relation → texts."""


def read_inferences(path: Path | str) -> dict[str, dict[str, tuple[str, ...]]]:
    """Read a file of inferences: JSON lines of `text` and, for each relation, a list of texts.

    Raises:
        FileError: If it is missing or a line is something else, with its number.
    """
    file = Path(path)
    if not file.is_file():
        raise FileError(
            f"there is no file of inferences {str(path)!r}", remedy="make one by affectus.frontends.commonsense"
        )
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            found[str(row["text"])] = {name: tuple(map(str, row[name])) for name in RELATIONS}
        except (ValueError, KeyError, TypeError) as error:
            raise FileError(
                f"line {number} of {file.name!r} holds no inferences ({error})",
                allowed=f"an object with text, {', '.join(RELATIONS)}",
            ) from error
    return found


def write_inferences(found: Inferences, path: Path | str) -> None:
    """Write inferences as `read_inferences` reads them."""
    with writing(Path(path)) as file:
        for text, rows in found.items():
            json.dump({"text": text, **{name: list(rows[name]) for name in RELATIONS}}, file, ensure_ascii=False)
            file.write("\n")


def last_turn(sample: Sample) -> str:
    """What inferences are made of: the last line of a text."""
    return (sample.text or "").rstrip().rsplit("\n", 1)[-1].strip()


def with_inferences(items: Iterable[Item], known: Inferences) -> list[Item]:
    """The items, each turn of which that is known has its inferences as features."""

    def one(sample: Sample) -> Sample:
        rows = known.get(last_turn(sample))
        if rows is None:
            return sample
        return replace(sample, features={**sample.features, **{name: np.array(rows[name]) for name in RELATIONS}})

    return [
        replace(item, turns=tuple(map(one, item.turns))) if isinstance(item, Dialogue) else one(item) for item in items
    ]


def infer(
    texts: Iterable[str], model: str, cache: Path | str, *, tokens: int = 24
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Inferences of some turns by COMET; what the file holds already is not made again, and it grows by the rest.

    Args:
        texts: Turns.
        model: Folder or hub id of a COMET-ATOMIC-2020 (a BART).
        cache: JSON lines, see `read_inferences`.
        tokens: Most tokens of an inference.

    Raises:
        CheckpointError: If the model can't be opened.
    """
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    known = read_inferences(cache) if Path(cache).is_file() else {}
    wanted = [text for text in dict.fromkeys(texts) if text not in known]
    if not wanted:
        return known
    try:
        tokenizer, network = AutoTokenizer.from_pretrained(model), AutoModelForSeq2SeqLM.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{model!r} can't be opened as a sequence-to-sequence model ({str(error).splitlines()[0]})",
            remedy="get a COMET-ATOMIC-2020 BART from its authors and name its folder",
        ) from error
    network.eval()
    for text in wanted:
        asked = tokenizer([f"{text} {name} [GEN]" for name in RELATIONS], return_tensors="pt", padding=True)
        made = network.generate(
            input_ids=asked["input_ids"], attention_mask=asked["attention_mask"], num_beams=BEAMS,
            num_return_sequences=BEAMS, max_new_tokens=tokens,
        )  # fmt: skip
        said = [row.strip() for row in tokenizer.batch_decode(made, skip_special_tokens=True)]
        known[text] = {name: tuple(said[i * BEAMS : (i + 1) * BEAMS]) for i, name in enumerate(RELATIONS)}
    write_inferences(known, cache)
    return known
