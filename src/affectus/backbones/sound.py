"""One face for encoders of speech, whether they hear the wave (wav2vec 2.0, HuBERT, WavLM) or its mel bands (Whisper).

All give states every 20 ms, and a padded batch gives what single inputs give. Two pitfalls of the wave family are dealt
with here: the last convolution frames that fall on padding are masked, and networks whose first convolution is
normalised over time ("group" norm) hear each input by itself, since their statistics would see the padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from affectus.backbones.hashing import weight_hash
from affectus.backbones.loading import pretrained
from affectus.backbones.speech import STRIDE, SpeechEncoder
from affectus.errors import CheckpointError, ConfigError

Kind = Literal["wav2vec2", "hubert", "wavlm"]
Share = Annotated[float, Field(ge=0, lt=1)]
Size = Annotated[int, Field(ge=1)]
_CLASSES = {"wav2vec2": "Wav2Vec2", "hubert": "Hubert", "wavlm": "WavLM"}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of a wave encoder with random weights; the defaults are those of wav2vec 2.0 Large-Robust, 12 layers kept.

    Args:
        kind: Class of the encoder.
        channels: Of the convolutions; their kernels and strides are fixed: 400 samples for a frame, 320 between two.
        width: Features of a state.
        layers: Transformer layers.
        heads: Attention heads of a layer.
        inner: Features inside the feed-forward part.
        norm: After the convolutions: `layer`, over channels after each; `group`, over time after the first alone.
        stable: Whether layers normalise before attention, and once more after the last layer.
        bias: Whether convolutions have one.
        positions: Kernel of the positional convolution.
        groups: Of the positional convolution.
        dropout: Of states, attention and feed-forward part in training.
        layerdrop: Chance that a layer is left out in training (Fan et al. 2019, arXiv:1909.11556).
    """

    kind: Kind = "wav2vec2"
    channels: Size = 512
    width: Size = 1024
    layers: Annotated[int, Field(ge=0)] = 12
    heads: Size = 16
    inner: Size = 4096
    norm: Literal["layer", "group"] = "layer"
    stable: bool = True
    bias: bool = True
    positions: Size = 128
    groups: Size = 16
    dropout: Share = 0.1
    layerdrop: Share = 0.1


class WaveEncoder(nn.Module):
    """The encoder of wav2vec 2.0 (Baevski et al. 2020, arXiv:2006.11477) or one of its kin.

    Args:
        net: `transformers`' `Wav2Vec2Model`, `HubertModel` or `WavLMModel`.
    """

    hears: Literal["wave"] = "wave"

    def __init__(self, net: Any) -> None:
        super().__init__()
        if getattr(net, "adapter", None) is not None:
            raise CheckpointError("the encoder has an adapter behind its layers", allowed="states every 20 ms")
        self.net = net

    @property
    def width(self) -> int:
        """Size of one state."""
        return int(self.net.config.hidden_size)

    @property
    def layers(self) -> int:
        """Number of transformer layers; `forward` gives one state more."""
        return len(self.net.encoder.layers)

    def frames(self, lengths: Any) -> Any:
        """Number of states of waves of these lengths: ⌊(L − k) / s⌋ + 1 for each convolution."""
        for kernel, stride in zip(self.net.config.conv_kernel, self.net.config.conv_stride, strict=True):
            lengths = (lengths - kernel) // stride + 1
        return lengths

    def forward(
        self, heard: Tensor, lengths: Tensor, masked: Tensor | None = None, *, every_layer: bool = False
    ) -> tuple[Tensor, Tensor]:
        """States and which of them are real.

        Args:
            heard: (b, t) float32 waves at 16 kHz, zero beyond their lengths.
            lengths: (b,) samples of each, at least 400.
            masked: (b, frames) bool, frames that are hidden in training (SpecAugment, Park et al. 2019).
            every_layer: Give the input of each layer too, not only the output of the last.

        Returns:
            (layers + 1 or 1, b, frames, width), the last of them normalised; (b, frames) bool, True where a state is.
        """
        valid = torch.arange(self.frames(heard.shape[1]), device=heard.device) < self.frames(lengths)[:, None]
        if self.net.config.feat_extract_norm == "group":
            parts = [
                self._states(heard[i : i + 1, :length], None, hidden, every_layer)
                for i, (length, hidden) in enumerate(zip(lengths.tolist(), _rows(masked, len(heard)), strict=True))
            ]
            padded = [nn.functional.pad(part, (0, 0, 0, valid.shape[1] - part.shape[2])) for part in parts]
            return torch.cat(padded, 1), valid
        return self._states(heard, valid, masked, every_layer), valid

    def _states(self, wave: Tensor, valid: Tensor | None, masked: Tensor | None, every_layer: bool) -> Tensor:
        """States (layers + 1 or 1, b, frames, width).

        The parts are called one by one: the class's own `forward` makes its mask by assigning to places that a traced
        graph can't have.
        """
        net = self.net
        projected = net.feature_projection(net.feature_extractor(wave).transpose(1, 2))
        x = projected[0] if isinstance(projected, tuple) else projected
        if masked is not None:
            x = torch.where(masked[:, : x.shape[1], None], net.masked_spec_embed.to(x.dtype), x)
        states: list[Tensor] = []
        hooks = [
            layer.register_forward_pre_hook(lambda _, args: states.append(args[0]))
            for layer in (net.encoder.layers if every_layer else ())
        ]
        try:
            states.append(net.encoder(x, attention_mask=valid).last_hidden_state)
        finally:
            for hook in hooks:
                hook.remove()
        return torch.stack(states)


