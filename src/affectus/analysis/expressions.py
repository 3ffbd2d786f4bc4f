"""Which expressions are characteristic of some texts against others, with control of false discoveries.

Log-odds ratios with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008, Fightin' Words, Political Analysis
16(4), section 3.3.2) rank the expressions; Fisher's exact test on the texts that hold them, with the step-up procedure
of Benjamini and Hochberg (1995), says which of them are more than chance. The two count different things on purpose:
a text that repeats an expression ten times moves the ratio, but is one text in the test.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from affectus.atomic import writing
from affectus.errors import InputError
from affectus.frontends.segment import SEGMENTERS, segmenter, tagged

if TYPE_CHECKING:
    import pandas as pd

PRIOR = 500.0  # pseudo-occurrences, spread like both sides together; draws rare expressions towards "no difference"
LONGEST = 8  # words of an expression
_WIDTH = 1.959964  # standard deviations on each side of a 95 % interval


def contrast(
    texts_a: Iterable[str],
    texts_b: Iterable[str],
    *,
    ngrams: tuple[int, int] = (1, 3),
    tokenize: str | Callable[[str], Sequence[str]] = "spaces",
    parts: Collection[str] | None = None,
    min_count: int = 5,
    alpha: float = 0.05,
    prior: float = PRIOR,
    examples: int = 3,
) -> pd.DataFrame:
    """Compare how often expressions occur in two sets of texts.

    Args:
        texts_a: Texts in question, for example detected ones.
        texts_b: Texts to compare with.
        ngrams: Fewest and most words of an expression.
        tokenize: `spaces` (lower-cased words and signs), `ja` (Japanese morphemes), or a function from a text to its
            words.
        parts: With `ja`: parts of speech in IPADic's words, such as `名詞`; an expression must hold one of them.
        min_count: Fewest texts of both sides together that hold an expression. This looks at no side, so it leaves the
            tests valid.
        alpha: Largest expected share of false discoveries among the expressions marked `significant`.
        prior: Strength of the Dirichlet prior in pseudo-occurrences (α₀).
        examples: Texts shown for an expression, from the side where its share is larger.

    Returns:
        One row an expression, those of `a` first, by falling `z`: `expression`, `words`, `texts_a`, `texts_b` (texts
        that hold it), `share_a`, `share_b`, `log_odds` with `low` and `high` (95 %) and `z`, `p` (Fisher, two-sided),
        `q` (Benjamini and Hochberg), `significant`, `examples`.

    Raises:
        InputError: If a side has no text, or an option is out of range.
        MissingDependency: If `ja` is asked for without the extra of that name.
    """
    import pandas as pd

    _check(ngrams, parts, tokenize, min_count, alpha, prior)
    a, b = list(texts_a), list(texts_b)
    if not a or not b:
        raise InputError(f"there are {len(a)} texts on one side and {len(b)} on the other", allowed="at least 1 each")
    texts = [*a, *b]
    corpus = _number(texts, tokenize, parts)
    columns: list[dict[str, Any]] = []
    for order in _orders(corpus, len(a), len(texts), ngrams, min_count):
        ratio, sd = log_odds(order.times_a, order.times_b, order.all_a, order.all_b, prior)
        columns.append(
            {
                "expression": order.expressions,
                "words": np.full(len(ratio), order.words),
                "texts_a": order.texts_a,
                "texts_b": order.texts_b,
                "log_odds": ratio,
                "low": ratio - _WIDTH * sd,
                "high": ratio + _WIDTH * sd,
                "z": ratio / sd,
                "examples": _examples(order, texts, len(a), len(b), examples),
            }
        )
    table = pd.concat([pd.DataFrame(column) for column in columns], ignore_index=True)
    table.insert(4, "share_a", table["texts_a"] / len(a))
    table.insert(5, "share_b", table["texts_b"] / len(b))
    p = fisher(table["texts_a"].to_numpy(np.int64), table["texts_b"].to_numpy(np.int64), len(a), len(b))
    q = benjamini_hochberg(p)
    for at, (name, values) in enumerate((("p", p), ("q", q), ("significant", q <= alpha))):
        table.insert(10 + at, name, values)
    return table.sort_values(["z", "words"], ascending=False, kind="stable", ignore_index=True)


def _check(ngrams: Any, parts: Any, tokenize: Any, min_count: int, alpha: float, prior: float) -> None:
    if not 1 <= ngrams[0] <= ngrams[1] <= LONGEST:
        raise InputError(f"ngrams is {ngrams}", allowed=f"(fewest, most) words, 1 to {LONGEST}")
    if parts is not None and tokenize != "ja":
        raise InputError(f"parts of speech were given for tokenize={tokenize!r}", allowed="tokenize='ja'")
    if isinstance(tokenize, str):
        segmenter(tokenize)
    if min_count < 1 or not 0 < alpha < 1 or not prior > 0:
        raise InputError(
            f"min_count is {min_count}, alpha {alpha}, prior {prior}",
            allowed="min_count ≥ 1, 0 < alpha < 1, prior > 0",
        )


# -- statistics --------------------------------------------------------------------------------------------------------
def log_odds(
    times_a: np.ndarray, times_b: np.ndarray, all_a: int, all_b: int, prior: float = PRIOR
) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds ratio of each expression and its standard deviation.

    Monroe et al. 2008, equations 15 and 19 to 21 with α_w = α₀ · (share of w in both sides together):
    δ = ln((y_a + α_w) / (n_a + α₀ − y_a − α_w)) − the same of b, σ² ≈ 1 / (y_a + α_w) + 1 / (y_b + α_w).

    Args:
        times_a: (k,) occurrences in a.
        times_b: (k,) occurrences in b.
        all_a: Occurrences of all expressions of this length in a.
        all_b: The same in b.
        prior: α₀.
    """
    weight = prior * (times_a + times_b) / max(all_a + all_b, 1)

    def odds(times: np.ndarray, total: int) -> np.ndarray:
        others = np.maximum(total + prior - times - weight, 1e-9)  # 0 where all texts are one and the same word
        return np.log(times + weight) - np.log(others)

    return odds(times_a, all_a) - odds(times_b, all_b), np.sqrt(1 / (times_a + weight) + 1 / (times_b + weight))


