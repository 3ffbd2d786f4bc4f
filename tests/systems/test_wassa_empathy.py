import csv
import json
import os
import zipfile
from math import erf
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.svm import SVR

from affectus.corpora.base import corpus
from affectus.errors import CheckpointError, ConfigError, InputError
from affectus.evaluation.metrics import pearson
from affectus.frontends.lexicon_features import read_lexica
from affectus.nn.machines import Machines, row_weights
from affectus.registry import build, configuration
from affectus.sample import Dialogue, Item, Persona, Sample
from affectus.systems.wassa_empathy import (
    OFFICIAL_CENTRE,
    OFFICIAL_SPREAD,
    AdvancedDropout,
    Network,
    Texts,
    WassaEmpathy,
    WassaEmpathyConfig,
    convert_official,
    descended,
    held_out_rows,
    official_network,
    stored_arrays,
    with_embeddings,
)
from affectus.taxonomy import Target
from affectus.training.recipe import read_recipe

ESSAY = (Target("empathy-distress", "felt"),)
TURN = (Target("wassa-turn-empathy", "perceived"), Target("wassa-turn-polarity", "perceived"))
OFFICIAL = Path(os.environ.get("AFFECTUS_HUE", "../hue"))  # a copy of the official repository


def made(**changes: object) -> WassaEmpathy:
    values = {"targets": ESSAY, "encoder": "tiny", "lexicons": "none", "epochs": 2, "batch": 8}
    return WassaEmpathy(WassaEmpathyConfig(**(values | changes))).eval()  # type: ignore[arg-type]


def numbers(n: int, width: int = 32, seed: int = 0) -> tuple[Texts, np.ndarray]:
    rng = np.random.default_rng(seed)
    vectors = torch.tensor(rng.standard_normal((n, width)), dtype=torch.float32)
    rows = torch.arange(n)
    gold = np.clip(4 + np.stack([vectors[:, 0].numpy() * 2, vectors[:, 1].numpy()], 1), 1, 7)
    return Texts(vectors, torch.zeros(n, 0), rows, rows, torch.full((n,), -1)), gold


def features(system: WassaEmpathy, *items: Item) -> torch.Tensor:
    x = system.collate(list(items)).to("cpu").inputs
    vectors = system.vectors(x["ids"], x["valid"], x["owner"], x["ready"])
    return system.features(Texts(vectors, x["lexicon"], x["row"], x["first"], x["essay"]))


# -- the network -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("width", "count"), [(1584, 600_976), (432, 160_768), (816, 289_072), (1072, 384_848), (4752, 2_666_908)]
)
def test_parameter_counts_are_the_published_ones(width: int, count: int) -> None:
    assert sum(p.numel() for p in Network(width).parameters()) == count


