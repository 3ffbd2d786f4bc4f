import numpy as np
import pytest
import torch

from affectus import backbones
from affectus.errors import InputError
from affectus.frontends.frame_features import face_frames, sound_frames, word_frames
from affectus.nn.ir_resnet import IRResNet
from affectus.nn.vggish import VGGish, Whitening


def test_faces_and_sound_give_a_row_a_frame() -> None:
    torch.manual_seed(0)
    faces = np.random.default_rng(0).integers(0, 255, (70, 20, 20, 3)).astype(np.uint8)
    net = IRResNet((1, 1), 4, 20)
    assert face_frames(faces, net).shape == (70, 8)
    np.testing.assert_allclose(face_frames(faces, net)[65:], face_frames(faces[65:], net), atol=1e-5)
    assert face_frames(faces[:0], net).shape[0] == 0
    sound = torch.nn.Sequential(VGGish(((2,), (2,), (2,), (2,)), 4, 3), Whitening(3))
    rows = sound_frames(np.zeros(1600), np.arange(4) / 25, sound)
    assert rows.shape == (4, 3)
    assert ((rows >= 0) & (rows <= 255)).all()


def test_words_are_spread_evenly_over_the_frames() -> None:
    config = backbones.text_encoder("tiny:bert").config
    config.num_hidden_layers = 4
    encoder = type(backbones.text_encoder("tiny:bert"))(config)
    tokenizer = backbones.tokenizer("tiny:bert")
    rows = word_frames("abc", 7, encoder, tokenizer)
    ids = tokenizer("abc", return_tensors="pt")
    with torch.no_grad():
        states = encoder(**ids, output_hidden_states=True).hidden_states
    wanted = (states[1] + states[2] + states[3] + states[4])[0, 1:4].numpy()
    np.testing.assert_allclose(rows, wanted[[0, 0, 0, 1, 1, 2, 2]], atol=1e-5)
    assert (word_frames(" ", 3, encoder, tokenizer) == 0).all()
    with pytest.raises(InputError, match="2 layers"):
        word_frames("abc", 2, backbones.text_encoder("tiny:bert"), tokenizer)
