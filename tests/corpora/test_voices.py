"""Corpora of recorded speech on small copies made to their formats; every trap of their files is here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from files import sheet, write

from affectus.corpora.base import Loaded, corpus, gold, groups, load_corpus
from affectus.corpora.drawing import redraw
from affectus.corpora.inspection import inspect
from affectus.errors import FileError
from affectus.taxonomy import scale

ADV = "arousal-dominance-valence"


def sounds(folder: Path, *names: str) -> Path:
    """Files that stand for recordings; loaders open none."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"RIFF")
    return folder


def top(loaded: Loaded, name: str, split: str = "all") -> list[str]:
    """The highest label of each sample; `-` where nobody judged."""
    found = gold(loaded[split], name)
    return ["-" if np.isnan(row).any() else scale(name).labels[row.argmax()] for row in found]


def ids(loaded: Loaded, split: str = "all") -> list[str]:
    return [sample.id for sample in loaded[split]]


# -- acted sentences --------------------------------------------------------------------------------------------------
def test_emodb_7_has_the_emotions_that_emodb_leaves_out(tmp_path: Path) -> None:
    sounds(tmp_path, *(f"wav/03a01{letter}a.wav" for letter in "WLEAFTN"), "wav/._03a02Wa.wav")
    assert top(load_corpus("emodb-7", tmp_path), "emodb-7") == [
        "fear", "disgust", "happiness", "boredom", "neutral", "sadness", "anger",
    ]  # fmt: skip
    four = load_corpus("emodb", tmp_path)
    assert (len(four["all"]), four.left_out) == (4, {"other emotions or other names": 3})
    assert four.speakers["03"].attributes == {"sex": "male"}


def test_ravdess_sexes_follow_from_the_number_of_the_actor(tmp_path: Path) -> None:
    loaded = load_corpus("ravdess", sounds(tmp_path, "Actor_01/03-01-01-01-01-01-01.wav", "03-01-06-02-02-02-24.wav"))
    assert {who: p.attributes["sex"] for who, p in loaded.speakers.items()} == {"01": "male", "24": "female"}
    assert top(loaded, "ravdess-8") == ["fearful", "neutral"]


@pytest.mark.parametrize(
    "names", [("DC/sa01.wav", "KL/su12.wav", "JE/a03.wav"), ("DC_sa01.wav", "KL_su12.wav", "JE_a03.wav")]
)
def test_savee_two_layouts_and_codes_of_two_letters(tmp_path: Path, names: Iterable[str]) -> None:
    loaded = load_corpus("savee", sounds(tmp_path, *names, "info/readme.wav"))
    assert dict(zip(ids(loaded), top(loaded, "savee-7"), strict=True)) == {
        "DC_sa01": "sadness",
        "KL_su12": "surprise",
        "JE_a03": "anger",
    }
    assert loaded.left_out == {"other names": 1}
    assert set(groups(loaded["all"], "speaker")) == {"DC", "JE", "KL"}


@pytest.mark.parametrize("inside", ["", "train/"])
def test_esd_releases_with_and_without_sets(tmp_path: Path, inside: str) -> None:
    sounds(tmp_path, f"0011/Angry/{inside}0011_000351.wav", "0011/Neutral/0011_000001.wav", "0003/Sad/0003_001051.wav")
    (tmp_path / "0011/0011.txt").write_bytes(
        b"0011_000001\tThe nine the eggs.\tNeutral\n0011_000351 The nine the eggs. Angry\n"
    )
    (tmp_path / "0003/0003.txt").write_bytes("0003_001051\t打远一看。\t伤心\n".encode("utf-16"))
    loaded = load_corpus("esd", tmp_path)
    assert top(loaded, "esd-5") == ["sad", "angry", "neutral"]
    assert [s.text for s in loaded["all"]] == ["打远一看。", "The nine the eggs.", "The nine the eggs."]
    assert [s.language for s in loaded["all"]] == ["zh", "en", "en"]
    assert list(groups(loaded["all"], "sentence")) == ["zh-001", "en-001", "en-001"]  # one sentence in every emotion


