"""Following faces: identities, losses, cuts. The nets are replaced by a scene that knows where its faces are."""

from dataclasses import replace

import numpy as np
import pytest
from face_samples import CLIPS, face_mesh, needs_assets

from affectus.errors import InputError
from affectus.frontends.faces import track as module
from affectus.frontends.faces.appearance import Signature
from affectus.frontends.faces.detector import Detection
from affectus.frontends.faces.track import Tracker

SIDE = 240
LOOKS = {name: np.random.default_rng(seed).integers(30, 220, (6, 6, 3)) for seed, name in enumerate("abc")}


class Scene:
    """Draws people as coloured checkerboards and answers like the two nets do."""

    def __init__(self, monkeypatch):
        self.people: dict[str, tuple[float, float]] = {}
        self.detections = self.meshes = 0
        scene = self

        class FakeDetector:
            def __init__(self, *_):
                pass

            def __call__(self, rgb):
                scene.detections += 1
                return [scene.detection(x, y) for x, y in scene.people.values()]

        class FakeMesh:
            def __init__(self, *_):
                pass

            def __call__(self, rgb, region):
                scene.meshes += 1
                near = [(np.hypot(x - region.x, y - region.y), x, y) for x, y in scene.people.values()]
                distance, x, y = min(near, default=(1e9, 0.0, 0.0))
                return scene.mesh(x, y), 1.0 if distance < 40 else 0.0

        monkeypatch.setattr(module, "Detector", FakeDetector)
        monkeypatch.setattr(module, "Mesh", FakeMesh)

    @staticmethod
    def mesh(x, y):
        mesh = face_mesh() * 0.35
        return (mesh - (mesh.min(0) + mesh.max(0)) / 2 + [x, y, 0]).astype(np.float32)

    def detection(self, x, y):
        points = np.array([[x - 12, y - 10], [x + 12, y - 10], [x, y], [x, y + 12], [x - 20, y], [x + 20, y]])
        return Detection(np.array([x - 32, y - 32, 64, 64], np.float32), points.astype(np.float32), 0.9)

    def frame(self, **people):
        self.people = people
        picture = np.full((SIDE, 3 * SIDE, 3), 128, np.uint8)
        for name, (x, y) in people.items():
            tile = np.kron(LOOKS[name], np.ones((14, 14, 1))).astype(np.uint8)
            x0, y0 = int(x) - 42, int(y) - 42
            picture[max(y0, 0) : y0 + 84, max(x0, 0) : x0 + 84] = tile[max(-y0, 0) :, max(-x0, 0) :]
        return picture


def names(frame):
    return {face.track: tuple(np.round(face.box[:2] + face.box[2:] / 2)) for face in frame.faces}


@pytest.fixture
def scene(monkeypatch):
    return Scene(monkeypatch)


def test_a_face_is_followed_with_few_detections(scene):
    tracker = Tracker(every=5)
    for i in range(40):
        found = tracker(i / 25, scene.frame(a=(100 + 3 * i, 120)))
        assert list(names(found)) == ["face-1"]
        assert found.time == i / 25
        assert found.faces[0].crop.shape == (64, 64)
    assert scene.detections == 8


def test_a_face_that_left_is_recognised_when_it_returns(scene):
    tracker = Tracker()
    for i in range(10):
        tracker(i / 25, scene.frame(a=(100, 120), b=(400, 120)))
    for i in range(10, 20):
        assert list(names(tracker(i / 25, scene.frame(b=(400, 120))))) == ["face-2"]
    assert set(names(tracker(0.8, scene.frame(a=(600, 120), b=(400, 120))))) == {"face-1", "face-2"}
    assert set(names(tracker(0.84, scene.frame(c=(120, 120), a=(600, 120), b=(400, 120))))) == {"face-1", "face-2"}
    for i in range(22, 28):
        found = tracker(i / 25, scene.frame(c=(120, 120), a=(600, 120), b=(400, 120)))
    assert set(names(found)) == {"face-1", "face-2", "face-3"}


def test_a_cut_that_swaps_two_people_keeps_their_names(scene):
    tracker = Tracker()
    for i in range(7):
        before = names(tracker(i / 25, scene.frame(a=(120, 120), b=(560, 120))))
    after = names(tracker(0.28, scene.frame(b=(120, 120), a=(560, 120))))
    assert after["face-1"] == before["face-2"]
    assert after["face-2"] == before["face-1"]


