"""Fusions of frames against the official outputs, and what must hold of any reader of clips."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from affectus import build
from affectus.corpora.base import with_gold
from affectus.errors import ConfigError, InputError
from affectus.nn.decisions import decided
from affectus.sample import Item, Media, Sample
from affectus.systems.feature_cer import ClipCollate, FeatureCER, Fusion, Standard, from_official
from affectus.testing.learning import descend, loss_left, loss_of

GOLDEN = Path(__file__).parents[1] / "golden" / "textualized-cer"
REFERENCE = Path("../shared/reference/textualized-cer")
NEAR = {"atol": 1e-4, "rtol": 0}
WIDTHS = {"video": 5, "vggish": 4, "bert": 3}
CHANNELS = {"video": (8, 8), "vggish": (4, 6), "bert": (8,)}
FUSIONS: tuple[Fusion, ...] = ("lfan", "can", "jmt", "mt", "none")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def made(fusion: Fusion = "lfan", **changes: Any) -> FeatureCER:
    """A small network on ready-made features, in evaluation mode, with norms that do something."""
    names = [n for n in WIDTHS if fusion not in ("jmt", "mt") or n != "bert"]
    sizes = {"widths": {n: WIDTHS[n] for n in names}, "channels": {n: CHANNELS[n] for n in names}}
    system = build("feature-cer/tiny", **{"fusion": fusion, "faces": None, "width": 8, "modal": 8, **sizes, **changes})
    assert isinstance(system, FeatureCER)
    for name, buffer in system.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(std=0.1)
    return system.eval()


def clip(frames: int, seed: int = 0, missing: tuple[str, ...] = (), **changes: Any) -> Sample:
    """Random features."""
    rng = np.random.default_rng(seed)
    streams = {name: rng.standard_normal((frames, width)).astype(np.float32) for name, width in WIDTHS.items()}
    kept = {name: x for name, x in streams.items() if name not in missing}
    return Sample(**{"id": f"clip-{seed}", "source": "made", "features": kept, **changes})


def frames(system: FeatureCER, *items: Item) -> list[np.ndarray]:
    """Logits of the frames of each clip."""
    batch = system.collate([*items])
    with torch.no_grad():
        out = system(**batch.to("cpu").inputs)["cexpr-7.frames"]
    return [row[there].numpy() for row, there in zip(out, batch.inputs["shown"], strict=True)]


# -- against the official code -----------------------------------------------------------------------------------------
def _official(fusion: Fusion, folder: Path) -> tuple[FeatureCER, dict[str, torch.Tensor]]:
    with safe_open(folder / f"{fusion}_io.safetensors", "pt") as file:
        sizes = json.loads(file.metadata()["config"])
    if fusion == "lfan":
        changes = {
            "widths": sizes["embedding_dim"],
            "channels": sizes["tcn_channel"],
            "modal": sizes["modal_dim"],
            "heads": sizes["num_heads"],
        }
    else:
        changes = {
            "widths": {name: of["input_dim"] for name, of in sizes.items()},
            "channels": {name: of["channel"] for name, of in sizes.items()},
            "compat": ("mixed-batch",),
        }
    system = build(f"feature-cer/{fusion}", standardise=(), **changes).eval()
    assert isinstance(system, FeatureCER)
    system.load_state_dict(from_official(load_file(folder / f"{fusion}_weights.safetensors"), fusion))
    return system, load_file(folder / f"{fusion}_io.safetensors")


def test_lfan_gives_the_official_outputs() -> None:
    system, io = _official("lfan", GOLDEN)
    there = torch.ones(io["video"].shape[:2], dtype=torch.bool)
    kept: dict[str, torch.Tensor] = {}
    for name, part in (*system.bn.items(), ("fusion", system.fuse)):
        part.register_forward_hook(lambda _, __, out, name=name: kept.update({name: out}))
    with torch.no_grad():
        logits = system.frames({name: io[name] for name in system.names}, there)
    for name in system.names:
        torch.testing.assert_close(kept[name], io[f"tcn_bn.{name}"], **NEAR)
    torch.testing.assert_close(kept["fusion"], io["fusion"], **NEAR)
    torch.testing.assert_close(logits, io["logits"], **NEAR)
    assert torch.equal(logits.argmax(-1), io["frame_pred"])
    for how, name in (("logits", "avg_logits"), ("probabilities", "avg_probs")):
        assert torch.equal(decided(logits, there, how).argmax(-1), io[f"video_pred_{name}"])  # type: ignore[arg-type]

    features = [{name: io[name][i].numpy() for name in system.names} for i in range(len(there))]
    samples = [Sample(id=str(i), source="made", item=i, features=row) for i, row in enumerate(features)]
    gold = {"cexpr-7": np.eye(7, dtype=np.float32)[io["label"]]}
    items = with_gold(samples, gold, perspective="perceived", by="made", modality="video")
    batch = system.collate([*items]).to("cpu")
    with torch.no_grad():
        loss = system.loss(system(**batch.inputs), batch)["cexpr-7"]
    torch.testing.assert_close(loss, io["frame_ce_loss"].to(loss.dtype), **NEAR)


@pytest.mark.data
@pytest.mark.parametrize("fusion", ["can", "mt"])
def test_can_and_mt_give_the_official_outputs(fusion: Fusion) -> None:
    if not REFERENCE.is_dir():
        pytest.skip("the reference vectors are not here")
    system, io = _official(fusion, REFERENCE)
    there = torch.ones(io["video"].shape[:2], dtype=torch.bool)
    with torch.no_grad():
        logits = system.frames({name: io[name] for name in system.names}, there)
    torch.testing.assert_close(logits, io["logits"], **NEAR)


@pytest.mark.parametrize("fusion", ["lfan", "can", "jmt", "mt"])
def test_every_official_tensor_has_its_place(fusion: Fusion) -> None:
    manifest = json.loads((GOLDEN / "manifest.json").read_text(encoding="utf-8"))
    listed = next(row for name, row in manifest.items() if name.lower().startswith(fusion))
    converted = from_official({name: torch.empty(shape) for name, shape in listed.items()}, fusion)
    ours = build(f"feature-cer/{fusion}", standardise=()).state_dict()
    assert {k: v.shape for k, v in converted.items()} == {k: v.shape for k, v in ours.items()}


# -- JMT and MT by their equations, in float64 -------------------------------------------------------------------------
def _attention(p: dict[str, np.ndarray], at: str, q: np.ndarray, kv: np.ndarray) -> np.ndarray:
    """One head, over the first axis: (t, d) by (s, d)."""
    w, b = np.split(p[f"{at}.in_proj_weight"], 3), np.split(p[f"{at}.in_proj_bias"], 3)
    asked, key, value = q @ w[0].T + b[0], kv @ w[1].T + b[1], kv @ w[2].T + b[2]
    scores = asked @ key.T / np.sqrt(q.shape[1])
    weights = np.exp(scores - scores.max(1, keepdims=True))
    mixed = weights / weights.sum(1, keepdims=True) @ value
    return mixed @ p[f"{at}.out_proj.weight"].T + p[f"{at}.out_proj.bias"]


def _normed(p: dict[str, np.ndarray], at: str, x: np.ndarray) -> np.ndarray:
    apart = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return apart * p[f"{at}.weight"] + p[f"{at}.bias"]


def _encoded(p: dict[str, np.ndarray], at: str, x: np.ndarray) -> np.ndarray:
    x = _normed(p, f"{at}.norm1", x + _attention(p, f"{at}.self_attn", x, x))
    inner = np.maximum(x @ p[f"{at}.linear1.weight"].T + p[f"{at}.linear1.bias"], 0)
    return _normed(p, f"{at}.norm2", x + inner @ p[f"{at}.linear2.weight"].T + p[f"{at}.linear2.bias"])


def _crossed(system: FeatureCER, video: np.ndarray, audio: np.ndarray) -> list[np.ndarray]:
    """The crossings of one clip, each (t, d)."""
    p = {k: v.numpy().astype(np.float64) for k, v in system.fuse.state_dict().items()}
    v, a = video, audio @ p["augment.weight"].T + p["augment.bias"]
    x = {"v": _encoded(p, "encoders.v", v), "a": _encoded(p, "encoders.a", a)}
    if "reduce.weight" in p:
        joint = np.concatenate([v, a], 1) @ p["reduce.weight"].T + p["reduce.bias"]
        x["j"] = _encoded(p, "encoders.j", joint)
    pairs = ("va", "av", "jv", "vj", "ja", "aj") if "j" in x else ("va", "av")
    return [_attention(p, f"crossings.{pair}", x[pair[0]], x[pair[1]]) for pair in pairs]


def _last(system: FeatureCER, rows: np.ndarray) -> np.ndarray:
    p = {k: v.numpy().astype(np.float64) for k, v in system.fuse.state_dict().items()}
    encoded = _encoded(p, "final_encoder", rows)
    return _attention(p, "final_attention", encoded, encoded)


@pytest.mark.parametrize("fusion", ["jmt", "mt"])
@pytest.mark.parametrize("mixed", [False, True])
def test_crossings_are_their_equations(fusion: Fusion, mixed: bool) -> None:
    system = made(fusion, compat=("mixed-batch",) if mixed else ())
    rng = np.random.default_rng(0)
    video, audio = rng.standard_normal((2, 4, 8)), rng.standard_normal((2, 4, 6))
    crossed = [_crossed(system, v, a) for v, a in zip(video, audio, strict=True)]
    if mixed:  # the last crossing of all frames of both clips, as one sequence
        wanted = _last(system, np.concatenate([rows[-1] for rows in crossed])).reshape(2, 4, 8)
    else:  # the crossings of one frame
        tokens = np.array([[[row[t] for row in rows] for t in range(4)] for rows in crossed])
        wanted = np.array([[_last(system, frame)[-1] for frame in rows] for rows in tokens])
    fuse = system.fuse.double()
    found = fuse(torch.tensor(video), torch.tensor(audio), torch.ones(2, 4, dtype=torch.bool))
    np.testing.assert_allclose(found.detach().numpy(), wanted, atol=1e-12)


# -- what must hold ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("fusion", ["lfan", "can", "none"])
def test_a_later_frame_changes_nothing_before_it(fusion: Fusion) -> None:
    system, before = made(fusion), clip(9)
    features = {name: x.copy() for name, x in before.features.items()}
    for x in features.values():
        x[6] += 1.0
    after = Sample(id="b", source="made", features=features)
    a, b = frames(system, before, after)
    np.testing.assert_allclose(a[:6], b[:6], atol=1e-6)
    assert np.abs(a[6:] - b[6:]).max() > 1e-4


def test_the_fusion_of_a_frame_sees_that_frame_alone() -> None:
    fuse = made("lfan").fuse
    x = {name: torch.randn(1, 5, CHANNELS[name][-1]) for name in WIDTHS}
    moved = {name: value[:, [3, 1, 0, 4, 2]] for name, value in x.items()}
    torch.testing.assert_close(fuse(moved), fuse(x)[:, [3, 1, 0, 4, 2]])


@pytest.mark.parametrize("fusion", FUSIONS)
def test_padding_and_company_change_nothing(fusion: Fusion) -> None:
    system = made(fusion)
    clips = [clip(n, n) for n in (1, 5, 12)]
    for alone, together in zip([frames(system, c)[0] for c in clips], frames(system, *clips), strict=True):
        np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_official_mixing_makes_answers_depend_on_company() -> None:
    for compat, mixes in (((), False), (("mixed-batch",), True)):
        system = made("jmt", compat=compat)
        alone, together = frames(system, clip(5, 1))[0], frames(system, clip(5, 1), clip(5, 2))[0]
        assert (np.abs(alone - together).max() > 1e-5) == mixes


def test_long_clips_are_read_in_windows_that_are_averaged_where_they_overlap() -> None:
    system, long = made(window=8, hop=4), clip(15)

    def part(first: int) -> np.ndarray:
        features = {name: x[first : first + 8] for name, x in long.features.items()}
        return frames(system, Sample(id="p", source="made", features=features))[0]

    total, count = np.zeros((15, 7)), np.zeros((15, 1))
    for first in (0, 4, 8):
        rows = part(first)
        total[first : first + len(rows)] += rows
        count[first : first + len(rows)] += 1
    np.testing.assert_allclose(frames(system, long)[0], total / count, atol=1e-5)
    assert system.collate([long]).inputs["valid"].sum(1).tolist() == [8, 8, 7]
    assert system.collate([clip(8)]).inputs["start"].tolist() == [0]
    assert system.collate([long], np.random.default_rng(0)).inputs["valid"].sum() == 8  # one window in training


def test_three_decisions() -> None:
    logits = torch.tensor([[[4.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.9], [9.0, 9.0, 9.0]]]).repeat(2, 1, 1)
    valid = torch.tensor([[True, True, True, False], [False] * 4])
    vote, mean = decided(logits, valid, "vote"), decided(logits, valid, "logits")
    torch.testing.assert_close(vote[0].exp(), torch.tensor([1 / 3, 2 / 3, 0.0]), atol=1e-5, rtol=0)
    torch.testing.assert_close(mean[0], logits[0, :3].mean(0))
    shares = decided(logits, valid, "probabilities")[0].exp()
    torch.testing.assert_close(shares, logits[0, :3].softmax(-1).mean(0))
    assert [int(row[0].argmax()) for row in (vote, mean)] == [1, 0]
    assert (vote[1] == 0).all()
    assert decided(logits[:1, :2], valid[:1, :2], "vote")[0].argmax() == 0  # a tie goes to the first label


def test_missing_modalities_are_flagged_and_a_clip_without_any_has_no_scores() -> None:
    system = made()
    reading = system.read([clip(4), clip(4, 1, ("bert",)), clip(4, 2, tuple(WIDTHS))])
    assert [list(row.flags) for row in reading] == [[], ["no-bert"], ["empty"]]
    assert np.isnan(reading.scores("cexpr-7")).all(1).tolist() == [False, False, True]
    gone = clip(4, 1)
    gone.features["bert"][:] = np.nan  # type: ignore[index]
    np.testing.assert_array_equal(frames(system, gone)[0], frames(system, clip(4, 1, ("bert",)))[0])


def test_frames_have_times_where_the_clip_has_them() -> None:
    system = made()
    features = {**clip(3).features, "frame_times": np.array([1.0, 1.5, 2.0])}
    timed = Sample(id="t", source="film", start=1.0, end=2.4, features=features)
    rows = system.read_frames([timed, clip(2, 1)])
    assert rows.column("start")[:3].tolist() == [1.0, 1.5, 2.0]
    assert rows.column("end")[:3].tolist() == [1.5, 2.0, 2.4]
    assert list(rows.column("item")) == [0, 1, 2, 0, 1]
    assert np.isfinite(rows.scores("cexpr-7")).all()


def test_statistics_are_those_of_all_frames_seen() -> None:
    layer, rng = Standard(3).train(), np.random.default_rng(0)
    parts = [torch.tensor(rng.normal(2, 3, (2, n, 3)), dtype=torch.float32) for n in (4, 7)]
    for part in parts:
        layer(part, torch.ones(part.shape[:2], dtype=torch.bool))
    whole = torch.cat([part.flatten(0, 1) for part in parts])
    torch.testing.assert_close(layer.mean, whole.mean(0))
    torch.testing.assert_close(layer.square, whole.var(0, correction=0))
    there = torch.tensor([[True, False]])
    assert (layer.eval()(torch.ones(1, 2, 3), there)[0, 1] == 0).all()


@pytest.mark.parametrize("fusion", ["lfan", "can", "jmt", "mt"])
def test_every_fusion_learns(fusion: Fusion) -> None:
    system = made(fusion)
    items = [clip(6, seed) for seed in range(8)]
    for i, item in enumerate(items):
        for x in item.features.values():
            x[:, 0] += 3.0 * (i % 2)
    gold = {"cexpr-7": np.eye(7, dtype=np.float32)[np.arange(8) % 2]}
    judged: list[Item] = [*with_gold(items, gold, perspective="perceived", by="made", modality="video")]
    before = loss_left(system, judged)
    descend(system.train().parameters(), lambda step: loss_of(system, judged, step), steps=30, rate=1e-2)
    assert loss_left(system, judged) < 0.5 * before


def test_faces_are_cut_in_the_middle_and_in_training_moved_and_mirrored() -> None:
    collate = ClipCollate((), (("video", 16),), 8, 4, faces=True)
    film = np.random.default_rng(0).integers(0, 255, (5, 48, 48, 3)).astype(np.uint8)
    read = collate([Sample(id="a", source="f", media=Media("video", array=film, rate=5.0))]).inputs["faces"]
    assert read.shape == (1, 5, 3, 40, 40)
    np.testing.assert_allclose((read[0].transpose(0, 2, 3, 1) + 1) * 127.5, film[:, 4:44, 4:44], atol=1e-3)
    given = collate([Sample(id="a", source="f", features={"faces": film})]).inputs["faces"]
    np.testing.assert_array_equal(given, read)
    item: list[Item] = [Sample(id="a", source="f", features={"faces": film})]
    drawn = [collate(item, np.random.default_rng(seed)).inputs["faces"].tobytes() for seed in range(6)]
    assert len(set(drawn)) > 3
    frozen = build("feature-cer/tiny", faces={"units": [1], "width": 4}).train()
    assert isinstance(frozen, FeatureCER)
    assert frozen.faces is not None
    assert not frozen.faces.training
    assert not any(p.requires_grad for p in frozen.faces.parameters())


def test_wrong_configurations_and_features_are_named() -> None:
    with pytest.raises(ConfigError, match=r"jmt was given .*bert"):
        made("jmt", widths=WIDTHS, channels=CHANNELS)
    with pytest.raises(ConfigError, match="at least one modality"):
        made(widths={})
    with pytest.raises(ConfigError, match="hop 9 of a window of 8"):
        made(window=8, hop=9)
    with pytest.raises(InputError, match="compat is 'mixed'"):
        made(compat=("mixed",))
    with pytest.raises(InputError, match=r"'video' of 'x' has shape \(3, 4\)"):
        frames(made(), Sample(id="x", source="made", features={"video": np.zeros((3, 4))}))
    with pytest.raises(InputError, match="video 3, vggish 2"):
        frames(made(), Sample(id="x", features={"video": np.zeros((3, 5)), "vggish": np.zeros((2, 4))}))
