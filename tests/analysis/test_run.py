import csv
import errno
import os

import numpy as np
import pytest

from affectus import Timeline, analyze
from affectus.analysis import read as reading
from affectus.analysis.part import Part
from affectus.analysis.run import PARTS
from affectus.errors import AssetError, FileError, InputError, OutputError


@pytest.fixture
def folder(tmp_path):
    for i in range(5):
        (tmp_path / f"{i}.txt").write_text(f"text {i}")
    return tmp_path


@pytest.fixture
def reader(monkeypatch):
    """A reader that counts what it is given and fails on demand."""
    seen = []

    def read_source(source, settings):
        seen.append(source.name)
        error = reader.errors.get(source.name)
        if error:
            raise error
        scores = {"emodb-4": np.array([[0.7, 0.1, 0.1, 0.1]])}
        spans = [(source.name, None, 0, None, None)]
        return Part(
            source,
            Timeline.build(spans, scores, perspective="perceived", by="r", modality="text"),
            {"text": 0.1},
            ("n",),
        )

    read_source.seen = seen
    reader.errors = {}
    monkeypatch.setattr(reading, "read_source", read_source)
    return read_source


reader.errors = {}


def test_readings_come_in_the_order_of_the_sources(folder, reader):
    timeline = analyze(folder)
    assert timeline.column("source").tolist() == [f"{i}.txt" for i in range(5)]


def test_one_bad_file_does_not_stop_the_others(folder, reader, tmp_path):
    globals()["reader"].errors = {"2.txt": FileError("2.txt is odd", remedy="mend it"), "3.txt": RuntimeError("bug")}
    with pytest.warns(UserWarning, match=r"2\.txt is odd; mend it"), pytest.warns(UserWarning, match="defect"):
        timeline = analyze(folder, out=tmp_path / "out")
    assert len(timeline) == 3
    rows = list(csv.reader((tmp_path / "out" / "failures.csv").open()))
    assert rows[0] == ["file", "cause", "remedy"]
    assert [r[0] for r in rows[1:]] == ["2.txt", "3.txt"]
    assert rows[1][1:] == ["2.txt is odd", "mend it"]


def test_a_single_bad_file_is_an_error(folder, reader):
    globals()["reader"].errors = {"2.txt": FileError("2.txt is odd", remedy="mend it")}
    with pytest.raises(FileError, match="mend it"):
        analyze(folder / "2.txt")


def test_a_missing_model_ends_the_job_and_is_no_failure_of_a_file(folder, reader):
    globals()["reader"].errors = {"2.txt": AssetError("no model", remedy="affectus assets fetch default")}
    with pytest.raises(AssetError, match="fetch default"):
        analyze(folder)


def test_resume_reads_only_what_is_missing_or_changed(folder, reader, tmp_path):
    out = tmp_path / "out"
    analyze(folder, out=out)
    first = (out / "timeline.parquet").read_bytes()
    reader.seen.clear()
    for part in list((out / PARTS).glob("*.json"))[:2]:
        part.unlink()
    analyze(folder, out=out, resume=True)
    assert len(reader.seen) == 2
    assert (out / "timeline.parquet").read_bytes() == first
    reader.seen.clear()
    (folder / "1.txt").write_text("changed text")
    analyze(folder, out=out, resume=True)
    assert reader.seen == ["1.txt"]
    reader.seen.clear()
    analyze(folder, out=out, resume=True, fps=5)
    assert len(reader.seen) == 5


def test_without_resume_everything_is_read_again(folder, reader, tmp_path):
    for _ in range(2):
        analyze(folder, out=tmp_path / "out")
    assert len(reader.seen) == 10


def test_failures_of_an_earlier_run_disappear(folder, reader, tmp_path):
    globals()["reader"].errors = {"2.txt": FileError("odd")}
    with pytest.warns(UserWarning, match="odd"):
        analyze(folder, out=tmp_path / "out")
    globals()["reader"].errors = {}
    analyze(folder, out=tmp_path / "out", resume=True)
    assert not (tmp_path / "out" / "failures.csv").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"formats": ["xls"]}, "'xls'"),
        ({"jobs": 0}, "jobs is 0"),
        ({"resume": True}, "results folder"),
        ({"fps": 0}, "fps is 0"),
        ({"window": 0.01}, "window"),
        ({"speakers": 0}, "speakers is 0"),
        ({"readers": {"smell": "x"}}, "'smell'"),
    ],
)
def test_choices_out_of_range_are_refused_before_any_work(folder, reader, options, message):
    with pytest.raises(InputError, match=message):
        analyze(folder, **options)
    assert reader.seen == []


def test_a_transcript_needs_exactly_one_medium(folder, reader, tmp_path):
    with pytest.raises(FileError, match=r"no transcript.*none\.srt"):
        analyze(folder, transcript=tmp_path / "none.srt")
    srt = tmp_path / "t.srt"
    srt.write_text("1\n00:00:00,000 --> 00:00:01,000\nhi\n")
    with pytest.raises(InputError, match="0 media"):
        analyze(folder / "1.txt", transcript=srt)


def test_a_disk_that_fills_up_loses_nothing(folder, reader, tmp_path, monkeypatch):
    out, real, writes = tmp_path / "out", os.fsync, []

    def filling(handle):
        writes.append(handle)
        if len(writes) > 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", filling)
    with pytest.raises(OutputError, match=r"disk is full.*--resume"):
        analyze(folder, out=out)
    assert not list(out.rglob("*.part"))
    done = len(list((out / PARTS).glob("*.json")))
    assert done == 2
    monkeypatch.setattr(os, "fsync", real)
    reader.seen.clear()
    assert len(analyze(folder, out=out, resume=True)) == 5
    assert len(reader.seen) == 5 - done


def test_a_refused_folder_is_named(folder, reader, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(OutputError, match="no permission"):
        analyze(folder / "1.txt", out=tmp_path / "out")


def test_a_file_that_vanishes_during_the_job_is_a_failure(folder, reader, tmp_path):
    globals()["reader"].errors = {"2.txt": FileNotFoundError(errno.ENOENT, "No such file", "2.txt")}
    with pytest.warns(UserWarning, match=r"2\.txt"):
        assert len(analyze(folder, out=tmp_path / "out")) == 4


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(folder, reader, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(OutputError, match="permission"):
        analyze(folder / "1.txt", out=locked / "out")


def test_a_results_path_through_a_file_is_named(folder, reader):
    with pytest.raises(OutputError, match="file"):
        analyze(folder / "1.txt", out=folder / "0.txt" / "out")