def test_state_dict_is_the_official_manifest() -> None:
    wanted: dict[str, tuple[int, ...]] = {}
    for place, n in ((0, 432), (3, 256), (6, 128)):
        for role, shape in (("h", (n // 16, n)), ("mu", (1, n // 16)), ("sigma", (1, n // 16))):
            wanted |= {f"layers.{place}.weight_{role}": shape, f"layers.{place}.bias_{role}": (1,)}
    for place, shape in ((1, (256, 432)), (4, (128, 256)), (7, (1, 128))):
        wanted |= {f"layers.{place}.weight": shape, f"layers.{place}.bias": shape[:1]}
    state = Network(432).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == wanted


def test_variants_have_the_published_widths() -> None:
    assert made(encoder="ada-002", lexicons="four").width == 1584
    assert made(encoder="ada-002", lexicons="four", history=True, essay=True, votes=("ffn",)).width == 4752


def test_network_in_numpy() -> None:
    """Both versions, recomputed in float64; GELU by the error function."""
    x = np.random.default_rng(0).standard_normal((5, 32))
    bends = {
        "gelu": lambda v: v * 0.5 * (1 + np.vectorize(erf)(v / np.sqrt(2))),
        "relu": lambda v: np.maximum(v, 0),
    }
    for activation, dropout in (("gelu", "advanced"), ("relu", "fixed")):
        network = Network(32, activation, dropout).eval()
        w = {k: v.double().numpy() for k, v in network.state_dict().items()}
        y = bends[activation](x @ w["layers.1.weight"].T + w["layers.1.bias"])
        y = bends[activation](y @ w["layers.4.weight"].T + w["layers.4.bias"])
        y = (y @ w["layers.7.weight"].T + w["layers.7.bias"])[:, 0]
        assert np.allclose(network(torch.tensor(x, dtype=torch.float32)).detach().numpy(), y, atol=1e-6)


def test_advanced_dropout_in_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = AdvancedDropout(32).double()
    rng = np.random.default_rng(1)
    x, noise = rng.standard_normal((6, 32)), rng.standard_normal((6, 32))
    monkeypatch.setattr(torch, "randn_like", lambda _: torch.tensor(noise))
    w = {k: v.detach().numpy() for k, v in layer.named_parameters()}
    h = x @ w["weight_h"].T + w["bias_h"]
    mu = (h @ w["weight_mu"].T + w["bias_mu"]).mean()
    sigma = np.log1p(np.exp(h @ w["weight_sigma"].T + w["bias_sigma"])).mean()
    mask = 1 / (1 + np.exp(-(mu + sigma * noise)))
    expected = x * mask * (1 + np.exp(-mu / np.sqrt(1 + 3.14 / 8 * sigma**2)))
    assert np.allclose(layer(torch.tensor(x)).detach().numpy(), expected, atol=1e-12)
    assert sigma == pytest.approx(1.463, abs=0.01)  # softplus(1.2), where it starts
    assert torch.equal(layer.eval()(torch.tensor(x)), torch.tensor(x))


def test_the_mask_is_divided_by_its_expectation() -> None:
    """E[mask] / normaliser is 1 within 2 % for the means and deviations that occur."""
    grid = np.polynomial.hermite_e.hermegauss(60)
    for mu in np.linspace(-2, 2, 9):
        for sigma in (0.3, 0.8, 1.2, 1.5):
            mean = (grid[1] / (1 + np.exp(-(mu + sigma * grid[0])))).sum() / grid[1].sum()
            layer = AdvancedDropout(16)
            with torch.no_grad():
                for p in layer.parameters():
                    p.zero_()
                layer.bias_mu.fill_(mu)
                layer.bias_sigma.fill_(np.log(np.expm1(sigma)))
                torch.manual_seed(0)
                ratio = layer(torch.ones(20_000, 16)).mean().item()
            assert mean * (1 + np.exp(-mu / np.sqrt(1 + 3.14 / 8 * sigma**2))) == pytest.approx(1, abs=0.02)
            assert ratio == pytest.approx(1, abs=0.02)


def test_gradients_reach_the_prior_of_the_mask() -> None:
    layer = AdvancedDropout(32)
    torch.manual_seed(0)
    layer(torch.randn(8, 32)).square().mean().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


# -- support vector machines and votes ---------------------------------------------------------------------------------
def test_rows_far_from_the_middle_weigh_more() -> None:
    assert row_weights(np.array([1.0, 4.0, 7.0])).tolist() == [4.0, 1.0, 4.0]


@pytest.mark.parametrize("kernel", ["svr-poly", "svr-rbf"])
@pytest.mark.parametrize("weighted", [True, False])
def test_machines_predict_as_scikit_learn(kernel: str, weighted: bool) -> None:
    texts, gold = numbers(80)
    x, new = texts.vectors.numpy(), numbers(20, seed=1)[0].vectors
    gold[3, 0] = np.nan
    machine = Machines(2, 32, kernel)
    machine.fit(x, gold, strength=1.0, tube=0.1, weighted=weighted)
    for output in range(2):
        known = np.isfinite(gold[:, output])
        y = gold[known, output]
        weights = np.abs((y.max() + y.min()) / 2 - y) + 1 if weighted else None
        theirs = SVR(kernel=kernel.removeprefix("svr-"), gamma="scale" if known.all() else 1 / (32 * x.var()))
        theirs.fit(x[known].astype(np.float64), y, sample_weight=weights)
        assert np.allclose(machine(new)[:, output].numpy(), theirs.predict(new.double().numpy()), atol=1e-5)
    assert len(machine.vectors) <= 80


def test_half_precision_is_of_the_kept_rows_alone() -> None:
    texts, gold = numbers(80)
    whole, half = Machines(2, 32, "svr-rbf"), Machines(2, 32, "svr-rbf", half=True)
    for machine in (whole, half):
        machine.fit(texts.vectors.numpy(), gold, strength=1.0, tube=0.1, weighted=True)
    assert half.vectors.dtype == torch.float16
    assert torch.allclose(whole(texts.vectors), half(texts.vectors), atol=0.01)


def test_readings_are_the_mean_of_equal_votes(tmp_path: Path) -> None:
    system = made()
    texts, gold = numbers(40)
    system.fit_texts(texts, gold)
    out = system.head(texts.vectors)
    votes = torch.stack([out[name] for name in ("ffn", "svr-poly", "svr-rbf")])
    assert torch.allclose(out["empathy-distress"], votes.mean(0), atol=1e-6)
    assert votes.std(0).min() > 0
    system.save_pretrained(tmp_path)
    again = WassaEmpathy.from_pretrained(str(tmp_path))
    assert torch.equal(again.head(texts.vectors)["empathy-distress"], out["empathy-distress"])
    assert not any(name.startswith("encoder.") for name in again.owned())


def test_the_fit_follows_from_data_and_configuration() -> None:
    texts, gold = numbers(40)
    first, second = made(), made()
    for system in (first, second):
        torch.rand(3)  # the state of the global generator does not matter
        system.fit_texts(texts, gold)
    assert torch.equal(first.head(texts.vectors)["ffn"], second.head(texts.vectors)["ffn"])


def test_split_is_stratified_by_whole_numbers() -> None:
    gold = np.repeat([1.2, 3.4, 6.6], [50, 30, 20])
    learn, watch = held_out_rows(gold, 0.2, 573)
    assert sorted(np.concatenate([learn, watch])) == list(range(100))
    assert [int((gold[watch] == v).sum()) for v in (1.2, 3.4, 6.6)] == [10, 6, 4]
    lone = held_out_rows(np.r_[gold, 7.0], 0.2, 573)  # a bin of one row joins the one below
    assert len(lone[0]) + len(lone[1]) == 101


def test_held_out_rows_are_not_learned_from_unless_the_leak_is_asked_for() -> None:
    texts, gold = numbers(60)
    y = gold[:, 0].copy()
    watch = held_out_rows(y, 0.2, 573)[1]
    changed = y.copy()
    changed[watch] = np.floor(y[watch]) + (1 - (y[watch] - np.floor(y[watch]))) * 0.9  # the same bins
    config = made(epochs=1).config
    for compat, same in (((), True), (("official-leak",), False)):
        states = []
        for target in (y, changed):
            torch.manual_seed(0)
            network = descended(texts.vectors, target, WassaEmpathyConfig(**{**vars(config), "compat": compat}))
            states.append(torch.cat([p.detach().flatten() for p in network.parameters()]))
        assert torch.equal(*states) is same


# -- features ----------------------------------------------------------------------------------------------------------
def test_conversation_features_against_a_loop() -> None:
    system = made(targets=TURN, history=True, essay=True)
    turns = tuple(
        Sample(id=f"t{i}", source="talk", item=i, text=text, track="ab"[i % 2])
        for i, text in enumerate(["hello there", "good day", "how sad", "it is"])
    )
    people = {name: Persona(name, attributes={"essay": f"essay of {name}"}) for name in "ab"}
    found = features(system, Dialogue(turns, people))
    plain = made()

    def vector(text: str) -> torch.Tensor:
        return features(plain, Sample(id="x", text=text))[0]

    each = [vector(str(turn.text)) for turn in turns]
    for i, turn in enumerate(turns):
        before = torch.stack(each[:i]).mean(0) if i else torch.zeros(32)
        wanted = torch.cat([each[i], before, vector(f"essay of {turn.track}")])
        assert torch.allclose(found[i], wanted, atol=1e-5)
    assert torch.allclose(each[0].norm(), torch.tensor(1.0), atol=1e-6)
    with pytest.raises(InputError, match="has no essay"):
        system.collate([Dialogue(turns, {"a": people["a"]})])


def test_neighbouring_samples_of_one_source_are_a_conversation() -> None:
    system = made(targets=TURN, history=True)
    turns = [Sample(id=f"{s}{i}", source=s, item=i, text=f"{s} says {i}", track="x") for s in "pq" for i in range(3)]
    flat = system.logits(turns, batch_size=1)
    given = system.logits([Dialogue(tuple(turns[:3])), Dialogue(tuple(turns[3:]))])
    assert all(np.allclose(flat[name], given[name], atol=1e-6) for name in flat)
    gold = np.tile([[2.0, 1.0]], (6, 1))
    texts, _ = system.gather([rated(system, turns[:2], gold[:2]), rated(system, turns[2:], gold[2:])])
    assert texts.first.tolist() == [0, 0, 0, 3, 3, 3]  # batches of a fit may cut a conversation


def rated(system: WassaEmpathy, samples: list[Sample], gold: np.ndarray):  # type: ignore[no-untyped-def]
    batch = system.collate(samples)
    return batch._replace(targets={t.scale: gold[:, [i]] for i, t in enumerate(TURN)})


def test_lexicon_features_take_the_scale_of_the_embedding() -> None:
    """Statistics of training by default, so that one text can be read; those of the batch by `transductive`."""
    rng = np.random.default_rng(0)
    vectors, lexicon = rng.standard_normal((50, 32)) * 0.05 + 0.01, rng.integers(0, 5, (50, 48)).astype(float)
    lexicon[:, 31] = 0  # a constant column stays 0
    rows = torch.arange(50)
    texts = Texts(torch.tensor(vectors).float(), torch.tensor(lexicon).float(), rows, rows, torch.full((50,), -1))
    m, s = vectors.mean(0).mean(), vectors.std(0).mean()
    with np.errstate(invalid="ignore", divide="ignore"):
        wanted = np.nan_to_num(m + (lexicon - lexicon.mean(0)) * s / lexicon.std(0))
    for compat in ((), ("transductive",)):
        system = made(votes=("svr-rbf",), compat=compat)
        system.scaling.set(mean=lexicon.mean(0), deviation=lexicon.std(0), centre=np.array([m]), spread=np.array([s]))
        assert np.allclose(system.features(texts)[:, 32:].numpy(), wanted, atol=1e-6)
        one = Texts(*(part[:1] for part in texts))
        close = np.allclose(system.features(one)[:, 32:].numpy(), wanted[:1], atol=1e-6)
        assert close is (compat == ())


def test_vectors_from_a_file_and_from_a_service(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((3, 1536)).astype(np.float32)
    np.save(tmp_path / "ada.npy", vectors)
    system = made(encoder="ada-002")
    system.fit_texts(numbers(20, 1536)[0], numbers(20, 1536)[1])
    items = [Dialogue((Sample(id="a", text="one"), Sample(id="b", text="two"))), Sample(id="c", text="three")]
    by_file = system.read(with_embeddings(items, tmp_path / "ada.npy")).scores("empathy-distress")
    by_call = system.read(with_embeddings(items, lambda texts: vectors[: len(texts)])).scores("empathy-distress")
    assert np.array_equal(by_file, by_call)
    assert np.isfinite(by_file).all()
    with pytest.raises(InputError, match="has no vector"):
        system.read(items)
    with pytest.raises(InputError, match="one row for each of 3"):
        with_embeddings(items, lambda texts: vectors[:2])
    with pytest.raises(InputError, match=r"shape \(8,\)"):
        system.read([Sample(id="d", text="x", features={"embedding": np.zeros(8)})])


def test_configurations_that_make_no_sense_are_named() -> None:
    with pytest.raises(ConfigError, match="level"):
        made(targets=(Target("ekman-6", "felt"),))
    with pytest.raises(ConfigError, match="compat"):
        made(compat=("second-window",))
    with pytest.raises(CheckpointError, match="weights of"):
        made(encoder_hash="0123")
    with pytest.raises(InputError, match="without gold"):
        made().fit([made().collate([Sample(id="a", text="x")])])


def test_long_texts_are_read_whole_unless_the_quirk_is_asked_for() -> None:
    long, longer = "word " * 60, "word " * 60 + "fury"
    for compat, same in (((), False), (("first-window",), True)):
        system = made(compat=compat)
        both = [features(system, Sample(id="x", text=text)) for text in (long, longer)]
        assert torch.equal(*both) is same


# -- official files ----------------------------------------------------------------------------------------------------
def archive(path: Path, network: Network, *, advanced: bool) -> None:
    """The raw storages as torch writes them, without a pickle that could be read."""
    arrays = [p.detach().numpy() for p in network.state_dict().values()]
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", b"not to be read")
        for number, array in enumerate([np.zeros(0, np.float32), *arrays] if advanced else arrays):
            file.writestr(f"archive/data/{number}", array.tobytes())


def test_official_networks_are_read_without_their_pickle(tmp_path: Path) -> None:
    networks = {name: Network(432) for name in ("empathy", "distress")}
    for name, network in networks.items():
        archive(tmp_path / f"model_nn_{name}_all-MiniLM-L6-v2_advanced_lexicon.pth", network, advanced=True)
    first = Network(384, "relu", "fixed")
    archive(tmp_path / "model_nn_empathy_all-MiniLM-L6-v2.pth", first, advanced=False)
    found = official_network(tmp_path / "model_nn_distress_all-MiniLM-L6-v2_advanced_lexicon.pth")
    for name, tensor in networks["distress"].state_dict().items():
        assert torch.equal(found.state_dict()[name], tensor)
    old = official_network(tmp_path / "model_nn_empathy_all-MiniLM-L6-v2.pth")
    assert torch.equal(old.layers[7].weight, first.layers[7].weight)
    with pytest.raises(CheckpointError, match="no network of the original"):
        convert_official(tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match="no archive"):
        convert_official(tmp_path / "model_nn_empathy_all-MiniLM-L6-v2.pth")  # distress is not beside it
    archive(tmp_path / "short.pth", Network(384), advanced=False)
    (tmp_path / "short.pth").write_bytes((tmp_path / "short.pth").read_bytes()[:100])
    with pytest.raises(CheckpointError, match="no archive"):
        stored_arrays(tmp_path / "short.pth")


def official_rows(name: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Texts, published vectors and gold of the 270 development essays."""
    path = OFFICIAL / "data" / name
    if not path.is_file():
        pytest.skip("no copy of the official repository (AFFECTUS_HUE)")
    csv.field_size_limit(10**8)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    vectors = np.array([json.loads(row["essay_emb"]) for row in rows], np.float32)
    return (
        [row["essay"] for row in rows],
        vectors,
        np.array([[float(r["empathy"]), float(r["distress"])] for r in rows]),
    )


@pytest.mark.data
@pytest.mark.assets
def test_official_minilm_models_give_their_figures() -> None:
    texts, vectors, gold = official_rows("dev_data_with_embedding_all-MiniLM-L6-v2_lexicon.tsv")
    system = convert_official(OFFICIAL / "models" / "model_nn_empathy_all-MiniLM-L6-v2_advanced_lexicon.pth")
    with torch.no_grad():
        found = system.head(torch.tensor(vectors))["empathy-distress"].numpy()
    assert len(texts) == 270
    wanted = [[4.64437, 4.48414], [4.10653, 4.25697], [4.39667, 3.91638]]
    assert np.allclose(found[:3], wanted, atol=1e-5)
    assert pearson(gold[:, 0], found[:, 0]) == pytest.approx(0.391918, abs=1e-6)
    assert pearson(gold[:, 1], found[:, 1]) == pytest.approx(0.334085, abs=1e-6)
    lexical = vectors[:, 384:].astype(np.float64)
    assert np.flatnonzero(lexical.std(0) == 0).tolist() == [31, 43]
    assert lexical[:, 0].mean() == pytest.approx(OFFICIAL_CENTRE, abs=1e-7)
    assert lexical[:, 0].std() == pytest.approx(OFFICIAL_SPREAD, abs=1e-7)


@pytest.mark.data
@pytest.mark.assets
def test_official_first_version_of_distress_gives_its_figure() -> None:
    """The published empathy file of this version holds the network for distress, so only distress can be compared."""
    _, vectors, gold = official_rows("dev_data_with_embedding_all-MiniLM-L6-v2.tsv")
    files = [OFFICIAL / "models" / f"model_nn_{name}_all-MiniLM-L6-v2_exp2.pth" for name in ("empathy", "distress")]
    with torch.no_grad():
        found = official_network(files[1])(torch.tensor(vectors)).numpy()
    assert round(pearson(gold[:, 1], found), 3) == 0.370
    assert all(np.array_equal(a, b) for a, b in zip(*map(stored_arrays, files), strict=True))


@pytest.mark.data
@pytest.mark.assets
def test_our_sentence_vectors_are_the_published_ones() -> None:
    texts, vectors, _ = official_rows("dev_data_with_embedding_all-MiniLM-L6-v2.tsv")
    system = build("wassa-empathy/first")
    found = features(system, *(Sample(id=str(i), text=text) for i, text in enumerate(texts[:40])))
    assert np.allclose(found.numpy(), vectors[:40], atol=1e-6)


@pytest.mark.data
def test_our_lexicon_features_follow_the_published_ones() -> None:
    """With the plain tokens every varying column correlates above 0.93 with NLTK's and WordNet's."""
    texts, vectors, _ = official_rows("dev_data_with_embedding_all-MiniLM-L6-v2_lexicon.tsv")
    lexica = read_lexica(OFFICIAL / "data" / "lexicons", first_word=True)
    system = made(lexicons="four", votes=("ffn",), compat=("transductive", "vad-first-word"))
    system.scaling.set(centre=np.array([OFFICIAL_CENTRE]), spread=np.array([OFFICIAL_SPREAD]))
    rows = torch.arange(len(texts))
    counts = torch.tensor(lexica.features(texts)).float()
    found = system.features(Texts(torch.zeros(len(texts), 32), counts, rows, rows, rows - 1)).numpy()[:, 32:]
    varying = [i for i in range(48) if i not in (31, 43)]
    assert min(pearson(found[:, i], vectors[:, 384 + i]) for i in varying) > 0.93
    assert not found[:, [31, 43]].any()


@pytest.mark.slow
def test_weighting_raises_the_spread_of_predictions() -> None:
    """Heavy-tailed targets: rows far from the middle pull the predictions outwards."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 8)).astype(np.float32)
    y = np.clip(4 + rng.standard_t(2, 400) * 0.8 + x[:, 0], 1, 7)[:, None]
    for kernel in ("svr-poly", "svr-rbf"):
        spread = []
        for weighted in (True, False):
            machine = Machines(1, 8, kernel)
            machine.fit(x, y, strength=1.0, tube=0.1, weighted=weighted)
            spread.append(machine(torch.tensor(x)).std().item())
        assert spread[0] > 1.05 * spread[1]


def test_recipes_name_what_exists() -> None:
    files = sorted((Path(__file__).parents[2] / "recipes" / "wassa-empathy").glob("*.yaml"))
    assert [file.stem for file in files] == ["empathic-reactions", "paper", "wassa2024"]
    for file in files:
        for run in read_recipe(file).runs.values():
            assert isinstance(configuration(run.system, **run.config), WassaEmpathyConfig)
            assert set(run.splits.values()) <= set(corpus(next(iter(run.data))).splits)