def fisher(count_a: np.ndarray, count_b: np.ndarray, n_a: int, n_b: int) -> np.ndarray:
    """Two-sided p of Fisher's exact test for many tables at once: the tables that are no likelier than the given one.

    Args:
        count_a: (k,) texts of a that hold each expression, of `n_a`.
        count_b: (k,) texts of b, of `n_b`.
        n_a: Texts of a.
        n_b: Texts of b.
    """
    from scipy.stats import hypergeom

    out = np.ones(len(count_a))
    totals = count_a + count_b
    order = np.argsort(totals, kind="stable")
    cuts = np.flatnonzero(np.diff(totals[order])) + 1
    for rows in np.split(order, cuts) if len(order) else ():  # one distribution serves all of one total
        total = int(totals[rows[0]])
        first = max(0, total - n_b)
        chance = hypergeom.pmf(np.arange(first, min(total, n_a) + 1), n_a + n_b, n_a, total)
        rising = np.sort(chance)
        below = np.searchsorted(rising, chance[count_a[rows] - first] * (1 + 1e-7), side="right")
        out[rows] = np.minimum(np.cumsum(rising)[below - 1], 1)
    return out


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Adjusted p (Benjamini and Hochberg 1995): q ≤ α holds the expected share of false discoveries below α."""
    n = len(p)
    order = np.argsort(-p, kind="stable")
    out = np.empty(n)
    out[order] = np.minimum.accumulate(p[order] * n / np.arange(n, 0, -1)) if n else []
    return np.minimum(out, 1)


# -- counting ----------------------------------------------------------------------------------------------------------
class _Corpus(NamedTuple):
    """All words one after another: their numbers, the text each stands in, whether its part of speech counts."""

    ids: np.ndarray
    text: np.ndarray
    counts: np.ndarray
    words: list[str]
    space: str  # between the words of an expression


class _Order(NamedTuple):
    """Counts of the expressions of one length that enough texts hold."""

    words: int
    expressions: list[str]
    texts_a: np.ndarray
    texts_b: np.ndarray
    times_a: np.ndarray
    times_b: np.ndarray
    all_a: int
    all_b: int
    holders: np.ndarray  # numbers of the texts that hold the first expression, then those of the second, …


def _number(texts: Sequence[str], tokenize: Any, parts: Collection[str] | None) -> _Corpus:
    numbers: dict[str, int] = {}
    ids, lengths, counts = [], [], []
    cut = segmenter(tokenize) if tokenize in SEGMENTERS else tokenize
    for text in texts:
        if parts is not None:
            pairs = tagged(text)
            found = [word for word, _ in pairs]
            counts += [part in parts for _, part in pairs]
        else:
            found = cut(text)
        ids += [numbers.setdefault(word, len(numbers)) for word in found]
        lengths.append(len(found))
    mask = np.ones(len(ids), bool) if parts is None else np.array(counts, bool)
    text_of = np.repeat(np.arange(len(texts)), lengths)
    return _Corpus(np.array(ids, np.int64), text_of, mask, list(numbers), "" if tokenize == "ja" else " ")


def _orders(corpus: _Corpus, n_a: int, n: int, ngrams: tuple[int, int], min_count: int) -> Iterable[_Order]:
    """Counts length by length; what begins with a rare expression is itself rare, so it is dropped early."""
    ids, text, counts = corpus.ids, corpus.text, corpus.counts
    places, gram = np.arange(len(ids)), ids  # where an expression begins, and its number
    held = counts
    for words in range(1, ngrams[1] + 1):
        if words > 1:
            inside = places + words - 1 < len(ids)
            places, gram, held = places[inside], gram[inside], held[inside]
            last = places + words - 1
            inside = text[places] == text[last]
            places, last, gram, held = places[inside], last[inside], gram[inside], held[inside] | counts[last[inside]]
            gram = gram * len(corpus.words) + ids[last]
        starts = np.flatnonzero(text[: max(len(ids) - words + 1, 0)] == text[words - 1 :])
        all_a = int((text[starts] < n_a).sum())
        _, first, gram = np.unique(gram, return_index=True, return_inverse=True)
        pairs = np.unique(gram * n + text[places])  # an expression and a text that holds it
        holder, where = pairs // n, pairs % n
        enough = np.bincount(holder, minlength=len(first)) >= min_count
        if words >= ngrams[0]:
            shown = enough & (np.bincount(gram[held], minlength=len(first)) > 0)
            times_a, times_b = _on_each_side(gram, text[places] < n_a, shown)
            texts_a, texts_b = _on_each_side(holder, where < n_a, shown)
            begin = places[first[shown]]
            expressions = [corpus.space.join(corpus.words[i] for i in ids[at : at + words]) for at in begin.tolist()]
            all_b = len(starts) - all_a
            yield _Order(words, expressions, texts_a, texts_b, times_a, times_b, all_a, all_b, where[shown[holder]])
        keep = enough[gram]
        places, held = places[keep], held[keep]
        gram = (np.cumsum(enough) - 1)[gram[keep]]


def _on_each_side(numbers: np.ndarray, of_a: np.ndarray, shown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How often each shown number occurs in a and in b."""
    a, b = (np.bincount(numbers[side], minlength=len(shown))[shown] for side in (of_a, ~of_a))
    return a, b


