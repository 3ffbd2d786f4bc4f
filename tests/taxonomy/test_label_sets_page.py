import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from affectus.taxonomy import known_maps, known_scales

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture
def script() -> ModuleType:
    path = DOCS / "scripts" / "label_sets.py"
    if not path.exists():
        pytest.skip("the documentation is not part of this copy")
    spec = importlib.util.spec_from_file_location("label_sets", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_agrees_with_the_data(script: ModuleType) -> None:
    assert script.PAGE.read_text(encoding="utf-8") == script.render(), "run python docs/scripts/label_sets.py"


def test_the_page_shows_everything(script: ModuleType) -> None:
    page = script.render()
    for name in known_scales():
        assert f"| `{name}` |" in page
    for one in known_maps():
        assert f"| `{one.source}` | `{one.target}` |" in page
        assert one.loses in page
