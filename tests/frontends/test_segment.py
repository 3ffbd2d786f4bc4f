import sys

import pytest

from affectus.analysis import contrast
from affectus.errors import InputError, MissingDependency
from affectus.frontends import segment
from affectus.frontends.segment import morphemes, segmenter, tagged


def test_words_and_signs() -> None:
    assert segmenter("spaces")("Don't SHOUT, please!!") == ["don't", "shout", ",", "please", "!!"]
    with pytest.raises(InputError, match="segment is 'jp'"):
        segmenter("jp")


def test_without_the_extra(monkeypatch) -> None:
    segment.tagger.cache_clear()
    monkeypatch.setitem(sys.modules, "fugashi", None)
    with pytest.raises(MissingDependency, match=r"cutting Japanese into words needs it.*pip install 'affectus\[ja\]'"):
        segmenter("ja")("まあいいか")
    segment.tagger.cache_clear()


def test_japanese_morphemes() -> None:
    pytest.importorskip("fugashi")
    pytest.importorskip("ipadic")
    assert morphemes("足を踏まれたけど、まあいいか。") == [
        "足",
        "を",
        "踏ま",
        "れ",
        "た",
        "けど",
        "、",
        "まあ",
        "いい",
        "か",
        "。",
    ]
    assert tagged("駅で")[0] == ("駅", "名詞")
    assert morphemes("") == []


def test_japanese_expressions_have_no_spaces_and_hold_a_wanted_part() -> None:
    pytest.importorskip("fugashi")
    pytest.importorskip("ipadic")
    hidden = [f"{thing}が遅れたけど、まあいいか。" for thing in ("電車", "荷物", "返事", "会議")] * 5
    plain = [f"今日は{thing}を食べた。" for thing in ("魚", "肉", "米", "豆")] * 5
    every = contrast(hidden, plain, tokenize="ja")
    assert "まあいい" in set(every[every["significant"]]["expression"])
    chosen = contrast(hidden, plain, tokenize="ja", parts=("形容詞",))
    assert set(chosen["expression"]) == {e for e in every["expression"] if "いい" in e}
    assert len(chosen) < len(every)
