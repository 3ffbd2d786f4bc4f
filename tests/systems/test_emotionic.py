import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from affectus.corpora.base import with_gold
from affectus.errors import CheckpointError, ConfigError, InputError
from affectus.nn.crf import SkipChainCRF
from affectus.registry import build
from affectus.sample import Dialogue, Sample
from affectus.systems.emotionic import EmotionIC, EmotionICConfig, flow, from_official
from affectus.taxonomy import Target, scale

GOLDEN = Path(__file__).parents[1] / "golden" / "emotionic"
IO = load_file(GOLDEN / "io.safetensors")
MELD = (Target("meld-7", "perceived"),)
CLOSE = {"atol": 1e-4, "rtol": 0.0}


def first(name: str) -> Tensor:
    """A reference tensor with the dialogues first."""
    return IO[name].transpose(0, 1)


VALID = first("umask").bool()
LENGTHS = VALID.sum(1)
EMISSIONS = first("emissions2")


@pytest.fixture(scope="module")
def official() -> EmotionIC:
    config = EmotionICConfig(
        targets=(Target("iemocap-4", "perceived"),), backbone=None, width=32, hidden=24, inner=24, layers=2, depth=2,
        compat=("centred-on-padding",),
    )  # fmt: skip
    network, crf = (load_file(GOLDEN / f"{name}.safetensors") for name in ("model_weights", "skipcrf_weights"))
    return from_official(network, crf, config)


def flows() -> list[tuple[Tensor, ...]]:
    out = []
    for numbers, size in zip(first("speaker"), LENGTHS, strict=True):
        found = flow(numbers[:size].numpy())
        out.append(tuple(torch.from_numpy(x) for x in found))
    return out


