import sys

import pytest

from affectus.taxonomy import scale


@pytest.fixture(autouse=True)
def _own_scales_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is not known to the next."""
    monkeypatch.setattr(sys.modules[scale.__module__], "_own", {})
