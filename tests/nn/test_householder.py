from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from sklearn.metrics import roc_auc_score

from affectus.errors import InputError
from affectus.nn.boundaries import Boundaries
from affectus.nn.householder import AngularMargin, Losses, Reflections, train_reflections

GIVEN = load_file(Path(__file__).parents[1] / "golden" / "emotion-anonymization" / "io.safetensors")
EMOTIONS = ("angry", "happy", "sad", "neutral")


def test_the_chain_is_that_of_the_reference() -> None:
    chain = Reflections(192, 4).double()
    chain.load_state_dict({"vectors": GIVEN["householder_vectors"]})
    with torch.no_grad():
        torch.testing.assert_close(chain(GIVEN["householder_in"]), GIVEN["householder_out"], atol=1e-10, rtol=0)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_lengths_and_inner_products_stay(count: int) -> None:
    torch.manual_seed(count)
    chain, x = Reflections(30, count).double(), torch.randn(8, 30, dtype=torch.float64)
    with torch.no_grad():
        y = chain(x)
        back = y
        for v in chain.vectors.flip(0):
            back = back - 2 * (back @ v)[:, None] * v / (v @ v)
    torch.testing.assert_close(y @ y.T, x @ x.T, atol=1e-10, rtol=0)
    torch.testing.assert_close(back, x, atol=1e-10, rtol=0)
    assert torch.equal(y, x) == (count == 0)


def test_few_reflections_leave_most_directions_where_they_are() -> None:
    chain = Reflections(30, 5).double()
    with torch.no_grad():
        kept = torch.linalg.svdvals(chain(torch.eye(30, dtype=torch.float64)) - torch.eye(30, dtype=torch.float64))
    assert (kept < 1e-10).sum() >= 25


def test_random_reflections_keep_the_cosine_that_is_documented() -> None:
    torch.manual_seed(0)
    x = F.normalize(torch.randn(4000, 24))
    for count, kept in ((24, 0.124), (48, 0.0154)):
        with torch.no_grad():
            cosines = torch.stack([(Reflections(24, count)(x) * x).sum(1).mean() for _ in range(40)])
        assert cosines.mean().item() == pytest.approx(kept, abs=0.04)


def test_margin_by_hand() -> None:
    margin = AngularMargin(2, 2, margin=0.2, scale=10.0)
    margin.load_state_dict({"centres": torch.tensor([[1.0, 0.0], [0.0, 2.0]])})
    found = margin(torch.tensor([[3.0, 4.0]]), torch.tensor([0]))
    angle = torch.atan2(torch.tensor(4.0), torch.tensor(3.0))
    logits = 10 * torch.stack([torch.cos(angle + 0.2), torch.sin(angle)])
    assert found.item() == pytest.approx(F.cross_entropy(logits[None], torch.tensor([0])).item(), rel=1e-4)


def test_nothing_is_gained_below_a_cosine_of_zero() -> None:
    x = torch.randn(5, 6)
    losses, speaker = Losses(6, 3), torch.tensor([0, 1, 2, 0, 1])
    assert losses(x, x, speaker)["unlike"].item() == pytest.approx(1)
    assert losses(x, -x, speaker)["unlike"].item() == 0
    assert losses(x, x, speaker)["told apart"] > 0


def test_weights_multiply_terms() -> None:
    x, speaker = torch.randn(5, 6), torch.tensor([0, 1, 2, 0, 1])
    losses = Losses(6, 3)
    once = losses(x, x.roll(1, 1), speaker)
    losses.weights = (2.0, 0.5, 0.0)
    changed = losses(x, x.roll(1, 1), speaker)
    assert changed["told apart"].item() == pytest.approx(2 * once["told apart"].item())
    assert changed["new voices"].item() == pytest.approx(0.5 * once["new voices"].item())
    assert changed["unlike"].item() == 0


# -- a made task: speakers and emotions have directions of their own ---------------------------------------------------
WIDTH, SPEAKERS, EACH = 48, 30, 12


def voices(seed: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Vectors (n, width), their speakers and emotions; the directions are the same for every seed."""
    planted = np.random.default_rng(99)
    who, how = planted.standard_normal((SPEAKERS, WIDTH)), 4 * planted.standard_normal((4, WIDTH)) / np.sqrt(WIDTH)
    rng = np.random.default_rng(seed)
    speaker, emotion = np.repeat(np.arange(SPEAKERS), EACH), np.tile(np.arange(4), SPEAKERS * EACH // 4)
    x = who[speaker] + 2 * how[emotion] + 0.5 * rng.standard_normal((len(speaker), WIDTH))
    return x, speaker, [EMOTIONS[e] for e in emotion]


def verified(enrolled: np.ndarray, tried: np.ndarray, speaker: np.ndarray) -> float:
    """Area under the curve of cosines between enrolled speakers and trials: 0.5 is chance."""
    model = np.stack([enrolled[speaker == s].mean(0) for s in range(SPEAKERS)])
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (model, tried)]
    return float(roc_auc_score((speaker[:, None] == np.arange(SPEAKERS)).ravel(), (unit[1] @ unit[0].T).ravel()))


def test_rotation_hides_speaker_and_emotion_and_compensation_restores_the_emotion() -> None:
    known, who, felt = voices(1)
    rng = np.random.default_rng(0)
    boundaries, probe = Boundaries(EMOTIONS, WIDTH), Boundaries(EMOTIONS, WIDTH)
    boundaries.fit(known, felt, rng)
    probe.fit(voices(3)[0], voices(3)[2], rng)  # a judge who has no part in the edit
    x, speaker, emotion = voices(2)

    torch.manual_seed(0)
    chain = Reflections(WIDTH, 2 * WIDTH)
    trace = train_reflections(chain, known, who, steps=30, batch=64, lr=0.1)
    assert np.mean(trace[-5:]) < 0.7 * np.mean(trace[:5])
    with torch.no_grad():
        moved = chain(torch.as_tensor(x, dtype=torch.float32)).double().numpy()
    indicated = boundaries.predict(x)
    restored = boundaries.move(moved, indicated, dict.fromkeys(EMOTIONS, 8.0))

    def right(vectors: np.ndarray) -> float:
        return float(np.mean([a == b for a, b in zip(probe.predict(vectors), emotion, strict=True)]))

    assert verified(known, x, speaker) > 0.95
    assert abs(verified(known, moved, speaker) - 0.5) < 0.12
    assert abs(verified(known, restored, speaker) - 0.5) < 0.12
    assert right(x) > 0.9
    assert right(moved) < right(x) - 0.3
    assert right(restored) > 0.9


def test_training_repeats_and_needs_two_speakers() -> None:
    x, speaker, _ = voices(1)
    chains = []
    for _ in range(2):
        torch.manual_seed(0)
        chains.append(Reflections(WIDTH, 2))
        train_reflections(chains[-1], x, speaker, steps=3)
    assert torch.equal(chains[0].vectors, chains[1].vectors)
    with pytest.raises(InputError, match="of 1 speaker"):
        train_reflections(chains[0], x, np.zeros(len(x)))
