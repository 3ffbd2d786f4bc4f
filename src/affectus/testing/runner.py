"""Runs checks and holds them against what a card declares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from affectus import registry
from affectus.errors import AffectusError
from affectus.testing.fast import FAST
from affectus.testing.items import alike
from affectus.testing.slow import SLOW
from affectus.testing.subject import Skip, Subject


@dataclass(frozen=True)
class Outcome:
    """Result of one check.

    Args:
        check: Name of the check.
        status: `passed`, `failed`, `expected` (declared failure that does fail) or `skipped` (does not apply).
        detail: Reason.
    """

    check: str
    status: str
    detail: str = ""


class ContractError(AssertionError):
    """A system breaks the contract; the message lists the checks that failed."""


def run_check(name: str, check: Callable[[Any], None]) -> Outcome:
    """Run one check on a freshly built system with seeded weights.

    Args:
        name: `system/variant`.
        check: One of `FAST` or `SLOW`.
    """
    entry = registry.entry(name)
    declared = entry.card.expected_failures.get(check.__name__)
    detail = ""
    for modality in dict.fromkeys(alike(modality) for modality in entry.card.modalities):
        torch.manual_seed(0)
        subject = Subject(name, entry, modality, registry.build(name))
        try:
            check(subject)
        except Skip as reason:
            return Outcome(check.__name__, "skipped", str(reason))
        except AssertionError as error:
            detail = str(error)
            break
        except AffectusError as error:
            detail = f"{type(error).__name__}: {error}"
            break
    if declared:
        return (
            Outcome(check.__name__, "expected", declared)
            if detail
            else Outcome(check.__name__, "failed", "declared to fail, but passes")
        )
    return Outcome(check.__name__, "failed" if detail else "passed", detail)


def check_system(name: str, *, slow: bool = False) -> list[Outcome]:
    """Run the contract suite on a system.

    Args:
        name: `system/variant`, best the tiny one.
        slow: Also run the checks that train or export; they need the extra `train`.

    Returns:
        The outcome of every check.

    Raises:
        ContractError: If a check fails that the card does not declare.
    """
    outcomes = [run_check(name, check) for check in (*FAST, *(SLOW if slow else ()))]
    broken = [f"{o.check}: {o.detail}" for o in outcomes if o.status == "failed"]
    if broken:
        raise ContractError(f"{name} breaks the contract:\n  " + "\n  ".join(broken))
    return outcomes
