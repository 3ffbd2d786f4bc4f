import json
from pathlib import Path

import numpy as np
import pytest
import torch

from affectus.frontends.vggish_mel import BANDS, FRAMES, log_mel, patches
from affectus.nn.ir_resnet import IRResNet
from affectus.nn.temporal import TemporalNet
from affectus.nn.vggish import VGGish, Whitening

TORCHVGGISH = {  # of harritaylor/torchvggish, release 0.1
    "features.0": (64, 1, 3, 3), "features.3": (128, 64, 3, 3), "features.6": (256, 128, 3, 3),
    "features.8": (256, 256, 3, 3), "features.11": (512, 256, 3, 3), "features.13": (512, 512, 3, 3),
    "embeddings.0": (4096, 12288), "embeddings.2": (4096, 4096), "embeddings.4": (128, 4096),
}  # fmt: skip


def test_no_step_knows_of_a_later_one() -> None:
    torch.manual_seed(0)
    net = TemporalNet(3, (4, 4, 5)).eval()
    x = torch.randn(1, 3, 40, requires_grad=True)
    net(x)[0, :, 20].sum().backward()
    assert x.grad is not None
    reached = x.grad.abs().sum((0, 1)) > 0
    assert not reached[21:].any()
    assert reached[20]
    longest = torch.randn(1, 3, 80, requires_grad=True)
    net(longest)[0, :, 79].sum().backward()
    assert longest.grad is not None
    assert int((longest.grad.abs().sum((0, 1)) > 0).sum()) == 1 + 2 * 4 * (1 + 2 + 4)  # the receptive field


def test_faces_of_any_size_become_vectors_of_length_one() -> None:
    net = IRResNet(units=(1, 1, 1), width=4, size=21, features=6).eval()
    out = net(torch.rand(3, 3, 21, 21))
    assert out.shape == (3, 6)
    torch.testing.assert_close(out.norm(dim=1), torch.ones(3))


def test_ir_50_has_the_official_tensors() -> None:
    manifest = Path(__file__).parents[1] / "golden" / "textualized-cer" / "manifest.json"
    listed = json.loads(manifest.read_text(encoding="utf-8"))["VisualBackbone(IR-50)"]
    with torch.device("meta"):
        ours = IRResNet().state_dict()
    wanted = {k.removeprefix("backbone."): tuple(v) for k, v in listed.items() if not k.startswith("logits.")}
    assert {name: tuple(value.shape) for name, value in ours.items()} == wanted


def test_vggish_has_the_released_tensors() -> None:
    with torch.device("meta"):
        net = VGGish()
    shapes = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    assert {k.removesuffix(".weight"): v for k, v in shapes.items() if k.endswith(".weight")} == TORCHVGGISH
    assert all(shapes[f"{k}.bias"] == v[:1] for k, v in TORCHVGGISH.items())
    assert {n: tuple(v.shape) for n, v in Whitening().state_dict().items()} == {
        "pca_eigen_vectors": (128, 128),
        "pca_means": (128, 1),
    }


def test_vggish_flattens_with_channels_last() -> None:
    net = VGGish(((2,), (2,), (2,), (3,)), inner=4, features=5).eval()
    x = torch.rand(2, FRAMES, BANDS)
    maps = net.features(x[:, None]).detach().numpy()
    flat = np.stack([[m[c, t, b] for t in range(6) for b in range(4) for c in range(3)] for m in maps])
    torch.testing.assert_close(net(x), net.embeddings(torch.tensor(flat)))


def test_whitened_features_are_bytes() -> None:
    layer = Whitening(2)
    layer.pca_means[:] = torch.tensor([[1.0], [0.0]])
    out = layer(torch.tensor([[1.0, 5.0], [-9.0, -1.0]]))
    assert out.tolist() == [[128.0, 255.0], [0.0, 64.0]]


def _slow_log_mel(wave: np.ndarray, frame: int) -> np.ndarray:
    """A row by the formulas: Fourier sums, and each triangle by itself."""
    part = wave[frame * 160 : frame * 160 + 400] * [0.5 - 0.5 * np.cos(2 * np.pi * i / 400) for i in range(400)]
    times = np.arange(400)
    sizes = [abs((part * np.exp(-2j * np.pi * k * times / 512)).sum()) for k in range(257)]
    mel = [1127 * np.log(1 + k * 16000 / 512 / 700) for k in range(257)]
    low, high = (1127 * np.log(1 + f / 700) for f in (125, 7500))
    edges = [low + (high - low) * i / 65 for i in range(66)]
    row = []
    for a, b, c in zip(edges, edges[1:], edges[2:], strict=False):
        total = sum(
            size * max(0.0, min((m - a) / (b - a), (c - m) / (c - b)))
            for k, (size, m) in enumerate(zip(sizes, mel, strict=True))
            if k
        )
        row.append(np.log(total + 0.01))
    return np.array(row)


def test_the_mel_bands_are_their_formulas() -> None:
    wave = np.random.default_rng(0).standard_normal(2000) * 0.1
    found = log_mel(wave)
    assert found.shape == (11, BANDS)
    np.testing.assert_allclose(found[3], _slow_log_mel(wave, 3), atol=1e-5)
    assert log_mel(wave[:399]).shape == (0, BANDS)


@pytest.mark.parametrize("seconds", [0.0, 0.5, 3.0])
def test_there_is_a_patch_for_every_frame_also_at_the_end(seconds: float) -> None:
    wave = np.random.default_rng(0).standard_normal(int(seconds * 16_000)) * 0.1
    times = np.arange(5) / 25 + max(seconds - 0.2, 0)
    found = patches(wave, times)
    assert found.shape == (5, FRAMES, BANDS)
    assert np.isfinite(found).all()
    if seconds == 3.0:
        np.testing.assert_array_equal(patches(wave, np.array([1.0]))[0], log_mel(wave)[100:196])
