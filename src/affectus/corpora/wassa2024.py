"""WASSA 2024: turns of conversations on news articles with rated empathy, polarity and intensity (Giorgi et al. 2024).

The dev files number articles, conversations and people anew: equal numbers in train and dev are not the same article.
By their words most dev conversations are about articles that train has under another number.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affectus.corpora.base import Corpus, Loaded, Split, find_file, with_gold
from affectus.corpora.delimited import Rows, decode, read_rows, value
from affectus.errors import FileError
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

SCALES = {
    "wassa-turn-empathy": "Empathy",
    "wassa-turn-polarity": "EmotionalPolarity",
    "wassa-turn-intensity": "Emotion",
    "wassa-turn-disclosure": "SelfDisclosure",
}
DIALOGUE_SCALE = "wassa-dialogue-empathy"
_TURN = ("id", "article_id", "conversation_id", "turn_id", "text", "person_id_1", "person_id_2")
_RATED = "this_persons_perceived_empathy_of_other_person"
_ENCODINGS = ("utf-8", "gbk", "latin-1")

CORPUS = Corpus(
    name="wassa2024",
    title="12k turns of 520 conversations on news articles; empathy, polarity and intensity of each turn",
    modality="text",
    targets=(*(Target(name, "perceived") for name in SCALES), Target(DIALOGUE_SCALE, "perceived")),
    language="en",
    licence="shared-task data without a stated licence: research",
    ship=False,
    consent="questionnaire study: paid crowd workers, under numbers",
    citation="Giorgi et al. 2024, Findings of WASSA 2024 Shared Task on Empathy and Personality, WASSA at ACL",
    perspective_source="turns: third persons rated them (abstract of the findings); dialogues: each person rated the"
    " empathy of the other",
    group="dialogue, article and speaker; dev numbers all three anew",
    splits={
        "train": Split(11166, "41d4d10be1847b69"),
        "dev": Split(990, "cff8f64d2993e56e"),
        "dialogue-train": Split(972, "7987090b81d9ab8a"),
        "dialogue-dev": Split(63, "662e9f6ba63dc1e4"),
    },
    files=("data/trac2_CONVT_train.csv", "trac2_CONVT_train.csv"),
    folders=("wassa2024-conv",),
    obtain="organisers of the WASSA 2024 shared task",
)


def load(folder: Path) -> Loaded:
    """Read `trac2_CONVT_{train,dev}.csv` and, where they are, `trac1_CONVD_{train,dev}.csv`.

    The splits `train` and `dev` hold turns. `dialogue-train` and `dialogue-dev` hold a sample for each person of a
    dialogue: all its turns, a line each, and how much empathy this person (the track) saw in the other. Quotation marks
    in texts stand behind backslashes. A value that is missing (NULL) or outside its scale is no gold.
    """
    place = find_file(folder, *CORPUS.files).parent
    splits: dict[str, list[Sample]] = {}
    left_out = {"malformed line": 0, "dialogue without turns": 0, "rating outside 1 to 7": 0}
    remarks: dict[str, int] = {}
    for split in ("train", "dev"):
        path = find_file(place, f"trac2_CONVT_{split}.csv")
        text, encoding = decode(path, *_ENCODINGS)
        found = read_rows(path, (*_TURN, *SCALES.values()), escape="\\", text=text, pass_malformed=True)
        left_out["malformed line"] += found.malformed
        if encoding != "utf-8":
            remarks[f"read as {encoding}"] = remarks.get(f"read as {encoding}", 0) + len(found.rows)
        splits[split] = _turns(path, found, split, remarks)
        rated = place / f"trac1_CONVD_{split}.csv"
        if rated.is_file() and (dialogues := _dialogues(rated, split, splits[split], left_out)):
            splits[f"dialogue-{split}"] = dialogues
    return Loaded(CORPUS, splits, left_out, remarks)


def _turns(path: Path, found: Rows, split: str, remarks: dict[str, int]) -> list[Sample]:
    samples: list[Sample] = []
    gold: dict[str, list[list[float]]] = {name: [] for name in SCALES}
    for row, line in zip(found.rows, found.lines, strict=True):
        speaker, person = _speaker(path, line, row)
        dialogue = f"{split}-{row['conversation_id']}"
        samples.append(
            Sample(
                id=f"{split}-{row['id']}",
                source=f"wassa2024/{dialogue}",
                item=int(value(path, line, "turn_id", row["turn_id"], 0, 10_000)),
                text=row["text"],
                track=speaker,
                language="en",
                groups={
                    "dialogue": dialogue,
                    "article": f"{split}-{row['article_id']}",
                    "speaker": f"{split}-{person}",
                },
            )
        )
        for name, column in SCALES.items():
            of, cell = scale(name), row[column]
            rating = np.nan if cell == "NULL" else value(path, line, column, cell, -np.inf, np.inf)
            if not np.isnan(rating) and not of.low <= rating <= of.high:
                remark = f"with {column} outside {of.low:g} to {of.high:g}, taken as not rated"
                remarks[remark], rating = remarks.get(remark, 0) + 1, np.nan
            gold[name].append([rating])
    scores = {name: np.array(values, np.float32).reshape(-1, 1) for name, values in gold.items()}
    return with_gold(samples, scores, perspective="perceived", by="wassa2024 raters", modality="text")


def _speaker(path: Path, line: int, row: dict[str, str]) -> tuple[str, str]:
    """`Person 1` or `Person 2`, and the number of that person. Train names the place, dev the number."""
    first, second = row["person_id_1"], row["person_id_2"]
    said = row.get("speaker") or row.get("speaker_id", "")
    if said in ("Person 1", first):
        return "Person 1", first
    if said in ("Person 2", second):
        return "Person 2", second
    raise FileError(
        f"line {line} of {path.name!r} has the speaker {said!r}", allowed=f"Person 1, Person 2, {first!r} or {second!r}"
    )


def _dialogues(path: Path, split: str, turns: list[Sample], left_out: dict[str, int]) -> list[Sample]:
    found = read_rows(path, ("id", "conversation_id", _RATED))
    said: dict[str, list[Sample]] = {}
    for turn in turns:
        said.setdefault(turn.groups["dialogue"], []).append(turn)
    samples, ratings, of = [], [], scale(DIALOGUE_SCALE)
    for row, line in zip(found.rows, found.lines, strict=True):
        person = row.get("person_id_1") or row.get("person_id", "")
        rating = value(path, line, _RATED, row[_RATED], -np.inf, np.inf)
        own = said.get(f"{split}-{row['conversation_id']}", [])
        who = next((turn.track for turn in own if turn.groups["speaker"] == f"{split}-{person}"), None)
        if who is None:
            left_out["dialogue without turns"] += 1
        elif not of.low <= rating <= of.high:
            left_out["rating outside 1 to 7"] += 1
        else:
            samples.append(
                Sample(
                    id=f"dialogue-{split}-{row['id']}",
                    source=own[0].source,
                    text="\n".join(f"{turn.track}: {turn.text}" for turn in own),
                    track=who,
                    language="en",
                    groups={**own[0].groups, "speaker": f"{split}-{person}"},
                )
            )
            ratings.append([rating])
    gold = {DIALOGUE_SCALE: np.array(ratings, np.float32).reshape(-1, 1)}
    return with_gold(samples, gold, perspective="perceived", by="wassa2024 partners", modality="text")