# -- MSP-Podcast ------------------------------------------------------------------------------------------------------
MSP = ("FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set")
ROWS = [
    ("MSP-PODCAST_0001_0001.wav", "A", 7, 1, 4, 12, "Male", "Train"),
    ("MSP-PODCAST_0001_0002.wav", "N", 4, 4, 4, "Unknown", "Unknown", "Train"),
    ("MSP-PODCAST_0001_0003.wav", "X", 2.5, 5.5, 1, "Unknown", "Unknown", "Development"),
    ("MSP-PODCAST_0002_0001.wav", "O", 1, 7, 4, 13, "Female", "Test1"),
    ("MSP-PODCAST_0003_0001.wav", "U", 4, 4, 4, 14, "Female", "Test3"),
    ("MSP-PODCAST_0004_0001.wav", "S", 4, 4, 4, 15, "Female", "Test2"),
    ("MSP-PODCAST_0005_0001.wav", "C", 4, 4, 4, 16, "Female", "Extra"),
]  # fmt: skip


def podcasts(folder: Path, labels: str = "labels_concensus.csv", rows: list[tuple[object, ...]] = ROWS) -> Path:
    write(folder, {f"Labels/{labels}": sheet(MSP, rows, ",")})
    return sounds(folder, *(f"Audios/{row[0]}" for row in rows if row[7] != "Test2"))


@pytest.mark.parametrize("labels", ["labels_concensus.csv", "labels_consensus.csv"])
def test_msp_podcast_both_spellings_and_the_order_of_the_dimensions(tmp_path: Path, labels: str) -> None:
    loaded = load_corpus("msp-podcast", podcasts(tmp_path, labels))
    assert {name: len(rows) for name, rows in loaded.splits.items()} == {"train": 2, "dev": 1, "test1": 1, "test3": 1}
    # The file has act, val, dom; the scale arousal, dominance, valence.
    np.testing.assert_allclose(gold(loaded["train"], ADV), [[1, 0.5, 0], [0.5, 0.5, 0.5]])
    np.testing.assert_allclose(gold(loaded["dev"], ADV), [[0.25, 0, 0.75]])
    assert loaded.left_out == {"sound is not there": 1, "set 'Extra'": 1}


def test_msp_podcast_unknown_speakers_are_no_group_and_unclear_classes_no_gold(tmp_path: Path) -> None:
    loaded = load_corpus("msp-podcast", podcasts(tmp_path))
    assert [s.groups for s in loaded["train"]] == [{"speaker": "12"}, {}]
    assert [s.track for s in loaded["train"]] == ["12", None]
    assert top(loaded, "msp-podcast-8", "train") == ["angry", "neutral"]
    assert top(loaded, "msp-podcast-8", "dev") == top(loaded, "msp-podcast-8", "test1") == ["-"]
    assert [count for remark, count in loaded.remarks.items() if "dimensions alone" in remark] == [1, 1]
    assert loaded.speakers["13"].attributes == {"sex": "female"}


def test_msp_podcast_values_outside_the_scale_are_refused(tmp_path: Path) -> None:
    podcasts(tmp_path, rows=[("a.wav", "A", 0.5, 1, 4, 12, "Male", "Train")])
    with pytest.raises(FileError, match=r"line 2 of 'labels_concensus\.csv' has '0\.5' in 'EmoAct'.*1 to 7"):
        load_corpus("msp-podcast", tmp_path)
    podcasts(tmp_path, rows=[("a.wav", "Q", 1, 1, 4, 12, "Male", "Train")])
    with pytest.raises(FileError, match="'Q' in 'EmoClass'"):
        load_corpus("msp-podcast", tmp_path)


