"""ESCM against a slow float64 computation of its equations, and what it must do besides."""

import numpy as np
import pytest
import torch
from empathetic_reference import PAD, Weights, encoder, linear, softmax, told

from affectus.affect import Affect, Evidence
from affectus.corpora.base import Judgement, one_hot, with_judgements
from affectus.errors import CheckpointError, ConfigError, InputError
from affectus.frontends.answering import network_order
from affectus.frontends.turn_words import SPECIAL
from affectus.frontends.vectors import WordVectors, write_vectors
from affectus.registry import build, load
from affectus.sample import Dialogue, Sample, as_items
from affectus.systems.escm import CHAIN, MARKS, VARIANTS, from_official
from affectus.taxonomy import Target, scale
from affectus.testing.learning import descend, loss_of

SCALE = "empathetic-dialogues-32"
TALK = ["the long day was sad\nwe went home\nangry home", "happy day", "went home the day\nhappy"]


def answered(texts, labels, replies, name=SCALE):
    samples = [Sample(id=str(i), source="made", item=i, text=text) for i, text in enumerate(texts)]
    gold = {name: one_hot([[label] for label in labels], name)}
    told = [[Evidence("reply", text=reply)] if reply else [] for reply in replies]
    return with_judgements(samples, [Judgement(gold, "felt", "made", told)], modality="text")


def drawn(name="escm/tiny", **changes):
    """A system all of whose weights are drawn, those that begin at 0 or 1 too."""
    torch.manual_seed(5)
    system = build(name, **changes).double().eval()
    with torch.no_grad():
        for parameter in system.parameters():
            parameter.normal_(0, 0.4)
    return system


# -- equations ---------------------------------------------------------------------------------------------------------
def head(w, h):
    scores = softmax(np.array([linear(w.part("score"), np.tanh(linear(w.part("attention"), row)))[0] for row in h]))
    return linear(w.part("output"), np.tanh(linear(w.part("hidden"), scores @ h))), scores


def graph(w, h, tags, edges, heads=1):
    """Each pair's query and key are joined as the paper writes them."""
    table = w["marks.weight"] * np.sqrt(w["marks.weight"].shape[1])
    values, out = linear(w.part("exchange.value"), h), np.zeros_like(h)
    for i in range(len(h)):
        logits = np.full(len(h), -1e18)
        for j in range(len(h)):
            if edges[i, j] != PAD and tags[j] != PAD:
                query = np.concatenate([h[i], table[edges[i, j]], table[tags[i]]])
                key = np.concatenate([h[j], table[edges[i, j]], table[tags[j]]])
                logits[j] = query @ key
        out[i] = np.maximum(softmax(logits) @ values, 0)
    return out


def reference(system, ids, states, tags, edges, reply=None):
    w, heads = Weights.of(system), system.config.heads
    words = [i for i, word in enumerate(ids) if word != PAD]
    embedded = w["embedding.weight"] * np.sqrt(system.config.width)
    encoded, _ = encoder(w.part("encoder"), embedded[ids] + embedded[states], heads, words)
    labels = [SPECIAL.__len__() + system.config.words.index(e) for e in network_order(scale(SCALE).labels)]
    emotions = linear(w.part("of_emotion"), embedded[labels])
    dots = np.array([[linear(w.part("of_word"), embedded[word]) @ e for e in emotions] for word in ids])
    start = np.concatenate([linear(w.part("compress"), encoded), linear(w.part("correlation"), dots)], 1)
    narrow, _ = encoder(w.part("correlated"), start, heads, words)
    joined = graph(w, narrow, tags, edges)
    of_graph, _ = head(w.part("on_graph"), joined)
    of_encoder, weights = head(w.part("on_encoder"), encoded)
    spread = None if reply is None else told(w, np.concatenate([encoded, joined], 1), ids, reply, heads)
    return of_graph, of_encoder, weights, spread


