"""The Python of the tutorial and the how-to pages runs as it stands, on the files of `examples/`."""

import re

import pytest
from site_scripts import ROOT

import affectus
from affectus import assets

pytestmark = [pytest.mark.assets, pytest.mark.slow]
DOCS = ROOT / "docs"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    for row in assets.listing():
        if row.asset.group == "default" and row.state != "ready":
            pytest.skip(f"{row.asset.name} was not fetched")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(page, skip=()):
    """Run the Python blocks of a page one after another; returns the names that they leave behind."""
    names = {}
    code = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert code
    for block in code:
        if not any(word in block for word in skip):
            exec(compile(block, page, "exec"), names)
    return names


def test_first_analysis():
    names = run("tutorial/first-analysis.md")
    assert len(names["timeline"]) == 2
    assert names["affect"].evidence


def test_working_with_results(folder):
    affectus.analyze("examples/call.flac", out="results/call", formats=["parquet"], transcript="examples/call.srt")
    names = run("tutorial/results.md")
    assert len(names["joy"]) == len(names["timeline"].where(modality="fused", track="person-1"))
    assert {path.suffix for path in (folder / "results" / "call").iterdir()} >= {".eaf", ".TextGrid", ".vtt"}


def test_labels():
    names = run("how-to/labels.md")
    assert all(set(affect.scores["ekman-6"]) for affect in names["timeline"])


def test_tables():
    joined = run("how-to/chats.md", skip=["export.jsonl"])["joined"]
    assert joined["ekman-6+neutral/joy"].notna().all()


def test_fusion():
    names = run("explanation/fusion.md")
    fused = names["timeline"].where(modality="fused")
    assert len(fused)
    for affect in fused:
        assert abs(sum(e.weight for e in affect.evidence) - 1) < 1e-3
