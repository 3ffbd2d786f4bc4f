"""RECCON: dialogues of DailyDialog with emotions and the utterances that caused them (Poria et al. 2021)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affectus.affect import Evidence
from affectus.corpora.base import Corpus, Judgement, Loaded, Split, find_file, one_hot, with_judgements
from affectus.corpora.delimited import decode
from affectus.errors import FileError
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

SCALE = "dailydialog-7"
CAUSE = "cause"
_FILES = {"train": "train", "dev": "valid", "test": "test"}
_MENDED = {
    "angry": "anger",
    "excited": "happiness",
    "happines": "happiness",
    "happy": "happiness",
    "sad": "sadness",
    "surprised": "surprise",
}
_TURNS, _SPANS = "expanded emotion cause evidence", "expanded emotion cause span"
_OUTSIDE = "b"  # the cause is not in the dialogue

CORPUS = Corpus(
    name="reccon",
    title="11k utterances of 1,106 everyday dialogues, seven emotions, and which utterance and span caused each",
    modality="text",
    targets=(Target(SCALE, "perceived"),),
    language="en",
    licence="DailyDialog CC BY-NC-SA 4.0; annotations without stated terms, research",
    ship=False,
    consent="written by authors of pages for learners of English",
    citation="Poria et al. 2021, Recognizing Emotion Cause in Conversations, Cognitive Computation, arXiv:2012.11820",
    perspective_source="annotators read the dialogue, judged the emotion of the speaker and marked what caused it",
    group="dialogue",
    splits={
        "train": Split(8206, "2dc477436206dd5c"),
        "dev": Split(493, "eeb6bc0fefe1d418"),
        "test": Split(2405, "46a133108daab8ee"),
    },
    files=("original_annotation/dailydialog_train.json", "dailydialog_train.json"),
    folders=("RECCON",),
    obtain="declare-lab/RECCON on GitHub, folder data/original_annotation",
)


def load(folder: Path) -> Loaded:
    """Read `dailydialog_{train,valid,test}.json`; a sample's source is its dialogue and its item the turn, from 0.

    The gold of a turn with an emotion has one piece of evidence of kind `cause` for each marked span: `item` is the
    turn that it stands in (the turn itself or another) and `text` the span. A cause outside the dialogue has neither.
    `affectus.evaluation.causes` makes pairs of them.

    Raises:
        FileError: If a file is damaged or a turn can't be understood.
    """
    place = find_file(folder, *CORPUS.files).parent
    remarks: Counter[str] = Counter({"misspelt emotions, mended": 0, "causes that come later than their emotion": 0})
    splits = {
        split: _read(find_file(place, f"dailydialog_{file}.json"), split, remarks) for split, file in _FILES.items()
    }
    return Loaded(CORPUS, splits, remarks=remarks)


def _read(path: Path, split: str, remarks: Counter[str]) -> list[Sample]:
    text, _ = decode(path)
    try:
        talks = [(name, list(turns)) for name, (turns,) in json.loads(text).items()]
    except (ValueError, TypeError, AttributeError) as error:
        raise FileError(
            f"{str(path)!r} does not hold dialogues ({error})",
            allowed='{"dialogue": [[turn, …]], …}',
            remedy="get the file again",
        ) from error
    samples, labels, evidence = [], [], []
    for name, turns in talks:
        for at, turn in enumerate(turns):
            try:
                said, speaker, emotion = turn["utterance"], turn["speaker"], turn["emotion"]
                causes = _causes(turn, len(turns))
            except (KeyError, TypeError, ValueError) as error:
                raise FileError(
                    f"turn {at + 1} of {name!r} in {path.name!r} can't be understood ({error!r})",
                    allowed=f"utterance, speaker, emotion and, with an emotion, {_TURNS!r} and {_SPANS!r}",
                    remedy="get the file again",
                ) from error
            if emotion not in scale(SCALE).labels and emotion not in _MENDED:
                raise FileError(
                    f"turn {at + 1} of {name!r} in {path.name!r} has the emotion {emotion!r}",
                    allowed=", ".join(scale(SCALE).labels),
                )
            remarks["misspelt emotions, mended"] += emotion in _MENDED
            remarks["causes that come later than their emotion"] += sum((c.item or 0) > at for c in causes)
            labels.append([_MENDED.get(emotion, emotion)])
            evidence.append(causes)
            samples.append(
                Sample(
                    id=f"{name}-{at + 1}",
                    source=f"reccon/{split}/{name}",
                    item=at,
                    text=said,
                    track=speaker,
                    language="en",
                    groups={"dialogue": name},
                )
            )
    judged = Judgement({SCALE: one_hot(labels, SCALE)}, "perceived", "reccon annotators", evidence)
    return with_judgements(samples, [judged], modality="text")


def _causes(turn: Mapping[str, Any], turns: int) -> list[Evidence]:
    causes = []
    for where, span in zip(turn.get(_TURNS, ()), turn.get(_SPANS, ()), strict=True):
        if where == _OUTSIDE:
            causes.append(Evidence(CAUSE))
        elif isinstance(where, int) and 1 <= where <= turns:
            causes.append(Evidence(CAUSE, text=str(span), item=where - 1))
        else:
            raise ValueError(f"a cause in turn {where!r}")
    return causes