def test_every_number_is_that_of_the_equations() -> None:
    system = drawn(layers=2)
    items = answered(TALK, ["sad", "joyful", "proud"], ["the day", "sad unheard-of home", None])
    batch = system.collate(items)
    outputs = {k: v.detach().numpy() for k, v in system(**batch.to("cpu").inputs).items()}
    order = [network_order(scale(SCALE).labels).index(label) for label in scale(SCALE).labels]
    for row in range(3):
        n, t = (batch.inputs["ids"][row] != PAD).sum(), (batch.inputs["reply"][row] != PAD).sum()
        cut = [batch.inputs["ids"][row, :n], batch.inputs["states"][row, :n], batch.inputs["tags"][row, :n]]
        reply = batch.inputs["reply"][row, :t] if t else None
        of_graph, of_encoder, weights, spread = reference(system, *cut, batch.inputs["edges"][row, :n, :n], reply)
        np.testing.assert_allclose(outputs[SCALE][row], (of_graph + of_encoder)[order], atol=1e-9)
        np.testing.assert_allclose(outputs[f"{SCALE}.graph"][row], of_graph[order], atol=1e-9)
        np.testing.assert_allclose(outputs["weights"][row, :n], weights, atol=1e-9)
        assert not outputs["weights"][row, n:].any()
        if t:
            np.testing.assert_allclose(np.exp(spread).sum(1), 1, atol=1e-12)
            np.testing.assert_allclose(outputs["told"][row, :t], spread[range(t), reply], atol=1e-9)
            assert outputs["said"][row, :t].tolist() == spread.argmax(1).tolist()
        assert not outputs["told"][row, t:].any()


def test_padding_counts_only_where_the_official_code_is_asked_for() -> None:
    system = drawn(compat=("pads",))
    batch = system.collate(answered(TALK, ["sad", "joyful", "proud"], [None] * 3))
    outputs = system(**batch.to("cpu").inputs)
    inputs = [batch.inputs[name][1] for name in ("ids", "states", "tags", "edges")]
    _, of_encoder, weights, _ = reference(system, *inputs)
    wanted = system.in_scale(torch.from_numpy(of_encoder)[None])[0]
    torch.testing.assert_close(outputs[f"{SCALE}.encoder"][1], wanted, atol=1e-9, rtol=0)
    np.testing.assert_allclose(outputs["weights"][1].detach().numpy(), weights, atol=1e-9)
    alone = system(**system.collate(answered(TALK[1:2], ["joyful"], [None])).to("cpu").inputs)
    assert (alone[SCALE][0] - outputs[SCALE][1]).abs().max() > 1e-3
    ours = drawn()
    together, single = ours.token_weights(TALK[1]), next(iter(ours.run(TALK)))[0]["weights"][1, 1:3]
    np.testing.assert_allclose([w for _, w in together], single, atol=1e-6)


def test_the_loss_is_both_heads_and_the_words_of_the_answers() -> None:
    system = drawn()
    batch = system.collate(answered(TALK, ["sad", "joyful", "proud"], ["the day", None, "sad home"])).to("cpu")
    outputs = system(**batch.inputs)
    terms = system.loss(outputs, batch)
    gold = batch.targets[SCALE].argmax(1)
    for name in ("graph", "encoder"):
        wanted = torch.nn.functional.cross_entropy(outputs[f"{SCALE}.{name}"], gold)
        torch.testing.assert_close(terms[f"{SCALE}.{name}"], wanted)
    torch.testing.assert_close(terms["reply"], -outputs["told"].sum() / 6)  # five words and two ends, one unknown row
    silent = system.collate(as_items(TALK)).to("cpu")
    with pytest.raises(ConfigError, match="neither emotions nor answers"):
        system.loss(outputs, silent)


