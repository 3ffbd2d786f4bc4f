"""When is a voice drawn again? Rules compared on learning speakers: privacy, emotion and words of each.

    python benchmarks/anonymisation_rules.py --cache FOLDER     # draws voices, once; then applies every rule

All five voices of 36 recordings of EMO-DB's speakers 03 08 09 10 11 and 44 of RAVDESS's actors 1 to 4 are made, without
and with the emotion kept. Every rule is applied to the same voices in five orders of drawing, and the figures are
averaged. EER is that of all pairs of a recording and a speaker of one sex, who is enrolled by three other recordings,
drawn 20 times. A rule is admissible if the EER of the ignorant attacker is 40 % or more on both corpora, mean of both
variants. Of these, that with the least sum of UAR lost (mean of corpora, readers and variants) and words wrong is
chosen; within one point, that which draws fewer voices.
"""

from __future__ import annotations

import argparse
import itertools
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anonymisation import (
    ACTORS,
    DATA,
    EMOTIONS,
    LEARNED_ON,
    RESAMPLES,
    SYSTEMS,
    Listener,
    Recording,
    as_loud,
    draws,
    ears,
    emodb,
    ravdess,
    reader,
    unchanged,
)
from record import Record

VOICES = 5
ENROLLED, TIMES = 3, 20
MEN = {"03", "10", "11"}
"""Of EMO-DB's learning speakers; RAVDESS's men have odd numbers."""
KINDS = ("moments", "functionals")
ORDERS = [[(first + at) % VOICES for at in range(VOICES)] for first in range(VOICES)]
HOW_MANY = {"emodb": 36, "ravdess": 44}
AIM = 0.40
"""EER of the ignorant attacker that a rule has to reach."""

Rule = Callable[[np.ndarray, np.ndarray, Sequence[int]], tuple[int, int]]
"""Likeness and size of change of the voices, and the order in which they are drawn → the one taken, and how many."""


# -- rules -------------------------------------------------------------------------------------------------------------
def below(limit: float) -> Rule:
    """The first less alike than the limit, else the least alike."""

    def taken(likeness: np.ndarray, size: np.ndarray, order: Sequence[int]) -> tuple[int, int]:
        for count, at in enumerate(order, 1):
            if likeness[at] < limit:
                return at, count
        return min(order, key=lambda at: float(likeness[at])), VOICES

    return taken


def mildest(limit: float) -> Rule:
    """Of those less alike than the limit the one whose pitch and tract are moved least, else the least alike."""

    def taken(likeness: np.ndarray, size: np.ndarray, order: Sequence[int]) -> tuple[int, int]:
        enough = [at for at in order if likeness[at] < limit]
        if enough:
            return min(enough, key=lambda at: float(size[at])), VOICES
        return min(order, key=lambda at: float(likeness[at])), VOICES

    return taken


RULES: dict[str, Rule] = {
    "first draw": lambda likeness, size, order: (order[0], 1),
    **{f"below {limit:.2f}": below(limit) for limit in (0.75, 0.70, 0.65, 0.60)},
    "least alike": below(-1.0),
    **{f"mildest below {limit:.2f}": mildest(limit) for limit in (0.75, 0.70, 0.65)},
}


def size_of(voice: Any) -> float:
    """How far a voice is from the middle of what is drawn: pitch and tract, as shares of their ranges."""
    from affectus.systems.pseudo_voice import PseudoVoiceConfig

    ranges = PseudoVoiceConfig()
    tract = np.abs(np.log(voice.tract)) / np.log(ranges.tract)
    return float(abs(np.log2(voice.pitch / 150)) / ranges.pitch + tract.mean())


# -- voices ------------------------------------------------------------------------------------------------------------
def learning(part: str) -> tuple[list[Recording], list[Recording]]:
    """The recordings that voices are drawn for, enrolled ones first, and all of the corpus."""
    from affectus.corpora.trials import read_trials

    enrolled = {p for said in read_trials(DATA / "speech-trials", part).enrolments.values() for p in said}
    everyone = emodb() if part == "emodb" else ravdess(1, enrolled)
    known = [p for p in everyone if (p.speaker in LEARNED_ON if part == "emodb" else p.speaker not in ACTORS)]
    first, rest = ([p for p in known if (p.path in enrolled) is is_first] for is_first in (True, False))
    drawn = np.random.default_rng(7).permutation(len(rest))[: HOW_MANY[part] - len(first)]
    return first + [rest[i] for i in drawn], everyone


