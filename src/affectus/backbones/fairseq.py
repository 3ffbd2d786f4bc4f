"""Checkpoints of fairseq under the names of transformers."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from affectus.nn.reparametrised import parametrised

_HUBERT = (  # what stands in fairseq's names, and in those of transformers
    (r"^layer_norm\.", "feature_projection.layer_norm."),
    (r"^post_extract_proj\.", "feature_projection.projection."),
    (r"^mask_emb$", "masked_spec_embed"),
    (r"(conv_layers\.\d+)\.0\.", r"\1.conv."),
    (r"(conv_layers\.\d+)\.2\.", r"\1.layer_norm."),
    (r"pos_conv\.0\.", "pos_conv_embed.conv."),
    (r"\.self_attn_layer_norm\.", ".layer_norm."),
    (r"\.self_attn\.", ".attention."),
    (r"\.fc1\.", ".feed_forward.intermediate_dense."),
    (r"\.fc2\.", ".feed_forward.output_dense."),
)
_PRETRAINING = ("final_proj.", "label_embs_concat")  # heads of its own training, which an encoder does without


def hubert_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a HuBERT-base of fairseq, named as `transformers.HubertModel` has them."""
    out = {}
    for key, value in state.items():
        if not key.startswith(_PRETRAINING):
            for pattern, name in _HUBERT:
                key = re.sub(pattern, name, key)
            out[key] = value
    return parametrised(out)
