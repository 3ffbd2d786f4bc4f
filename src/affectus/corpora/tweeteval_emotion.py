"""TweetEval, emotion task: English tweets with one of four emotions (Barbieri et al. 2020)."""

from __future__ import annotations

from pathlib import Path

from affectus.corpora.base import Corpus, Loaded, Split, find_file, numbered, one_hot, read_lines, with_gold
from affectus.errors import FileError
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

SCALE = "tweeteval-emotion-4"
FILES = {"train": "train", "dev": "val", "test": "test"}

CORPUS = Corpus(
    name="tweeteval-emotion",
    title="English tweets with one of anger, joy, optimism, sadness",
    modality="text",
    targets=(Target(SCALE, "perceived"),),
    language="en",
    licence="terms of Twitter and of SemEval-2018, research",
    ship=False,
    consent="public: tweets, users masked",
    citation="Barbieri et al. 2020, TweetEval, Findings of EMNLP, arXiv:2010.12421, from Mohammad et al. 2018",
    perspective_source="SemEval-2018 raters judged what state of mind of the tweeter they infer (task 1 E-c)",
    group="none is given",
    splits={
        "train": Split(3257, "7ea877494bb11bac"),
        "dev": Split(374, "d341f57208ffd355"),
        "test": Split(1421, "99616bad040e9256"),
    },
    files=("train_text.txt",),
    obtain="cardiffnlp/tweeteval on GitHub, folder datasets/emotion",
)


def load(folder: Path) -> Loaded:
    """Read `{train,val,test}_{text,labels}.txt`, aligned by line; `val` is called `dev`."""
    return Loaded(CORPUS, {split: _read(folder, split, name) for split, name in FILES.items()})


def _read(folder: Path, split: str, name: str) -> list[Sample]:
    texts = read_lines(find_file(folder, f"{name}_text.txt"))
    ids = read_lines(find_file(folder, f"{name}_labels.txt"))
    if len(texts) != len(ids):
        raise FileError(
            f"{name}_text.txt has {len(texts)} lines and {name}_labels.txt {len(ids)}", allowed="as many as each other"
        )
    labels, names = [], scale(SCALE).labels
    for line, number in numbered(ids):
        if not number.strip().isdigit() or int(number) >= len(names):
            raise FileError(f"line {line} of {name}_labels.txt is {number!r}", allowed=f"0 to {len(names) - 1}")
        labels.append([names[int(number)]])
    samples = [
        Sample(id=f"{split}-{i}", source=f"tweeteval-emotion/{split}", item=i, text=text, language="en")
        for i, text in enumerate(texts)
    ]
    gold = {SCALE: one_hot(labels, SCALE)}
    return with_gold(samples, gold, perspective="perceived", by="semeval2018 raters", modality="text")