def _rows(masked: Tensor | None, n: int) -> list[Tensor | None]:
    return [None] * n if masked is None else list(masked.split(1))


class MelEncoder(nn.Module):
    """Whisper's encoder with the same face; its convolutions see 25 ms every 10 ms, a state covers 20 ms.

    Args:
        net: It.
    """

    hears: Literal["mel"] = "mel"

    def __init__(self, net: SpeechEncoder) -> None:
        super().__init__()
        self.net = net

    @property
    def width(self) -> int:
        """Size of one state."""
        return self.net.width

    @property
    def layers(self) -> int:
        """Number of transformer layers; `forward` gives one state more."""
        return self.net.layers

    def frames(self, lengths: Any) -> Any:
        """Number of states of inputs of so many mel frames."""
        return (lengths + 1) // STRIDE

    def forward(
        self, heard: Tensor, lengths: Tensor, masked: Tensor | None = None, *, every_layer: bool = False
    ) -> tuple[Tensor, Tensor]:
        """States and which of them are real; arguments and result as `WaveEncoder.forward`.

        Here `heard` is (b, bands, t) log-mel and `lengths` are in mel frames; a hidden frame is silence.
        """
        if masked is not None:
            hidden = masked.repeat_interleave(STRIDE, 1)[:, None, : heard.shape[2]]
            heard = torch.where(hidden, heard.amin((1, 2), keepdim=True), heard)
        inside = torch.arange(heard.shape[2], device=heard.device) < lengths[:, None]
        states = self.net(heard, inside)
        return states if every_layer else states[-1:], inside[:, ::STRIDE]


SoundEncoder = WaveEncoder | MelEncoder


def sound_encoder(ref: str | Path, *, keep: int | None = None) -> SoundEncoder:
    """The encoder of speech that a reference names, float32, evaluation mode.

    Args:
        ref: `asset:`, `hf:`, `tiny:` or a folder.
        keep: Layers that are kept, from below; None keeps all. A final normalisation stays as it is.

    Raises:
        AssetError: If the asset has not been fetched.
        CheckpointError: If the reference is no such model, or can't be had.
        ConfigError: If it has fewer layers than are to be kept.
    """
    model = pretrained("AutoModel", ref)
    name = type(model).__name__
    inner = getattr(getattr(model, "model", model), "encoder", None)
    found: SoundEncoder
    if type(inner).__name__ == "WhisperEncoder":
        found = MelEncoder(SpeechEncoder(inner, str(ref)))
    elif name in {f"{kind}Model" for kind in _CLASSES.values()}:
        found = WaveEncoder(model)
    else:
        raise CheckpointError(f"{str(ref)!r} is a {name}", allowed="wav2vec 2.0, HuBERT, WavLM or Whisper")
    if keep is not None:
        _cut(found, keep, str(ref))
    return found.eval()


def random_encoder(shape: Shape) -> WaveEncoder:
    """A wave encoder with random weights."""
    import transformers

    # A released configuration may have `vocab_size: null`, which newer classes refuse: only what counts is set.
    config = getattr(transformers, f"{_CLASSES[shape.kind]}Config")(
        conv_dim=[shape.channels] * 7,
        conv_bias=shape.bias,
        feat_extract_norm=shape.norm,
        do_stable_layer_norm=shape.stable,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
        num_conv_pos_embeddings=shape.positions,
        num_conv_pos_embedding_groups=shape.groups,
        attention_dropout=shape.dropout,
        hidden_dropout=shape.dropout,
        activation_dropout=shape.dropout,
        feat_proj_dropout=shape.dropout,
        layerdrop=shape.layerdrop,
    )
    return WaveEncoder(getattr(transformers, f"{_CLASSES[shape.kind]}Model")(config))


def freeze(encoder: SoundEncoder, trained: int | None) -> None:
    """Freeze the convolutions, or all but the top layers.

    What is frozen below trained layers gets the attribute `reference_hash`: checkpoints leave it out.

    Args:
        encoder: Changed in place.
        trained: Layers that are trained, from the top; None trains all that is not a convolution.

    Raises:
        ConfigError: If the encoder has fewer layers.
    """
    net: Any = encoder.net.whisper if isinstance(encoder, MelEncoder) else encoder.net
    convolutions = [net.conv1, net.conv2] if isinstance(encoder, MelEncoder) else [net.feature_extractor]
    if trained is None:
        for part in convolutions:
            part.requires_grad_(False)
        return
    if trained > encoder.layers:
        raise ConfigError(f"trained is {trained}", allowed=f"up to {encoder.layers}, as many as there are layers")
    if trained == 0:
        frozen: list[Any] = [encoder]
    elif isinstance(encoder, MelEncoder):
        frozen = [*convolutions, net.embed_positions, *net.layers[: encoder.layers - trained]]
    else:
        lower = net.encoder.layers[: encoder.layers - trained]
        frozen = [*convolutions, net.feature_projection, net.encoder.pos_conv_embed, *lower]
    for part in frozen:
        part.requires_grad_(False)
        part.reference_hash = weight_hash(part)


def _cut(encoder: SoundEncoder, keep: int, name: str) -> None:
    if keep > encoder.layers:
        raise ConfigError(f"{keep} layers of {name!r} can't be kept", allowed=f"up to {encoder.layers}")
    if isinstance(encoder, MelEncoder):
        encoder.net.whisper.layers = encoder.net.whisper.layers[:keep]
    else:
        encoder.net.encoder.layers = encoder.net.encoder.layers[:keep]
        encoder.net.config.num_hidden_layers = keep
