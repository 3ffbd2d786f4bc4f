import json


def test_systems_as_table_and_json(run):
    code, shown, _ = run("systems")
    assert code == 0
    assert "text-classifier" in shown
    rows = json.loads(run("systems", "--modality", "text", "--role", "reader", "--json")[1])
    assert all("text" in r["modalities"] and "reader" in r["roles"] for r in rows)
    assert run("systems", "zzz*")[1].strip() == "nothing fits"


def test_a_wrong_role_is_named(run):
    code, _, error = run("systems", "--role", "reder")
    assert code == 2
    assert "did you mean 'reader'" in error


def test_cards(run):
    code, shown, _ = run("card", "text-classifier")
    assert code == 0
    assert "licence:" in shown
    assert json.loads(run("card", "text-classifier", "--json")[1])["system"] == "text-classifier"
    assert run("card", "no-such")[0] == 2


def test_checkpoints_show_a_known_figure(run):
    rows = json.loads(run("systems", "--checkpoints", "--json")[1])
    for row in [r for r in rows if "affectus/weights" in r["folder"]]:
        assert row["known"], f"{row['checkpoint']} shows no measured figure"
        assert json.loads(run("card", row["checkpoint"], "--json")[1])["name"] == row["checkpoint"]
        assert "Measured" in run("card", row["checkpoint"])[1]


def test_version(run):
    assert run("--version")[1].startswith("affectus 0")
