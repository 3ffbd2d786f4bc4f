"""People as readers: the votes of CREMA-D measured by its own protocols, against the published human figures."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from affectus.corpora.base import Loaded, load_corpus
from affectus.corpora.crema_d import ACTORS, JUDGES, SCALE
from affectus.errors import InputError
from affectus.evaluation.evaluate import evaluate
from affectus.evaluation.raters import Raters

GOLDEN = Path(__file__).parents[1] / "golden" / "crema-d" / "tabulatedVotes.csv.gz"
PUBLISHED = {"voice": 0.409, "face": 0.582, "both": 0.636}  # Cao et al. 2014, abstract


@pytest.fixture(scope="module")
def votes(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    place = tmp_path_factory.mktemp("crema-d") / "processedResults"
    place.mkdir()
    (place / "tabulatedVotes.csv").write_bytes(gzip.decompress(GOLDEN.read_bytes()))
    return load_corpus("crema-d", place.parent)


def figures(votes: Loaded, by: str, protocol: str, **options: object) -> dict[str, float]:
    found = evaluate(Raters(SCALE, by), votes, protocol=protocol, resamples=2, **options)  # type: ignore[arg-type]
    return {name: value.value for name, value in found.result.metrics.items()}


def test_single_votes_hit_the_intended_emotion_as_often_as_published(votes: Loaded) -> None:
    samples = votes["all"]
    counts = np.stack([sample.features["votes"] for sample in samples])
    intended = np.stack([sample.judged(SCALE, "intended", ACTORS) for sample in samples])
    hits = (counts * intended[:, None]).sum((0, 2)) / counts.sum((0, 2))
    assert counts.sum((0, 2)).tolist() == [68_568, 71_654, 71_778]
    assert hits.tolist() == pytest.approx([0.4000, 0.5744, 0.6307], abs=5e-5)
    # 2,443 people were asked for 90 votes each; the released table has 212,000, and comes out within a point.
    assert hits.tolist() == pytest.approx(list(PUBLISHED.values()), abs=0.01)


@pytest.mark.parametrize(("judges", "hits"), [("voice", 0.4164), ("face", 0.6626), ("both", 0.7221)])
def test_a_group_together_is_right_more_often_than_one_of_it(votes: Loaded, judges: str, hits: float) -> None:
    found = figures(votes, JUDGES[judges], "intended", asked=["perceived:intended"])
    assert found["accuracy"] == pytest.approx(hits, abs=5e-5)  # a tie is no answer
    assert found["accuracy"] > PUBLISHED[judges]


def test_faces_agree_with_both_better_than_voices_do(votes: Loaded) -> None:
    of_face = figures(votes, JUDGES["face"], "both-votes")
    of_voice = figures(votes, JUDGES["voice"], "both-votes")
    themselves = figures(votes, JUDGES["both"], "both-votes")
    for name in ("jensen_shannon", "total_variation", "profile_brier"):
        assert themselves[name] == pytest.approx(0, abs=1e-9)
        assert 0 < of_face[name] < of_voice[name] < 1
    assert of_face["total_variation"] == pytest.approx(0.2664, abs=5e-5)
    assert np.isinf(of_face["kullback_leibler"])  # a label that nobody of one group chose


def test_judges_who_are_not_there_are_named(votes: Loaded) -> None:
    with pytest.raises(InputError, match="'nobody' judged none"):
        Raters(SCALE, "nobody").read(votes["all"][:3])
