"""enISEAR, Universal Joy and TEC on small files in their formats."""

from __future__ import annotations

from pathlib import Path

import pytest
from files import sheet, write

from affectus.corpora.base import gold, load_corpus
from affectus.errors import FileError


def test_enisear_has_capitalised_labels(tmp_path: Path) -> None:
    rows = [("Joy", "I felt ... when the rain stopped"), ("Shame", "I felt ... because I was late")]
    loaded = load_corpus("enisear", write(tmp_path, {"enISEAR.tsv": sheet(("Prior_Emotion", "Sentence"), rows)}))
    assert gold(loaded["all"], "isear-7").argmax(1).tolist() == [0, 5]
    assert loaded["all"][0].gold[0].perspective == "felt"
    path = tmp_path / "enISEAR.tsv"
    path.write_text(path.read_text("utf-8").replace("Joy", "Freude"), encoding="utf-8")
    with pytest.raises(FileError, match=r"line 2 of 'enISEAR\.tsv' has 'freude' in 'Prior_Emotion'"):
        load_corpus("enisear", tmp_path)


def test_universal_joy_takes_the_large_train_and_keeps_languages(tmp_path: Path) -> None:
    text = 'text,emotion,language\n"Off to [LOCATION], at 0",anticipation,en\nQue alegría,joy,es\n'
    names = ("small", "large", "val", "test", "low-resource")
    files = {f"datasets/{name}.csv": text.replace("Off", name) for name in names}
    loaded = load_corpus("universal-joy", write(tmp_path, files))
    assert set(loaded.splits) == {"train", "dev", "test", "low-resource"}
    assert loaded["train"][0].text == "large to [LOCATION], at 0"
    assert [s.language for s in loaded["test"]] == ["en", "es"]
    assert gold(loaded["dev"], "universal-joy-5").argmax(1).tolist() == [1, 3]
    (tmp_path / "datasets/large.csv").unlink()
    assert load_corpus("universal-joy", tmp_path)["train"][0].text.startswith("small")
    with pytest.raises(FileError, match="has 'bliss' in 'emotion'"):
        load_corpus("universal-joy", write(tmp_path, {"datasets/val.csv": text.replace("joy", "bliss")}))


def test_tec_is_parted_at_the_last_colons(tmp_path: Path) -> None:
    name = "Jan9-2012-tweets-clean.txt"
    text = "1000:\tsee a::b :: c\t:: joy\n1001:\tplain\u2028line\t:: fear\n"
    loaded = load_corpus("tec", write(tmp_path, {name: text}))
    assert [s.text for s in loaded["all"]] == ["see a::b :: c", "plain\u2028line"]
    assert [s.id for s in loaded["all"]] == ["1000", "1001"]
    assert gold(loaded["all"], "tec-6").argmax(1).tolist() == [0, 3]
    with pytest.raises(FileError, match=r"line 1 of .* is 'no mark here'"):
        load_corpus("tec", write(tmp_path, {name: "no mark here\n"}))
    with pytest.raises(FileError, match="has 'jo' in 'the emotion'"):
        load_corpus("tec", write(tmp_path, {name: "1:\tx\t:: jo\n"}))
