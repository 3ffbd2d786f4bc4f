from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import RobertaConfig, RobertaModel

from affectus import backbones
from affectus.backbones import Backbone
from affectus.corpora.base import with_gold
from affectus.errors import CheckpointError, ConfigError, InputError
from affectus.nn.losses import focal_loss
from affectus.registry import build
from affectus.sample import BIG_FIVE, Dialogue, Persona, Sample
from affectus.systems.personality_emotion_transition import (
    ANCHORS,
    EMOTIONS,
    PersonalityEmotionTransition,
    PersonalityEmotionTransitionConfig,
    from_official,
    nearness,
    official_focal,
    temperament,
)
from affectus.taxonomy import Target, scale
from affectus.training.calibration import fit_readouts

NEXT = (Target("peld-7", "intended"),)
LABELS = scale(EMOTIONS).labels
ROLES = {  # Big Five, and what the formula makes of them
    "Chandler": ((0.648, 0.375, 0.386, 0.580, 0.477), (0.51389, -0.00069, 0.27175)),
    "Joey": ((0.574, 0.614, 0.297, 0.545, 0.455), (0.47037, -0.00975, 0.25168)),
    "Monica": ((0.713, 0.457, 0.457, 0.660, 0.511), (0.58246, 0.01368, 0.31894)),
    "Phoebe": ((0.600, 0.480, 0.310, 0.460, 0.560), (0.44290, -0.09120, 0.27040)),
    "Rachel": ((0.635, 0.354, 0.521, 0.552, 0.469), (0.52420, -0.00648, 0.35489)),
    "Ross": ((0.722, 0.489, 0.600, 0.533, 0.356), (0.50811, 0.06528, 0.45307)),
}


def person(name: str, *traits: float) -> Persona:
    return Persona(name, dict(zip(BIG_FIVE, traits or (0.5, 0.4, 0.6, 0.7, 0.3), strict=True)))


def talk(*said: tuple[str | None, str], feels: str = "", **known: Persona) -> Dialogue:
    """Turns of which the first was said with an emotion."""
    turns = [Sample(id=str(i), source="talk", item=i, text=text, track=who) for i, (who, text) in enumerate(said)]
    if feels:
        turns[0] = replace(turns[0], features={EMOTIONS: np.eye(7)[LABELS.index(feels)]})
    return Dialogue(tuple(turns), persona=known, id="talk")


ANN = person("ann")
TALK = talk(("ann", "we won"), ("bob", "oh no"), ("ann", "unheard"), feels="joy", ann=ANN)


def tiny(**changes: object) -> PersonalityEmotionTransition:
    torch.manual_seed(0)
    return build("personality-emotion-transition/tiny", **{"unknown": "error", **changes}).eval()


# -- constants and equations -------------------------------------------------------------------------------------------
def test_anchors_and_prior_are_the_published_ones() -> None:
    found = dict(zip(LABELS, ANCHORS, strict=True))
    assert found["joy"] == (0.81, 0.51, 0.46)
    assert found["neutral"] == (0, 0, 0)
    assert found["fear"] == (-0.62, 0.82, -0.43)
    for traits, wanted in ROLES.values():
        made = temperament(torch.tensor(traits, dtype=torch.float64))
        np.testing.assert_allclose(made, wanted, atol=5.1e-6)


def official_state(width: int, *, device: str = "cpu", **shape: int) -> tuple[RobertaModel, dict[str, Tensor]]:
    """An encoder, and a state dict with the names and shapes of the public code."""
    config = RobertaConfig(
        hidden_size=width, type_vocab_size=1, attn_implementation="eager", layer_norm_eps=1e-5, **shape
    )
    torch.manual_seed(3)
    with torch.device(device):
        encoder = RobertaModel(config).eval()
        heads = {
            "utter_classifier.reduce": (width, 2 * width), "utter_classifier.dense": (width, width),
            "utter_classifier.out_proj": (3, width), "init_trans": (3, 3), "vad_para_trans": (3, 3),
            "vad_to_hidden": (width, 3), "classifier.dense": (width, width), "classifier.out_proj": (7, width),
        }  # fmt: skip
        state = {f"roberta.{name}": value for name, value in encoder.state_dict().items()}
        for name, (rows, columns) in heads.items():
            state |= {f"{name}.weight": torch.randn(rows, columns), f"{name}.bias": torch.randn(rows)}
    return encoder, state


