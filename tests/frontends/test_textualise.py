"""The textualiser against the public code's cases, and what must hold of any clip."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from affectus.errors import InputError
from affectus.frontends.textualise import (
    EXPRESSIONS,
    UNITS,
    Clip,
    Cues,
    Face,
    Quality,
    affect_levels,
    cues,
    face_cues,
    level,
    loudest,
    voice_words,
)
from affectus.sample import Sample
from affectus.taxonomy import scale

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "golden" / "textualized-cer" / "textualizer_cases.json").read_text(encoding="utf-8")
)
SCORES = st.floats(0, 1, width=32)


def units(**active: float) -> np.ndarray:
    """Action units by label; the others are 0."""
    return np.array([active.get(label, 0.0) for label in UNITS])


def looks(**given: float) -> np.ndarray:
    """Expressions by name; the others are 0."""
    return np.array([given.get(name, 0.0) for name in EXPRESSIONS])


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_fields_are_those_of_the_public_code(case: dict[str, Any]) -> None:
    wanted = case["expected"]
    face = face_cues(units(**case["action_units"]), looks(**case["emotions"]))
    assert face.detected == wanted["face_detected"]
    assert list(face.units) == wanted["active_units"]
    assert list(face.expressions) == wanted["top_emotions"]
    said = voice_words([Quality(q["name"], q["score"]) for q in case["prosody"]])
    assert list(said) == (wanted["prosody_words"] or [])
    levels = affect_levels(np.array([case[name] for name in ("arousal", "dominance", "valence")]))
    assert levels == {name: wanted[name] for name in ("arousal", "dominance", "valence")}
    assert {name: level(value) for name, value in levels.items()} == wanted["levels"]


def test_units_are_those_of_the_scale() -> None:
    assert tuple(UNITS) == scale("facs-au").labels
    assert len(set(UNITS.values())) == len(UNITS)


def test_thresholds_at_their_very_value() -> None:
    assert face_cues(units(AU01=0.5, AU12=np.nextafter(0.5, 1)), looks(fear=1)).units == ("Lip Corner Puller",)
    assert voice_words([Quality("pitch", 0.3), Quality("rate", np.nextafter(0.3, 1))]) == ("Low pitch", "High rate")
    assert [level(v) for v in affect_levels(np.array([0.4949, 0.495001, 0.5])).values()] == ["Low", "High", "High"]


def test_ties_go_by_the_order_of_the_expressions() -> None:
    same = looks(surprise=0.4, fear=0.4, anger=0.4, sadness=0.4)
    assert face_cues(units(AU04=1), same).expressions == ("anger", "fear", "sadness")


def test_a_face_at_rest_is_told_on_demand_alone() -> None:
    rest, calm = units(AU01=0.2), looks(neutral=0.9, happiness=0.05)
    assert face_cues(rest, calm) == Face(False, (), ())
    assert face_cues(rest, calm, neutral_face=True) == Face(True, (), ("neutral", "happiness", "anger"))
    assert not face_cues(rest, looks(), neutral_face=True).detected
    assert not face_cues(np.zeros((0, 20)), np.zeros((0, 7)), neutral_face=True).detected


def test_units_that_were_not_looked_for_are_not_active() -> None:
    seen = np.full(20, np.nan)
    seen[0] = 0.7
    assert face_cues(seen, looks(fear=1)).units == ("Inner Brow Raiser",)


@given(arrays(np.float32, st.tuples(st.integers(1, 6), st.just(20)), elements=SCORES), st.data())
def test_the_order_of_frames_and_their_repetition_change_nothing(table: np.ndarray, data: st.DataObject) -> None:
    shown = data.draw(arrays(np.float32, (len(table), 7), elements=SCORES))
    order = data.draw(st.permutations(range(len(table))))
    rows = [*order, order[0]]
    assert face_cues(table, shown) == face_cues(table[rows], shown[rows])
    whole, first = face_cues(table, shown), face_cues(table[:1], shown[:1])
    assert set(first.units) <= set(whole.units)


@given(st.lists(st.tuples(SCORES, st.floats(0, 50), st.floats(0, 5)), max_size=30), st.floats(0, 40))
def test_the_ten_loudest_near_by(rows: list[tuple[float, float, float]], start: float) -> None:
    said = [Quality(f"q{i}", score, at, at + lasts) for i, (score, at, lasts) in enumerate(rows)]
    found = loudest(said, start, start + 3)
    near = [q for q in said if q.start <= start + 5 and q.end >= start - 2]
    assert len(found) == min(10, len(near))
    assert [q.score for q in found] == sorted((q.score for q in near), reverse=True)[:10]


def test_texts_of_all_parts_and_of_none() -> None:
    whole = Cues("Oh no!", Face(True, ("Jaw Drop",), ("surprise",)), ("High pitch",), {"arousal": 0.8, "valence": 0.2})
    assert whole.text().splitlines() == [
        "Words: Oh no!",
        "Face: Jaw Drop. It looks most like surprise.",
        "Voice: High pitch.",
        "Mood: arousal 0.8, valence 0.2 on a scale from 0 to 1.",
    ]
    assert whole.text("names").splitlines()[-1] == "Mood: arousal High, valence Low."
    assert Cues().text() == ""
    missing = Cues(" ", Face(False, (), ()), (), None).text()
    assert missing.splitlines() == ["No words were understood.", "No face was detected.", "No speech was heard."]


def test_parts_can_be_switched_off() -> None:
    features = {
        "action_units": units(AU12=1),
        "expressions": looks(happiness=1),
        "voice_names": np.array(["pitch"]),
        "voice_scores": np.array([0.9]),
        "affect": np.array([0.7, np.nan, 0.6]),
    }
    sample = Sample(id="a", text="hello", features=features)
    assert cues(sample).text().count("\n") == 3
    assert cues(sample, ("words",)) == Cues("hello")
    assert cues(sample, ("face",)).words is None
    heard = cues(sample, ("voice",))
    assert heard.face is None
    assert heard.affect == {"arousal": 0.7, "valence": 0.6}
    assert cues(Sample(id="b", features={}), ("face", "voice")) == Cues()


def test_a_clip_is_cut_as_in_training_and_as_in_evaluation() -> None:
    n = 23
    moving = np.zeros((n, 20))
    moving[12, 0] = 0.9
    times = 5 + np.arange(n) / 10
    clip = Clip(Sample(id="c", source="film", text="oh"), times, moving, np.tile(looks(fear=1), (n, 1)), end=7.3)
    blocks = list(clip.blocks())
    assert [len(s.features["action_units"]) for s in blocks] == [10, 10, 3]
    assert [face_cues(s.features["action_units"], looks(fear=1)).detected for s in blocks] == [False, True, False]
    assert [(s.start, s.end) for s in blocks] == [(5.0, 6.0), (6.0, 7.0), (7.0, 7.3)]
    frames = list(clip.around())
    assert len(frames) == n
    assert [face_cues(s.features["action_units"], looks(fear=1)).detected for s in frames] == [
        abs(i - 12) <= 10 for i in range(n)
    ]
    assert [s.end for s in frames[:-1]] == [s.start for s in frames[1:]]
    assert len({s.id for s in [*blocks, *frames]}) == n + 3
    assert clip.whole().features["action_units"].shape == (n, 20)
    assert "voice_names" not in clip.whole().features
    silent = Clip(clip.sample, times, moving, moving[:, :7], qualities=())
    assert cues(silent.whole()).text().endswith("No speech was heard.")


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(InputError, match=r"action units have shape \(3, 7\)"):
        face_cues(np.zeros((3, 7)), looks())
