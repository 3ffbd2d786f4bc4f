import pandas as pd
import pytest


@pytest.fixture
def table(tmp_path):
    rows = [("yes", f"it is no big deal at all {i}") for i in range(12)] + [
        ("no", f"it rains again {i}") for i in range(40)
    ]
    path = tmp_path / "posts.csv"
    pd.DataFrame(rows, columns=["hidden", "text"]).to_csv(path, index=False)
    return path


def test_a_column_against_the_rest(run, table, tmp_path):
    code, shown, error = run(
        "contrast", table, "--column", "hidden=yes", "--out", tmp_path / "e.csv", "--plot", tmp_path / "e.html"
    )
    assert code == 0, error
    assert "hidden=yes: 12 texts; hidden≠yes: 40 texts" in shown
    assert "no big deal   12 (100.0%) against 0 (0.0%)" in shown
    kept = pd.read_csv(tmp_path / "e.csv")
    assert kept[kept["expression"] == "no big deal"]["texts_a"].tolist() == [12]
    assert (tmp_path / "e.html").stat().st_size > 1000


def test_two_files(run, tmp_path):
    (tmp_path / "a.txt").write_text("I am fine.\n" * 10)
    (tmp_path / "b.txt").write_text("It rains.\n" * 10)
    code, shown, _ = run("contrast", tmp_path / "a.txt", tmp_path / "b.txt", "--ngrams", "2")
    assert code == 0
    assert "a.txt: 10 texts; b.txt: 10 texts" in shown
    assert "i am   10 (100.0%)" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "1 files were given"),
        (["--column", "hidden"], "allowed: NAME=VALUE"),
        (["--column", "hiden=yes"], "did you mean 'hidden'"),
        (["--column", "hidden=maybe"], "allowed: no, yes"),
        (["--column", "hidden=yes", "--ngrams", "few"], "--ngrams is 'few'"),
        (["--column", "hidden=yes", "--out", "e.xlsx"], "a .csv file"),
    ],
)
def test_mistakes(run, table, options, message):
    code, _, error = run("contrast", table, *options)
    assert code == 2
    assert message in error
