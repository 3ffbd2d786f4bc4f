import json
import sys

import numpy as np
import pytest

from affectus.errors import CheckpointError, MissingDependency
from affectus.frontends.japanese import japanese_tokenizer
from affectus.frontends.segment import tagger
from affectus.frontends.tokens import TextCollate
from affectus.sample import Sample

PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
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
]
PIECES += ["。", "電車", "遅", "##れ", "A", "##I", "が", "1", "##2", "ガ", "##ス"]
POSTS = ["足を踏まれたけど、まあいいか。", "ＡＩが　１２ 遅れた", "電車がガス😠 いい", "x", "ｶﾞｽ [SEP] た", ""]


@pytest.fixture
def folder(tmp_path):
    """A Japanese BERT's tokenizer files with a small vocabulary."""
    pytest.importorskip("fugashi")
    pytest.importorskip("ipadic")
    (tmp_path / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    options = {
        "tokenizer_class": "BertJapaneseTokenizer",
        "do_lower_case": False,
        "word_tokenizer_type": "mecab",
        "subword_tokenizer_type": "wordpiece",
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(options))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": len(PIECES)}))
    return tmp_path


def test_same_ids_as_transformers_with_ipadic(folder) -> None:
    from transformers import BertJapaneseTokenizer

    options = {"word_tokenizer_type": "mecab", "mecab_kwargs": {"mecab_dic": "ipadic"}}
    theirs = BertJapaneseTokenizer(str(folder / "vocab.txt"), **options)
    ours = japanese_tokenizer(folder / "vocab.txt", options)
    for post in POSTS:
        assert ours.encode(post).ids == theirs(post)["input_ids"], post
    assert "[UNK]" in ours.encode(POSTS[2]).tokens
    assert "[UNK]" not in ours.encode(POSTS[0]).tokens


def test_offsets_lead_back_into_the_text(folder) -> None:
    collate = TextCollate(str(folder))
    tokens = collate.encode([Sample(id="a", text=POSTS[0])])[0]
    assert "".join(POSTS[0][a:b] for a, b in tokens.windows[0].offsets) == POSTS[0]
    wide = collate.encode([Sample(id="b", text=POSTS[1])])[0]
    assert [POSTS[1][a:b] for a, b in wide.windows[0].offsets][:3] == ["Ａ", "Ｉ", "が"]
    assert collate([Sample(id="a", text=POSTS[0])]).inputs["ids"][0, 0] == PIECES.index("[CLS]")


def test_another_dictionary_is_refused(folder) -> None:
    options = {"word_tokenizer_type": "mecab", "mecab_kwargs": {"mecab_dic": "unidic_lite"}}
    with pytest.raises(CheckpointError, match="mecab, unidic_lite, wordpiece"):
        japanese_tokenizer(folder / "vocab.txt", options)


def test_damaged_vocabularies(folder) -> None:
    options = {"word_tokenizer_type": "mecab"}
    with pytest.raises(CheckpointError, match="can't be read"):
        japanese_tokenizer(folder / "none.txt", options)
    (folder / "vocab.txt").write_text("[PAD]\n足\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"lacks \[UNK\], \[CLS\]"):
        japanese_tokenizer(folder / "vocab.txt", options)


def test_without_the_extra(folder, monkeypatch) -> None:
    tagger.cache_clear()
    monkeypatch.setitem(sys.modules, "fugashi", None)
    with pytest.raises(MissingDependency, match=r"pip install 'affectus\[ja\]'"):
        TextCollate(str(folder))([Sample(id="a", text=POSTS[0])])
    tagger.cache_clear()


def test_a_detector_on_a_japanese_bert(folder) -> None:
    """Tokenizer of a folder, random weights of given sizes: the whole net reads Japanese posts."""
    from affectus import build

    sizes = {"vocabulary": len(PIECES), "width": 32, "layers": 1, "heads": 2, "inner": 64}
    system = build("hidden-anger/base", backbone=str(folder), sizes=sizes).eval()
    p = system.read(POSTS).scores("hidden-2")
    assert np.isfinite(p[:-1]).all()
    assert np.isnan(p[-1]).all()
    assert len(np.unique(p[:-1, 1])) == len(POSTS) - 1
