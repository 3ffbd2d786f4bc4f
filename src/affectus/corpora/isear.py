"""ISEAR: situations in which students of 37 countries felt one of seven emotions (Scherer and Wallbott 1994)."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from affectus.corpora.base import Corpus, Loaded, Split, find_file, one_hot, read_lines, with_gold
from affectus.errors import FileError
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

SCALE = "isear-7"
_LINE_BREAK = "á"  # what the line breaks of the questionnaires became in the copies that go round
_NO_ANSWER = re.compile(
    r"\[?\s*(no re?s?ponse|no answer|not applicable|doesn'?t apply|does not apply|do(es)? not know|never experienced"
    r"|nothing|none|blank|(do|can|could) ?not (remember|recall|think of)|i have never felt|never felt|have not felt)",
    re.IGNORECASE,
)

CORPUS = Corpus(
    name="isear",
    title="Self-reported emotional situations, seven emotions",
    modality="text",
    targets=(Target(SCALE, "felt"),),
    language="en",
    licence="ISEAR project, Swiss Center for Affective Sciences: research (often given as CC BY-NC-SA 3.0, unverified)",
    ship=False,
    consent="questionnaire study, anonymous respondents",
    citation="Scherer and Wallbott 1994, Evidence for universality and cultural variation, JPSP 66(2)",
    perspective_source="the respondents name the emotion that they felt themselves",
    group="author: the respondent",
    splits={"all": Split(7540, "00fd217d771d4060")},
    files=("isear.csv",),
    obtain="Swiss Center for Affective Sciences, Geneva",
)


def load(folder: Path) -> Loaded:
    """Read `isear.csv`: `|` between cells, UTF-8 or Latin-1, text in `SIT`, label in `Field1`.

    Answers such as "[ No response.]" say nothing and are left out, with their number. The mark that stands for line
    breaks is taken out of the text.
    """
    path = find_file(folder, *CORPUS.files)
    try:
        lines = read_lines(path)
    except FileError:
        lines = read_lines(path, "latin-1")
    rows = list(csv.reader(lines, delimiter="|"))
    if not rows or not {"SIT", "Field1", "SUBJ", "COUN", "MYKEY"} <= set(rows[0]):
        raise FileError(
            f"{path.name!r} has the columns {rows[:1]}", allowed="SIT, Field1, SUBJ, COUN, MYKEY and others"
        )
    column = {name: i for i, name in enumerate(rows[0])}
    samples: list[Sample] = []
    labels: list[list[str]] = []
    silent = 0
    for line, row in enumerate(rows[1:], start=2):
        if len(row) < len(rows[0]) - 1 or row[column["Field1"]] not in scale(SCALE).labels:
            raise FileError(f"row {line} of {path.name!r} is {'|'.join(row)[:60]!r}", allowed=f"{len(rows[0])} cells")
        text = " ".join(row[column["SIT"]].replace(_LINE_BREAK, " ").split())
        if not text or _NO_ANSWER.match(text):
            silent += 1
            continue
        who = f"country-{row[column['COUN']]}/subject-{row[column['SUBJ']]}"
        samples.append(
            Sample(
                id=row[column["MYKEY"]],
                source="isear",
                item=line - 2,
                text=text,
                track=who,
                language="en",
                groups={"author": who},
            )
        )
        labels.append([row[column["Field1"]]])
    gold = {SCALE: one_hot(labels, SCALE)}
    rated = with_gold(samples, gold, perspective="felt", by="isear respondents", modality="text")
    return Loaded(CORPUS, {"all": rated}, {"no answer was given": silent})
