"""REDAffectiveLM against its equations: XLNet by transformers' class, all else by a slow float64 computation."""

import pickle
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from redaffectivelm_reference import array, attend, both_ways, profile, weights_of
from transformers import XLNetConfig, XLNetModel

from affectus import backbones
from affectus.config import parse_config
from affectus.errors import ConfigError, InputError
from affectus.frontends.vectors import WordVectors, write_vectors
from affectus.registry import build, load
from affectus.sample import Sample
from affectus.systems.redaffectivelm import (
    COMPAT,
    LAST_WORDS,
    ONES_ATTENTION,
    PADS_IN_CONTEXT,
    PADS_IN_WORDS,
    VARIANTS,
    REDAffectiveLM,
    StepAttention,
)
from affectus.taxonomy import Target
from affectus.timeline import Timeline
from affectus.training.recipe import read_recipe

NAME = "ren-5"
WORDS = ("storm", "kills", "joyful", "dog", "rescues", "child")
TEXTS = ["Storm kills 12 in town!", "Joyful dog rescues the child, again and again", "storm"]


@pytest.fixture
def vectors(tmp_path: Path) -> str:
    path = tmp_path / "vectors.npy"
    made = np.random.default_rng(1).normal(size=(len(WORDS), 8)).astype(np.float32)
    write_vectors(WordVectors(WORDS, made), path)
    return str(path)


def tiny(**changes) -> REDAffectiveLM:
    torch.manual_seed(3)
    system = build("redaffectivelm/tiny", **({"compat": ()} | changes)).eval()
    with torch.no_grad():
        for part in ("ahead", "back"):
            if hasattr(system, part):
                getattr(system, part).bias.normal_(0, 0.5)
    return system


def outputs(system: REDAffectiveLM, texts=TEXTS) -> tuple[dict[str, np.ndarray], object]:
    return next(iter(system.run(texts)))


# -- equations ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("compat", [(), COMPAT[:4]])
def test_the_whole_network_is_the_reference(vectors: str, compat: tuple[str, ...]) -> None:
    """Context vector by XLNetModel with the tokenizer's own left padding; the rest by loops in float64; 2e-5."""
    system = tiny(vectors=vectors, compat=compat)
    with torch.no_grad():
        system.attention.weight.normal_()
        system.attention.bias.normal_()
    got, batch = outputs(system)
    tokenizer = backbones.tokenizer("tiny:xlnet")
    tokenizer.padding_side = "left"
    cleaned = ["storm kills town", "joyful dog rescues child", "storm"]
    whole = PADS_IN_CONTEXT in compat
    encoded = tokenizer(
        cleaned, padding="max_length" if whole else True, max_length=35, truncation=True, return_tensors="pt"
    )
    mask = None if whole else encoded["attention_mask"]
    with torch.no_grad():
        states = system.backbone(input_ids=encoded["input_ids"], attention_mask=mask).last_hidden_state
    table = dict(zip(WORDS, np.load(vectors), strict=True))
    for row, text in enumerate(cleaned):
        if "town" in text and compat:
            continue  # has noise for a vector; the table of noise is tested below
        steps = 10 if PADS_IN_WORDS in compat else len(text.split())
        x = np.zeros((steps, 8))
        for t, word in enumerate(text.split()):
            x[t] = table.get(word, 0)
        wanted = profile(array(states[row, -1]), x, weights_of(system))
        given = torch.softmax(torch.as_tensor(got[NAME][row]), 0).numpy()
        assert np.abs(given - wanted).max() < 2e-5
        weights = attend(both_ways(x, *(weights_of(system)[k] for k in ("ahead", "back"))),
                         array(system.attention.weight), array(system.attention.bias))[1]  # fmt: skip
        assert np.abs(got["attention"][row, :steps] - weights).max() < 2e-5
    assert [note.words for note in batch.notes] == [text.split() for text in cleaned]


