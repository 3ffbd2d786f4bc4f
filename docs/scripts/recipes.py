"""The reference page of the recipes, made from the files in `recipes/`."""

from __future__ import annotations

from pathlib import Path

from affectus.training.recipe import Recipe, read_recipe

FOLDER = Path(__file__).resolve().parents[2] / "recipes"
HEAD = """# Recipes

Made from the files in `recipes/`. An expected figure was measured when the recipe was run with its own command; ± is
how far another seed or machine may be from it. A figure *by* a protocol is measured again at the end of every run that
follows the command, and `affectus train` says whether it lies within the tolerance. Where a protocol has folds, or a
benchmark is named, several trainings are needed, which `affectus evaluate RECIPE` or that script carries out.
*Published* figures stand as their papers print them; nobody here ran them. Keys: [Train a system](../how-to/train.md).
"""


def read() -> dict[str, Recipe]:
    """`system/name` → recipe."""
    return {f"{path.parent.name}/{path.stem}": read_recipe(path) for path in sorted(FOLDER.glob("*/*.yaml"))}


def render() -> str:
    """The whole page as Markdown."""
    lines = [HEAD, "| recipe | what it trains | expected | minutes | GiB |", "|---|---|---|---|---|"]
    found = read()
    for name, recipe in found.items():
        cost = (f"{recipe.took.minutes:g}", f"{recipe.took.gib:g}") if recipe.took else ("", "")
        wanted = [f"{metric} {one.value:g} ± {one.tolerance:g}" for metric, one in recipe.expect.items()]
        shown = ", ".join(wanted) or "not measured"
        lines.append(f"| [`{name}`](#{name.replace('/', '')}) | {recipe.title} | {shown} | {' | '.join(cost)} |")
    for name, recipe in found.items():
        lines += ["", f"## {name}", "", f"{recipe.title}.", "", "```", recipe.command.strip(), "```", ""]
        lines += section(recipe)
    return "\n".join(lines) + "\n"


def section(recipe: Recipe) -> list[str]:
    """What is known of one recipe."""
    lines = [
        f"- expected: {metric} {one.value:g} ± {one.tolerance:g} by `{one.by}`" + (f"; {one.data}" if one.data else "")
        for metric, one in recipe.expect.items()
    ]
    lines += [f"- not measured: {recipe.unverified}"] * bool(recipe.unverified)
    lines += [
        f"- published: {metric} {one.value:g}, {one.data} ({one.source})" for metric, one in recipe.published.items()
    ]
    lines += [f"- took: {recipe.took}"] if recipe.took else []
    corpora = dict.fromkeys(name for run in recipe.runs.values() for name in run.data)
    links = ", ".join(f"[{name}](corpora.md#{name})" for name in corpora)
    return [*lines, f"- learns from: {links}"]
