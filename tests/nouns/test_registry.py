import textwrap

import pytest

from affectus import registry
from affectus.errors import CheckpointError, ConfigError, UnknownName

SYSTEM = '''
"""A system."""
raise RuntimeError("reading the registry must not run this")
CARD = Card(system="acme", cls="Acme", roles=("reader",), modalities=("text",), unit="turn", title="t", paper="p",
            licence="l", proof="equations")
VARIANTS = {"tiny": Config(), "base": Config(width=8)}
'''


def test_a_system_file_is_read_without_running_it(tmp_path):
    path = tmp_path / "acme.py"
    path.write_text(SYSTEM)
    entry = registry.parse(path, "acme")
    assert (entry.card.system, entry.card.cls, entry.variants) == ("acme", "Acme", ("tiny", "base"))


@pytest.mark.parametrize(
    "source", ["", "CARD = make_card()\nVARIANTS = {}", "CARD = Card(system=NAME)\nVARIANTS = {'tiny': 1}"]
)
def test_a_card_that_is_not_literal_is_refused(tmp_path, source):
    path = tmp_path / "acme.py"
    path.write_text(textwrap.dedent(source))
    with pytest.raises(ConfigError, match="literal"):
        registry.parse(path, "acme")


def test_every_entry_points_to_its_class():
    for name, entry in registry.entries().items():
        cls, variants = entry.load()
        assert cls.__name__ == entry.card.cls
        assert tuple(variants) == entry.variants
        assert entry.module.rsplit(".", 1)[-1] == name.replace("-", "_")


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(UnknownName, match="affectus systems"):
        registry.build("no-such-system/tiny")
    with pytest.raises(UnknownName, match="checkpoint"):
        registry.load("affectus/no-such-reader")
    known = next(iter(registry.entries()))
    with pytest.raises(UnknownName, match="tiny"):
        registry.build(f"{known}/tinny")


def test_loading_an_architecture_says_how_to_get_weights():
    known = next(iter(registry.entries()))
    with pytest.raises(CheckpointError, match=r"affectus\.build.*affectus train"):
        registry.load(f"{known}/tiny")


def test_a_damaged_folder_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"config\.json"):
        registry.load(str(tmp_path))
