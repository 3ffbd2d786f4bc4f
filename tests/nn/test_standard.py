import torch

from affectus.nn.standard import Standardised


def test_batches_together_give_the_moments_of_all_rows() -> None:
    torch.manual_seed(0)
    rows = torch.randn(50, 4) * torch.tensor([1.0, 10.0, 0.1, 0.0]) + torch.tensor([0.0, 5.0, -2.0, 3.0])
    layer = Standardised(4)
    for batch in (rows[:1], rows[1:20], rows[20:], rows[:0]):
        layer(batch)
    found = layer.eval()(rows)
    torch.testing.assert_close(found.mean(0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.std(0, unbiased=False), torch.tensor([1.0, 1.0, 1.0, 0.0]), atol=1e-4, rtol=0)


def test_evaluation_learns_nothing() -> None:
    layer = Standardised(2)
    layer(torch.tensor([[0.0, 1.0], [2.0, 3.0]]))
    layer.eval()
    first = layer(torch.tensor([[4.0, 9.0]]))
    layer(torch.full((100, 2), 50.0))
    assert torch.equal(layer(torch.tensor([[4.0, 9.0]])), first)
    assert torch.equal(first, torch.tensor([[3.0, 7.0]]))
