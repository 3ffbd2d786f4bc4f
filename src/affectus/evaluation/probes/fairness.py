"""Is a reader as good for everybody: women and men, and each single speaker?"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy as np

from affectus.errors import InputError
from affectus.evaluation.answers import LABELS, Answers
from affectus.evaluation.intervals import Difference, percentiles, resampled
from affectus.evaluation.probes.finding import Finding, Section, Table, ranged, signed
from affectus.evaluation.probes.material import AT_ONCE, Material, refused
from affectus.evaluation.probes.people import PERMUTATIONS, Spread, spread
from affectus.evaluation.probes.pictures import Dot, dots, sign
from affectus.evaluation.subgroups import Subgroup, subgroups
from affectus.progress import task
from affectus.timeline import Timeline


def fairness(of: Material) -> Finding:
    """The figure by sex and by speaker, the spread of speakers, and who is far out.

    Raises:
        InputError: If fewer than three speakers are known.
    """
    names = [str(name) for name in of.people() if name]
    if len(names) < len(of.samples) or len(set(names)) < 3:
        raise InputError(
            f"{len(names):,} of {len(of.samples):,} items name a speaker, {len(set(names))} in all",
            allowed="a corpus in which every item names one of three speakers or more",
        )
    parts = []
    with task("reading", len(of.samples)) as advance:
        for at in range(0, len(of.samples), AT_ONCE):
            parts.append(of.reader.read(of.samples[at : at + AT_ONCE]))
            advance(len(of.samples[at : at + AT_ONCE]))
    reading = Timeline.concat(parts)
    return _finding(of, of.answers(reading), names, refused(reading))


def _finding(of: Material, given: Answers, names: list[str], declined: float) -> Finding:
    merit, meaning, strata = _merit(of, given)
    found = spread(merit, names, seed=of.seed, strata=strata)
    by_sex, leaning = _sexes(of, given, names)
    out = [person.name for person in found.people if person.outlier]
    whole = of.value(given)
    sections = [*_sex_sections(of, by_sex, leaning), _speakers(of, given, names), _spread(found, meaning)]
    totals = {of.figure.title: f"{whole.value:.3f}"}
    if len(by_sex) == 2 and by_sex[0].gap is not None:
        totals[f"{by_sex[0].name} less {by_sex[1].name}"] = f"{by_sex[0].gap.value:+.3f}"
    totals |= {"speakers": str(len(found.people)), "far out": ", ".join(out) or "none"}
    remarks = [*of.remarks]
    if not by_sex:
        remarks.append("The corpus does not say the sex of its speakers.")
    remarks.append(
        f"{len(found.people)} speakers can't stand for people at large: a difference between groups of so few is a "
        "difference between these people."
    )
    remarks.append(f"The reader refused {declined:.1%} of the items; all figures count their scores.")
    return Finding(
        probe="fairness",
        title="Different people",
        reader=of.reader.name,
        data=of.protocol.title,
        totals=totals,
        told={
            **of.told(),
            "of each speaker": meaning,
            "shrinkage": "variance between speakers by moments (DerSimonian & Laird 1986), shrunk means as best linear "
            "unbiased predictions (Robinson 1991)",
            "far out": "distance from the mean of the other speakers, t-test, p corrected over all speakers by Holm",
            "spread": f"items dealt out to speakers anew within each label, {PERMUTATIONS:,} times, seed {of.seed}",
        },
        sections=sections,
        remarks=remarks,
        values={
            "figure": of.figure.key,
            "all": vars(whole),
            "refused": declined,
            "sex": [asdict(group) for group in by_sex],
            "leaning": leaning,
            "spread": asdict(found),
        },
    )


def _merit(of: Material, given: Answers) -> tuple[np.ndarray, str, np.ndarray | None]:
    """A value for each item, what it is, and the strata that are compared."""
    if of.protocol.compare in LABELS:
        right = (given.values.astype(bool) == of.cases.gold.astype(bool)).all(1).astype(float)
        strata = np.unique(of.cases.gold, axis=0, return_inverse=True)[1]
        return right, "share of right answers, as deviation from the share of the same label among all", strata
    error = np.abs(np.asarray(given.values, float) - of.cases.gold).mean(1)
    return error, "mean absolute error over the levels", None


# -- by sex -----------------------------------------------------------------------------------------------------------
def _sexes(of: Material, given: Answers, names: list[str]) -> tuple[list[Subgroup], list[dict[str, Any]]]:
    sexes = of.people("sex")
    if len({sex for sex in sexes if sex}) < 2:
        return [], []
    sides = of.figure.sides(of.cases.gold, given)
    assert sides is not None
    count = max(of.draws.count, 1)
    found = subgroups(of.figure.metric, sexes, *sides, n=count, seed=of.seed, groups=np.array(names))
    return found, _leaning(of, given, np.array([str(sex) for sex in sexes]), names)


def _leaning(of: Material, given: Answers, sexes: np.ndarray, names: list[str]) -> list[dict[str, Any]]:
    """How much more each score is given to one sex than gold would have it."""
    first, second = sorted(set(sexes))[:2]
    labels, rows = of.protocol.labels("all"), ~np.isnan(given.scores).any(1)
    excess = given.scores - of.cases.gold
    out = []
    for i, label in enumerate(labels):
        sides = [rows & (sexes == sex) for sex in (first, second)]
        value = float(excess[sides[0], i].mean() - excess[sides[1], i].mean())
        count = max(of.draws.count, 1)
        draws = [resampled(_mean, excess[:, i], n=count, seed=of.seed, groups=np.array(names), part=s) for s in sides]
        gap = Difference(value, np.nan, np.nan, how=of.draws.how, p=np.nan)
        with suppress(InputError):  # of so few speakers, too many resamples lack one sex
            gap = Difference.between(value, draws[0] - draws[1], 0.95, of.draws.how)
        out.append({"label": label, "between": f"{first} less {second}", **vars(gap)})
    return out


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _sex_sections(of: Material, groups: list[Subgroup], leaning: list[dict[str, Any]]) -> list[Section]:
    if not groups:
        return []
    known = [group for group in groups if group.figure is not None]
    picture = dots(
        [Dot(name=g.name, value=g.figure.value, low=g.figure.low, high=g.figure.high) for g in known if g.figure],
        of.figure.title,
        label=f"{of.figure.title} by sex",
    )
    table = Table(
        columns=("sex", "items", of.figure.title, "less the others", "p"),
        rows=[
            (
                g.name,
                g.n,
                ranged(g.figure.value, g.figure.low, g.figure.high) if g.figure else "undefined",
                signed(g.gap.value, g.gap.low, g.gap.high) if g.gap else "",
                g.gap.p if g.gap else float("nan"),
            )
            for g in groups
        ],
    )
    leans = Table(
        columns=("score", "between", "score above gold, difference", "p"),
        rows=[(r["label"], r["between"], signed(r["value"], r["low"], r["high"]), r["p"]) for r in leaning],
    )
    return [
        Section(
            title="Women and men",
            told="Intervals draw whole speakers. The second table asks for leanings: whether a score stands higher "
            "above gold for one sex than for the other.",
            picture=picture,
            key={sign("dot"): of.figure.title, sign("whisker"): "95 % interval"},
            tables=[table, leans],
        )
    ]


# -- by speaker -------------------------------------------------------------------------------------------------------
def _speakers(of: Material, given: Answers, names: list[str]) -> Section:
    column, rows = np.array(names), []
    sides = of.figure.sides(of.cases.gold, given)
    assert sides is not None
    for name in sorted(set(names)):
        inside = column == name
        parts = tuple(side[inside] for side in sides)
        value, low, high = float(of.figure.metric(*parts)), np.nan, np.nan
        if of.draws.count and not np.isnan(value):
            with suppress(InputError):  # undefined in too many resamples
                low, high = percentiles(resampled(of.figure.metric, *parts, n=of.draws.count, seed=of.seed))
            if low == high:  # all right or all wrong: drawing them again says nothing
                low = high = np.nan
        rows.append((name, int(inside.sum()), value, low, high))
    rows.sort(key=lambda row: row[2])
    return Section(
        title="Each speaker",
        told=f"{of.figure.title} on the recordings of one speaker; the interval draws these recordings, so it tells "
        "how little so few of them say. Where all answers are right there is nothing to draw, and no interval.",
        picture=dots(
            [Dot(name=f"{name} ({n})", value=value, low=low, high=high) for name, n, value, low, high in rows],
            of.figure.title,
            reference=of.value(given).value,
            label=f"{of.figure.title} of each speaker",
        ),
        key={
            sign("dot"): "one speaker (number of recordings)",
            sign("whisker"): "95 % interval",
            sign("diagonal"): "all",
        },
        tables=[
            Table(
                columns=("speaker", "recordings", of.figure.title),
                rows=[(name, n, ranged(value, low, high)) for name, n, value, low, high in rows],
            )
        ],
    )


def _spread(found: Spread, meaning: str) -> Section:
    said = "more than chance gives" if found.p < 0.05 else "no more than chance can give"
    far = [person.name for person in found.people if person.outlier]
    return Section(
        title="What of that is chance",
        told=f"Of each speaker: {meaning}. Speakers differ by a standard deviation of {found.between:.3f} beyond "
        f"chance (permutation p {found.p:.3f}: {said}). Far out: {', '.join(far) or 'nobody'}.",
        picture=dots(
            [
                Dot(
                    name=f"{person.name} ({person.n})",
                    value=person.mean,
                    low=person.low,
                    high=person.high,
                    second=person.shrunk,
                    class_="outlier" if person.outlier else "dot",
                    hint=f"{person.name}: {person.mean:.3f}, shrunk {person.shrunk:.3f}",
                )
                for person in found.people
            ],
            "mean of a speaker",
            reference=found.mean,
            label="Means of speakers, and what they shrink to",
        ),
        key={
            sign("dot"): "mean",
            sign("outlier"): "far out",
            sign("shrunk"): "shrunk mean",
            sign("whisker"): "95 % interval of the shrunk mean",
            sign("diagonal"): "all",
        },
        tables=[
            Table(
                columns=("speaker", "recordings", "mean", "shrunk mean", "errors from the others", "p (Holm)"),
                rows=[
                    (p.name, p.n, p.mean, ranged(p.shrunk, p.low, p.high), f"{p.away:+.2f}", p.p) for p in found.people
                ],
            )
        ],
    )
