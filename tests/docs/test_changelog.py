import pytest
from site_scripts import ROOT, changelog

from affectus.errors import InputError


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "changelog.d"
    folder.mkdir()
    (folder / "beta.added.md").write_text("A new reader\nof music.\n")
    (folder / "alpha.science.md").write_text("Figures moved.\n")
    return tmp_path


def test_every_fragment_of_the_project_is_well_named():
    assert any(changelog.fragments(ROOT / "changelog.d").values())


def test_the_page_shows_fragments_by_kind_above_past_releases(project):
    (project / "CHANGELOG.md").write_text("# Changelog\n\n## 0.1.0 (2026-01-01)\n\n### Added\n\n- Everything.\n")
    page = changelog.page(project)
    assert page.index("Not yet released") < page.index("A new reader of music.") < page.index("## 0.1.0")
    assert page.index("### Added") < page.index("### Science")
    assert page.count("# Changelog\n") == 1


def test_a_release_moves_fragments_into_the_file(project):
    changelog.release("0.2.0", "2026-12-01", project)
    text = (project / "CHANGELOG.md").read_text()
    assert text.startswith("# Changelog\n\n## 0.2.0 (2026-12-01)\n")
    assert "- Figures moved." in text
    assert not list((project / "changelog.d").iterdir())
    (project / "changelog.d" / "gamma.fixed.md").write_text("Mended.")
    changelog.release("0.3.0", "2026-12-24", project)
    text = (project / "CHANGELOG.md").read_text()
    assert text.index("0.3.0") < text.index("0.2.0")
    with pytest.raises(InputError, match="already"):
        changelog.release("0.2.0", "2026-12-31", project)


@pytest.mark.parametrize("name", ["notes.md", "notes.feature.md", "notes.added.txt"])
def test_a_misnamed_fragment_is_refused(project, name):
    (project / "changelog.d" / name).write_text("Something.")
    with pytest.raises(InputError, match="fragment"):
        changelog.section(project / "changelog.d", "next")


def test_an_empty_fragment_is_refused(project):
    (project / "changelog.d" / "void.added.md").write_text(" \n")
    with pytest.raises(InputError, match="empty"):
        changelog.section(project / "changelog.d", "next")
