from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
from sklearn.metrics import precision_score, recall_score, roc_auc_score
from transformers import BertConfig, BertForSequenceClassification

from affectus.corpora.base import Loaded, corpus, with_gold
from affectus.errors import ConfigError, FileError, InputError, ScaleError, UnknownName
from affectus.evaluation import METRICS, auc
from affectus.evaluation.evaluate import evaluate
from affectus.readout import read_out
from affectus.registry import build, load
from affectus.sample import Sample
from affectus.systems.hidden_anger import (
    HiddenAngerLstmConfig,
    Ratings,
    classes,
    four_way,
    gap,
    label,
    ratings,
    rollout,
    vocabulary,
    weighted_cross_entropy,
    with_vectors,
)
from affectus.taxonomy import Scale, Target, register_scale, scale
from affectus.testing import FAST, run_check
from affectus.timeline import Timeline, align
from affectus.training.sampling import balanced

EMOTIONS = scale("wrime-8").labels
HIDDEN = Target("hidden-2", "felt")
SYSTEM = build("hidden-anger/tiny").eval()


def post(number: int, writer: int, readers: tuple[int, ...], emotion: str = "anger", text: str = "a post") -> Sample:
    """A post with gold as WRIME has it: rows of the writer, of each reader and of their rounded average."""
    rows = {"writer": writer, **{f"reader {i}": r for i, r in enumerate(readers, 1)}}
    rows["reader average"] = round(Fraction(sum(readers), len(readers)))
    parts = []
    for by, points in rows.items():
        scores = np.zeros((1, 8), np.float32)
        scores[0, EMOTIONS.index(emotion)] = points
        of = "felt" if by == "writer" else "perceived"
        span = ("wrime", "user", number)
        parts.append(Timeline.build([span], {"wrime-8": scores}, perspective=of, by=by, modality="text"))
    return Sample(id=str(number), source="wrime", track="user", item=number, text=text, gold=Timeline.concat(parts))


# -- rules -------------------------------------------------------------------------------------------------------------
def test_gap_needs_more_than_one_point() -> None:
    writer, average = np.array([0, 1, 2, 3, 3, 3, 0, 0]), np.array([0, 0, 0, 2, 1, 0, 2, 1])
    assert gap(writer, average).tolist() == [False, False, True, False, True, True, False, False]
    assert gap(average, writer).tolist() == [False] * 6 + [True, False]


def test_four_way_against_exact_fractions() -> None:
    """All 256 combinations of a writer and three readers, with mean and variance as exact fractions."""
    every = np.array(list(product(range(4), repeat=4)))
    for (w, *r), found in zip(every.tolist(), four_way(every[:, 0], every[:, 1:]), strict=True):
        mean = Fraction(sum(r), 3)
        variance = sum((x - mean) ** 2 for x in r) / 2
        wanted = 0 if variance >= 1 else 1 if abs(w - mean) <= 1 else 2 if w > mean else 3
        assert found == wanted, (w, r)


@pytest.mark.parametrize(
    ("writer", "readers", "wanted"),
    [
        (3, (2, 2, 2), 1),  # exactly one point above
        (3, (1, 2, 2), 2),  # 4/3 above, s = 0.577
        (3, (1, 2, 3), 0),  # s is exactly 1
        (0, (1, 1, 1), 1),
        (0, (1, 1, 2), 3),
        (2, (0, 0, 3), 0),  # s = 1.732
    ],
)
def test_four_way_on_the_borders(writer: int, readers: tuple[int, ...], wanted: int) -> None:
    assert four_way(np.array([writer]), np.array([readers])).tolist() == [wanted]


def test_four_way_refuses_what_it_would_misread() -> None:
    with pytest.raises(InputError, match="whole points"):
        four_way(np.array([1.5]), np.array([[1, 1, 1]]))
    with pytest.raises(InputError, match="2 or more"):
        four_way(np.array([1]), np.array([[1]]))


