import random
from pathlib import Path

import numpy as np
import pytest

from affectus.corpora.base import gold, load_corpus
from affectus.errors import FileError
from affectus.taxonomy import scale

SHARED = Path(__file__).parents[3] / "shared" / "data"


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_emodb_names_give_speaker_and_emotion(tmp_path):
    touch(tmp_path, "wav/03a01Fa.wav", "wav/16b10Wb.flac", "wav/08a02La.wav", "wav/notes.txt", "wav/other.wav")
    loaded = load_corpus("emodb", tmp_path)
    samples = loaded["all"]
    assert [s.track for s in samples] == ["03", "16"]
    labels = scale("emodb-4").labels
    assert [labels[i] for i in gold(samples, "emodb-4").argmax(1)] == ["happiness", "anger"]
    assert set(samples[0].gold.column("perspective")) == {"intended"}
    assert sum(loaded.left_out.values()) == 2


def test_ravdess_names_give_actor_and_emotion_and_songs_are_left_out(tmp_path):
    touch(tmp_path, "Actor_01/03-01-05-01-02-01-01.wav", "Actor_02/03-01-08-02-01-02-02.wav")
    touch(tmp_path, "Actor_02/03-02-05-01-02-01-02.wav")
    loaded = load_corpus("ravdess", tmp_path)
    labels = scale("ravdess-8").labels
    assert [labels[i] for i in gold(loaded["all"], "ravdess-8").argmax(1)] == ["angry", "surprised"]
    assert [s.track for s in loaded["all"]] == ["01", "02"]
    assert [s.groups["sentence"] for s in loaded["all"]] == ["02", "01"]
    assert loaded["all"][0].text == "Dogs are sitting by the door"
    assert sum(loaded.left_out.values()) == 1


def test_ravdess_by_actor_has_each_of_the_24_actors_in_one_split(tmp_path):
    touch(tmp_path, *(f"Actor_{i:02d}/03-01-05-01-02-01-{i:02d}.wav" for i in range(1, 25)))
    loaded = load_corpus("ravdess-by-actor", tmp_path)
    order = list(range(1, 25))
    random.Random(42).shuffle(order)
    held = {name: {int(s.track) for s in loaded[name]} for name in ("train", "dev", "test")}
    assert held == {"train": set(order[:18]), "dev": set(order[18:21]), "test": set(order[21:])}


def test_ravdess_by_actor_wants_an_actor_of_each_split(tmp_path):
    touch(tmp_path, "Actor_02/03-01-05-01-02-01-02.wav", "Actor_08/03-01-05-01-02-01-08.wav")
    with pytest.raises(FileError, match="the split 'test' of 'ravdess-by-actor' is empty"):
        load_corpus("ravdess-by-actor", tmp_path)


@pytest.mark.parametrize("name", ["emodb", "ravdess"])
def test_a_folder_without_the_corpus_is_refused(name, tmp_path):
    touch(tmp_path, "song.wav")
    with pytest.raises(FileError, match="names like"):
        load_corpus(name, tmp_path)


def test_an_unknown_emotion_letter_is_refused(tmp_path):
    touch(tmp_path, "03a01Xa.wav")
    with pytest.raises(FileError, match="'X'"):
        load_corpus("emodb", tmp_path)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "folder", "scale_name", "counts"),
    [
        ("emodb", "emodb", "emodb-4", {"anger": 127, "happiness": 71, "neutral": 79, "sadness": 62}),
        ("ravdess", "ravdess-speech", "ravdess-8", {"neutral": 32, "calm": 64, "surprised": 64}),
    ],
)
def test_counts_of_the_real_files(name, folder, scale_name, counts):
    if not (SHARED / folder).is_dir():
        pytest.skip("the corpus is not here")
    samples = load_corpus(name, SHARED / folder)["all"]
    totals = gold(samples, scale_name).sum(0)
    of = scale(scale_name)
    assert {label: int(totals[of.index(label)]) for label in counts} == counts
    wave = samples[0].wave(16_000)
    assert wave.dtype == np.float32
    assert len(wave) > 8000