def make(people: Sequence[Recording], listener: Listener, cache: Path) -> dict[str, dict[str, Any]]:
    """Recording → measures of it and of its five voices by each system; kept on disk."""
    import affectus
    from affectus.atomic import writing

    known = pickle.loads(cache.read_bytes()) if cache.exists() else {}
    changers: dict[str, Any] = {row: affectus.load(name) for row, name in SYSTEMS.items()}
    for one in people:
        if one.path in known:
            continue
        wave = one.wave()
        sound = wave.astype(np.float64) - wave.mean()
        found: dict[str, Any] = {"original": heard(wave, one, listener)}
        for row, changer in changers.items():
            parts, found[row] = changer.listen(sound), []
            for rng in itertools.islice(draws(one.path), VOICES):
                voice = changer.draw(1, rng)[0]
                new = as_loud(changer.speak(*parts, voice), sound)
                found[row].append({"size": size_of(voice), **heard(new, one, listener)})
        known[one.path] = found
        with writing(cache, "wb") as file:
            file.write(pickle.dumps(known))
        print(f"{len(known)} recordings", flush=True)
    return known


def heard(wave: np.ndarray, one: Recording, listener: Listener) -> dict[str, Any]:
    out: dict[str, Any] = {"speaker": listener.speaker(wave), "functionals": listener.functionals(wave)}
    out["moments"] = listener.moments(wave)
    return out | ({"words": listener.words(wave)[0]} if one.said else {})


