"""The report shows what was read, fetches nothing, and nothing in a name or a text can run."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from affectus.affect import Evidence
from affectus.analysis import drawing
from affectus.analysis.distribution import distribution, over_files
from affectus.analysis.lanes import lanes
from affectus.analysis.moments import Place, divergence, key_moments
from affectus.analysis.palette import COLOURS, family
from affectus.analysis.plan import Failure
from affectus.analysis.plot import plot_timeline
from affectus.analysis.quotes import shaded
from affectus.analysis.report import OPEN_SECTIONS, SourceInfo, write_report
from affectus.card import CheckpointCard, Measured
from affectus.errors import InputError, OutputError
from affectus.taxonomy import scale
from affectus.timeline import Timeline

EKMAN = scale("ekman-6+neutral")
JOY, FEAR, NEUTRAL = (EKMAN.index(label) for label in ("joy", "fear", "neutral"))
ATTACK = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'</style></svg>]]>--><b>{{7*7}}"


@pytest.fixture(autouse=True)
def small_plotly(request, monkeypatch):
    """Five megabytes less to parse; one test takes the real library."""
    if "real_plotly" not in request.fixturenames:
        monkeypatch.setattr("plotly.offline.get_plotlyjs", lambda: "/* plotly </script> */")


@pytest.fixture
def real_plotly():
    """Ask for the real library."""


def peaked(*tops, high=0.82):
    p = np.full((len(tops), 7), (1 - high) / 6, np.float32)
    p[np.arange(len(tops)), list(tops)] = high
    return p


def readings(spans, p, modality="voice", by="affectus/voice", **more):
    more.setdefault("labels", {EKMAN.name: [[EKMAN.labels[int(i)]] for i in p.argmax(1)]})
    return Timeline.build(spans, {EKMAN.name: p}, perspective="perceived", by=by, modality=modality, **more)


def clip(source="talk.mp4", n=20, seed=0):
    rng = np.random.default_rng(seed)
    spans = [(source, f"person-{1 + i % 2}", None, float(i), float(i) + 0.9) for i in range(n)]
    m = len(spans[::4])
    why = [Evidence("word", text="miss", weight=1.5), Evidence("word", text="really", weight=-0.3)]
    said = Timeline.build(
        spans[::4],
        {EKMAN.name: rng.dirichlet(np.ones(7), m), "valence-arousal": rng.uniform(-1, 1, (m, 2))},
        perspective="perceived",
        by="affectus/text",
        modality="text",
        text=["I really miss her"] * m,
        evidence=[why] * m,
        flags=[["derived:valence-arousal"]] * m,
    )  # fmt: skip
    rig = Timeline.build(
        [(source, "person-1", None, i / 25, (i + 1) / 25) for i in range(50)],
        {"arkit-52": np.zeros((50, 52))},
        perspective=None,
        by="affectus/geometry",
        modality="face",
    )
    voice = readings(spans, rng.dirichlet(np.ones(7), n).astype(np.float32))
    return Timeline.concat([voice, said, rig])


def texts(source, n=5):
    spans = [(source, None, i, None, None) for i in range(n)]
    return readings(spans, peaked(*[JOY, FEAR] * n)[:n], "text", "affectus/text", text=["what a day"] * n)


def card(name, *figures, limits=()):
    return CheckpointCard(
        name=name, title="A reader", system="x", modality="voice", data="a corpus", licence="Apache-2.0",
        consent="paid actors", perspective="perceived", figures=figures, calibration="temperature", limits=limits,
        cost="", parameters=1, size_mb=1.0, made="",
    )  # fmt: skip


class Page(HTMLParser):
    """What a browser would make of the page: elements with attributes, and the text outside of scripts and styles."""

    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.elements, self.scripts, self.words, self.inside = [], [], [], ""
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join("".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.inside = tag
            self.scripts += [[dict(attrs).get("type", ""), ""]] if tag == "script" else []

    def handle_endtag(self, tag):
        self.inside = "" if tag == self.inside else self.inside

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[-1][1] += data
        elif not self.inside:
            self.words.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    def with_class(self, name):
        return [attrs for _, attrs in self.elements if name in (attrs.get("class") or "").split()]


def write(timeline, path, **more):
    sources = more.pop("sources", None) or [
        SourceInfo(name, "video", 20.0) for name in dict.fromkeys(timeline.column("source"))
    ]
    return Page(write_report(timeline, path / "report.html", sources=sources, cards=more.pop("cards", {}), **more))


# -- the page ----------------------------------------------------------------------------------------------------------
def test_what_a_reader_should_find(tmp_path):
    figure = Measured(metric="UAR", value=0.9, low=0.87, high=0.93, interval="bootstrap",
                      protocol="emodb/speakers", data="EMO-DB", split="speakers", n=300, headline=True,
                      note="acted speech")  # fmt: skip
    hidden = Measured(metric="loss", value=0.1, protocol="x/y", data="x", split="y", n=1)
    timeline = clip()
    place = next(m.place for m in key_moments(timeline) if m.lane.timed)
    page = write(
        timeline,
        tmp_path,
        cards={"affectus/voice": card("affectus/voice", figure, hidden, limits=("German only.",))},
        failures=[Failure("bad.wav", "it is empty", "record it again")],
        settings={"fps": "10"},
        thumbnails={place: b"\xff\xd8jpeg"},
    )
    for wanted in (
        "talk.mp4", "20 s", "2 persons", "UAR 0.900 (0.870–0.930)",
        "EMO-DB, speakers, n = 300; protocol emodb/speakers", "acted speech",
        "No measured accuracy is known for this reader", "person-1", "Key moments", "I really miss her",
        "it is empty", "record it again", "German only.", "paid actors", "prohibited practice", "no diagnosis",
        "derived:valence-arousal", "fps",
    ):  # fmt: skip
        assert wanted in page.text, wanted
    assert "loss" not in page.text
    assert page.all("html")[0]["lang"] == "en"
    assert any(img["src"].startswith("data:image/jpeg;base64,/9hqcGVn") for img in page.all("img"))
    assert page.with_class("timeline")
    assert page.with_class("plane")
    assert [a["class"] for a in page.all("mark")][:2] == ["against w1", "for w5"]


def test_nothing_is_fetched(tmp_path, real_plotly):
    page = write(clip(), tmp_path)
    assert (tmp_path / "report.html").stat().st_size > 1_000_000  # plotly stands in the page
    (policy,) = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert not page.all("link")
    assert not page.all("iframe")
    for tag, attrs in page.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            value = attrs.get(name) or "#"
            assert value.startswith(("#", "data:image/jpeg")), (tag, name, value)
    style = re.search(r"<style>(.*?)</style>", (tmp_path / "report.html").read_text(), re.DOTALL).group(1)
    assert "@import" not in style
    assert "url(" not in style.replace("url(#hatch)", "")


def test_scripts_are_the_ones_that_the_policy_allows(tmp_path):
    import base64
    import hashlib

    page = write(clip(), tmp_path)
    (policy,) = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    running = [text for kind, text in page.scripts if kind != "application/json"]
    assert len(running) == 2
    for text in running:
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy
    assert "unsafe-inline" not in policy.split("script-src")[1]


@pytest.mark.parametrize("many", [1, OPEN_SECTIONS + 5])
def test_names_and_texts_can_not_run(tmp_path, many):
    names = [f"{i}{ATTACK}" for i in range(many)]
    parts = []
    for name in names:
        spans = [(name, ATTACK, None, float(i), i + 1.0) for i in range(15)]
        evidence = [Evidence("word", text=ATTACK, weight=1.0), Evidence(ATTACK, text=ATTACK, weight=1.0)]
        parts.append(
            readings(spans, peaked(*[JOY, FEAR, 2] * 5), "text", ATTACK, text=[ATTACK] * 15,
                     evidence=[evidence] * 15, flags=[[ATTACK]] * 15)
        )  # fmt: skip
    odd = Measured(
        metric=ATTACK, value=0.5, protocol=ATTACK, data=ATTACK, split=ATTACK, n=1, headline=True, note=ATTACK
    )
    page = write(
        Timeline.concat(parts),
        tmp_path,
        sources=[SourceInfo(name, ATTACK, 15.0, (ATTACK,)) for name in names],
        cards={ATTACK: card(ATTACK, odd, limits=(ATTACK,))},
        failures=[Failure(ATTACK, ATTACK, ATTACK)],
        settings={ATTACK: ATTACK},
        title=ATTACK,
    )
    assert not page.all("img")
    assert not page.all("b") or all(not a for a in page.all("b"))
    assert not [k for _, attrs in page.elements for k in attrs if k.startswith("on")]
    scripts = [kind for kind, _ in page.scripts]
    assert scripts.count("") == 2
    assert set(scripts) == {"", "application/json"}
    for kind, text in page.scripts:
        if kind == "application/json":
            drawn = json.loads(text)
            assert not re.search(r"<(?!/?b>|br>)", json.dumps(drawn))  # plotly's own small HTML is all there is
    assert "{{7*7}}" in page.text
    assert ATTACK in page.text


def test_plot_can_not_run_names_either(tmp_path):
    spans = [(f"a{ATTACK}", ATTACK, None, float(i), i + 1.0) for i in range(3)]
    timeline = readings([*spans, ("b", "x", None, 0.0, 1.0)], peaked(JOY, FEAR, JOY, FEAR), ATTACK, ATTACK)
    drawn = plot_timeline(timeline, tmp_path / "plot.html")
    assert "<script>alert" not in drawn.to_json()
    assert "<script>alert" not in (tmp_path / "plot.html").read_text(encoding="utf-8")


def test_many_files_are_collapsed_capped_and_counted(tmp_path, monkeypatch):
    most = OPEN_SECTIONS + 2
    monkeypatch.setattr("affectus.analysis.report.MOST_SECTIONS", most)
    n = most + 7
    timeline = Timeline.concat(texts(f"{i:03d}.txt", 2) for i in range(n))
    page = write(timeline, tmp_path, sources=[SourceInfo(f"{i:03d}.txt", "text") for i in range(n)])
    closed = [a for a in page.all("details") if a.get("class") == "source"]
    assert len(closed) == most
    assert not any("open" in a for a in closed)
    assert f"The first {most} of {n} files are drawn; the other 7" in page.text
    assert f"mean over {n} files" in page.text
    assert "028.txt" in page.text  # the overview has all


def test_long_files_are_drawn_as_means_and_say_so(tmp_path):
    n = 3 * drawing.MOST_BARS
    spans = [("a.wav", "p", None, float(i), i + 1.0) for i in range(n)]
    page = write(readings(spans, peaked(*[JOY] * n)), tmp_path)
    bars = [a for a in page.with_class("e-joy") if "width" in a and a.get("height") == "20"]
    assert len(bars) == drawing.MOST_BARS
    assert "each bar is their mean over an equal stretch" in page.text


def test_words_left_out_are_counted(tmp_path):
    page = write(texts("a.txt", 200), tmp_path)
    assert "60 of 200" in page.text
    assert "140 more are not listed" in page.text


@pytest.mark.parametrize("timeline", [Timeline.empty(), readings([("p.jpg", "face-1", 0, None, None)], peaked(JOY))])
def test_nothing_or_one_picture(tmp_path, timeline):
    page = write(timeline, tmp_path, sources=[SourceInfo("p.jpg", "image"), SourceInfo("q.jpg", "image")])
    assert "No emotion was read in this file." in page.text
    assert len([kind for kind, _ in page.scripts]) == 1  # nothing to zoom, so no plotly


def test_missing_scores_and_odd_numbers(tmp_path):
    p = peaked(JOY, JOY, FEAR)
    p[1] = np.nan
    spans = [("a.wav", "p", None, 0.0, 0.0), ("a.wav", "p", None, 1.0, 2.0), ("a.wav", "p", None, -1.0, -0.5)]
    page = write(readings(spans, p), tmp_path)
    assert "nan" not in page.text.lower().replace("finance", "")


def test_report_to_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        write(clip(), tmp_path / "file")


# -- lanes -------------------------------------------------------------------------------------------------------------
def test_a_rig_is_no_lane_and_fused_comes_first():
    fused = readings([("talk.mp4", "person-1", None, 0.0, 9.0)], peaked(JOY), "fused", "affectus/fusion")
    found = lanes(Timeline.concat([clip(), fused]))
    assert {lane.by for lane in found} == {"affectus/voice", "affectus/text", "affectus/fusion"}
    assert [lane.modality for lane in found if lane.track == "person-1"] == ["fused", "voice", "text"]


def test_turns_of_a_chat_share_one_axis():
    spans = [("c.jsonl", "AB"[i % 2], 10 + i, None, None) for i in range(4)] + [("c.jsonl", "B", 13, None, None)]
    a, b = lanes(readings(spans, peaked(JOY, JOY, JOY, JOY, FEAR), "text"))
    assert a.start.tolist() == [0, 2]
    assert b.start.tolist() == [1, 3, 3.5]  # two readings share the last turn
    assert b.end.tolist() == [2, 3.5, 4]


def test_an_abstention_is_shown_as_none():
    spans = [("a.wav", "p", None, 0.0, 1.0)]
    (lane,) = lanes(readings(spans, peaked(JOY), flags=[["abstained:low-confidence"]], labels={EKMAN.name: [[]]}))
    assert lane.shown.tolist() == [-1]
    assert lane.abstained.all()
    assert lane.certainty.tolist() == [0]


def test_only_a_derived_valence_is_marked_as_derived():
    flags = [["derived:ekman-6+neutral"]]
    (lane,) = lanes(readings([("a.wav", "p", None, 0.0, 1.0)], peaked(JOY), flags=flags))
    assert not lane.derived
    assert any(lane.derived for lane in lanes(clip()))


def test_condensing_keeps_the_weighted_mean():
    spans = [("a.wav", "p", None, float(i), i + 1.0) for i in range(1000)]
    p = np.random.default_rng(1).dirichlet(np.ones(7), 1000).astype(np.float32)
    (lane,) = lanes(readings(spans, p))
    short = lane.condensed(100)
    assert len(short) == 100
    assert (short.start[0], short.end[-1]) == (0, 1000)
    assert np.allclose(short.scores.mean(0), p.mean(0), atol=1e-5)
    assert np.allclose(short.scores[3], p[30:40].mean(0), atol=1e-5)


# -- moments, means, quotes, colours -----------------------------------------------------------------------------------
def test_divergence_is_between_zero_and_one_bit():
    eye = np.eye(3)
    assert np.allclose(divergence(eye, eye), 0)
    assert np.allclose(divergence(eye, np.roll(eye, 1, 0)), 1)


def test_the_largest_shift_and_the_strongest_reading_are_found():
    p = peaked(NEUTRAL, NEUTRAL, FEAR, FEAR, NEUTRAL, high=0.6)
    p[2] = peaked(FEAR, high=0.99)[0]
    p[3] = peaked(JOY, high=0.97)[0]
    spans = [("a.wav", "p", None, float(i), i + 1.0) for i in range(5)]
    found = key_moments(readings(spans, p), limit=2)
    assert {(m.kind, m.row) for m in found} == {("shift", 3), ("strong", 2)}
    assert found[1].place == Place("a.wav", "p", 3.5)


def test_neutral_and_abstained_readings_are_no_strong_moments():
    spans = [("a.wav", "p", None, float(i), i + 1.0) for i in range(2)]
    flags = [["abstained:out-of-distribution"], []]
    assert not key_moments(readings(spans, peaked(JOY, NEUTRAL), flags=flags))


def test_mean_and_interval_of_a_lane():
    n = 400
    p = np.random.default_rng(0).dirichlet(np.full(7, 2.0), n).astype(np.float32)
    (lane,) = lanes(readings([("a.wav", "p", None, float(i), i + 1.0) for i in range(n)], p))
    found = distribution(lane)
    at = found.labels.index("joy")
    assert found.mean[at] == pytest.approx(p[:, JOY].mean(), abs=1e-6)
    error = p[:, JOY].std() / n**0.5  # the readings are independent here, so the usual formula holds
    assert found.high[at] - found.low[at] == pytest.approx(2 * 1.96 * error, rel=0.35)
    assert found.low[at] < found.mean[at] < found.high[at]


def test_neighbours_that_resemble_each_other_widen_the_interval():
    rng = np.random.default_rng(0)
    blocks = np.repeat(rng.dirichlet(np.ones(7), 25), 16, axis=0).astype(np.float32)
    spans = [("a.wav", "p", None, float(i), i + 1.0) for i in range(400)]
    widths = []
    for p in (blocks, blocks[rng.permutation(400)]):
        found = distribution(lanes(readings(spans, p))[0])
        widths.append(float((found.high - found.low).mean()))
    assert widths[0] > 1.8 * widths[1]


def test_each_file_counts_once_in_the_mean_over_files():
    one = lanes(readings([("a", None, i, None, None) for i in range(30)], peaked(*[JOY] * 30)))
    two = lanes(readings([("b", None, 0, None, None)], peaked(FEAR)))
    found = over_files([*one, *two])
    assert found.mean[found.labels.index("joy")] == pytest.approx(found.mean[found.labels.index("fear")])
    assert found.readings == 31


def test_words_are_shaded_by_weight_and_only_whole():
    words = [
        Evidence("word", text="art", weight=1.0),
        Evidence("word", text="a", weight=-0.5),
        Evidence("span", text="is"),
    ]
    assert str(shaded("Party is a art & <i>", words)) == (
        'Party is <mark class="against w2">a</mark> <mark class="for w5">art</mark> &amp; &lt;i&gt;'
    )
    assert len(str(shaded("x" * 10_000_000))) < 1000


@pytest.mark.parametrize(
    ("label", "of", "wanted"),
    [("happy", "fer2013-7", "joy"), ("gratitude", "goemotions-28", "joy"), ("anger", "emodb-4", "anger")],
)
def test_labels_are_drawn_in_the_colour_of_their_family(label, of, wanted):
    assert family(label, of) == wanted


def _linear(colour):
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def _oklab(rgb):
    lms = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                    [0.0883024619, 0.2817188376, 0.6299787005]]) @ rgb  # fmt: skip
    return np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                     [0.0259040371, 0.7827717662, -0.8086757660]]) @ np.cbrt(np.maximum(lms, 0))  # fmt: skip


# Machado, Oliveira and Fernandes 2009, severity 1.
VISION = {
    "full": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("vision", list(VISION))
def test_colours_are_apart_for_every_kind_of_colour_vision(vision):
    seen = {name: _oklab(np.asarray(VISION[vision]) @ _linear(colour)) for name, colour in COLOURS.items()}
    pairs = {(a, b): float(np.linalg.norm(seen[a] - seen[b])) for a in seen for b in seen if a < b}
    nearest = min(pairs, key=pairs.__getitem__)
    assert pairs[nearest] > 0.07, (nearest, pairs[nearest])


def test_dark_text_is_legible_on_every_colour():
    ink = _linear("#15171b") @ [0.2126, 0.7152, 0.0722]
    for name, colour in COLOURS.items():
        contrast = (_linear(colour) @ [0.2126, 0.7152, 0.0722] + 0.05) / (ink + 0.05)
        assert contrast >= 4.5, (name, contrast)


# -- plot --------------------------------------------------------------------------------------------------------------
def test_plot_has_a_bar_for_each_reading_and_a_valence_line(tmp_path):
    drawn = plot_timeline(clip(), tmp_path / "plot.html")
    bars = [trace for trace in drawn.data if trace.type == "bar"]
    assert sum(len(trace.x) for trace in bars) == 25
    assert {trace.name for trace in drawn.data if trace.type == "scatter"} == {
        "valence (derived) · person-1 · text",
    }
    assert (tmp_path / "plot.html").stat().st_size > 1_000_000
    with pytest.raises(InputError, match=r"\.html"):
        plot_timeline(clip(), tmp_path / "plot.png")


def test_plot_of_nothing_and_of_very_many():
    assert not plot_timeline(Timeline.empty()).data
    many = Timeline.concat(texts(f"{i}.txt", 1) for i in range(60))
    assert plot_timeline(many).layout.title.text == "40 of 60 lanes are drawn"
