"""ResNet-18's parameters and shapes."""

import torch

from affectus.nn.resnet import ResNet


def test_resnet_18_has_the_published_parameters() -> None:
    net = ResNet()
    names = dict(net.named_parameters())
    assert sum(p.numel() for p in names.values()) == 11_689_512 - 512 * 1000 - 1000  # torchvision's, without its output
    assert names["layer2.0.downsample.0.weight"].shape == (128, 64, 1, 1)
    assert names["layer4.1.conv2.weight"].shape == (512, 512, 3, 3)
    assert "layer1.0.downsample.0.weight" not in names


def test_each_stage_halves_the_picture() -> None:
    net, sizes = ResNet(width=4).eval(), []
    for stage in range(1, 5):
        net.get_submodule(f"layer{stage}").register_forward_hook(lambda _, __, out: sizes.append(tuple(out.shape[1:])))
    with torch.no_grad():
        assert net(torch.zeros(1, 3, 64, 96)).shape == (1, 32)
    assert sizes == [(4, 16, 24), (8, 8, 12), (16, 4, 6), (32, 2, 3)]
