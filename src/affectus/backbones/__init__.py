"""The one door to pretrained encoders and language models.

from affectus import backbones
encoder = backbones.text_encoder("asset:minilm-l6")      # transformers.BertModel, float32
speech = backbones.speech_encoder("asset:whisper-tiny-en")
states = speech(torch.from_numpy(backbones.log_mel(wave))[None])
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from affectus.backbones.adapt import Backbone, merged
from affectus.backbones.hashing import weight_hash
from affectus.backbones.loading import causal_lm, file, half_units, pretrained, text_encoder, tokenizer
from affectus.backbones.mel import log_mel, mel_power
from affectus.backbones.onnx import session
from affectus.backbones.refs import Reference, resolve

if TYPE_CHECKING:
    from affectus.backbones.sound import SoundEncoder
    from affectus.backbones.speech import SpeechEncoder

__all__ = [
    "Backbone",
    "Reference",
    "causal_lm",
    "file",
    "half_units",
    "log_mel",
    "mel_power",
    "merged",
    "pretrained",
    "resolve",
    "session",
    "sound_encoder",
    "speech_encoder",
    "text_encoder",
    "tokenizer",
    "weight_hash",
]


def speech_encoder(ref: str | Path) -> SpeechEncoder:
    """Whisper's encoder for truncated input; see `affectus.backbones.speech`."""
    from affectus.backbones import speech  # imports torch

    return speech.speech_encoder(ref)


def sound_encoder(ref: str | Path, *, keep: int | None = None) -> SoundEncoder:
    """An encoder of speech, whether it hears the wave or its mel bands; see `affectus.backbones.sound`."""
    from affectus.backbones import sound

    return sound.sound_encoder(ref, keep=keep)
