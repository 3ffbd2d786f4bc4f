"""Small random networks of the same classes as the real ones, for tests and for learning a system's shapes.

Their weights come from a fixed seed, so that two processes have the same network; they know nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from affectus.errors import check_option

_VOCABULARY = 320  # 256 bytes, special tokens, rounded up
_PAD, _START, _END, _MASK = range(256, 260)
_SPECIAL = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "mask_token": "<mask>"}
_CHAT = (
    "{% for m in messages %}{{ '<s>' + m['role'] + '\\n' + m['content'] + '</s>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<s>assistant\\n' }}{% endif %}"
)


def model(kind: str) -> Any:
    """A random network of the kinds that `_MODELS` lists.

    `bert` is a `BertModel`, `xlnet` an `XLNetModel`, `whisper` a `WhisperForConditionalGeneration`, `llama` a
    `LlamaForCausalLM`; `wav2vec2`, `hubert` and `wavlm` are the encoders of waves. All are 32 wide with two layers; the
    parameters are below 0.2 M.
    """
    check_option("the kind of tiny network", kind, _MODELS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return _MODELS[kind]().eval()


def tokenizer(kind: str) -> Any:
    """A byte tokenizer that fits the tiny text networks: every text has tokens, and none is unknown."""
    check_option("the kind of tiny tokenizer", kind, _MODELS)
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    alphabet = {symbol: index for index, symbol in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    core = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens(list(_SPECIAL.values()))
    if kind == "xlnet":  # the special tokens follow the text, and the last one sums it up
        core.post_processor = processors.TemplateProcessing(
            single="$A </s> <s>", pair="$A </s> $B:1 </s>:1 <s>:2", special_tokens=[("</s>", _END), ("<s>", _START)]
        )
    elif kind != "llama":
        core.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1", special_tokens=[("<s>", _START), ("</s>", _END)]
        )
    made = PreTrainedTokenizerFast(tokenizer_object=core, model_max_length=512, **_SPECIAL)
    if kind == "llama":
        made.chat_template = _CHAT
    return made


def _bert() -> Any:
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=_VOCABULARY,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        pad_token_id=_PAD,
    )
    return BertModel(config)


def _xlnet() -> Any:
    from transformers import XLNetConfig, XLNetModel

    config = XLNetConfig(
        vocab_size=_VOCABULARY, d_model=32, n_layer=2, n_head=2, d_inner=64, pad_token_id=_PAD, bos_token_id=_START,
        eos_token_id=_END,
    )  # fmt: skip
    return XLNetModel(config)


def _whisper() -> Any:
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    config = WhisperConfig(
        vocab_size=_VOCABULARY,
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        pad_token_id=_PAD,
        bos_token_id=_START,
        eos_token_id=_END,
        decoder_start_token_id=_START,
    )
    return WhisperForConditionalGeneration(config)


def _llama() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=_VOCABULARY,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=64,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        pad_token_id=_PAD,
        bos_token_id=_START,
        eos_token_id=_END,
    )
    return LlamaForCausalLM(config)


def _wave(kind: Any, **sizes: Any) -> Any:
    from affectus.backbones.sound import Shape, random_encoder

    small = {"channels": 24, "width": 32, "layers": 2, "heads": 2, "inner": 64, "dropout": 0.0, "layerdrop": 0.0}
    return random_encoder(Shape(kind=kind, **small | sizes)).net


_MODELS: dict[str, Callable[[], Any]] = {
    "bert": _bert,
    "xlnet": _xlnet,
    "whisper": _whisper,
    "llama": _llama,
    "wav2vec2": lambda: _wave("wav2vec2"),
    "hubert": lambda: _wave("hubert", norm="group", stable=False, bias=False),
    "wavlm": lambda: _wave("wavlm", norm="group", stable=False, bias=False),
}
