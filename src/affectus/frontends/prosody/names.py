"""Names and units of the 25 descriptors and 88 functionals, spelled as openSMILE prints them."""

from __future__ import annotations

_PLAIN = (
    ("Loudness", "1"),
    ("alphaRatio", "dB"),
    ("hammarbergIndex", "dB"),
    ("slope0-500", "dB/Hz"),
    ("slope500-1500", "dB/Hz"),
    ("spectralFlux", "1"),
    ("mfcc1", "1"),
    ("mfcc2", "1"),
    ("mfcc3", "1"),
    ("mfcc4", "1"),
)
_VOICED = (
    ("F0semitoneFrom27.5Hz", "semitones"),
    ("jitterLocal", "1"),
    ("shimmerLocaldB", "dB"),
    ("HNRdBACF", "dB"),
    ("logRelF0-H1-H2", "dB"),
    ("logRelF0-H1-A3", "dB"),
    ("F1frequency", "Hz"),
    ("F1bandwidth", "Hz"),
    ("F1amplitudeLogRelF0", "dB"),
    ("F2frequency", "Hz"),
    ("F2bandwidth", "Hz"),
    ("F2amplitudeLogRelF0", "dB"),
    ("F3frequency", "Hz"),
    ("F3bandwidth", "Hz"),
    ("F3amplitudeLogRelF0", "dB"),
)

PLAIN = len(_PLAIN)  # descriptors of all frames, before those that need voice

DESCRIPTORS: dict[str, str] = {f"{name}_sma3": unit for name, unit in _PLAIN} | {
    f"{name}_sma3nz": unit for name, unit in _VOICED
}
"""Descriptors in order, with their units."""

COLUMN = {name.partition("_sma3")[0]: i for i, name in enumerate(DESCRIPTORS)}
"""Place of a descriptor by its name without the suffix."""

_MEAN = ("amean", "stddevNorm")
_CONTOUR = (
    *_MEAN,
    "percentile20.0",
    "percentile50.0",
    "percentile80.0",
    "pctlrange0-2",
    "meanRisingSlope",
    "stddevRisingSlope",
    "meanFallingSlope",
    "stddevFallingSlope",
)
SPLIT = ("alphaRatio", "hammarbergIndex", "slope0-500", "slope500-1500")
CEPSTRUM = ("mfcc1", "mfcc2", "mfcc3", "mfcc4")


def _split(name: str, mark: str) -> str:
    return f"slope{mark}{name.removeprefix('slope')}" if name.startswith("slope") else f"{name}{mark}"


def _functionals() -> tuple[str, ...]:
    names = [f"F0semitoneFrom27.5Hz_sma3nz_{f}" for f in _CONTOUR] + [f"loudness_sma3_{f}" for f in _CONTOUR]
    names += [f"{name}_sma3_{f}" for name in ("spectralFlux", *CEPSTRUM) for f in _MEAN]
    names += [f"{name}_sma3nz_{f}" for name, _ in _VOICED[1:] for f in _MEAN]
    names += [f"{_split(name, 'V')}_sma3nz_{f}" for name in (*SPLIT, "spectralFlux", *CEPSTRUM) for f in _MEAN]
    names += [f"{_split(name, 'UV')}_sma3nz_amean" for name in (*SPLIT, "spectralFlux")]
    names += ["loudnessPeaksPerSec", "VoicedSegmentsPerSec"]
    names += ["MeanVoicedSegmentLengthSec", "StddevVoicedSegmentLengthSec"]
    names += ["MeanUnvoicedSegmentLength", "StddevUnvoicedSegmentLength", "equivalentSoundLevel_dBp"]
    return tuple(names)


FUNCTIONALS = _functionals()
"""Functionals in order."""
