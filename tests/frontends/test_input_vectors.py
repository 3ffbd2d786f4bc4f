import numpy as np

from affectus import backbones
from affectus.frontends.input_vectors import input_vectors


def test_principal_components_of_the_embeddings_and_the_mean_of_pieces() -> None:
    made = input_vectors("tiny:bert", ["joy", "a"], dimensions=20)
    table = backbones.text_encoder("tiny:bert").get_input_embeddings().weight.detach().numpy()
    tokens = backbones.tokenizer("tiny:bert")
    whole = [table[tokens.get_vocab()[word]] for word in made.words[:-1]]
    rows = np.stack([*whole, table[tokens("joy", add_special_tokens=False)["input_ids"]].mean(0)])
    assert made.words[-1] == "joy"
    assert made.words.count("a") == 1
    assert made.vectors.shape == (len(made.words), 20)
    assert np.allclose(np.linalg.norm(made.vectors, axis=1), 1, atol=1e-5)
    centred = rows - rows.mean(0)
    full = np.linalg.svd(centred, full_matrices=False)
    reduced = centred @ full[2][:20].T
    reduced /= np.linalg.norm(reduced, axis=1, keepdims=True)
    assert np.allclose(made.vectors @ made.vectors.T, reduced @ reduced.T, atol=1e-4)
