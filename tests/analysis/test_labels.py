import numpy as np
import pytest

from affectus import Timeline
from affectus.analysis.labels import on_labels
from affectus.errors import InputError, UnknownName


def rows():
    voice = Timeline.build(
        [("a", "p", None, 0.0, 1.0), ("a", "p", None, 1.0, 2.0)],
        {"emodb-4": np.array([[0.1, 0.7, 0.1, 0.1], [0.7, 0.1, 0.1, 0.1]])},
        perspective="intended",
        by="v",
        modality="voice",
        labels={"emodb-4": [["happiness"], []]},
        flags=[[], ["abstained:low-confidence"]],
    )
    level = Timeline.build(
        [("a", "p", None, 0.0, 1.0)], {"arkit-52": np.zeros((1, 52))}, perspective=None, by="f", modality="face"
    )
    return Timeline.concat([voice, level])


def test_rows_get_the_scale_and_abstentions_stay():
    mapped = on_labels(rows(), "ekman-6+neutral")
    assert [a.target for a in mapped] == ["ekman-6+neutral", "ekman-6+neutral", "arkit-52"]
    assert mapped[0].top == "joy"
    assert mapped[0].labels == ("joy",)
    assert mapped[1].top == "anger"
    assert mapped[1].labels == ()
    assert "mapped:emodb-4→ekman-6+neutral" in mapped[0].flags
    assert mapped[0].scores["emodb-4"]["happiness"] == pytest.approx(0.7)
    assert mapped[2].flags == ()


def test_a_label_that_the_map_drops_leaves_no_decision():
    calm = Timeline.build(
        [("a", "p", None, 0.0, 1.0)],
        {"emodb-4": np.array([[0.2, 0.05, 0.7, 0.05]])},
        perspective="intended",
        by="v",
        modality="voice",
        labels={"emodb-4": [["neutral"]]},
    )
    mapped = on_labels(calm, "ekman-6")[0]
    assert mapped.labels == ()
    assert "lost:neutral" in mapped.flags
    assert mapped.top == "anger"


def test_unknown_and_unreachable_scales_are_refused():
    with pytest.raises(UnknownName, match="ekman-6"):
        on_labels(rows(), "ekmann-6")
    with pytest.raises(InputError, match="'empathy-distress'"):
        on_labels(rows(), "empathy-distress")


def test_the_same_scale_maps_onto_itself():
    once = on_labels(rows(), "emodb-4")
    assert once[0].labels == ("happiness",)
