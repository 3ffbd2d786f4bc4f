import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from affectus.errors import ScaleError, UnknownName
from affectus.taxonomy import ScaleMap, known_maps, known_scales, map_scores, scale, scale_map

MAPS = known_maps()
FROM_PROBABILITIES = [m for m in MAPS if scale(m.source).kind != "level"]
BETWEEN_LEVELS = [m for m in MAPS if scale(m.target).kind == "level"]

EKMAN_OF_GOEMOTIONS = {
    "anger": {"anger", "annoyance", "disapproval"},
    "disgust": {"disgust"},
    "fear": {"fear", "nervousness"},
    "joy": {
        *("joy", "amusement", "approval", "excitement", "gratitude", "love"),
        *("optimism", "relief", "pride", "admiration", "desire", "caring"),
    },
    "sadness": {"sadness", "disappointment", "embarrassment", "grief", "remorse"},
    "surprise": {"surprise", "realization", "confusion", "curiosity"},
}


def _name(one: ScaleMap) -> str:
    return one.name


def _scores(data: st.DataObject, name: str) -> np.ndarray:
    """Scores that obey the kind of a scale, float32."""
    one = scale(name)
    low, high = (one.low, one.high) if one.kind == "level" else (0.0, 1.0)
    values = data.draw(arrays(np.float64, (data.draw(st.integers(1, 4)), len(one)), elements=st.floats(low, high)))
    if one.kind == "one-of":
        values = values + 1e-3
        values /= values.sum(1, keepdims=True)
    return values.astype(np.float32)


@pytest.mark.parametrize("one", MAPS, ids=_name)
def test_labels_exist_and_words_are_there(one: ScaleMap) -> None:
    assert one.matrix().shape == (len(scale(one.source)), len(scale(one.target)))
    assert set(one.offset) <= set(scale(one.target).labels)
    assert one.covered()
    assert one.source != one.target
    assert one.loses.endswith(".")
    assert len(one.loses) > 10
    assert len(one.reference) > 8


@pytest.mark.parametrize("one", FROM_PROBABILITIES, ids=_name)
def test_no_probability_is_counted_twice(one: ScaleMap) -> None:
    weights = one.matrix()
    assert (weights >= 0).all()
    assert (weights.sum(1) <= 1 + 1e-6).all()
    assert not one.offset


@pytest.mark.parametrize("one", MAPS, ids=_name)
def test_a_map_that_drops_or_joins_labels_does_not_say_that_it_loses_nothing(one: ScaleMap) -> None:
    weights = one.matrix()
    dropped = (weights == 0).all(1).any()
    joined = ((weights != 0).sum(0) > 1).any()
    if dropped or joined:
        assert not one.loses.startswith("Nothing")


def test_levels_keep_negative_weights_for_signed_controls() -> None:
    signed = [one.name for one in BETWEEN_LEVELS if (one.matrix() < 0).any()]
    assert signed == ["metahuman-174→arkit-52"]


@pytest.mark.parametrize("target", ["ekman-6", "ekman-6+neutral"])
def test_goemotions_follows_its_authors(target: str) -> None:
    rows = scale_map("goemotions-28", target).rows
    for ekman, members in EKMAN_OF_GOEMOTIONS.items():
        assert {label for label, row in rows.items() if row == {ekman: 1.0}} == members
    rest = set(scale("goemotions-28").labels) - set().union(*EKMAN_OF_GOEMOTIONS.values())
    assert rest == {"neutral"}
    assert rows.get("neutral") == ({"neutral": 1.0} if target.endswith("neutral") else None)


