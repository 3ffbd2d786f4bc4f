"""The site builds without a warning, and loads nothing from elsewhere."""

import re
import subprocess
import sys

import pytest
from site_scripts import ROOT

FETCHED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*?\bsrc=["'](?:https?:)?//|<link\b[^>]*?rel=["'](?:stylesheet|preload|preconnect)["'][^>]*?href=["'](?:https?:)?//|@import\s+(?:url\()?["']?https?:"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("material")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_pages_load_nothing_from_elsewhere(site):
    pages = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(pages) > 25
    for page in pages:
        found = FETCHED.search(page.read_text(encoding="utf-8"))
        assert found is None, f"{page.name}: {found and found[0]}"


@pytest.mark.slow
def test_made_pages_are_there(site):
    for name in (
        "reference/command-line",
        "reference/settings",
        "reference/systems",
        "benchmarks",
        "project/changelog",
    ):
        assert (site / f"{name}.html").is_file()
    assert "check_system" in (site / "reference" / "python.html").read_text(encoding="utf-8")
