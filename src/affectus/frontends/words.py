"""From the outputs of a text reader to its timeline: windows joined, evidence as words, derived scales."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np

from affectus.affect import Evidence
from affectus.errors import ScaleError, UnknownName
from affectus.frontends.tokens import WORD, Tokens
from affectus.readout import Readout, read_out
from affectus.sample import Item, Sample, Span, as_items, flatten
from affectus.taxonomy import map_scores, scale
from affectus.timeline import Timeline

STRONGEST = 5  # words of evidence in one reading
MAX_LEFT_OUT = 64  # words of a text that are left out in turn


def join_windows(logits: np.ndarray, notes: Sequence[Tokens]) -> np.ndarray:
    """Logits of texts from those of their windows; NaN for an empty text, of which nothing can be said.

    The head is linear and its input the mean over tokens, so the mean of windows weighted by their tokens is the logit
    of the mean over all tokens.

    Args:
        logits: (windows, k).
        notes: One for each text, in the order of the windows.

    Returns:
        (texts, k).
    """
    sizes = np.array([len(window.ids) for tokens in notes for window in tokens.windows], np.float64)
    firsts = np.cumsum([0] + [len(tokens.windows) for tokens in notes])[:-1]
    if len(firsts) == 0:
        return logits[:0]
    total = np.add.reduceat(sizes, firsts)[:, None]
    weighted = np.add.reduceat(np.where(np.isfinite(logits), logits, 0) * sizes[:, None], firsts, axis=0)
    return weighted / np.where(total > 0, total, np.nan)


def word_evidence(tokens: Tokens, weights: np.ndarray, strongest: int = STRONGEST) -> list[Evidence]:
    """The words that moved a reading most, in the order of the text.

    Args:
        tokens: The text.
        weights: (tokens of all windows,) contribution of each token.
        strongest: How many words are kept, by absolute weight.
    """
    if not len(weights):
        return []
    words, numbers = tokens.words()
    totals = np.bincount(numbers, weights, len(words))
    chosen = np.sort(np.argsort(-np.abs(totals), kind="stable")[:strongest])
    return [Evidence("word", text=words[i], weight=float(totals[i])) for i in chosen if totals[i]]


def left_out_evidence(
    texts: Sequence[str], logits: Callable[[Sequence[str]], np.ndarray], readout: Readout, strongest: int = STRONGEST
) -> list[list[Evidence]]:
    """The words whose absence changes a reading most: occlusion (Zeiler and Fergus 2014), one word at a time.

    The weight of a word is the log-odds of the highest label minus those of the text without it, or minus 0 where
    nothing is left. It costs one reading a word; of a longer text the first `MAX_LEFT_OUT` words are tried.

    Args:
        texts: What was read.
        logits: Raw outputs of some texts on the readout's scale, (n, k).
        readout: How they become probabilities.
        strongest: How many words are kept, by absolute weight.
    """
    spans = [[m.span() for m in WORD.finditer(text)][:MAX_LEFT_OUT] for text in texts]
    shorter = [text[:a] + text[b:] for text, places in zip(texts, spans, strict=True) for a, b in places]
    whole = _log_odds(readout.probabilities(logits(texts)))
    parts = _log_odds(readout.probabilities(logits(shorter))) if shorter else whole[:0]
    out: list[list[Evidence]] = []
    at = 0
    for row, (text, places) in enumerate(zip(texts, spans, strict=True)):
        without = parts[at : at + len(places)]
        at += len(places)
        if not places or not np.isfinite(whole[row]).all():
            out.append([])
            continue
        top = int(np.argmax(whole[row]))
        weights = whole[row, top] - np.nan_to_num(without[:, top])
        chosen = np.sort(np.argsort(-np.abs(weights), kind="stable")[:strongest])
        out.append([Evidence("word", text=text[slice(*places[i])], weight=float(weights[i])) for i in chosen])
    return out


class Readable(Protocol):
    """What `explained` needs of a text reader."""

    @property
    def readouts(self) -> tuple[Readout, ...]:
        """How its outputs are read."""
        ...

    def read(self, items: Iterable[Item | str]) -> Timeline:
        """Readings."""
        ...

    def logits(self, items: Iterable[Item | str]) -> dict[str, np.ndarray]:
        """Raw outputs by scale."""
        ...


def explained(reader: Readable, items: Iterable[Item | str]) -> Timeline:
    """Readings with the words as evidence that change the highest label of the first target when they are left out."""
    samples, first = flatten(as_items(items)), reader.readouts[0]
    timeline = reader.read(samples)

    def logits(texts: Sequence[str]) -> np.ndarray:
        return reader.logits([Sample(id="", text=text) for text in texts])[first.scale]

    evidence = left_out_evidence([sample.text or "" for sample in samples], logits, first)
    return timeline.set_column("evidence", [[vars(e) for e in row] for row in evidence])


def _log_odds(p: np.ndarray) -> np.ndarray:
    p = np.clip(p.astype(np.float64), 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def read_words(
    spans: Sequence[Span],
    logits: Mapping[str, np.ndarray],
    contributions: Sequence[np.ndarray],
    notes: Sequence[Tokens],
    readouts: Sequence[Readout],
    *,
    by: str,
    derived: Sequence[str] = (),
) -> Timeline:
    """The timeline of a text reader.

    Args:
        spans: Index of each text.
        logits: Scale name → (windows, k).
        contributions: For each window (tokens without the special ones, k) on the first readout's scale: how much each
            token adds to each logit of its window.
        notes: The texts as they were encoded.
        readouts: In the order of the reader's targets.
        by: Name of the checkpoint.
        derived: Scales to compute from the first readout's probabilities.
    """
    joined = {name: join_windows(values, notes) for name, values in logits.items()}
    first = readouts[0]
    scores = first.probabilities(joined[first.scale])
    slope = np.broadcast_to(np.asarray(first.slope or 1.0), scores.shape[1])
    evidence: list[list[Evidence]] = []
    at = 0
    for row, tokens in enumerate(notes):
        parts = contributions[at : at + len(tokens.windows)]
        at += len(tokens.windows)
        if "empty" in tokens.flags:
            evidence.append([])
            continue
        top = int(np.argmax(scores[row]))
        total = sum(map(len, parts))
        weights = np.concatenate([part[:, top] * (len(part) / total) for part in parts])
        evidence.append(word_evidence(tokens, weights * slope[top]))
    return read_out(
        spans,
        joined,
        readouts,
        by=by,
        modality="text",
        derived={name: derive(scores, first.scale, name) for name in derived},
        text=[tokens.text for tokens in notes],
        evidence=evidence,
        flags=[tokens.flags for tokens in notes],
    )


def derive(scores: np.ndarray, source: str, target: str) -> np.ndarray:
    """Scores on another scale: by published coordinates for levels of valence and arousal, else by the explicit map."""
    if scale(target).kind == "level" and scale(source).kind != "level":
        from affectus.taxonomy.coordinates import valence_arousal

        return valence_arousal(scores, source)
    return map_scores(scores, source, target)


def derivable(source: str, target: str) -> bool:
    """Whether `derive` leads from one scale to the other."""
    try:
        derive(np.zeros((1, len(scale(source)))), source, target)
    except (ScaleError, UnknownName):
        return False
    return True
