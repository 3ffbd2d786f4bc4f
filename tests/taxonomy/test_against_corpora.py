"""Orders and places compared with the files that the corpora come with."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from affectus.taxonomy import scale, valence_arousal

SHARED = Path(__file__).resolve().parents[3] / "shared"

pytestmark = pytest.mark.data


def _file(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not here")
    return path


def _tweets(name: str) -> list[list[str]]:
    return [line.split("\t") for line in _file(f"data/semeval2018-task1/{name}").read_text("utf-8").splitlines()]


def test_goemotions_order() -> None:
    labels = _file("data/goemotions/original/labels.txt").read_text("utf-8").split()
    assert scale("goemotions-28").labels == tuple(labels)


def test_tweeteval_order() -> None:
    lines = _file("data/tweeteval-emotion/mapping.txt").read_text("utf-8").splitlines()
    assert scale("tweeteval-emotion-4").labels == tuple(line.split()[1] for line in lines if line.strip())


def test_fer2013_order() -> None:
    labels = json.loads(_file("data/fer2013-part/labels.json").read_text("utf-8"))
    assert scale("fer2013-7").labels == tuple(labels)


def test_semeval_order() -> None:
    assert scale("semeval2018-ec-11").labels == tuple(_tweets("E-c/E-c-En-dev.txt")[0][2:])


@pytest.mark.parametrize("number", range(1, 6))
def test_wheel_order(number: int) -> None:
    wheels = json.loads(_file("reference/affectgpt/emotion_wheels.json").read_text("utf-8"))["wheels"]
    assert scale(f"emotion-wheel-{number}").labels == tuple(wheels[f"wheel{number}"])


def test_controller_order() -> None:
    names = json.loads(_file("reference/emoface/controllers.json").read_text("utf-8"))["order"]
    assert [label.split("@")[0] for label in scale("metahuman-174").labels] == names


def test_capture_files_have_the_arkit_names() -> None:
    with _file("data/arkit-livelink/anim/alex_rom_3.csv").open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))[2:54]
    assert {name[0].lower() + name[1:] for name in header} == set(scale("arkit-52").labels)


def test_empathetic_dialogues_names() -> None:
    counts = json.loads(_file("data/empathetic-dialogues/train_emotion_counts.json").read_text("utf-8"))
    assert set(scale("empathetic-dialogues-32").labels) == set(counts)


def test_places_follow_rated_valence() -> None:
    """The places of gold emotions explain the rated valence of the same tweets; no model is involved."""
    eleven, parts = scale("semeval2018-ec-11"), ("train", "dev")
    known = [i for i, label in enumerate(eleven.labels) if label not in {"anticipation", "pessimism", "trust"}]
    emotions = {row[0]: row[2:] for part in parts for row in _tweets(f"E-c/E-c-En-{part}.txt")[1:]}
    rated = {row[0]: float(row[3]) for part in parts for row in _tweets(f"V-reg/Valence-reg-En-{part}.txt")[1:]}
    both = sorted(emotions.keys() & rated.keys())
    scores = np.zeros((len(both), 28))
    columns = [scale("goemotions-28").index(eleven.labels[i]) for i in known]
    scores[:, columns] = np.array([emotions[tweet] for tweet in both], float)[:, known]
    valence = np.nan_to_num(valence_arousal(scores, "goemotions-28")[:, 0])
    assert len(both) > 1500
    assert np.corrcoef(valence, [rated[tweet] for tweet in both])[0, 1] == pytest.approx(0.783, abs=0.002)
