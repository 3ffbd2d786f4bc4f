"""`affectus corpora list` and `check` on small copies of corpora, whole and broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from affectus.corpora.base import known_corpora

TWEETS = "first tweet\nthe very same words here\n"


def tweeteval(root: Path, name: str = "tweeteval-emotion", labels: str = "0\n3\n") -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    for split in ("train", "val", "test"):
        (folder / f"{split}_text.txt").write_text(TWEETS.replace("first", split), encoding="utf-8")
        (folder / f"{split}_labels.txt").write_text(labels, encoding="utf-8")
    return folder


def isear(root: Path, label: str = "joy") -> Path:
    folder = root / "isear"
    folder.mkdir(parents=True)
    rows = f"1|2|{label}|k1|We met.|\n1|2|guilt|k2|[ No response.]|\n"
    (folder / "isear.csv").write_text("SUBJ|COUN|Field1|MYKEY|SIT|\n" + rows, encoding="utf-8")
    return folder


def essays(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    head = "message_id,response_id,article_id,empathy,distress,essay\n"
    (root / "messages.csv").write_text(head + "m1,r1,a1,2,3,one\nm2,r1,a2,4,5,two\n", encoding="utf-8")
    return root


def test_the_list_shows_every_corpus_and_whether_it_is_here(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    tweeteval(tmp_path / "data")
    code, shown, _ = run("corpora", "list")
    assert code == 0
    assert all(name in shown for name in known_corpora())
    assert "tweeteval-emotion-4 (perceived)" in shown
    rows = {row["name"]: row for row in json.loads(run("corpora", "list", "--json")[1])}
    assert rows["tweeteval-emotion"]["folder"] == "data/tweeteval-emotion"
    assert rows["isear"]["folder"] is None
    assert rows["goemotions"]["ship"] is True
    assert rows["wrime"]["obtain"]
    isear(tmp_path / "elsewhere")
    rows = {
        row["name"]: row for row in json.loads(run("corpora", "list", "--data", tmp_path / "elsewhere", "--json")[1])
    }
    assert rows["isear"]["folder"] == str(tmp_path / "elsewhere/isear")
    assert rows["tweeteval-emotion"]["folder"] is None


def test_one_corpus_in_detail(run, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    code, shown, _ = run("corpora", "check", tweeteval(tmp_path))
    assert code == 0
    assert "differs" in shown  # two rows are not the official file
    assert "1,421" in shown
    assert "optimism" in shown
    assert "shared: test (2) and train: repeated texts 1" in shown
    assert "may be passed on: no" in shown
    assert "licence: terms of Twitter" in shown
    (report,) = json.loads(run("corpora", "check", tmp_path / "tweeteval-emotion", "--json")[1])["found"]
    assert report["splits"]["test"]["labels"] == {
        "tweeteval-emotion-4, perceived": {"anger": 1, "joy": 0, "optimism": 0, "sadness": 1}
    }
    assert report["splits"]["test"]["verdict"] == "differs"
    assert report["leaks"][1]["same"] == [1]
    assert "shared" not in run("corpora", "check", tmp_path / "tweeteval-emotion", "--no-leaks")[1]


def test_levels_groups_and_what_was_left_out(run, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    shown = run("corpora", "check", essays(tmp_path / "copy"), "--corpus", "empathic-reactions")[1]
    assert "3.00 ± 1.00 (n 2)" in shown
    assert "author groups" in shown
    shown = run("corpora", "check", isear(tmp_path))[1]
    assert "left out: 1 (no answer was given)" in shown


def test_a_folder_of_many_and_what_is_missing(run, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    tweeteval(tmp_path)
    isear(tmp_path)
    essays(tmp_path / "some essays")  # told by its files alone
    (tmp_path / "holiday").mkdir()
    code, shown, _ = run("corpora", "check", tmp_path)
    assert code == 0
    assert all(name in shown for name in ("tweeteval-emotion", "isear", "empathic-reactions"))
    assert "wrime: wrime-ver1.tsv; ids-cv/wrime on GitHub" in shown
    assert "optimism" not in shown
    assert "optimism" in run("corpora", "check", tmp_path, "--details")[1]
    content = json.loads(run("corpora", "check", tmp_path, "--json")[1])
    assert len(content["found"]) == 3
    assert {r["corpus"]["name"] for r in content["found"]}.isdisjoint(content["missing"])


def test_a_folder_inside_a_corpus_is_no_second_copy(run, tmp_path):
    folder = tmp_path / "semeval2018-task1"
    (folder / "V-reg").mkdir(parents=True)
    for at, split in enumerate(("train", "dev", "test-gold")):
        row = f"ID\tTweet\tAffect Dimension\tIntensity Score\nt{at}\tword {at}\tvalence\t0.5\n"
        (folder / f"V-reg/Valence-reg-En-{split}.txt").write_text(row, encoding="utf-8")
    for path in (folder, tmp_path):
        found = json.loads(run("corpora", "check", path, "--json")[1])["found"]
        assert [report["folder"] for report in found] == [str(folder)]


@pytest.mark.parametrize("among", [False, True])
def test_a_broken_corpus_is_named_and_the_exit_code_says_so(run, tmp_path, among):
    isear(tmp_path, label="boredom")
    if among:
        tweeteval(tmp_path)
    code, shown, _ = run("corpora", "check", tmp_path)
    assert code == 1
    assert "boredom" in shown


def test_folders_without_a_corpus(run, tmp_path):
    code, _, error = run("corpora", "check", tmp_path / "none")
    assert (code, "there is no folder" in error) == (2, True)
    code, _, error = run("corpora", "check", tmp_path)
    assert code == 2
    assert "holds no corpus that has a loader" in error
    assert "affectus corpora list" in error
    code, _, error = run("corpora", "check", tmp_path, "--corpus", "isaer")
    assert "did you mean 'isear'" in error
    code, _, error = run("corpora", "check", tmp_path, "--corpus", "isear")
    assert str(tmp_path / "isear") in error
