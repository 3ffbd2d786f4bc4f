"""Pages that are made from the code say all that is in the code."""

from dataclasses import fields

import pytest
from site_scripts import (
    ROOT,
    benchmark_results,
    catalogue,
    command_line,
    docstrings,
    file_formats,
    leaderboard,
    recipes,
    settings,
)

from affectus import registry
from affectus.analysis import Settings
from affectus.cli.app import app
from affectus.corpora.base import corpus, known_corpora
from affectus.evaluation.figures import figures
from affectus.evaluation.protocols import known_protocols
from affectus.evaluation.results import load_results
from affectus.formats import FORMATS
from affectus.media import SUFFIXES, Kind


def test_every_setting_is_described():
    said = docstrings.arguments(Settings)
    assert [f.name for f in fields(Settings) if not said.get(f.name)] == []
    page = settings.render()
    assert all(f"| `{f.name}` |" in page for f in fields(Settings))


def test_every_command_stands_in_the_reference():
    names = [name for name, _ in command_line.commands()]
    assert {"affectus analyze", "affectus systems", "affectus card", "affectus assets fetch"} <= set(names)
    assert len(names) == len(app.registered_commands) + sum(
        len(group.typer_instance.registered_commands) for group in app.registered_groups
    )
    page = command_line.render()
    assert all(f"## `{name}`" in page for name in names)


def test_every_option_has_help():
    for name, function in command_line.commands():
        for shown, _, _, text in command_line.options(function):
            assert text, f"{name} {shown} has no help"


def test_options_are_called_as_on_the_command_line():
    analyze = dict(command_line.commands())["affectus analyze"]
    shown = [names for names, *_ in command_line.options(analyze)]
    assert {"INPUTS", "--out", "--map", "--text-column", "--quiet, -q"} <= set(shown)


def test_every_recipe_stands_there_with_figures_or_a_reason():
    page = recipes.render()
    for name, recipe in recipes.read().items():
        part = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert recipe.command.strip() in part
        assert "- expected: " in part or "- not measured: " in part
        assert str(recipe.took or "") in part


def test_every_column_kind_and_format_is_described():
    page = file_formats.render()
    assert set(file_formats.READ) == set(Kind)
    assert set(file_formats.WRITTEN) == set(FORMATS)
    for suffix in (*SUFFIXES, *FORMATS.values()):
        assert suffix in page
    for column in file_formats.columns():
        assert f"| `{column}` |" in page


def test_every_corpus_stands_in_the_catalogue():
    page = catalogue.corpora_page()
    for name in known_corpora():
        assert f"\n## {name}\n" in page
        assert corpus(name).licence in page
        assert corpus(name).obtain in page


def test_every_system_stands_in_the_catalogue():
    page = catalogue.systems_page()
    for name, entry in registry.entries().items():
        assert f"| `{name}` |" in page
        assert entry.card.licence in page


def test_every_figure_of_a_card_stands_on_its_page():
    page = catalogue.checkpoints_page()
    for card in catalogue.shipped():
        assert f"## {card.name}" in page
        for found in card.figures:
            assert f"{found.value:.3f}" in page


def test_benchmarks_are_listed_with_lowered_headings(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark_results, "RESULTS", tmp_path)
    assert "No result" in benchmark_results.render()
    (tmp_path / "2026-01-01-old.md").write_text("# Old\n\n```\n# no heading\n```\n")
    (tmp_path / "2026-02-01-new.md").write_text("# New\n\nfast\n")
    page = benchmark_results.render()
    assert page.index("## New") < page.index("## Old")
    assert "\n# no heading" in page


@pytest.mark.parametrize("value", ["a: first\n        and more.\n    b: second.", "a: first and more.\n    b: second."])
def test_arguments_of_a_docstring(value):
    def documented():
        pass

    documented.__doc__ = "Do.\n\nArgs:\n    " + value + "\n\nReturns:\n    c: nothing.\n"
    assert docstrings.arguments(documented) == {"a": "first and more.", "b": "second."}


def test_every_system_has_its_page():
    for entry in registry.entries().values():
        module = entry.module.rsplit(".", 1)[-1]
        names = (f"{module}.md", f"{entry.card.system}.md")
        assert any((ROOT / "docs" / "systems" / name).is_file() for name in names), f"write docs/systems/{module}.md"


def test_every_result_stands_on_the_leaderboard_with_its_protocol():
    page = leaderboard.render()
    for result in load_results(leaderboard.RESULTS):
        assert f"## {result.protocol.corpus}" in page
        assert f"### {result.protocol.name}" in page
        first = next(iter(result.metrics.values()))
        assert f"| `{result.name}` | {leaderboard.cell(first)} |" in page
    titles = {p.title: p for p in known_protocols()}
    for title, rows in leaderboard.published().items():
        keys = {f.key for f in figures(titles[title])}
        assert all(set(row) - {"reader", "source", "checked"} <= keys for row in rows)
