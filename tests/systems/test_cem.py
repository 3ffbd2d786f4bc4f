"""CEM against a slow float64 computation of its equations, and what it must do besides."""

import json

import numpy as np
import pytest
import torch
from empathetic_reference import PAD, Weights, encoder, linear, told
from test_escm import answered, drawn, theirs

from affectus.errors import CheckpointError, ConfigError, FileError
from affectus.frontends.answering import network_order
from affectus.frontends.commonsense import RELATIONS, infer, read_inferences, with_inferences, write_inferences
from affectus.frontends.turn_words import CLS, EOS, SPECIAL
from affectus.registry import build
from affectus.sample import Dialogue, Sample, as_items
from affectus.systems.cem import UNINFERRED, VARIANTS, from_official
from affectus.taxonomy import scale
from affectus.testing.learning import descend, loss_of

SCALE = "empathetic-dialogues-32"
TALK = ["the long day was sad\nwe went home\nangry home", "happy day", "went home the day\nhappy"]
KNOWN = {
    "angry home": {
        "xIntent": ["to went home", "none", "the day"],
        "xNeed": ["home"],
        "xWant": ["long day", "unheard"],
        "xEffect": ["none"],
        "xReact": ["sad", "angry sad"],
    },
    "happy day": {name: ["happy" if name == "xReact" else "day"] for name in RELATIONS},
}
LABELS, REPLIES = ["sad", "joyful", "proud"], ["the day", "sad unheard-of home", None]


def made(replies=REPLIES):
    return with_inferences(answered(TALK, LABELS, replies), KNOWN)


# -- equations ---------------------------------------------------------------------------------------------------------
def reference(system, rows, reply=None):
    w, heads = Weights.of(system), system.config.heads
    embedded = w["embedding.weight"] * np.sqrt(system.config.width)

    def encoded(name, x, ids):
        return encoder(w.part(name), x, heads, [i for i, word in enumerate(ids) if word != PAD])

    ids = rows["ids"]
    plain, looks = encoded("encoder", embedded[ids] + embedded[rows["states"]], ids)

    def beside(vector):
        return np.concatenate([plain, np.tile(vector, (len(plain), 1))], 1)

    read = plain
    if system.config.emotion:
        states, _ = encoded("reaction", embedded[rows["xReact"]], rows["xReact"])
        read, looks = encoded("felt", beside(states.mean(0)), ids)
    logits, memory = linear(w.part("output"), read[0]), read
    if system.config.cognition:
        parts = []
        for name in RELATIONS[:-1]:
            first = encoded("thought", embedded[rows[name]], rows[name])[0][0]
            parts.append(encoded("known", beside(first), ids)[0])
        whole = np.concatenate([*parts, *([read] if system.config.emotion else [])], 1)
        gated = whole / (1 + np.exp(-whole))
        memory = linear(w.part("joined.2"), np.maximum(linear(w.part("joined.0"), gated), 0))
    spread = None if reply is None else told(w, memory, ids, reply, heads)
    return logits, looks[0].mean(0), spread


@pytest.mark.parametrize("changes", [{}, {"emotion": False}, {"cognition": False, "layers": 2}])
def test_every_number_is_that_of_the_equations(changes) -> None:
    system = drawn("cem/tiny", **changes)
    batch = system.collate(made())
    outputs = {k: v.detach().numpy() for k, v in system(**batch.to("cpu").inputs).items()}
    order = [network_order(scale(SCALE).labels).index(label) for label in scale(SCALE).labels]
    for row in range(3):
        rows = {k: v[row][v[row] != PAD] for k, v in batch.inputs.items()}
        reply = rows.pop("reply")
        logits, weights, spread = reference(system, rows, reply if len(reply) else None)
        np.testing.assert_allclose(outputs[SCALE][row], logits[order], atol=1e-9)
        np.testing.assert_allclose(outputs["weights"][row, : len(weights)], weights, atol=1e-9)
        if spread is not None:
            np.testing.assert_allclose(outputs["told"][row, : len(reply)], spread[range(len(reply)), reply], atol=1e-9)


