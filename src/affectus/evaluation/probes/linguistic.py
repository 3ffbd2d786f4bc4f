"""How much of the valence that a reader hears is in the words: neutral speech made from texts of known sentiment."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

import numpy as np
from markupsafe import Markup

from affectus.evaluation.intervals import Interval, bootstrap
from affectus.evaluation.metrics import pearson
from affectus.evaluation.probes.finding import Finding, Section, Table, ranged
from affectus.evaluation.probes.material import AT_ONCE, RATE, check_voice, refused, valence
from affectus.evaluation.probes.pictures import sign
from affectus.frontends.speech.synthetic import voice
from affectus.page import Axes, tag
from affectus.progress import task
from affectus.sample import Media, Sample
from affectus.timeline import Timeline

NAMES = ("negative", "neutral", "positive")
SENTIMENT = np.array([-1.0, 0.0, 1.0])
WAYS = {"spoken": "as spoken", "reversed": "played backwards"}


def sentences() -> tuple[list[list[str]], str]:
    """Frames, each as three sentences (negative, neutral, positive) that differ in a few words; and their source."""
    text = (resources.files("affectus.evaluation.probes") / "sentences.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    return [[row["text"].format(words) for words in row["fill"]] for row in data["frame"]], data["source"]


def linguistic(reader: Any, *, engine: str = "", resamples: int = 2000, seed: int = 0) -> Finding:
    """Read each sentence as it is spoken, and backwards, where sound is kept and words are not.

    A voice that speaks all texts alike leaves a reader nothing but the words; what stays in the backward sound is the
    speech synthesis's own manner (Wagner et al. 2023 ask the same of transcripts).

    Args:
        reader: Of voices, with valence or with labels that have one.
        engine: Of the synthetic voice; empty takes the first that is here.
        resamples: Of the bootstrap, which draws whole frames; 0 gives no intervals.
        seed: Of the resamples.

    Raises:
        MissingDependency: If there is no synthetic voice.
        InputError: If the reader gives no valence.
    """
    check_voice(reader)
    speak, engine = voice(engine)
    frames, source = sentences()
    texts = [text for frame in frames for text in frame]
    parts: dict[str, list[Timeline]] = {way: [] for way in WAYS}
    with task("speaking", len(texts)) as advance:
        for at in range(0, len(texts), AT_ONCE):
            waves = [speak(text) for text in texts[at : at + AT_ONCE]]
            for way, step in zip(WAYS, (1, -1), strict=True):
                samples = [_sample(f"{way}-{at + i}", wave[::step]) for i, wave in enumerate(waves)]
                parts[way].append(reader.read(samples))
            advance(len(waves))
    found, declined, how = {}, {}, ""
    for way, readings in parts.items():
        whole = Timeline.concat(readings)
        heard, how = valence(whole, reader)
        found[way], declined[way] = heard.reshape(len(frames), 3), refused(whole)
    made = {"engine": engine, "source": source, "valence": how}
    return _finding(reader, frames, found, declined, made, resamples, seed)


def _sample(name: str, wave: np.ndarray) -> Sample:
    return Sample(id=name, source="synthetic speech", media=Media("audio", array=wave.copy(), rate=RATE))


def measures(heard: np.ndarray, *, resamples: int = 2000, seed: int = 0) -> dict[str, Interval]:
    """What valence owes to the sentiment of texts.

    Args:
        heard: (frames, 3) valence of the negative, neutral and positive sentence of each frame.
        resamples: Of the bootstrap over frames.
        seed: Of the resamples.

    Returns:
        `correlation` with sentiment −1, 0, 1; `contrast`, positive less negative within a frame; `ordered`, share of
        frames in which the positive sentence has the higher valence; `share` of the variance of valence that sentiment
        accounts for within frames, 0 to 1; `deviation` of all values.
    """
    known = heard[~np.isnan(heard).any(1)]
    functions = {
        "correlation": lambda rows: pearson(np.tile(SENTIMENT, len(rows)), rows.ravel()),
        "contrast": lambda rows: float((rows[:, 2] - rows[:, 0]).mean()),
        "ordered": lambda rows: float((rows[:, 2] > rows[:, 0]).mean()),
        "share": _share,
        "deviation": lambda rows: float(rows.std()),
    }
    out = {}
    for name, function in functions.items():
        if resamples:
            out[name] = bootstrap(function, known, n=resamples, seed=seed)
        else:
            out[name] = Interval(function(known), np.nan, np.nan)
    return out


def _share(rows: np.ndarray) -> float:
    """Of the variance within frames, what the three sentiments' means account for."""
    within = rows - rows.mean(1, keepdims=True)
    total = float((within**2).sum())
    return float((within.mean(0) ** 2).sum() * len(rows) / total) if total else float("nan")