@pytest.mark.parametrize("compat", [(), ("official-mask",)])
@torch.no_grad()
def test_the_whole_forward_is_that_of_the_equations(compat: tuple[str, ...], tmp_path: Path) -> None:
    """In float64 and as the public code lays it out: both utterances on the channel axis, then the first position."""
    shape = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 40}
    encoder, state = official_state(16, **shape, max_position_embeddings=20)
    encoder.save_pretrained(tmp_path)
    config = PersonalityEmotionTransitionConfig(targets=NEXT, backbone=str(tmp_path), compat=compat)
    system = from_official(state, config).double()
    rng = np.random.default_rng(0)
    b, t = 5, 9
    valid = np.arange(t) < rng.integers(4, t + 1, (b, 2))[..., None]
    ids = np.where(valid, rng.integers(2, 40, (b, 2, t)), 1)  # 1 fills
    ids[:, :, 0] = 0  # the token that stands first
    traits, before = np.array([ROLES[name][0] for name in list(ROLES)[:b]]), rng.integers(0, 7, b)
    emotion = np.array(ANCHORS)[before]
    tensors = {
        "ids": torch.from_numpy(ids), "valid": torch.from_numpy(valid), "content": torch.from_numpy(valid),
        "emotion": torch.from_numpy(emotion), "traits": torch.from_numpy(traits),
    }  # fmt: skip
    found = system(**tensors)

    w = {name: value.double().numpy() for name, value in state.items()}
    mask = ids > 0 if compat else valid
    double = encoder.double()
    hidden = [
        double(torch.from_numpy(ids[:, n]), attention_mask=torch.from_numpy(mask[:, n]).long())[0].numpy()
        for n in (0, 1)
    ]

    def dense(x: np.ndarray, name: str) -> np.ndarray:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    first = dense(np.concatenate(hidden, 2), "utter_classifier.reduce")[:, 0]
    delta = dense(np.tanh(dense(first, "utter_classifier.dense")), "utter_classifier.out_proj")
    o, c, e, a, n = traits.T
    prior = np.stack([
        0.21 * e + 0.59 * a + 0.19 * n, 0.15 * o + 0.30 * a - 0.57 * n, 0.25 * o + 0.17 * c + 0.60 * e - 0.32 * a
    ], 1)  # fmt: skip
    vad = emotion + delta * dense(prior, "vad_para_trans")
    logits = dense(np.tanh(dense(dense(vad, "vad_to_hidden"), "classifier.dense")), "classifier.out_proj")
    np.testing.assert_allclose(found["vad"], vad, atol=1e-9)
    np.testing.assert_allclose(found["peld-7"], logits, atol=1e-9)


def test_published_size_has_the_published_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = {"vocab_size": 50265, "max_position_embeddings": 514}
    encoder, state = official_state(768, device="meta", **shape)
    sizes = {name: value.numel() for name, value in state.items()}
    roberta = [count for name, count in sizes.items() if name.startswith("roberta.")]
    assert (len(roberta), sum(roberta)) == (199, 124_645_632)
    own = {
        "reduce": 1_180_416, "affective.dense": 590_592, "affective.out_proj": 2_307, "adaptation": 12, "spread": 3_072,
        "classifier.dense": 590_592, "classifier.out_proj": 5_383,
    }  # fmt: skip
    monkeypatch.setattr(backbones, "text_encoder", lambda how: encoder)
    with torch.device("meta"):
        system = from_official(state, PersonalityEmotionTransitionConfig(targets=NEXT, backbone="roberta-base"))
    parts = dict(system.named_modules())
    assert {name: sum(p.numel() for p in parts[name].parameters()) for name in own} == own


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    shape = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8, "vocab_size": 9}
    encoder, state = official_state(8, **shape, max_position_embeddings=9)
    encoder.save_pretrained(tmp_path)
    config = PersonalityEmotionTransitionConfig(targets=NEXT, backbone=str(tmp_path))
    for wrong in ({**state, "other.weight": torch.zeros(2)}, {k: v for k, v in state.items() if "vad_to" not in k}):
        with pytest.raises(CheckpointError, match="PersonalityEmotionTransition"):
            from_official(wrong, config)