# -- IEMOCAP ----------------------------------------------------------------------------------------------------------
HEAD = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
RATERS = "C-E2:\tNeutral;\t()\nA-E3:\tval 3; act 2; dom  2;\t()\n\n"


def dialogue(*turns: tuple[str, str, str]) -> str:
    lines = (
        f"[{i}.0000 - {i + 1}.5000]\t{name}\t{code}\t[{vad}]\n{RATERS}" for i, (name, code, vad) in enumerate(turns)
    )
    return HEAD + "".join(lines)


def sessions(folder: Path) -> Path:
    files = {
        f"Session{k}/dialog/EmoEvaluation/Ses0{k}M_impro01.txt": dialogue(
            (f"Ses0{k}M_impro01_M000", "neu", "3.0000, 3.0000, 3.0000"),
        )
        for k in range(1, 6)
    }
    files["Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"] = dialogue(
        ("Ses01F_impro01_F000", "exc", "5.5000, 2.0000, 1.0000"),
        ("Ses01F_impro01_M011", "hap", "4.0000, 3.0000, 2.0000"),
        ("Ses01F_impro01_F001", "fru", "1.0000, 5.0000, 3.0000"),
        ("Ses01F_impro01_F002", "xxx", "2.5000, 2.5000, 0.5000"),
    )
    files["Session1/dialog/EmoEvaluation/._Ses01F_impro01.txt"] = "\0\0"
    files["Session1/dialog/EmoEvaluation/Categorical/Ses01F_impro01_e1_cat.txt"] = "single raters\n"
    files["Session1/dialog/transcriptions/Ses01F_impro01.txt"] = (
        "Ses01F_impro01_F000 [000.0000-001.5000]: Excuse me.\nM: (laughs)\nSes01F_impro01_MXX0 [1-2]: Mmhmm.\n"
        "Ses01F_impro01_M011 [001.0000-002.5000]: Do you have your forms?\n"
    )
    write(folder, files)
    return sounds(folder, *(f"Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_{u}.wav" for u in ("F000", "M011")))


def test_iemocap_the_speaker_is_the_last_letter_within_the_session(tmp_path: Path) -> None:
    loaded = load_corpus("iemocap", sessions(tmp_path))
    who = {s.id: s.track for s in loaded["all"]}
    assert who["Ses01F_impro01_F000"] == "01-F"
    assert who["Ses01F_impro01_M011"] == "01-M"  # recorded in F's dialogue, spoken by M
    assert who["Ses01M_impro01_M000"] == "01-M"
    assert who["Ses02M_impro01_M000"] == "02-M"  # another man than in session 1
    assert loaded.speakers["01-M"].attributes == {"sex": "male"}
    assert len(set(groups(loaded["all"], "session"))) == 5


def test_iemocap_brackets_hold_valence_activation_dominance(tmp_path: Path) -> None:
    loaded = load_corpus("iemocap", sessions(tmp_path))
    assert scale(ADV).labels == ("arousal", "dominance", "valence")
    np.testing.assert_allclose(
        gold(loaded["all"][:4], ADV), [[0.25, 0, 1], [0.5, 0.25, 0.75], [1, 0.5, 0], [0.375, 0, 0.375]]
    )
    assert loaded.remarks["rated outside 1 to 5, taken as the nearer end"] == 2


def test_iemocap_excited_is_happy_among_four_classes_only(tmp_path: Path) -> None:
    loaded = load_corpus("iemocap", sessions(tmp_path))
    assert top(loaded, "iemocap-4")[:4] == ["happy", "happy", "-", "-"]
    assert top(loaded, "iemocap-6")[:4] == ["excited", "happy", "frustrated", "-"]
    assert loaded.remarks["outside the classes of iemocap-4"] == 2