# -- figures of a rule -------------------------------------------------------------------------------------------------
@dataclass
class Corpus:
    """Recordings of a corpus and all that was heard of their voices.

    Args:
        people: Recordings.
        found: Recording → measures of it and of its voices by each system.
        read: Recording → kind of reader → row (`original` or system) → what it was read to show, of each voice.
        second: Recording → row → vectors of the second verifier, of each voice.
    """

    people: list[Recording]
    found: Mapping[str, Any]
    read: dict[str, dict[str, dict[str, list[str]]]]
    second: dict[str, dict[str, list[np.ndarray]]]

    def likeness(self, path: str, row: str) -> np.ndarray:
        one = self.found[path]
        return np.array([one["original"]["speaker"] @ voice["speaker"] for voice in one[row]])

    def taken(self, rule: Rule, row: str, order: Sequence[int]) -> dict[str, tuple[int, int]]:
        """Recording → the voice that a rule takes, and how many it draws."""
        return {
            p.path: rule(self.likeness(p.path, row), np.array([v["size"] for v in self.found[p.path][row]]), order)
            for p in self.people
        }

    def right(self, kind: str, row: str, taken: Mapping[str, int]) -> np.ndarray:
        """(recordings with an emotion,) whether a reader is right about the voice that is taken."""
        return np.array([self.read[p.path][kind][row][taken[p.path]] == p.emotion for p in self.people if p.emotion])

    def wrong(self, row: str, taken: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
        """(recordings with words,) words wrong, and how many there are."""
        from affectus.evaluation.words import counted_errors

        spoken = [p for p in self.people if p.said]
        if not spoken:
            return np.zeros(0), np.zeros(0)
        said = [_voices(self.found[p.path], row)[taken[p.path]]["words"] for p in spoken]
        return counted_errors([p.said or "" for p in spoken], said)

    @property
    def emotions(self) -> np.ndarray:
        return np.array([EMOTIONS.index(p.emotion) for p in self.people if p.emotion])


def _voices(found: Mapping[str, Any], row: str) -> list[dict[str, Any]]:
    return [found["original"]] if row == "original" else found[row]


def listened(part: str, found: Mapping[str, Any], listener: Listener, cache: Path) -> Corpus:
    """What readers and the second verifier, fitted on unchanged recordings of others, make of the voices."""
    people, everyone = learning(part)
    learned = unchanged(everyone, listener, cache / f"{part}-unchanged.pickle")
    second = ears(everyone, learned, {p.speaker for p in people})
    rows = ("original", *SYSTEMS)
    ask = {p.path: {row: [v["functionals"] for v in _voices(found[p.path], row)] for row in rows} for p in people}
    vectors = {path: {row: [second(f) for f in voices] for row, voices in one.items()} for path, one in ask.items()}
    read: dict[str, dict[str, dict[str, list[str]]]] = {p.path: {} for p in people}
    for who, kind in itertools.product(sorted({p.speaker for p in people}), KINDS):
        train = [p for p in everyone if p.speaker != who and p.emotion]
        fitted = reader(kind).fit(np.stack([learned[p.path][kind] for p in train]), [p.emotion for p in train])
        for one in (p for p in people if p.speaker == who and p.emotion):
            read[one.path][kind] = {
                row: list(fitted.predict(np.stack([v[kind] for v in _voices(found[one.path], row)]))) for row in rows
            }
    return Corpus(people, found, read, vectors)


def privacy(people: Sequence[Recording], enrolled: Mapping[str, np.ndarray], asked: Mapping[str, np.ndarray]) -> float:
    """EER of all pairs of one sex."""
    from affectus.evaluation.verification import equal_error_rate

    rng, same, scores = np.random.default_rng(3), [], []
    for one in people:
        for who in dict.fromkeys(p.speaker for p in people):
            if _man(one, who) != _man(one, one.speaker):
                continue
            own = [_unit(enrolled[p.path]) for p in people if p.speaker == who and p.path != one.path]
            for _ in range(TIMES):
                model = _unit(np.mean([own[i] for i in rng.choice(len(own), ENROLLED, replace=False)], 0))
                same.append(who == one.speaker)
                scores.append(float(model @ _unit(asked[one.path])))
    return equal_error_rate(np.array(same), np.array(scores))


def _man(one: Recording, who: str) -> bool:
    return who in MEN if one.path.startswith("emodb") else int(who) % 2 == 1


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def recall(emotions: np.ndarray, right: np.ndarray) -> float:
    """Unweighted recall of which emotions were read rightly, (n,) codes and shares."""
    return float(np.mean([right[emotions == code].mean() for code in np.unique(emotions)]))


def figures(corpus: Corpus, rule: Rule, row: str) -> dict[str, float]:
    """Means over the orders of drawing."""
    from affectus.analysis.anonymize.checks import MOVED

    known = {p.path: corpus.found[p.path]["original"]["speaker"] for p in corpus.people}
    heard_first = {p.path: corpus.second[p.path]["original"][0] for p in corpus.people}
    same = {p.path: 0 for p in corpus.people}
    out: list[dict[str, float]] = []
    for order in ORDERS:
        chosen = corpus.taken(rule, row, order)
        at = {path: one for path, (one, _) in chosen.items()}
        asked = {path: corpus.found[path][row][one]["speaker"] for path, one in at.items()}
        other = {path: corpus.second[path][row][one] for path, one in at.items()}
        nearness = np.array([known[path] @ asked[path] for path in at])
        found = {
            "voices drawn": float(np.mean([count for _, count in chosen.values()])),
            "EER ignorant": privacy(corpus.people, known, asked),
            "EER lazy-informed": privacy(corpus.people, asked, asked),
            "EER ignorant, MFCC": privacy(corpus.people, heard_first, other),
            "EER lazy-informed, MFCC": privacy(corpus.people, other, other),
            "refused": float(np.mean(nearness >= MOVED)),
        }
        for kind in KINDS:
            before, after = (corpus.right(kind, *what) for what in (("original", same), (row, at)))
            found[f"lost {kind}"] = recall(corpus.emotions, before) - recall(corpus.emotions, after)
        errors, words = corpus.wrong(row, at)
        if len(words):
            found["WER"] = float(errors.sum() / words.sum())
        out.append(found)
    return {name: float(np.mean([one[name] for one in out])) for name in out[0]}


def changes(corpora: Mapping[str, Corpus], rule: str) -> Iterator[str]:
    """What a rule changes against the first draw, with intervals over recordings, drawn within each corpus."""
    shares: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    errors: dict[str, np.ndarray] = {}
    words = np.zeros(0)
    for name, (part, corpus) in itertools.product((rule, "first draw"), corpora.items()):
        at = [
            (row, {path: one for path, (one, _) in corpus.taken(RULES[name], row, order).items()})
            for row in SYSTEMS
            for order in ORDERS
        ]
        right = [corpus.right(kind, row, taken).astype(float) for row, taken in at for kind in KINDS]
        shares[name, part] = {"right": np.mean(right, axis=0), "emotion": corpus.emotions}
        if part == "ravdess":
            errors[name] = np.mean([corpus.wrong(row, taken)[0] for row, taken in at], axis=0)
            words = corpus.wrong(*at[0])[1]

    def uar(name: str, rows: Mapping[str, np.ndarray]) -> float:
        return float(
            np.mean([recall(shares[name, p]["emotion"][i], shares[name, p]["right"][i]) for p, i in rows.items()])
        )

    def more(rows: Mapping[str, np.ndarray], said: np.ndarray) -> tuple[float, float]:
        changed = (errors[rule] - errors["first draw"])[said].sum() / words[said].sum()
        return uar(rule, rows) - uar("first draw", rows), float(changed)

    rng = np.random.default_rng(0)
    sizes = {part: len(corpus.emotions) for part, corpus in corpora.items()}
    whole = more({part: np.arange(n) for part, n in sizes.items()}, np.arange(len(words)))
    again = [
        more({part: rng.integers(0, n, n) for part, n in sizes.items()}, rng.integers(0, len(words), len(words)))
        for _ in range(RESAMPLES)
    ]
    for at, what in enumerate(("UAR", "WER")):
        low, high = 100 * np.percentile([one[at] for one in again], [2.5, 97.5])
        yield f"{what} {100 * whole[at]:+.1f} ({low:.1f} to {high:.1f})"


# -- the result --------------------------------------------------------------------------------------------------------
def choose(cache: Path) -> None:
    """Apply every rule to the voices of the learning speakers, and write the dated result."""
    listener = Listener()
    found = make([p for part in HOW_MANY for p in learning(part)[0]], listener, cache / "voices.pickle")
    corpora = {part: listened(part, found, listener, cache) for part in HOW_MANY}
    rows: list[dict[str, Any]] = []
    for part, corpus in corpora.items():
        for name, row in itertools.product(RULES, SYSTEMS):
            rows.append({"data": part, "rule": name, "voice": row, **figures(corpus, RULES[name], row)})
            print(rows[-1], flush=True)
        rows.append(original(part, corpus))
    sums = {}
    for name in RULES:
        own = [row for row in rows if row["rule"] == name]
        hidden = min(np.mean([r["EER ignorant"] for r in own if r["data"] == part]) for part in HOW_MANY)
        lost = np.mean([r[f"lost {kind}"] for r in own for kind in KINDS])
        sums[name] = (hidden >= AIM, 100 * (lost + np.mean([r["WER"] for r in own if "WER" in r])))
    record = Record(
        "anonymisation-rules",
        "When a voice is drawn again: rules on learning speakers",
        " ".join((__doc__ or "").split("\n\n")[2].split()),
        [{k: _shown(k, v) for k, v in row.items()} for row in rows],
        notes=(
            "EER, UAR lost, WER and refused (no copy would be written) in per cent; means over the orders of drawing.",
            "UAR lost and words wrong, in points: "
            + "; ".join(f"{n} {s:.1f}{'' if ok else ' (not admissible)'}" for n, (ok, s) in sums.items())
            + ".",
            *(
                f"{name} against the first draw: {', '.join(changes(corpora, name))} points, mean of variants; 95 %."
                for name in ("below 0.75", "below 0.70", "below 0.65", "below 0.60")
            ),
        ),
    )
    print(record.write())


def original(part: str, corpus: Corpus) -> dict[str, Any]:
    """The unchanged recordings, for comparison."""
    same = {p.path: 0 for p in corpus.people}
    known = {p.path: corpus.found[p.path]["original"]["speaker"] for p in corpus.people}
    other = {p.path: corpus.second[p.path]["original"][0] for p in corpus.people}
    errors, words = corpus.wrong("original", same)
    out: dict[str, Any] = {"data": part, "rule": "unchanged", "voice": "original"}
    out |= {"EER ignorant": privacy(corpus.people, known, known)}
    out |= {"EER ignorant, MFCC": privacy(corpus.people, other, other)}
    return out | ({"WER": float(errors.sum() / words.sum())} if len(words) else {})


def _shown(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.1f}" if name == "voices drawn" else f"{100 * value:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="folder of the voices and of what readers learn from")
    chosen = parser.parse_args()
    chosen.cache.mkdir(parents=True, exist_ok=True)
    choose(chosen.cache)


if __name__ == "__main__":
    main()