def test_every_target_of_the_rules() -> None:
    found = Ratings(
        np.array([3, 0, 1, np.nan]), np.array([[0, 0, 1], [2, 2, 2], [0, 2, 3], [1, 1, 1]]), np.array([0, 2, 2, 1])
    )

    def of(name: str, perspective: str = "felt", rule: str = "four-way") -> list[float]:
        return classes(found, Target(name, perspective), rule)[:3].tolist()

    assert of("hidden-4") == [2, 3, 0]
    assert of("hidden-2") == of("hidden-2", rule="gap") == [1, 0, 0]
    assert of("overread-2") == of("overread-2", rule="gap") == [0, 1, 0]
    assert of("intensity-4") == [3, 0, 1]
    assert of("intensity-4", "perceived") == [0, 2, 2]
    assert of("strong-2") == [1, 0, 0]
    assert of("strong-2", "perceived") == [0, 1, 1]
    for name, rule in product(("hidden-2", "intensity-4", "strong-2"), ("gap", "four-way")):
        assert np.isnan(classes(found, Target(name, "felt"), rule)[3]), "a missing rating is no class"
    with pytest.raises(ConfigError, match="gives no labels on 'hidden-4'"):
        classes(found, Target("hidden-4", "felt"), "gap")
    with pytest.raises(ConfigError, match="evoked"):
        classes(found, Target("strong-2", "evoked"), "gap")


# -- from gold to labels -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("emotion", EMOTIONS)
def test_labels_of_any_emotion(emotion: str) -> None:
    posts = [post(0, 3, (0, 1, 0), emotion), post(1, 3, (2, 2, 3), emotion), post(2, 0, (3, 3, 3), emotion)]
    labelled = label(posts, [HIDDEN], emotion, "gap")
    assert [s.gold.scores("hidden-2")[0].argmax() for s in labelled] == [1, 0, 0]
    over = label(posts, [Target("overread-2", "felt")], emotion, "four-way")
    assert [s.gold.scores("overread-2")[0].argmax() for s in over] == [0, 0, 1]
    other = next(e for e in EMOTIONS if e != emotion)
    assert all(s.gold.scores("hidden-2")[0].argmax() == 0 for s in label(posts, [HIDDEN], other, "gap"))


def test_ratings_are_joined_across_perspectives_by_name() -> None:
    posts = [post(i, i % 4, (0, i % 3, 2)) for i in range(12)]
    found = ratings(posts, "anger")
    assert found.writer.tolist() == [i % 4 for i in range(12)]
    assert found.readers.tolist() == [[0, i % 3, 2] for i in range(12)]
    assert found.average.tolist() == [round((i % 3 + 2) / 3) for i in range(12)]
    gold = Timeline.concat([s.gold for s in posts])
    with pytest.raises(ScaleError, match="different perspectives"):
        align(gold.where(perspective="felt"), gold.where(perspective="perceived"))


def test_without_the_average_the_mean_is_rounded() -> None:
    whole = [post(0, 3, (0, 1, 1)), post(1, 3, (2, 1, 1))]
    bare = [replace(s, gold=s.gold[np.array([by != "reader average" for by in s.gold.column("by")])]) for s in whole]
    assert ratings(bare, "anger").average.tolist() == [1, 1]


def test_incomplete_gold() -> None:
    complete = post(0, 3, (0, 0, 0))
    alone = replace(post(1, 3, (0, 0, 0)), gold=post(1, 3, (0, 0, 0)).gold.where(perspective="felt"))
    assert np.isnan(label([complete, alone], [HIDDEN], "anger", "gap")[1].gold.scores("hidden-2")).all()
    with pytest.raises(InputError, match="0 of readers"):
        label([alone], [HIDDEN], "anger", "gap")
    with pytest.raises(UnknownName, match="anger"):
        label([complete], [HIDDEN], "angre", "gap")
    done = label([complete], [HIDDEN], "anger", "gap")
    assert label(done, [HIDDEN], "anger", "gap") == done, "gold on the scale stays as it is"


# -- detector ----------------------------------------------------------------------------------------------------------
def test_same_weights_same_logits_as_transformers() -> None:
    official = BertForSequenceClassification(BertConfig(**{**SYSTEM.backbone.config.to_dict(), "num_labels": 2})).eval()
    official.bert.load_state_dict(
        {**SYSTEM.backbone.state_dict(), **{f"pooler.{k}": v for k, v in SYSTEM.pooler.state_dict().items()}}
    )
    official.classifier.load_state_dict(SYSTEM.classifier.state_dict())
    batch = SYSTEM.collate([Sample(id="a", text="short"), Sample(id="b", text="a much longer post")]).to("cpu")
    with torch.no_grad():
        ours = SYSTEM(**batch.inputs)["hidden-2"]
        theirs = official(input_ids=batch.inputs["ids"], attention_mask=batch.inputs["valid"].long()).logits
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


