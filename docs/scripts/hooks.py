"""Hooks of mkdocs: pages that are made from the code, and the systems' pages in the navigation."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))

import benchmark_results
import catalogue
import changelog
import command_line
import file_formats
import recipes
import settings

import leaderboard

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = re.compile(r"\[([^\]]+)\]\((?:\.\./)+(?:benchmarks|examples|recipes|src|tests)/[^)]*\)")
MADE: dict[str, Callable[[], str]] = {
    "benchmarks.md": benchmark_results.render,
    "reference/checkpoints.md": catalogue.checkpoints_page,
    "reference/command-line.md": command_line.render,
    "reference/corpora.md": catalogue.corpora_page,
    "reference/files.md": file_formats.render,
    "reference/leaderboard.md": leaderboard.render,
    "reference/recipes.md": recipes.render,
    "reference/settings.md": settings.render,
    "reference/systems.md": catalogue.systems_page,
    "project/changelog.md": changelog.page,
    "project/contributing.md": lambda: (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"),
    "project/third-party.md": lambda: (
        (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8") or "# Third-party notices\n"
    ),
}


FOLDERS = {"How to": "how-to", "Explanation": "explanation", "Systems": "systems"}
"""Sections of the navigation whose folders are listed in full, so that a new page needs no second edit."""


def on_config(config: Any) -> Any:
    """Add the pages of these folders that the navigation does not name, under the title in their first line."""
    docs = Path(config.docs_dir)
    for entry in list(config.nav):
        (section,) = entry
        if section in FOLDERS:
            named = {path for item in entry[section] for path in item.values()}
            pages = [f"{FOLDERS[section]}/{path.name}" for path in sorted((docs / FOLDERS[section]).glob("*.md"))]
            entry[section] += [{title(docs / page): page} for page in pages if page not in named]
            if not entry[section]:
                config.nav.remove(entry)
    return config


def title(path: Path) -> str:
    """The first heading of a page, else its file name."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((line[2:].strip() for line in lines if line.startswith("# ")), path.stem)


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made."""
    for name, render in MADE.items():
        files.append(File.generated(config, name, content=render()))
    return files


def on_page_markdown(markdown: str, **context: Any) -> str:
    """Links to files of the repository that are no pages become their text."""
    return OUTSIDE.sub(r"\1", markdown)
