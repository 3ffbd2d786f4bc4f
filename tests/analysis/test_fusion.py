import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from affectus import Timeline
from affectus.analysis.fusion import certainty, fuse, pool
from affectus.sample import Span

SPAN = Span("talk.mp4", "person-1", None, 0.0, 2.0)
LABELS = ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral")

weights = arrays(np.float64, 3, elements=st.floats(0.01, 1))
opinions = arrays(np.float64, (3, 7), elements=st.floats(0.001, 1)).map(lambda a: a / a.sum(1, keepdims=True))


def voice(p, span=SPAN, **options):
    return Timeline.build(
        [span], {"emodb-4": np.array([p])}, perspective="intended", by="v", modality="voice", **options
    )


def face(p, span=SPAN, **options):
    return Timeline.build(
        [span], {"fer2013-7": np.array([p])}, perspective="perceived", by="f", modality="face", **options
    )


@given(opinions, weights)
def test_a_pool_is_a_distribution_and_only_relative_weights_count(p, w):
    out = pool(p, w)
    assert out.sum() == pytest.approx(1)
    assert np.allclose(out, pool(p, 3 * w))


@given(opinions, weights)
def test_readers_of_one_opinion_are_not_more_sure_together(p, w):
    same = np.tile(p[:1], (3, 1))
    assert np.allclose(pool(same, w), p[0], atol=1e-3)


def test_a_reader_says_nothing_about_labels_that_it_lacks():
    # Four of seven labels, and no preference among them: the other reader's odds must stay as they are.
    partial = np.array([0.25, np.nan, np.nan, 0.25, 0.25, np.nan, 0.25])
    full = np.array([0.1, 0.1, 0.1, 0.1, 0.1, 0.4, 0.1])
    out = pool(np.stack([full, partial]), np.array([0.5, 0.5]))
    assert out[5] / out[0] == pytest.approx((0.4 / 0.1) ** 0.5)


def test_no_reader_alone_can_veto_a_label():
    never = np.array([0.0, 0, 0, 1.0, 0, 0, 0])
    sure = np.array([0.94, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01])
    assert pool(np.stack([never, sure]), np.array([0.1, 0.9]))[0] > 0.5


def test_certainty_runs_from_uniform_to_sure():
    rows = np.array(
        [[0.25] * 4 + [np.nan] * 3, [1, 0, 0, 0, np.nan, np.nan, np.nan], [0.7, 0.1, 0.1, 0.1] + [np.nan] * 3]
    )
    c = certainty(rows)
    assert c[0] == pytest.approx(0, abs=1e-6)
    assert c[1] == pytest.approx(1, abs=1e-6)
    assert 0 < c[2] < 1


def test_fused_rows_say_who_weighed_how_much_and_across_what():
    happy = voice([0.1, 0.8, 0.05, 0.05])
    smile = face([0.05, 0.02, 0.03, 0.6, 0.1, 0.1, 0.1])
    fused = fuse(Timeline.concat([happy, smile]), [SPAN])
    affect = fused[0]
    assert (affect.modality, affect.perspective, affect.target) == ("fused", "perceived", "ekman-6+neutral")
    assert affect.top == "joy"
    assert affect.labels == ("joy",)
    notes = {e.text: e.weight for e in affect.evidence}
    assert set(notes) == {
        "voice v: emodb-4→ekman-6+neutral, intended→perceived",
        "face f: fer2013-7→ekman-6+neutral, perceived→perceived",
    }
    assert sum(notes.values()) == pytest.approx(1)
    assert affect.flags == ()


def test_abstained_readings_and_other_people_do_not_count():
    strange = voice([0.9, 0.05, 0.03, 0.02], flags=[["abstained:out-of-distribution"]])
    smile = face([0.05, 0.02, 0.03, 0.6, 0.1, 0.1, 0.1])
    other = face([0.9, 0.02, 0.02, 0.02, 0.02, 0.01, 0.01], Span("talk.mp4", "person-2", None, 0.0, 2.0))
    fused = fuse(Timeline.concat([strange, smile, other]), [SPAN])
    assert fused[0].top == "joy"
    assert fused[0].flags == ("single-modality",)
    assert len(fuse(strange, [SPAN])) == 0


def test_nothing_to_fuse_gives_no_rows():
    assert len(fuse(Timeline.empty(), [SPAN])) == 0
    assert len(fuse(voice([0.25] * 4), [])) == 0