def test_iemocap_words_times_and_sound(tmp_path: Path) -> None:
    loaded = load_corpus("iemocap", sessions(tmp_path))
    first, second, third = loaded["all"][:3]
    assert [s.text for s in (first, second, third)] == ["Excuse me.", "Do you have your forms?", None]
    assert (second.source, second.start, second.end) == ("iemocap/Ses01F_impro01", 1.0, 2.5)
    assert second.media is not None
    assert third.media is None
    assert loaded.remarks["without a sound file"] == 7
    assert [len(d.turns) for d in loaded.dialogues("all")][:2] == [4, 1]


def test_iemocap_missing_sessions_and_damaged_lines_are_named(tmp_path: Path) -> None:
    sessions(tmp_path)
    path = tmp_path / "Session3/dialog/EmoEvaluation/Ses03M_impro01.txt"
    path.write_text("[1.0 - 2.0]\tSes03M_impro01_M000\tneu\t[3.0, 3.0]\n")
    with pytest.raises(FileError, match=r"line 1 of 'Ses03M_impro01\.txt'.*valence, activation, dominance"):
        load_corpus("iemocap", tmp_path)
    path.unlink()
    with pytest.raises(FileError, match="Session3/dialog/EmoEvaluation"):
        load_corpus("iemocap", tmp_path)


# -- CMU-MOSI ---------------------------------------------------------------------------------------------------------
def test_mosi_is_split_by_videos_and_scaled(tmp_path: Path) -> None:
    head = ("video_id", "clip_id", "text", "label", "mode")
    rows = [
        ("03bSnISJMiM", 1, "a really good movie", 2.4, "test"),  # the column is not what splits
        ("03bSnISJMiM", 11, "not for me", -3, "train"),
        ("_dI--eQ6qVU", 1, "it was fine", 0, "train"),
        ("tmZoasNr4rU", 3, "wonderful", 3, "train"),
    ]
    write(tmp_path, {"label.csv": sheet(head, rows, ",")})
    sounds(tmp_path, "Raw/03bSnISJMiM/1.mp4", "Raw/Audio/WAV_16000/Segmented/tmZoasNr4rU_3.wav")
    loaded = load_corpus("cmu-mosi", tmp_path)
    assert {name: ids(loaded, name) for name in loaded.splits} == {
        "train": ["03bSnISJMiM_1", "03bSnISJMiM_11"],
        "dev": ["_dI--eQ6qVU_1"],
        "test": ["tmZoasNr4rU_3"],
    }
    found = gold(loaded["train"], ADV)
    np.testing.assert_allclose(found[:, 2], [0.9, 0], atol=1e-6)
    assert np.isnan(found[:, :2]).all()
    np.testing.assert_allclose(gold(loaded["test"], "mosi-sentiment"), [[3]])
    assert [s.media and s.media.kind for s in (*loaded["train"], *loaded["test"])] == ["video", None, "audio"]
    assert list(loaded.remarks.values()) == [2]
    with pytest.raises(FileError, match="'4' in 'label'"):
        load_corpus("cmu-mosi", write(tmp_path, {"label.csv": sheet(head, [("a", 1, "x", 4, "")], ",")}))


# -- LibriSpeech and VoicePrivacy -------------------------------------------------------------------------------------
def books(folder: Path) -> Path:
    write(
        folder,
        {
            "LibriSpeech/dev-clean/84/121123/84-121123.trans.txt": "84-121123-0000 GO ON\n84-121123-0001 SILENT\n",
            "LibriSpeech/test-clean/61/70968/61-70968.trans.txt": "61-70968-0000 HE BEGAN\n",
            "LibriSpeech/SPEAKERS.TXT": ";ID |SEX| SUBSET |NAME\n84 | F | dev-clean | A | B\n61 | M | x | C\n",
        },
    )
    sounds(folder, "LibriSpeech/dev-clean/84/121123/84-121123-0000.flac")
    return sounds(folder, "LibriSpeech/test-clean/61/70968/61-70968-0000.flac")