def test_attention_without_parameters_is_the_mean_and_a_bias_shifts_its_step() -> None:
    attention = StepAttention(6, 5, "learned")
    states, valid = torch.randn(2, 5, 6), torch.ones(2, 5, dtype=torch.bool)
    with torch.no_grad():
        attention.weight.zero_()
        summary, weights = attention(states, valid)
        assert torch.allclose(summary, states.mean(1), atol=1e-6)
        assert torch.allclose(weights.sum(1), torch.ones(2), atol=1e-6)
        attention.bias[3] = 0.5
        weights = attention(states, valid)[1]
    others = float(weights[0, 0])
    assert float(weights[0, 3]) / others == pytest.approx(np.exp(np.tanh(0.5)), rel=1e-5)
    uniform = StepAttention(6, 5, "uniform")
    assert torch.allclose(uniform(states, valid)[0], states.mean(1), atol=1e-6)
    assert not list(uniform.parameters())
    valid[0, 2:] = False
    assert uniform(states, valid)[1][0].tolist() == pytest.approx([0.5, 0.5, 0, 0, 0], abs=1e-6)


def test_loss_is_squared_error_and_the_penalty_on_both_kernels(vectors: str) -> None:
    system = tiny(vectors=vectors, penalty=0.001)
    gold = np.array([[0.2, 0.2, 0.2, 0.2, 0.2], [0, 0, 1, 0, 0], [np.nan] * 5], np.float32)
    samples = [
        Sample(id=str(i), text=text, gold=Timeline.build([("x",)], {NAME: row[None]}, perspective="evoked", by="g",
                                                         modality="text"))
        for i, (text, row) in enumerate(zip(TEXTS, gold, strict=True))
    ]  # fmt: skip
    batch = system.collate(samples).to("cpu")
    terms = system.loss(system(**batch.inputs), batch)
    p = torch.softmax(system(**batch.inputs)[NAME], 1).detach().numpy()
    assert terms[NAME].item() == pytest.approx(float(((p - gold)[:2] ** 2).mean()), rel=1e-5)
    kernels = [array(getattr(part, k)) for part in (system.ahead, system.back) for k in ("kernel", "recurrent")]
    assert terms["penalty"].item() == pytest.approx(0.001 * sum((k**2).sum() for k in kernels), rel=1e-5)
    with pytest.raises(ConfigError, match="no gold"):
        system.loss(system(**batch.inputs), system.collate([Sample(id="a", text="b")]).to("cpu"))


# -- constants of the paper --------------------------------------------------------------------------------------------
def test_the_large_size_is_the_paper_s() -> None:
    """XLNet-large's published sizes are the defaults of transformers' configuration; nothing is downloaded."""
    with torch.device("meta"):
        system = REDAffectiveLM(VARIANTS["large"], context=XLNetModel(XLNetConfig()))
    config = system.backbone.config
    assert (config.n_layer, config.d_model, config.n_head, config.d_inner) == (24, 1024, 16, 4096)
    assert sum(p.numel() for p in system.backbone.parameters()) == 360_268_800
    shapes = {name: tuple(p.shape) for name, p in system.named_parameters() if not name.startswith("backbone.")}
    assert shapes == {
        "ahead.kernel": (100, 400), "ahead.recurrent": (100, 400), "ahead.bias": (400,),
        "back.kernel": (100, 400), "back.recurrent": (100, 400), "back.bias": (400,),
        "attention.weight": (200,), "attention.bias": (10,),
        "dense.0.weight": (1224, 1224), "dense.0.bias": (1224,),
        "dense.1.weight": (1224, 1224), "dense.1.bias": (1224,),
        "output.weight": (5, 1224), "output.bias": (5,),
    }  # fmt: skip
    settings = VARIANTS["large"]
    assert (settings.max_length, settings.words, settings.penalty) == (35, 10, 0.001)
    assert (settings.context_dropout, settings.affect_dropout) == (0.1, 0.5)
    assert settings.targets == (Target("ren-5", "evoked"),)


