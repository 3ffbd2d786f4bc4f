"""`affectus train` and `affectus evaluate` on a small copy of GoEmotions' format."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import affectus
from affectus.card import CheckpointCard
from affectus.cli.evaluate import evaluate
from affectus.cli.train import train
from affectus.errors import AffectusError, ConfigError, InputError, UnknownName

WORDS = {17: "happy", 2: "furious", 14: "afraid", 25: "sad", 15: "thank you"}

app = typer.Typer(pretty_exceptions_enable=False)
app.command("train")(train)
app.command("evaluate")(evaluate)


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def told(*arguments: object) -> str:
    """What a command says beside its result."""
    return CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False).stderr


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "goemotions"
    folder.mkdir()
    for split, n in (("train", 60), ("dev", 40), ("test", 40)):
        ids = [list(WORDS)[i % 5] for i in range(n)]
        rows = [f"well {'very ' * (i % 4)}{WORDS[k]} {i}\t{k}\t{split}{i}\n" for i, k in enumerate(ids)]
        (folder / f"{split}.tsv").write_text("".join(rows))
    return folder


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(
        "runs:\n  small:\n    system: text-classifier/tiny\n    data: {goemotions: 1}\n    sampler: length\n"
        "    epochs: 8\n    batch: 8\n    optim: [{match: '*', lr: 0.01}]\n"
    )
    return path


def test_from_a_recipe_to_a_reader_without_torch(corpus: Path, recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "made"
    assert str(out) in run("train", recipe, "epochs=12", "--data", corpus, "--out", out, "--onnx", "--quiet")
    reader = affectus.load(str(out))
    assert type(reader).__name__ == "OnnxReader"
    assert reader.read(["well furious 2"])[0].top == "anger"
    card = CheckpointCard.load(out)
    assert card.licence == "as the data"
    assert "optimistic" in card.figures[0].split
    assert (out / "README.md").read_text().startswith("# affectus/made")
    known = {figure.metric for figure in card.figures}
    assert {"macro-F1", "conformal coverage", "ECE of the top label"} <= known
    place = ("--on", "goemotions", "--data", corpus, "--quiet")
    assert "macro-F1" in run("evaluate", out, *place, "--bootstrap", 50)
    found = json.loads(run("evaluate", out, *place, "--bootstrap", 50, "--json"))
    assert found["protocol"]["split"] == "test"
    figure = found["metrics"]["macro_f1"]
    assert figure["low"] <= figure["value"] <= figure["high"]
    assert figure["n"] == 40
    # A second start with --resume finds everything done.
    before = (out / "model.safetensors").stat().st_mtime_ns
    run("train", recipe, "epochs=12", "--data", corpus, "--out", out, "--onnx", "--quiet", "--resume")
    assert (out / "model.safetensors").stat().st_mtime_ns == before


def test_what_a_recipe_expects_is_measured_in_the_end(corpus: Path, recipe: Path, tmp_path: Path) -> None:
    plain = recipe.read_text()
    recipe.write_text(
        f"command: affectus train {recipe} epochs=3\n"
        "expect:\n  macro_f1: {value: 0.5, tolerance: 0.6, by: goemotions/official}\n"
        "  jaccard: {value: 2.5, tolerance: 0.1, by: goemotions/official}\n"
        "  uar: {value: 0.5, tolerance: 0.1, by: benchmarks/voice_accuracy.py}\n"
        "  AUC: {value: 0.5, tolerance: 0.1, by: card}\n"
        "  accuracy: {value: 0.5, tolerance: 0.1, by: isear/5-fold}\n"
        "took: {minutes: 1, gib: 0.5, machine: one core}\n" + plain
    )
    place = ("--data", corpus, "--quiet")
    lines = told("train", recipe, "epochs=3", *place, "--out", tmp_path / "made").splitlines()
    (first, second, third, fourth, fifth, cost, stated) = lines
    assert first.startswith("macro_f1 by goemotions/official: 0.")
    assert first.endswith("expected 0.5 ± 0.6: as expected")
    assert second.endswith("expected 2.5 ± 0.1: OUTSIDE the tolerance")
    assert "measured by benchmarks/voice_accuracy.py, not by this run" in third
    assert "card has no such figure" in fourth
    assert "anew for each fold" in fifth
    assert "GiB" in cost
    assert stated == "the recipe says 1 minutes, 0.5 GiB, one core"
    assert "OUTSIDE" not in told(
        "train", recipe, *place, "--out", tmp_path / "made", "--resume", "epochs=3", "--no-check"
    )
    # Other values than the command's are no run of this recipe.
    assert "was changed" in told("train", recipe, *place, "batch=16", "--out", tmp_path / "other")
    recipe.write_text("unverified: nobody had the data\n" + plain)
    assert "nobody had the data" in told("train", recipe, *place, "--out", tmp_path / "third")
    recipe.write_text("expect: {recall: {value: 0.5, tolerance: 0.1, by: goemotions/official}}\n" + plain)
    with pytest.raises(UnknownName, match="no figure of 'goemotions/official' named 'recall'"):
        told("train", recipe, *place, "--out", tmp_path / "fourth")
    assert not (tmp_path / "fourth").exists()  # said before the training, not after it


def test_a_system_on_a_corpus_named_by_its_folder(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFFECTUS_CACHE", str(tmp_path / "cache"))
    said = run("train", "text-classifier/tiny", "sampler=length", "--data", corpus, "--quiet")
    assert said.startswith("affectus/text-classifier-tiny-goemotions")
    assert affectus.load("affectus/text-classifier-tiny-goemotions").read(["a"])[0].by == said.split()[0]


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (["text-classifier/tiny"], InputError, "--data is missing"),
        (["text-classifier/tiny", "epoch=2", "--data", "CORPUS"], ConfigError, "did you mean 'epochs'"),
        (["text-clasifier/tiny", "--data", "CORPUS"], UnknownName, "did you mean 'text-classifier'"),
        (["text-classifier/tiny", "--data", "ELSEWHERE"], UnknownName, "no corpus named"),
        (["nowhere.yaml", "--data", "CORPUS"], AffectusError, "no recipe"),
        (["RECIPE", "--recipe", "RECIPE", "--data", "CORPUS"], InputError, "two recipes"),
        (["RECIPE", "data={isear: 1}", "--data", "CORPUS"], AffectusError, "corpus 'isear' was not found"),
        (["RECIPE", "splits.train=al", "--data", "CORPUS"], UnknownName, "split of 'goemotions'"),
    ],
)
def test_mistakes_are_named(
    corpus: Path, recipe: Path, tmp_path: Path, arguments: list[str], error: type[Exception], says: str
) -> None:
    places = {"CORPUS": str(corpus), "RECIPE": str(recipe), "ELSEWHERE": str(tmp_path)}
    with pytest.raises(error, match=says):
        run("train", *[places.get(a, a) for a in arguments], "--out", tmp_path / "out", "--quiet")