def test_librispeech_words_speakers_and_sexes(tmp_path: Path) -> None:
    loaded = load_corpus("librispeech", books(tmp_path))
    assert {name: [s.text for s in rows] for name, rows in loaded.splits.items()} == {
        "dev-clean": ["GO ON"],
        "test-clean": ["HE BEGAN"],
    }
    assert loaded.left_out == {"sound is not there": 1}
    assert loaded.speakers["84"].attributes == {"sex": "female"}
    assert loaded["dev-clean"][0].gold is None


def challenge(folder: Path) -> Path:
    sets = {
        "libri_dev_enrolls": {
            "spk2utt": "84 84-1-0 84-1-1\n",
            "utt2spk": "84-1-0 84\n84-1-1 84\n",
            "enrolls": "84-1-1\n",
        },
        "libri_dev_trials_f": {
            "utt2spk": "84-1-2 84\n85-1-0 85\n",
            "trials": "84 84-1-2 target\n84 85-1-0 nontarget\n",
        },
        "IEMOCAP_dev": {
            "utt2spk": "Ses01F_x_F000 01-F\nSes02M_x_M000 02-M\n",
            "utt2emo": "Ses01F_x_F000 hap\nSes02M_x_M000 neu\n",
            "spk2fold": "01-F 1\n02-M 2\n",
            "spk2gender": "01-F f\n02-M m\n",
            "text": "Ses01F_x_F000 hello there\nSes02M_x_M000\n",
        },
        "IEMOCAP_dev_mcadams": {"utt2spk": "Ses01F_x_F000 01-F\n"},
    }
    for name, lists in sets.items():
        utterances = [line.split()[0] for line in lists["utt2spk"].splitlines()]
        places = "".join(f"{u} data/{name}/wav/{u}.wav\n" for u in utterances)
        write(folder, {f"data/{name}/{file}": text for file, text in {**lists, "wav.scp": places}.items()})
        sounds(folder, *(f"data/{name}/wav/{u}.wav" for u in utterances))
    return folder


def test_voiceprivacy_sets_folds_and_copies(tmp_path: Path) -> None:
    loaded = load_corpus("voiceprivacy2024", challenge(tmp_path))
    assert list(loaded.splits) == ["libri_dev_enrolls", "libri_dev_trials_f", "IEMOCAP_dev"]
    dev = loaded["IEMOCAP_dev"]
    assert top(loaded, "iemocap-4", "IEMOCAP_dev") == ["happy", "neutral"]
    assert [s.groups for s in dev] == [{"speaker": "01-F", "fold": "1"}, {"speaker": "02-M", "fold": "2"}]
    assert [s.text for s in dev] == ["hello there", ""]
    assert loaded.speakers["01-F"].attributes == {"sex": "female"}
    assert loaded.left_out == {"sound is not there": 0, "in sets other than the nine": 1}
    assert corpus("voiceprivacy2024").splits["IEMOCAP_dev"].rows == 2746


def test_voiceprivacy_anonymised_copies_are_read_as_sets(tmp_path: Path) -> None:
    from affectus.corpora.voiceprivacy2024 import read_set

    challenge(tmp_path)
    (copy,), missing = read_set(tmp_path / "data" / "IEMOCAP_dev_mcadams")
    assert (copy.id, copy.source, missing) == ("Ses01F_x_F000", "IEMOCAP_dev_mcadams/Ses01F_x_F000", 0)
    (tmp_path / "data/IEMOCAP_dev_mcadams/wav.scp").write_text("Ses01F_x_F000 sox a.wav -t wav - |\n")
    with pytest.raises(FileError, match="command for 'Ses01F_x_F000'"):
        read_set(tmp_path / "data" / "IEMOCAP_dev_mcadams")