def test_the_ablations() -> None:
    with torch.device("meta"):
        alone = REDAffectiveLM(VARIANTS["large-context"], context=XLNetModel(XLNetConfig()))
        affect = REDAffectiveLM(VARIANTS["affect"])
        uniform = REDAffectiveLM(VARIANTS["large-uniform"], context=XLNetModel(XLNetConfig()))
    assert alone.context_dropout.p == 0.5
    assert {n for n, _ in alone.named_parameters() if "backbone" not in n} == {"output.weight", "output.bias"}
    assert tuple(affect.ahead.kernel.shape) == (300, 1200)
    assert tuple(affect.output.weight.shape) == (5, 600)
    assert not list(uniform.attention.parameters())
    ones = tiny(attention="uniform", compat=(ONES_ATTENTION,)).attention
    assert ones.weight.tolist() == [1] * 16
    assert [name for name, _ in ones.named_parameters()] == ["bias"]


def test_the_forget_bias_starts_at_one() -> None:
    part = build("redaffectivelm/tiny").ahead
    assert part.bias.tolist() == [0] * 8 + [1] * 8 + [0] * 16
    eye = part.recurrent @ part.recurrent.T
    assert torch.allclose(eye, torch.eye(8), atol=1e-5)


# -- text --------------------------------------------------------------------------------------------------------------
def test_the_summary_stands_last_and_padding_first() -> None:
    batch = tiny().collate([Sample(id="a", text="dog"), Sample(id="b", text="dog rescues child")])
    ids, valid = batch.inputs["ids"], batch.inputs["valid"]
    assert not valid[0, 0]
    assert valid[:, -1].all()
    assert len(set(ids[:, -1])) == len(set(ids[:, -2])) == 1
    assert batch.inputs["words"].astype(bool).sum(1).tolist() == [1, 3]


def test_which_words_of_a_longer_text_are_read() -> None:
    long = " ".join(f"w{c}" for c in "abcdefghijkl")
    for compat, wanted in (((), "wa wb wc"), ((LAST_WORDS,), "wj wk wl")):
        note = tiny(words=3, compat=compat).collate([Sample(id="a", text=long)]).notes[0]
        assert note.words == wanted.split()
        assert "truncated" in note.flags


def test_stop_words_alone_are_no_text_unless_the_text_is_read_raw(vectors: str) -> None:
    assert np.isnan(tiny().read(["It was not"]).scores(NAME)).all()
    reading = tiny(text="raw", vectors=vectors).read(["It was not", ""])
    assert np.isfinite(reading.scores(NAME)[0]).all()
    assert reading[1].flags == ("empty",)
    clean, raw = tiny(), tiny(text="raw")
    assert clean.read(["Dog!"]).scores(NAME) == pytest.approx(clean.read(["dog"]).scores(NAME))
    assert np.abs(raw.read(["Dog!"]).scores(NAME) - raw.read(["dog"]).scores(NAME)).max() > 1e-5


def test_words_without_a_vector(vectors: str) -> None:
    """Zeros by default; noise of their own, the same in every process, as the authors' code gives them."""
    system = tiny(vectors=vectors, branch="affect")
    assert system.attended(["storm zebra"])[0][1][0] == "zebra"
    assert system.read(["zebra"])[0].flags == ("no-known-word",)
    assert system.read(["storm"])[0].flags == ()
    keys = torch.as_tensor(system.collate([Sample(id="a", text="storm zebra")]).inputs["words"])
    found, known = system.look_up(keys)
    assert known[0].tolist() == [True] + [False] * 9
    assert not found[0, 1:].any()
    noisy = tiny(vectors=vectors, compat=("random-unknown",))
    assert noisy.look_up(keys)[0][0, 1].abs().sum() > 0
    assert torch.equal(noisy.look_up(keys)[0], tiny(vectors=vectors, compat=("random-unknown",)).look_up(keys)[0])
    assert not noisy.look_up(keys)[0][0, 2:].any()


# -- as a reader -------------------------------------------------------------------------------------------------------
def test_the_checkpoint_owns_its_vectors(vectors: str, tmp_path: Path) -> None:
    system = tiny(vectors=vectors)
    before = system.read(TEXTS).scores(NAME)
    system.save_pretrained(tmp_path / "model")
    for file in (vectors, vectors.replace(".npy", ".txt")):
        Path(file).unlink()
    assert np.array_equal(load(str(tmp_path / "model")).read(TEXTS).scores(NAME), before)


