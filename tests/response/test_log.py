"""The log of a conversation: only added to, and readable after a crash."""

import json

import pytest

from affectus.errors import FileError, OutputError
from affectus.response import ConversationLog


def test_turns_stand_in_order_and_are_found_again(tmp_path):
    path = tmp_path / "deep" / "talk.jsonl"
    ConversationLog(path).add("you", "Grüße!")
    again = ConversationLog(path)
    again.add("Robin", "Hello", by={"text": "m"})
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(row["turn"], row["speaker"], row["text"]) for row in rows] == [(0, "you", "Grüße!"), (1, "Robin", "Hello")]
    assert [row["text"] for row in ConversationLog(path).rows] == ["Grüße!", "Hello"]


def test_a_line_that_was_cut_off_is_kept_and_ended(tmp_path):
    path = tmp_path / "talk.jsonl"
    ConversationLog(path).add("you", "one")
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"turn": 1, "speak')
    log = ConversationLog(path)
    assert (len(log.rows), log.unreadable) == (1, 1)
    log.add("you", "two")
    assert path.read_bytes().startswith(whole + b'{"turn": 1, "speak\n')
    assert [row["text"] for row in ConversationLog(path).rows] == ["one", "two"]


def test_another_file_is_not_written_into(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("my notes")
    with pytest.raises(FileError, match="no log of a conversation"):
        ConversationLog(path)
    assert path.read_text() == "my notes"


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError):
        ConversationLog(tmp_path / "file" / "talk.jsonl")
