"""What the trainer writes on cards comes from the protocols that `affectus evaluate` uses."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affectus.card import CheckpointCard, Measured
from affectus.corpora.base import Loaded, corpus, with_gold
from affectus.errors import CheckpointError
from affectus.evaluation.evaluate import evaluate
from affectus.evaluation.metrics import pearson
from affectus.evaluation.protocols import Reads
from affectus.readout import Readout, read_out
from affectus.registry import SHIPPED
from affectus.sample import Sample
from affectus.taxonomy import Target
from affectus.training.measuring import OPTIMISTIC, measure_watched, protocols_of


class Told:
    """Reads numbers that were given before, by sample."""

    name = "told"

    def __init__(self, logits: dict[str, np.ndarray], *readouts: Readout) -> None:
        self.told, self.readouts = logits, readouts

    def logits(self, samples):
        rows = [int(s.id) for s in samples]
        return {name: values[rows] for name, values in self.told.items()}

    def read(self, samples):
        return read_out([s.span for s in samples], self.logits(samples), self.readouts, by=self.name, modality="text")


def loaded(of: str, gold: dict[str, np.ndarray], perspective: str = "perceived", **about) -> Loaded:
    n = len(next(iter(gold.values())))
    rows = [Sample(id=f"{i}", source="s", text=f"{i}", groups={"author": f"{i // 2}"}) for i in range(n)]
    rows = with_gold(rows, gold, perspective=perspective, by="judges", modality="text")
    return Loaded(replace(corpus(of), **about), {"dev": rows})


@pytest.fixture
def tweets() -> tuple[Told, Loaded]:
    rng = np.random.default_rng(0)
    gold = np.eye(4)[rng.integers(0, 4, 60)]
    readout = Readout("tweeteval-emotion-4", "perceived", quantile=0.8)
    return Told({"tweeteval-emotion-4": rng.normal(size=(60, 4)) + gold}, readout), loaded(
        "tweeteval-emotion", {"tweeteval-emotion-4": gold}
    )


def test_a_card_has_the_figures_of_the_evaluation_and_says_by_which_protocol(tweets) -> None:
    reader, rows = tweets
    found = measure_watched(reader, [rows], "dev", resamples=50)
    result = evaluate(reader, rows, split="dev", also=("brier", "set_coverage"), resamples=50).result
    by_title = {f.metric: f for f in found.figures}
    for key, title in {"macro_f1": "macro-F1", "brier": "Brier score", "set_coverage": "conformal coverage"}.items():
        value, figure = result.metrics[key], by_title[title]
        assert (value.value, value.low, value.high, value.n) == (figure.value, figure.low, figure.high, figure.n)
        assert figure.protocol == result.protocol.title == "tweeteval-emotion/official"
    assert by_title["ECE of the top label"].low is None
    assert [f.metric for f in found.figures if f.headline] == ["macro-F1"]
    assert found.figures[0].split == f"dev ({OPTIMISTIC})"
    assert "split 'dev'" in found.protocols["tweeteval-emotion/official"]
    assert "Barbieri" in found.protocols["tweeteval-emotion/official"]
    assert len(found.limits) == 1


def test_scales_that_no_protocol_compares_are_measured_as_labelled() -> None:
    rng = np.random.default_rng(1)
    values = rng.uniform(-0.5, 0.5, (40, 1))
    near = np.clip(values + rng.normal(0, 0.1, values.shape), -1, 1)
    classes = np.eye(2)[rng.integers(0, 2, 40)]
    targets = (Target("valence", "perceived"), Target("hidden-2", "perceived"))
    readouts = Readout("valence", "perceived", margin=(0.2,)), Readout("hidden-2", "perceived")
    reader = Told({"valence": near, "hidden-2": rng.normal(size=(40, 2))}, *readouts)
    rows = loaded("semeval2018-vreg", {"valence": values, "hidden-2": classes}, targets=targets, group="author")
    first, second = protocols_of(rows.corpus, Reads.of(reader))
    assert (first.title, second.title) == ("semeval2018-vreg/official", "semeval2018-vreg/as-labelled")
    found = {f.metric: f for f in measure_watched(reader, [rows], "dev", resamples=50).figures}
    inside = np.abs(values - np.clip(near, -1, 1)) <= 0.2
    assert found["conformal coverage"].value == pytest.approx(inside.mean())
    assert found["Pearson's r"].value == pytest.approx(pearson(values[:, 0], near[:, 0]), abs=1e-6)
    assert found["AUC of hidden"].protocol == "semeval2018-vreg/as-labelled"
    assert "20 groups" in found["AUC of hidden"].interval
    assert "precision at 0.5 of hidden" in found


def test_what_cannot_be_measured_stands_among_the_limits(tweets) -> None:
    reader, _ = tweets
    alike = loaded("tweeteval-emotion", {"tweeteval-emotion-4": np.tile(np.eye(4)[1], (5, 1))})
    found = measure_watched(reader, [alike], "dev")
    assert found.figures == ()
    assert "all 5 compared rows" in found.limits[0]


@pytest.mark.parametrize("folder", sorted(p.parent for p in SHIPPED.glob("*/card.json")), ids=lambda p: p.name)
def test_every_figure_of_a_shipped_card_has_a_protocol_that_the_card_explains(folder: Path) -> None:
    card = CheckpointCard.load(folder)
    assert {f.protocol for f in card.figures} == set(card.protocols)
    assert all(len(told) > 30 for told in card.protocols.values())
    assert (folder / "README.md").read_text(encoding="utf-8") == card.markdown()


def test_a_figure_without_a_protocol_cannot_be_made_but_an_old_card_is_read(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="protocol"):
        Measured(metric="macro-F1", value=0.5, data="x", split="test", n=1)
    source = next(SHIPPED.glob("*/card.json")).parent
    card = CheckpointCard.load(source)
    card.save(tmp_path)
    text = (tmp_path / "card.json").read_text(encoding="utf-8")
    for name in card.protocols:
        text = text.replace(f'   "protocol": "{name}",\n', "")
    (tmp_path / "card.json").write_text(text, encoding="utf-8")
    assert {f.protocol for f in CheckpointCard.load(tmp_path).figures} == {"not recorded"}
    (tmp_path / "card.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CheckpointError):
        CheckpointCard.load(tmp_path)
