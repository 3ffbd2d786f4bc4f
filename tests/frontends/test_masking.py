"""The rates of eMLM's masking, and what must never be masked."""

import pickle
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus.frontends.masking import MASKED, RANDOM, MaskingCollate, choose_words
from affectus.frontends.posts import PostCollate
from affectus.frontends.tokens import TextCollate
from affectus.sample import Sample

POSTS = 10_000


def rates(words: int, emotional: int, posts: int = POSTS, pieces: int = 1, **options) -> tuple[float, float]:
    """Shares of all words and of emotion words that are masked, over posts of like make."""
    rng = np.random.default_rng(0)
    marked = np.arange(words) < emotional
    chosen = np.array(
        [choose_words(np.arange(words).repeat(pieces), marked, rng, **options)[::pieces] for _ in range(posts)]
    )
    return float(chosen.mean()), float(chosen[:, marked].mean()) if emotional else float("nan")


@pytest.mark.parametrize(("words", "emotional"), [(20, 2), (30, 5), (12, 3), (40, 0)])
def test_without_the_cap_the_shares_are_the_stated_ones(words, emotional):
    overall, of_emotion = rates(words, emotional, cap=False)
    wanted = max(0.15, 0.5 * emotional / words)  # more emotion than the share leaves room for is masked all the same
    assert overall == pytest.approx(wanted, abs=0.005)
    if emotional:
        assert of_emotion == pytest.approx(0.5, abs=0.02)


def test_the_cap_lowers_both_rates_a_little():
    """W = 20, two emotion words, one piece a word: 13.8 % and 0.47, as worked out independently."""
    overall, of_emotion = rates(20, 2, cap=True)
    assert overall == pytest.approx(0.138, abs=0.003)
    assert of_emotion == pytest.approx(0.47, abs=0.015)


def slow_reference(numbers, emotional, rng, k, share, cap):
    """The same rule word by word, with the draws in the same order."""
    words = sorted(set(numbers.tolist()))
    n = sum(bool(emotional[w]) for w in words)
    rest = max(0.0, share * len(words) - k * n) / (len(words) - n) if n < len(words) else 0.0
    drawn = rng.random(len(words)) < np.array([k if emotional[w] else rest for w in words])
    order = rng.permutation(len(words)) if cap else range(len(words))
    covered, taken = 0, set()
    for place in order:
        if cap and covered > max(1, round(share * len(numbers))):
            break
        if drawn[place]:
            taken.add(words[place])
            covered += int((numbers == words[place]).sum())
    return np.array([number in taken for number in numbers.tolist()], bool)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=1, max_size=30), st.booleans(), st.integers(0, 99)
)
def test_it_equals_the_rule_word_by_word_and_masks_whole_words(words, cap, seed):
    numbers = np.repeat(np.arange(len(words)), [pieces for pieces, _ in words])
    emotional = np.array([mark for _, mark in words])
    chosen = choose_words(numbers, emotional, np.random.default_rng(seed), cap=cap)
    assert chosen.tolist() == slow_reference(numbers, emotional, np.random.default_rng(seed), 0.5, 0.15, cap).tolist()
    for number in set(numbers.tolist()):
        assert len(set(chosen[numbers == number].tolist())) == 1
    again = choose_words(numbers, emotional, np.random.default_rng(seed), cap=cap)
    assert (chosen == again).all()


def test_posts_of_emotion_words_alone_and_of_nothing():
    overall, of_emotion = rates(10, 10, cap=False)
    assert overall == of_emotion == pytest.approx(0.5, abs=0.02)
    assert choose_words(np.zeros(0, np.int64), np.zeros(0, bool), np.random.default_rng(0)).shape == (0,)


def test_an_empty_lexicon_is_plain_whole_word_masking():
    rng, marked = np.random.default_rng(3), np.zeros(25, bool)
    got = [choose_words(np.arange(25), marked, rng, cap=False) for _ in range(50)]
    rng = np.random.default_rng(3)
    assert (np.array(got) == np.array([rng.random(25) < 0.15 for _ in range(50)])).all()


@pytest.fixture
def collate(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("glad\nsad\n")
    return MaskingCollate(PostCollate("tiny:bert", max_length=64), str(path))


def posts(n: int) -> list[Sample]:
    rng = np.random.default_rng(1)
    filler = ["we", "went", "home", "and", "then", "it", "rained"]
    texts = [" ".join([*rng.choice(filler, rng.integers(3, 8)), rng.choice(["Glad", "sad"])]) for _ in range(n)]
    return [Sample(id=str(i), text=text) for i, text in enumerate(texts)]


def test_only_tokens_of_the_text_are_masked_and_targets_are_what_stood_there(collate):
    items = posts(200)
    batch, plain = collate(items, np.random.default_rng(0)), collate.texts(items)
    masked = batch.inputs["masked"]
    assert masked.any()
    assert not (masked & ~plain.inputs["content"]).any()
    assert (batch.inputs["ids"][~masked] == plain.inputs["ids"][~masked]).all()
    assert (plain.inputs["ids"][masked] == batch.targets["tokens"]).all()


def test_of_the_masked_tokens_most_are_hidden_some_are_strange_some_are_kept(collate):
    batch = collate(posts(3000), np.random.default_rng(0))
    now, gold = batch.inputs["ids"][batch.inputs["masked"]], batch.targets["tokens"]
    hidden = now == collate.texts.mask
    assert hidden.mean() == pytest.approx(MASKED, abs=0.01)
    assert ((now != gold) & ~hidden).mean() == pytest.approx(RANDOM, abs=0.01)


def test_emotion_words_are_found_whatever_their_letters(collate):
    """The last word of each post is emotional; a byte tokenizer makes several tokens of it."""
    items = posts(4000)
    batch, plain = collate(items, np.random.default_rng(0)), collate.texts(items)
    last = [int(np.flatnonzero(row)[-1]) for row in plain.inputs["content"]]
    share = batch.inputs["masked"][np.arange(len(items)), last].mean()
    assert 0.4 < share < 0.5  # k is 0.5, less what the cap takes


def test_draws_follow_the_generator_and_in_evaluation_the_text(collate):
    items = posts(8)
    first, second = (collate(items, np.random.default_rng(5)).inputs for _ in range(2))
    assert (first["masked"] == second["masked"]).all()
    assert (first["ids"] == second["ids"]).all()
    alone = collate([items[3]]).inputs["masked"][0]
    assert (collate(items).inputs["masked"][3, : len(alone)] == alone).all()
    assert pickle.loads(pickle.dumps(collate)) == collate
    seed = zlib.crc32((items[3].text or "").encode())
    assert (collate([items[3]], np.random.default_rng(seed)).inputs["masked"][0] == alone).all()


def test_a_tokenizer_without_a_mask_is_a_named_error(tmp_path):
    from affectus.errors import ConfigError

    tokenizer = TextCollate("tiny:bert").json().replace("<mask>", "<other>")
    (tmp_path / "tokenizer.json").write_text(tokenizer)
    with pytest.raises(ConfigError, match="no mask token"):
        _ = TextCollate(str(tmp_path / "tokenizer.json")).mask