@torch.no_grad()
def test_no_step_and_the_nearest_anchor_give_the_emotion_before() -> None:
    system = tiny(readout="nearest", loss="squared")
    system.affective.out_proj.weight.zero_()
    system.affective.out_proj.bias.zero_()
    for label in LABELS:
        read = system.read([talk(("ann", "hello"), ("bob", "well"), ("ann", ""), feels=label, ann=ANN)])
        assert read[-1].labels == (label,)
    sharp, flat = (tiny(readout="nearest", sharpness=s).logits([TALK])[EMOTIONS][-1] for s in (8, 1))
    np.testing.assert_allclose(sharp, 8 * flat, rtol=1e-5)
    points = torch.randn(20, 3)
    mse = [[np.mean([(x - y) ** 2 for x, y in zip(p, a, strict=True)]) for a in ANCHORS] for p in points.tolist()]
    np.testing.assert_allclose(nearness(points), -np.array(mse), atol=1e-5)


@torch.no_grad()
def test_a_personality_that_moves_by_nothing_makes_what_was_said_irrelevant() -> None:
    system = tiny()
    other = talk(("ann", "quite different"), ("bob", "words of some length"), ("ann", ""), feels="joy", ann=ANN)
    assert np.ptp([system.read([t]).scores(EMOTIONS)[-1] for t in (TALK, other)], axis=0).max() > 1e-4
    system.adaptation.weight.zero_()
    system.adaptation.bias.zero_()
    assert np.ptp([system.read([t]).scores(EMOTIONS)[-1] for t in (TALK, other)], axis=0).max() == 0


# -- losses ------------------------------------------------------------------------------------------------------------
def test_losses_on_examples() -> None:
    rng = np.random.default_rng(1)
    z, y = rng.standard_normal((6, 7)), rng.integers(0, 7, 6)
    gold = np.eye(7)[y]
    gold[4] = np.nan
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    rows = [i for i in range(6) if i != 4]
    weights = [(1 - 1 / (1 + np.exp(-z[i, y[i]]))) ** 2 for i in rows]
    official = sum(-w * np.log(p[i, y[i]]) for w, i in zip(weights, rows, strict=True)) / sum(weights)
    standard = np.mean([-((1 - p[i, y[i]]) ** 2) * np.log(p[i, y[i]]) for i in rows])
    logits, truth = torch.from_numpy(z), torch.from_numpy(gold)
    assert official_focal(logits, truth).item() == pytest.approx(official)
    assert focal_loss(logits, truth).item() == pytest.approx(standard)
    plain = np.mean([-np.log(p[i, y[i]]) for i in rows])
    assert focal_loss(logits, truth, gamma=0).item() == pytest.approx(plain)
    for loss in (official_focal, focal_loss):
        assert loss(logits, torch.full_like(truth, torch.nan)).item() == 0


def judged(dialogue: Dialogue, label: str, name: str = EMOTIONS) -> Dialogue:
    of = scale(name)
    turns = with_gold([dialogue.turns[-1]], {name: np.eye(len(of))[[of.index(label)]]}, perspective="intended",
                      by="made", modality="text")  # fmt: skip
    return replace(dialogue, turns=(*dialogue.turns[:-1], *turns))


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"personality": False}, {"loss": "focal"}, {"loss": "focal", "focal": "peld-official"},
        {"readout": "nearest", "sharpness": 10}, {"readout": "nearest", "loss": "squared"}, {"mode": "personality"},
        {"mode": "utterances"},
    ],
    ids=str,
)  # fmt: skip
def test_every_mode_and_loss_descends(changes: dict[str, object]) -> None:
    system = tiny(**changes).train()
    batch = system.collate([judged(TALK, "anger"), judged(TALK, "anger"), TALK]).to("cpu")
    optimiser = torch.optim.Adam(system.parameters(), lr=1e-2)
    seen = []
    for _ in range(30):
        optimiser.zero_grad()
        loss = system.loss(system(**batch.inputs), batch)[EMOTIONS]
        loss.backward()
        optimiser.step()
        seen.append(loss.item())
    assert seen[-1] < 0.5 * seen[0]
    assert system.eval().read([TALK])[-1].labels == ("anger",)