def wide(rows: list[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


# -- the public code ---------------------------------------------------------------------------------------------------
def test_edges_and_influence_are_those_of_the_public_code() -> None:
    edges, influence = (wide(list(x)) for x in zip(*flows(), strict=True))
    assert torch.equal(edges[..., 0].long()[VALID], first("inertia_edge")[VALID])
    assert torch.equal(edges[..., 1].long()[VALID], first("contagion_edge")[VALID])
    scales = IO["diagru_influence_scale"].permute(2, 1, 0)
    torch.testing.assert_close(influence[VALID], scales[VALID], **CLOSE)


@torch.no_grad()
def test_each_part_gives_what_the_public_code_gives(official: EmotionIC) -> None:
    text = first("text")
    edges, influence = (wide(list(x)) for x in zip(*flows(), strict=True))
    around = official.globally(text, first("speaker"), VALID)
    local = official.locally(text, first("speaker"), edges * influence)
    for found, name in ((around, "immha_output"), (local, "diagru_output")):
        torch.testing.assert_close(found[VALID], first(name)[VALID], **CLOSE)
    fused = official.fused(around, local, text)
    torch.testing.assert_close(fused[VALID], first("fc_embed")[VALID], **CLOSE)
    torch.testing.assert_close(official.output(fused).log_softmax(-1)[VALID], first("log_probs")[VALID], **CLOSE)


@torch.no_grad()
def test_likelihood_and_paths_are_those_of_the_public_code(official: EmotionIC) -> None:
    tags, speakers, crf = first("tags"), first("speaker"), official.crf
    assert crf is not None
    for emissions, number in ((first("log_probs"), ""), (EMISSIONS, "2")):
        found = crf.score(emissions, tags, VALID, speakers)
        torch.testing.assert_close(found, IO[f"crf_score_of_tags{number}"], **CLOSE)
        likelihood = crf.log_likelihood(emissions, tags, VALID, speakers)
        torch.testing.assert_close(likelihood, IO[f"crf_loglik{number}"], **CLOSE)
        assert torch.equal(crf.viterbi(emissions, VALID, speakers)[VALID], IO[f"viterbi{number}"][VALID])
    log_z = crf.log_partition(EMISSIONS, VALID, speakers)
    torch.testing.assert_close(log_z, IO["crf_log_partition2"], **CLOSE)
    counted = log_z[IO["bruteforce_dialogue_index"]]
    torch.testing.assert_close(counted, IO["bruteforce_log_partition2"], **CLOSE)


def dialogues_of_the_reference() -> list[Dialogue]:
    labels = torch.nn.functional.one_hot(first("tags"), 4).float().numpy()
    out = []
    for d, size in enumerate(LENGTHS.tolist()):
        turns = [
            Sample(id=f"{d}-{i}", source=str(d), item=i, text="…", track=f"p{int(first('speaker')[d, i])}",
                   features={"text": first("text")[d, i].numpy()})
            for i in range(size)
        ]  # fmt: skip
        gold = {"iemocap-4": labels[d, :size]}
        turns = with_gold(turns, gold, perspective="perceived", by="made", modality="text")
        out.append(Dialogue(tuple(turns), id=str(d)))
    return out


@torch.no_grad()
def test_from_items_to_loss_and_labels_as_the_public_code(official: EmotionIC) -> None:
    items = dialogues_of_the_reference()
    batch = official.collate(items).to("cpu")
    outputs = official(**batch.inputs)
    torch.testing.assert_close(outputs["iemocap-4"], first("log_probs")[VALID], **CLOSE)
    torch.testing.assert_close(official.loss(outputs, batch)["iemocap-4"], IO["crf_loss_token_mean"], **CLOSE)
    read = official.read(items, batch_size=len(items))
    names = scale("iemocap-4").labels
    assert [a.labels for a in read] == [(names[k],) for k in IO["viterbi"][VALID]]


def test_published_size_has_the_published_tensors() -> None:
    manifest = json.loads((GOLDEN / "manifest.json").read_text())
    with torch.device("meta"):
        network, crf = (
            {name: torch.empty(shape) for name, shape in manifest[key].items()}
            for key in ("EmotionIC[hidden_dim=768,output_dim=6,trans_n_layers=5,indi_n_layer=3]", "SkipCRF[num_tags=6]")
        )
        system = from_official(
            network, crf, EmotionICConfig(targets=(Target("iemocap-6", "perceived"),), backbone=None)
        )
    unused = sum(5 * [1024 * 1024])  # the keys that the original projects and never reads
    count = sum(p.numel() for p in system.parameters()) - sum(p.numel() for p in system.crf.parameters())
    assert count + unused == pytest.approx(62.0e6, rel=2e-3)


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(CheckpointError, match="EmotionIC"):
        from_official({"other.weight": torch.zeros(2)}, {}, EmotionICConfig(targets=MELD, width=32, hidden=8))


# -- rules of the paper on examples ------------------------------------------------------------------------------------
def test_influence_on_a_worked_example() -> None:
    found = flow(np.array([0, 1, 0, 0, 2, 1]))
    assert found.edges[:, 0].tolist() == [False, False, True, True, False, False]  # 1 was there before, but not A-B-A
    assert found.edges[:, 1].tolist() == [False, True, True, False, True, True]
    sigmoid = 1 / (1 + np.exp(-np.array([0, 1, 0]) / 2))
    np.testing.assert_allclose(found.influence[[1, 2, 4], 1], sigmoid, rtol=1e-6)
    np.testing.assert_allclose(found.influence[[2, 3], 0], 1 / (1 + np.exp(np.array([1, 0]) - 3.0)), rtol=1e-6)


# -- a system like any other -------------------------------------------------------------------------------------------
def tiny(**changes: object) -> EmotionIC:
    torch.manual_seed(0)
    return build("emotionic/tiny", **changes).eval()


def talk(*said: tuple[str | None, str], **changes: object) -> Dialogue:
    turns = [Sample(id=str(i), source="talk", item=i, text=text, track=who) for i, (who, text) in enumerate(said)]
    return Dialogue(tuple(replace(t, **changes) for t in turns), id="talk")  # type: ignore[arg-type]


TALK = (("ann", "we won"), ("ben", "oh no"), ("ann", "what is it"), ("cem", "he lost"), ("ann", "sorry"))


@pytest.mark.parametrize("context", ["full", "past"])
def test_names_change_nothing_and_other_dialogues_neither(context: str) -> None:
    system = tiny(context=context)
    renamed = {"ann": "zoe", "ben": "ann", "cem": "ben"}
    here = system.read([talk(*TALK)]).scores("meld-7")
    there = system.read([talk(*((renamed[who], text) for who, text in TALK)), talk(*TALK * 3)]).scores("meld-7")
    np.testing.assert_allclose(here, there[: len(TALK)], atol=1e-6)


def test_states_of_layers_and_encoders_stand_side_by_side() -> None:
    system = tiny(states=(1, -1), peaks=True, beside="tiny:bert", entry=16, max_length=8)
    long = " ".join(f"word{i}" for i in range(30))
    turns = talk(("ann", "we won"), ("ben", " "), ("ann", long))
    batch = system.collate([turns]).to("cpu")
    with torch.no_grad():
        states = system.encode(**batch.inputs)["states"]
        windows = {k: v for k, v in batch.inputs.items() if k in ("ids", "valid")}
        layers = system.backbone(windows["ids"], windows["valid"].long(), output_hidden_states=True).hidden_states
    width = system.backbone.config.hidden_size
    assert states.shape == (3, 6 * width)
    assert not states[1].any()
    for turn in (0, 2):
        mine = batch.inputs["content"] & (batch.inputs["owner"] == turn)[:, None]
        for at, wanted in ((0, layers[1][mine].mean(0)), (1, layers[-1][mine].mean(0)), (2, layers[-1][mine].amax(0))):
            torch.testing.assert_close(states[turn, at * width : (at + 1) * width], wanted)
    assert np.isfinite(system.read([turns]).scores("meld-7")[[0, 2]]).all()
    with pytest.raises(ConfigError, match="states"):
        tiny(states=(9,))


def test_what_learned_both_ways_reads_both_ways() -> None:
    system = tiny(context="both")
    past, full = system.read([talk(*TALK)]), system.seeing("full").read([talk(*TALK)])
    np.testing.assert_allclose(past.scores("meld-7")[:2], system.read([talk(*TALK[:2])]).scores("meld-7"), atol=1e-6)
    assert np.abs(past.scores("meld-7")[:2] - full.scores("meld-7")[:2]).max() > 1e-4
    assert system.sees == "past"  # the other one is a copy
    with torch.no_grad():
        encoded = system.encode(**system.collate([talk(*TALK)]).to("cpu").inputs)
        drawn = {float(system.train().head(**encoded)["meld-7"][0, 0]) for _ in range(20)}
    assert len(drawn) == 2  # without dropout, by lot: with what follows or without
    with pytest.raises(ConfigError, match="whole dialogues"):
        tiny(context="full").seeing("past")


def test_past_context_never_reads_ahead() -> None:
    system = tiny(context="past")
    whole = system.read([talk(*TALK)])
    for n in range(1, len(TALK) + 1):
        cut = system.read([talk(*TALK[:n])])
        np.testing.assert_allclose(whole.scores("meld-7")[:n], cut.scores("meld-7"), atol=1e-6)
    ahead = tiny(context="full")
    gap = ahead.read([talk(*TALK)]).scores("meld-7")[:2] - ahead.read([talk(*TALK[:2])]).scores("meld-7")
    assert np.abs(gap).max() > 1e-4


def test_padding_changes_the_public_code_and_not_ours() -> None:
    short, long = talk(*TALK[:2]), talk(*TALK * 3)
    ours, theirs = tiny(), tiny(compat=["centred-on-padding"])
    for system, bound in ((ours, 1e-5), (theirs, None)):
        gap = np.abs(system.read([short, long]).scores("meld-7")[:2] - system.read([short]).scores("meld-7")).max()
        assert gap <= bound if bound is not None else gap > 1e-6


def test_scores_are_the_marginals_and_labels_the_best_path() -> None:
    system = tiny()
    (outputs, batch), = system.run([talk(*TALK)])  # fmt: skip
    emissions = torch.from_numpy(outputs["meld-7"])[None]
    valid, who = torch.ones(1, len(TALK), dtype=torch.bool), torch.tensor([[0, 1, 0, 2, 0]])
    read = system.decode(outputs, batch)
    np.testing.assert_allclose(read.scores("meld-7"), system.crf.marginals(emissions, valid, who)[0], atol=1e-6)
    names = scale("meld-7").labels
    path = [names[k] for k in system.crf.viterbi(emissions, valid, who)[0]]
    assert [a.labels for a in read] == [(name,) for name in path]


def test_sizes_of_conversations() -> None:
    system = tiny()
    one = system.read([talk(("ann", "hello"))])
    assert len(one) == 1
    many = talk(*((f"person {i % 40}", f"turn {i}") for i in range(1000)))
    scores = system.read([many]).scores("meld-7")
    assert scores.shape == (1000, 7)
    assert np.isfinite(scores).all()
    assert len(system.read([Dialogue(())])) == 0


def test_turns_that_lack_something_are_flagged() -> None:
    system = tiny()
    read = list(system.read([talk(("ann", "we won"), (None, "oh"), ("ann", " "), (None, "well"))]))
    assert [a.flags for a in read] == [(), ("unknown-speaker",), ("empty",), ("unknown-speaker",)]
    assert read[2].labels == ()
    turns = [replace(t, start=s, end=s + 1) for t, s in zip(talk(*TALK).turns, (0.0, 2.0, 1.5, 1.0, 4.0), strict=True)]
    late = system.read([Dialogue(tuple(turns))])
    assert [bool(a.flags) for a in late] == [False, False, True, True, False]
    with pytest.raises(InputError, match="has no text"):
        system.read([talk(("ann", "hi"), text=None)])
    with pytest.raises(InputError, match="features 'text'"):
        build("emotionic/base", width=16, hidden=8, inner=8, layers=1, depth=1).read([talk(*TALK)])


def test_configurations_that_make_no_sense_are_named() -> None:
    with pytest.raises(ConfigError, match="one scale"):
        tiny(targets=[{"scale": "valence-arousal", "perspective": "perceived"}])
    with pytest.raises(ConfigError, match="compat"):
        tiny(compat=["no-such-bug"])
    with pytest.raises(ConfigError, match="heads"):
        tiny(heads=5)


def test_turns_without_gold_are_summed_out() -> None:
    system = tiny()
    rows = np.full((5, 7), np.nan, np.float32)
    rows[[0, 3]] = np.eye(7, dtype=np.float32)[[4, 0]]
    turns = with_gold(list(talk(*TALK).turns), {"meld-7": rows}, perspective="perceived", by="made", modality="text")
    batch = system.collate([Dialogue(tuple(turns))]).to("cpu")
    outputs = system(**batch.inputs)
    tags = torch.tensor([[4, -1, -1, 0, -1]])
    valid, who = torch.ones(1, 5, dtype=torch.bool), torch.tensor([[0, 1, 0, 2, 0]])
    wanted = -system.crf.log_likelihood(outputs["meld-7"][None], tags, valid, who)[0] / 5
    torch.testing.assert_close(system.loss(outputs, batch)["meld-7"], wanted)


def test_states_that_last_are_found_by_the_crf_and_not_by_a_softmax() -> None:
    """Known truth: people mostly copy their own state before; a single turn tells little."""
    rng = np.random.default_rng(0)
    k, t, n = 3, 20, 60
    who = np.stack([np.arange(t) % 2] * n)
    states = np.zeros((n, t), np.int64)
    for d in range(n):
        for i in range(t):
            states[d, i] = states[d, i - 2] if i > 1 and rng.random() < 0.9 else rng.integers(k)
    emissions = torch.from_numpy(rng.standard_normal((n, t, k)) + np.eye(k)[states])
    speakers, tags, valid = torch.from_numpy(who), torch.from_numpy(states), torch.ones(n, t, dtype=torch.bool)
    torch.manual_seed(0)
    crf = SkipChainCRF(k).double()
    optimiser = torch.optim.Adam(crf.parameters(), lr=0.1)
    half = slice(0, n // 2), slice(n // 2, n)
    for _ in range(40):
        optimiser.zero_grad()
        learned = half[0]
        (-crf.log_likelihood(emissions[learned], tags[learned], valid[learned], speakers[learned]).mean()).backward()
        optimiser.step()
    asked = half[1]
    softmax = (emissions[asked].argmax(-1) != tags[asked]).float().mean()
    chained = (crf.viterbi(emissions[asked], valid[asked], speakers[asked]) != tags[asked]).float().mean()
    assert chained < 0.6 * softmax
