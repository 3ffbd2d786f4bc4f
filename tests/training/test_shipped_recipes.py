"""Every recipe says what it gives and what it costs, or why nobody knows."""

from pathlib import Path

import pytest
import yaml

from affectus.corpora.base import corpus
from affectus.registry import configuration
from affectus.training.expected import BENCHMARK, CARD, measured_by
from affectus.training.recipe import Recipe, read_recipe

ROOT = Path(__file__).parents[2]
SHIPPED = {f"affectus/{folder.name}" for folder in (ROOT / "src" / "affectus" / "weights").iterdir()}
FILES = sorted((ROOT / "recipes").glob("**/*.y*ml"))


@pytest.fixture(params=FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def file(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def recipe(file: Path) -> Recipe:
    return read_recipe(file)  # unknown keys and wrong values are errors


def test_there_are_recipes_for_every_trained_text_system() -> None:
    folders = {path.parent.name for path in FILES}
    assert {"leia", "redaffectivelm", "hidden-anger", "wassa-empathy", "text-classifier", "tfidf-linear"} <= folders


def test_it_has_an_expectation_or_a_reason(recipe: Recipe) -> None:
    assert recipe.expect or recipe.unverified, "either measured figures, or why there are none"
    assert recipe.took or recipe.unverified, "either what it took, or why nobody knows"
    for published in recipe.published.values():
        assert published.data
        assert published.source
    if recipe.took is not None:
        assert "core" in recipe.took.machine


def test_what_measures_a_figure_exists(recipe: Recipe) -> None:
    for metric, expected in recipe.expect.items():
        of = measured_by(expected, metric)  # unknown protocols and figures are errors
        if of is not None:
            assert corpus(of.corpus).targets
        elif expected.by != CARD:
            assert expected.by.startswith(BENCHMARK)
            assert (ROOT / expected.by).is_file()


def test_a_tolerance_can_fail(recipe: Recipe) -> None:
    for metric, expected in recipe.expect.items():
        assert expected.tolerance <= 0.1, metric
        assert 0 < expected.value < 1, metric


def test_its_systems_corpora_and_earlier_runs_exist(recipe: Recipe, file: Path) -> None:
    earlier: set[str] = set()
    for name, run in recipe.runs.items():
        assert configuration(run.system, **run.config)
        assert run.system.split("/")[0] == file.parent.name
        for one in run.data:
            known = set(corpus(one).splits)
            assert not known or set(run.splits.values()) <= known | {"train", "dev", "test", "all"}
        outside = set(run.init) - earlier - SHIPPED
        assert not outside or recipe.unverified, f"{name} starts from {outside}, which no run of the recipe makes"
        earlier.add(name)


def test_no_key_is_said_twice(file: Path) -> None:
    def pairs(node: yaml.Node) -> None:
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value]
            assert len(keys) == len(set(keys)), f"{file.name}: {keys}"
            for _, value in node.value:
                pairs(value)
        elif isinstance(node, yaml.SequenceNode):
            for value in node.value:
                pairs(value)

    pairs(yaml.compose(file.read_text(encoding="utf-8")))


def test_the_command_names_the_recipe(recipe: Recipe, file: Path) -> None:
    assert file.relative_to(ROOT).as_posix() in recipe.command
