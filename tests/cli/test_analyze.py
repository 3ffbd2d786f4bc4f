import csv
import json
import socket
import subprocess
import sys

import pytest

from affectus import Timeline

pytestmark = pytest.mark.usefixtures("text_reader")

NOTES = "I can't believe you did that for me! Thank you so much. I am so angry at this stupid printer."


@pytest.fixture
def notes(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text(NOTES)
    return path


def test_a_text_gives_results_in_all_formats_and_a_report(run, notes, tmp_path):
    out = tmp_path / "out"
    code, shown, _ = run("analyze", notes, "--out", out, "--formats", "parquet,csv,jsonl,eaf,textgrid,vtt")
    assert code == 0
    assert "notes.txt" in shown
    assert "report.html" in shown
    timeline = Timeline.load(out / "timeline.parquet")
    assert timeline.column("item").tolist() == [0, 1, 2]
    assert "gratitude" in timeline[1].labels
    assert "anger" in timeline[2].labels
    words = {e.text for e in timeline[2].evidence if e.weight > 0}
    assert words & {"angry", "stupid"}
    assert (out / "timeline.csv").exists()
    assert len((out / "timeline.jsonl").read_text().splitlines()) == 3
    page = (out / "report.html").read_text()
    assert "stupid" in page
    assert "printer" in page
    assert "src=http" not in page.replace('"', "")
    assert json.loads((out / "run.json").read_text())["sources"][0]["rows"] == 3


def test_labels_of_choice(run, notes, tmp_path):
    assert run("analyze", notes, "--out", tmp_path / "o", "--labels", "ekman-6", "-q")[0] == 0
    timeline = Timeline.load(tmp_path / "o" / "timeline.parquet")
    assert timeline[2].target == "ekman-6"
    assert timeline[2].top == "anger"


def test_standard_input(run):
    code, shown, _ = run("analyze", "-", text="What a wonderful day!")
    assert code == 0
    assert "standard input" in shown


def test_chats_tables_and_subtitles(run, tmp_path):
    chat = [{"who": "anna", "says": "I love it!"}, {"who": "ben", "says": "I hate it."}]
    (tmp_path / "chat.jsonl").write_text("\n".join(map(json.dumps, chat)))
    code, _, _ = run(
        "analyze", tmp_path / "chat.jsonl", "--map", "who=speaker", "--map", "says=text", "--out", tmp_path / "a", "-q"
    )
    assert code == 0
    read = Timeline.load(tmp_path / "a" / "timeline.parquet").where(modality="text")  # not by a reader of dialogues
    assert read.column("track").tolist() == ["anna", "ben"]
    (tmp_path / "t.csv").write_text("id,remark\n1,So happy!\n2,So sad.\n")
    assert run("analyze", tmp_path / "t.csv", "--text-column", "remark", "--out", tmp_path / "b", "-q")[0] == 0
    assert Timeline.load(tmp_path / "b" / "timeline.parquet").column("item").tolist() == [0, 1]
    (tmp_path / "u.csv").write_text("name,remark\nanna,So happy!\n,So sad.\n")
    options = ("--text-column", "remark", "--map", "name=speaker", "--out", tmp_path / "d")
    assert "1 turn of nobody known" in run("analyze", tmp_path / "u.csv", *options)[1]
    read = Timeline.load(tmp_path / "d" / "timeline.parquet").where(modality="text")
    assert read.column("track").tolist() == ["anna", None]
    (tmp_path / "s.srt").write_text("1\n00:00:01,000 --> 00:00:02,500\nSo happy!\n")
    assert run("analyze", tmp_path / "s.srt", "--out", tmp_path / "c", "-q")[0] == 0
    assert Timeline.load(tmp_path / "c" / "timeline.parquet")[0].start == 1.0


def test_one_bad_file_among_many(run, notes, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"RIFF....not sound at all")
    (tmp_path / "empty.txt").write_bytes(b"")
    out = tmp_path / "out"
    code, _, error = run("analyze", tmp_path, "--out", out)
    assert code == 1
    rows = list(csv.DictReader((out / "failures.csv").open()))
    assert sorted(r["file"].split("/")[-1] for r in rows) == ["bad.wav", "empty.txt"]
    assert all(r["cause"] and r["remedy"] for r in rows)
    assert "bad.wav" in error
    assert len(Timeline.load(out / "timeline.parquet")) == 3


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.txt", b"", "empty"),
        ("a.txt", bytes(range(256)) * 20, "binary"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + b"x" * 50, "a.png"),
        ("a.wav", b"\x89PNG\r\n\x1a\n" + b"x" * 50, "PNG"),
        ("a.xyz", b"hello", "xyz"),
        ("a.jsonl", b'{"speaker": "a"', "line 1"),
    ],
)
def test_a_single_bad_file_is_one_line_and_code_2(tmp_path, name, data, message):
    path = tmp_path / name
    path.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-m", "affectus.cli", "analyze", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if not line.startswith("plan:")]
    assert len(lines) == 1
    assert lines[0].startswith("affectus: ")
    assert message.lower() in lines[0].lower()
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--formats", "xls"], "'xls'"),
        (["--formats", "eaf"], "without a results folder"),
        (["--reader", "text=affectus/voice-embedded"], "reads voice, not text"),
        (["--labels", "arkit-52"], "ekman-6"),
        (["--out", "/proc/nowhere"], "no folder can be made there"),
        (["--labels", "ekmann-6"], "did you mean 'ekman-6'"),
        (["--labels", "empathy-distress"], "no reading on goemotions-28 can be mapped"),
        (["--map", "who"], "NAME=VALUE"),
        (["--resume"], "--out"),
        (["--jobs", "0"], "jobs is 0"),
        (["--fps", "-1"], "fps is -1"),
        (["--transcript", "none.srt"], "none.srt"),
        (["--reader", "text=affectus/nothing"], "checkpoint"),
        (["--reader", "smell=affectus/nothing"], "smell"),
    ],
)
def test_wrong_options_say_what_is_allowed(run, notes, options, message):
    code, _, error = run("analyze", notes, *options)
    assert code == 2
    assert message in error


def test_a_path_that_is_not_there(run, tmp_path):
    code, _, error = run("analyze", tmp_path / "none.txt")
    assert (code, "none.txt" in error) == (2, True)


def test_no_socket_is_opened(run, notes, tmp_path, monkeypatch):
    def refuse(*_):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert run("analyze", notes, "--out", tmp_path / "out", "-q")[0] == 0


def test_a_reader_of_the_audience_s_feeling(run, notes, tmp_path):
    from affectus.registry import build

    build("redaffectivelm/tiny").save_pretrained(tmp_path / "headlines")
    out = tmp_path / "out"
    assert run("analyze", notes, "--out", out, "--reader", f"text={tmp_path / 'headlines'}", "-q")[0] == 0
    timeline = Timeline.load(out / "timeline.parquet")
    assert [affect.perspective for affect in timeline] == ["evoked"] * 3
    assert set(timeline[2].scores["ren-5"]) == {"anger", "fear", "joy", "sadness", "surprise"}
    assert {e.text for e in timeline[2].evidence} == {"angry", "stupid", "printer"}
    assert "evoked" in (out / "report.html").read_text()
