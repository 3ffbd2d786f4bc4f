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


def test_shipped_recipes_are_valid() -> None:
    files = sorted((Path(__file__).parents[2] / "recipes").glob("text-classifier/*.yaml"))
    assert files
    for path in files:
        assert read_recipe(path).runs
