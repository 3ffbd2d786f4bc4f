"""C-EXPR-DB: compound expressions in 56 videos, as the 125 clips and five folds of Richet et al. (2024)."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from affectus.corpora.base import Corpus, Loaded, find_file, numbered, one_hot, read_lines, with_gold
from affectus.errors import FileError
from affectus.sample import Media, Sample
from affectus.taxonomy import Target, scale

SCALE = "cexpr-8"
CORPUS = Corpus(
    name="c-expr-db",
    title="125 clips of 56 videos in seven compound expressions and other, by the authors of textualized-cer",
    modality="video",
    targets=(Target(SCALE, "perceived"),),
    language="en",
    licence="on request to the authors of the ABAW challenges, research",
    ship=False,
    consent="collected from the web: people who were filmed for other ends",
    citation="Kollias 2023, C-EXPR-DB, CVPR; clips and folds of Richet et al. 2024, arXiv:2407.12927",
    perspective_source="annotators marked when a video shows which compound expression",
    group="video; the folds of the authors cut through videos, so that one face may be learned from and asked for",
    files=("annotation/*.csv", "C-EXPR-DB/annotation/*.csv"),
    folders=("C-EXPR-DB",),
    obtain="videos on request (ABAW challenge), annotation at nicolas-richet/feature-vs-text-compound-emotion",
)

_BEGIN, _END = "Begin Time - hh:mm:ss.ms", "End Time - hh:mm:ss.ms"
_CLOCK = re.compile(r"(\d+):([0-5]\d):([0-5]\d(?:\.\d+)?)")
_CLIP = re.compile(r"(?:.*/)?(?P<name>(?P<video>\d+)_(?P<label>[A-Za-z-]+)_\d+)(?:\.mp4)?")
_HELD_OUT = ("val.txt", "test.txt")


class Stretch(NamedTuple):
    """A row of the annotation.

    Args:
        name: `NN_Compound-Name_k`, with k the number of the row among those of its video and label, from 0.
        label: On `cexpr-8`.
        start: Seconds within the video.
        end: Seconds.
    """

    name: str
    label: str
    start: float
    end: float

    @property
    def video(self) -> str:
        """Number of the video, as it is written."""
        return self.name.partition("_")[0]


def read_annotation(path: Path) -> Iterator[Stretch]:
    """Rows of `NN.csv`: begin, end, and a column for each label, of which one holds `1` and perhaps spaces.

    Raises:
        FileError: If a column is missing, a time is none, or a row marks none or several labels, with its line.
    """
    rows = csv.reader(io.StringIO("\n".join(read_lines(path, "utf-8-sig"))))
    header = [cell.strip() for cell in next(rows, [])]
    labels = scale(SCALE).labels
    if missing := [name for name in (_BEGIN, _END) if name not in header] or [
        label for label in labels if label not in [cell.lower() for cell in header]
    ]:
        raise FileError(f"{path.name!r} lacks the columns {missing}", allowed=", ".join((_BEGIN, _END, *labels)))
    count: Counter[str] = Counter()
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        cells = dict(zip(header, row, strict=False))
        marked = [name.lower() for name, cell in cells.items() if name.lower() in labels and cell.strip() == "1"]
        if len(marked) != 1:
            raise FileError(f"line {rows.line_num} of {path.name!r} marks {marked or 'nothing'}", allowed="one label")
        start, end = (_seconds(cells[name], path, rows.line_num) for name in (_BEGIN, _END))
        name = f"{path.stem}_{'-'.join(marked[0].title().split())}_{count[marked[0]]}"
        count[marked[0]] += 1
        yield Stretch(name, marked[0], start, end)


def read_fold(path: Path) -> dict[str, tuple[str, str]]:
    """Clip → (label, transcript) of a list with lines `folder/NN_Compound-Name_k,number[,transcript]`.

    Raises:
        FileError: If a line is none, or its number is not that of the label in its name.
    """
    found: dict[str, tuple[str, str]] = {}
    labels = scale(SCALE).labels
    for number, line in numbered(read_lines(path)):
        if not line.strip():
            continue
        place, _, rest = line.partition(",")
        clip, (digits, _, said) = _CLIP.fullmatch(place.strip()), rest.partition(",")
        label = labels[int(digits)] if digits.strip().isdigit() and int(digits) < len(labels) else ""
        if clip is None or clip["label"].replace("-", " ").lower() != label:
            raise FileError(
                f"line {number} of {path.name!r} is {line[:80]!r}",
                allowed="Sadly-Angry/08_Sadly-Angry_0,6[,transcript]",
            )
        found[clip["name"]] = (label, said.strip())
    return found


def load(folder: Path) -> Loaded:
    """Read `annotation/NN.csv`, `folds/split-k/{train,val or test}.txt` and the videos that are there.

    One split, `all`. With lists of folds it holds the clips in them, and the group `fold` of a clip is the one that
    holds it out; without, all rows of the annotation. A clip's media are its own file below `trimmed_videos`, else its
    stretch of `videos/NN.mp4` or `NN.mp4`, else none. Words are those of a list, else of `clips_transcription.csv`.

    Raises:
        FileError: If a file is damaged, or lists and annotation contradict each other.
    """
    base = find_file(folder, *CORPUS.files).parent.parent
    rows = [row for path in sorted((base / "annotation").glob("*.csv")) for row in read_annotation(path)]
    folds, said = _folds(base), _transcripts(base)
    known = {row.name for row in rows}
    if strange := sorted(set(folds) - known):
        raise FileError(f"{strange[0]!r} is in a list of folds and not annotated", remedy="get both of one release")
    kept = [row for row in rows if (not folds or row.name in folds) and row.end > row.start]
    samples = []
    for row in kept:
        fold, words = folds.get(row.name, ("", ""))
        groups = {"video": row.video} | ({"fold": fold} if fold else {})
        samples.append(
            Sample(
                id=row.name,
                source=f"c-expr-db/{row.video}",
                text=words or said.get(row.name),
                media=_media(base, row),
                start=row.start,
                end=row.end,
                groups=groups,
            )
        )
    gold = {SCALE: one_hot([[row.label] for row in kept], SCALE)}
    judged = with_gold(samples, gold, perspective="perceived", by="c-expr-db annotators", modality="video")
    outside = sum(bool(folds) and row.name not in folds for row in rows)
    left_out = {"annotated, and in no fold": outside, "without length": len(rows) - outside - len(kept)}
    missing = sum(sample.media is None for sample in samples)
    return Loaded(CORPUS, {"all": judged}, left_out, {"without their video": missing})


def _folds(base: Path) -> dict[str, tuple[str, str]]:
    """Clip → (fold that holds it out, transcript)."""
    found: dict[str, tuple[str, str]] = {}
    for place in sorted((base / "folds").glob("split-*")):
        lists = [place / name for name in _HELD_OUT if (place / name).is_file()]
        if not lists:
            raise FileError(f"{str(place)!r} has no list of clips that are held out", allowed=" or ".join(_HELD_OUT))
        for clip, (_, words) in read_fold(lists[0]).items():
            if clip in found:
                raise FileError(f"{clip!r} is held out twice, by {found[clip][0]} and {place.name}")
            found[clip] = (place.name.removeprefix("split-"), words)
    return found


def _transcripts(base: Path) -> Mapping[str, str]:
    """Clip → words of `clips_transcription.csv`, which prints lists of Python: brackets and quotes are taken off."""
    path = base / "clips_transcription.csv"
    if not path.is_file():
        return {}
    rows = csv.reader(io.StringIO("\n".join(read_lines(path))))
    return {Path(row[0]).stem: row[1].strip("[]'\" ") for row in rows if len(row) > 1}


def _media(base: Path, row: Stretch) -> Media | None:
    own = f"{row.name.split('_')[1]}/{row.name}.mp4"
    for place in (base / "trimmed_videos" / own, base / own):
        if place.is_file():
            return Media("video", path=place)
    for place in (base / "videos" / f"{row.video}.mp4", base / f"{row.video}.mp4"):
        if place.is_file():
            return Media("video", path=place, start=row.start, end=row.end)
    return None


def _seconds(clock: str, path: Path, line: int) -> float:
    found = _CLOCK.fullmatch(clock.strip())
    if found is None:
        raise FileError(f"line {line} of {path.name!r} has the time {clock!r}", allowed="hh:mm:ss.mmm")
    return 3600 * int(found[1]) + 60 * int(found[2]) + float(found[3])
