from xml.etree import ElementTree

from affectus.analysis.word_weights import word_weights

SVG = "{http://www.w3.org/2000/svg}"


def test_shades_follow_the_weights_and_words_are_escaped() -> None:
    drawn = ElementTree.fromstring(str(word_weights([("storm", 0.6), ("<kills>", 0.3), ("town", 0.0)])))
    shades = [float(rect.get("fill-opacity")) for rect in drawn.iter(f"{SVG}rect")]
    assert shades == [1, 0.5, 0]
    texts = [text.text for text in drawn.iter(f"{SVG}text")]
    assert texts == ["storm", "0.60", "<kills>", "0.30", "town", "0.00"]
    right = [float(rect.get("x")) + float(rect.get("width")) for rect in drawn.iter(f"{SVG}rect")]
    left = [float(rect.get("x")) for rect in drawn.iter(f"{SVG}rect")]
    assert all(end < start for end, start in zip(right, left[1:], strict=False))


def test_no_words_and_no_weight() -> None:
    assert "<rect" not in word_weights([])
    assert 'fill-opacity="0"' in word_weights([("word", 0.0)])
