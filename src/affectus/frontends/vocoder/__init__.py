"""Vocoders: speech taken apart into pitch, envelope and noise, changed, and put together again."""

from affectus.frontends.vocoder.choice import ENGINES, vocoder
from affectus.frontends.vocoder.parts import BINS, FREQUENCIES, HOP, RATE, SHORTEST, Parts, Vocoder

__all__ = ["BINS", "ENGINES", "FREQUENCIES", "HOP", "RATE", "SHORTEST", "Parts", "Vocoder", "vocoder"]
