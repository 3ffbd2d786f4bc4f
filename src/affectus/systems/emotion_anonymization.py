"""Emotion-preserving speaker anonymisation: what is said, pitch and speaker taken apart, the speaker replaced.

Miao, Zhang, Wang, Tomashenko, Soh and McLoughlin 2024, Adapting General Disentanglement-Based Speaker Anonymization for
Enhanced Emotion Preservation (arXiv:2408.05928), on the language-independent anonymiser of Miao et al. 2022
(arXiv:2202.13097). Generator, edits and reflections equal the vectors of the official code. The encoder that adaptation
P1 takes its emotion from is not published: here any speech encoder stands in its place.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from affectus import backbones
from affectus.backbones import Backbone
from affectus.backbones.fairseq import hubert_names
from affectus.backbones.sound import Shape, random_encoder
from affectus.batch import Batch
from affectus.card import Card
from affectus.config import Config, Ref
from affectus.errors import CheckpointError, ConfigError, FileError, InputError
from affectus.formats.kaldi import read_list, read_scp
from affectus.frontends.speech.fundamental import best_tracker, fitted, fundamental
from affectus.frontends.waves import RATE, SHORTEST, SILENT, levelled
from affectus.nn.boundaries import Boundaries
from affectus.nn.ecapa import Ecapa, bands
from affectus.nn.fitted import Fitted
from affectus.nn.hifigan import Generator
from affectus.nn.householder import Reflections
from affectus.nn.pool import nearest, unlike
from affectus.nn.reparametrised import parametrised
from affectus.roles import Reader
from affectus.sample import Item, Media, Sample, flatten
from affectus.system import System
from affectus.taxonomy import map_scores, scale

HOP = 320  # samples of a content frame = 20 ms; a frame of pitch is half of it
LONGEST = 60.0  # seconds
HUBERT_BASE = Shape(
    kind="hubert", width=768, heads=12, inner=3072, norm="group", stable=False, bias=False, dropout=0.0, layerdrop=0.0
)
LOUD = 0.95  # peak that every wave is brought to before it is encoded
ENCODER = "hf:audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim"  # stands in for the unpublished one of P1


# -- configuration -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class EcapaSizes:
    """Sizes of an ECAPA-TDNN; see `affectus.nn.ecapa.Ecapa`."""

    width: Annotated[int, Field(ge=2)] = 192
    channels: Annotated[int, Field(ge=1)] = 512
    attention: Annotated[int, Field(ge=1)] = 128
    groups: Annotated[int, Field(ge=2)] = 8
    squeeze: Annotated[int, Field(ge=1)] = 128


@dataclass(frozen=True, kw_only=True)
class EmotionAnonymizationConfig(Config):
    """Configuration of `EmotionAnonymization`.

    Args:
        method: How the speaker is replaced: `ohnn` by a chain of reflections, `selection` by a mean of strangers, or
            `none`, which only takes the speech apart and puts it together again.
        hubert: Sizes of the content encoder, whose weights are stored with the checkpoint.
        backbone: Reference to a HuBERT in its place, kept by reference; empty takes `hubert`.
        units: Soft units of the content.
        ecapa: Sizes of the speaker encoder.
        channels: Of the generator after its first convolution.
        reflections: In the chain of `ohnn`; the published number is not known.
        far: Vectors of the pool least similar to the speaker, of `selection`.
        drawn: How many of those are averaged.
        per: Whether each utterance or each speaker of a call gets a voice of its own, of `selection`.
        emotions: Scale of the emotions that have a boundary.
        keep_emotion: Whether the new voice is moved along the boundary of the emotion (adaptation P2).
        distance: Signed distance from the boundary that it is moved to; published are 30 and 40.
        flipped: Emotions moved to the other side.
        reader: Reader that says which emotion an utterance has; empty asks the boundaries themselves.
        oracle: Whether the gold says it instead; published figures on IEMOCAP are of this kind.
        emotion_encoder: Reference to a speech encoder whose mean state the generator also gets (adaptation P1); empty
            for none.
        tracker: Of the pitch: `yaapt`, `yin`, or `best` for the first where its package is installed.
    """

    method: Literal["ohnn", "selection", "none"] = "ohnn"
    hubert: Shape = HUBERT_BASE
    backbone: str = ""
    units: Annotated[int, Field(ge=1)] = 200
    ecapa: EcapaSizes = EcapaSizes()
    channels: Annotated[int, Field(ge=32)] = 512
    reflections: Annotated[int, Field(ge=1)] = 384
    far: Annotated[int, Field(ge=1)] = 200
    drawn: Annotated[int, Field(ge=1)] = 100
    per: Literal["utterance", "speaker"] = "utterance"
    emotions: str = "iemocap-4"
    keep_emotion: bool = False
    distance: Annotated[float, Field(gt=0)] = 30.0
    flipped: tuple[str, ...] = ("sad",)
    reader: Ref = ""
    oracle: bool = False
    emotion_encoder: str = ""
    tracker: Literal["best", "yaapt", "yin"] = "best"


# -- input -------------------------------------------------------------------------------------------------------------
class Heard(NamedTuple):
    """One utterance, ready.

    Args:
        wave: (n,) float32 with a peak of 0.95, n a multiple of 320.
        pitch: (n / 160,) float32 Hz, 0 where unvoiced.
        original: The wave as it came.
    """

    wave: np.ndarray
    pitch: np.ndarray
    original: np.ndarray


def hear(sample: Sample, tracker: Literal["yaapt", "yin"]) -> Heard:
    """Decode and measure one utterance.

    Raises:
        InputError: If it is silent, holds values that are no numbers, or is shorter than 0.1 s or longer than 60 s.
    """
    wave = sample.wave(RATE)
    seconds = len(wave) / RATE
    if not np.isfinite(wave).all():
        raise InputError(f"the sound of {sample.id!r} holds values that are no numbers", remedy="decode it again")
    if not SHORTEST <= seconds <= LONGEST:
        raise InputError(
            f"sample {sample.id!r} lasts {seconds:.3f} s",
            allowed=f"{SHORTEST:g} to {LONGEST:g} s",
            remedy="cut long speech at pauses, and join short stretches with their neighbours",
        )
    peak = float(np.abs(wave).max())
    if peak < SILENT:
        raise InputError(f"sample {sample.id!r} is silent", remedy="leave it out; there is no voice to hide in it")
    ready = (LOUD / peak * wave[: len(wave) // HOP * HOP]).astype(np.float32)
    return Heard(ready, fitted(fundamental(ready, tracker), 2 * len(ready) // HOP), wave)


@dataclass(frozen=True)
class UtteranceCollate:
    """Samples → `wave` (b, n) and `pitch` (b, n / 160), padded with zeros, and `frames` (b,) of 20 ms."""

    tracker: Literal["yaapt", "yin"]

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate samples, or the turns of dialogues."""
        samples = flatten(items)
        heard = [hear(sample, self.tracker) for sample in samples]
        frames = np.array([len(h.wave) // HOP for h in heard], np.int64)
        wave = np.zeros((len(heard), frames.max(initial=0) * HOP), np.float32)
        pitch = np.zeros((len(heard), frames.max(initial=0) * 2), np.float32)
        for i, one in enumerate(heard):
            wave[i, : len(one.wave)], pitch[i, : len(one.pitch)] = one.wave, one.pitch
        return Batch({"wave": wave, "pitch": pitch, "frames": frames}, {}, [s.span for s in samples], heard)


# -- content and assembly ----------------------------------------------------------------------------------------------
class SoftContent(nn.Module):
    """Soft units: likeness of HuBERT's states to learned directions.

    States are brought to length 1 over time, feature by feature, and not over features: the official code normalises
    the dimension that is torch's default, and its weights were trained that way.

    Args:
        network: A HuBERT.
        units: Directions.
    """

    def __init__(self, network: nn.Module, units: int) -> None:
        super().__init__()
        self.network = network
        width = int(network.config.hidden_size)  # type: ignore[union-attr, arg-type]
        self.W = nn.Parameter(torch.randn(units, width))

    def forward(self, wave: Tensor) -> Tensor:
        """Waves (b, n) → (b, t, units), t = n / 320 − 1."""
        states = self.network(wave).last_hidden_state
        return F.linear(F.normalize(states, dim=1), F.normalize(self.W, dim=1))


def whole_norm(x: Tensor) -> Tensor:
    """Layer norm over the whole tensor, without weights."""
    return F.layer_norm(x, x.shape)


def assemble(content: Tensor, pitch: Tensor, speaker: Tensor, *more: Tensor) -> Tensor:
    """The generator's input: content ‖ pitch ‖ speaker (‖ what else holds for all of the utterance).

    All but the pitch are normalised as a whole, which makes a batch differ from its members: give one utterance.

    Args:
        content: (1, t, units); its last frame is repeated once.
        pitch: (1, 1, 2 (t + 1)) Hz.
        speaker: (1, 1, width).
        more: (1, 1, width) each.

    Returns:
        (1, channels, 2 (t + 1)).
    """
    frames = F.pad(whole_norm(content).transpose(1, 2), (0, 1), "replicate").repeat_interleave(2, 2)
    steady = [whole_norm(x).transpose(1, 2).expand(-1, -1, frames.shape[2]) for x in (speaker, *more)]
    return torch.cat([frames, pitch, *steady], 1)


# -- the system --------------------------------------------------------------------------------------------------------
class EmotionAnonymization(System):
    """Puts another speaker's vector in the place of the speaker's own, and speech together again.

    Args:
        config: What is replaced how.
        reader: The reader that the configuration names. It is asked, and not stored with a checkpoint.
    """

    Config = EmotionAnonymizationConfig
    modality = "voice"
    config: EmotionAnonymizationConfig
    collate: UtteranceCollate

    def __init__(self, config: EmotionAnonymizationConfig, reader: Reader | None = None) -> None:
        super().__init__(config)
        unknown = set(config.flipped) - set(scale(config.emotions).labels)
        if unknown:
            raise ConfigError(f"flipped has {sorted(unknown)[0]!r}", allowed=", ".join(scale(config.emotions).labels))
        width = config.ecapa.width
        self.content = SoftContent(self._hubert(), config.units)
        self.speaker = Ecapa(**vars(config.ecapa))
        self.emotion = self._emotion_encoder()
        felt = int(self.emotion.config.hidden_size) if self.emotion is not None else 0
        self.generator = Generator(config.units + 1 + width + felt, config.channels)
        for part in (self.content, self.speaker):
            part.requires_grad_(False)
        if config.method == "ohnn":
            self.reflections = Reflections(width, config.reflections)
        if config.method == "selection":
            self.pool = Fitted(vectors=torch.randn(2 * config.far, width), female=np.arange(2 * config.far) % 2 == 0)
        self.boundaries = Boundaries(scale(config.emotions).labels, width)
        object.__setattr__(self, "reader", reader)  # not a part: its weights belong to its own checkpoint
        self.collate = UtteranceCollate(best_tracker() if config.tracker == "best" else config.tracker)

    def _hubert(self) -> Any:
        if not self.config.backbone:
            return random_encoder(self.config.hubert).net
        network = backbones.pretrained("AutoModel", Backbone(name=self.config.backbone, train=False))
        hop = int(np.prod(getattr(network.config, "conv_stride", (0,))))
        if hop != HOP:
            raise ConfigError(
                f"the states of {self.config.backbone!r} are {hop} samples apart",
                allowed=f"{HOP}, as HuBERT's are",
            )
        return network

    def _emotion_encoder(self) -> Any:
        if not self.config.emotion_encoder:
            return None
        return backbones.pretrained("AutoModel", Backbone(name=self.config.emotion_encoder, train=False))

    @property
    def tracker(self) -> str:
        """The pitch tracker that is used."""
        return self.collate.tracker

    # -- taking apart and putting together -------------------------------------------------------------------------
    def forward(self, wave: Tensor, pitch: Tensor, frames: Tensor) -> dict[str, Tensor]:
        """Speech with its own speaker: what the parts keep when nothing is hidden.

        Utterances go through one by one, since whole-tensor norms would mix those of a batch.

        Args:
            wave: (b, n) with a peak of 0.95.
            pitch: (b, n / 160) Hz.
            frames: (b,) of 320 samples.

        Returns:
            `wave` (b, n), zeros behind the end of each, and `speaker` (b, width).
        """
        made, speakers = torch.zeros_like(wave), []
        for i, count in enumerate(frames.tolist()):
            one = wave[i : i + 1, : count * HOP]
            speakers.append(self.speaker(bands(one)))
            made[i, : count * HOP] = self.speak(one, pitch[i : i + 1, : 2 * count], speakers[-1])
        width = self.config.ecapa.width
        return {"wave": made, "speaker": torch.cat(speakers) if speakers else wave.new_zeros(0, width)}

    def speak(self, wave: Tensor, pitch: Tensor, speaker: Tensor) -> Tensor:
        """Content of a wave (1, n) and its pitch (1, n / 160), by a speaker (1, width) → (n,)."""
        felt = [] if self.emotion is None else [self.emotion(wave).last_hidden_state.mean(1, keepdim=True)]
        return self.generator(assemble(self.content(wave), pitch[:, None], speaker[:, None], *felt))[0, 0]

    @torch.no_grad()
    def vectors(self, samples: Iterable[Sample]) -> np.ndarray:
        """Speaker vectors as they are, (n, width) float64: what boundaries, reflections and pools are made from."""
        self.eval()
        found = [self._vector(hear(sample, self.collate.tracker)) for sample in samples]
        return np.stack(found) if found else np.zeros((0, self.config.ecapa.width))

    def _vector(self, heard: Heard) -> np.ndarray:
        wave = torch.from_numpy(heard.wave)[None].to(self.device)
        return self.speaker(bands(wave))[0].double().cpu().numpy()

    # -- hiding ----------------------------------------------------------------------------------------------------
    @torch.no_grad()
    def anonymize(self, samples: Iterable[Sample], rng: np.random.Generator | None = None) -> list[Sample]:
        """The same samples in other voices, in memory, one utterance at a time.

        Length and level are those of the original. Of its features nothing is kept, since they would still tell the
        voice; instead there are `speaker`, the new vector (width,), and, where the emotion was to be kept, `emotion`,
        (k,) with a one at the emotion that it was moved to.

        Args:
            samples: With sound of 0.1 to 60 s.
            rng: Source of the draws of `selection`; the same state gives the same voices, None always the same.

        Raises:
            InputError: If a sample is silent, too short or too long.
            CheckpointError: If the emotion is to be kept and there are no boundaries.
        """
        self.eval()
        given = list(samples)
        heard = [hear(sample, self.collate.tracker) for sample in given]
        if not given:
            return []
        own = np.stack([self._vector(one) for one in heard])
        hidden = self.hide(given, own, rng or np.random.default_rng(0))
        features: list[dict[str, np.ndarray]] = [{} for _ in given]
        if self.config.keep_emotion:
            self._need_boundaries()
            emotions = self.indicate(given, own)
            signs = {e: -1 if e in self.config.flipped else 1 for e in self.boundaries.labels}
            hidden = self.boundaries.move(hidden, emotions, {e: s * self.config.distance for e, s in signs.items()})
            for row, emotion in zip(features, emotions, strict=True):
                row["emotion"] = np.array([e == emotion for e in self.boundaries.labels], np.float32)
        return [
            replace(sample, media=self._sound(one, vector), features={"speaker": vector.astype("<f4"), **row})
            for sample, one, vector, row in zip(given, heard, hidden, features, strict=True)
        ]

    def hide(self, samples: Sequence[Sample], own: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Vectors (n, width) of the speakers → of others, by the method of the configuration."""
        if self.config.method == "none":
            return own
        if self.config.method == "ohnn":
            return (
                self.reflections(torch.as_tensor(own, dtype=torch.float32, device=self.device)).double().cpu().numpy()
            )
        out = np.empty_like(own)
        speakers = [s.groups.get("speaker") or s.track or s.id for s in samples]
        rows = [[i] for i in range(len(own))]
        if self.config.per == "speaker":
            rows = [[i for i, s in enumerate(speakers) if s == name] for name in dict.fromkeys(speakers)]
        for group in rows:
            out[group] = self._stranger(own[group].mean(0), samples[group[0]].groups.get("sex", ""), rng)
        return out

    def _stranger(self, vector: np.ndarray, sex: str, rng: np.random.Generator) -> np.ndarray:
        """A voice from the pool, of the speaker's sex; where that is not known, of that of the most similar vector."""
        pool, female = self.pool.vectors.double().cpu().numpy(), self.pool.female.cpu().numpy()
        wanted = sex.lower().startswith("f") if sex else female[nearest(vector, pool)]
        return unlike(vector, pool[female == wanted], self.config.far, self.config.drawn, rng)

    def _sound(self, heard: Heard, vector: np.ndarray) -> Media:
        wave, pitch = (torch.from_numpy(a)[None].to(self.device) for a in (heard.wave, heard.pitch))
        made = self.speak(wave, pitch, torch.as_tensor(vector, dtype=torch.float32, device=self.device)[None])
        sound = np.zeros(len(heard.original))
        sound[: made.numel()] = made.cpu().numpy()
        return Media("audio", array=levelled(sound, heard.original).astype(np.float32), rate=RATE)

    # -- emotion ---------------------------------------------------------------------------------------------------
    def keeping_emotion(self) -> Self:
        """This system with the emotion kept; the weights are shared.

        Raises:
            CheckpointError: If there are no boundaries.
        """
        self._need_boundaries()
        self.config = replace(self.config, keep_emotion=True)
        return self

    def _need_boundaries(self) -> None:
        if not self.boundaries.fitted:
            raise CheckpointError(
                f"{self.name!r} has no emotion boundaries",
                remedy="fit them on labelled speech (system.boundaries.fit), convert published ones, or don't keep the "
                "emotion",
            )

    def indicate(self, samples: Sequence[Sample], own: np.ndarray) -> list[str]:
        """Emotion of each original utterance, as the reader, the boundaries or, as an oracle, the gold says.

        Where the reader abstains, the boundaries are asked.

        Args:
            samples: The originals.
            own: Their speaker vectors (n, width).

        Raises:
            InputError: If the oracle is asked and a sample has no gold on the scale.
            ConfigError: If the configuration names a reader and none was given.
        """
        name, labels = self.config.emotions, self.boundaries.labels
        if self.config.oracle:
            gold = [sample.judged(name) for sample in samples]
            for sample, scores in zip(samples, gold, strict=True):
                if scores is None:
                    raise InputError(f"sample {sample.id!r} has no gold on {name!r}", remedy="set oracle to false")
            return [labels[int(scores.argmax())] for scores in gold if scores is not None]
        guessed = self.boundaries.predict(own)
        if not self.config.reader:
            return guessed
        reader: Reader | None = self.reader  # type: ignore[assignment]
        if reader is None:
            raise ConfigError(f"the reader {self.config.reader!r} was not given", remedy="load it by affectus.load")
        said = reader.read(samples)
        scores = map_scores(said.scores(said.scales[0].name), said.scales[0].name, name)
        return [g if np.isnan(s).all() else labels[int(np.nanargmax(s))] for g, s in zip(guessed, scores, strict=True)]


# -- published weights -------------------------------------------------------------------------------------------------
_ENCODERS = {"latent_encoder.ssl_model.": "content.network.", "latent_encoder.": "content.", "xv_model.": "speaker."}


def convert_official(path: Path) -> EmotionAnonymization:
    """The system with published weights.

    Args:
        path: A folder that holds

            - `g_*`, the generator's checkpoint as its authors publish it, with HuBERT, soft units and speaker encoder
              inside;
            - `householder.safetensors` with `vectors` (count, 192), of `ohnn`, or
            - `pool/xvector.scp` with its archive and `pool/spk2gender`, of `selection`, keys as in the former;
            - `boundaries/angry.npy` and so on (192,), if the emotion is to be kept.

    Raises:
        FileError: If a file that is needed is not there; the message says what belongs into it.
        CheckpointError: If a file is damaged or holds other tensors.
    """
    if not path.is_dir():
        raise FileError(
            f"{str(path)!r} is no folder", allowed="a folder with g_*, and householder.safetensors or pool/"
        )
    found = sorted(path.glob("g_*"))
    if not found:
        raise FileError(
            f"there is no g_* in {str(path)!r}",
            allowed="the generator's checkpoint of SSL-SAS",
            remedy="get libri_tts_clean_100_fbank_xv_ssl_freeze from its authors; it is not shipped here",
        )
    chain, pool = path / "householder.safetensors", path / "pool" / "xvector.scp"
    if chain.is_file() == pool.is_file():
        raise FileError(
            f"{str(path)!r} has {'both' if chain.is_file() else 'neither'} of {chain.name} and pool/{pool.name}",
            allowed="one of the two",
            remedy="train reflections (affectus.nn.householder.train_reflections), or extract vectors of a pool",
        )
    state = _generator(found[-1])
    sizes = _sizes(state, found[-1])
    if chain.is_file():
        vectors = _tensor(chain)
        system = EmotionAnonymization(replace(sizes, method="ohnn", reflections=len(vectors)))
        _load(system.reflections, {"vectors": vectors}, chain)
    else:
        system = EmotionAnonymization(replace(sizes, method="selection"))
        system.pool.set(**_pool(pool, sizes.ecapa.width))
    _load(system, state, found[-1])
    _take_boundaries(system.boundaries, path / "boundaries")
    return system.eval()


def check_weights(folder: Path, method: str) -> None:
    """Raise an error that names what is missing in a checkpoint folder of this system, and what to do.

    Args:
        folder: Of the user.
        method: `ohnn` or `selection`.

    Raises:
        FileError: If there is no such folder, or a file is missing.
        CheckpointError: If it holds published files, or another method.
    """
    convert = f"affectus convert emotion-anonymization/{method} FOLDER --out NEW"
    if not folder.is_dir():
        raise FileError(f"there is no folder {str(folder)!r}", remedy=f"make one from published files: {convert}")
    if next(folder.glob("g_*"), None) is not None and not (folder / "config.json").exists():
        raise CheckpointError(
            f"{str(folder)!r} holds published files", allowed="a checkpoint", remedy=f"convert them: {convert}"
        )
    for name, what in (("config.json", "sizes and method"), ("model.safetensors", "the weights")):
        if not (folder / name).is_file():
            raise FileError(
                f"{str(folder)!r} has no {name} ({what})",
                allowed="a folder as `affectus convert` or save_pretrained writes it",
                remedy=f"write it again: {convert}",
            )
    try:
        row = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        held = row["config"]["method"] if row["system"] == CARD.system else ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"config.json in {str(folder)!r} is not of this system ({type(error).__name__})", remedy=convert
        ) from error
    if not held:
        raise CheckpointError(f"{str(folder)!r} holds {row['system']!r}", allowed=CARD.system, remedy=convert)
    if held != method:
        raise CheckpointError(f"{str(folder)!r} hides by {held!r}", allowed=method, remedy=f"pass --method {held}")


def _generator(path: Path) -> dict[str, Tensor]:
    """Names as in our system of what a published checkpoint of the generator holds."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)["generator"]
    except (OSError, RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"{str(path)!r} is no checkpoint of a generator ({type(error).__name__})", remedy="get it again"
        ) from error
    parts: dict[str, dict[str, Tensor]] = {"generator.": {}, **{name: {} for name in _ENCODERS.values()}}
    for key, value in state.items():
        before = next((prefix for prefix in _ENCODERS if key.startswith(prefix)), "")
        parts[_ENCODERS.get(before, "generator.")][key.removeprefix(before)] = value
    parts["content.network."] = hubert_names(parts["content.network."])
    parts["generator."] = parametrised(parts["generator."])
    return {name + key: value for name, part in parts.items() for key, value in part.items()}


def _sizes(state: dict[str, Tensor], path: Path) -> EmotionAnonymizationConfig:
    """Sizes by the shapes of the tensors; heads of attention are 64 wide, as in HuBERT-base."""
    net, ecapa = "content.network.", "speaker."
    position = f"{net}encoder.pos_conv_embed.conv.parametrizations.weight.original1"
    try:
        units, width = state["content.W"].shape
        grouped, positions = state[position].shape[1:]
        return EmotionAnonymizationConfig(
            hubert=replace(
                HUBERT_BASE,
                channels=len(state[f"{net}feature_extractor.conv_layers.0.conv.weight"]),
                width=width,
                layers=len({key.split(".")[4] for key in state if key.startswith(f"{net}encoder.layers.")}),
                heads=max(1, width // 64),
                inner=len(state[f"{net}encoder.layers.0.feed_forward.intermediate_dense.weight"]),
                positions=positions,
                groups=width // grouped,
            ),
            units=units,
            ecapa=EcapaSizes(
                width=len(state[f"{ecapa}fc.conv.weight"]),
                channels=len(state[f"{ecapa}blocks.0.conv.conv.weight"]),
                attention=len(state[f"{ecapa}asp.tdnn.conv.conv.weight"]),
                groups=1
                + sum(key.startswith(f"{ecapa}blocks.1.res2net_block.") and key.endswith("conv.bias") for key in state),
                squeeze=len(state[f"{ecapa}blocks.1.se_block.conv1.conv.weight"]),
            ),
            channels=len(state["generator.conv_pre.bias"]),
        )
    except (KeyError, ValueError, IndexError) as error:
        raise CheckpointError(
            f"{path.name!r} is no checkpoint of this generator: {error} is not in it", remedy="get it again"
        ) from error


def _load(module: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    """Load tensors strictly, except for arrays that are fitted and come from other files."""
    elsewhere = ("boundaries.", "pool.", "reflections.")
    wanted = {k for k in module.state_dict() if not k.startswith(elsewhere)}
    strange = sorted(wanted ^ set(state))
    if strange:
        raise CheckpointError(f"{path.name!r} does not fit: {len(strange)} tensors differ, first {strange[0]!r}")
    try:
        module.load_state_dict(state, strict=False)
    except RuntimeError as error:  # a shape differs
        raise CheckpointError(f"{path.name!r} does not fit: {str(error).splitlines()[-1].strip()}") from error


def _tensor(path: Path) -> Tensor:
    try:
        return load_file(path)["vectors"]
    except (OSError, KeyError, SafetensorError) as error:
        raise CheckpointError(f"{str(path)!r} holds no tensor `vectors`", remedy="save it again") from error


def _pool(scp: Path, width: int) -> dict[str, np.ndarray]:
    """Vectors of a pool, and which of them are of women."""
    sex = read_list(scp.with_name("spk2gender"))
    rows = list(read_scp(scp))
    missing = [key for key, _ in rows if key not in sex]
    if missing:
        raise FileError(f"spk2gender has no line for {missing[0]!r}", remedy="add `f` or `m` for every vector")
    other = next((key for key, vector in rows if len(vector) != width), None)
    if other is not None or not rows:
        raise CheckpointError(
            f"the vector of {other!r} in {scp.name!r} is no speaker vector", allowed=f"{width} numbers"
        )
    vectors = np.stack([vector for _, vector in rows]).astype(np.float32)
    return {"vectors": vectors, "female": np.array([sex[key].startswith("f") for key, _ in rows])}


def _take_boundaries(boundaries: Boundaries, folder: Path) -> None:
    """Unit normals from the official code's files; all of them, or none."""
    if not folder.is_dir():
        return
    rows = []
    for label in boundaries.labels:
        try:
            row = np.load(folder / f"{label}.npy", allow_pickle=False).astype(np.float64).ravel()
        except (OSError, ValueError) as error:
            raise FileError(
                f"{str(folder)!r} has no readable {label}.npy", remedy="put the boundary.npy of each emotion there"
            ) from error
        rows.append(row / np.linalg.norm(row))
    if {len(row) for row in rows} != {boundaries.normals.shape[1]}:
        raise CheckpointError(f"boundaries in {str(folder)!r} have other sizes than {boundaries.normals.shape[1]}")
    boundaries.set(normals=np.stack(rows))


CARD = Card(
    system="emotion-anonymization",
    cls="EmotionAnonymization",
    roles=("anonymizer",),
    modalities=("voice",),
    unit="turn",
    title="Content, pitch and speaker taken apart, the speaker replaced, the emotion put back",
    paper="Miao et al. 2024, arXiv:2408.05928; synthesis: Miao et al. 2022, arXiv:2202.13097",
    licence="code Apache-2.0; published weights under their authors' terms (boundaries and vectors: CC BY-NC 4.0), "
    "user-supplied",
    proof="official code",
    limits="Does nothing useful without trained weights, which are not shipped. Words, accent and rhythm stay and can "
    "tell who speaks. The emotion encoder of the variants p1 and p3 is not the authors'.",
    expected_failures={"check_onnx": "utterances go through one by one, which no graph with a batch can do"},
)

_TINY = EmotionAnonymizationConfig(
    hubert=replace(HUBERT_BASE, channels=8, width=16, layers=2, heads=2, inner=32, positions=8, groups=2),
    units=10,
    ecapa=EcapaSizes(width=12, channels=16, attention=8, groups=4, squeeze=8),
    channels=32,
    reflections=24,
    far=12,
    drawn=4,
    tracker="yin",
)

VARIANTS = {
    "tiny": _TINY,
    "tiny-selection": replace(_TINY, method="selection"),
    "ohnn": EmotionAnonymizationConfig(),
    "selection": EmotionAnonymizationConfig(method="selection"),
    "p1": EmotionAnonymizationConfig(emotion_encoder=ENCODER),
    "p2": EmotionAnonymizationConfig(keep_emotion=True),
    "p3": EmotionAnonymizationConfig(emotion_encoder=ENCODER, keep_emotion=True),
}
