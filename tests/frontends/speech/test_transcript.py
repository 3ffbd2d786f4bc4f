"""Words: grouping, times, sentences, and the flags that keep unsure words from being read."""

import numpy as np
import pytest

from affectus.errors import AssetError, InputError
from affectus.frontends.speech.speakers import Turn
from affectus.frontends.speech.transcript import (
    LOW_CONFIDENCE,
    NO_SPEECH,
    OTHER_LANGUAGE,
    REPETITIVE,
    Passage,
    Transcriber,
    Word,
    first_said,
    from_cues,
    groups,
    mean_log,
    other_language,
    sentences,
    supports,
)
from affectus.frontends.speech.vad import RATE, Segment

SURE = 0.95


def words(text, start=0.0, step=0.4, probability=SURE):
    return tuple(
        Word(start + i * step, start + (i + 1) * step - 0.1, word, probability) for i, word in enumerate(text.split())
    )


def passage(text, start=0.0, probability=SURE, log_probability=-0.2, compression=1.2, no_speech=0.05):
    return Passage(words(text, start, probability=probability), log_probability, compression, no_speech)


def segment(start, seconds):
    return Segment(start, start + seconds, 0.9), np.full(round(seconds * RATE), start, np.float32)


def test_groups_are_short_enough_and_keep_every_segment():
    spoken = [segment(s, 9.0) for s in (0.0, 9.2, 30.0, 50.0, 70.0)]
    found = list(groups(spoken, longest=28.0))
    assert [len(group.segments) for group in found] == [3, 2]
    first = found[0]
    assert first.wave.size / RATE == pytest.approx(9 + 0.2 + 9 + 0.4 + 9)  # pauses: as they are, at most 0.4 s
    for piece, offset in zip(first.segments, first.offsets, strict=True):
        at = round(offset * RATE)
        assert (first.wave[at : at + 9 * RATE] == np.float32(piece.start)).all()
    assert [len(group.segments) for group in groups([segment(0.0, 40.0), segment(50.0, 1.0)])] == [1, 1]
    assert list(groups([])) == []


def test_sentences_end_at_full_stops_and_long_pauses():
    found = sentences([passage("I know. You too? Yes"), passage("well then", start=20.0)])
    assert [s.text for s in found] == ["I know.", "You too?", "Yes", "well then"]
    assert found[1].start == pytest.approx(0.8)
    assert found[1].end == pytest.approx(1.5)
    assert all(s.readable and s.track is None for s in found)
    gap = Passage((*words("one two"), *words("three", start=9.0)), -0.1, 1.0, 0.0)
    assert [s.text for s in sentences([gap])] == ["one two", "three"]


def test_a_change_of_speaker_ends_a_sentence():
    turns = [Turn(0.0, 0.8, "speaker-1", 1, 1), Turn(0.8, 3.0, "speaker-2", 1, 1)]
    found = sentences([passage("how are you fine")], turns)
    assert [(s.track, s.text) for s in found] == [("speaker-1", "how are"), ("speaker-2", "you fine")]


@pytest.mark.parametrize(
    ("figures", "flag"),
    [
        ({"log_probability": -1.2}, LOW_CONFIDENCE),
        ({"probability": 0.2}, LOW_CONFIDENCE),
        ({"compression": 2.6}, REPETITIVE),
        ({"log_probability": -1.2, "no_speech": 0.7}, NO_SPEECH),
    ],
)
def test_passages_beyond_the_limits_are_flagged(figures, flag):
    good, bad = passage("all is well here today my friend and yours."), passage("thank you", start=10.0, **figures)
    first, second = sentences([good, bad])
    assert first.readable
    assert flag in second.flags
    assert not second.readable


def test_no_speech_alone_is_no_reason_to_drop_sure_words():
    assert sentences([passage("yes indeed", no_speech=0.9)])[0].readable


def test_doubt_over_the_whole_recording_is_another_language():
    doubted = [passage(f"word{i} other{i} third{i}", start=5.0 * i, probability=0.45) for i in range(4)]
    assert other_language(doubted)
    assert all(OTHER_LANGUAGE in s.flags for s in sentences(doubted))
    assert not other_language([passage("this is plain english.")])
    assert not other_language([passage("hm", probability=0.1)])  # one word says nothing of the language


def test_running_in_circles_does_not_hide_doubt():
    circle = [*words("the ship is in", probability=0.2), *words("the ship is in " * 20, start=2.0, probability=0.99)]
    assert mean_log(circle) > -0.2
    assert mean_log(first_said(circle)) < -0.6
    assert other_language([Passage(tuple(circle), -0.3, 5.0, 0.1)])


def test_given_cues_are_taken_as_they_are():
    turns = [Turn(0.0, 2.0, "speaker-1", 1, 1), Turn(2.0, 9.0, "speaker-2", 1, 1)]
    found = from_cues([(3.0, 4.0, "hallo\n zusammen"), (1.0, 2.5, " Guten Tag "), (5.0, 6.0, "  ")], turns)
    assert [(s.start, s.text, s.track) for s in found] == [
        (1.0, "Guten Tag", "speaker-1"),
        (3.0, "hallo zusammen", "speaker-2"),
    ]
    assert all(s.readable and s.log_probability is None for s in found)


def test_languages():
    assert supports("en")
    assert supports("en-GB")
    assert supports(None)
    assert not supports("de")
    with pytest.raises(InputError, match=r"'nl'.*--transcript"):
        Transcriber("nl")


@pytest.fixture(scope="module")
def transcriber():
    try:
        return Transcriber(threads=1)
    except AssetError as missing:
        pytest.skip(str(missing))


CLIPS = "av-clips/mexca/tests/test_files"


def spoken_in(name):
    from pathlib import Path

    from affectus.frontends.speech.vad import SpeechDetector
    from affectus.media import blocks

    path = Path(__file__).resolve().parents[4] / "shared" / "data" / CLIPS / name
    if not path.is_file():
        pytest.skip(f"{name} is not there")
    return list(SpeechDetector().spoken(blocks(path)))


@pytest.mark.assets
@pytest.mark.data
def test_english_is_read_with_times_and_dutch_is_not(transcriber):
    spoken = spoken_in("test_eng_5_seconds.wav")
    heard = sentences(transcriber.passages(spoken))
    assert heard == sentences(transcriber.passages(spoken))
    text = " ".join(s.text for s in heard)
    assert "Senator" in text
    assert "and I think" in text
    assert all(s.readable for s in heard)
    times = [t for s in heard for w in s.words for t in (w.start, w.end)]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= 5.01
    assert not any(s.readable for s in sentences(transcriber.passages(spoken_in("test_dutch_5_seconds.wav"))))


@pytest.mark.assets
def test_no_segments_no_words(transcriber):
    assert list(transcriber.passages([])) == []
    assert sentences([]) == []
