from pathlib import Path

import pytest

from affectus.errors import ConfigError, FileError
from affectus.training.recipe import read_recipe

TEXT = """
runs:
  one:
    system: text-classifier/tiny
    data: {goemotions: 1}
    optim: [{match: "*", lr: 0.001}]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(TEXT)
    return path


def test_values_and_defaults(file: Path) -> None:
    run = read_recipe(file).runs["one"]
    assert run.optim[0].lr == 0.001
    assert run.splits == {"train": "train", "watch": "dev"}
    assert run.method == "descend"


def test_changes_reach_every_run_or_the_named_one(file: Path) -> None:
    assert read_recipe(file, ["epochs=3", "schedule.warmup=0.5"]).runs["one"].schedule.warmup == 0.5
    assert read_recipe(file, ["one.optim.0.lr=0.5"]).runs["one"].optim[0].lr == 0.5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("epoch=3", "did you mean 'epochs'"),
        ("optim.0.weight_deca=1", "did you mean 'weight_decay'"),
        ("schedule.warm=1", "did you mean 'warmup'"),
        ("epochs=0", "greater than or equal to 1"),
        ("epochs=many", "epochs is 'many'"),
        ("sampler=lenght", "'shuffle', 'length'"),
        ("epochs", "key=value"),
        ("clip=-1", "greater than 0"),
    ],
)
def test_wrong_changes_say_what_is_allowed(file: Path, change: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says.replace("(", r"\(")):
        read_recipe(file, [change])


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no recipe"):
        read_recipe(tmp_path / "absent.yaml")
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(FileError, match="no YAML"):
        read_recipe(tmp_path / "bad.yaml")
    (tmp_path / "empty.yaml").write_text("title: x")
    with pytest.raises(ConfigError, match="has no runs"):
        read_recipe(tmp_path / "empty.yaml")


def test_expected_figures_and_costs_are_checked(file: Path) -> None:
    file.write_text(TEXT + "took: {minutes: 2, gib: 1.5, machine: one core}\n")
    assert str(read_recipe(file).took) == "2 minutes, 1.5 GiB, one core"
    for line, says in (
        ("took: half an hour", "took is 'half an hour'"),
        ("expect: {macro_f1: {value: 0.5, tolerance: 0, by: card}}", "greater than 0"),
        ("expect: {macro_f1: {value: 0.5, tolerance: 0.1, by: card, datta: x}}", "did you mean 'data'"),
        ("expects: {}", "did you mean 'expect'"),
    ):
        file.write_text(TEXT + line)
        with pytest.raises(ConfigError, match=says):
            read_recipe(file)
