import pytest

from affectus.analysis.plan import Plan, collect
from affectus.errors import FileError
from affectus.media import Kind


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "notes.txt").write_text("One. Two.")
    (tmp_path / "b.md").write_text("# Three")
    (tmp_path / ".hidden.txt").write_text("no")
    (tmp_path / "slides.pptx").write_bytes(b"x")
    (tmp_path / "empty.txt").write_bytes(b"")
    return tmp_path


def test_a_folder_is_searched_and_what_is_left_out_is_counted(folder):
    plan = collect([folder])
    assert [(s.name, s.kind) for s in plan.sources] == [("a/notes.txt", Kind.TEXT), ("b.md", Kind.TEXT)]
    assert plan.ignored == 1
    assert [f.file for f in plan.failures] == [str(folder / "empty.txt")]
    assert plan.failures[0].remedy


def test_earlier_results_are_not_read_again(folder):
    assert [s.name for s in collect([folder], skip=[folder / "a"]).sources] == ["b.md"]


def test_names_are_short_unless_two_files_share_one(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "b.md").write_text("Four")
    plan = collect([folder / "b.md", other / "b.md", folder / "b.md"])
    assert [s.name for s in plan.sources] == [str(folder / "b.md"), str(other / "b.md")]


def test_a_path_that_is_not_there_ends_the_job_at_once(tmp_path):
    with pytest.raises(FileError, match="no file or folder"):
        collect([tmp_path / "nothing.txt"])


def test_an_empty_folder_is_a_failure_not_a_success(tmp_path):
    assert "no file of a known type" in collect([tmp_path]).failures[0].cause


def test_the_estimate_grows_with_work_and_shrinks_with_jobs(folder):
    from affectus.analysis.plan import Source

    def plan(seconds, jobs, n=4):
        source = Source(folder / "b.md", "x.wav", Kind.AUDIO, seconds)
        return Plan((source,) * n, (), 0, jobs, 10.0)

    assert plan(600, 1).seconds > plan(60, 1).seconds
    assert plan(600, 2).seconds < plan(600, 1).seconds
    assert plan(600, 2).memory == 2 * plan(600, 1).memory
    assert "40.0 min of media" in plan(600, 1).describe()
