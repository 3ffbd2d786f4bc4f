"""How far the labels of a skip chain are moved by those before them: one's own (inertia), the other's (contagion).

The labels' shares at utterance i without its neighbours are softmax(emissions_i). What is known of an utterance j
before it, its shares p_j, adds log Σ_a p_j(a) exp(table[a, ·]); were nothing known of it, all labels would be as likely
there. The influence of j on i is the Jensen-Shannon divergence (Lin 1991) of the shares at i with p_j and with that,
all other neighbours as they are. It is a measure of ours; the paper of the chain (Liu et al. 2023, arXiv:2303.11117)
has none.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from affectus.nn.chains import BACK, OTHER, SAME, turn_steps


class Edge(NamedTuple):
    """What an utterance before does to the present one.

    Args:
        kind: `inertia`: it is the same speaker's; `contagion`: it is that of who spoke just before.
        before: Its number.
        bits: Influence, in [0, 1].
    """

    kind: Literal["inertia", "contagion"]
    before: int
    bits: float


def influence(
    emissions: np.ndarray, shares: np.ndarray, speakers: np.ndarray, own: np.ndarray, other: np.ndarray
) -> list[list[Edge]]:
    """The influences on each utterance of a dialogue.

    Args:
        emissions: (t, k) log scores; a row of NaN says nothing.
        shares: (t, k) probabilities of the labels; a row of NaN takes part in no edge.
        speakers: (t,) numbers.
        own: (k, k) table from a speaker's label before to the present one.
        other: (k, k) table from the other's label.
    """
    steps, latest = turn_steps(speakers), dict[int, int]()
    out: list[list[Edge]] = []
    for i, (step, who) in enumerate(zip(steps.tolist(), speakers.tolist(), strict=True)):
        before = [("inertia", latest[who], own)] if step in (SAME, BACK) else []
        before += [("contagion", i - 1, other)] if step in (OTHER, BACK) else []
        known = [edge for edge in before if np.isfinite(shares[[i, edge[1]]]).all()]
        told = [_message(shares[j], table) for _, j, table in known]
        blank = [_message(np.full(len(own), 1 / len(own)), table) for _, _, table in known]
        whole = np.nan_to_num(emissions[i]) + sum(told, np.zeros(len(own)))
        out.append(
            [
                Edge(kind, j, _divergence(whole, whole - with_it + without))  # type: ignore[arg-type]
                for (kind, j, _), with_it, without in zip(known, told, blank, strict=True)
            ]
        )
        latest[who] = i
    return out


def _message(p: np.ndarray, table: np.ndarray) -> np.ndarray:
    top = table.max(0)
    return top + np.log(p @ np.exp(table - top) + 1e-300)


def _divergence(a: np.ndarray, b: np.ndarray) -> float:
    """Jensen-Shannon divergence in bits of two softmaxes."""
    p, q = (np.exp(x - x.max()) / np.exp(x - x.max()).sum() for x in (a, b))
    middle = (p + q) / 2
    terms = [x * np.log2(np.divide(x, middle, out=np.ones_like(x), where=x > 0)) for x in (p, q)]
    return float(np.clip((terms[0].sum() + terms[1].sum()) / 2, 0, 1))
