"""VoicePrivacy 2024: LibriSpeech and IEMOCAP in Kaldi's layout, for speaker anonymisation (Tomashenko et al. 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from affectus.corpora.base import Corpus, Loaded, Split, one_hot, with_gold
from affectus.corpora.recordings import people, sound
from affectus.errors import FileError
from affectus.formats.kaldi import read_list
from affectus.sample import Media, Sample
from affectus.taxonomy import Target

SCALE = "iemocap-4"
SETS = (
    *(f"libri_{part}_{kind}" for part in ("dev", "test") for kind in ("enrolls", "trials_f", "trials_m")),
    "IEMOCAP_dev",
    "IEMOCAP_test",
    "train-clean-360",
)
_EMOTIONS = {"ang": "angry", "hap": "happy", "neu": "neutral", "sad": "sad"}
_SEXES = {"m": "male", "f": "female"}

CORPUS = Corpus(
    name="voiceprivacy2024",
    title="the nine sets of the VoicePrivacy 2024 challenge; emotions in the two of IEMOCAP",
    modality="voice",
    targets=(Target(SCALE, "perceived"),),
    language="en",
    licence="of LibriSpeech (CC BY 4.0) and of IEMOCAP (research, on request)",
    ship=False,
    consent="public (LibriVox readers) and acted (IEMOCAP)",
    citation="Tomashenko et al. 2024, The VoicePrivacy 2024 Challenge Evaluation Plan, arXiv:2404.02677",
    perspective_source="as IEMOCAP: the majority of annotators who watched the dialogues",
    group="speaker (track); `fold` numbers the speakers of IEMOCAP, over which recalls are averaged",
    splits={"IEMOCAP_dev": Split(2746), "IEMOCAP_test": Split(2785)},
    files=tuple(f"{place}{name}/wav.scp" for place in ("data/", "") for name in ("libri_dev_enrolls", "IEMOCAP_dev")),
    folders=("Voice-Privacy-Challenge-2024", "vpc2024"),
    obtain="Voice-Privacy-Challenge/Voice-Privacy-Challenge-2024 on GitHub; IEMOCAP on request",
)


def load(folder: Path) -> Loaded:
    """Read the sets of `data/<set>/`: `wav.scp`, `utt2spk`, `spk2gender`, `text`, `utt2emo`, `spk2fold`; a split a set.

    Other sets, such as anonymised copies of these, hold the same utterances; they are counted, and read by `read_set`.

    Raises:
        FileError: If a list is missing, names a command, or does not fit another.
    """
    top = folder / "data" if (folder / "data").is_dir() else folder
    found = sorted(path.parent for path in top.glob("*/wav.scp"))
    sets = {place.name: place for place in found if place.name in SETS}
    if not sets:
        raise FileError(f"{str(top)!r} holds none of the sets", allowed=", ".join(SETS))
    splits: dict[str, list[Sample]] = {}
    sexes: dict[str, str] = {}
    missing = 0
    for name in SETS:
        if name in sets:
            splits[name], absent = read_set(sets[name])
            missing += absent
            sexes |= _listed(sets[name], "spk2gender")
    others = sum(len(read_list(place / "wav.scp")) for place in found if place.name not in SETS)
    left_out = {"sound is not there": missing, "in sets other than the nine": others}
    speakers = people({who: _SEXES[sex] for who, sex in sexes.items() if sex in _SEXES})
    return Loaded(CORPUS, splits, left_out, speakers=speakers)


def read_set(folder: Path) -> tuple[list[Sample], int]:
    """The utterances of one set in the order of `wav.scp`, and how many have no sound.

    Sound is looked for where `wav.scp` says, also relative to the folder above `data`, else as `wav/<utterance>.wav` in
    the set itself, where anonymisation writes it.

    Raises:
        FileError: As `load`.
    """
    places, speakers = read_list(folder / "wav.scp"), read_list(folder / "utt2spk")
    words, emotions, folds = (_listed(folder, name) for name in ("text", "utt2emo", "spk2fold"))
    samples, missing = [], 0
    for name, place in places.items():
        if place.endswith("|"):
            raise FileError(
                f"{str(folder / 'wav.scp')!r} has a command for {name!r}",
                allowed="paths; commands are not carried out",
                remedy="decode to files first",
            )
        if name not in speakers:
            raise FileError(f"{str(folder / 'utt2spk')!r} lacks {name!r}", remedy="get all lists of one release")
        media = _sound(folder, name, place)
        if media is None:
            missing += 1
            continue
        speaker = speakers[name]
        samples.append(
            Sample(
                id=name,
                source=f"{folder.name}/{name}",
                text=words.get(name),
                media=media,
                track=speaker,
                language="en",
                groups={"speaker": speaker} | ({"fold": folds[speaker]} if speaker in folds else {}),
            )
        )
    return (_gold(samples, emotions, folder) if emotions else samples), missing


def _listed(folder: Path, name: str) -> dict[str, str]:
    return read_list(folder / name) if (folder / name).is_file() else {}


def _sound(folder: Path, name: str, place: str) -> Media | None:
    return sound(folder.parent.parent / place, folder / place, Path(place), folder / "wav" / f"{name}.wav")


def _gold(samples: Sequence[Sample], emotions: dict[str, str], folder: Path) -> list[Sample]:
    strange = next((e for e in emotions.values() if e not in _EMOTIONS), None)
    if strange is not None:
        raise FileError(f"{str(folder / 'utt2emo')!r} has {strange!r}", allowed=", ".join(_EMOTIONS))
    labels = [[_EMOTIONS[emotions[s.id]]] if s.id in emotions else [] for s in samples]
    scores = {SCALE: one_hot(labels, SCALE, without=np.nan)}
    return with_gold(samples, scores, perspective="perceived", by="iemocap raters", modality="voice")
