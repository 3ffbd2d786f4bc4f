"""Forty-eight numbers that four lexica of emotion words give of a text (Singh et al. 2024, arXiv:2407.18496).

NRC EmoLex (counts, ratios of ten emotions and polarities), MPQA subjectivity clues (counts, ratios of twelve marks),
NRC-VAD (mean valence, arousal, dominance) and polarity shifters (count). The lexica are for research and are not passed
on: each user gets them from their authors and puts the files into one folder.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from affectus.errors import FileError, InputError, require
from affectus.frontends.lexicons import EMOLEX_COLUMNS, emolex, lexicon_lines

Tokens = Literal["plain", "nltk"]
Lexicon = Mapping[str, np.ndarray]

MARKS = {  # one-hot columns of a subjectivity clue, in this order
    "type": ("strongsubj", "weaksubj"),
    "pos1": ("adj", "adverb", "anypos", "noun", "verb"),
    "priorpolarity": ("both", "negative", "neutral", "positive", "weakneg"),
}
DIMENSIONS = ("valence", "arousal", "dominance")


@dataclass(frozen=True)
class Source:
    """Where a lexicon comes from.

    Args:
        file: Its usual file name.
        title: What to ask for.
        place: Where it is to be had.
    """

    file: str
    title: str
    place: str


SOURCES = {
    "emolex": Source(
        "NRC-Emotion-Lexicon-Wordlevel-v0.92.txt",
        "NRC Word-Emotion Association Lexicon 0.92 (Mohammad and Turney 2013)",
        "saifmohammad.com/WebPages/NRC-Emotion-Lexicon.htm",
    ),
    "mpqa": Source(
        "subjclueslen1-HLTEMNLP05.tff",
        "MPQA Subjectivity Lexicon (Wilson et al. 2005)",
        "mpqa.cs.pitt.edu/lexicons/subj_lexicon",
    ),
    "nrc-vad": Source(
        "NRC-VAD-Lexicon.txt", "NRC-VAD Lexicon 1.0 (Mohammad 2018)", "saifmohammad.com/WebPages/nrc-vad.html"
    ),
    "shifters": Source(
        "polarity_shifters.csv",
        "Lexicon of polarity shifters (Schulder et al. 2018), as CSV with the columns word, type",
        "github.com/uds-lsv/lexicon-of-english-verbal-polarity-shifters",
    ),
}
COLUMNS = tuple(
    [f"{name} {part}" for part in ("count", "ratio") for name in EMOLEX_COLUMNS]
    + [f"{name} {part}" for part in ("count", "ratio") for values in MARKS.values() for name in values]
    + [f"mean {name}" for name in DIMENSIONS]
    + ["shifter count"]
)


def lexicon_folder() -> Path:
    """Where the user's lexica are: the environment variable `AFFECTUS_LEXICONS`, else `lexicons` in the cache."""
    import platformdirs

    cache_folder = Path(os.environ.get("AFFECTUS_CACHE") or platformdirs.user_cache_dir("affectus"))
    return Path(os.environ.get("AFFECTUS_LEXICONS") or cache_folder / "lexicons")


# -- reading -----------------------------------------------------------------------------------------------------------
def read_emolex(path: Path) -> dict[str, np.ndarray]:
    """The word-level file of NRC EmoLex → word → (10,) zeros and ones, in the order of `EMOLEX_COLUMNS`."""
    return {word: np.array([float(name in marks) for name in EMOLEX_COLUMNS]) for word, marks in emolex(path).items()}


def read_mpqa(path: Path) -> dict[str, np.ndarray]:
    """`key=value` pairs a line → word → (12,) one-hot marks.

    Of a word with several parts of speech the last line counts. Stray tokens without `=` are passed over.
    """
    found: dict[str, np.ndarray] = {}
    for number, line in enumerate(_lines(path), start=1):
        pairs = dict(token.split("=", 1) for token in line.split() if "=" in token)
        row = []
        for key, values in MARKS.items():
            if pairs.get(key) not in values:
                raise FileError(f"line {number} of {path.name!r} has {key}={pairs.get(key)}", allowed=", ".join(values))
            row += [float(pairs[key] == value) for value in values]
        if "word1" not in pairs:
            raise FileError(f"line {number} of {path.name!r} has no word1")
        found[pairs["word1"]] = np.array(row)
    return found


def read_vad(path: Path, *, first_word: bool = False) -> dict[str, np.ndarray]:
    """`word<tab>valence<tab>arousal<tab>dominance` → word → (3,) in [0, 1].

    Args:
        path: The file; a header line that starts with `Word` is passed over.
        first_word: File entries of several words under their first one, over what stood there, as the original does.
            Otherwise they are left out: a single token never equals them.
    """
    found: dict[str, np.ndarray] = {}
    for word, *values in _cells(path, "\t", 4):
        if word == "Word":
            continue
        words = word.split()
        if len(words) == 1 or first_word:
            found[words[0]] = np.array([_number(path, value) for value in values])
    return found


def read_shifters(path: Path) -> dict[str, np.ndarray]:
    """`word,type` with a header → word → (1,), 1 for `shifter` and 0 for `nonshifter`."""
    found: dict[str, np.ndarray] = {}
    for word, kind in _cells(path, ",", 2):
        if kind in ("shifter", "nonshifter"):
            found[word] = np.array([float(kind == "shifter")])
        elif (word, kind) != ("word", "type"):
            raise FileError(f"{path.name!r} has the type {kind!r}", allowed="shifter, nonshifter")
    return found


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in lexicon_lines(path) if line.strip()]


