"""The emotion-aware Transformer against its equations in float64, with Keras's conventions for the plain form."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from affectus.affect import Affect
from affectus.config import parse_config
from affectus.errors import CheckpointError, ConfigError, InputError
from affectus.frontends.subwords import PAD
from affectus.nn.generation import Decoding
from affectus.registry import build, load
from affectus.roles import Reader, Responder
from affectus.sample import Dialogue, Sample, flatten
from affectus.systems.emotion_aware_transformer import (
    GROUPS,
    REPLY,
    VARIANTS,
    EmotionAwareTransformer,
    EmotionAwareTransformerConfig,
    from_keras,
)
from affectus.taxonomy import scale
from affectus.testing import FAST, run_check
from affectus.testing.items import labelled

NAME = "emotion-aware-transformer"
WIDTH, INNER, HEADS, LAYERS, WORDS = 8, 12, 2, 2, 262


def tiny(seed: int = 0, **changes) -> EmotionAwareTransformer:
    torch.manual_seed(seed)
    return build(f"{NAME}/tiny", **changes).eval()


def small(stack: str, **changes) -> EmotionAwareTransformerConfig:
    tiny_config = VARIANTS["tiny"]
    given = {"history": 0, "memory": 0, "segment": 0} if stack == "plain" else {}
    detector = replace(tiny_config.detector, vocabulary=WORDS)
    sizes = {"width": WIDTH, "inner": INNER, "heads": HEADS, "layers": LAYERS}
    return replace(tiny_config, detector=detector, stack=stack, **sizes, **given, **changes)


def talk(*texts: str, gold: int | None = None) -> Dialogue:
    turns = [Sample(id=f"t{i}", source="talk", item=i, text=text) for i, text in enumerate(texts)]
    if gold is not None:
        turns = flatten(labelled(texts, [gold] * len(texts), GROUPS))
    tracks = ("speaker", "listener")
    return Dialogue(tuple(replace(turn, track=tracks[i % 2]) for i, turn in enumerate(turns)), id="talk")


# -- a second computation, float64, layer by layer ---------------------------------------------------------------------
def softmax(x: np.ndarray) -> np.ndarray:
    p = np.exp(x - x.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def normed(x: np.ndarray, gain: np.ndarray, shift: np.ndarray) -> np.ndarray:
    mean = x.mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-6) * gain + shift


def places(n: int, width: int) -> np.ndarray:
    """Angles by channel with exponent 2·(i // 2) / d; sines of the even channels, then cosines of the odd ones."""
    angles = np.arange(n)[:, None] / 10_000 ** (2 * (np.arange(width) // 2) / width)
    return np.concatenate([np.sin(angles[:, 0::2]), np.cos(angles[:, 1::2])], 1)


def keras_weights(rng: np.random.Generator) -> list[np.ndarray]:
    """Random weights of the notebook's model, in the order that `from_keras` documents."""

    def dense(a: int, b: int) -> list[np.ndarray]:
        return [rng.normal(size=(a, b)) * 0.4, rng.normal(size=b) * 0.1]

    def norm() -> list[np.ndarray]:
        return [1 + rng.normal(size=WIDTH) * 0.1, rng.normal(size=WIDTH) * 0.1]

    def attention() -> list[np.ndarray]:
        return [w for _ in range(4) for w in dense(WIDTH, WIDTH)]

    def feed() -> list[np.ndarray]:
        return [*dense(WIDTH, INNER), *dense(INNER, WIDTH)]

    made = [rng.uniform(-0.05, 0.05, (WORDS, WIDTH)), rng.uniform(-0.05, 0.05, (WORDS, WIDTH)), *norm()]
    for _ in range(LAYERS):
        made += [*attention(), *norm(), *feed(), *norm()]
    made.append(rng.uniform(-0.05, 0.05, (WORDS, WIDTH)))
    for _ in range(LAYERS):
        made += [*attention(), *norm(), *attention(), *norm(), *feed(), *norm()]
    return [*made, *dense(WIDTH, WORDS)]


def keras_logits(weights: list[np.ndarray], source: list[int], emotion: int, before: list[int]) -> np.ndarray:
    """Logits (t, V) of one pair: x @ kernel + bias, masks of −1e9, as the notebook's layers compute."""
    given = iter(weights)

    def attended(query: np.ndarray, value: np.ndarray, mask: np.ndarray) -> np.ndarray:
        (wq, bq), (wk, bk), (wv, bv), (wo, bo) = [(next(given), next(given)) for _ in range(4)]
        out, depth = [], WIDTH // HEADS
        for h in range(HEADS):
            at = slice(h * depth, (h + 1) * depth)
            q, k, v = (query @ wq + bq)[:, at], (value @ wk + bk)[:, at], (value @ wv + bv)[:, at]
            out.append(softmax(q @ k.T / math.sqrt(depth) + mask * -1e9) @ v)
        return np.concatenate(out, 1) @ wo + bo

    def fed(x: np.ndarray) -> np.ndarray:
        w1, b1, w2, b2 = (next(given) for _ in range(4))
        return np.maximum(x @ w1 + b1, 0) @ w2 + b2

    def norm(x: np.ndarray) -> np.ndarray:
        return normed(x, next(given), next(given))

    words, feelings = next(given), next(given)
    x = norm((words[source] + feelings[emotion]) * math.sqrt(WIDTH)) + places(len(source), WIDTH)
    pad = np.array([[float(token == PAD) for token in source]])
    for _ in range(LAYERS):
        x = norm(x + attended(x, x, pad))
        x = norm(x + fed(x))
    y = next(given)[before] * math.sqrt(WIDTH) + places(len(before), WIDTH)
    ahead = np.maximum(np.triu(np.ones((len(before),) * 2), 1), [[float(token == PAD) for token in before]])
    for _ in range(LAYERS):
        y = norm(y + attended(y, y, ahead))
        y = norm(y + attended(y, x, pad))
        y = norm(y + fed(y))
    kernel, bias = next(given), next(given)
    assert not list(given)
    return y @ kernel + bias


GROUP_ROWS = [200, 31, 77, 5, 90, 14, 250, 66]
SOURCE, BEFORE = [1, 40, 7, 99, 2, 0, 0], [1, 60, 12, 180, 0]


def pair_inputs(source: list, before: list, emotion: int) -> dict[str, torch.Tensor]:
    return {
        "said": torch.tensor([[40, 7]]),
        "source": torch.tensor([source]),
        "before": torch.tensor([before]),
        "emotion": torch.tensor([emotion]),
        "answered": torch.tensor([0]),
    }


@pytest.mark.parametrize(("kind", "near"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_the_plain_form_gives_the_notebooks_logits(kind, near):
    weights = keras_weights(np.random.default_rng(0))
    torch.manual_seed(0)
    system = from_keras(small("plain"), weights, GROUP_ROWS).to(kind)
    if kind == torch.float64:  # the weights were rounded on their way
        weights = [w.astype(np.float32).astype(np.float64) for w in weights]
        torch.set_default_dtype(kind)
    try:
        got = system(**pair_inputs([SOURCE], BEFORE, 3))[REPLY][0].detach().numpy()
    finally:
        torch.set_default_dtype(torch.float32)
    wanted = keras_logits(weights, SOURCE, GROUP_ROWS[3], BEFORE)
    live = [token != PAD for token in BEFORE]
    np.testing.assert_allclose(got[live], wanted[live], atol=near)


def test_weights_that_do_not_fit_the_notebook():
    weights = keras_weights(np.random.default_rng(0))
    for broken, message in (
        (weights[:-1], "has shape"),
        ([*weights, weights[0]], "1 arrays"),
        (weights[1:], "shape"),
        ([weights[0], weights[0][:100], *weights[2:]], "no row 250"),
    ):
        with pytest.raises(CheckpointError, match=message):
            from_keras(small("plain"), broken, GROUP_ROWS)
    with pytest.raises(ConfigError, match="plain"):
        from_keras(small("xl"), weights, GROUP_ROWS)


def xl_logits(system: EmotionAwareTransformer, source: list[list[int]], emotion: int, before: list[int]) -> np.ndarray:
    """Logits (t, V) of one pair in the Transformer-XL form: one turn after another, each looks back at all before."""
    w = {name: value.detach().double().numpy() for name, value in system.named_parameters()}

    def line(x: np.ndarray, name: str) -> np.ndarray:
        return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0.0)

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        return normed(x, w[f"{name}.weight"], w[f"{name}.bias"])

    def relative(query: np.ndarray, key: np.ndarray, name: str, causal: bool) -> np.ndarray:
        t, s, depth = len(query), len(key), WIDTH // HEADS
        q, k, v = line(query, f"{name}.query"), line(key, f"{name}.key"), line(key, f"{name}.value")
        out = np.zeros((t, WIDTH))
        for h in range(HEADS):
            at = slice(h * depth, (h + 1) * depth)
            logits = np.full((t, s), -np.inf)
            for i in range(t):
                for j in range(s if not causal else s - t + i + 1):
                    distance = s - t + i - j
                    rates = 10_000 ** (-2 * np.arange(WIDTH // 2) / WIDTH)
                    wave = np.concatenate([np.sin(distance * rates), np.cos(distance * rates)])
                    r = (w[f"{name}.place.weight"] @ wave)[at]
                    u, bias = w[f"{name}.u"][h], w[f"{name}.v"][h]
                    logits[i, j] = ((q[i, at] + u) @ k[j, at] + (q[i, at] + bias) @ r) / math.sqrt(depth)
            out[:, at] = softmax(logits) @ v[:, at]
        return line(out, f"{name}.output")

    def crossed(query: np.ndarray, key: np.ndarray, name: str) -> np.ndarray:
        projected = np.split(w[f"{name}.in_proj_weight"], 3), np.split(w[f"{name}.in_proj_bias"], 3)
        q, k, v = (x @ m.T + b for x, m, b in zip((query, key, key), *projected, strict=True))
        depth = WIDTH // HEADS
        cut = [slice(h * depth, (h + 1) * depth) for h in range(HEADS)]
        heads = [softmax(q[:, at] @ k[:, at].T / math.sqrt(depth)) @ v[:, at] for at in cut]
        return line(np.concatenate(heads, 1), f"{name}.out_proj")

    def fed(x: np.ndarray, name: str) -> np.ndarray:
        return line(np.maximum(line(x, f"{name}.linear1"), 0), f"{name}.linear2")

    kept: list[list[np.ndarray]] = [[] for _ in range(LAYERS)]
    for turn in source:
        x = (w["words.weight"][turn] + w["emotions.weight"][emotion]) * math.sqrt(WIDTH)
        x = norm(x, "norm")
        for n in range(LAYERS):
            at = f"encoder.layers.{n}"
            kept[n].append(x)
            x = norm(x + relative(x, np.concatenate(kept[n]), f"{at}.self_attn", causal=False), f"{at}.norm1")
            x = norm(x + fed(x, f"{at}.feed"), f"{at}.norm2")
    y = w["reply_words.weight"][before] * math.sqrt(WIDTH)
    for n in range(LAYERS):
        at = f"decoder.layers.{n}"
        y = norm(y + relative(y, y, f"{at}.self_attn", causal=True), f"{at}.norm1")
        y = norm(y + crossed(y, x, f"{at}.cross_attn"), f"{at}.norm2")
        y = norm(y + fed(y, f"{at}.feed"), f"{at}.norm3")
    return line(y, "out")


@pytest.mark.parametrize("segment", [0, 2])
def test_the_transformer_xl_form_is_its_equations(segment):
    """Three turns and a reply of six tokens, from weights as they begin and, with memory, in segments of two."""
    torch.manual_seed(1)
    system = EmotionAwareTransformer(small("xl", history=2, memory=30, segment=segment)).eval()
    turns = [[1, 30, 31, 2], [1, 90, 2], [1, 55, 120, 7, 2]]
    before = [1, 60, 12, 180, 9, 77]
    padded = [[*turn, *[PAD] * (6 - len(turn))] for turn in turns]
    got = system(**pair_inputs(padded, before, 5))[REPLY][0].detach().numpy()
    wanted = xl_logits(system, turns, 5, before)
    np.testing.assert_allclose(got, wanted, atol=2e-5)


# -- the emotion path --------------------------------------------------------------------------------------------------
def test_another_emotion_moves_every_place_by_the_difference_of_norms():
    system = tiny()
    tokens, here, there = torch.tensor([[1, 40, 7, 2]]), torch.tensor([2]), torch.tensor([6])
    root = system.config.width**0.5
    moved = system.entry(tokens, there) - system.entry(tokens, here)
    words, table = system.words.weight[tokens[0]], system.emotions.weight
    wanted = [
        torch.layer_norm((word + table[6]) * root, word.shape, eps=1e-6)
        - torch.layer_norm((word + table[2]) * root, word.shape, eps=1e-6)
        for word in words
    ]
    assert torch.allclose(moved[0], torch.stack(wanted), atol=1e-5)
    assert moved.abs().amax(2).min() > 1e-3


@pytest.mark.parametrize("stack", ["xl", "plain"])
def test_without_emotion_it_is_an_encoder_with_a_norm_after_the_words(stack):
    torch.manual_seed(0)
    system = EmotionAwareTransformer(small(stack)).eval()
    torch.nn.init.zeros_(system.emotions.weight)
    blind = EmotionAwareTransformer(small(stack, aware=False)).eval()
    assert blind.emotions is None
    blind.load_state_dict({k: v for k, v in system.state_dict().items() if not k.startswith("emotions")})
    inputs = pair_inputs([SOURCE] * (system.config.history + 1), BEFORE, 3)
    assert torch.equal(system(**inputs)[REPLY], blind(**inputs)[REPLY])
    tokens = inputs["source"][:, -1]
    wanted = torch.layer_norm(system.words(tokens) * WIDTH**0.5, (WIDTH,), eps=1e-6)
    assert torch.allclose(system.entry(tokens, inputs["emotion"]), wanted, atol=1e-6)


def test_the_detected_emotion_is_taken_and_gold_only_when_asked():
    system = tiny()
    dialogue = talk("it ran away", "oh no", gold=6)
    batch = system.collate([dialogue]).to("cpu")
    read = system.detector(batch.inputs["said"])[GROUPS.scale]
    detected = int(read[0].argmax())
    assert detected != 6
    unknown = batch.inputs | {"emotion": torch.tensor([-1])}
    told = batch.inputs | {"emotion": torch.tensor([detected])}
    assert torch.equal(system(**unknown)[REPLY], system(**told)[REPLY])
    assert not torch.allclose(system(**unknown)[REPLY], system(**batch.inputs)[REPLY])
    surprise = {
        e: [r.surprise for r in system.rehearse([dialogue], emotion=e, write=False)] for e in ("detected", "gold")
    }
    assert surprise["detected"] != surprise["gold"]
    as_notebook = tiny(compat=("gold-emotion",))
    assert [r.surprise for r in as_notebook.rehearse([dialogue], write=False)] == surprise["gold"]
    asked = Dialogue(dialogue.turns[:1])
    assert as_notebook.respond(asked).reasons == ("goes by impressed, as told",)
    assert system.respond(asked).reasons[0].startswith("the speaker seems")


# -- memory ------------------------------------------------------------------------------------------------------------
def test_a_reply_in_segments_is_a_reply_at_once():
    whole, parts = tiny(segment=0, memory=60), tiny(segment=3, memory=60)
    batch = whole.collate([talk("it ran away", "oh no, that is sad", "yes", "it will be back")]).to("cpu")
    live = batch.targets["tokens"] != PAD
    assert torch.allclose(whole(**batch.inputs)[REPLY][live], parts(**batch.inputs)[REPLY][live], atol=1e-5)


def test_earlier_turns_reach_the_reply_through_the_memory_alone():
    one, other = talk("my dog ran", "oh", "yes", "ah"), talk("my cat flew", "oh", "yes", "ah")
    last = {"shown": torch.tensor([1])}

    def logits(system, dialogue):
        batch = system.collate([dialogue]).to("cpu")
        source = batch.inputs["source"][-1:]
        states = system.encode_dialogue(source, last["shown"])
        return system.write(batch.inputs["before"][-1:], states)

    remembers, forgets = tiny(history=2), tiny(history=2, memory=0)
    assert not torch.allclose(logits(remembers, one), logits(remembers, other), atol=1e-4)
    assert torch.equal(logits(forgets, one), logits(forgets, other))


def test_a_pair_does_not_depend_on_its_batch():
    system = tiny()
    talks = [talk("it ran away", "oh no"), talk("a", "b", "a much longer turn than the others", "well, well, well")]
    together = [r.surprise for r in system.rehearse(talks, write=False)]
    alone = [r.surprise for t in talks for r in system.rehearse([t], write=False)]
    assert together == pytest.approx(alone, abs=1e-3)


# -- loss --------------------------------------------------------------------------------------------------------------
def test_loss_by_tokens_and_by_positions():
    by_tokens, by_positions = tiny(), tiny(normalise="positions")
    batch = by_tokens.collate([talk("it ran away", "oh", gold=2), talk("no", "oh dear", gold=1)]).to("cpu")
    outputs = by_tokens(**batch.inputs)
    log_p = outputs[REPLY].log_softmax(2)
    lines = batch.targets["tokens"].tolist()
    total = -sum(log_p[i, j, t] for i, line in enumerate(lines) for j, t in enumerate(line) if t != PAD)
    count = sum(token != PAD for line in lines for token in line)
    assert torch.allclose(by_tokens.loss(outputs, batch)[REPLY], total / count)
    assert torch.allclose(by_positions.loss(outputs, batch)[REPLY], total / (2 * 39))
    detection = by_tokens.loss(outputs, batch)[GROUPS.scale]
    gold = outputs[GROUPS.scale].log_softmax(1)[torch.arange(4), [2, 2, 1, 1]]
    assert torch.allclose(detection, -gold.mean())
    by_tokens.detector.requires_grad_(False)
    assert set(by_tokens.loss(outputs, batch)) == {REPLY}


def test_a_batch_without_gold_or_pairs_has_a_loss_all_the_same():
    system = tiny()
    batch = system.collate([talk("it ran away")]).to("cpu")
    terms = system.loss(system(**batch.inputs), batch)
    assert {name: float(value.detach()) for name, value in terms.items()} == {REPLY: 0.0, GROUPS.scale: 0.0}


# -- answering ---------------------------------------------------------------------------------------------------------
def test_a_reply_says_what_it_goes_by():
    system = tiny()
    assert isinstance(system, Reader)
    assert isinstance(system, Responder)
    reply = system.respond(talk("it ran away", "oh no", "yes"))
    label = system.read([talk("it ran away", "oh no", "yes")])[2].top
    assert label is not None
    assert reply.reasons[0].startswith(f"the speaker seems {label} (0.")
    assert reply.intended is None
    assert reply.by == {"text": system.name}
    assert reply.text == system.respond(talk("it ran away", "oh no", "yes")).text


@pytest.mark.parametrize("name", ["empathetic-dialogues-8", "empathetic-dialogues-32"])
def test_an_intended_affect_takes_the_place_of_the_detected_one(name):
    system = tiny()
    dialogue = talk("it ran away")
    batch = system.collate.ask(dialogue)
    seen = []
    system.emotions.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].tolist()))
    for label, place in (("afraid", 1), ("impressed", 6)):
        intended = Affect({name: {label: 1.0}}, name, "intended")
        reply = system.respond(dialogue, intended)
        assert reply.intended is intended
        assert reply.reasons == (f"goes by {label}, as told",)
        assert seen.pop() == [place]
    assert batch.inputs["emotion"].tolist() == [-1]


def test_replies_are_drawn_by_seed():
    system = tiny()
    dialogue = talk("it ran away")

    def reply(method: str, seed: int) -> str:
        return system.respond(dialogue, how=Decoding(method=method, seed=seed, longest=10)).text

    assert reply("nucleus", 1) == reply("nucleus", 1)
    assert len({reply("nucleus", seed) for seed in range(4)}) > 1
    for method in ("greedy", "beam"):
        assert reply(method, 1) == reply(method, 2)


def test_what_can_not_be_answered():
    system = tiny()
    with pytest.raises(InputError, match="nothing is said at the end"):
        system.respond(Dialogue(()))
    with pytest.raises(InputError, match="nothing is said at the end"):
        system.respond(talk("hello", "  "))
    with pytest.raises(InputError, match=r"on valence-arousal.*empathetic-dialogues-32"):
        system.respond(talk("hello"), Affect({"valence-arousal": {"valence": 0.1}}, None, "felt"))
    with pytest.raises(InputError, match="no opinion"):
        system.respond(talk("hello"), Affect({"empathetic-dialogues-8": {}}, None, "felt"))
    reply = system.respond(talk("word " * 3000))
    assert reply.reasons[1:] == ("of what was said last, only the end is read",)
    assert not system.respond(talk("word")).reasons[1:]


def test_an_empty_turn_has_no_reading():
    read = tiny().read([talk("it ran away", " ")])
    assert np.isnan(read.scores(GROUPS.scale)[1]).all()
    assert "empty" in read[1].flags


# -- configuration and files -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("changes", [{"history": 1}, {"memory": 5}, {"segment": 2}])
def test_a_plain_stack_remembers_nothing(changes):
    plain = {"stack": "plain", "history": 0, "memory": 0, "segment": 0}
    with pytest.raises(ConfigError, match="remembers nothing"):
        build(f"{NAME}/tiny", **plain | changes)


def test_settings_that_do_not_exist():
    with pytest.raises(Exception, match="gold-emotion"):
        build(f"{NAME}/tiny", compat=("no-such",))
    with pytest.raises(ConfigError, match="exactly one scale"):
        build(f"{NAME}/tiny", targets=())
    with pytest.raises(ConfigError, match="vocabulary"):
        parse_config(type(VARIANTS["tiny-detector"]), {"vocabulary": 10})


def test_the_vocabulary_is_learned_once_and_travels_with_the_weights(tmp_path: Path):
    torch.manual_seed(0)
    detector = build(f"{NAME}/tiny-detector")
    detector.prepare([talk("the other dog barked", "the other day")] * 3)
    learned = detector.merges.clone()
    assert learned.any()
    detector.prepare([talk("something else", "altogether")] * 3)
    assert torch.equal(detector.merges, learned)
    system = tiny()
    system.load_state_dict({f"detector.{k}": v for k, v in detector.state_dict().items()}, strict=False)
    assert system.collate.said.subwords == detector.subwords
    system.save_pretrained(tmp_path / "made")
    again = load(str(tmp_path / "made"))
    assert again.collate == system.collate
    dialogue = talk("the other dog")
    assert again.respond(dialogue).text == system.respond(dialogue).text
    assert all(p.suffix in (".json", ".safetensors", ".md") for p in (tmp_path / "made").iterdir())


@pytest.mark.parametrize("check", FAST, ids=lambda c: c.__name__)
def test_the_detector_keeps_the_contract(check):
    outcome = run_check(f"{NAME}/tiny-detector", check)
    if outcome.status == "skipped":
        pytest.skip(outcome.detail)
    assert outcome.status == "passed", outcome.detail


def test_sizes_are_those_of_the_notebook():
    config = VARIANTS["notebook"]
    assert (config.width, config.inner, config.layers, config.heads, config.dropout) == (256, 512, 2, 8, 0.1)
    assert (config.detector.vocabulary, config.longest) == (8192, 40)
    assert (config.stack, config.pairing, config.normalise) == ("plain", "prompt-utterance", "positions")
    xl = VARIANTS["base"]
    assert (xl.width, xl.inner, xl.layers, xl.heads, xl.stack) == (256, 512, 2, 8, "xl")
    system = EmotionAwareTransformer(config)
    assert system.detector.config.cleaned
    assert system.emotions.weight.shape == (8, 256)
    assert scale(GROUPS.scale).labels[0] == "excited"
