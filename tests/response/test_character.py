"""Personas from YAML: whole, partly, and broken."""

import pytest

from affectus.errors import ConfigError, FileError
from affectus.response import load_character
from affectus.response.scene import setting


def test_the_shipped_one_stands():
    friendly = load_character()
    assert friendly.name == "Robin"
    assert set(friendly.persona.traits) == {
        "openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism"
    }  # fmt: skip


def test_a_file_changes_what_it_names(tmp_path):
    file = tmp_path / "mo.yaml"
    file.write_text("name: Mo\nstyle: dry\ntraits: {extraversion: 0.1}\nlimits: {words: 20, never: [cheer up]}\n")
    mo = load_character(file)
    assert (mo.name, mo.limits.words, mo.limits.never, mo.traits.extraversion) == ("Mo", 20, ("cheer up",), 0.1)
    assert mo.hand_over == load_character().hand_over
    assert "You are Mo, dry. You are quiet." in setting(mo)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "line 2 is not YAML"),
        ("just words", "holds no keys"),
        ("nmae: Mo", "unknown key 'nmae'.*did you mean 'name'"),
        ("traits: {opennes: 0.5}", "unknown key 'traits.opennes'.*did you mean 'openness'"),
        ("traits: {openness: 7}", "traits.openness is 7.*less than or equal to 1"),
        ("limits: {words: many}", "limits.words is 'many'"),
        ("languages: []", "languages is"),
        ("hand_over: ''", "hand_over is ''"),
    ],
)
def test_a_broken_file_says_what_is_wrong(tmp_path, text, message):
    file = tmp_path / "broken.yaml"
    file.write_text(text + "\n")
    with pytest.raises(ConfigError, match=message):
        load_character(file)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileError, match="can't be read"):
        load_character(tmp_path / "nobody.yaml")
    (tmp_path / "odd.yaml").write_bytes(b"name: \xff")
    with pytest.raises(FileError, match="UTF-8"):
        load_character(tmp_path / "odd.yaml")
