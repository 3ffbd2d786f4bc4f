"""Broad Mamba: what its formulas promise, and what must hold of any dialogue reader."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from affectus import build
from affectus.corpora.base import with_gold
from affectus.errors import ConfigError, InputError
from affectus.sample import Dialogue, Item, Sample
from affectus.systems.broad_mamba import BroadMamba, BroadRidge, divergence, guidance
from affectus.testing.learning import share_wrong

WIDTHS = {"text": 12, "audio": 8, "visual": 4}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def made(**changes: Any) -> BroadMamba:
    """A small network on ready-made features, in evaluation mode."""
    system = build("broad-mamba/tiny", **{"backbone": "", "widths": WIDTHS, **changes})
    assert isinstance(system, BroadMamba)
    return system.eval()


def talk(turns: int, seed: int = 0, missing: dict[str, list[int]] | None = None, people: int = 2) -> Dialogue:
    """A dialogue of random features with gold; `missing` names the turns that lack a modality."""
    rng = np.random.default_rng(seed)
    samples = []
    for i in range(turns):
        given = {name: rng.standard_normal(width).astype(np.float32) for name, width in WIDTHS.items()}
        kept = {name: x for name, x in given.items() if i not in (missing or {}).get(name, [])}
        samples.append(Sample(id=f"{seed}-{i}", source=f"talk-{seed}", item=i, track=f"p{i % people}", features=kept))
    gold = np.eye(7, dtype=np.float32)[rng.integers(0, 7, turns)]
    judged = with_gold(samples, {"meld-7": gold}, perspective="perceived", by="made", modality="dialogue")
    return Dialogue(tuple(judged), id=f"talk-{seed}")


def outputs(system: BroadMamba, *items: Item) -> dict[str, np.ndarray]:
    """All that the network gives for the turns of some dialogues read together."""
    ((found, _),) = system.run(list(items), len(items))
    return found


def same(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, atol=1e-5, err_msg=name)


# -- fusion ------------------------------------------------------------------------------------------------------------
def test_weights_of_the_fusion() -> None:
    k = 5
    log_p = torch.randn(40, 3, k).mul(2).log_softmax(-1)
    there = torch.rand(40, 3) > 0.3
    weights = guidance(log_p, there, 0.5)
    torch.testing.assert_close(weights.sum(1), there.any(1).float())
    assert not weights[~there].any()
    order = [2, 0, 1]
    torch.testing.assert_close(guidance(log_p[:, order], there[:, order], 0.5), weights[:, order])
    alone = torch.tensor([[False, True, False]])
    assert guidance(log_p[:1], alone, 0.5).tolist() == [[0.0, 1.0, 0.0]]
    assert not guidance(log_p[:1], ~alone & alone, 0.5).any()


def test_weights_are_those_of_the_formula() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.1, 0.1, 0.8]])
    confidence = 1 + (p * np.log(p)).sum(1) / np.log(3)
    alike = np.sqrt(p[:, None] * p[None]).sum(-1)
    agreement = (alike.sum(1) - 1) / 2
    lifted = np.exp((confidence + agreement) / 0.5)
    found = guidance(torch.tensor(p).log()[None], torch.ones(1, 3, dtype=torch.bool), 0.5)
    np.testing.assert_allclose(found[0], lifted / lifted.sum())


def test_who_knows_nothing_and_agrees_with_nobody_counts_least() -> None:
    p = torch.tensor([[[0.98, 0.01, 0.01], [0.97, 0.02, 0.01], [1 / 3, 1 / 3, 1 / 3]]])
    weights = guidance(p.log(), torch.ones(1, 3, dtype=torch.bool), 0.5)[0]
    assert weights.argmin() == 2
    assert guidance(p.log(), torch.ones(1, 3, dtype=torch.bool), 0.1)[0, 2] < weights[2]


def test_divergence_is_none_where_all_agree_and_log_2_where_two_exclude_each_other() -> None:
    p = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]).clamp(min=1e-9)
    both = torch.ones(1, 2, dtype=torch.bool)
    torch.testing.assert_close(divergence(p.log(), both), torch.tensor(2.0).log())
    assert float(divergence(p[:, :1].expand(-1, 2, -1).log(), both)) == pytest.approx(0, abs=1e-7)
    assert float(divergence(p.log(), torch.tensor([[True, False]]))) == 0
    mixed = torch.cat([p, p])
    torch.testing.assert_close(
        divergence(mixed.log(), torch.tensor([[True, True], [True, False]])), torch.tensor(2.0).log()
    )


def test_weights_pass_no_gradient_to_the_labels_unless_asked() -> None:
    for asked in (False, True):
        system = made(guide_grad=asked)
        batch = system.collate([talk(4)]).to("cpu")
        system(**batch.inputs)["meld-7"].square().sum().backward()
        grad = system.guides["audio"].weight.grad
        assert (grad is not None and bool(grad.any())) == asked


# -- what must hold ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("changes", [{}, {"ssm": "lti"}, {"broad": "ridge"}, {"fusion": "concat"}, {"layers": 2}])
def test_padding_changes_nothing(changes: dict[str, Any]) -> None:
    system = made(**changes)
    items = [talk(n, n, {"audio": [0], "text": [n - 1]}) for n in (3, 1, 9)]
    alone = [outputs(system, item) for item in items]
    same(outputs(system, *items), {name: np.concatenate([one[name] for one in alone]) for name in alone[0]})


def test_names_of_speakers_change_nothing_but_who_is_who_does() -> None:
    system, item = made(), talk(6)
    torch.nn.init.normal_(system.speakers.weight)
    renamed = Dialogue(tuple(replace(t, track={"p0": "z", "p1": "a"}[t.track]) for t in item.turns))
    same(outputs(system, renamed), outputs(system, item))
    other = Dialogue(tuple(replace(t, track="p0") for t in item.turns))
    assert np.abs(outputs(system, other)["meld-7"] - outputs(system, item)["meld-7"]).max() > 1e-3


def test_other_turns_matter_and_in_past_mode_only_earlier_ones() -> None:
    whole, short = talk(6), Dialogue(talk(6).turns[:4])
    assert np.abs(outputs(made(), whole)["meld-7"][:4] - outputs(made(), short)["meld-7"]).max() > 1e-4
    for ssm in ("selective", "lti"):
        past = made(context="past", ssm=ssm)
        cut = {name: value[:4] for name, value in outputs(past, whole).items()}
        same(cut, outputs(past, short))
    alone = made(ssm="none")
    same({name: value[:4] for name, value in outputs(alone, whole).items()}, outputs(alone, short))


def test_a_modality_that_is_never_there_weighs_nothing() -> None:
    system = made()
    never = talk(5, missing={"visual": list(range(5))})
    first = outputs(system, never)
    assert not first["weights"][:, 2].any()
    np.testing.assert_allclose(first["weights"].sum(1), 1, rtol=1e-6)
    with torch.no_grad():
        for name, parameter in system.streams["visual"].named_parameters():
            if name != "blocks.0.norm_out.bias":
                parameter.normal_()
    np.testing.assert_array_equal(outputs(system, never)["meld-7"], first["meld-7"])


def test_a_turn_without_a_modality_passes_its_state_by() -> None:
    """What other modalities read, and what this one reads of the other turns, does not depend on its absence."""
    system = made(widths={"text": 12}, kernel=1)
    item = talk(6, missing={"text": [2, 3]})
    rest = Dialogue(tuple(turn for i, turn in enumerate(item.turns) if i not in (2, 3)))
    kept = outputs(system, item)["meld-7"][[0, 1, 4, 5]]
    np.testing.assert_allclose(kept, outputs(system, rest)["meld-7"], atol=1e-5)


def test_turns_with_nothing_to_read_are_flagged() -> None:
    system = made()
    item = talk(4, missing={name: [1] for name in WIDTHS})
    nameless = Dialogue(tuple(replace(turn, track="") if i == 2 else turn for i, turn in enumerate(item.turns)))
    reading = system.read([nameless])
    assert [list(a.flags) for a in reading] == [[], ["empty"], ["unknown-speaker"], []]
    scores = reading.scores("meld-7")
    assert np.isnan(scores[1]).all()
    assert np.isfinite(scores[[0, 2, 3]]).all()
    batch = system.collate([item]).to("cpu")
    losses = [system.loss(system(**batch.inputs), batch) for batch in (batch, batch._replace(targets={
        "meld-7": batch.targets["meld-7"].index_fill(0, torch.tensor([1]), float("nan"))
    }))]  # fmt: skip
    torch.testing.assert_close(*losses)


@pytest.mark.parametrize("names", ["text", "audio", "visual", "text audio", "audio visual", "text audio visual"])
def test_any_subset_of_modalities_is_read(names: str) -> None:
    system = made(widths={name: WIDTHS[name] for name in names.split()})
    found = outputs(system, talk(3))
    assert np.isfinite(found["meld-7"]).all()
    assert found["weights"].shape == (3, len(names.split()))


def test_one_turn_a_thousand_turns_and_forty_people() -> None:
    system = made()
    assert len(system.read([talk(1)])) == 1
    crowd = talk(1000, people=40)
    scores = system.read([crowd]).scores("meld-7")
    assert np.isfinite(scores).all()
    assert system.collate([crowd]).inputs["speaker"].max() == 40


def test_encoder_and_head_are_the_whole() -> None:
    system = build("broad-mamba/tiny").eval()
    turns = [Sample(id=f"{i}", source="t", item=i, text=f"line {i}" if i else "", track="ab"[i % 2]) for i in range(3)]
    batch = system.collate([Dialogue(tuple(turns)), Dialogue(tuple(turns[1:]))]).to("cpu")
    with torch.no_grad():
        whole, parted = system(**batch.inputs), system.head(**system.encode(**batch.inputs))
    torch.testing.assert_close(parted, whole)
    assert [flags for _, flags in batch.notes] == [("empty",), (), (), (), ()]


def test_the_size_is_within_the_budget() -> None:
    """The paper counts 1.73 M; the sizes that we chose give a little less."""
    system = build("broad-mamba/base")
    assert 1.2e6 < sum(p.numel() for p in system.parameters()) < 1.8e6


def test_wrong_configurations_and_features_are_named() -> None:
    with pytest.raises(ConfigError, match="no modality"):
        build("broad-mamba/tiny", backbone="")
    with pytest.raises(ConfigError, match="both a backbone and a width of text"):
        build("broad-mamba/tiny", widths={"text": 8})
    with pytest.raises(ConfigError, match="fusion 'concat'"):
        made(broad="ridge", fusion="concat")
    with pytest.raises(InputError, match=r"'audio' of '0-0' has shape \(8,\)"):
        outputs(made(widths={"audio": 10}), talk(2))
    with pytest.raises(ConfigError, match="broad is 'gradient'"):
        made().fit([])


# -- ridge mode --------------------------------------------------------------------------------------------------------
def test_in_ridge_mode_nodes_stay_and_labels_come_from_a_regression() -> None:
    system, items = made(broad="ridge"), [talk(8, seed) for seed in range(6)]
    nodes = {name: value.clone() for name, value in system.named_buffers() if ".nodes." in name}
    assert len(nodes) == 12
    batch = system.collate(items)
    before = outputs(system, *items)
    np.testing.assert_allclose(np.exp(before["guides"]), 1 / 7, rtol=1e-5)
    np.testing.assert_allclose(before["weights"], 1 / 3, rtol=1e-5)
    loss = system.loss(system(**batch.to("cpu").inputs), batch.to("cpu"))
    assert list(loss) == ["meld-7"]
    system.fit([batch])
    after = outputs(system, *items)
    gold = batch.targets["meld-7"].argmax(1)
    for i in range(3):
        assert (after["guides"][:, i].argmax(1) == gold).mean() > 0.5  # random features, learned by heart
    assert after["weights"].std() > 0.01
    assert all(torch.equal(value, dict(system.named_buffers())[name]) for name, value in nodes.items())


def test_the_regression_alone_is_a_classifier_of_turns() -> None:
    system = build("broad-mamba/tiny-ridge", backbone="", widths=WIDTHS, penalty=1e-2)
    assert isinstance(system, BroadRidge)
    rng = np.random.default_rng(0)
    items: list[Item] = []
    for seed in range(40):
        item = talk(5, seed, {"audio": [1]})
        labels = [int(t.judged("meld-7").argmax()) for t in item.turns]  # type: ignore[union-attr]
        turns = []
        for turn, label in zip(item.turns, labels, strict=True):
            signal = np.eye(12, dtype=np.float32)[label] * 3 + 0.1 * rng.standard_normal(12).astype(np.float32)
            turns.append(replace(turn, features={**turn.features, "text": signal}))
        items.append(Dialogue(tuple(turns), id=item.id))
    system.fit([system.collate(items[:15]), system.collate(items[15:30])])
    assert share_wrong(system, items[30:]) < 0.1
    rough = system.readout.weights.clone()
    refined = build("broad-mamba/tiny-ridge", backbone="", widths=WIDTHS, penalty=1e-2, sparse=1e-3)
    refined.fit([system.collate(items[:30])])
    assert share_wrong(refined, items[30:]) < 0.1
    assert not torch.equal(refined.readout.weights, rough)