def test_every_discrete_corpus_label_set_reaches_the_common_scale() -> None:
    own_views = {"goemotions-sentiment", "meld-sentiment-3", "polarity-3"}
    other_theories = {"mikels-8", "artemis-9", "vce-27", "rappler-8", "empathetic-dialogues-8", "ekman-6+neutral"}
    wheels = {f"emotion-wheel-{number}" for number in range(1, 6)}
    no_emotions = {"hidden-2", "hidden-4", "overread-2", "strong-2", "intensity-4"}  # how two views of a text differ
    no_emotions |= {"esconv-strategies-8"}  # what somebody does
    no_emotions |= {f"epitome-{name}" for name in ("emotional-reactions", "interpretations", "explorations")}
    reaching = {one.source for one in MAPS if one.target == "ekman-6+neutral"}
    discrete = {name for name in known_scales() if scale(name).kind != "level"}
    assert discrete - reaching == own_views | other_theories | wheels | no_emotions


@given(st.data())
def test_results_obey_the_kind_of_their_scale(data: st.DataObject) -> None:
    one = data.draw(st.sampled_from(MAPS))
    scores = _scores(data, one.source)
    out = map_scores(scores, one.source, one.target)
    target = scale(one.target)
    assert out.shape == (len(scores), len(target))
    assert out.dtype == np.float32
    unreached = [label not in one.covered() for label in target.labels]
    assert np.isnan(out[:, unreached]).all()
    reached = out[:, np.logical_not(unreached)]
    if target.kind == "one-of":
        empty = np.isnan(reached).all(1)
        np.testing.assert_allclose(reached[~empty].sum(1), 1, atol=1e-5)
        assert not np.isnan(reached[~empty]).any()
    else:
        assert not np.isnan(reached).any()
        assert (reached >= target.low).all()
        assert (reached <= target.high).all()


@given(st.data())
def test_items_do_not_touch_one_another(data: st.DataObject) -> None:
    one = data.draw(st.sampled_from(MAPS))
    scores = _scores(data, one.source)
    whole = map_scores(scores, one.source, one.target)
    rows = np.concatenate([map_scores(row, one.source, one.target) for row in scores])
    np.testing.assert_allclose(whole, rows, atol=1e-6)


@given(st.data())
def test_a_scale_maps_onto_itself_unchanged(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(known_scales()))
    scores = _scores(data, name)
    out = map_scores(scores, name, name)
    np.testing.assert_array_equal(out, scores)
    assert not np.shares_memory(out, scores)
    assert scale_map(name, name).covered() == scale(name).labels


@given(st.data())
def test_renaming_there_and_back_changes_nothing(data: st.DataObject) -> None:
    scores = _scores(data, "fer2013-7")
    back = map_scores(map_scores(scores, "fer2013-7", "rafdb-7"), "rafdb-7", "fer2013-7")
    np.testing.assert_allclose(back, scores, atol=1e-6)


def test_independent_labels_are_joined_by_their_maximum() -> None:
    scores = np.zeros((1, 28), np.float32)
    labels = scale("goemotions-28")
    scores[0, [labels.index("joy"), labels.index("love"), labels.index("anger")]] = [0.8, 0.7, 0.4]
    sentiment = map_scores(scores, "goemotions-28", "goemotions-sentiment")
    np.testing.assert_allclose(sentiment, [[0.8, 0.4, 0, 0]])
    ekman = map_scores(scores, "goemotions-28", "ekman-6")
    np.testing.assert_allclose(ekman, [[1 / 3, 0, 0, 2 / 3, 0, 0]], atol=1e-6)


def test_exclusive_labels_are_added() -> None:
    out = map_scores([0.25, 0.0, 0.25, 0.0, 0.5, 0.0], "iemocap-6", "iemocap-4")
    np.testing.assert_allclose(out, [[0, 0.75, 0, 0.25]])


def test_what_is_dropped_leaves_the_rest_in_proportion_and_nothing_gives_nan() -> None:
    scores = np.array([[0.2, 0.5, 0, 0, 0.3, 0, 0], [0, 1, 0, 0, 0, 0, 0]])
    out = map_scores(scores, "ck-7", "ekman-6")
    np.testing.assert_allclose(out[0], [0.4, 0, 0, 0.6, 0, 0], atol=1e-6)
    assert np.isnan(out[1]).all()


