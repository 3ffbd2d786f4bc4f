import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus.errors import ConfigError
from affectus.nn.losses import loss_on
from affectus.registry import build
from affectus.sample import Sample
from affectus.taxonomy import Target

SYSTEM = build("text-classifier/tiny").eval()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=5))
def test_bias_and_token_summands_are_the_logit(texts: list[str]) -> None:
    batch = SYSTEM.collate([Sample(id=str(i), text=text) for i, text in enumerate(texts)]).to("cpu")
    with torch.no_grad():
        out = SYSTEM(**batch.inputs)
    total = SYSTEM.heads["goemotions-28"].bias + out["goemotions-28.tokens"].sum(1)
    assert torch.allclose(total, out["goemotions-28"], atol=1e-5)
    outside = out["goemotions-28.tokens"][~batch.inputs["content"]]
    assert (outside == 0).all()


def test_evidence_of_all_words_adds_up_to_the_log_odds() -> None:
    text = "three short words"
    reading = SYSTEM.read([text])[0]
    bias = SYSTEM.heads["goemotions-28"].bias.detach().numpy()
    top = list(reading.scores["goemotions-28"]).index(reading.top)
    p = reading.scores["goemotions-28"][reading.top]
    assert [e.text for e in reading.evidence] == text.split()
    assert bias[top] + sum(e.weight for e in reading.evidence) == pytest.approx(np.log(p / (1 - p)), abs=1e-4)


def test_a_long_text_is_read_whole() -> None:
    """Both ends of a text of several windows move its reading; a truncating reader would see one of them."""
    long = "word " * 60
    base = SYSTEM.read([long]).scores("goemotions-28")
    assert "truncated" not in SYSTEM.read([long])[0].flags
    for changed in ("fury " + long, long + " fury"):
        assert np.abs(SYSTEM.read([changed]).scores("goemotions-28") - base).max() > 1e-5


def test_losses_by_kind() -> None:
    logits = torch.tensor([[2.0, -1.0], [0.5, 0.5]])
    gold = torch.tensor([[1.0, 0.0], [float("nan"), float("nan")]])
    p = torch.sigmoid(logits[0])
    assert loss_on(logits, gold, "any-of").item() == pytest.approx(
        float(-(p[0].log() + (1 - p[1]).log()) / 2), rel=1e-5
    )
    assert loss_on(logits, gold, "one-of").item() == pytest.approx(float(-torch.log_softmax(logits[0], 0)[0]), rel=1e-5)
    assert loss_on(logits, gold, "level").item() == pytest.approx(1.0)  # (1² + 1²) / 2
    assert loss_on(logits, torch.full_like(gold, float("nan")), "one-of").item() == 0


def test_a_scale_that_cannot_be_derived_is_told_before_the_training() -> None:
    targets = (Target("empathetic-dialogues-32", "felt"),)
    with pytest.raises(ConfigError, match=r"'valence-arousal', which can't be computed from 'empathetic-dialogues-32'"):
        build("text-classifier/tiny", targets=targets, derived=("valence-arousal",))


def test_several_targets_and_none() -> None:
    targets = (Target("meld-7", "perceived"), Target("valence", "perceived"))
    system = build("text-classifier/tiny", targets=targets, derived=("ekman-6",))
    timeline = system.read(["well done"])
    assert {s.name for s in timeline.scales} == {"meld-7", "valence", "ekman-6"}
    with pytest.raises(ConfigError, match="no targets"):
        build("text-classifier/tiny", targets=())
    batch = system.collate([Sample(id="a", text="no gold")])
    with pytest.raises(ConfigError, match="gold for none"):
        system.loss(system(**batch.to("cpu").inputs), batch)
