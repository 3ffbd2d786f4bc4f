"""Decoding: sound, video and pictures of any file as arrays, in constant memory, with faults told apart from data."""

from __future__ import annotations

from affectus.media.audio import blocks, read_wave
from affectus.media.faults import Fault
from affectus.media.image import read_image
from affectus.media.probe import AudioInfo, MediaInfo, VideoInfo, probe
from affectus.media.resampling import resample
from affectus.media.sniff import SUFFIXES, Kind, sniff
from affectus.media.video import frames

__all__ = [
    "SUFFIXES",
    "AudioInfo",
    "Fault",
    "Kind",
    "MediaInfo",
    "VideoInfo",
    "blocks",
    "frames",
    "probe",
    "read_image",
    "read_wave",
    "resample",
    "sniff",
]
