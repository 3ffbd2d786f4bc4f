"""Whisper's encoder on speech of any length up to 30 seconds, with the states of all layers.

The published network (Radford et al. 2022, arXiv:2212.04356) always reads 30 seconds. Its positions are fixed, so they
can be cut to the length of the speech, which saves most of the work on short turns. Padding inside a batch is masked in
the convolutions and in attention, so a batch gives what single inputs give.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from affectus.backbones.loading import pretrained
from affectus.errors import CheckpointError, InputError

STRIDE = 2  # mel frames for one state; a state covers 20 ms


class SpeechEncoder(nn.Module):
    """The encoder half of a Whisper model.

    Args:
        whisper: `transformers`' `WhisperEncoder`.
        name: The reference that it came from.
    """

    def __init__(self, whisper: Any, name: str = "") -> None:
        super().__init__()
        self.whisper = whisper
        self.name = name

    @property
    def mels(self) -> int:
        """Number of mel bands of the input."""
        return int(self.whisper.config.num_mel_bins)

    @property
    def width(self) -> int:
        """Size of one state."""
        return int(self.whisper.config.d_model)

    @property
    def layers(self) -> int:
        """Number of transformer layers; `forward` gives one state more."""
        return len(self.whisper.layers)

    @property
    def max_frames(self) -> int:
        """Longest input in mel frames (3000 = 30 s)."""
        return int(self.whisper.config.max_source_positions) * STRIDE

    def forward(self, mel: Tensor, valid: Tensor | None = None, *, upto: int | None = None) -> Tensor:
        """The states of all layers, or of the lower ones.

        Args:
            mel: (b, mels, t) float32 log-mel, 100 frames a second; see `mel.log_mel`.
            valid: (b, t) bool, True where data are; None when nothing is padded.
            upto: Number of layers that are run; None runs all.

        Returns:
            (layers + 1, b, ceil(t / 2), width): the input of each layer, then the normalised output of the last. States
            beyond the valid part are zero. With `upto` the first `upto` + 1 of them.

        Raises:
            InputError: If the input is empty, longer than 30 s, or has another number of bands.
        """
        if mel.ndim != 3 or mel.shape[1] != self.mels:
            raise InputError(f"the mel input has shape {tuple(mel.shape)}", allowed=f"(batch, {self.mels}, frames)")
        frames = mel.shape[2]
        if not 1 <= frames <= self.max_frames:
            raise InputError(
                f"the mel input has {frames} frames",
                allowed=f"1 to {self.max_frames} (30 s)",
                remedy="cut the speech at pauses, for example with the voice activity detector",
            )
        net, kept, mask = self.whisper, None, None
        if valid is not None and (torch.compiler.is_exporting() or not bool(valid.all())):
            keep_mel = valid[:, None, :].to(mel.dtype)
            kept = valid[:, ::STRIDE, None].to(mel.dtype)
            mel = mel * keep_mel
            mask = (1.0 - kept[:, None, None, :, 0]) * torch.finfo(mel.dtype).min
        x = nn.functional.gelu(net.conv1(mel))
        if kept is not None:
            x = x * keep_mel
        x = nn.functional.gelu(net.conv2(x)).transpose(1, 2)
        x = x + net.embed_positions.weight[: x.shape[1]]
        states = [x]
        run = self.layers if upto is None else upto
        for layer in net.layers[:run]:
            x = layer(x, mask)
            states.append(x)
        if run == self.layers:
            states[-1] = net.layer_norm(x)
        stacked = torch.stack(states)
        return stacked if kept is None else stacked * kept


def speech_encoder(ref: str | Path) -> SpeechEncoder:
    """The speech encoder that a reference names, float32, evaluation mode.

    Raises:
        AssetError: If the asset has not been fetched.
        CheckpointError: If the reference is no Whisper model.
    """
    model = pretrained("AutoModelForSpeechSeq2Seq", ref)
    encoder = getattr(getattr(model, "model", None), "encoder", None)
    if type(encoder).__name__ != "WhisperEncoder":
        raise CheckpointError(f"{str(ref)!r} is a {type(model).__name__}", allowed="a Whisper model")
    return SpeechEncoder(encoder, str(ref)).eval()