def test_a_cut_to_a_stranger_is_a_new_face(scene):
    tracker = Tracker()
    for i in range(7):
        tracker(i / 25, scene.frame(a=(120, 120)))
    assert set(names(tracker(0.28, scene.frame(c=(120, 120))))) == {"face-2"}


@pytest.mark.parametrize(("away", "name"), [(1.5, "face-1"), (3.0, "face-2")])
def test_a_face_is_remembered_for_a_while(scene, away, name):
    tracker = Tracker(memory=2.0)
    for i in range(10):
        tracker(i / 25, scene.frame(a=(120, 120)))
    tracker(0.4, scene.frame())
    tracker(0.4 + away, scene.frame())
    assert list(names(tracker(0.44 + away, scene.frame(a=(120, 120))))) == [name]


def test_a_glimpse_is_not_remembered(scene):
    tracker = Tracker()
    tracker(0.0, scene.frame(a=(120, 120)))
    tracker(0.04, scene.frame())
    assert not tracker._gone


def test_a_half_hidden_newcomer_gets_its_old_name_back(scene):
    tracker = Tracker()
    for i in range(10):
        tracker(i / 25, scene.frame(a=(300, 120)))
    tracker(0.4, scene.frame())
    hidden = scene.frame(a=(300, 120))
    hidden[:, 296:] = 40  # someone stands before half of the face
    assert list(names(tracker(0.44, hidden))) == ["face-2"]
    for i in range(12, 16):
        picture = scene.frame(a=(300, 120))
        picture[:, 296 + 20 * (i - 11) :] = 40
        tracker(i / 25, picture)
    assert list(names(tracker(0.68, scene.frame(a=(300, 120))))) == ["face-1"]


def test_likeness_counts_pattern_colour_and_shape():
    rng = np.random.default_rng(0)
    picture = np.kron(rng.integers(0, 255, (20, 20, 3)), np.ones((20, 20, 1))).astype(np.uint8)
    mesh = face_mesh() + np.array([200, 200, 0])
    here = Signature.of(picture, mesh)
    assert here.likeness(here) == pytest.approx(1, abs=1e-4)
    brighter = Signature.of((picture * 0.7).astype(np.uint8), mesh)
    assert here.likeness(brighter) > 0.7
    tinted = Signature.of((picture * [1.0, 0.6, 0.6]).astype(np.uint8), mesh)
    assert tinted.likeness(here) < here.likeness(brighter) - 0.1
    longer = mesh * [1, 1.15, 1]
    other_head = replace(here, shape=Signature.of(picture, longer).shape)
    assert other_head.likeness(here) < 0.8
    small = replace(other_head, trust=0.1)
    assert small.likeness(here) > 0.95  # the mesh of a small face proves little
    blended = here.blend(tinted, 1.0)
    assert blended.likeness(tinted) == pytest.approx(1, abs=1e-4)


def test_state_does_not_grow(scene):
    tracker = Tracker(alike=2.0)  # nobody is ever recognised: each return is a new face
    for i in range(600):
        tracker(i / 25, scene.frame(**({"a": (120, 120)} if i % 2 else {})))
    assert tracker._count == 300
    assert len(tracker._live) + len(tracker._gone) <= 65


def test_no_face_and_a_wrong_rhythm(scene):
    assert Tracker()(0.0, np.zeros((1, 1, 3), np.uint8)).faces == []
    with pytest.raises(InputError, match="every is 0"):
        Tracker(every=0)


@pytest.mark.assets
@pytest.mark.data
def test_real_clips():
    needs_assets()
    from affectus.frontends.faces import find_faces, track_faces
    from affectus.media import frames, read_image

    seen = list(track_faces(frames(CLIPS / "face_noface.mov")))
    with_face = [f.time for f in seen if f.faces]
    assert {face.track for f in seen for face in f.faces} == {"face-1"}
    assert max(with_face) < 2.6 < seen[-1].time  # then a drawn title follows, where nothing may be found
    assert len(find_faces(read_image(CLIPS / "multi_face.jpg"))) == 5
    (face,) = find_faces(read_image(CLIPS / "Image_with_alpha.png"))
    assert face.mesh[33, 0] < face.mesh[263, 0]
    assert face.mesh[10, 1] < face.mesh[152, 1]
    upside_down = find_faces(read_image(CLIPS / "single_face.jpg")[::-1].copy())
    assert len(upside_down) <= 1
