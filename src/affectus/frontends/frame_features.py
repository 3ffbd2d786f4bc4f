"""A row a frame of what a clip shows, sounds like and says, from pretrained networks.

The three streams of the feature approach of Richet et al. (2024, arXiv:2407.12927): vectors of cut faces, of the 0.96 s
of sound that begin at a frame, and of words that are spread evenly over the frames.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from affectus.errors import InputError
from affectus.frontends.vggish_mel import patches

_BATCH = 64
_LAYERS = 4  # of the encoder, whose states are added


@torch.no_grad()
def _rows(net: nn.Module, x: np.ndarray) -> np.ndarray:
    """What a network in evaluation mode gives of many rows, some at a time."""
    net.eval()
    parts: list[Tensor] = [net(torch.as_tensor(x[at : at + _BATCH])) for at in range(0, len(x), _BATCH)]
    return torch.cat(parts).numpy() if parts else np.zeros((0, 0), np.float32)


def face_frames(faces: np.ndarray, net: nn.Module) -> np.ndarray:
    """Vectors of cut faces.

    Args:
        faces: (t, 40, 40, 3) uint8 RGB, or of the size that the network reads.
        net: `IRResNet`.

    Returns:
        (t, f) float32.
    """
    x = np.moveaxis(np.asarray(faces), -1, 1).astype(np.float32) / np.float32(127.5) - 1
    return _rows(net, x)


def sound_frames(wave: np.ndarray, times: np.ndarray, net: nn.Module) -> np.ndarray:
    """Vectors of the sound at frames.

    Args:
        wave: (samples,) float in [-1, 1] at 16 kHz.
        times: (t,) seconds from the wave's start.
        net: `VGGish`, perhaps followed by `Whitening` in a sequence.

    Returns:
        (t, f) float32.
    """
    return _rows(net, patches(wave, times))


@torch.no_grad()
def word_frames(text: str, frames: int, encoder: Any, tokenizer: Any) -> np.ndarray:
    """Vectors of the words of a clip: the sum of the encoder's last four states, each token on as many frames.

    Args:
        text: What is said; nothing gives zeros.
        frames: Number of frames.
        encoder: A text encoder of transformers with four layers or more beside the embeddings.
        tokenizer: That belongs to it; a text that is longer than it allows is cut.

    Returns:
        (frames, f) float32.
    """
    given = tokenizer(text, return_tensors="pt", truncation=True, add_special_tokens=True)
    special = tokenizer.get_special_tokens_mask(given["input_ids"][0].tolist(), already_has_special_tokens=True)
    words = np.flatnonzero(np.array(special) == 0)
    if not text.strip() or not len(words):
        return np.zeros((frames, encoder.config.hidden_size), np.float32)
    states = encoder.eval()(**given, output_hidden_states=True).hidden_states
    if len(states) <= _LAYERS:
        raise InputError(f"the encoder has {len(states) - 1} layers", allowed=f"{_LAYERS} or more")
    summed = torch.stack(states[-_LAYERS:]).sum(0)[0].float().numpy()[words]
    return summed[np.arange(frames) * len(words) // max(frames, 1)]
