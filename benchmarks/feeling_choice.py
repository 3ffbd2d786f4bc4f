"""Which feeling the agent shows: by the rule of empathy, by the transition alone, and by both.

python benchmarks/feeling_choice.py

Forty turns of eight feelings, in `feeling_choice.jsonl`, written by the author of the rule, who also said which shown
feelings fit: this is a check for plain mistakes and no measure of empathy. Each arm is run with what the readers read,
and with the feeling that the author meant (guilt, which the readers' scale has not, as sadness).
`affectus/transition-embedded` has to be on the machine.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from scipy.stats import binomtest

from affectus.response import load_character
from affectus.response.character import Character, Traits
from affectus.response.feeling import Chooser
from affectus.response.reading import Ear, Heard, turn
from affectus.sample import Dialogue
from record import Record

ARMS = {
    "rule alone": lambda: Chooser(None),
    "transition alone (anger and disgust left to the rule)": lambda: Chooser(free=True),
    "rule, the transition where it leaves a choice (default)": lambda: Chooser(),
}


def opposite(character: Character) -> Character:
    """Somebody with the mirrored Big Five."""
    traits = {name: 1 - value for name, value in character.traits.model_dump().items()}
    return character.model_copy(update={"traits": Traits(**traits)})


def shown(chooser: Chooser, rows: Sequence[dict[str, Any]], heard: Sequence[Heard], character: Character) -> list[str]:
    """The feeling that is shown to each turn."""
    talks = [Dialogue((turn(row["turn"], "you", 0),)) for row in rows]
    return [str(chooser.choose(talk, one, character).top) for talk, one in zip(talks, heard, strict=True)]


def main() -> None:
    lines = Path(__file__).with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    ear, friendly = Ear(), load_character()
    read = [ear.hear(Dialogue((turn(row["turn"], "you", 0),))) for row in rows]
    meant = [Heard("sadness" if row["felt"] == "guilt" else row["felt"]) for row in rows]
    table, choices = [], {}
    for arm, make in ARMS.items():
        for source, heard in (("the readers", read), ("the author", meant)):
            chooser = make()
            found = shown(chooser, rows, heard, friendly)
            other = shown(chooser, rows, heard, opposite(friendly))
            fits = sum(label in row["fitting"] for label, row in zip(found, rows, strict=True))
            low, high = binomtest(fits, len(rows)).proportion_ci(method="wilson")
            table.append(
                {
                    "arm": arm,
                    "feeling read by": source,
                    "fitting": f"{fits} of {len(rows)}",
                    "share": fits / len(rows),
                    "95 % (Wilson)": f"{low:.2f}-{high:.2f}",
                    "shown": ", ".join(f"{label} {n}" for label, n in Counter(found).most_common()),
                    "another choice for the opposite personality": sum(
                        a != b for a, b in zip(found, other, strict=True)
                    ),
                }
            )
            choices[f"{arm}; {source}"] = found
    right = sum(one.emotion == two.emotion for one, two in zip(read, meant, strict=True))
    page = Record(
        "feeling-choice",
        "Which feeling the agent shows",
        f"{len(rows)} single turns of eight feelings, written with the fitting answers by the author of the rule; the "
        "persona `friendly`, and one with its Big Five mirrored. By the author's feelings the rule alone is right by "
        "construction.",
        table,
        [f"of {len(rows)} turns the readers' emotion was the author's for {right}; of single turns the words are read"],
        {"choices": choices, "turns": rows},
    ).write()
    print(page.read_text())


if __name__ == "__main__":
    main()
