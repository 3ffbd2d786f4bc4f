"""What the rule by which voices are drawn again changes against first draws, on the speakers that are measured.

python benchmarks/anonymisation_redrawn.py --cache FOLDER     # that of anonymisation.py, which measured both
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from anonymisation import DATA, EMOTIONS, FIRST, RESAMPLES, SYSTEMS, emodb, percent, ravdess, readings
from record import Record


def compare(cache: Path) -> list[dict[str, Any]]:
    """One row a corpus and system: differences in points with 95 % intervals."""
    from affectus.corpora.trials import read_trials
    from affectus.evaluation.intervals import bootstrap
    from affectus.evaluation.metrics import uar
    from affectus.evaluation.verification import equal_error_rate, verify
    from affectus.evaluation.words import counted_errors

    def between(figure: Callable[..., float]) -> Callable[..., float]:
        return lambda gold, now, then: figure(gold, now) - figure(gold, then)

    rows: list[dict[str, Any]] = []
    for part in ("emodb", "ravdess"):
        trials = read_trials(DATA / "speech-trials", part)
        measured = pickle.loads((cache / f"{part}.pickle").read_bytes())
        learned = pickle.loads((cache / f"{part}-unchanged.pickle").read_bytes())
        everyone = emodb() if part == "emodb" else ravdess(1, {p for s in trials.enrolments.values() for p in s})
        by = {p.path: p for p in everyone}
        for name in SYSTEMS:
            pair = (measured[name], measured[FIRST[name]])
            enrolled = {who: s for who, s in trials.enrolments.items() if all(path in pair[0] for path in s)}
            asked = [
                (t.enrolment, t.test, t.target) for t in trials.trials if t.test in pair[0] and t.enrolment in enrolled
            ]
            out: dict[str, Any] = {"data": part, "voice": name, "trials": len(asked)}
            known = {path: measured["original"][path]["speaker"] for path in pair[0]}
            vectors = [{path: row["speaker"] for path, row in one.items()} for one in pair]
            for how in ("ignorant", "lazy-informed"):
                now, then = (verify(enrolled, asked, known if how == "ignorant" else v, v) for v in vectors)
                scores = (now.targets, now.scores, then.scores)
                out[f"EER {how}"] = percent(bootstrap(between(equal_error_rate), *scores, n=RESAMPLES))
            shown = sorted(path for path in pair[0] if by[path].emotion)
            gold = np.array([EMOTIONS.index(by[path].emotion or "") for path in shown])
            for kind in ("moments", "functionals"):
                told = [readings(kind, everyone, one, learned) for one in pair]
                codes = [np.array([EMOTIONS.index(one[path]) for path in shown]) for one in told]
                out[f"UAR {kind}"] = percent(bootstrap(between(uar), gold, *codes, n=RESAMPLES))
            spoken = [path for path in pair[0] if by[path].said and "words" in pair[0][path]]
            if spoken:
                said = [by[path].said or "" for path in spoken]
                (now_wrong, words), (then_wrong, _) = (
                    counted_errors(said, [one[path]["words"][0] for path in spoken]) for one in pair
                )
                share = between(lambda words, wrong: float(wrong.sum() / words.sum()))
                out["WER"] = percent(bootstrap(share, words, now_wrong, then_wrong, n=RESAMPLES))
                out["words"] = int(words.sum())
            rows.append(out)
            print(out, flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    record = Record(
        "anonymisation-redrawn",
        "What drawing voices again changes against first draws",
        "The same recordings in the voice that the command takes and in the first that it drew, as anonymisation.py "
        "measured both: EMO-DB's speakers 12 to 16 and RAVDESS's actors 5 to 8.",
        compare(parser.parse_args().cache),
        notes=("Points, with 95 % intervals over trials or recordings; above 0: more than with first draws.",),
    )
    print(record.write())


if __name__ == "__main__":
    main()
