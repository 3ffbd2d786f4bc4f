"""Make the word vectors of a recipe: plain ones, and the same enriched with the emotions of a lexicon.

python benchmarks/affect_vectors.py --emolex NRC-Emotion-Lexicon-Wordlevel-v0.92.txt --out FOLDER
    [--vectors glove.6B.100d.txt]

Writes `plain.npy` and `affect.npy` with their words. The lexicon is for research; it is not shipped, and neither are
vectors made with it. Without `--vectors` the input embeddings of MiniLM stand in for GloVe, reduced to 100 numbers.
"""

import argparse
from pathlib import Path

import numpy as np

from affectus.frontends.counterfit import Forces, emotion_pairs, enrich
from affectus.frontends.input_vectors import input_vectors
from affectus.frontends.lexicons import emolex
from affectus.frontends.vectors import read_vectors, write_vectors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emolex", type=Path, required=True, help="word-level file, or the JSON of NRCLex")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--vectors", type=Path, help="GloVe text, or another form of affectus.frontends.vectors")
    parser.add_argument("--steps", type=int, default=Forces.steps)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    marks = emolex(options.emolex)
    near, far = emotion_pairs(marks)
    if options.vectors:
        plain = read_vectors(options.vectors)
    else:
        plain = input_vectors("asset:minilm-l6", {word for pair in near for word in pair if word.isalpha()})
    affect = enrich(plain, marks, Forces(steps=options.steps))
    write_vectors(plain, options.out / "plain.npy")
    write_vectors(affect, options.out / "affect.npy")
    place = {word: i for i, word in enumerate(plain.words)}
    print(f"{len(plain.words):,} words, {len(near):,} pairs to pull and {len(far):,} to push")
    for name, pairs in (("word and its emotion", near), ("word and the opposite", far)):
        rows = np.array([[place[a], place[b]] for a, b in pairs if a in place and b in place])
        before, after = (cosine(v.vectors[rows[:, 0]], v.vectors[rows[:, 1]]) for v in (plain, affect))
        print(f"mean cosine of {name}: {before:.3f} plain, {after:.3f} enriched")


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).mean())


if __name__ == "__main__":
    main()