def test_sizes_of_the_published_japanese_bert() -> None:
    """Counted from its configuration: embeddings 24,972,288, layers 12 × 7,087,872, pooler 590,592; then the head."""
    with torch.device("meta"):
        system = build("hidden-anger/base")
    assert sum(p.numel() for p in system.parameters()) == 24_972_288 + 12 * 7_087_872 + 590_592 + 768 * 2 + 2
    assert system.backbone.embeddings.word_embeddings.weight.shape == (32_000, 768)


def test_the_pooler_comes_from_the_pretrained_encoder() -> None:
    from affectus import backbones

    given = backbones.text_encoder("tiny:bert").pooler.dense.weight
    torch.testing.assert_close(build("hidden-anger/tiny").pooler.dense.weight, given)


def test_head_by_hand() -> None:
    state = torch.randn(3, 32)
    with torch.no_grad():
        found = SYSTEM.head(state)["hidden-2"].numpy()
    w = {k: v.numpy().astype(np.float64) for k, v in SYSTEM.state_dict().items() if not k.startswith("backbone")}
    pooled = np.tanh(state.numpy() @ w["pooler.dense.weight"].T + w["pooler.dense.bias"])
    np.testing.assert_allclose(found, pooled @ w["classifier.weight"].T + w["classifier.bias"], atol=1e-6)


def test_loss_by_hand() -> None:
    logits = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])
    gold = torch.tensor([[1.0, 0.0], [1.0, 0.0], [float("nan")] * 2])
    weights = torch.tensor([1 / 9, 1 / 1])
    log_p = torch.log_softmax(logits, 1)
    assert weighted_cross_entropy(logits, gold, weights).item() == pytest.approx(float(-log_p[:2, 0].mean()))
    gold[1] = torch.tensor([0.0, 1.0])
    wanted = -(log_p[0, 0] / 9 + log_p[1, 1]) / (1 / 9 + 1)
    assert weighted_cross_entropy(logits, gold, weights).item() == pytest.approx(wanted.item())
    assert weighted_cross_entropy(logits, torch.full((3, 2), float("nan")), weights).item() == 0


def test_double_balance_weighs_by_the_counts_of_the_training_data() -> None:
    posts = label([post(i, 3 if i == 0 else 0, (0, 0, 0)) for i in range(10)], [HIDDEN], "anger", "gap")
    single, double = (build("hidden-anger/tiny", compat=c).eval() for c in ((), ("double-balance",)))
    double.load_state_dict(single.state_dict())
    batch = single.collate(posts).to("cpu")
    outputs = single(**batch.inputs)
    for system in (single, double):
        system.prepare(posts)
        assert system.class_counts.tolist() == [9, 1]
    log_p = torch.log_softmax(outputs["hidden-2"], 1)
    nll = -torch.where(batch.targets["hidden-2"] > 0, log_p, 0).sum(1)
    assert single.loss(outputs, batch)["hidden-2"].item() == pytest.approx(nll.mean().item())
    assert double.loss(outputs, batch)["hidden-2"].item() == pytest.approx(((nll[0] + nll[1:].mean()) / 2).item())
    with pytest.raises(InputError, match="no training sample is hidden"):
        single.prepare(posts[1:])


def test_ranking_by_probability_or_by_the_official_logit() -> None:
    texts = ["one", "another post", "", "a third"]
    logits = SYSTEM.logits(texts)["hidden-2"]
    p = np.exp(logits[:, 1]) / np.exp(logits).sum(1)
    np.testing.assert_allclose(SYSTEM.rank(texts), p, rtol=1e-5)
    raw = build("hidden-anger/tiny", compat=("raw-logit",)).eval()
    raw.load_state_dict(SYSTEM.state_dict())
    np.testing.assert_array_equal(raw.rank(texts), logits[:, 1])
    assert np.isnan(raw.rank(texts)).tolist() == [False, False, True, False]
    four = build("hidden-anger/tiny", targets=(Target("hidden-4", "felt"),), rule="four-way").eval()
    np.testing.assert_allclose(four.rank(["x"]), four.read(["x"]).scores("hidden-4")[:, 2], rtol=1e-6)


def test_labels_of_a_table_in_any_order() -> None:
    register_scale(Scale("posts-label", ("hidden", "open"), "one-of"))
    system = build("hidden-anger/tiny", targets=(Target("posts-label", "felt"),)).eval()
    np.testing.assert_allclose(system.rank(["x"]), system.read(["x"]).scores("posts-label")[:, 0], rtol=1e-6)


