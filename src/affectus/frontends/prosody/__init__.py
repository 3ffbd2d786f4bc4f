"""Prosody of a voice: a short summary that readers show as evidence, and the eGeMAPS descriptors and functionals."""

from __future__ import annotations

from affectus.frontends.prosody.summary import DESCRIPTORS, HOP, RATE, Contours, Descriptor, contours, prosody

__all__ = ["DESCRIPTORS", "HOP", "RATE", "Contours", "Descriptor", "contours", "prosody"]
