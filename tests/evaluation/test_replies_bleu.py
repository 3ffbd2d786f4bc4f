"""BLEU by sacrebleu against its definition, and Dist-n by counting."""

import math
from collections import Counter

import pytest

from affectus.errors import InputError
from affectus.evaluation.replies_bleu import TOKENISATIONS, bleu, distinct

pytest.importorskip("sacrebleu")
pytest.importorskip("nltk")


def by_definition(replies: list[str], references: list[str]) -> float:
    """Papineni et al. 2002: clipped precisions of 1 to 4 words, geometric mean, brevity penalty; words as spaced."""
    logs = []
    for n in range(1, 5):
        hits = total = 0
        for said, wanted in zip(replies, references, strict=True):
            grams = [Counter(zip(*(t.split()[i:] for i in range(n)), strict=False)) for t in (said, wanted)]
            hits += sum((grams[0] & grams[1]).values())
            total += sum(grams[0].values())
        logs.append(math.log(hits / total))
    said, wanted = (sum(len(t.split()) for t in side) for side in (replies, references))
    return 100 * math.exp(min(0.0, 1 - wanted / said) + sum(logs) / 4)


def test_it_is_the_definition() -> None:
    replies = ["i am so sorry to hear that", "that is great news for you"]
    references = ["I am very sorry to hear that today", "that is great news for all of you"]
    found = bleu(replies, references, tokenise="none")
    assert found.value == pytest.approx(by_definition(replies, [r.lower() for r in references]))
    assert len(found.precisions) == 4
    assert found.hits == (12, 8, 5, 3)


def test_tokenisations_differ_and_the_signature_says_which() -> None:
    found = {t: bleu(["that is so sad ."], ["That is so sad."], tokenise=t) for t in TOKENISATIONS}
    assert found["13a"].value == pytest.approx(100)
    assert found["none"].value < 90
    for name, score in found.items():
        assert f"tok:{name}" in score.signature
        assert "case:lc" in score.signature
        assert "version:" in score.signature


def test_shorter_sequences() -> None:
    assert bleu(["a b"], ["a b"], n=2).value == pytest.approx(100)


def test_sides_of_different_length() -> None:
    with pytest.raises(InputError, match="1 replies and 2 references"):
        bleu(["a"], ["a", "b"])
    with pytest.raises(InputError, match="at least one"):
        bleu([], [])


def test_different_sequences_are_counted() -> None:
    replies = ["i don't know", "i do n't know"]  # don't is two words
    assert distinct(replies, 1) == pytest.approx(100 * 4 / 8)
    assert distinct(replies, 2) == pytest.approx(100 * 3 / 6)
    assert distinct(["no"], 2) == 0
    assert distinct([], 1) == 0