def test_padding_counts_only_where_the_official_code_is_asked_for() -> None:
    system = drawn("cem/tiny", compat=("pads",))
    batch = system.collate(made())
    outputs = system(**batch.to("cpu").inputs)
    rows = {k: v[1] for k, v in batch.inputs.items() if k != "reply"}
    wanted = system.in_scale(torch.from_numpy(reference(system, rows)[0])[None])[0]
    torch.testing.assert_close(outputs[SCALE][1], wanted, atol=1e-9, rtol=0)


def test_words_that_are_said_often_count_less() -> None:
    system = drawn("cem/tiny").train()
    batch = system.collate(made()).to("cpu")
    outputs = system(**batch.inputs)
    home, day = 7 + system.config.words.index("home"), 7 + system.config.words.index("day")
    outputs["said"] = torch.full_like(outputs["said"], EOS)
    outputs["said"][0, :2] = torch.tensor([home, home])
    outputs["said"][1, :4] = torch.tensor([day, EOS, home, home])  # nothing counts behind the end
    terms = system.loss(outputs, batch)
    assert system.frequency.nonzero().flatten().tolist() == sorted([home, day])
    assert system.frequency[[home, day]].tolist() == [2, 1]
    n = len(system.frequency)
    weights = np.ones(n)
    weights[home], weights[day] = 0.0, 0.5
    weights *= n / weights.sum()
    np.testing.assert_allclose(system.word_weights(), weights, rtol=1e-6)
    reply = batch.inputs["reply"]
    wanted = -(outputs["told"].detach().numpy() * weights[reply]).sum() / (reply != PAD).sum().item()
    assert float(terms["diversity"].detach()) == pytest.approx(1.5 * wanted, rel=1e-6)
    assert set(terms) == {"reply", "diversity", SCALE}
    system.eval().loss(outputs, batch)
    assert system.frequency.sum() == 3  # only training counts


