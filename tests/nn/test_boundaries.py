from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from affectus.errors import InputError, UnknownName
from affectus.nn.boundaries import (
    Boundaries,
    fit_boundary,
    normalised,
    set_distance,
    signed_distance,
    without,
)

ROOT = Path(__file__).parents[2]
REFERENCE = load_file(ROOT / "tests" / "golden" / "emotion-anonymization" / "io.safetensors")
ALL = ROOT.parent / "shared" / "reference" / "emotion-anonymization" / "io.safetensors"
FOUR = ("angry", "happy", "sad", "neutral")


def planted(width: int = 24, n: int = 60, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Vectors of four emotions, each with a direction of its own."""
    rng = np.random.default_rng(seed)
    labels = [FOUR[i % 4] for i in range(n)]
    x = rng.standard_normal((n, width))
    for row, label in zip(x, labels, strict=True):
        row[FOUR.index(label)] += 6
    return x, labels


# -- the official code's vectors ---------------------------------------------------------------------------------------
@pytest.mark.data
def test_normalisation_and_boundary_are_those_of_the_official_code() -> None:
    if not ALL.is_file():
        pytest.skip("no reference vectors")
    given = load_file(ALL)
    x = normalised(given["svm_train_vectors"])
    np.testing.assert_allclose(x, given["svm_train_normalised"], atol=1e-5)
    normal, _ = fit_boundary(x, given["svm_labels"] == 1)
    assert normal @ given["svm_boundary"][0] >= 0.9999


def test_edits_are_those_of_the_official_code() -> None:
    z, n = normalised(REFERENCE["anon_vectors"]), REFERENCE["svm_boundary"][0]
    np.testing.assert_allclose(z, REFERENCE["anon_normalised"], atol=1e-5)
    for i, d in enumerate((30, 40)):
        np.testing.assert_allclose(set_distance(z, n, d), REFERENCE["edited_towards"][:, i], atol=1e-5)
        np.testing.assert_allclose(set_distance(z, n, -d), REFERENCE["edited_away"][:, i], atol=1e-5)


def test_conditional_boundary_is_that_of_the_official_code() -> None:
    found = without(REFERENCE["svm_boundary"][0], REFERENCE["second_boundary"])
    np.testing.assert_allclose(found, REFERENCE["boundary_projected"][0], atol=1e-5)


# -- invariances -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("width", [3, 192, 256])
def test_an_edit_sets_the_distance_and_keeps_what_is_orthogonal(width: int) -> None:
    rng = np.random.default_rng(width)
    z, n = rng.standard_normal((7, width)), rng.standard_normal(width)
    n /= np.linalg.norm(n)
    edited = set_distance(z, n, 30)
    np.testing.assert_allclose(signed_distance(edited, n), 30, atol=1e-10)
    across = np.eye(width) - np.outer(n, n)
    np.testing.assert_allclose(edited @ across, z @ across, atol=1e-10)
    np.testing.assert_allclose(set_distance(z, n, signed_distance(z, n)), z, atol=1e-10)


def test_conditional_boundary_is_orthogonal_to_all_others() -> None:
    normal, *others = np.random.default_rng(0).standard_normal((4, 10))
    found = without(normal, np.stack(others))
    np.testing.assert_allclose(found @ np.stack(others).T, 0, atol=1e-10)
    assert np.linalg.norm(found) == pytest.approx(1)
    with pytest.raises(InputError, match="span"):
        without(others[0] + others[1], np.stack(others))


# -- boundaries of several emotions ------------------------------------------------------------------------------------
def test_boundaries_know_vectors_they_have_not_seen() -> None:
    x, labels = planted()
    boundaries = Boundaries(FOUR, 24)
    assert not boundaries.fitted
    apart = boundaries.fit(x, labels, np.random.default_rng(0))
    assert boundaries.fitted
    assert min(apart.values()) > 0.9
    again, said = planted(seed=1)
    assert np.mean([a == b for a, b in zip(boundaries.predict(again), said, strict=True)]) > 0.9


def test_unrelated_labels_are_not_predicted() -> None:
    x, labels = planted()
    rng = np.random.default_rng(0)
    boundaries = Boundaries(FOUR, 24)
    boundaries.fit(x, list(rng.permutation(labels)), rng)
    again, said = planted(seed=1)
    assert np.mean([a == b for a, b in zip(boundaries.predict(again), said, strict=True)]) < 0.5


def test_a_vector_is_moved_along_the_boundary_of_its_emotion() -> None:
    x, labels = planted()
    boundaries = Boundaries(FOUR, 24)
    boundaries.fit(x, labels, np.random.default_rng(0))
    distances = {"angry": 30.0, "happy": 30.0, "neutral": 30.0, "sad": -30.0}
    moved = boundaries.move(x[:8], labels[:8], distances)
    for row, label in zip(moved, labels, strict=False):
        assert signed_distance(row, boundaries.normal(label)) == pytest.approx(distances[label])
    assert boundaries.move(x[:0], [], distances).shape == (0, 24)


def test_conditional_direction_leaves_other_decisions_as_they_are() -> None:
    x, labels = planted()
    boundaries = Boundaries(FOUR, 24)
    boundaries.fit(x, labels, np.random.default_rng(0))
    along = boundaries.conditional("angry", "sad", "neutral")
    z = normalised(x)
    for other in ("sad", "neutral"):
        n = boundaries.normal(other)
        np.testing.assert_allclose(set_distance(z, along, 30) @ n, z @ n, atol=1e-9)


def test_boundaries_come_back_from_a_checkpoint() -> None:
    x, labels = planted()
    boundaries, loaded = Boundaries(FOUR, 24), Boundaries(FOUR, 24)
    boundaries.fit(x, labels, np.random.default_rng(0))
    loaded.load_state_dict(boundaries.state_dict())
    assert torch.equal(loaded.normals, boundaries.normals)
    np.testing.assert_array_equal(loaded.decide(x), boundaries.decide(x))


def test_what_can_not_be_fitted_is_said() -> None:
    x, labels = planted(n=8)
    boundaries = Boundaries(FOUR, 24)
    with pytest.raises(UnknownName, match="'angry'"):
        boundaries.fit(x, ["angri", *labels[1:]], np.random.default_rng(0))
    with pytest.raises(InputError, match="1 vectors are 'sad'"):
        boundaries.fit(x[:7], [*labels[:6], "angry"], np.random.default_rng(0))
    with pytest.raises(InputError, match="0 of 8"):
        fit_boundary(x, np.zeros(8, bool))
