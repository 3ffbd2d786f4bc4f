"""Unseen words whose emotion is known from pre-training alone."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from affectus.sample import Item
from affectus.taxonomy import Target
from affectus.testing.items import labelled
from affectus.testing.learning import built, descend, loss_of, share_wrong
from affectus.training.loop import take

LABELS = ("sadness", "affection", "fear", "happiness", "anger")
WORDS = {label: [f"{label[:3]}{i}" for i in range(6)] for label in LABELS}  # six words say each emotion
SCENES = {label: [f"at{label[:2]}{i}" for i in range(4)] for label in LABELS}  # and some places go with it
FILLER = [f"w{i}" for i in range(30)]
_TARGET = Target("leia-5", "felt")
_SPECIAL = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
_SHAPE = {
    "kind": "bert", "vocabulary": 90, "width": 32, "layers": 1, "heads": 2, "inner": 64, "positions": 24,
    "pad": 0, "types": 2, "dropout": 0.0,
}  # fmt: skip
_STEPS = 250


def masked_words(name: str, /, k: float = 0.5) -> float:
    """Share of wrong labels of a head on the frozen encoder, asked about emotion words that it did not learn from.

    Posts hold two words and a place of one emotion among filler. To guess a masked emotion word is to know which others
    and which places go with it. Masking takes a few hundred steps, too few where emotion words are seldom hidden.

    Args:
        name: Of a reader on `leia-5`, whose file has a network named `…-pretrain` that gives it the encoder.
        k: Chance that an emotion word is masked; 0.15 masks all words alike.
    """
    with TemporaryDirectory() as folder:
        lexicon, tokenizer = Path(folder) / "emotions.txt", Path(folder) / "tokenizer.json"
        lexicon.write_text("\n".join(word for group in WORDS.values() for word in group), encoding="utf-8")
        _write_tokenizer(tokenizer)
        common = {"shape": _SHAPE, "tokenizer": str(tokenizer), "max_length": 16}
        before = built(f"{name}-pretrain", lexicon=str(lexicon), k=k, **common).train()
        pool = _posts(2000, slice(None), 0)
        batches = np.random.default_rng(0).integers(0, len(pool), (_STEPS, 64))
        descend(before.parameters(), lambda step: loss_of(before, [pool[i] for i in batches[step]], step), _STEPS, 3e-3)
        reader = built(name, pooling="mean", embedding_dropout=0.0, **common)
        take(reader, before.state_dict(), {"backbone.*": "backbone.*"})
        _probe(reader, _posts(200, slice(0, 3), 1))
        return share_wrong(reader, _posts(300, slice(3, 6), 2))


def _posts(n: int, which: slice, seed: int) -> list[Item]:
    rng = np.random.default_rng(seed)
    labels = [LABELS[i] for i in rng.integers(0, len(LABELS), n)]
    texts = [
        " ".join(rng.permutation([*rng.choice(WORDS[of][which], 2), rng.choice(SCENES[of]), *rng.choice(FILLER, 7)]))
        for of in labels
    ]
    return labelled(texts, labels, _TARGET)


def _probe(reader: Any, items: list[Item]) -> None:
    batch = reader.collate(items).to("cpu")
    with torch.no_grad():
        encoded = reader.eval().encode(**batch.inputs)
    reader.train()
    descend(reader.classifier.parameters(), lambda _: reader.loss(reader.head(**encoded), batch)["leia-5"], 150)


def _write_tokenizer(path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    known = [*_SPECIAL, *FILLER, *(word for group in (*WORDS.values(), *SCENES.values()) for word in group)]
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(known)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens(_SPECIAL)
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    made.save(str(path))
