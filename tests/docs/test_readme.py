"""The README: its figures are those of the cards, its Python runs as it stands."""

import re

import pytest
from site_scripts import ROOT, readme_table

from affectus import assets

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_tables_agree_with_cards_and_results():
    assert readme_table.refreshed(README) == README, "run python docs/scripts/readme_table.py"


def test_every_table_is_marked_once():
    for name in readme_table.TABLES:
        assert README.count(f"<!-- {name} -->") == README.count(f"<!-- /{name} -->") == 1


def test_the_size_of_the_download_is_as_stated():
    packages = {str(s.asset.sources[0]): s.asset.download for s in assets.listing() if s.asset.group == "default"}
    stated = int(re.search(r"fetches about (\d+) MB", README)[1])
    assert abs(sum(packages.values()) / 1e6 - stated) < 10


def test_no_registry_host_is_named():
    for name in ("README.md", "CONTRIBUTING.md", "docs/how-to/cpu-torch.md", "docs/how-to/offline.md"):
        assert not re.search(r"--(?:extra-)?index-url\s+http|https?://", (ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.assets
def test_the_python_example_runs(tmp_path, monkeypatch, capsys):
    for row in assets.listing():
        if row.asset.group == "default" and row.state != "ready":
            pytest.skip(f"{row.asset.name} was not fetched")
    (code,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "surprise" in printed
    assert "person-" in printed
    assert (tmp_path / "clip.eaf").is_file()
    assert len(names["table"]) > 10


def test_speed_is_taken_from_the_newest_result(tmp_path, monkeypatch):
    monkeypatch.setattr(readme_table, "RESULTS", tmp_path)
    monkeypatch.setattr(readme_table, "SPEED", {"walk": ("how", "ratio")})
    for day, ratio in (("2026-01-01", "1.5"), ("2026-02-01", "2.5")):
        table = f"| how | n | ratio |\n|---|---|---|\n| slow | 3 | {ratio} |"
        (tmp_path / f"{day}-walk.md").write_text(f"# Walking\n\nBy foot.\n\n{table}\n\n- a note | with a bar\n")
        (tmp_path / f"{day}-walk.json").write_text(f'{{"date": "{day}", "machine": {{"cores": 2, "load": [3.4]}}}}')
    (tmp_path / "2026-03-01-long-walk.md").write_text("# Another")
    shown = readme_table.speed()
    assert "**Walking** (2026-02-01, 2 cores, load 3)" in shown
    assert "| slow | 2.5 |" in shown
    assert "1.5" not in shown