def _examples(order: _Order, texts: Sequence[str], n_a: int, n_b: int, most: int) -> list[list[str]]:
    """Some texts for each expression; those of `a` come first among the texts that hold it."""
    out, at = [], 0
    for in_a, in_b in zip(order.texts_a.tolist(), order.texts_b.tolist(), strict=True):
        holders = order.holders[at : at + in_a + in_b]
        at += in_a + in_b
        chosen = holders[:in_a] if in_a * n_b >= in_b * n_a else holders[in_a:]
        out.append([texts[i] for i in chosen[:most].tolist()])
    return out


# -- picture -----------------------------------------------------------------------------------------------------------
def plot_contrast(
    table: pd.DataFrame, path: str | Path | None = None, *, most: int = 15, names: tuple[str, str] = ("a", "b")
) -> Any:
    """Draw the expressions of a contrast: a bar of the log-odds ratio each, with its 95 % interval.

    Args:
        table: From `contrast`. Only significant expressions are drawn, the strongest of each side.
        path: HTML file to write besides; it opens offline.
        most: Expressions of each side.
        names: What the two sides are called.

    Returns:
        A `plotly.graph_objects.Figure`.

    Raises:
        InputError: If nothing is significant, or the path is no HTML file.
        OutputError: If it can't be written.
    """
    if path is not None and Path(path).suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{str(path)!r} is no HTML file", allowed=".html")
    import plotly.graph_objects as go

    sure = table[table["significant"]]
    if sure.empty:
        raise InputError(
            f"none of {len(table)} expressions differs by more than chance", remedy="use more texts or a larger alpha"
        )
    sides = (sure[sure["z"] > 0].head(most), sure[sure["z"] < 0].tail(most))
    drawn = go.Figure()
    for rows, name, colour in zip(sides, names, ("#e65819", "#5881e7"), strict=True):
        drawn.add_bar(
            y=rows["expression"],
            x=rows["log_odds"],
            orientation="h",
            name=f"more in {name}",
            marker_color=colour,
            error_x={
                "type": "data",
                "symmetric": False,
                "array": rows["high"] - rows["log_odds"],
                "arrayminus": rows["log_odds"] - rows["low"],
                "thickness": 1,
            },
            customdata=rows[["texts_a", "texts_b", "share_a", "share_b", "q"]],
            hovertemplate=(
                f"<b>%{{y}}</b><br>{names[0]}: %{{customdata[0]}} texts (%{{customdata[2]:.1%}})"
                f"<br>{names[1]}: %{{customdata[1]}} texts (%{{customdata[3]:.1%}})"
                "<br>q %{customdata[4]:.2g}<extra></extra>"
            ),
        )
    count = sum(map(len, sides))
    drawn.update_layout(
        title=f"{count} of {len(sure)} expressions that differ by more than chance ({len(table)} tested)",
        xaxis_title=f"log-odds ratio with 95 % interval (right: {names[0]}, left: {names[1]})",
        yaxis={"autorange": "reversed", "type": "category"},
        height=160 + 24 * count,
        template="plotly_white",
        barmode="relative",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    )
    if path is not None:
        with writing(path) as file:
            file.write(drawn.to_html(include_plotlyjs=True, full_html=True))
    return drawn
