"""DailyDialog: everyday dialogues with an emotion, or none, for each utterance (Li et al. 2017)."""

from __future__ import annotations

from pathlib import Path

from affectus.corpora.base import Corpus, Loaded, find_file, one_hot, read_lines, with_gold
from affectus.errors import FileError
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

SCALE = "dailydialog-7"
_END = "__eou__"
_FOLDERS = {"train": "train", "dev": "validation", "test": "test"}

CORPUS = Corpus(
    name="dailydialog",
    title="103k utterances of 13,118 everyday dialogues, seven emotions, five in six neutral",
    modality="text",
    targets=(Target(SCALE, "perceived"),),
    language="en",
    licence="CC BY-NC-SA 4.0",
    ship=False,
    consent="written by authors of pages for learners of English",
    citation="Li et al. 2017, DailyDialog: A Manually Labelled Multi-turn Dialogue Dataset, IJCNLP, arXiv:1710.03957",
    perspective_source="three annotators read the dialogue and judged the emotion of each utterance",
    group="dialogue; train, dev and test share some",
    files=("train/dialogues_train.txt",),
    folders=("ijcnlp_dailydialog", "DailyDialog"),
    obtain="yanran.li/dailydialog",
)


def load(folder: Path) -> Loaded:
    """Read `{train,validation,test}/dialogues_*.txt` and `dialogues_emotion_*.txt`, one dialogue a line.

    Two people speak in turn, `A` first. Dialogues of dev and test whose words are those of an earlier one in train are
    counted; the group `words` is the same for dialogues with the same words, so that a split can part them.

    Raises:
        FileError: If a dialogue has other numbers of utterances and emotions, or an emotion is unknown.
    """
    splits = {}
    met: dict[tuple[str, ...], str] = {}
    repeated = 0
    for split, name in _FOLDERS.items():
        path = find_file(folder, f"{name}/dialogues_{name}.txt")
        marks = find_file(folder, f"{name}/dialogues_emotion_{name}.txt")
        talks, numbers = read_lines(path), read_lines(marks)
        if len(talks) != len(numbers):
            raise FileError(f"{path.name!r} has {len(talks)} dialogues and {marks.name!r} has {len(numbers)}")
        samples, labels = [], []
        for line, (talk, row) in enumerate(zip(talks, numbers, strict=True), start=1):
            said = [part.strip() for part in talk.split(_END)]
            said = said[:-1] if said and not said[-1] else said
            felt = row.split()
            if len(said) != len(felt) or not all(mark in _MARKS for mark in felt):
                raise FileError(
                    f"line {line} of {path.name!r} has {len(said)} utterances, and the emotions are {row[:60]!r}",
                    allowed="one of 0 to 6 for each",
                    remedy="get the files again",
                )
            name_ = f"{split}-{line}"
            words = met.setdefault(tuple(said), name_)
            repeated += words != name_ and not words.startswith(f"{split}-")
            for at, text in enumerate(said):
                samples.append(
                    Sample(
                        id=f"{name_}-{at + 1}",
                        source=f"dailydialog/{split}/{line}",
                        item=at,
                        text=text,
                        track="AB"[at % 2],
                        language="en",
                        groups={"dialogue": name_, "words": words},
                    )
                )
                labels.append([scale(SCALE).labels[int(felt[at])]])
        gold = {SCALE: one_hot(labels, SCALE)}
        splits[split] = with_gold(samples, gold, perspective="perceived", by="dailydialog annotators", modality="text")
    return Loaded(CORPUS, splits, remarks={"dialogues that an earlier split has word for word": repeated})


_MARKS = tuple("0123456")
