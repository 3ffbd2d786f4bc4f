import json
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus.errors import ScaleError, UnknownName
from affectus.taxonomy import Scale, Target, known_scales, register_scale, scale


def _valid_scale() -> st.SearchStrategy[Scale]:
    names = st.text(min_size=1, max_size=12)
    return st.builds(
        Scale,
        name=names,
        labels=st.lists(names, min_size=1, max_size=8, unique=True).map(tuple),
        kind=st.sampled_from(["one-of", "any-of", "level"]),
        low=st.floats(-100, 0),
        high=st.floats(0.5, 100),
        unit=st.text(max_size=5),
        version=st.text(max_size=5),
        source=st.text(max_size=20),
    )


@pytest.mark.parametrize("name", known_scales())
def test_every_shipped_scale_names_its_source_and_round_trips(name: str) -> None:
    one = scale(name)
    assert one.name == name
    assert len(one.source) > 20
    assert Scale.from_json(one.to_json()) == one
    assert [one.index(label) for label in one.labels] == list(range(len(one)))
    if one.kind != "level":
        assert (one.low, one.high) == (0.0, 1.0)


def _sized() -> list[tuple[str, int]]:
    """Scales whose name ends in their size; the number of a wheel is its number in the benchmark."""
    found = ((name, re.search(r"-(\d+)(?:\+neutral)?$", name)) for name in known_scales() if "wheel" not in name)
    return [(name, int(match[1])) for name, match in found if match]


@pytest.mark.parametrize(("name", "size"), _sized())
def test_a_number_in_the_name_is_the_number_of_labels(name: str, size: int) -> None:
    assert len(scale(name)) == size + name.endswith("+neutral")


def test_orders_that_published_checkpoints_depend_on() -> None:
    assert scale("fer2013-7").labels == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    assert scale("leia-5").labels == ("sadness", "affection", "fear", "happiness", "anger")
    assert scale("affectnet-8").labels[0] == "neutral"
    assert scale("affectnet-8").labels[7] == "contempt"
    assert scale("meld-7").labels == ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")
    assert scale("goemotions-28").labels[:27] == tuple(sorted(scale("goemotions-28").labels[:27]))
    assert scale("goemotions-28").labels[27] == "neutral"
    assert scale("ekman-6+neutral").labels == (*scale("ekman-6").labels, "neutral")
    assert scale("metahuman-174").index("CTRL_L_eye_blink-translateY") == 36
    assert scale("metahuman-174").index("CTRL_R_eye_blink-translateY") == 105
    assert scale("flame-103").labels[-3:] == ("jaw_x", "jaw_y", "jaw_z")
    assert scale("arkit-52").labels[0] == "eyeBlinkLeft"
    assert scale("arkit-52").labels[-1] == "tongueOut"


def test_left_and_right_come_in_pairs() -> None:
    for name in ("arkit-52", "feafa-24"):
        labels = set(scale(name).labels)
        for label in labels:
            for side, other in (("Left", "Right"), ("left", "right")):
                assert label.replace(side, other) in labels


@settings(max_examples=40)
@given(_valid_scale())
def test_json_round_trip(one: Scale) -> None:
    assert Scale.from_json(one.to_json()) == one
    assert Scale.from_json(one.to_json().encode()) == one
    assert json.loads(one.to_json())["labels"] == list(one.labels)


def test_a_misspelt_scale_or_label_gets_a_suggestion() -> None:
    with pytest.raises(UnknownName, match="did you mean 'ekman-6'"):
        scale("ekmann-6")
    with pytest.raises(UnknownName, match="did you mean 'joy'"):
        scale("ekman-6").index("joi")


def test_own_label_sets_are_known_by_name() -> None:
    mine = Scale("mine", ("a", "b"), "any-of")
    assert register_scale(mine) is mine
    assert scale("mine") is mine
    assert "mine" in known_scales()
    register_scale(Scale("mine", ("a", "b"), "any-of"))


def test_a_name_is_not_taken_over_in_silence() -> None:
    register_scale(Scale("mine", ("a", "b"), "any-of"))
    with pytest.raises(ScaleError, match="already known"):
        register_scale(Scale("mine", ("b", "a"), "any-of"))
    with pytest.raises(ScaleError, match="already known"):
        register_scale(Scale("ekman-6", ("a", "b"), "one-of"))
    register_scale(Scale("mine", ("b", "a"), "any-of"), replace=True)
    assert scale("mine").labels == ("b", "a")


@pytest.mark.parametrize(
    "wrong",
    [
        {"labels": ()},
        {"labels": ("a", "a")},
        {"kind": "some-of"},
        {"kind": "level", "low": 1.0, "high": 1.0},
        {"kind": "level", "low": 2.0, "high": 1.0},
        {"kind": "level", "low": float("nan"), "high": 1.0},
    ],
)
def test_scales_that_make_no_sense_are_refused(wrong: dict) -> None:
    with pytest.raises(ScaleError, match="allowed"):
        Scale(**({"name": "wrong", "labels": ("a", "b"), "kind": "one-of"} | wrong))


def test_perspective_is_one_of_four() -> None:
    with pytest.raises(ScaleError, match="felt, intended, perceived, evoked"):
        Target("ekman-6", "expressed")  # type: ignore[arg-type]


def test_the_taxonomy_is_light() -> None:
    code = "import sys, affectus.taxonomy; sys.exit(any(m in sys.modules for m in ('torch', 'pandas', 'pyarrow')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
