"""Decoding, merging and letterboxing against what the geometry says."""

import numpy as np
import pytest
from face_samples import CLIPS, needs_assets
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus.errors import AssetError, InputError
from affectus.frontends.faces.detector import Detector, anchors, decode, letterbox, merge, overlap
from affectus.frontends.faces.litert import LiteRT


def test_anchors_follow_the_grids():
    centres = anchors(((16, 2), (8, 6)))
    assert centres.shape == (896, 2)
    np.testing.assert_allclose(centres[0], centres[1])
    np.testing.assert_allclose(centres[0], [0.5 / 16, 0.5 / 16])
    np.testing.assert_allclose(centres[2], [1.5 / 16, 0.5 / 16])  # x runs first
    np.testing.assert_allclose(centres[512], [0.5 / 8, 0.5 / 8])


def test_decode_places_boxes_and_points_around_the_anchor():
    centres = anchors(((4, 1),))
    values, logits = np.zeros((16, 16), np.float32), np.full(16, -100.0, np.float32)
    logits[5] = 100.0
    values[5] = [2, -3, 10, 20, *np.arange(12)]
    (row,) = decode(values, logits, centres, 64, 0.5)
    middle = np.array([1.5 / 4, 1.5 / 4]) * 64
    np.testing.assert_allclose(row[:4], [middle[0] + 2 - 5, middle[1] - 3 - 10, middle[0] + 2 + 5, middle[1] - 3 + 10])
    np.testing.assert_allclose(row[4:16].reshape(6, 2), np.arange(12).reshape(6, 2) + middle)
    assert row[16] == pytest.approx(1.0)
    assert decode(values, logits - 300, centres, 64, 0.5).shape == (0, 17)


def rows_of(*boxes):
    rows = np.zeros((len(boxes), 17), np.float32)
    for row, (x0, y0, x1, y1, score) in zip(rows, boxes, strict=True):
        row[:4], row[16] = (x0, y0, x1, y1), score
    return rows


def test_merge_averages_a_group_by_score_and_keeps_others_apart():
    merged = merge(rows_of((0, 0, 10, 10, 0.9), (100, 100, 120, 120, 0.8), (2, 0, 12, 10, 0.3)))
    assert len(merged) == 2
    np.testing.assert_allclose(merged[0, :4], [0.5, 0, 10.5, 10], rtol=1e-6)
    assert merged[0, 16] == pytest.approx(0.9)
    assert merge(np.zeros((0, 17), np.float32)).shape == (0, 17)
    assert len(merge(rows_of((5, 5, 5, 5, 0.9), (5, 5, 5, 5, 0.8)))) == 2  # boxes without area overlap nothing


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 30)] * 4), min_size=1, max_size=8))
def test_overlap_against_counted_pixels(boxes):
    corners = np.array([[min(a, c), min(b, d), max(a, c), max(b, d)] for a, b, c, d in boxes], float)

    def cells(box):
        x0, y0, x1, y1 = box.astype(int)
        return {(x, y) for x in range(x0, x1) for y in range(y0, y1)}

    for value, box in zip(overlap(corners[0], corners), corners, strict=True):
        both, either = cells(box) & cells(corners[0]), cells(box) | cells(corners[0])
        assert value == pytest.approx(len(both) / len(either) if either else 0.0)


@settings(max_examples=30, deadline=None)
@given(h=st.integers(1, 300), w=st.integers(1, 300))
def test_letterbox_has_a_way_back(h, w):
    square, way = letterbox(np.full((h, w, 3), 255, np.uint8), 64)
    assert square.shape == (64, 64, 3)
    corners = way.invert(
        np.array([[way.left, way.top], [way.left + w * way.scale, way.top + h * way.scale]], np.float32)
    )
    np.testing.assert_allclose(corners, [[0, 0], [w, h]], atol=1e-2 * max(h, w))
    assert square.max() == 255


def test_an_unknown_net_and_a_damaged_file_are_named(tmp_path):
    with pytest.raises(InputError, match="wide"):
        Detector("wide")  # type: ignore[arg-type]
    with pytest.raises(AssetError, match="no TFLite net"):
        LiteRT(b"nothing")
    (tmp_path / "x.tflite").write_bytes(b"TFL3 broken")
    with pytest.raises(AssetError, match=r"x\.tflite"):
        LiteRT(tmp_path / "x.tflite")


@pytest.mark.assets
@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 900, 3), (64, 64, 3)])
def test_nothing_is_found_in_nothing(shape):
    needs_assets()
    assert Detector(("short", "back", "full"))(np.full(shape, 120, np.uint8)) == []


@pytest.mark.assets
@pytest.mark.data
@pytest.mark.parametrize("net", ["back", "full"])
def test_five_faces_of_a_group(net):
    needs_assets()
    from affectus.media import read_image

    found = Detector(net)(read_image(CLIPS / "multi_face.jpg"))
    assert len(found) == 5
    for face in found:
        right, left, _, mouth = face.keypoints[:4]
        assert right[0] < left[0]
        assert mouth[1] > (right[1] + left[1]) / 2
