"""Fairness: differences that were built in are found, chance is not taken for one, and small groups are shrunk."""

import numpy as np
import pytest
from voices import Pitched, corpus

from affectus.errors import InputError
from affectus.evaluation.probes import fairness, material
from affectus.evaluation.probes.people import spread


def drawn(people, each, between, seed, within=1.0):
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, between, people)
    names = np.repeat([f"s{i:02d}" for i in range(people)], each)
    return np.repeat(truth, each) + rng.normal(0, within, people * each), names, truth


def test_the_spread_of_people_is_recovered():
    found = [spread(*drawn(30, 40, 0.5, seed)[:2], seed=seed) for seed in range(3)]
    assert np.mean([s.between for s in found]) == pytest.approx(0.5, abs=0.12)
    assert np.mean([s.within for s in found]) == pytest.approx(1.0, abs=0.05)
    assert all(s.p < 0.001 for s in found)


def test_chance_is_not_taken_for_a_difference():
    values, names, _ = drawn(12, 20, 0.0, 5)
    found = spread(values, names)
    assert found.p > 0.05
    assert not any(person.outlier for person in found.people)
    assert np.ptp([person.shrunk for person in found.people]) < 0.5 * np.ptp([person.mean for person in found.people])


def test_shrunk_means_are_nearer_to_the_truth():
    values, names, truth = drawn(40, 6, 0.4, 1)
    found = {person.name: person for person in spread(values, names).people}
    order = [found[name] for name in np.unique(names)]
    raw, shrunk = (np.mean((np.array(v) - truth) ** 2) for v in ([p.mean for p in order], [p.shrunk for p in order]))
    assert shrunk < 0.8 * raw
    covered = np.mean([p.low <= t <= p.high for p, t in zip(order, truth, strict=True)])
    assert covered > 0.85


def test_a_person_far_out_is_named_and_alone():
    values, names, _ = drawn(12, 30, 0.1, 2)
    values[names == "s07"] += 2
    assert [person.name for person in spread(values, names).people if person.outlier] == ["s07"]


def test_labels_that_one_person_says_more_often_make_no_difference():
    rng = np.random.default_rng(0)
    label = np.concatenate([rng.random(50) < share for share in (0.9, 0.1, 0.5, 0.5)]).astype(int)
    names = np.repeat(list("abcd"), 50)
    values = label + 0.1 * rng.standard_normal(200)
    assert spread(values, names).p < 0.001
    assert spread(values, names, strata=label).p > 0.01


def test_too_few_people_are_named():
    with pytest.raises(InputError, match="2 people"):
        spread(np.arange(6.0), list("aaabbb"))
    with pytest.raises(InputError, match="2 in all"):
        fairness(material(Pitched(), corpus({"a": "female", "b": "male"})))


def test_a_speaker_who_is_misread_is_found():
    people = {name: "female" if i % 2 else "male" for i, name in enumerate("abcdefgh")}
    loaded = corpus(people, rounds=6, wrong={"d": 18, "a": 1, "b": 1, "c": 2, "f": 1})
    found = fairness(material(Pitched(), loaded, resamples=200))
    low = found.values["spread"]["people"][0]
    assert (low["name"], low["n"]) == ("d", 24)
    assert low["p"] < 0.05
    assert found.totals["far out"] == "d"
    female, male = found.values["sex"]
    assert female["figure"]["value"] < male["figure"]["value"]
    assert female["gap"]["value"] == pytest.approx(-male["gap"]["value"])
    text = "".join(str(section.picture) for section in found.sections)
    assert "d (24)" in text
    leaning = {row["label"]: row["value"] for row in found.values["leaning"]}
    assert leaning["sadness"] > 0 > leaning["anger"] + leaning["happiness"] + leaning["neutral"]


def test_a_reader_without_a_mistake_is_no_error():
    found = fairness(material(Pitched(), corpus(dict.fromkeys("abcd", "female")), resamples=50))
    assert found.values["spread"]["between"] == 0
    assert any("does not say the sex" in remark for remark in found.remarks)