def test_the_squared_loss_is_the_distance_to_the_anchor() -> None:
    system = tiny(readout="nearest", loss="squared")
    batch = system.collate([judged(TALK, "anger"), TALK]).to("cpu")
    outputs = system(**batch.inputs)
    wanted = np.mean((outputs["vad"][0].detach().numpy() - np.array(ANCHORS[0])) ** 2)
    assert system.loss(outputs, batch)[EMOTIONS].item() == pytest.approx(wanted, rel=1e-5)


# -- what is read ------------------------------------------------------------------------------------------------------
def scores(dialogue: Dialogue, **changes: object) -> np.ndarray:
    return tiny(**changes).read([dialogue]).scores(EMOTIONS)[-1]


def test_the_last_turn_is_not_heard_and_the_ones_that_count_are() -> None:
    here = scores(TALK)
    unspoken = replace(TALK.turns[-1], text=None)
    for same in (
        replace(TALK, turns=(*TALK.turns[:-1], unspoken)),
        talk(("zoe", "we won"), ("ann", "oh no"), ("zoe", "…"), feels="joy", zoe=ANN),
        replace(TALK, turns=(Sample(id="-", text="much earlier", track="bob"), *TALK.turns)),
    ):
        np.testing.assert_allclose(scores(same), here, atol=1e-6)
    for other in (
        talk(("ann", "we lost"), ("bob", "oh no"), ("ann", ""), feels="joy", ann=ANN),
        talk(("ann", "we won"), ("bob", "oh yes"), ("ann", ""), feels="joy", ann=ANN),
        talk(("ann", "we won"), ("bob", "oh no"), ("ann", ""), feels="anger", ann=ANN),
        talk(("ann", "we won"), ("bob", "oh no"), ("ann", ""), feels="joy", ann=person("ann", 1, 0, 0, 1, 1)),
    ):
        assert np.abs(scores(other) - here).max() > 1e-5


def test_one_row_a_turn_and_the_last_one_answers() -> None:
    read = list(tiny().read([TALK, TALK]))
    assert [bool(a.labels) for a in read] == [False, False, True] * 2
    assert [a.flags for a in read[:3]] == [("not-the-next",), ("not-the-next",), ()]
    assert read[2].perspective == "intended"
    logits = tiny().logits([TALK])[EMOTIONS]
    assert np.isnan(logits[:2]).all()
    assert np.isfinite(logits[2]).all()


def test_shares_of_emotions_are_mixed() -> None:
    mixed = np.zeros(7)
    mixed[[0, 3]] = 3, 1  # any sum
    first = replace(TALK.turns[0], features={EMOTIONS: mixed})
    batch = tiny().collate([replace(TALK, turns=(first, *TALK.turns[1:]))])
    np.testing.assert_allclose(batch.inputs["emotion"][0], 0.75 * np.array(ANCHORS[0]) + 0.25 * np.array(ANCHORS[3]))


def test_what_is_missing_is_flagged() -> None:
    system = tiny()
    first = talk(("bob", "hello"), ("ann", ""), ann=ANN)
    alone = talk(("ann", "hello"), ("ann", ""), ann=ANN)
    nameless = talk(("bob", "hello"), (None, ""))
    assert system.read([first])[-1].flags == ("speaks-first",)
    assert system.read([alone])[-1].flags == ("nobody-else", "unknown-emotion")
    assert system.read([first])[-1].labels
    nothing = system.read([talk(("ann", "hello"))])[-1]
    assert (nothing.labels, nothing.flags) == ((), ("nothing-before",))
    with pytest.raises(InputError, match="Big Five of None"):
        system.read([nameless])
    average = tiny(unknown="average").read([nameless])[-1]
    assert average.flags == ("unknown-speaker", "speaks-first", "unknown-personality")
    long = talk(("ann", "we won"), ("bob", "word " * 100), ("ann", ""), feels="joy", ann=ANN)
    assert system.read([long])[-1].flags == ("truncated",)
    assert len(system.read([Dialogue(())])) == 0


