"""The aligned crop and the turned square it is cut with."""

import cv2
import numpy as np
import pytest
from face_samples import face_mesh, turned
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus.errors import InputError
from affectus.frontends.faces.crop import EYES_APART, EYES_HEIGHT, PIXELS, as_crop, face_crop, face_square
from affectus.frontends.faces.mesh import LEFT_EYE_OUTER, RIGHT_EYE_OUTER, Region, region_of_mesh


def placed(roll=0.0, size=1.0):
    return turned(face_mesh(), roll=roll) * size + [300, 250, 0]


@pytest.mark.parametrize("roll", [0, 25, -40])
@pytest.mark.parametrize("size", [0.4, 1.0, 3.0])
def test_eyes_come_to_rest_level_at_their_height(roll, size):
    mesh = placed(roll, size)
    picture = np.zeros((600, 700, 3), np.uint8)
    right, left = mesh[[33, 133]].mean(0), mesh[[263, 362]].mean(0)
    for eye in (right, left):
        cv2.circle(picture, (round(eye[0]), round(eye[1])), max(2, round(4 * size)), (255, 255, 255), -1)
    crop = face_crop(picture, mesh).astype(float)
    half = PIXELS // 2
    ys, xs = np.mgrid[0:PIXELS, 0:PIXELS]
    for side, sign in ((crop[:, :half], -1), (crop[:, half:], 1)):
        at = xs[:, :half] + (half if sign > 0 else 0)
        x, y = (at * side).sum() / side.sum(), (ys[:, :half] * side).sum() / side.sum()
        assert y == pytest.approx(EYES_HEIGHT * PIXELS, abs=2.0)
        assert x == pytest.approx(half + sign * EYES_APART / 2 * PIXELS, abs=3.0)


def test_a_region_maps_its_centre_and_corners():
    region = Region(40, 30, 20, np.pi / 2)
    matrix = region.affine(64)
    np.testing.assert_allclose(matrix @ [40, 30, 1], [32, 32], atol=1e-9)
    # Turned by a right angle, what lies below the centre comes to lie on its right.
    np.testing.assert_allclose(matrix @ [40, 40, 1], [64, 32], atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(roll=st.floats(-150, 150), size=st.floats(0.2, 5))
def test_the_next_region_follows_the_mesh(roll, size):
    still, moved = region_of_mesh(face_mesh()), region_of_mesh(placed(roll, size))
    assert moved.side == pytest.approx(still.side * size, rel=1e-5)
    assert np.degrees(moved.roll) == pytest.approx(roll, abs=1e-3)
    eyes = moved.affine(192) @ np.c_[placed(roll, size)[[RIGHT_EYE_OUTER, LEFT_EYE_OUTER], :2], [1, 1]].T
    assert eyes[1, 0] == pytest.approx(eyes[1, 1], abs=1e-3)


def test_large_faces_are_averaged_not_sampled():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (1200, 1200, 3)).astype(np.uint8)
    crop = Region(600, 600, 1000, 0.1).crop(noise, 64)
    assert crop.std() < 0.25 * noise.std()


def test_ready_cut_faces():
    assert as_crop(np.zeros((48, 48), np.uint8)).shape == (64, 64)
    assert as_crop(np.full((200, 150, 3), 7, np.uint8)).max() == 7
    for bad in (np.zeros((4, 4)), np.zeros((2, 2, 4), np.uint8), np.zeros((0, 5), np.uint8)):
        with pytest.raises(InputError, match="shape"):
            as_crop(bad)


def test_the_square_holds_against_turning_heads():
    frontal, turned_head = face_square(face_mesh()), face_square(turned(face_mesh(), yaw=45))
    assert turned_head.side == pytest.approx(frontal.side, rel=0.1)
