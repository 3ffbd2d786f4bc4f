"""REDAffectiveLM after its context encoder, in float64, with loops over steps and units: slow, nothing shared."""

from math import exp, tanh
from typing import Any

import numpy as np


def sigmoid(z: float) -> float:
    return 1 / (1 + exp(-z))


def relu_lstm(x: np.ndarray, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """States (t, u) of one sequence (t, d); columns in Keras's order: input, forget, cell, output."""
    units = len(recurrent)
    h, c = [0.0] * units, [0.0] * units
    states = []
    for step in x:
        z = [
            sum(step[i] * kernel[i, j] for i in range(len(step)))
            + sum(h[i] * recurrent[i, j] for i in range(units))
            + bias[j]
            for j in range(4 * units)
        ]
        before = c
        c = [sigmoid(z[units + j]) * before[j] + sigmoid(z[j]) * max(z[2 * units + j], 0.0) for j in range(units)]
        h = [sigmoid(z[3 * units + j]) * max(c[j], 0.0) for j in range(units)]
        states.append(list(h))
    return np.array(states)


def both_ways(x: np.ndarray, ahead: dict[str, np.ndarray], back: dict[str, np.ndarray]) -> np.ndarray:
    """States (t, 2 u) of one sequence."""
    return np.concatenate([relu_lstm(x, **ahead), relu_lstm(x[::-1], **back)[::-1]], axis=1)


def attend(states: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum over steps and weights of one sequence; the bias is one number a step."""
    raw = [exp(tanh(float(np.dot(row, weight)) + float(b))) for row, b in zip(states, bias, strict=False)]
    weights = np.array(raw) / (sum(raw) + 1e-7)
    return sum(w * row for w, row in zip(weights, states, strict=True)), weights


def profile(document: np.ndarray, vectors: np.ndarray, weights: dict[str, Any]) -> np.ndarray:
    """Profile of one text from its document vector and its word vectors (t, d)."""
    states = both_ways(vectors, weights["ahead"], weights["back"])
    x = np.concatenate([document, attend(states, weights["weight"], weights["bias"])[0]])
    for matrix, offset in weights["dense"]:
        x = np.maximum(matrix @ x + offset, 0)
    matrix, offset = weights["output"]
    z = np.exp(matrix @ x + offset)
    return z / z.sum()


def weights_of(system: Any) -> dict[str, Any]:
    """The parameters of a system as float64 arrays."""

    def lstm(part: Any) -> dict[str, np.ndarray]:
        return {name: array(getattr(part, name)) for name in ("kernel", "recurrent", "bias")}

    def dense(part: Any) -> tuple[np.ndarray, np.ndarray]:
        return array(part.weight), array(part.bias)

    return {
        "ahead": lstm(system.ahead),
        "back": lstm(system.back),
        "weight": array(system.attention.weight),
        "bias": array(system.attention.bias),
        "dense": [dense(layer) for layer in system.dense],
        "output": dense(system.output),
    }


def array(tensor: Any) -> np.ndarray:
    return tensor.detach().numpy().astype(np.float64)
