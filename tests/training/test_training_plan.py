"""What a user names → what is carried out; and the whole way from a table of one's own to readings."""

import json
import sys
from pathlib import Path

import pytest
import torch
import yaml
from typer.testing import CliRunner

from affectus.cli.app import app
from affectus.errors import AffectusError, ConfigError, InputError, UnknownName
from affectus.registry import build, load, systems
from affectus.training.explain import explained
from affectus.training.optim import parameter_groups
from affectus.training.plan import plan
from affectus.training.recipe import read_recipe

RECIPES = Path(__file__).parents[2] / "recipes"
# VADER and HEF have no weights, and hidden-anger makes its labels by its own rule from ratings of writer and readers.
LEARNERS = [e.card.system for e in systems(modality="text") if e.card.system not in ("vader", "hef", "hidden-anger")]
COLUMNS = {"text": "t", "label": "y"}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [f'"we were so {word} today, number {i}",{word},{i / 10}' for i in range(30) for word in ("glad", "cross")]
    path = tmp_path / "Own Texts.csv"
    path.write_text("t,y,n\n" + "\n".join(rows))
    return path


def test_a_table_needs_no_code(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFECTUS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys.modules["affectus.taxonomy.scale"], "_own", {})
    arguments = [
        "train",
        "text-classifier/tiny",
        "epochs=12",
        "batch=4",
        "optim.1.lr=0.003",
        "trackers=[]",
        "--data",
        str(table),
    ]
    done = CliRunner().invoke(app, [*arguments, "--text-column", "t", "--label-column", "y", "--quiet"])
    assert done.exit_code == 0, done.output
    name = "affectus/text-classifier-tiny-own-texts"
    assert name in done.output
    # Another process knows the label set from the checkpoint alone.
    monkeypatch.setattr(sys.modules["affectus.taxonomy.scale"], "_own", {})
    affect = load(name).read(["we were so glad today, number 99"])[0]
    assert affect.top == "glad"
    card = json.loads((tmp_path / "cache" / "checkpoints" / name.split("/")[1] / "card.json").read_text())
    assert "GiB" in card["cost"]
    assert card["licence"].startswith("not to be passed on")


def test_a_table_without_labels_named(table: Path) -> None:
    with pytest.raises(InputError, match="--label-column"):
        plan("text-classifier/tiny", table)
    with pytest.raises(InputError, match=r"no column 'yy'.*did you mean 'y'"):
        plan("text-classifier/tiny", table, columns={"label": "yy", "text": "t"})


def test_a_table_replaces_the_corpora_of_a_recipe(table: Path) -> None:
    made = plan("leia", table, recipe=RECIPES / "leia" / "goemotions.yaml", columns=COLUMNS)
    assert {tuple(run.data) for run in made.recipe.runs.values()} == {("own-texts",)}
    assert made.recipe.runs["tuned"].config["targets"] == [{"scale": "own-texts-y", "perspective": "perceived"}]
    assert "targets" not in made.recipe.runs["masked"].config


def test_own_labels_derive_what_they_can(tmp_path: Path) -> None:
    def derived(labels: str, *changes: str) -> list[str]:
        path = tmp_path / f"{labels} words.csv"
        path.write_text(
            "t,y\n" + "\n".join(f"text {i} of {label},{label}" for i in range(30) for label in labels.split())
        )
        made = plan("text-classifier/minilm-l6", path, columns=COLUMNS, changes=changes)
        return made.recipe.runs["run"].config["derived"]

    assert derived("glad cross") == []  # of which nobody published coordinates
    assert derived("happy sad") == ["valence-arousal"]
    assert derived("happy sad", "config.derived=[ekman-6]") == ["ekman-6"]  # asked for, so refused when it is built


def test_a_system_with_a_recipe(tmp_path: Path) -> None:
    file = RECIPES / "leia" / "goemotions.yaml"
    assert plan("leia", tmp_path, recipe=file).recipe == read_recipe(file)
    runs = plan("leia/tiny", tmp_path, recipe=file).recipe.runs
    assert runs["masked"].system.endswith("-pretrain")  # a variant replaces only the sizes of its own network
    assert runs["tuned"].system == "leia/tiny"
    with pytest.raises(ConfigError, match=r"trains leia/.*not 'text-classifier'"):
        plan("text-classifier", tmp_path, recipe=file)
    with pytest.raises(InputError, match="two recipes"):
        plan(str(file), tmp_path, recipe=file)


def test_a_system_alone_takes_the_values_that_suit_it(tmp_path: Path) -> None:
    folder = tmp_path / "goemotions"
    made = plan("text-classifier/tiny", folder, changes=["epochs=7"])
    run = made.recipe.runs["run"]
    assert (made.name, run.epochs, run.sampler) == ("text-classifier-tiny-goemotions", 7, "length")
    with pytest.raises(UnknownName, match="variant of 'text-classifier'"):
        plan("text-classifier", folder)
    with pytest.raises(UnknownName, match="no corpus named 'elsewhere'"):
        plan("text-classifier/tiny", tmp_path / "elsewhere")


@pytest.mark.parametrize("name", LEARNERS)
def test_every_text_system_learns_from_a_table(name: str, table: Path) -> None:
    column = "n" if name == "wassa-empathy" else "y"  # that one reads levels
    made = plan(f"{name}/tiny", table, columns=COLUMNS | {"label": column})
    run = made.recipe.runs["run"]
    own = made.own["own-texts"]
    system = build(run.system, **run.config)
    if run.method == "descend":
        parameter_groups(system, run.optim)
        batch = system.collate(own["train"][:4]).to("cpu")
        assert torch.stack(list(system.loss(system(**batch.inputs), batch).values())).sum().isfinite()
    assert [target.scale for target in system.config.targets] == [f"own-texts-{column}"]


@pytest.mark.parametrize("file", sorted(RECIPES.glob("*/*.yaml")), ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_printed_recipe_is_the_recipe(file: Path, tmp_path: Path) -> None:
    whole = read_recipe(file)
    (tmp_path / "printed.yaml").write_text(explained(whole))
    assert read_recipe(tmp_path / "printed.yaml") == whole
    assert whole.title
    assert whole.command


def test_the_command_prints_and_stops(tmp_path: Path) -> None:
    file = str(RECIPES / "text-classifier" / "goemotions.yaml")
    done = CliRunner().invoke(app, ["train", file, "--data", str(tmp_path), "--print-config", "epochs=9"])
    assert done.exit_code == 0
    assert yaml.safe_load(done.output)["runs"]["first"]["epochs"] == 9
    wrong = CliRunner().invoke(app, ["train", file, "--data", str(tmp_path), "--print-config", "epoch=9"])
    assert isinstance(wrong.exception, AffectusError)
    assert "epochs" in str(wrong.exception)
