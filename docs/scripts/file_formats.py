"""The reference page of files and columns, made from what the library reads, writes and stores."""

from __future__ import annotations

import re

from docstrings import arguments

from affectus.affect import Affect, Evidence
from affectus.formats import FORMATS, TIERED
from affectus.media import SUFFIXES, Kind
from affectus.timeline import Timeline

READ = {
    Kind.TEXT: "plain text or Markdown, read sentence by sentence",
    Kind.TABLE: "one text a row, in the column that `--text-column` names",
    Kind.SUBTITLES: "timed lines",
    Kind.CHAT: "JSON lines with `speaker` and `text`, see [chats](../how-to/chats.md)",
    Kind.AUDIO: "speech of one or several people",
    Kind.IMAGE: "the faces in a picture",
    Kind.VIDEO: "faces, voices and words; a container of sound alone counts as sound",
}
WRITTEN = {
    "parquet": "everything; `Timeline.load` reads it back without loss",
    "csv": "one row a reading, one column `scale/label` a score; lists are JSON",
    "jsonl": "one object a reading; what a reader did not give is absent",
    "eaf": "ELAN, a tier for each person, modality and reader",
    "textgrid": "Praat, interval tiers for labels and words, point tiers for valence",
    "vtt": "WebVTT, readings as subtitles over the recording",
}
NAMED_BY_A_SCALE = {
    "<scale>": ("fixed_size_list<float>[k]", "Scores, one a label, in the order of the scale; the scale itself is JSON "
                "in the field's metadata. NaN: no opinion about this label."),
    "<scale>.labels": ("list<string>", "Decided labels, most probable first; empty when the reader abstained."),
    "<scale>.set": ("list<string>", "Conformal set: the labels that can't be ruled out at the stated coverage."),
    "<scale>.sd": ("fixed_size_list<float>[k]", "Standard deviation of each score."),
}  # fmt: skip


def columns() -> dict[str, str]:
    """Every fixed column with its Arrow type, taken from a timeline that has them all."""
    lists = {"text": [None], "words": [[]], "evidence": [[]], "flags": [[]]}
    full = Timeline.build([("a",)], {}, perspective=None, by="", modality="", **lists)  # type: ignore[arg-type]
    return {field.name: _plain(str(field.type)) for field in full.table.schema}


def _plain(kind: str) -> str:
    """`dictionary<values=string, indices=int32, ordered=0>` → `dictionary<string>`; a struct's fields stand below."""
    kind = re.sub(r"<values=(\w+), .*>", r"<\1>", kind).replace("item: ", "")
    return re.sub(r"struct<.*>>", "struct>", kind)


def render() -> str:
    """The whole page as Markdown."""
    lines = ["# Files and columns", "", "Made from the code.", "", "## Files that are read", ""]
    lines += ["The content decides what a file is; a suffix that says otherwise is an error.", ""]
    lines += ["| kind | suffixes | how |", "|---|---|---|"]
    for kind, how in READ.items():
        suffixes = [f"`{suffix}`" for suffix, found in SUFFIXES.items() if found is kind]
        lines.append(f"| {kind} | {' '.join(suffixes) or '`.jsonl`'} | {how} |")
    lines += ["", "`-` is text on standard input. Folders are searched through; hidden files are left out.", ""]
    lines += ["## Files that are written", "", "| name | file | holds |", "|---|---|---|"]
    lines += [f"| `{name}` | `timeline{suffix}` | {WRITTEN[name]} |" for name, suffix in FORMATS.items()]
    lines += [
        "",
        f"{', '.join(f'`{name}`' for name in TIERED)} describe one recording: they hold timed readings only.",
        "With several recordings, the name becomes a folder with one file for each. Beside them stand `report.html`,",
        "`run.json` (settings, seconds of each stage, remarks) and, when a file could not be read, `failures.csv`.",
        "",
        "## Columns of a timeline",
        "",
        "One row is one reading. Null means: has no meaning here. Seconds are half-open: `start` belongs to the",
        "reading, `end` does not.",
        "",
        "| column | Arrow type | meaning |",
        "|---|---|---|",
    ]
    said = arguments(Affect)
    for name, kind in columns().items():
        lines.append(f"| `{name}` | `{kind}` | {said[name]} |")
    for name, (kind, meaning) in NAMED_BY_A_SCALE.items():
        lines.append(f"| `{name}` | `{kind}` | {meaning} |")
    lines += ["", "An entry of `evidence` is a struct:", "", "| field | meaning |", "|---|---|"]
    lines += [f"| `{name}` | {meaning} |" for name, meaning in arguments(Evidence).items()]
    lines += [
        "",
        "In a data frame (`timeline.to_pandas()`) and in CSV a scale is spread over columns named `scale/label`, for",
        "example `ekman-6/joy`.",
    ]
    return "\n".join(lines) + "\n"