_TITLES = {
    "correlation": "correlation of valence with sentiment",
    "contrast": "valence, positive less negative sentence of a frame",
    "ordered": "share of frames with the positive sentence above (chance 0.5)",
    "share": "share of the variance within frames that sentiment accounts for (chance 1 / frames)",
    "deviation": "deviation of valence over all sentences",
}


def _finding(
    reader: Any,
    frames: list[list[str]],
    found: dict[str, np.ndarray],
    declined: dict[str, float],
    made: dict[str, str],
    resamples: int,
    seed: int,
) -> Finding:
    known = {way: measures(heard, resamples=resamples, seed=seed) for way, heard in found.items()}
    spoken, backward = known["spoken"], known["reversed"]
    silent = int(np.isnan(found["spoken"]).any(1).sum())
    table = Table(
        columns=("measure", *WAYS.values()),
        rows=[
            (title, *(ranged(v.value, v.low, v.high) for v in (spoken[name], backward[name])))
            for name, title in _TITLES.items()
        ],
    )
    order = np.argsort(-(found["spoken"][:, 2] - found["spoken"][:, 0]))
    single = Table(
        columns=("sentence", "sentiment", "valence", "backwards"),
        rows=[
            (frames[i][j], NAMES[j], float(found["spoken"][i, j]), float(found["reversed"][i, j]))
            for i in order
            for j in range(3)
        ],
    )
    remarks = [
        "The voice is meant to be neutral, but a synthesis that learned from speech may colour what it says: what "
        "remains in the backward sound is manner and not words.",
        f"The reader refused {declined['spoken']:.0%} of the sentences as spoken and {declined['reversed']:.0%} played "
        "backwards; all figures count their scores, which the reader would not stand for.",
    ]
    if silent:
        remarks.append(f"{silent} frames are left out, since the reader gave no valence of a sentence.")
    return Finding(
        probe="linguistic",
        title="Words alone",
        reader=reader.name,
        data=f"{3 * len(frames)} synthetic sentences",
        totals={
            _TITLES["correlation"]: f"{spoken['correlation'].value:+.3f}",
            "the same, played backwards": f"{backward['correlation'].value:+.3f}",
            "variance within frames due to sentiment": f"{spoken['share'].value:.0%}",
            "sentences": str(3 * len(frames)),
        },
        told={
            "texts": made["source"],
            "voice": made["engine"],
            "valence": made["valence"],
            "backwards": "the same sound from its end: level, spectrum and pitch range stay, words do not",
            "intervals": f"percentile bootstrap over {len(frames)} frames, {resamples} resamples, 95%, seed {seed}",
        },
        sections=[
            Section(
                title="Does valence follow the text",
                told="Each line is a frame: one sentence said with a negative, a neutral and a positive filler. If "
                "words don't count, lines are level on average.",
                picture=_picture(found),
                key={sign("mark-low"): "negative", sign("mark-mid"): "neutral", sign("mark-high"): "positive"},
                tables=[table],
            ),
            Section(title="Each sentence", told="Frames in order of what their filler does.", tables=[single]),
        ],
        remarks=remarks,
        values={
            way: {name: vars(value) for name, value in rows.items()}
            | {"valence": found[way].tolist(), "refused": declined[way]}
            for way, rows in known.items()
        }
        | {"sentences": frames},
    )


def _picture(found: dict[str, np.ndarray]) -> Markup:
    ends = [float(v) for heard in found.values() for v in heard[~np.isnan(heard)]]
    low, high = min(ends), max(ends)
    room = (high - low or 0.1) * 0.06
    panels = []
    for way, title in WAYS.items():
        axes = Axes((-1.3, 1.3), (low - room, high + room), width=460, height=330)
        parts = axes.frame(f"sentiment of the text, {title}", "valence that was read", ticks_x=False)
        for name, x in zip(NAMES, SENTIMENT, strict=True):
            parts.append(tag("text", name, x=axes.at_x(x), y=axes.height - axes.below + 17, class_="tick middle"))
        for row in found[way]:
            if not np.isnan(row).any():
                parts.append(axes.line(*zip(SENTIMENT.tolist(), row.tolist(), strict=True), class_="thread"))
        for x, column, kind in zip(SENTIMENT.tolist(), found[way].T, ("low", "mid", "high"), strict=True):
            parts += [
                tag("circle", cx=axes.at_x(x), cy=axes.at_y(float(y)), r=3.4, class_=f"mark-{kind}")
                for y in column
                if not np.isnan(y)
            ]
            mean = axes.at_y(float(np.nanmean(column)))
            parts.append(tag("line", x1=axes.at_x(x) - 18, x2=axes.at_x(x) + 18, y1=mean, y2=mean, class_="mean"))
        panels.append(axes.picture(*parts, label=f"Valence by sentiment, {title}"))
    return tag("div", *panels, class_="pair")
