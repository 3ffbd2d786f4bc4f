"""Every registered system, at its tiny size, under the public contract suite."""

import pytest

from affectus import registry
from affectus.testing import FAST, SLOW, run_check

TINY = [f"{name}/tiny" for name in registry.entries()]


@pytest.mark.parametrize("check", FAST, ids=lambda c: c.__name__)
@pytest.mark.parametrize("name", TINY)
def test_contract(name, check):
    outcome = run_check(name, check)
    if outcome.status == "skipped":
        pytest.skip(outcome.detail)
    assert outcome.status in ("passed", "expected"), outcome.detail


@pytest.mark.slow
@pytest.mark.parametrize("check", SLOW, ids=lambda c: c.__name__)
@pytest.mark.parametrize("name", TINY)
def test_slow_contract(name, check):
    outcome = run_check(name, check)
    if outcome.status == "skipped":
        pytest.skip(outcome.detail)
    assert outcome.status in ("passed", "expected"), outcome.detail


def test_every_system_has_a_tiny_size():
    for name, entry in registry.entries().items():
        assert "tiny" in entry.variants, f"{name} has no tiny size"
