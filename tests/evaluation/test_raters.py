"""People as readers: votes for made-up clips, by the protocols of CREMA-D, and its most frequent votes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affectus.corpora.base import Loaded, load_corpus
from affectus.corpora.crema_d import JUDGES, SCALE
from affectus.errors import InputError
from affectus.evaluation.evaluate import evaluate
from affectus.evaluation.raters import Raters

REAL = Path("../shared/data/crema-d-votes")
LETTERS = "ADFHNS"
VOTES = {
    # clip → votes for A D F H N S by those who heard, saw, heard and saw
    "1001_DFA_ANG_XX": ("600040", "901000", "900010"),
    "1001_IEO_HAP_HI": ("000550", "000910", "000901"),
    "1002_TIE_SAD_LO": ("000091", "000019", "000028"),
    "1002_MTI_NEU_XX": ("0000A0", "0000A0", "0000A0"),
}


def _counts(text: str) -> list[int]:
    return [int(letter, 16) for letter in text]


@pytest.fixture
def votes(tmp_path: Path) -> Loaded:
    place = tmp_path / "processedResults"
    place.mkdir()
    rows = [["", *LETTERS, "fileName"]]
    for judges in range(3):
        for number, (clip, of) in enumerate(VOTES.items()):
            rows.append([f"{judges + 1}{number:05d}", *map(str, _counts(of[judges])), clip])
    (place / "tabulatedVotes.csv").write_text("\n".join(",".join(row) for row in rows) + "\n")
    return load_corpus("crema-d", tmp_path)


def figures(votes: Loaded, by: str, protocol: str, **options: object) -> dict[str, float]:
    found = evaluate(Raters(SCALE, by), votes, protocol=protocol, resamples=2, **options)  # type: ignore[arg-type]
    return {name: value.value for name, value in found.result.metrics.items()}


@pytest.mark.parametrize(
    ("judges", "hits"),
    [
        ("voice", 2 / 4),  # anger and neutral; happiness is a tie, and that is no answer; sadness is taken for neutral
        ("face", 4 / 4),
        ("both", 4 / 4),
    ],
)
def test_the_most_frequent_vote_is_the_answer_of_a_group(votes: Loaded, judges: str, hits: float) -> None:
    assert figures(votes, JUDGES[judges], "intended", asked=["perceived:intended"])["accuracy"] == hits


def test_votes_are_compared_as_distributions(votes: Loaded) -> None:
    counts = {judges: np.array([_counts(of[i]) for of in VOTES.values()]) for i, judges in enumerate(JUDGES)}
    shares = {judges: rows / rows.sum(1, keepdims=True) for judges, rows in counts.items()}
    of_face = figures(votes, JUDGES["face"], "both-votes")
    of_voice = figures(votes, JUDGES["voice"], "both-votes")
    themselves = figures(votes, JUDGES["both"], "both-votes")
    for found, judges in ((of_face, "face"), (of_voice, "voice"), (themselves, "both")):
        apart = np.abs(shares[judges] - shares["both"])
        assert found["total_variation"] == pytest.approx(apart.sum(1).mean() / 2, abs=1e-6)
        assert found["profile_brier"] == pytest.approx((apart**2).sum(1).mean(), abs=1e-6)
    assert 0 < of_face["jensen_shannon"] < of_voice["jensen_shannon"] < 1
    assert themselves["jensen_shannon"] == pytest.approx(0, abs=1e-9)
    assert np.isinf(of_face["kullback_leibler"])  # a label that nobody of one group chose


def test_judges_who_are_not_there_are_named(votes: Loaded) -> None:
    with pytest.raises(InputError, match="'nobody' judged none"):
        Raters(SCALE, "nobody").read(votes["all"][:3])


@pytest.mark.data
@pytest.mark.skipif(not REAL.is_dir(), reason="needs the votes of CREMA-D")
@pytest.mark.parametrize(
    ("judges", "hits", "published"),
    [("voice", 0.4164, 0.409), ("face", 0.6626, 0.582), ("both", 0.7221, 0.636)],  # single votes, Cao et al. 2014
)
def test_a_group_together_is_right_more_often_than_one_of_it(judges: str, hits: float, published: float) -> None:
    found = figures(load_corpus("crema-d", REAL), JUDGES[judges], "intended", asked=["perceived:intended"])
    assert found["accuracy"] == pytest.approx(hits, abs=5e-5)
    assert found["accuracy"] > published
