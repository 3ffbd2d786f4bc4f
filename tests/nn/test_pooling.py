import torch

from affectus.nn.pooling import means, peaks


def test_windows_of_a_text_count_by_their_tokens() -> None:
    states = torch.tensor([[[9.0], [1.0], [2.0]], [[3.0], [9.0], [9.0]], [[9.0], [9.0], [9.0]]])
    content = torch.tensor([[False, True, True], [True, False, False], [False, False, False]])
    owner = torch.tensor([1, 1, 2])
    assert means(states, content, owner, 3)[:, 0].tolist() == [0.0, 2.0, 0.0]
    assert peaks(states - 10, content, owner, 3)[:, 0].tolist() == [0.0, -7.0, 0.0]
