from pathlib import Path

import numpy as np
import pytest

from affectus.errors import FileError, InputError
from affectus.evaluation.voiceprivacy import Figure, emotions, evaluate, privacy, words
from affectus.formats.kaldi import write_list

EMOTIONS = ("ang", "hap", "neu", "sad")
LABELS = dict(zip(EMOTIONS, ("angry", "happy", "neutral", "sad"), strict=True))


def made(folder: Path, suffix: str = "") -> Path:
    """Six women and four men of LibriSpeech, two sessions of IEMOCAP; nobody opens the recordings."""
    data = folder / "data"
    women, men = [f"w{i}" for i in range(6)], [f"m{i}" for i in range(4)]

    def put(name: str, speakers: dict[str, str], **lists: dict[str, str]) -> Path:
        place = data / f"{name}{suffix}"
        (place / "wav").mkdir(parents=True)
        for utterance in speakers:
            (place / "wav" / f"{utterance}.wav").write_bytes(b"RIFF")
        for listed, rows in {
            "wav.scp": {u: f"wav/{u}.wav" for u in speakers},
            "utt2spk": speakers,
            **lists,
        }.items():
            write_list(place / listed, rows)
        return place

    known = {f"{who}-e{i}": who for who in women + men for i in range(2)}
    said = {who: " ".join(u for u in known if known[u] == who) for who in women + men}
    put("libri_dev_enrolls", known, spk2utt=said, enrolls=dict.fromkeys(known, ""))
    for letter, people in (("f", women), ("m", men)):
        asked = {f"{who}-t{i}": who for who in people for i in range(3)}
        place = put(f"libri_dev_trials_{letter}", asked, text={u: f"SAID BY {w}" for u, w in asked.items()})
        trials = [f"{m} {u} {'target' if who == m else 'nontarget'}" for m in people for u, who in asked.items()]
        (place / "trials").write_text("\n".join(trials) + "\n")
    acted = {f"Ses0{s}_{who}_{i:02}": f"0{s}-{who}" for s in (1, 2) for who in "FM" for i in range(8)}
    felt = {u: EMOTIONS[i % 4] for i, u in enumerate(acted)}
    put("IEMOCAP_dev", acted, utt2emo=felt, spk2fold={who: who[1] for who in set(acted.values())})
    return data


def voices(samples) -> np.ndarray:
    """Vectors by which every speaker is known."""
    return np.stack([np.random.default_rng(sum(s.track.encode()) * 7).standard_normal(64) for s in samples])


def strangers(samples) -> np.ndarray:
    """Vectors that say nothing of the speaker."""
    return np.stack([np.random.default_rng(sum(s.id.encode())).standard_normal(64) for s in samples])


def table(figures: list[Figure]) -> dict[tuple[str, str], float]:
    return {(f.measure, f.group): f.value.value for f in figures}


def test_privacy_is_the_mean_over_women_and_men(tmp_path: Path) -> None:
    figures = privacy(made(tmp_path), "dev", voices, resamples=50)
    assert table(figures) == {("EER", "female"): 0, ("EER", "male"): 0, ("EER", "mean"): 0}
    assert [f.n for f in figures] == [6 * 18, 4 * 12, 156]
    hidden = privacy(tmp_path / "data", "dev", strangers, resamples=50)
    found = table(hidden)
    assert found["EER", "mean"] == pytest.approx((found["EER", "female"] + found["EER", "male"]) / 2)
    assert 0.3 < found["EER", "mean"] < 0.7
    assert "10 groups" in hidden[-1].value.how


def test_who_is_enrolled_and_who_is_tried_may_be_of_different_sets(tmp_path: Path) -> None:
    data = made(tmp_path)
    made(tmp_path, "_anonymised")
    seen = []

    def attacker(samples) -> np.ndarray:
        seen.append(samples[0].source.split("/")[0])
        return voices(samples)

    privacy(data, "dev", attacker, suffix="_anonymised", resamples=10)
    assert seen == ["libri_dev_enrolls", "libri_dev_trials_f_anonymised", "libri_dev_trials_m_anonymised"]
    seen.clear()
    privacy(data, "dev", attacker, suffix="_anonymised", enrolled="_anonymised", resamples=10)
    assert seen[0] == "libri_dev_enrolls_anonymised"


def test_words_are_counted_over_all_trials(tmp_path: Path) -> None:
    (figure,) = words(
        made(tmp_path), "dev", lambda samples: ["said by someone" if s.track == "m0" else s.text for s in samples]
    )
    assert figure.n == 30 * 3
    assert figure.value.value == pytest.approx(3 / 90)


def test_recalls_are_averaged_over_folds(tmp_path: Path) -> None:
    def reader(samples, fold: str) -> list[str]:
        true = [LABELS[EMOTIONS[int(s.id[-2:]) % 4]] for s in samples]
        return true if fold == "1" else ["sad"] * len(samples)

    found = table(emotions(made(tmp_path), "dev", reader, resamples=50))
    assert found == {("UAR", "fold 1"): 1.0, ("UAR", "fold 2"): 0.25, ("UAR", "mean"): 0.625}


def test_only_what_can_be_measured_is(tmp_path: Path) -> None:
    figures = evaluate(made(tmp_path), vectors=voices, transcribe=lambda s: [x.text for x in s], resamples=10)
    assert [(f.measure, f.part) for f in figures] == [("EER", "dev")] * 3 + [("WER", "dev")]
    with pytest.raises(FileError, match="'_hidden'"):
        evaluate(tmp_path / "data", transcribe=lambda s: [x.text for x in s], suffix="_hidden")


def test_missing_recordings_and_wrong_answers_are_said(tmp_path: Path) -> None:
    data = made(tmp_path)
    with pytest.raises(InputError, match="1 transcripts were given for 30"):
        words(data, "dev", lambda samples: ["x"])
    with pytest.raises(InputError, match="'anger'"):
        emotions(data, "dev", lambda samples, fold: ["anger"] * len(samples))
    (data / "libri_dev_trials_m/wav/m0-t0.wav").unlink()
    with pytest.raises(FileError, match="1 of 12 recordings of libri_dev_trials_m"):
        words(data, "dev", lambda samples: [s.text for s in samples])
    (data / "IEMOCAP_dev/spk2fold").unlink()
    with pytest.raises(FileError, match="no fold"):
        emotions(data, "dev", lambda samples, fold: ["sad"] * len(samples))