def test_evidence_and_inspection_are_the_attended_words(vectors: str) -> None:
    system = tiny(vectors=vectors)
    for weighed, reading in zip(system.attended(TEXTS), system.read(TEXTS), strict=True):
        assert sum(weight for _, weight in weighed) == pytest.approx(1, abs=1e-5)
        assert dict(weighed) == pytest.approx({e.text: e.weight for e in reading.evidence})
        assert reading.perspective == "evoked"
    with pytest.raises(ConfigError, match="context branch alone"):
        tiny(branch="context", layers=0).attended(["a"])


def test_collate_holds_no_weights_and_travels_to_workers() -> None:
    collate = tiny().collate
    collate([Sample(id="a", text="dog")])
    assert len(pickle.dumps(collate)) < 2000
    again = pickle.loads(pickle.dumps(collate))([Sample(id="a", text="dog")])
    assert np.array_equal(again.inputs["words"], collate([Sample(id="a", text="dog")]).inputs["words"])


@pytest.mark.parametrize("name", ["semeval2007", "semeval2007-frozen", "paper"])
def test_recipes_name_what_exists(name: str) -> None:
    (run,) = read_recipe(Path(__file__).parents[2] / f"recipes/redaffectivelm/{name}.yaml").runs.values()
    variant = VARIANTS[run.system.removeprefix("redaffectivelm/")]
    parse_config(type(variant), {**asdict(variant), **run.config})
    assert run.select == "best"


def test_settings_that_can_t_be(vectors: str) -> None:
    with pytest.raises((ConfigError, InputError), match="last-words"):
        build("redaffectivelm/tiny", compat=("last-word",))
    with pytest.raises(ConfigError, match="one-of"):
        build("redaffectivelm/tiny", targets=(Target("valence", "evoked"),))
    with pytest.raises(ConfigError, match="8 numbers"):
        build("redaffectivelm/tiny", vectors=vectors, dimensions=9)


@pytest.mark.slow
def test_what_the_affect_words_say_and_the_context_encoder_never_saw(tmp_path: Path) -> None:
    """Labels follow the feeling of made-up words. Half occur in training; only their vectors tell of the rest."""
    rng = np.random.default_rng(0)
    names = np.array(["".join(rng.choice(list("bdfgklmnprstvz"), 6)) for _ in range(240)])
    feeling = rng.integers(0, 5, 240)
    centres = rng.normal(size=(5, 8))
    made = (centres[feeling] + 0.3 * rng.normal(size=(240, 8))).astype(np.float32)

    def samples(rows: np.ndarray) -> list[Sample]:
        out = []
        for i, row in enumerate(rows):
            gold = np.eye(5, dtype=np.float32)[None, feeling[row]]
            text = f"people saw {names[row]} today"
            out.append(
                Sample(
                    id=str(i),
                    text=text,
                    gold=Timeline.build([("x",)], {NAME: gold}, perspective="evoked", by="made", modality="text"),
                )
            )
        return out  # fmt: skip

    write_vectors(WordVectors(tuple(names), made), tmp_path / "v.npy")

    def accuracy(branch: str) -> float:
        system = tiny(vectors=str(tmp_path / "v.npy"), branch=branch, penalty=1e-4).train()
        optimiser = torch.optim.Adam([p for p in system.parameters() if p.requires_grad], lr=3e-3)
        train = samples(rng.permutation(120))
        for epoch in range(40):
            order = np.random.default_rng(epoch).permutation(len(train))
            for at in range(0, len(train), 24):
                batch = system.collate([train[i] for i in order[at : at + 24]]).to("cpu")
                optimiser.zero_grad()
                torch.stack(list(system.loss(system(**batch.inputs), batch).values())).sum().backward()
                torch.nn.utils.clip_grad_norm_(system.parameters(), 1.0)
                optimiser.step()
        unseen = samples(np.arange(120, 240))
        return float((system.eval().logits(unseen)[NAME].argmax(1) == feeling[120:]).mean())

    both, alone = accuracy("both"), accuracy("context")
    assert both > 0.8
    assert alone < 0.4  # a fifth is chance