def test_a_gradient_reaches_all_weights_where_answers_are_known() -> None:
    system = build("cem/tiny")
    loss_of(system, made(["the day", "went", "sad home"]), 0).backward()
    still = [name for name, p in system.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert not still


# -- inferences --------------------------------------------------------------------------------------------------------
def test_inferences_become_words_and_their_absence_is_told(tmp_path) -> None:
    system = build("cem/tiny")
    batch = system.collate(made())
    number = {word: i for i, word in enumerate((*SPECIAL, *system.config.words))}
    intent = batch.inputs["xIntent"][0].tolist()
    assert intent == [number[w] for w in ["CLS", "went", "home", "the", "day"]]
    assert batch.inputs["xReact"][0].tolist() == [number[w] for w in ["sad", "angry", "sad"]]
    assert batch.inputs["xEffect"][0].tolist()[0] == CLS
    assert [UNINFERRED in note.flags for note in batch.notes] == [False, False, True]
    assert batch.inputs["xReact"][2].tolist() == [CLS, PAD, PAD]
    write_inferences(KNOWN, tmp_path / "known.jsonl")
    again = read_inferences(tmp_path / "known.jsonl")
    assert {t: {r: list(v) for r, v in rows.items()} for t, rows in again.items()} == KNOWN
    talk = Dialogue((Sample(id="a", text="happy day"), Sample(id="b", text="home")))
    (other,) = with_inferences([talk], again)
    assert [set(RELATIONS) <= set(turn.features) for turn in other.turns] == [True, False]
    with pytest.raises(FileError, match="no file of inferences"):
        read_inferences(tmp_path / "none.jsonl")
    (tmp_path / "bad.jsonl").write_text(json.dumps({"text": "a"}))
    with pytest.raises(FileError, match=r"line 1 of 'bad\.jsonl'"):
        read_inferences(tmp_path / "bad.jsonl")


def test_comet_is_asked_once_for_each_turn(tmp_path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BartConfig, BartForConditionalGeneration, PreTrainedTokenizerFast

    words = ["<s>", "<pad>", "</s>", "<unk>", "[GEN]", "went", "home", *RELATIONS]
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    marks = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=core, **marks).save_pretrained(tmp_path / "comet")
    torch.manual_seed(0)
    sizes = {f"{part}_{what}": n for part in ("encoder", "decoder") for what, n in
             (("layers", 1), ("attention_heads", 2), ("ffn_dim", 8))}  # fmt: skip
    BartForConditionalGeneration(
        BartConfig(vocab_size=len(words), d_model=8, max_position_embeddings=32, forced_eos_token_id=2,
                   bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2, **sizes)
    ).save_pretrained(tmp_path / "comet")  # fmt: skip
    known = infer(["went home", "went home", "home"], str(tmp_path / "comet"), tmp_path / "cache.jsonl", tokens=4)
    assert list(known) == ["went home", "home"]
    assert all(len(known["home"][name]) == 5 for name in RELATIONS)
    assert infer(["home"], "nowhere", tmp_path / "cache.jsonl") == known  # all of it lies there
    with pytest.raises(CheckpointError, match="can't be opened"):
        infer(["new"], str(tmp_path / "nothing"), tmp_path / "cache.jsonl")


# -- learning ----------------------------------------------------------------------------------------------------------
def test_a_planted_word_gets_weight() -> None:
    rng = np.random.default_rng(0)
    filler, triggers = ["the", "day", "was", "long", "we", "went", "home"], ["sad", "happy", "afraid", "angry"]
    rows = [(trigger, [*rng.choice(filler, 6)]) for trigger in [*triggers, None] * 10]
    for trigger, words in rows:
        if trigger:
            words.insert(int(rng.integers(7)), trigger)
    names = {"happy": "joyful", None: "content"}
    items = answered([" ".join(w) for _, w in rows], [names.get(t, t) for t, _ in rows], [None] * len(rows))
    torch.manual_seed(0)
    system = build("cem/tiny")
    descend(system.parameters(), lambda step: loss_of(system, items, step), steps=60, rate=1e-2)
    marked = [(trigger, system.token_weights(" ".join(words))) for trigger, words in rows if trigger]
    ranks = [sum(w > dict(pairs)[trigger] for _, w in pairs) for trigger, pairs in marked]
    assert np.mean(ranks) < 2  # by chance it is 3
    assert (
        system.read(items).scores(SCALE).argmax(1) == np.concatenate([i.gold.scores(SCALE) for i in items]).argmax(1)
    ).all()


def test_official_names_load() -> None:
    source = drawn("cem/tiny").float()
    names = {
        "embedding.": "embedding.lut.", "reaction.": "emo_encoder.", "thought.": "cog_encoder.",
        "felt.": "emo_ref_encoder.", "known.": "cog_ref_encoder.", "output.": "emo_lin.", "joined.0.": "cog_lin.lin_1.",
        "joined.2.": "cog_lin.lin_2.", "generator.words.": "generator.proj.",
        "generator.gate.": "generator.p_gen_linear.",
    }  # fmt: skip
    state = {theirs(name, names): value for name, value in source.state_dict().items() if name != "frequency"}
    loaded = from_official(state, VARIANTS["tiny"])
    for name, value in source.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], value)
    with pytest.raises(CheckpointError, match="don't fit CEM"):
        from_official({k: v for k, v in state.items() if "proj" not in k}, VARIANTS["tiny"])


def test_what_can_not_be() -> None:
    with pytest.raises(ConfigError, match="neither emotion nor cognition"):
        build("cem/tiny", emotion=False, cognition=False)
    system = build("cem/tiny")
    silent = system.collate(as_items(TALK)).to("cpu")
    with pytest.raises(ConfigError, match="neither emotions nor answers"):
        system.loss({}, silent)
    assert len(system.answers(TALK)) == 3