def test_detected_are_those_of_which_hidden_is_likelier() -> None:
    timeline = SYSTEM.read(["one", "another post"])
    for affect in timeline:
        assert affect.perspective == "felt"
        p = affect.scores["hidden-2"]
        assert affect.decided["hidden-2"] == (max(p, key=p.get),)


def test_literal_line_breaks_and_long_posts() -> None:
    tokens = SYSTEM.collate.encode([Sample(id="a", text="up\\nset")])[0]
    assert tokens.text == "up set"
    np.testing.assert_array_equal(SYSTEM.rank(["up\\nset"]), SYSTEM.rank(["up set"]))
    long = "word " * 60
    assert SYSTEM.read([long])[0].flags == ("truncated",)
    np.testing.assert_array_equal(SYSTEM.rank([long]), SYSTEM.rank([long + "more"]))


def test_configurations_that_do_not_fit() -> None:
    with pytest.raises(ConfigError, match="0 targets"):
        build("hidden-anger/tiny", targets=())
    with pytest.raises(ConfigError, match="gives no labels on 'hidden-4'"):
        build("hidden-anger/tiny", targets=(Target("hidden-4", "felt"),))
    with pytest.raises(ConfigError, match="'wrime-8' is level"):
        build("hidden-anger/tiny", targets=(Target("wrime-8", "felt"),))
    batch = SYSTEM.collate([Sample(id="a", text="x")]).to("cpu")
    outputs = SYSTEM(**batch.inputs)
    with pytest.raises(ConfigError, match="no gold on 'hidden-2'"):
        SYSTEM.loss(outputs, batch)


def test_a_frozen_encoder_gives_the_same_in_training() -> None:
    system = build("hidden-anger/tiny")
    system.backbone.requires_grad_(False)
    batch = system.collate([Sample(id="a", text="x")]).to("cpu")
    system.train()
    first = [system.encode(**batch.inputs)["first"] for _ in range(2)]
    assert torch.equal(*first)
    with torch.no_grad():
        torch.testing.assert_close(system.head(first[0])["hidden-2"], system(**batch.inputs)["hidden-2"])


def test_attention_rollout() -> None:
    found = SYSTEM.attentions("a small post")
    assert len(found) == 2
    flow = np.eye(found[0].shape[-1])
    for layer in found:
        flow = (layer[0].numpy().mean(0) + np.eye(len(flow))) / 2 @ flow
    np.testing.assert_allclose(rollout(found)[0].numpy(), flow[0], atol=1e-6)
    words = SYSTEM.looked_at("a small post")
    assert [word for word, _ in words] == ["a", "small", "post"]
    assert 0 < sum(share for _, share in words) < 1  # the rest comes from the special tokens
    assert SYSTEM.looked_at("") == []


# -- LSTM --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("check", FAST, ids=lambda c: c.__name__)
def test_lstm_contract(check) -> None:
    outcome = run_check("hidden-anger/tiny-lstm", check)
    assert outcome.status in ("passed", "skipped"), outcome.detail


def test_lstm_shapes_of_the_paper() -> None:
    system = build("hidden-anger/lstm", segment="spaces")
    assert system.classifier.weight.shape == (2, 128)
    assert {tuple(p.shape) for n, p in system.named_parameters() if "weight_ih_l0" in n} == {(256, 200)}
    assert not any("vectors" in name for name, _ in system.named_parameters()), "word vectors are frozen"


def test_lstm_takes_the_last_state_of_each_direction() -> None:
    """Each direction of one layer, run alone over the words of a text, ends in its half of the pooled state."""
    system = build("hidden-anger/tiny-lstm", layers=1).eval()
    batch = system.collate([Sample(id="a", text="happy day"), Sample(id="b", text="angry home day at home")]).to("cpu")
    ends = []
    for suffix, order in (("", [0, 1]), ("_reverse", [1, 0])):
        one = torch.nn.LSTM(8, 4, batch_first=True)
        own = {k.removesuffix(suffix): v for k, v in system.lstm.state_dict().items() if k.endswith(f"l0{suffix}")}
        one.load_state_dict(own)
        ends.append(one(system.vectors[batch.inputs["ids"][0, order]][None])[1][0][0])
    with torch.no_grad():
        wanted = system.classifier(torch.cat(ends, 1))
        torch.testing.assert_close(system(**batch.inputs)["hidden-2"][:1], wanted)


