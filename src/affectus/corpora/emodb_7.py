"""EMO-DB with all of its seven emotions: 535 sentences (Burkhardt et al. 2005); `emodb` has four of them."""

from __future__ import annotations

from pathlib import Path

from affectus.corpora import emodb
from affectus.corpora.base import Corpus, Loaded, Split
from affectus.taxonomy import Target

SCALE = "emodb-7"
_OTHERS = "[01][0-9][ab]0[0-9][LEA]?"  # tells a whole copy from one of the four classes

CORPUS = Corpus(
    name="emodb-7",
    title="535 German sentences by ten actors in seven emotions",
    modality="voice",
    targets=(Target(SCALE, "intended"),),
    language="de",
    licence=emodb.CORPUS.licence,
    ship=False,
    consent=emodb.CORPUS.consent,
    citation=emodb.CORPUS.citation,
    perspective_source=emodb.CORPUS.perspective_source,
    group=emodb.CORPUS.group,
    splits={"all": Split(535)},
    files=(f"wav/{_OTHERS}.wav", f"wav/{_OTHERS}.flac", f"{_OTHERS}.wav", f"{_OTHERS}.flac"),
    folders=("emodb", "EmoDB"),
    obtain=emodb.CORPUS.obtain,
)


def load(folder: Path) -> Loaded:
    """Read the files as `emodb` does, boredom, disgust and fear among them.

    Raises:
        FileError: If there is no such file.
    """
    return emodb.read(folder, CORPUS, SCALE, emodb.ALL_LETTERS)
