import sys

import pytest

from affectus.taxonomy import scale


@pytest.fixture(autouse=True)
def _only_shipped_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scales that other tests registered are out of sight, and ours are forgotten afterwards."""
    monkeypatch.setattr(sys.modules[scale.__module__], "_own", {})