def test_no_opinion_is_handed_on() -> None:
    voice = map_scores([0.5, 0.3, 0.2, 0.0], "emodb-4", "ekman-6+neutral")
    ekman = scale("ekman-6+neutral")
    assert {ekman.labels[i] for i in np.flatnonzero(np.isnan(voice[0]))} == {"disgust", "fear", "surprise"}
    six = map_scores(voice, "ekman-6+neutral", "ekman-6")
    np.testing.assert_allclose(np.nansum(six), 1, atol=1e-6)
    assert np.isnan(six).sum() == 3
    assert np.isnan(map_scores(np.full(7, np.nan), "ekman-6+neutral", "ekman-6")).all()


def test_a_level_needs_all_that_it_is_made_of() -> None:
    controls = np.zeros(174)
    controls[scale("metahuman-174").index("CTRL_L_mouth_funnelD-translateY")] = np.nan
    out = map_scores(controls, "metahuman-174", "arkit-52")[0]
    assert np.isnan(out[scale("arkit-52").index("mouthFunnel")])
    assert out[scale("arkit-52").index("jawOpen")] == 0


def test_one_signed_control_drives_two_shapes() -> None:
    controls = np.zeros((3, 174))
    controls[:, scale("metahuman-174").index("CTRL_R_eye_blink-translateY")] = [-0.4, 0.0, 0.9]
    out = map_scores(controls, "metahuman-174", "arkit-52")
    rig = scale("arkit-52")
    np.testing.assert_allclose(out[:, rig.index("eyeBlinkRight")], [0, 0, 0.9], atol=1e-6)
    np.testing.assert_allclose(out[:, rig.index("eyeWideRight")], [0.4, 0, 0], atol=1e-6)
    np.testing.assert_allclose(out[:, rig.index("eyeBlinkLeft")], 0)


def test_ranges_are_moved_and_cut() -> None:
    np.testing.assert_allclose(map_scores([1, 3, 5], "dreamer-vad", "vad"), [[-1, 0, 1]])
    # Dawn's heads are linear and leave 0-1 now and then.
    np.testing.assert_allclose(map_scores([1.2, -0.1, 0.25], "arousal-dominance-valence", "vad"), [[-0.5, 1, -1]])


def test_intensities_become_shares() -> None:
    np.testing.assert_allclose(map_scores([30, 99, 0, 10, 0, 0], "semeval2007-6", "ren-5"), [[0.75, 0, 0.25, 0, 0]])


def test_compounds_count_half_for_each_part() -> None:
    out = map_scores(np.eye(8)[:1], "cexpr-8", "ekman-6")
    np.testing.assert_allclose(out, [[0, 0, 0.5, 0, 0, 0.5]])


def test_errors_name_what_is_wrong() -> None:
    with pytest.raises(ScaleError, match=r"shape \(1, 3\).*\(n, 7\) for scale 'meld-7'"):
        map_scores([0.1, 0.2, 0.7], "meld-7", "ekman-6")
    with pytest.raises(ScaleError, match="shape"):
        map_scores(np.zeros((2, 2, 7)), "meld-7", "ekman-6")
    with pytest.raises(UnknownName, match="from 'goemotions-28' to dailydialog-7, ekman-6"):
        map_scores(np.zeros(28), "goemotions-28", "arkit-52")
    with pytest.raises(UnknownName, match="from 'polarity-3' to nothing"):
        scale_map("polarity-3", "ekman-6")
    with pytest.raises(UnknownName, match="did you mean 'meld-7'"):
        scale_map("meld7", "ekman-6")


def test_no_rows_in_no_rows_out() -> None:
    assert map_scores(np.zeros((0, 28)), "goemotions-28", "ekman-6").shape == (0, 6)
