from importlib import resources

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from affectus.page import Axes, figure_bar, render, tag, ticks


class Template:
    def __init__(self, text):
        self.text = text

    def read_text(self, encoding):
        return self.text


def test_text_and_attributes_can_not_break_out():
    attack = "\"><script>alert(1)</script>'"
    made = tag("text", attack, x=1.0, class_=attack)
    assert "<script" not in made
    assert made.startswith('<text x="1" class="&#34;&gt;')
    assert tag("g", tag("rect", x=np.float32(0.126)), y=None) == '<g><rect x="0.13"></rect></g>'


def test_a_page_has_the_common_style_and_a_policy_that_allows_nothing():
    page = render(Template("{{ policy|safe }}|{{ style }}|{{ name }}"), style=".own {}", name="<b>")
    policy, style, name = page.split("|")
    assert "default-src 'none'" in policy
    assert policy.endswith("script-src 'none'")
    assert "--paper" in style
    assert style.endswith(".own {}")
    assert name == "&lt;b&gt;"


def test_scripts_are_allowed_by_their_hash():
    page = render(Template("{{ policy|safe }}|{% for s in scripts %}{{ s }}{% endfor %}"), scripts=[Markup("a < b;")])
    assert page.endswith("|a < b;")
    assert "script-src 'sha256-" in page
    assert "http" not in (resources.files("affectus.page") / "page.css").read_text(encoding="utf-8")


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_and_inside(low, size):
    found = ticks(low, low + size)
    assert 1 <= len(found) <= 7
    assert all(low - size * 1e-6 <= tick <= low + size * (1 + 1e-6) for tick in found)
    assert found == sorted(set(found))


def test_values_find_their_places():
    axes = Axes((0, 10), (-1, 1), width=200, height=100, left=20, below=10, top=0, right=0)
    assert axes.at_x(0) == 20
    assert axes.at_x(10) == 200
    assert axes.at_y(-1) == 90
    assert axes.at_y(1) == 0
    assert 'points="20.0,90.0 200.0,0.0"' in axes.line((0, -1), (10, 1), class_="curve")
    frame = Markup("").join(axes.frame("across", "up"))
    for text in (">across<", ">up<", ">10<", ">-1<"):
        assert text in frame
    assert 'viewBox="0 0 200 100"' in axes.picture(frame, label="made")


@pytest.mark.parametrize(("low", "high", "interval"), [(None, None, 0), (0.4, 0.6, 1)])
def test_a_figure_between_zero_and_one(low, high, interval):
    assert figure_bar(0.5, low, high).count("interval") == interval
