import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus import Evidence, Timeline, align
from affectus.errors import InputError, ScaleError, UnknownName

SPAN = ("talk.wav", "speaker-1", None, 0.0, 1.0)


def reading(spans=(SPAN,), p=((0.1, 0.2, 0.3, 0.4),), scale="emodb-4", **options):
    defaults = {"perspective": "intended", "by": "r", "modality": "voice"}
    return Timeline.build(list(spans), {scale: np.array(p, np.float32)}, **{**defaults, **options})


def test_affect_is_the_view_of_one_row():
    timeline = reading(
        labels={"emodb-4": [["sadness"]]},
        sets={"emodb-4": [["sadness", "neutral"]]},
        evidence=[[Evidence("span", 0.2, 0.4, None, 1.5)]],
        flags=[["clipped"]],
        text=["so"],
    )
    affect = timeline[0]
    assert affect.scores["emodb-4"]["sadness"] == pytest.approx(0.4)
    assert (affect.top, affect.labels, affect.sets["emodb-4"]) == ("sadness", ("sadness",), ("sadness", "neutral"))
    assert affect.evidence == (Evidence("span", 0.2, 0.4, None, 1.5),)
    assert (affect.start, affect.end, affect.item, affect.text, affect.flags) == (0.0, 1.0, None, "so", ("clipped",))


def test_absent_is_absent_never_zero():
    partial = reading(p=[[np.nan, 0.5, 0.5, np.nan]])[0]
    assert set(partial.scores["emodb-4"]) == {"happiness", "neutral"}
    unread = reading(p=[[np.nan] * 4])[0]
    assert unread.scores == {}
    assert unread.top is None
    assert unread.labels == ()


@pytest.mark.parametrize(
    ("p", "scale", "message"),
    [
        ([[0.5, 0.5, 0.5, 0.5]], "emodb-4", "sum to 2"),
        ([[1.2, -0.2, 0, 0]], "emodb-4", "1.2"),
        ([[0.5, 0.5]], "emodb-4", "shape"),
        ([[2.0, 0.0]], "valence-arousal", "2"),
        ([[np.inf, 0.0]], "valence-arousal", "inf"),
    ],
)
def test_scores_that_break_their_scale_are_refused(p, scale, message):
    with pytest.raises(ScaleError, match=message):
        reading(p=p, scale=scale)


def test_a_span_that_ends_before_it_starts_is_refused():
    with pytest.raises(InputError, match=r"ends at 1\.0 s before it starts at 2\.0 s"):
        reading([("a", None, None, 2.0, 1.0)])


def test_columns_of_another_length_are_refused():
    with pytest.raises(InputError, match="allowed: 1"):
        reading(text=["a", "b"])


def test_unknown_scale_suggests_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'ekman-6'"):
        reading(scale="ekmann-6")


def test_concat_promotes_and_keeps_scales_and_first_targets():
    voice = reading()
    text = reading(p=[[0.5, -0.5]], scale="valence-arousal", modality="text", perspective="perceived", text=["hm"])
    both = Timeline.concat([text, voice, text])
    assert [s.name for s in both.scales] == ["valence-arousal", "emodb-4"]
    assert np.isnan(both.scores("emodb-4")[[0, 2]]).all()
    assert [a.target for a in both] == ["valence-arousal", "emodb-4", "valence-arousal"]
    assert both[1].top == "sadness"
    assert both[1].text is None
    assert both[1:].scores("emodb-4")[0, 3] == pytest.approx(0.4)
    assert len(Timeline.concat([])) == 0


def test_where_and_sorted():
    spans = [("b", "x", None, 2.0, 3.0), ("a", None, 4, None, None), ("b", "x", None, 1.0, 2.0)]
    timeline = reading(spans, [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]])
    assert [a.top for a in timeline.sorted()] == ["happiness", "neutral", "anger"]
    assert len(timeline.where(source="b", track="x")) == 2
    assert timeline.where(track=None)[0].item == 4
    with pytest.raises(UnknownName, match="track"):
        timeline.where(trak="x")


def test_shift_moves_spans_and_evidence_and_nothing_else():
    timeline = reading(evidence=[[Evidence("span", 0.25, 0.5), Evidence("word", text="so")]])
    later = timeline.shift(8)
    assert (later[0].start, later[0].end) == (8.0, 9.0)
    assert later[0].evidence == (Evidence("span", 8.25, 8.5), Evidence("word", text="so"))
    assert np.array_equal(later.scores("emodb-4"), timeline.scores("emodb-4"))


def test_to_pandas_widens_scales():
    frame = reading(labels={"emodb-4": [["sadness"]]}).to_pandas()
    assert frame.loc[0, "emodb-4/sadness"] == pytest.approx(0.4)
    assert frame.loc[0, "emodb-4.labels"] == ["sadness"]
    assert frame["item"].isna().all()


def test_align_asks_for_perspectives_by_name():
    felt = reading(perspective="felt")
    seen = reading([("talk.wav", "speaker-1", None, 0.5, 2.0)], perspective="perceived")
    with pytest.raises(ScaleError, match="across"):
        align(felt, seen)
    with pytest.raises(ScaleError, match="perceived"):
        align(felt, seen, across=("felt", "felt"))
    joined = align(felt, seen, across=("felt", "perceived"))
    assert (joined.a.tolist(), joined.b.tolist(), joined.overlap.tolist()) == ([0], [0], [0.5])
    assert joined.name == "felt→perceived"


def test_align_joins_untimed_rows_by_item_and_never_other_people():
    a = reading([("t", "anna", 1, None, None), ("t", "ben", 2, None, None)], [[1, 0, 0, 0]] * 2)
    b = reading([("t", "ben", 1, None, None), ("t", "ben", 2, None, None)], [[1, 0, 0, 0]] * 2)
    joined = align(a, b)
    assert (joined.a.tolist(), joined.b.tolist()) == ([1], [1])


_interval = st.tuples(st.floats(0, 50), st.floats(0.01, 10)).map(lambda v: ("s", "p", None, v[0], v[0] + v[1]))


@settings(max_examples=60, deadline=None)
@given(st.lists(_interval, max_size=12), st.lists(_interval, max_size=12))
def test_align_finds_exactly_the_overlaps(left, right):
    def make(spans):
        return reading(spans, np.tile([1.0, 0, 0, 0], (len(spans), 1)).reshape(-1, 4))

    found = align(make(left), make(right))
    wanted = {(i, j) for i, a in enumerate(left) for j, b in enumerate(right) if min(a[4], b[4]) - max(a[3], b[3]) > 0}
    assert set(zip(found.a.tolist(), found.b.tolist(), strict=True)) == wanted
