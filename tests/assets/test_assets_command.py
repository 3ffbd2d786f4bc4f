"""The `affectus assets` commands, on small assets made here."""

from __future__ import annotations

import json

import pytest
from toy_assets import toy, wheel
from typer.testing import CliRunner

from affectus.assets import manifest
from affectus.assets.manifest import Source
from affectus.cli.assets import app
from affectus.errors import AssetError

DATA = {"weights.bin": b"\x00\x01" * 5000}
SOURCE = Source(package="toy-weights", version="1.0", folder="toy")


@pytest.fixture
def shop(cache, index, offer):
    """One asset that can be fetched and one whose source has gone."""
    wheel(index, SOURCE.package, SOURCE.version, {f"toy/{name}": data for name, data in DATA.items()})
    offer(toy(DATA, [SOURCE]), toy(DATA, [Source(package="gone", version="1")], name="gone", group="chat"))
    return cache


def run(*arguments: str):
    return CliRunner().invoke(app, list(arguments), catch_exceptions=True)


def test_list_fetch_verify_remove(shop):
    before = {row["name"]: row["state"] for row in json.loads(run("list", "--json").stdout)}
    assert before == {"toy": "missing", "gone": "missing"}
    fetched = run("fetch", "--json")
    assert fetched.exit_code == 0
    assert json.loads(fetched.stdout) == [str(path) for path in (shop / "toy").iterdir()]
    row = json.loads(run("list", "--json").stdout)[0]
    assert row["state"] == "ready"
    assert row["bytes"] > 10_000
    assert row["sources"] == ["toy-weights 1.0"]
    assert json.loads(run("verify", "--json").stdout) == ["toy"]
    assert json.loads(run("remove", "toy", "--json").stdout) == {"freed": row["bytes"], "left": 0}


def test_the_table_fits_eighty_columns(cache, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = run("list").stdout  # the real manifest, none of it fetched
    for asset in manifest.table().values():
        for word in (asset.name, asset.role, asset.licence, asset.group):
            assert word in shown
    assert shown.count("missing") >= len(manifest.select("default"))
    assert max(map(len, shown.splitlines()[1:])) <= 80


def test_people_are_told_what_happened(shop):
    assert "nothing has been fetched" in run("verify").stdout
    run("fetch")
    assert "1 verified: toy" in run("verify").stdout
    assert "freed" in run("remove", "toy").stdout


def test_stdout_carries_nothing_but_the_answer(shop):
    assert run("fetch").stdout == ""


@pytest.mark.parametrize(
    "arguments", [("fetch", "--offline"), ("fetch", "gone"), ("fetch", "nothing"), ("remove", "x")]
)
def test_a_mistake_is_one_of_our_errors(shop, arguments):
    done = run(*arguments)
    assert done.exit_code != 0
    assert isinstance(done.exception, AssetError | LookupError)
    assert "\n" not in str(done.exception)


def test_a_damaged_file_fails_verification(shop):
    run("fetch")
    (target,) = shop.rglob("weights.bin")
    target.write_bytes(b"x" * 10_000)
    assert isinstance(run("verify").exception, AssetError)
