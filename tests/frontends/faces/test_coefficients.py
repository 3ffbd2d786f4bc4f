"""Geometric coefficients: what moves them and what does not."""

import numpy as np
import pytest
from face_samples import face_mesh, mirrored, turned
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus.frontends.faces.coefficients import (
    MEASURES,
    NEUTRAL,
    RIG,
    SUPPORTED,
    Baseline,
    coefficients,
    head_pose,
    measures,
    motion,
)
from affectus.frontends.faces.track import Face, FaceFrame
from affectus.taxonomy import scale

LABELS = scale(RIG).labels


def level(mesh, name):
    return float(coefficients(mesh)[LABELS.index(name)])


def expressive():
    """A lopsided expression that moves many coefficients."""
    mesh = face_mesh()
    mesh[[61, 39, 81]] += [-9, -8, 2]  # right corner out and up
    mesh[291] += [-3, 3, 0]
    mesh[[285, 336, 295, 296, 282, 334]] += [0, 7, 0]  # left brow down
    mesh[[14, 17, 178, 402, 181, 405]] += [0, 12, 0]
    mesh[152] += [3, 14, 0]
    return mesh


def test_what_geometry_can_not_see_is_absent():
    row = coefficients(face_mesh())
    given_labels = {label for label, value in zip(LABELS, row, strict=True) if not np.isnan(value)}
    assert given_labels == set(SUPPORTED)
    assert not given_labels & {"eyeBlinkLeft", "eyeLookUpLeft", "tongueOut", "cheekPuff"}


@settings(max_examples=40, deadline=None)
@given(
    size=st.floats(0.1, 20),
    x=st.floats(-3000, 3000),
    y=st.floats(-3000, 3000),
    yaw=st.floats(-60, 60),
    pitch=st.floats(-50, 50),
    roll=st.floats(-170, 170),
)
def test_place_size_and_turn_change_nothing(size, x, y, yaw, pitch, roll):
    mesh = expressive()
    moved = turned(mesh, yaw, pitch, roll) * size + [x, y, 0]
    np.testing.assert_allclose(coefficients(moved), coefficients(mesh), atol=1e-4)


def test_a_mirror_swaps_right_and_left():
    here, there = coefficients(expressive()), coefficients(mirrored(expressive()))
    for at, label in enumerate(LABELS):
        other = label.replace("Left", "?").replace("Right", "Left").replace("?", "Right")
        if label in SUPPORTED:
            assert there[LABELS.index(other)] == pytest.approx(here[at], abs=1e-5), label
    assert level(expressive(), "mouthSmileRight") > level(expressive(), "mouthSmileLeft") + 0.2
    assert level(expressive(), "browDownLeft") > level(expressive(), "browDownRight") + 0.2


def moved(points, by):
    mesh = face_mesh()
    mesh[points] += by
    return mesh


@pytest.mark.parametrize(
    ("name", "mesh"),
    [
        ("jawOpen", moved([14, 17, 178, 402, 181, 405, 152], [0, 25, 0])),
        ("mouthSmileRight", moved([61], [-8, -7, 0])),
        ("mouthSmileLeft", moved([291], [8, -7, 0])),
        ("mouthFrownLeft", moved([291], [0, 6, 0])),
        ("mouthStretchRight", moved([61], [-10, 0, 0])),
        ("browInnerUp", moved([55, 107, 285, 336], [0, -8, 0])),
        ("browDownRight", moved([55, 107, 65, 66, 52, 105], [0, 6, 0])),
        ("browOuterUpLeft", moved([283, 293, 276, 300], [0, -6, 0])),
        ("mouthUpperUpRight", moved([39, 81], [0, -5, 0])),
        ("mouthLeft", moved([61, 291, 0, 13, 14, 17, 39, 81, 181, 178, 269, 311, 405, 402], [6, 0, 0])),
        ("jawRight", moved([152], [-9, 0, 0])),
    ],
)
def test_each_movement_raises_its_coefficient(name, mesh):
    assert level(mesh, name) > level(face_mesh(), name) + 0.15


def test_pursed_lips():
    mesh = face_mesh()
    mesh[61, 0], mesh[291, 0] = -13, 13
    assert level(mesh, "mouthPucker") > 0.5
    mesh[[14, 17, 178, 402, 181, 405], 1] += 15
    assert level(mesh, "mouthFunnel") > 0.5
    assert level(mesh, "mouthPucker") < level(mesh, "mouthFunnel")


@settings(max_examples=40, deadline=None)
@given(yaw=st.floats(-70, 70), pitch=st.floats(-60, 60), roll=st.floats(-170, 170))
def test_head_pose_recovers_the_turn(yaw, pitch, roll):
    rest, found = head_pose(face_mesh()), head_pose(turned(face_mesh(), yaw, pitch, roll))
    np.testing.assert_allclose(rest[[0, 2]], 0, atol=1e-3)
    assert abs(rest[1]) < 20  # how the forehead leans differs from head to head
    np.testing.assert_allclose(found - rest, [yaw, pitch, roll], atol=1e-2)


def test_baseline_is_the_running_median_and_forgets():
    base, rng = Baseline(frames=100, least=20), np.random.default_rng(0)
    own = NEUTRAL + 0.05
    for _ in range(10):
        rest = base(own + rng.normal(0, 0.01, len(NEUTRAL)).astype(np.float32))
    np.testing.assert_array_equal(rest, NEUTRAL)  # too early to know the person
    for i in range(200):
        rest = base(own + (0.3 if i % 4 == 0 else 0.0) + rng.normal(0, 0.01, len(NEUTRAL)).astype(np.float32))
    np.testing.assert_allclose(rest, own, atol=0.02)  # short expressions don't move a median


def test_motion_rows_last_until_the_next_frame():
    mesh = face_mesh().astype(np.float32)
    face = Face("face-1", np.array([0, 0, 1, 1], np.float32), mesh, 1.0, np.zeros((64, 64), np.uint8))
    frames = [FaceFrame(0.0, [face]), FaceFrame(0.04, []), FaceFrame(0.08, [face]), FaceFrame(0.2, [face])]
    timeline = motion(frames, source="clip")
    assert timeline.column("start").tolist() == [0.0, 0.08, 0.2]
    np.testing.assert_allclose(timeline.column("end"), [0.04, 0.2, 0.32])
    assert {s.name for s in timeline.scales} == {"arkit-52", "head-pose"}
    affect = timeline[0]
    assert affect.by == "geometric"
    assert affect.perspective is None
    assert set(affect.scores["arkit-52"]) == set(SUPPORTED)
    assert len(motion([FaceFrame(0.0, [])], source="clip")) == 0


def test_measures_are_named():
    assert measures(face_mesh()).shape == (len(MEASURES),) == NEUTRAL.shape
    assert measures(np.stack([face_mesh()] * 3)).shape == (3, len(MEASURES))
