"""A page on which people choose between two systems' replies without knowing whose they are."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path

from markupsafe import Markup

from affectus.atomic import writing
from affectus.errors import InputError
from affectus.page import render
from affectus.response.judging import Replies, same_dialogues
from affectus.sample import Dialogue

QUESTIONS = {
    "empathy": "Which shows more understanding for the feeling?",
    "relevance": "Which fits better what was said?",
    "fluency": "Which is better English?",
}


def write_sheet(systems: Mapping[str, Replies], dialogues: Iterable[Dialogue], folder: Path, *, seed: int = 0) -> int:
    """Write `sheet.html` for the judges and `key.json`, which tells whose replies stood where, for nobody but you.

    Pairs come in random order and on random sides. A dialogue to which both said the same is left out.

    Args:
        systems: Two names → rows.
        dialogues: What was answered.
        folder: Where both files go.
        seed: Of order and sides.

    Returns:
        Number of pairs on the page.

    Raises:
        InputError: If there are not two systems, or a dialogue or reply is missing, or no reply differs.
        OutputError: If a file can't be written.
    """
    if len(systems) != 2:
        raise InputError(f"{len(systems)} systems for a sheet", allowed="two")
    (first, one), (second, other) = systems.items()
    same_dialogues(second, other, first, one)
    turns = {dialogue.id: dialogue.turns for dialogue in dialogues}
    same_dialogues("the file of dialogues", {i: {} for i in turns if i in one}, first, one)
    draw = random.Random(seed)
    order = [i for i in one if one[i]["text"].strip() != other[i]["text"].strip()]
    if not order:
        raise InputError(f"{first} and {second} say the same to every dialogue", allowed="at least one other reply")
    draw.shuffle(order)
    pairs, key = [], []
    for i in order:
        left, right = draw.sample([first, second], 2)
        pairs.append({"turns": turns[i], "left": systems[left][i]["text"], "right": systems[right][i]["text"]})
        key.append({"dialogue": i, "left": left, "right": right})
    sheet = hashlib.sha256(json.dumps([(p["left"], p["right"]) for p in pairs]).encode()).hexdigest()[:16]
    files = resources.files("affectus.response") / "templates"
    page = render(
        files / "sheet.html",
        style=(files / "sheet.css").read_text(encoding="utf-8"),
        scripts=[Markup((files / "sheet.js").read_text(encoding="utf-8"))],
        sheet=sheet,
        pairs=pairs,
        questions=QUESTIONS,
    )
    with writing(folder / "sheet.html") as file:
        file.write(page)
    with writing(folder / "key.json") as file:
        json.dump({"sheet": sheet, "systems": [first, second], "pairs": key}, file, indent=1, ensure_ascii=False)
    return len(pairs)
