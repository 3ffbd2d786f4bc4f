"""The system in CONTRIBUTING.md is installed like a package of someone else's and passes the contract suite."""

import re
import sys
from pathlib import Path

import pytest

from affectus import registry
from affectus.testing import check_system

PAGE = Path(__file__).resolve().parents[2] / "CONTRIBUTING.md"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A folder on the path that holds the example, with the metadata of an installed package."""
    found = re.search(r"<!-- example: (\w+)\.py -->\n```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None, "CONTRIBUTING.md has no example"
    module, code = found.groups()
    (tmp_path / "acme_systems").mkdir()
    (tmp_path / "acme_systems" / "__init__.py").touch()
    (tmp_path / "acme_systems" / f"{module}.py").write_text(code, encoding="utf-8")
    info = tmp_path / "acme_systems-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-systems\nVersion: 1.0\n")
    name = module.replace("_", "-")
    (info / "entry_points.txt").write_text(f"[affectus.systems]\n{name} = acme_systems.{module}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.entries.cache_clear()
    yield name
    registry.entries.cache_clear()
    for loaded in [m for m in sys.modules if m.startswith("acme_systems")]:
        del sys.modules[loaded]


def test_the_example_keeps_the_contract(package):
    outcomes = {o.check: o for o in check_system(f"{package}/tiny", slow=True)}
    assert not [o for o in outcomes.values() if o.status == "failed"]
    for must_run in ("check_batching", "check_backward", "check_persistence", "check_learning", "check_bad_input"):
        assert outcomes[must_run].status == "passed", outcomes[must_run]


def test_the_registry_lists_the_example_without_running_it(package):
    assert package in [e.card.system for e in registry.systems(role="reader", modality="text")]
    assert "acme_systems.word_bag" not in sys.modules
    assert len(registry.build(f"{package}/tiny").read(["so happy", "so sad"])) == 2
