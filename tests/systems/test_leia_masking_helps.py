"""The claim behind the pre-training, in a world made for it: masking emotion words teaches what they have in common."""

from pathlib import Path

import numpy as np
import pytest
import torch

from affectus.corpora.base import one_hot, with_gold
from affectus.registry import build
from affectus.sample import Sample
from affectus.taxonomy import scale
from affectus.training.loop import take

LABELS = scale("leia-5").labels
WORDS = {label: [f"{label[:3]}{i}" for i in range(6)] for label in LABELS}  # six words say each emotion
SCENES = {label: [f"at{label[:2]}{i}" for i in range(4)] for label in LABELS}  # and some places go with it
FILLER = [f"w{i}" for i in range(30)]
SHAPE = {
    "kind": "bert", "vocabulary": 90, "width": 32, "layers": 1, "heads": 2, "inner": 64, "positions": 24,
    "pad": 0, "types": 2, "dropout": 0.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> str:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    known = [*special, *FILLER, *(w for group in (*WORDS.values(), *SCENES.values()) for w in group)]
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(known)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens(special)
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    path = tmp_path_factory.mktemp("words") / "tokenizer.json"
    made.save(str(path))
    return str(path)


def posts(n: int, which: slice, seed: int) -> list[Sample]:
    """Posts of ten words: two emotion words and a place of one emotion among filler."""
    rng = np.random.default_rng(seed)
    labels = [LABELS[i] for i in rng.integers(0, 5, n)]
    texts = []
    for label in labels:
        words = [*rng.choice(WORDS[label][which], 2), rng.choice(SCENES[label]), *rng.choice(FILLER, 7)]
        texts.append(" ".join(rng.permutation(words)))
    plain = [Sample(id=str(i), text=text, item=i) for i, text in enumerate(texts)]
    gold = {"leia-5": one_hot([[label] for label in labels], "leia-5")}
    return with_gold(plain, gold, perspective="felt", by="made up", modality="text")


def pretrained(tokenizer: str, lexicon: str, seed: int, steps: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    system = build("leia/tiny-pretrain", shape=SHAPE, tokenizer=tokenizer, lexicon=lexicon, max_length=16).train()
    optimiser = torch.optim.AdamW(system.parameters(), lr=3e-3)
    pool = posts(4000, slice(None), seed)
    for step in range(steps):
        rng = np.random.default_rng([seed, step])
        batch = system.collate([pool[i] for i in rng.integers(0, len(pool), 64)], rng).to("cpu")
        loss = system.loss(system(**batch.inputs), batch)["tokens"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return system


def probed(encoder: torch.nn.Module, tokenizer: str, seed: int) -> float:
    """Accuracy of a head on the frozen encoder: it learns from half of the words and is asked about the other half."""
    torch.manual_seed(seed)
    system = build("leia/tiny", shape=SHAPE, tokenizer=tokenizer, pooling="mean", max_length=16, embedding_dropout=0.0)
    take(system, encoder, {"backbone.*": "backbone.*"})
    rows, asked = posts(200, slice(0, 3), seed + 100), posts(500, slice(3, 6), seed + 200)
    batch = system.collate(rows).to("cpu")
    with torch.no_grad():
        encoded = system.eval().encode(**batch.inputs)
    optimiser = torch.optim.AdamW(system.classifier.parameters(), lr=5e-3)
    system.train()
    for _ in range(150):
        loss = system.loss(system.head(**encoded), batch)["leia-5"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    answer = system.logits(asked)["leia-5"].argmax(1)
    return float((answer == np.array([s.gold.scores("leia-5")[0].argmax() for s in asked if s.gold])).mean())


@pytest.mark.slow
def test_a_probe_is_better_after_masking_emotion_words_than_after_masking_all_alike(tokenizer: str, tmp_path: Path):
    lexicon = tmp_path / "emotions.txt"
    lexicon.write_text("\n".join(word for group in WORDS.values() for word in group))
    figures = {
        name: np.mean([probed(pretrained(tokenizer, words, seed, 250), tokenizer, seed) for seed in range(2)])
        for name, words in (("emotion words", str(lexicon)), ("all alike", ""))
    }
    assert figures["emotion words"] > figures["all alike"] + 0.2, figures
