"""EPITOME: the equations recomputed, whom a turn answers, and rationales in the words of the response."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from affectus.affect import Evidence
from affectus.backbones import Backbone
from affectus.corpora.base import Judgement, one_hot, with_judgements
from affectus.errors import ConfigError
from affectus.registry import build
from affectus.sample import Dialogue, Sample
from affectus.systems.epitome import RATIONALE, Epitome
from affectus.taxonomy import Target

REACTIONS, MEANING, ASKING = (
    "epitome-emotional-reactions", "epitome-interpretations", "epitome-explorations",
)  # fmt: skip


def talk(*said: tuple[str | None, str], name: str = "talk") -> Dialogue:
    turns = [Sample(id=f"{name}-{i}", source=name, item=i, text=text, track=who) for i, (who, text) in enumerate(said)]
    return Dialogue(tuple(turns), id=name)


PAIR = talk(("ann", "my fish left"), ("bob", "oh no, poor fish"))
LONGER = talk(("ann", "it is dark"), ("bob", "is it so"), ("ann", "yes"), ("bob", "light a lamp, will you"), name="b")


def tiny(**changes: object) -> Epitome:
    torch.manual_seed(0)
    return build("epitome/tiny", **changes).eval()


def rated(dialogue: Dialogue, level: str, *quotes: str) -> Dialogue:
    """The last turn with one level on each scale and what shows the emotional reaction."""
    evidence = [[Evidence(REACTIONS, text=quote) for quote in quotes]]
    scores = {name: one_hot([[level]], name) for name in (REACTIONS, MEANING, ASKING)}
    (last,) = with_judgements(
        dialogue.turns[-1:], [Judgement(scores, "perceived", "people", evidence)], modality="text"
    )
    return replace(dialogue, turns=(*dialogue.turns[:-1], last))


# -- equations ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("pooling", ["first", "mean"])
@torch.no_grad()
def test_the_whole_forward_is_that_of_the_equations(pooling: str) -> None:
    """In float64: h + softmax(QKᵀ/√d)V W, then a dense layer on the pooled state, and a linear one on every token."""
    system = tiny(pooling=pooling).double()
    inputs = system.collate([PAIR, LONGER]).to("cpu").inputs
    found = system(**inputs)
    w = {name: value.numpy() for name, value in system.state_dict().items()}

    def states(encoder: torch.nn.Module, ids: str, valid: str) -> np.ndarray:
        return encoder(input_ids=inputs[ids], attention_mask=inputs[valid].long()).last_hidden_state.numpy()

    response, post = states(system.backbone, "ids", "valid"), states(system.post, "post_ids", "post_valid")
    seen, content = inputs["post_valid"].numpy(), inputs["content"].numpy()
    width = response.shape[-1]
    for name in (REACTIONS, MEANING, ASKING):
        own = f"mechanisms.{name}."
        (wq, wk, wv), (bq, bk, bv) = (
            np.split(w[f"{own}attention.in_proj_{part}"], 3) for part in ("weight", "bias")
        )  # fmt: skip
        for row in range(len(response)):
            h, s = response[row], post[row][seen[row]]
            logits = (h @ wq.T + bq) @ (s @ wk.T + bk).T / np.sqrt(width)
            share = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
            context = share @ (s @ wv.T + bv)
            h = h + context @ w[f"{own}attention.out_proj.weight"].T + w[f"{own}attention.out_proj.bias"]
            whole = h[0] if pooling == "first" else h[content[row]].mean(0)
            dense = np.maximum(whole @ w[f"{own}dense.weight"].T + w[f"{own}dense.bias"], 0)
            level = dense @ w[f"{own}level.weight"].T + w[f"{own}level.bias"]
            words = h @ w[f"{own}rationale.weight"][0] + w[f"{own}rationale.bias"]
            np.testing.assert_allclose(found[name][row], level, atol=1e-9)
            np.testing.assert_allclose(found[name + RATIONALE][row], words, atol=1e-9)


@torch.no_grad()
def test_the_loss_is_the_weighted_sum_of_both_cross_entropies() -> None:
    weights = torch.tensor([0.5, 2.0, 3.0])
    system = tiny(level_weight=0.7, rationale_weight=0.2, weights={REACTIONS: tuple(weights.tolist())})
    batch = system.collate([rated(PAIR, "weak", "poor"), rated(LONGER, "none")]).to("cpu")
    outputs = system(**batch.inputs)
    terms = system.loss(outputs, batch)
    gold = batch.targets[REACTIONS].argmax(1)
    rows = torch.isfinite(batch.targets[REACTIONS]).all(1)
    levels = -outputs[REACTIONS][rows].log_softmax(1).gather(1, gold[rows][:, None])
    levels = levels[:, 0] * weights[gold[rows]]
    assert float(terms[REACTIONS]) == pytest.approx(0.7 * float(levels.mean()), rel=1e-5)
    plain = tiny(level_weight=0.7).loss(outputs, batch)
    assert float(plain[REACTIONS]) != pytest.approx(float(terms[REACTIONS]), rel=0.01)
    assert plain[MEANING] == terms[MEANING]
    marked = batch.targets[REACTIONS + RATIONALE]
    p, known = outputs[REACTIONS + RATIONALE].sigmoid(), torch.isfinite(marked)
    each = -torch.where(marked > 0, p.log(), (1 - p).log())[known]
    assert float(terms[REACTIONS + RATIONALE]) == pytest.approx(0.2 * float(each.mean()), rel=1e-5)
    assert set(terms) == {n + end for n in (REACTIONS, MEANING, ASKING) for end in ("", RATIONALE)}


# -- what is read ------------------------------------------------------------------------------------------------------
def test_a_turn_answers_the_last_that_another_said() -> None:
    read = tiny().read([LONGER, talk(("ann", "one"), ("ann", "two"), ("bob", "three"), name="c")])
    blank = np.isnan(read.scores(REACTIONS)).all(1)
    assert blank.tolist() == [True, False, False, False, True, True, False]
    assert [("nothing-before" in affect.flags) for affect in read] == blank.tolist()
    first, second = (talk(("ann", text), ("ann", "two"), ("bob", "three"), name="d") for text in ("one", "other"))
    system = tiny()
    np.testing.assert_array_equal(system.read([first]).scores(MEANING)[2], system.read([second]).scores(MEANING)[2])


def test_the_post_counts_unless_it_is_left_out() -> None:
    other = replace(PAIR, turns=(replace(PAIR.turns[0], text="we won the cup"), PAIR.turns[1]))
    seeing, blind = tiny(), tiny(seeker=False)
    a, b = (seeing.read([item]).scores(ASKING)[1] for item in (PAIR, other))
    assert np.abs(a - b).max() > 1e-6
    a, b = (blind.read([item]).scores(ASKING)[1] for item in (PAIR, other))
    np.testing.assert_array_equal(a, b)


def test_what_is_cut_or_empty_is_flagged() -> None:
    long = "poor fish " * 30
    read = tiny().read([talk(("ann", ""), ("bob", long)), talk(("ann", long), ("bob", " "), name="e")])
    flags = [affect.flags for affect in read]
    assert flags[1] == ("truncated", "empty-post")
    assert "empty" in flags[3]
    assert np.isnan(read.scores(REACTIONS)[3]).all()


def test_gold_rationales_are_the_tokens_that_are_quoted() -> None:
    system = tiny()
    batch = system.collate([rated(PAIR, "strong", "oh no", "fish", "unsaid")])
    (marked,) = batch.targets[REACTIONS + RATIONALE]
    content = batch.inputs["content"][0]
    text = "oh no, poor fish"  # a token is a letter here
    assert "".join(c for c, on in zip(text, marked[content], strict=True) if on) == "oh nofish"
    assert np.isnan(marked[~content]).all()
    assert np.isnan(batch.targets[MEANING + RATIONALE]).all()  # strong, and nobody said by which words
    nothing = system.collate([rated(PAIR, "none")]).targets[REACTIONS + RATIONALE][0]
    assert nothing[content].tolist() == [0] * len(text)


def test_runs_of_likely_tokens_are_told_as_evidence() -> None:
    system = tiny()
    batch = system.collate([PAIR])
    outputs = {name: value.detach().numpy() for name, value in system(**batch.to("cpu").inputs).items()}
    for name in (REACTIONS, MEANING, ASKING):
        outputs[name + RATIONALE][:] = -9.0
    outputs[REACTIONS + RATIONALE][0, 1:6] = 9.0  # the first token is no letter
    outputs[REACTIONS + RATIONALE][0, 13:17] = 0.1
    _, evidence = system.rationales(outputs, batch)
    assert [(e.kind, e.text) for e in evidence] == [(REACTIONS, "oh no"), (REACTIONS, "fish")]
    assert evidence[0].weight == pytest.approx(1, abs=1e-3)


def test_a_text_that_answers_nobody_has_no_scores() -> None:
    (row,) = tiny().read(["Hello."])
    assert (row.flags, row.top) == (("nothing-before",), None)


def test_what_is_no_configuration() -> None:
    with pytest.raises(ConfigError, match="one-of"):
        build("epitome/tiny", targets=(Target("valence", "perceived"),))
    with pytest.raises(ConfigError, match="one-of"):
        build("epitome/tiny", targets=())
    for weights in ({REACTIONS: (1.0, 1.0)}, {"valence": (1.0,)}):
        with pytest.raises(ConfigError, match="one for each level of a target"):
            build("epitome/tiny", weights=weights)


def test_the_posts_encoder_is_never_trained_nor_stored() -> None:
    system = tiny()
    assert not any(p.requires_grad for p in system.post.parameters())
    assert not any(name.startswith("post.") for name in system.owned())
    frozen = tiny(backbone=Backbone(name="tiny:bert", train=False))
    assert not any(name.startswith("backbone.") for name in frozen.owned())
