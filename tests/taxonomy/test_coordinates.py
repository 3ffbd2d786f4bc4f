import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from affectus.errors import ScaleError, UnknownName
from affectus.taxonomy import coordinates, scale, valence_arousal

GOEMOTIONS = scale("goemotions-28")


def test_every_goemotions_label_has_a_place_in_range() -> None:
    places = coordinates().table(GOEMOTIONS.labels)
    assert places.shape == (28, 2)
    assert (np.abs(places) <= 1).all()
    assert (places[27] == 0).all()


def test_stand_ins_belong_to_known_labels() -> None:
    places = coordinates()
    assert set(places.terms) <= set(places.words)
    assert "1977" in places.source


def test_signs_agree_with_the_sentiment_groups_of_the_corpus() -> None:
    from affectus.taxonomy import scale_map

    rows = scale_map("goemotions-28", "goemotions-sentiment").rows
    for label in GOEMOTIONS.labels:
        valence = coordinates().words[label][0]
        if "positive" in rows[label]:
            assert valence > 0, label
        if "negative" in rows[label]:
            assert valence < 0, label


@pytest.mark.parametrize("name", ["goemotions-28", "ekman-6+neutral", "fer2013-7", "emodb-4", "ravdess-8", "isear-7"])
def test_a_sure_reading_lies_where_its_label_lies(name: str) -> None:
    labels = scale(name).labels
    np.testing.assert_allclose(valence_arousal(np.eye(len(labels)), name), coordinates().table(labels), atol=1e-6)


def test_a_mixed_reading_lies_between() -> None:
    scores = np.zeros(28)
    scores[[GOEMOTIONS.index("anger"), GOEMOTIONS.index("neutral")]] = [0.9, 0.3]
    np.testing.assert_allclose(valence_arousal(scores, "goemotions-28"), [[-0.51 * 0.75, 0.59 * 0.75]], atol=1e-6)


@given(arrays(np.float64, (3, 28), elements=st.floats(0, 1)), st.floats(0.1, 5))
def test_readings_stay_inside_and_do_not_depend_on_the_sum(scores: np.ndarray, factor: float) -> None:
    out = valence_arousal(scores, "goemotions-28")
    places = coordinates().table(GOEMOTIONS.labels)
    some = scores.sum(1) > 1e-3
    assert (out[some] >= places.min(0) - 1e-5).all()
    assert (out[some] <= places.max(0) + 1e-5).all()
    np.testing.assert_allclose(valence_arousal(scores * factor, "goemotions-28")[some], out[some], atol=1e-4)


def test_no_probability_gives_no_place_and_no_opinion_counts_as_absent() -> None:
    assert np.isnan(valence_arousal(np.zeros((1, 28)), "goemotions-28")).all()
    assert np.isnan(valence_arousal(np.full(7, np.nan), "meld-7")).all()
    partly = np.full(7, np.nan)
    partly[scale("meld-7").index("joy")] = 0.2
    np.testing.assert_allclose(valence_arousal(partly, "meld-7"), [coordinates().words["joy"]], atol=1e-6)


def test_errors_name_what_is_wrong() -> None:
    with pytest.raises(ScaleError, match="holds levels"):
        valence_arousal(np.zeros(3), "vad")
    with pytest.raises(ScaleError, match="no published valence and arousal for 'anticipation', 'trust'"):
        valence_arousal(np.zeros(8), "plutchik-8")
    with pytest.raises(ScaleError, match=r"shape \(1, 4\)"):
        valence_arousal(np.zeros(4), "goemotions-28")
    with pytest.raises(UnknownName, match="did you mean"):
        valence_arousal(np.zeros(28), "goemotion-28")
