"""The corpora that are at hand: counts as their READMEs give them, and the fingerprints that the loaders state."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from affectus.corpora.base import Loaded, dialogues, find_file, fingerprint, gold, groups, load_corpus, locate
from affectus.corpora.peld import TRAITS
from affectus.corpora.peld_next import SHA256
from affectus.corpora.trials import read_trials
from affectus.errors import FileError

DATA = Path(__file__).parents[3] / "shared" / "data"

pytestmark = pytest.mark.data


def here(name: str) -> Loaded:
    try:
        return load_corpus(name, locate(name, DATA))
    except FileError as error:
        pytest.skip(f"{name} is not here: {error.what[:60]}")


@pytest.mark.parametrize(
    "name",
    [
        "ck48", "crema-d", "emodb", "empathetic-dialogues", "empathetic-dialogues-small", "empathic-reactions",
        "epitome-reddit", "fer2013-part", "goemotions", "isear", "meld", "peld", "peld-next", "peld-next-grouped",
        "reccon", "semeval2007-headlines", "semeval2018-ec", "semeval2018-vreg", "tweeteval-emotion", "wassa2024",
    ],
)  # fmt: skip
def test_splits_are_the_official_ones(name: str) -> None:
    loaded = here(name)
    assert loaded.corpus.splits
    assert set(loaded.corpus.splits) == set(loaded.splits)
    for split, known in loaded.corpus.splits.items():
        assert (len(loaded[split]), fingerprint(loaded[split])) == known, split


def test_counts_of_the_readmes() -> None:
    assert gold(here("semeval2018-ec")["train"], "semeval2018-ec-11").sum(1).max() <= 6
    essays = here("empathic-reactions")
    assert {key: len(set(groups(essays["all"], key))) for key in ("author", "article")} == {
        "author": 372,
        "article": 417,
    }
    turns = here("wassa2024")
    assert np.isnan(gold(turns["dev"], "wassa-turn-disclosure")).all()
    assert {s: len(turns.dialogues(s)) for s in ("train", "dev")} == {"train": 487, "dev": 33}
    assert turns.left_out == {"malformed line": 0, "dialogue without turns": 26, "rating outside 1 to 7": 2}
    talks = here("empathetic-dialogues")
    assert [len(set(groups(talks[s], "dialogue"))) for s in ("dev", "test")] == [2762, 2542]


def test_peld_is_split_as_its_authors_split_it() -> None:
    loaded = here("peld")
    third = gold(loaded["test"], "peld-7")[2::3].sum(0)
    assert third.tolist() == [86, 15, 49, 112, 277, 49, 63]
    assert gold(loaded["dev"], "peld-7")[2::3].sum(0).tolist() == [77, 13, 44, 101, 250, 44, 57]
    first = [talk.id for talk in dialogues(loaded["test"][:15])]
    assert first == [f"triple-{row}" for row in (3903, 3874, 1288, 1113, 42)]
    assert hashlib.sha256(find_file(locate("peld", DATA), *loaded.corpus.files).read_bytes()).hexdigest() == SHA256
    monica = next(p["Monica"] for p in loaded.personas.values() if "Monica" in p)
    assert [monica.traits[name] for name in TRAITS] == [0.713, 0.457, 0.457, 0.66, 0.511]


@pytest.mark.parametrize(("name", "counts"), [("emodb", (10, 309, 618)), ("ravdess", (8, 456, 380))])
def test_trials_over_the_acted_corpora(name: str, counts: tuple[int, int, int]) -> None:
    if not (DATA / "speech-trials").is_dir():
        pytest.skip("the trials are not here")
    found = read_trials(DATA / "speech-trials", name)
    targets = sum(trial.target for trial in found.trials)
    assert (len(found.enrolments), targets, len(found.trials) - targets) == counts
    men = here(name).speakers
    for trial in found.trials:  # other speakers are of the same sex, so that sex alone does not tell
        sexes = {
            men[_speaker(name, path)].attributes["sex"] for path in (*found.enrolments[trial.enrolment], trial.test)
        }
        assert len(sexes) == 1
        assert (DATA / trial.test).is_file()


def _speaker(name: str, path: str) -> str:
    stem = Path(path).stem
    return stem[:2] if name == "emodb" else stem[-2:]
