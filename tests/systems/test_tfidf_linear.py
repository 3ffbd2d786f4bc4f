"""TF-IDF and linear models against scikit-learn's own vectorisers and estimators."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_union
from sklearn.svm import LinearSVC

from affectus import build, load
from affectus.corpora.base import one_hot, with_gold
from affectus.errors import InputError
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

SCALE = "tweeteval-emotion-4"
WORDS = {"anger": "furious mad", "joy": "glad happy", "optimism": "hope soon", "sadness": "cry lonely"}


def rated(n: int = 48) -> list[Sample]:
    rng = np.random.default_rng(0)
    labels = [scale(SCALE).labels[i % 4] for i in range(n)]
    texts = [" ".join(rng.permutation([*WORDS[g].split(), *rng.choice(["the", "of", "day", "so"], 3)])) for g in labels]
    samples = [Sample(id=str(i), source="made", item=i, text=text) for i, text in enumerate(texts)]
    gold = {SCALE: one_hot([[g] for g in labels], SCALE), "valence": rng.uniform(-1, 1, (n, 1)).astype(np.float32)}
    return with_gold(samples, gold, perspective="perceived", by="me", modality="text")


def test_outputs_equal_scikit_learn() -> None:
    uneven = [i for i in range(48) if i % 4 < 3 or i < 20]  # so that the weights of rare labels show
    samples, labels = [rated()[i] for i in uneven], np.array(uneven) % 4
    texts = [str(s.text) for s in samples]
    common = {"sublinear_tf": True, "min_df": 2}
    both = make_union(
        TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\w+|[^\w\s]+", **common),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), **common),
    )
    table = both.fit_transform(texts)
    targets = (Target(SCALE, "perceived"), Target("valence", "perceived"))
    system = build("tfidf-linear/base", targets=targets)
    system.fit([system.collate(samples[:25]), system.collate(samples[25:])])
    assert len(system.vocabulary.terms) == table.shape[1]
    (outputs, _), *rest = system.run(samples, batch_size=len(samples))
    assert not rest
    expected = LinearSVC(C=0.3, class_weight="balanced").fit(table, labels).decision_function(table)
    np.testing.assert_allclose(outputs[SCALE], expected, atol=1e-3)
    valence = np.array([s.judged("valence")[0] for s in samples])
    expected = Ridge(alpha=1.0).fit(table, valence).predict(table)
    np.testing.assert_allclose(outputs["valence"][:, 0], expected, atol=1e-3)


def test_left_out_parts_calibrate_and_weights_survive_the_folder(tmp_path: Path) -> None:
    system = build("tfidf-linear/tiny")
    held = system.fit([system.collate(rated())])
    assert held is not None
    assert held.outputs[SCALE].shape == (48, 4)
    assert (held.outputs[SCALE].argmax(1) == held.targets[SCALE].argmax(1)).mean() > 0.9
    system.save_pretrained(tmp_path)
    again = load(str(tmp_path))
    texts = ["so glad and happy", "unknown words", "cry"]
    np.testing.assert_array_equal(again.read(texts).scores(SCALE), system.read(texts).scores(SCALE))


def test_a_label_without_texts_is_never_read_and_no_gold_is_an_error() -> None:
    system = build("tfidf-linear/tiny")
    samples = [s for i, s in enumerate(rated()) if i % 4 < 3]  # no sadness
    assert system.fit([system.collate(samples)]) is not None
    assert "sadness" not in {a.top for a in system.read([str(s.text) for s in rated()])}
    with pytest.raises(InputError, match="without gold"):
        system.fit([system.collate([Sample(id="a", text="b")])])
    with pytest.raises(InputError, match="nothing to learn from"):
        system.fit([])
