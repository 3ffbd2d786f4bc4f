"""Sound → who says what, and when.

from affectus.frontends import speech
from affectus.media import blocks
spoken = list(speech.SpeechDetector().spoken(blocks("talk.wav")))     # segments with their sound, one pass, any length
turns = speech.assign(spoken)                                         # speaker-1, speaker-2 …
sentences = speech.sentences(speech.Transcriber().passages(spoken), turns)
"""

from affectus.frontends.speech.speakers import Clustering, Speakers, Turn, assign
from affectus.frontends.speech.transcript import (
    Passage,
    Sentence,
    Transcriber,
    Word,
    from_cues,
    other_language,
    sentences,
    supports,
)
from affectus.frontends.speech.vad import Hysteresis, Segment, SpeechDetector, speech
from affectus.frontends.speech.voiceprint import Voice, VoiceEncoder

__all__ = [
    "Clustering",
    "Hysteresis",
    "Passage",
    "Segment",
    "Sentence",
    "Speakers",
    "SpeechDetector",
    "Transcriber",
    "Turn",
    "Voice",
    "VoiceEncoder",
    "Word",
    "assign",
    "from_cues",
    "other_language",
    "sentences",
    "speech",
    "supports",
]
