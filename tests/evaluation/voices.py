"""A corpus of tones and a reader that hears their pitch, for tests of probes: what must come out is known."""

from collections.abc import Iterable, Mapping

import numpy as np

from affectus.corpora import emodb
from affectus.corpora.base import Loaded, one_hot, with_gold
from affectus.corpora.recordings import people
from affectus.readout import STRANGE, Readout, read_out
from affectus.sample import Item, Media, Sample, as_items, flatten
from affectus.taxonomy import scale
from affectus.timeline import Timeline

RATE = 16_000
SCALE = "emodb-4"
PITCH = {"anger": 880.0, "happiness": 622.0, "neutral": 440.0, "sadness": 311.0}


def tone(label: str, seconds: float = 0.5, level: float = 0.2) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * PITCH[label] * time)).astype(np.float32)


def corpus(speakers: Mapping[str, str], rounds: int = 3, wrong: Mapping[str, int] | None = None) -> Loaded:
    """Each speaker (name → sex) says every label so many times; the first `wrong` items of one sound as sadness."""
    samples, labels = [], []
    for name in speakers:
        said = [label for _ in range(rounds) for label in PITCH]
        for i, label in enumerate(said):
            heard = ("sadness" if label != "sadness" else "anger") if i < (wrong or {}).get(name, 0) else label
            media = Media("audio", array=tone(heard), rate=RATE)
            samples.append(Sample(f"{name}-{i}", "tones", media=media, track=name, groups={"speaker": name}))
            labels.append([label])
    gold = with_gold(samples, {SCALE: one_hot(labels, SCALE)}, perspective="intended", by="nobody", modality="voice")
    return Loaded(emodb.CORPUS, {"all": gold}, speakers=people(speakers))


class Pitched:
    """Reads the label whose pitch is nearest; a loud waver of the level makes it refuse to decide."""

    modality = "voice"
    name = "pitched"
    readouts = (Readout(SCALE, "intended", limit=1.0),)

    def read(self, items: Iterable[Item | str]) -> Timeline:
        samples = flatten(as_items(items))
        labels = scale(SCALE).labels
        logits = np.zeros((len(samples), len(labels)))
        strange = np.zeros(len(samples))
        for i, sample in enumerate(samples):
            wave = sample.wave(RATE)
            spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
            pitch = spectrum.argmax() * RATE / len(wave)
            logits[i] = [-20 * abs(np.log2(pitch / PITCH[label])) for label in labels]
            strange[i] = 2.0 * (spectrum.max() < 0.2 * spectrum.sum() / np.sqrt(len(spectrum)))
        return read_out(
            [s.span for s in samples], {SCALE: logits}, self.readouts, by=self.name, modality="voice", distance=strange
        )


__all__ = ["PITCH", "RATE", "SCALE", "STRANGE", "Pitched", "corpus", "tone"]