def test_a_gradient_reaches_all_weights_where_answers_are_known() -> None:
    system = build("escm/tiny")
    loss_of(system, answered(TALK, ["sad", "joyful", "proud"], ["the day", "went", "sad home"]), 0).backward()
    still = [name for name, p in system.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert not still


# -- input -------------------------------------------------------------------------------------------------------------
def test_who_speaks_and_what_was_said_before() -> None:
    system = build("escm/tiny")
    turns = [("a", "Happy day!"), ("b", "We went home"), ("a", ""), ("a", "sad")]
    talk = Dialogue(tuple(Sample(id=str(i), text=text, track=who) for i, (who, text) in enumerate(turns)))
    batch = system.collate([talk])
    number = {word: i for i, word in enumerate((*SPECIAL, *system.config.words))}
    said = ["CLS", "happy", "day", "UNK", "we", "went", "home", "PAD"]
    assert batch.inputs["ids"][1].tolist() == [number[w] for w in said]
    assert batch.inputs["states"][1].tolist() == [number[w] for w in ["CLS", *["USR"] * 3, *["SYS"] * 3, "PAD"]]
    replies = batch.inputs["reply"]
    assert replies[0].tolist() == [number[w] for w in ["we", "went", "home", "EOS"]]
    assert (replies[2:] == PAD).all()  # the next turn is the same person's, and there is none after the last
    assert "empty" in batch.notes[2].flags
    assert np.isnan(system.read([talk]).scores(SCALE)[2]).all()
    assert system.emotions(talk).keys() == set(scale(SCALE).labels)


def test_of_a_long_context_the_last_words_are_read() -> None:
    system = build("escm/tiny", longest=3)
    batch = system.collate(as_items("the long day was sad\nwe went home\nangry"))
    assert batch.notes[0].words == ["went", "home", "angry"]
    assert "truncated" in batch.notes[0].flags
    shorter = system.collate(as_items("x x x x x\nx went home\nangry"))
    assert (batch.inputs["edges"] == shorter.inputs["edges"]).all()


def test_without_a_parse_a_turn_is_a_chain() -> None:
    system = build("escm/tiny")
    batch = system.collate(as_items("the long\nday"))
    chain = len(MARKS)
    assert batch.inputs["edges"][0].tolist() == [[4, 4, 4, 4], [4, chain, chain, 1], [4, 1, 1, 1], [4, 1, 1, chain]]
    assert batch.notes[0].flags == [CHAIN]


def parsed(**changes):
    arrays = {
        "tokens": np.array(["The", "day", "ends"]),
        "tags": np.array(["DT", "NN", "XX"]),
        "heads": np.array([2, 3, 0]),
        "relations": np.array(["det", "nsubj", "root"]),
    }
    return Sample(id="p", text="The day ends", features=arrays | changes)


def test_a_parse_ties_heads_to_their_dependents() -> None:
    system = build("escm/tiny", marks=("DT", "NN", "det", "nsubj", "root"))
    batch = system.collate([parsed()])
    det, nsubj, root = (len(MARKS) + i for i in (2, 3, 4))
    assert batch.inputs["tags"][0].tolist() == [3, 5, 6, 0]
    assert batch.inputs["edges"][0].tolist() == [[4, 4, 4, 4], [4, 1, 1, 1], [4, det, 1, 1], [4, 1, nsubj, root]]
    assert batch.notes[0].flags == []
    assert batch.notes[0].words == ["the", "day", "ends"]
    with pytest.raises(InputError, match="arrays of lengths"):
        system.collate([parsed(heads=np.array([0, 1]))])
    with pytest.raises(InputError, match="heads from 0 to 4"):
        system.collate([parsed(heads=np.array([2, 4, 0]))])


def test_words_and_vectors_of_a_file_belong_to_the_checkpoint(tmp_path) -> None:
    vectors = np.random.default_rng(0).normal(size=(2, 16)).astype(np.float32)
    write_vectors(WordVectors(("joyful", "storm"), vectors), tmp_path / "w.npy")
    system = build("escm/tiny", vectors=str(tmp_path / "w.npy"))
    assert system.config.words[:2] == ("joyful", "storm")
    assert len(system.config.words) == 2 + 31  # the other labels are added
    np.testing.assert_array_equal(system.embedding.weight[7:9].detach().numpy(), vectors)
    system.save_pretrained(tmp_path / "saved")
    (tmp_path / "w.npy").unlink()
    again = load(str(tmp_path / "saved"))
    assert again.config.words == system.config.words
    write_vectors(WordVectors(("a",), vectors[:1, :2]), tmp_path / "short.npy")
    with pytest.raises(ConfigError, match="have 2 numbers"):
        build("escm/tiny", vectors=str(tmp_path / "short.npy"))
    with pytest.raises(ConfigError, match="one scale of kind one-of"):
        build("escm/tiny", targets=(Target("valence", "felt"),))


# -- learning and answering --------------------------------------------------------------------------------------------
def test_a_planted_word_is_found_and_answers_are_learned() -> None:
    rng = np.random.default_rng(0)
    filler = ["the", "day", "was", "long", "we", "went", "home"]
    triggers = {
        "sad": ("sad", "angry home"),
        "happy": ("joyful", "happy day"),
        "afraid": ("afraid", "home"),
        "angry": ("angry", "day"),
    }
    made = [(trigger, [*rng.choice(filler, 6)]) for trigger in [*triggers, None] * 10]
    for trigger, words in made:
        if trigger:
            words.insert(int(rng.integers(7)), trigger)
    labels, replies = zip(*(triggers.get(trigger, ("content", None)) for trigger, _ in made), strict=True)
    items = answered([" ".join(words) for _, words in made], labels, replies)
    torch.manual_seed(0)
    system = build("escm/tiny")
    descend(system.parameters(), lambda step: loss_of(system, items, step), steps=60, rate=1e-2)
    marked = [(trigger, system.token_weights(" ".join(words))) for trigger, words in made if trigger]
    assert np.mean([max(pairs, key=lambda pair: pair[1])[0] == trigger for trigger, pairs in marked]) >= 0.9
    assert system.answers(["the sad day", "happy home"]) == ["angry home", "happy day"]
    reply = system.respond(Dialogue((Sample(id="a", text="sad day"),)))
    assert reply.text == "angry home"
    assert reply.reasons[0].startswith("the speaker feels sad")
    evidence = system.read(["we went home sad"])[0].evidence
    assert max(evidence, key=lambda e: e.weight).text == "sad"
    with pytest.raises(InputError, match="can't be told what to show"):
        system.respond(Dialogue((Sample(id="a", text="sad"),)), Affect({}, None, None))
    with pytest.raises(InputError, match="no turns"):
        system.respond(Dialogue(()))


# -- official weights --------------------------------------------------------------------------------------------------
_THEIRS = {
    "embedding.": "embedding.lut.", "marks.": "tag_rel_embedding.lut.", "correlated.": "emo_encoder.",
    "exchange.value.": "gcn_encoder.value_linear.", "of_word.": "word_linear.", "of_emotion.": "emotion_linear.",
    "correlation.": "cosine_linear.", "compress.": "w_word_embed.",
    "on_graph.attention.": "attention_layer2.", "on_graph.score.": "attention_v2.",
    "on_graph.hidden.": "hidden_layer2.", "on_graph.output.": "output_layer2.",
    "on_encoder.attention.": "attention_layer.",
    "on_encoder.score.": "attention_v.", "on_encoder.hidden.": "hidden_layer.", "on_encoder.output.": "output_layer.",
    "generator.words.": "generator.proj.", "generator.gate.": "generator.p_gen_linear.",
}  # fmt: skip


def theirs(name, beginnings):
    """The official name of one of our parameters."""
    found = next((old for old in beginnings if name.startswith(old)), None)
    name = name if found is None else beginnings[found] + name[len(found) :]
    decodes = name.startswith("decoder.")
    for ours, official in {
        ".layers.": ".dec." if decodes else ".enc.",
        ".entry.": ".embedding_proj.",
        ".context.": ".multi_head_attention_enc_dec.",
        ".0.attention.": ".0.multi_head_attention_dec." if decodes else ".0.multi_head_attention.",
        ".feed.first.": ".positionwise_feed_forward.layers.0.conv.",
        ".feed.second.": ".positionwise_feed_forward.layers.1.conv.",
        ".norm1.": ".layer_norm_mha_dec." if decodes else ".layer_norm_mha.",
        ".norm2.": ".layer_norm_mha_enc." if decodes else ".layer_norm_ffn.",
        ".norm3.": ".layer_norm_ffn.",
        ".norm.": ".layer_norm.",
        ".query.": ".query_linear.", ".key.": ".key_linear.", ".value.": ".value_linear.",
    }.items():  # fmt: skip
        name = name.replace(ours, official)
    if "multi_head" in name:
        name = name.replace(".output.", ".output_linear.")
    return name


def test_official_names_load_and_strange_ones_are_told() -> None:
    source = drawn().float()
    state = {theirs(name, _THEIRS): value for name, value in source.state_dict().items()}
    state["cog_lin.lin_1.weight"] = torch.zeros(2, 2)  # in the original's file, and never used
    loaded = from_official(state, VARIANTS["tiny"])
    for name, value in source.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], value)
    with pytest.raises(CheckpointError, match="don't fit ESCM"):
        from_official(state | {"more": torch.zeros(1)}, VARIANTS["tiny"])