def test_an_unknown_person_is_an_error_unless_asked_otherwise() -> None:
    stranger = replace(TALK, persona={"bob": ANN})
    with pytest.raises(InputError, match=r"Big Five of 'ann'.*openness.*unknown: average"):
        tiny().read([stranger])
    half = replace(TALK, persona={"ann": Persona("ann", {"openness": 0.5})})
    with pytest.raises(InputError, match="Big Five of 'ann'"):
        tiny().read([half])
    average = replace(TALK, persona={"ann": person("ann", *[0.5] * 5)})
    np.testing.assert_allclose(scores(stranger, unknown="average"), scores(average), atol=1e-6)
    for needless in ({"mode": "utterances"}, {"personality": False}):
        assert tiny(**needless).read([stranger])[-1].flags == ()


def test_what_makes_no_sense_is_named() -> None:
    with pytest.raises(InputError, match="neuroticism of 'ann' is 50"):
        tiny().read([replace(TALK, persona={"ann": person("ann", 0.1, 0.2, 0.3, 0.4, 50)})])
    for row in (np.zeros(7), np.ones(6), np.full(7, np.nan), -np.eye(7)[0]):
        first = replace(TALK.turns[0], features={EMOTIONS: row})
        with pytest.raises(InputError, match="the emotion of '0' is"):
            tiny().read([replace(TALK, turns=(first, *TALK.turns[1:]))])
    with pytest.raises(ConfigError, match="nearest"):
        tiny(readout="nearest", mode="utterances")
    with pytest.raises(ConfigError, match="squared"):
        tiny(loss="squared")
    with pytest.raises(ConfigError, match="personality false"):
        tiny(mode="personality", personality=False)
    with pytest.raises(ConfigError, match="one scale of kind one-of"):
        tiny(targets=[{"scale": "valence-arousal", "perspective": "intended"}])
    with pytest.raises(ConfigError, match="official-mask"):
        tiny(compat=["official_mask"])


def test_three_sentiments_can_be_read() -> None:
    system = tiny(targets=[{"scale": "polarity-3", "perspective": "intended"}])
    batch = system.collate([judged(TALK, "negative", "polarity-3")]).to("cpu")
    assert system(**batch.inputs)["polarity-3"].shape == (1, 3)
    assert system.loss(system(**batch.inputs), batch)["polarity-3"].item() > 0


def test_the_official_mask_reads_padding_to_the_full_length() -> None:
    system = tiny(compat=["official-mask"], max_length=24)
    batch = system.collate([TALK])
    assert batch.inputs["ids"].shape == (1, 2, 24)
    assert (batch.inputs["ids"][~batch.inputs["valid"]] == 256).all()  # the filling of the tiny tokenizer
    assert np.abs(scores(TALK, compat=["official-mask"], max_length=24) - scores(TALK, max_length=24)).max() > 1e-5


def test_ready_made_features_stand_in_for_the_encoder() -> None:
    config = {"backbone": None, "features": "state", "width": 5}
    said = [replace(t, features={**t.features, "state": np.full(5, i)}) for i, t in enumerate(TALK.turns)]
    found = tiny(**config).collate([replace(TALK, turns=tuple(said))]).inputs["given"]
    assert found[0, :, 0].tolist() == [0, 1]
    with pytest.raises(InputError, match="no features 'state'"):
        tiny(**config).read([TALK])


def test_it_is_calibrated_on_dialogues_with_their_people() -> None:
    system = tiny(backbone=Backbone(name="tiny:bert", train=False))
    dialogues = [judged(TALK, label) for label in ("joy", "joy", "anger")]
    (readout,) = fit_readouts(system, dialogues)
    assert readout.slope
    assert readout.quantile is not None
