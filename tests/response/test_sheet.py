"""The page of blind choices, its key, and the votes that come back."""

from __future__ import annotations

import json
import re
from html import unescape
from html.parser import HTMLParser

import pytest

from affectus.errors import FileError, InputError
from affectus.response.reading import turn
from affectus.response.sheet import QUESTIONS, write_sheet
from affectus.response.votes import count
from affectus.sample import Dialogue

PAIRS = 40


def systems(n: int = PAIRS):
    return {name: {str(i): {"text": f"{word} {i}"} for i in range(n)} for name, word in (("A", "apple"), ("B", "bean"))}


def talks(n: int = PAIRS):
    return [Dialogue((turn(f"<b>turn</b> {i}", "you", 0),), id=str(i)) for i in range(n)]


@pytest.fixture
def sheet(tmp_path):
    assert write_sheet(systems(), talks(), tmp_path) == PAIRS
    return tmp_path


def vote(folder, name, choose, pairs=range(PAIRS), **more):
    """A file of votes; `choose` gives the winner's name or same for a pair's number."""
    key = json.loads((folder / "key.json").read_text())
    votes = {}
    for at in pairs:
        sides = {key["pairs"][at][side]: side for side in ("left", "right")} | {"same": "same"}
        votes[str(at + 1)] = dict.fromkeys(QUESTIONS, sides[choose(at)])
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"sheet": key["sheet"], "judge": name, "votes": votes} | more))
    return path


class Texts(HTMLParser):
    """Words of the cards in order, and names of the choices."""

    def __init__(self, page):
        super().__init__()
        self.choices, self.words = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "input" and dict(attrs).get("type") == "radio":
            self.choices.append((dict(attrs)["name"], dict(attrs)["value"]))

    def handle_data(self, data):
        self.words += re.findall(r"^(?:apple|bean) \d+$", data.strip())


def test_the_page_shows_what_the_key_says_and_hides_whose_it_is(sheet):
    page = (sheet / "sheet.html").read_text()
    key = json.loads((sheet / "key.json").read_text())
    word = {"A": "apple", "B": "bean"}
    wanted = [f"{word[p[side]]} {p['dialogue']}" for p in key["pairs"] for side in ("left", "right")]
    seen = Texts(page)
    assert seen.words == wanted
    assert len(seen.choices) == PAIRS * len(QUESTIONS) * 3
    assert ("1/empathy", "left") in seen.choices
    assert not re.search(r'["\s>](A|B)["\s<]', re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL))
    assert "&lt;b&gt;turn&lt;/b&gt; 3" in page


def test_sides_and_order_are_drawn(sheet):
    key = json.loads((sheet / "key.json").read_text())
    left = [pair["left"] for pair in key["pairs"]]
    assert 8 < left.count("A") < 32
    assert [pair["dialogue"] for pair in key["pairs"]] != [str(i) for i in range(PAIRS)]


def test_nothing_is_fetched(sheet):
    page = (sheet / "sheet.html").read_text()
    assert "default-src 'none'" in unescape(page)
    assert not re.search(r"https?://|<link|src=", page)


def test_what_can_be_no_sheet(tmp_path):
    two = systems(2)
    with pytest.raises(InputError, match="1 systems"):
        write_sheet({"A": two["A"]}, talks(2), tmp_path)
    with pytest.raises(InputError, match=r"the file of dialogues lacks 1 dialogue \('1'\)"):
        write_sheet(two, talks(1), tmp_path)
    with pytest.raises(InputError, match="say the same"):
        write_sheet({"A": two["A"], "B": two["A"]}, talks(2), tmp_path)
    assert not list(tmp_path.iterdir())


def test_same_replies_are_left_out(tmp_path):
    two = systems(3)
    two["B"]["1"] = two["A"]["1"]
    assert write_sheet(two, talks(5), tmp_path) == 2


def test_the_winner_wins_on_whichever_side(sheet):
    one = vote(sheet, "one", lambda at: "A" if at % 4 else "B")
    two = vote(sheet, "two", lambda at: "A" if at % 4 else "same")
    got = count([one, two], sheet / "key.json", resamples=500)
    values = got.figures.values["relevance"]
    assert values["A"].value == pytest.approx(75)
    assert values["B"].value == pytest.approx(12.5)
    assert values["A"].low < 75 < values["A"].high
    assert got.same["relevance"] == pytest.approx(12.5)
    assert got.figures.gaps["relevance"]["B"].p_holm < 0.05
    # three in four pairs agree; chance is .75² + .125² + .125²
    assert got.kappa["relevance"] == pytest.approx((0.75 - 0.59375) / (1 - 0.59375))
    assert got.judges == {"one": PAIRS * 3, "two": PAIRS * 3}
    assert got.asked == PAIRS * 3


def test_who_always_takes_the_left_is_told(sheet):
    key = json.loads((sheet / "key.json").read_text())
    path = vote(sheet, "one", lambda at: key["pairs"][at]["left"])
    assert count([path], sheet / "key.json", resamples=50).left == 100


def test_votes_that_are_missing_are_counted(sheet):
    got = count([vote(sheet, "one", lambda at: "A", range(30))], sheet / "key.json", resamples=50)
    assert got.judges == {"one": 90}
    assert got.votes["fluency"] == 30
    assert got.figures.values["fluency"]["A"].value == 100
    assert got.kappa["fluency"] != got.kappa["fluency"]  # one judge agrees with nobody


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"sheet": "other"}, "another sheet"),
        ({"votes": {"99": {}}}, "votes on pair '99'"),
        ({"votes": {"1": {"empathy": "up"}}}, "pair 1: empathy is 'up'"),
        ({"votes": {"1": {"beauty": "left"}}}, "pair 1: beauty"),
        ({"votes": []}, "has no votes"),
    ],
)
def test_broken_votes_are_named(sheet, more, told):
    with pytest.raises(FileError, match=told):
        count([vote(sheet, "one", lambda at: "A", **more)], sheet / "key.json")


def test_files_that_are_no_votes(sheet):
    one = vote(sheet, "one", lambda at: "A")
    with pytest.raises(FileError, match="can't be read"):
        count([sheet / "sheet.html"], sheet / "key.json")
    with pytest.raises(FileError, match="has no pairs"):
        count([one], one)
    with pytest.raises(InputError, match="no file of votes"):
        count([], sheet / "key.json")
    again = vote(sheet, "again", lambda at: "A", judge="one")
    with pytest.raises(InputError, match="'one' voted in two files"):
        count([one, again], sheet / "key.json")
    with pytest.raises(InputError, match="1 pairs have votes"):
        count([vote(sheet, "few", lambda at: "A", range(1))], sheet / "key.json")