def test_trials_in_two_notations(tmp_path: Path) -> None:
    from affectus.corpora.trials import Trial, read_kaldi_trials, read_trials

    data = challenge(tmp_path) / "data"
    found = read_kaldi_trials(data / "libri_dev_enrolls", data / "libri_dev_trials_f")
    assert found.enrolments == {"84": ("84-1-1",)}  # `enrolls` chooses among the speaker's utterances
    assert found.trials == [Trial("84", "84-1-2", True), Trial("84", "85-1-0", False)]
    assert found.summary == "1 enrolled, 1 target and 1 other trials"
    (data / "libri_dev_trials_f/trials").write_text("84 84-1-2 impostor\n")
    with pytest.raises(FileError, match=r"'impostor'.*nontarget"):
        read_kaldi_trials(data / "libri_dev_enrolls", data / "libri_dev_trials_f")
    write(
        tmp_path,
        {
            "enrolments.tsv": "corpus\tenrol\tfiles\nravdess-speech\tenrol_01\ta.wav,b.wav\nemodb\tenrol_03\tc.wav\n",
            "ravdess_trials.tsv": "enrol\ttest\tlabel\nenrol_01\td.wav\ttarget\n",
            "emodb_trials.tsv": "enrol\ttest\tlabel\nenrol_01\td.wav\ttarget\n",
        },
    )
    assert read_trials(tmp_path, "ravdess").enrolments == {"enrol_01": ("a.wav", "b.wav")}
    with pytest.raises(FileError, match="'enrol_01', who is not enrolled"):
        read_trials(tmp_path, "emodb")


# -- CREMA-D ----------------------------------------------------------------------------------------------------------
TABULATED = '"","A","D","F","H","N","S","fileName","numResponses","emoVote"\n'
CLIPS = ("1001_IEO_HAP_LO", "1002_DFA_ANG_XX")


def votes(folder: Path) -> Path:
    rows = [
        ("100001", 0, 0, 0, 3, 6, 0, CLIPS[0]),
        ("100002", 4, 4, 0, 0, 0, 0, CLIPS[1]),
        ("200001", 0, 0, 0, 10, 0, 0, CLIPS[0]),
        ("200002", 5, 0, 0, 0, 5, 0, CLIPS[1]),
        ("300001", 0, 0, 0, 9, 1, 0, CLIPS[0]),
        ("300002", 9, 1, 0, 0, 0, 0, CLIPS[1]),
    ]
    text = "".join(f'"{row[0]}",{",".join(map(str, row[1:7]))},"{row[7]}",10,"A"\n' for row in rows)
    people = '"ActorID","Age","Sex","Race","Ethnicity"\n1001,51,"Male","Caucasian","Not Hispanic"\n'
    write(folder, {"processedResults/tabulatedVotes.csv": TABULATED + text, "VideoDemographics.csv": people})
    return sounds(folder, f"AudioWAV/{CLIPS[0]}.wav")