def test_word_vectors(tmp_path) -> None:
    texts = ["so angry"] * 10 + ["rare"] * 3
    assert vocabulary(texts, "spaces") == ("so", "angry")
    path = tmp_path / "vectors.txt"
    path.write_text("3 2\nangry 0.5 -1\nrare 1 1\nother 2 2\n")
    targets = (HIDDEN,)
    system = with_vectors(path, texts, HiddenAngerLstmConfig(targets=targets, segment="spaces", units=4))
    assert system.config.words == ("angry",)
    assert system.vectors.tolist() == [[0, 0], [0.5, -1]]
    system.save_pretrained(tmp_path / "kept")
    np.testing.assert_array_equal(load(str(tmp_path / "kept")).rank(["so angry"]), system.rank(["so angry"]))
    with pytest.raises(FileError, match="no file of word vectors"):
        with_vectors(tmp_path / "none", texts, HiddenAngerLstmConfig(targets=targets, segment="spaces"))
    path.write_text("1 2\nother 2 2\n")
    with pytest.raises(InputError, match="none of 2 words"):
        with_vectors(path, texts, HiddenAngerLstmConfig(targets=targets, segment="spaces"))


# -- measuring and drawing ---------------------------------------------------------------------------------------------
def test_auc_with_ties_is_that_of_scikit_learn_and_a_protocol_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    gold, score = rng.random(200) < 0.2, rng.integers(0, 6, 200)
    told = {f"{i}": np.array([0.0, s - 3.0], np.float32) for i, s in enumerate(score)}
    posts = [Sample(id=f"{i}", source="w", text=f"{i}", groups={"author": f"{i % 40}"}) for i in range(200)]
    posts = with_gold(posts, {"hidden-2": np.eye(2)[gold.astype(int)]}, perspective="felt", by="rule", modality="text")
    loaded = Loaded(replace(corpus("wrime"), targets=(HIDDEN,)), {"test": posts})

    def read(items: list[Sample]) -> Timeline:
        logits = np.stack([told[item.text] for item in items])
        return read_out([s.span for s in items], {"hidden-2": logits}, SYSTEM.readouts, by="x", modality="text")

    monkeypatch.setattr(SYSTEM, "read", read)
    found = evaluate(SYSTEM, loaded, also=[n for n, m in METRICS.items() if m.two], resamples=50, strict=False)
    figures = {name: value.value for name, value in found.result.metrics.items()}
    assert found.result.protocol.title == "wrime/hidden-anger"
    assert next(iter(figures)) == "auc"
    assert figures["auc"] == pytest.approx(roc_auc_score(gold, score))
    for bar in (0.25, 0.5, 0.75):
        decided = 1 / (1 + np.exp(-(score - 3.0))) >= bar
        assert figures[f"precision_at_{bar}"] == pytest.approx(precision_score(gold, decided))
        assert figures[f"recall_at_{bar}"] == pytest.approx(recall_score(gold, decided))


def test_the_balanced_sampler_draws_as_many_hidden_as_open() -> None:
    classes_of = (np.random.default_rng(1).random(20_000) < 0.07).astype(int)
    drawn = np.concatenate(balanced(np.arange(20_000), classes_of, 32, np.random.default_rng(2)))
    assert len(drawn) == 20_000
    assert classes_of[drawn].mean() == pytest.approx(0.5, abs=0.02)


def test_double_balance_moves_the_calibration_more_than_the_ranking() -> None:
    """One informative number, 10 % positives, a linear head trained to convergence both ways on balanced draws."""
    rng = np.random.default_rng(3)
    y = (rng.random(4000) < 0.1).astype(int)
    x = torch.from_numpy(np.stack([y + rng.normal(0, 1, 4000), rng.normal(0, 1, 4000)], 1).astype(np.float32))
    p = {}
    for name, weights in (("single", [1.0, 1.0]), ("double", [1 / 3600, 1 / 400])):
        torch.manual_seed(0)
        head = torch.nn.Linear(2, 2)
        optimiser = torch.optim.Adam(head.parameters(), lr=0.05)
        for epoch in range(3):
            for rows in balanced(np.arange(4000), y, 64, np.random.default_rng(epoch)):
                loss = weighted_cross_entropy(
                    head(x[rows]), torch.eye(2)[torch.from_numpy(y[rows])], torch.tensor(weights)
                )
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        p[name] = torch.softmax(head(x), 1)[:, 1].detach().numpy()
    assert abs(auc(y, p["double"]) - auc(y, p["single"])) < 0.01
    assert p["double"].mean() > p["single"].mean() + 0.15
    assert p["single"].mean() > y.mean() + 0.15, "the sampler alone already shows it as many of each"