def _cells(path: Path, between: str, count: int) -> list[list[str]]:
    rows = [line.split(between) for line in _lines(path)]
    for number, row in enumerate(rows, start=1):
        if len(row) != count:
            raise FileError(f"row {number} of {path.name!r} is {between.join(row)[:60]!r}", allowed=f"{count} cells")
    return rows


def _number(path: Path, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise FileError(f"{path.name!r} has {value!r} where a number should be") from None


# -- tokens ------------------------------------------------------------------------------------------------------------
_PLAIN = re.compile(
    r"\w+(?=n['’]t\b)|n['’]t\b|['’](?:s|m|d|ll|re|ve)\b|\w+(?:-\w+)*(?:['’](?!(?:s|m|d|ll|re|ve)\b)\w+)*|[^\w\s]"
)
_NOUN_RULES = (  # WordNet's rules of detachment for nouns (morphy)
    ("ses", "s"),
    ("ves", "f"),
    ("xes", "x"),
    ("zes", "z"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("men", "man"),
    ("ies", "y"),
    ("s", ""),
)


def plain_tokens(text: str, known: Callable[[str], bool]) -> list[str]:
    """Words, clitics and marks, nouns brought to the singular: our stand-in for NLTK, which needs downloaded data.

    Words are cut as the Penn Treebank does for contractions. A word that no lexicon knows is replaced by the first form
    by WordNet's rules of detachment for nouns that one does know; WordNet itself is not asked. Letter case is kept.
    """
    found = []
    for match in _PLAIN.finditer(text):
        word = match[0]
        forms = [word[: -len(end)] + new for end, new in _NOUN_RULES if word.endswith(end)]
        found.append(word if known(word) else next((form for form in forms if known(form)), word))
    return found


def nltk_tokens(text: str) -> list[str]:
    """As the original: `word_tokenize`, then the WordNet lemmatiser with its default part of speech, the noun."""
    nltk = require("nltk", extra="lexicons", purpose="tokens: nltk")
    try:
        lemma = nltk.stem.WordNetLemmatizer().lemmatize
        return [lemma(token) for token in nltk.tokenize.word_tokenize(text)]
    except LookupError:
        raise InputError(
            "NLTK has no data for its tokenizer or for WordNet on this machine",
            allowed="punkt_tab and wordnet in a folder of NLTK_DATA",
            remedy="python -m nltk.downloader punkt_tab wordnet, or set tokens: plain",
        ) from None


# -- features ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Lexica:
    """The four lexica, read.

    Args:
        emolex: Word → (10,).
        mpqa: Word → (12,).
        vad: Word → (3,).
        shifters: Word → (1,).
    """

    emolex: Lexicon
    mpqa: Lexicon
    vad: Lexicon
    shifters: Lexicon

    def knows(self, word: str) -> bool:
        """Whether any of them has this word."""
        return any(word in part for part in (self.emolex, self.mpqa, self.vad, self.shifters))

    def features(self, texts: Sequence[str], tokens: Tokens = "plain") -> np.ndarray:
        """The numbers of `COLUMNS` for each text, (n, 48) float64, not rescaled.

        A count is the sum over the tokens that a lexicon has, a ratio or mean that sum divided by their number (not by
        the length of the text), 0 if there are none.
        """
        rows = np.zeros((len(texts), len(COLUMNS)))
        for row, text in zip(rows, texts, strict=True):
            words = nltk_tokens(text) if tokens == "nltk" else plain_tokens(text, self.knows)
            emotions, emotion_share = _sum(self.emolex, words, len(EMOLEX_COLUMNS))
            marks, mark_share = _sum(self.mpqa, words, sum(map(len, MARKS.values())))
            shifting, _ = _sum(self.shifters, words, 1)
            row[:] = np.concatenate(
                [emotions, emotion_share, marks, mark_share, _sum(self.vad, words, len(DIMENSIONS))[1], shifting]
            )
        return rows

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change with any entry."""
        digest = hashlib.sha256()
        for part in (self.emolex, self.mpqa, self.vad, self.shifters):
            for word in sorted(part):
                digest.update(f"{word} {part[word].tolist()}\n".encode())
        return digest.hexdigest()[:16]


def _sum(lexicon: Lexicon, words: Sequence[str], width: int) -> tuple[np.ndarray, np.ndarray]:
    """Sum over the words of a lexicon, and its mean over those that it has."""
    rows = [lexicon[word] for word in words if word in lexicon]
    total = np.sum(rows, axis=0) if rows else np.zeros(width)
    return total, total / max(1, len(rows))


@cache
def read_lexica(folder: Path, *, first_word: bool = False) -> Lexica:
    """All four lexica from a folder with their usual file names.

    Raises:
        FileError: If one is missing, with its name and where it is to be had, or is damaged.
    """
    paths = {name: folder / source.file for name, source in SOURCES.items()}
    for name, path in paths.items():
        if not path.is_file():
            source = SOURCES[name]
            raise FileError(
                f"the lexicon {source.file!r} is not in {str(folder)!r}: {source.title}",
                allowed=", ".join(s.file for s in SOURCES.values()),
                remedy=f"get it from {source.place}, put all four into one folder and set AFFECTUS_LEXICONS to it, "
                "or set lexicons: none",
            )
    return Lexica(
        read_emolex(paths["emolex"]),
        read_mpqa(paths["mpqa"]),
        read_vad(paths["nrc-vad"], first_word=first_word),
        read_shifters(paths["shifters"]),
    )