def test_crema_d_votes_are_soft_labels_of_three_groups_of_raters(tmp_path: Path) -> None:
    from affectus.corpora.crema_d import ACTORS, JUDGES, SCALE

    loaded = load_corpus("crema-d", votes(tmp_path))
    first, second = loaded["all"]
    shares = {what: second.judged(SCALE, "perceived", by) for what, by in JUDGES.items()}
    np.testing.assert_allclose(shares["voice"], [0.5, 0.5, 0, 0, 0, 0])
    np.testing.assert_allclose(shares["face"], [0.5, 0, 0, 0, 0.5, 0])
    np.testing.assert_allclose(shares["both"], [0.9, 0.1, 0, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(second.judged(SCALE, "intended", ACTORS), [1, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(gold(loaded["all"], SCALE)[0], [0, 0, 0, 1 / 3, 2 / 3, 0], atol=1e-6)  # voice first
    assert first.features["votes"].tolist()[0] == [0, 0, 0, 3, 6, 0]
    assert (first.text, first.track, first.media is None) == ("It's eleven o'clock.", "1001", False)
    assert second.media is None
    assert loaded.remarks["with a tie in the votes for voice"] == 1
    assert loaded.remarks["without their sound"] == 1
    assert loaded.speakers["1001"].attributes == {"sex": "male", "age": 51}


def test_crema_d_summary_has_ties_in_equal_parts_and_says_that_votes_are_missing(tmp_path: Path) -> None:
    head = '"","FileName","VoiceVote","VoiceLevel","FaceVote","FaceLevel","MultiModalVote","MultiModalLevel"\n'
    row = f'"1","{CLIPS[1]}","A:D:N","1:2:3","A","2","D","3"\n'
    write(tmp_path, {"processedResults/summaryTable.csv": head + row})
    loaded = load_corpus("crema-d", tmp_path)
    np.testing.assert_allclose(gold(loaded["all"], "crema-d-6"), [[1 / 3, 1 / 3, 0, 0, 1 / 3, 0]], atol=1e-6)
    assert any("tabulatedVotes.csv" in remark for remark, count in loaded.remarks.items() if count == 1)
    write(tmp_path, {"processedResults/summaryTable.csv": head + row.replace("A:D:N", "A:Q")})
    with pytest.raises(FileError, match="'A:Q' in 'VoiceVote'"):
        load_corpus("crema-d", tmp_path)


def test_crema_d_lacking_votes_are_named(tmp_path: Path) -> None:
    path = votes(tmp_path) / "processedResults/tabulatedVotes.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(FileError, match="lacks votes for '1002_DFA_ANG_XX'"):
        load_corpus("crema-d", tmp_path)


def test_crema_d_sound_alone_has_the_intended_emotion(tmp_path: Path) -> None:
    loaded = load_corpus("crema-d", sounds(tmp_path, "AudioWAV/1001_DFA_DIS_XX.wav", "AudioWAV/notes.wav"))
    assert top(loaded, "crema-d-6") == ["disgust"]
    assert loaded.left_out == {"other names": 1}


# -- told by their files ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("emodb-7", lambda folder: sounds(folder, "wav/03a01La.wav", "wav/03a02Na.wav")),
        ("savee", lambda folder: sounds(folder, "ALL/DC_a01.wav")),
        ("esd", lambda folder: sounds(folder, "0011/Angry/0011_000351.wav", "0011/Sad/0011_001051.wav")),
        ("msp-podcast", podcasts),
        ("iemocap", sessions),
        ("librispeech", books),
        ("voiceprivacy2024", challenge),
        ("crema-d", votes),
    ],
)
def test_a_copy_is_told_by_its_files_and_reported(tmp_path: Path, name: str, make: Callable[[Path], Path]) -> None:
    found = {report.corpus.name: report for report in inspect(make(tmp_path))}
    assert name in found
    assert set(found) <= {name, "emodb"}
    assert not found[name].problem
    assert sum(split.rows for split in found[name].splits.values()) > 0
    assert len(found[name].corpus.consent) > 10


# -- splits -----------------------------------------------------------------------------------------------------------
def test_a_drawn_split_never_cuts_through_a_speaker(tmp_path: Path) -> None:
    sounds(
        tmp_path,
        *(f"AudioWAV/{1001 + a}_{s}_{e}_XX.wav" for a in range(12) for s in ("DFA", "IEO") for e in ("ANG", "SAD")),
    )
    drawn = redraw(load_corpus("crema-d", tmp_path), "speaker", "crema-d-6")
    parts = [set(groups(drawn[name], "speaker")) for name in ("train", "dev", "test")]
    assert all(parts)
    assert sum(map(len, parts)) == len(set.union(*parts)) == 12


@pytest.mark.parametrize(
    "name", ["savee", "esd", "msp-podcast", "iemocap", "cmu-mosi", "librispeech", "voiceprivacy2024", "crema-d"]
)
def test_a_folder_of_something_else_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileError):
        load_corpus(name, sounds(tmp_path, "AudioWAV/song.wav"))
