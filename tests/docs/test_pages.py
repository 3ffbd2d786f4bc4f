"""What README and pages name exists: linked files, commands with their options, make targets, Python names, flags."""

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest
from site_scripts import ROOT, command_line

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
MADE = {"benchmarks.md", "checkpoints.md", "command-line.md", "corpora.md", "files.md", "leaderboard.md",
        "recipes.md", "settings.md", "systems.md", "changelog.md", "contributing.md", "third-party.md"}  # fmt: skip
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMANDS = {tuple(name.split()[1:]): function for name, function in command_line.commands()}


def ids(path):
    return str(path.relative_to(ROOT))


def blocks(path: Path, language: str) -> list[str]:
    return [code for kind, code in FENCE.findall(path.read_text(encoding="utf-8")) if kind == language]


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_to_files_resolve(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if re.match(r"\w+:", target) or Path(target).name in MADE:
            continue
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def named_commands(page: Path) -> list[list[str]]:
    text = page.read_text(encoding="utf-8")
    lines = [line for code in blocks(page, "") for line in code.replace("\\\n", " ").splitlines()]
    found = [line for line in lines if "affectus " in line]
    found += re.findall(r"`(affectus [^`]+)`", FENCE.sub("", text))
    words = []
    for line in found:
        command = re.split(r"(?:^|\|\s*|\s)(?=affectus [a-z])", line.split("#")[0])[-1]
        if command.startswith("affectus "):
            words.append(shlex.split(command)[1:])
    return words


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_named_commands_and_options_exist(page):
    for words in named_commands(page):
        known = next((c for c in sorted(COMMANDS, key=len, reverse=True) if tuple(words[: len(c)]) == c), None)
        if known is None and words == ["--version"]:
            continue
        assert known is not None, f"there is no command `affectus {' '.join(words)}`"
        options = {name for names, *_ in command_line.options(COMMANDS[known]) for name in names.split(", ")}
        for word in words[len(known) :]:
            if word.startswith("--"):
                assert word in options, f"`affectus {' '.join(known)}` has no option {word}"


def test_commands_are_found_in_fences_and_in_sentences():
    assert ["assets", "verify"] in named_commands(ROOT / "docs" / "how-to" / "offline.md")
    assert ["analyze", "-"] in named_commands(ROOT / "docs" / "tutorial" / "first-analysis.md")
    assert ["card", "NAME"] in named_commands(ROOT / "README.md")


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_named_makefile_targets_exist(page):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:^|`)make ([a-z-]+)(?=[`\s])", page.read_text(encoding="utf-8"), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"there is no target {target!r}"


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_imported_names_exist(page):
    for code in blocks(page, "python"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "affectus":
                exec(ast.unparse(node), {})
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "affectus":
                assert hasattr(importlib.import_module("affectus"), node.attr), f"affectus has no {node.attr}"


def test_flags_of_the_report_page_occur_in_the_code():
    page = (ROOT / "docs" / "tutorial" / "report.md").read_text(encoding="utf-8")
    section = page.partition("## Flags")[2].partition("\n## ")[0]
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    flags = re.findall(r"`([a-z-]+:?)", section)
    assert len(flags) > 5
    for flag in flags:
        assert re.search(rf"""["']{re.escape(flag)}""", code), f"no code sets the flag {flag}"
