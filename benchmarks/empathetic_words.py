"""Word vectors for `escm` and `cem`: the vocabulary of a corpus, with GloVe or what stands in for it.

    python benchmarks/empathetic_words.py --data DATA/empathetic-dialogues --out words.npy
        [--corpus empathetic-dialogues] [--vectors glove.6B.300d.txt]

Without `--vectors` a word has the principal components of MiniLM's input embeddings, the mean over its pieces. Words
that occur twice or more in the contexts and answers of the training split are taken.
"""

import argparse
from collections import Counter
from pathlib import Path

from affectus.corpora.base import load_corpus
from affectus.frontends.input_vectors import input_vectors
from affectus.frontends.turn_words import split_words, spoken
from affectus.frontends.vectors import read_vectors, write_vectors
from affectus.taxonomy import scale

TWICE = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--corpus", default="empathetic-dialogues-small", help="a corpus of the same files")
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--width", type=int, default=300)
    asked = parser.parse_args()
    loaded = load_corpus(asked.corpus, asked.data)
    seen: Counter[str] = Counter()
    for one in spoken(loaded["train"]):
        for text in (*(text for text, _ in one.turns), one.reply or ""):
            seen.update(split_words(text))
    words = {word for word, count in seen.items() if count >= TWICE}
    words |= set(scale(loaded.corpus.targets[0].scale).labels)
    found = read_vectors(asked.vectors) if asked.vectors else input_vectors("asset:minilm-l6", words, asked.width)
    kept = found.only(words)
    write_vectors(kept, asked.out)
    print(f"{len(kept.words):,} of {len(words):,} words, {kept.vectors.shape[1]} numbers each, to {asked.out}")


if __name__ == "__main__":
    main()
