"""mini-Xception: parity with the packaged file, readings of pictures and videos, evidence."""

import numpy as np
import pytest
import torch

from affectus import registry
from affectus.errors import AssetError, CheckpointError, ConfigError, InputError
from affectus.frontends.faces.track import Face, FaceFrame
from affectus.sample import Media, Sample
from affectus.systems import mini_xception as m
from affectus.taxonomy import Target


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    return registry.build("mini-xception/tiny").eval()


@pytest.fixture(scope="module")
def packaged():
    try:
        return registry.build("mini-xception/packaged")
    except AssetError as error:
        pytest.skip(str(error))


def crops(n, seed=0):
    """Smooth random pictures, more like faces than noise is."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n, 8, 8)).astype(np.uint8)
    return np.kron(coarse, np.ones((1, 8, 8), np.uint8))


def as_input(faces):
    return faces[:, None].astype(np.float32) / np.float32(127.5) - 1


def face_frames(tracks, n=50, fps=25, seed=0):
    mesh = np.random.default_rng(1).normal(100, 30, (468, 3)).astype(np.float32)
    pictures = crops(n * len(tracks), seed).reshape(n, len(tracks), 64, 64)
    return [
        FaceFrame(
            i / fps,
            [
                Face(t, np.array([10, 20, 60, 60], np.float32), mesh, 1.0, crop)
                for t, crop in zip(tracks, row, strict=True)
            ],
        )
        for i, row in enumerate(pictures)
    ]


@pytest.mark.assets
def test_torch_equals_litert_on_the_widened_file(packaged):
    assert packaged._fast is not None
    for x in (as_input(crops(24)), np.random.default_rng(0).uniform(-1, 1, (24, 1, 64, 64)).astype(np.float32)):
        fast = np.exp(packaged.logits(x)["fer2013-7"])
        with torch.no_grad():
            slow = packaged(torch.from_numpy(x))["fer2013-7"].softmax(1).numpy()
        np.testing.assert_allclose(fast, slow, atol=1e-4)


@pytest.mark.assets
def test_the_int8_file_is_near_its_widened_self(packaged):
    from affectus.frontends.faces.litert import LiteRT

    int8 = LiteRT(m.asset_file("asset:mini-xception"))
    x = as_input(crops(24, 3))
    rows = np.stack([int8(face.reshape(1, 64, 64, 1))[0][0] for face in x])
    assert np.abs(rows - np.exp(packaged.logits(x)["fer2013-7"])).max() < 0.1


@pytest.mark.assets
def test_mirror_mean_does_not_know_left_from_right(packaged):
    both = registry.build("mini-xception/packaged", flip=True)
    x = as_input(crops(6))
    np.testing.assert_allclose(both.logits(x)["fer2013-7"], both.logits(x[..., ::-1])["fer2013-7"], atol=1e-4)
    assert np.abs(packaged.logits(x)["fer2013-7"] - packaged.logits(x[..., ::-1])["fer2013-7"]).max() > 1e-3


@pytest.mark.assets
def test_other_weights_than_the_calibrated_ones_are_refused(packaged):
    with pytest.raises(CheckpointError, match="calibrated was 000000"):
        registry.build("mini-xception/packaged", sha256="0" * 64)


@pytest.mark.assets
def test_the_shipped_checkpoint_loads_and_owns_no_weights(packaged):
    reader = registry.load("affectus/face-embedded")
    assert reader.name == "affectus/face-embedded"
    assert reader.owned() == {}
    timeline = reader.read([Sample(id="x", features={"face": crops(1)[0]})])
    (affect,) = timeline
    assert affect.by == "affectus/face-embedded"
    assert affect.perspective == "perceived"
    assert sum(affect.scores["ekman-6+neutral"].values()) == pytest.approx(1, abs=1e-4)
    assert affect.scores["ekman-6+neutral"]["joy"] == pytest.approx(affect.scores["fer2013-7"]["happy"])
    assert affect.sets["fer2013-7"]
    headline = [f for f in registry.card("affectus/face-embedded").figures if f.headline]
    assert len(headline) == 1
    assert headline[0].data == "CK+"


def test_same_padding_is_tensorflows():
    for n, kernel, stride in ((64, 3, 2), (15, 3, 2), (30, 3, 2), (8, 3, 1), (7, 1, 2)):
        padded = m.same(torch.zeros(1, 1, n, n), kernel, stride).shape[-1]
        assert (padded - kernel) // stride + 1 == -(-n // stride)
    assert m.same(torch.ones(1, 1, 4, 4), 3, 2)[0, 0, -1, -1] == 0  # the odd pixel goes to the end
    assert m.same(torch.ones(1, 1, 4, 4), 3, 2)[0, 0, 0, 0] == 1


def test_published_size():
    net = registry.build("mini-xception/base")
    count = sum(p.numel() for p in net.parameters() if p.requires_grad)
    assert 50_000 < count < 65_000  # the paper says about 60,000 parameters
    assert net(torch.zeros(2, 1, 64, 64))["fer2013-7"].shape == (2, 7)


def test_a_windows_logits_are_the_mean_of_its_frames(tiny):
    frames = face_frames(["face-1", "face-2"])
    timeline = tiny.read_frames(frames, source="clip", motion=False)
    assert timeline.column("track").tolist() == ["face-1", "face-2"] * 2
    np.testing.assert_allclose(timeline.column("start"), [0, 0, 1, 1])
    np.testing.assert_allclose(timeline.column("end"), [1, 1, 2, 2])
    x = as_input(np.stack([f.faces[1].crop for f in frames[25:]]))
    with torch.no_grad():
        logits = tiny.logits(x)["fer2013-7"]
    mean = np.exp(logits.mean(0)) / np.exp(logits.mean(0)).sum()
    np.testing.assert_allclose(timeline.scores("fer2013-7")[3], mean, atol=1e-5)
    np.testing.assert_allclose(timeline.sd("fer2013-7")[3], np.exp(logits).std(0), atol=1e-5)


def test_evidence_adds_up_to_the_margin(tiny):
    frames = face_frames(["face-1"], n=3)
    (affect,) = tiny.read_frames(frames, source="clip", motion=False)
    assert len(affect.evidence) == 3
    ordered = sorted(affect.scores["fer2013-7"].values())
    assert sum(e.weight for e in affect.evidence) == pytest.approx(np.log(ordered[-1] / ordered[-2]), abs=1e-3)
    assert affect.evidence[0].text == "box=10,20,60,60"
    assert (affect.evidence[1].start, affect.evidence[1].end) == pytest.approx((0.04, 0.08))


def test_motion_rows_come_along(tiny):
    timeline = tiny.read_frames(face_frames(["face-1"]), source="clip")
    assert len(timeline.where(by="geometric")) == 50
    assert len(timeline.where(by=tiny.name)) == 2


def test_faceless_video_and_picture_get_a_flagged_row(tiny, monkeypatch):
    monkeypatch.setattr(m, "_finder", lambda: lambda picture: [])
    (affect,) = tiny.read_frames([FaceFrame(0.0, []), FaceFrame(0.04, [])], source="clip")
    assert affect.flags == ("no-face",)
    blank = Sample(id="p", media=Media("image", array=np.zeros((9, 9, 3), np.uint8)))
    cut = Sample(id="q", features={"face": crops(1)[0]})
    timeline = tiny.read([cut, blank, cut])
    assert [a.source for a in timeline] == ["q", "p", "q"]
    assert timeline[1].flags == ("no-face",)
    assert timeline[1].top is None
    assert timeline[1].labels == ()
    assert np.isnan(timeline.scores("fer2013-7")[1]).all()


def test_small_faces_are_flagged_and_every_face_has_a_row(tiny, monkeypatch):
    def face(track, width):
        return Face(track, np.array([5, 6, width, width], np.float32), np.zeros((468, 3)), 1.0, crops(1)[0])

    monkeypatch.setattr(m, "_finder", lambda: lambda picture: [face("face-1", 80), face("face-2", 15)])
    timeline = tiny.read([Sample(id="p", media=Media("image", array=np.zeros((99, 99, 3), np.uint8)))])
    assert timeline.column("track").tolist() == ["face-1", "face-2"]
    assert "small-face" in timeline[1].flags
    assert "small-face" not in timeline[0].flags
    assert timeline[0].evidence[0].text == "box=5,6,80,80"


def test_occlusion_points_at_what_matters():
    class Corner(m.MiniXception):
        def logits(self, faces):
            bright = faces[:, 0, :16, :16].mean((1, 2))
            return {"fer2013-7": np.stack([4 * bright, *[np.zeros_like(bright)] * 6], 1)}

    face = np.zeros((64, 64), np.uint8)
    face[:16, :16] = 255
    fall = Corner(m.VARIANTS["tiny"]).occlusion(face, "angry")
    assert fall.shape == (64, 64)
    assert fall[:12, :12].mean() > 0.2
    assert abs(fall[40:, 40:]).max() < 1e-6


def test_gold_is_mirrored_in_training_only(tiny):
    from affectus.corpora.base import with_gold

    face = crops(1)[0]
    rows = with_gold(
        [Sample(id=str(i), features={"face": face}) for i in range(16)],
        {"fer2013-7": np.eye(7, dtype=np.float32)[[3] * 16]},
        perspective="perceived",
        by="raters",
        modality="face",
    )
    plain = tiny.collate(rows)
    assert (plain.inputs["faces"] == plain.inputs["faces"][0]).all()
    assert plain.targets["fer2013-7"].argmax(1).tolist() == [3] * 16
    drawn = tiny.collate(rows, np.random.default_rng(0)).inputs["faces"]
    flipped = [np.array_equal(x, as_input(face[None])[0][..., ::-1]) for x in drawn]
    assert 0 < sum(flipped) < 16


def test_bad_input_is_named(tiny):
    with pytest.raises(InputError, match="shows no face"):
        tiny.read(["words"])
    with pytest.raises(InputError, match="window is 0"):
        tiny.read_frames([], source="x", window=0)
    with pytest.raises(ConfigError, match="asset:<name>"):
        m.asset_file("model.tflite")
    with pytest.raises(ConfigError, match="one-of"):
        m.MiniXception(m.MiniXceptionConfig(targets=(Target("facs-au", "perceived"),)))
    with pytest.raises(CheckpointError, match="convolutions"):
        m.from_official([[np.zeros((8, 3, 3, 1)), np.zeros(8)]], 4)
