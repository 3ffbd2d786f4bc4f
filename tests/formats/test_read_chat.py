"""Chats: who said what, when, in which conversation."""

from __future__ import annotations

import json

import pytest

from affectus.errors import FileError, InputError
from affectus.formats.chat import read_chat
from affectus.media import Fault


def chat(tmp_path, rows, **options):
    path = tmp_path / "talk.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return read_chat(path, **options)


def said(turns):
    return [turn.text for turn in turns]


def test_without_time_the_order_counts(tmp_path):
    talk = chat(tmp_path, [{"speaker": "Ann", "text": "b"}, {"speaker": 2, "text": "a"}])
    assert list(talk) == ["talk"]
    assert said(talk["talk"]) == ["b", "a"]
    assert talk["talk"][1].speaker == "2"
    assert talk["talk"][0].start is None


def test_time_puts_turns_in_order(tmp_path):
    talk = chat(
        tmp_path, [{"speaker": "A", "text": "b", "start": 5.5, "end": 6}, {"speaker": "B", "text": "a", "start": 1}]
    )
    assert [(t.text, t.start, t.end) for t in talk["talk"]] == [("a", 1.0, None), ("b", 5.5, 6.0)]


def test_dates_count_from_the_first(tmp_path):
    talk = chat(
        tmp_path,
        [
            {"dialogue": "x", "speaker": "A", "text": "one", "start": "2026-01-31T18:00:00+01:00"},
            {"dialogue": "y", "speaker": "A", "text": "other", "start": "2026-02-01"},
            {"dialogue": "x", "speaker": "B", "text": "two", "start": "2026-01-31T17:00:02.5Z"},
        ],
    )
    assert [(t.text, t.start) for t in talk["x"]] == [("one", 0.0), ("two", 2.5)]
    assert talk["y"][0].start == 0.0


def test_fields_are_renamed(tmp_path):
    rows = [{"Utterance": "Hi", "Speaker": "Ann", "Dialogue_ID": 7, "text": "ignored"}]
    names = {"Utterance": "text", "Speaker": "speaker", "Dialogue_ID": "dialogue"}
    (turn,) = chat(tmp_path, rows, map=names)["7"]
    assert (turn.speaker, turn.text) == ("Ann", "Hi")
    with pytest.raises(InputError, match="no field 'Uterance'") as error:
        chat(tmp_path, [{"Utterance": "Hi", "speaker": "A", "text": "x"}], map={"Uterance": "text"})
    assert "did you mean 'Utterance'?" in str(error.value)
    with pytest.raises(InputError, match="mapped to 'words'"):
        chat(tmp_path, rows, map={"Utterance": "words"})


def test_turns_without_words_are_left_out_and_told(tmp_path):
    faults: list[Fault] = []
    talk = chat(tmp_path, [{"speaker": "A", "text": " "}, {"speaker": "A", "text": "Hi"}], faults=faults)
    assert said(talk["talk"]) == ["Hi"]
    assert faults[0].kind == "empty-text"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("{", "not JSON"),
        ("5", "a JSON int"),
        ({"text": "a"}, "no field 'speaker'"),
        ({"speaker": "a", "message": "b"}, "no field 'text'"),
        ({"speaker": "a", "text": None}, "text is a NoneType"),
        ({"speaker": [1], "text": "b"}, "speaker is a list"),
        ({"speaker": "a", "text": "b", "start": "noon"}, "time 'noon'"),
        ({"speaker": "a", "text": "b", "start": True}, "time True"),
        ('{"speaker": "a", "text": "b", "start": NaN}', "time nan"),
        ({"speaker": "a", "text": "b", "start": 3, "end": 2}, "ends .* before it begins"),
        ({"speaker": "a", "text": "b", "start": 3, "end": "2026-01-01"}, "different kinds"),
        ({"speaker": "a", "text": "b", "end": 3}, "an end but no start"),
        ({"speaker": "a", "text": "b", "start": "2026-01-01"}, "partly seconds and partly dates"),
    ],
)
def test_a_bad_line_is_named(tmp_path, row, words):
    with pytest.raises(FileError, match=f"line 2: .*{words}") as error:
        chat(tmp_path, [{"speaker": "A", "text": "fine", "start": 1}, row])
    assert error.value.remedy


def test_no_turns(tmp_path):
    with pytest.raises(FileError, match="no turn"):
        chat(tmp_path, ["", " "])


def test_a_map_the_wrong_way_round_says_so(tmp_path):
    path = tmp_path / "chat.jsonl"
    path.write_text('{"who": "Ann", "body": "Hi!"}\n')
    with pytest.raises(InputError, match="turn it round: body=text"):
        read_chat(path, {"text": "body", "who": "speaker"})


@pytest.mark.parametrize("nobody", [None, "", "  "])
def test_who_is_not_named_is_nobody_known(tmp_path, nobody):
    faults: list[Fault] = []
    rows = [{"speaker": " Ann ", "text": "Hi"}, {"speaker": nobody, "text": "Oh"}, {"speaker": "Ann", "text": "Well"}]
    talk = chat(tmp_path, rows, faults=faults)["talk"]
    assert [turn.speaker for turn in talk] == ["Ann", None, "Ann"]
    assert faults == [Fault("unknown-speaker", text="1 turn of nobody known")]


def test_a_table_is_a_chat_when_its_columns_are_named(tmp_path):
    path = tmp_path / "episode.csv"
    path.write_text(
        "Nr,Utterance,Speaker,Scene,StartTime,EndTime\n"
        '1,"Hello, you!",Ann,3,"00:14:38,127","00:14:40,378"\n'
        '2,"Two\nlines",,3,"00:14:41,5",\n'
        "3,Elsewhere,Bo,4,12.5,13\n"
    )
    names = {"Utterance": "text", "Speaker": "speaker", "Scene": "dialogue", "StartTime": "start", "EndTime": "end"}
    talks = read_chat(path, names)
    assert [(t.speaker, t.text, t.start, t.end) for t in talks["3"]] == [
        ("Ann", "Hello, you!", 878.127, 880.378),
        (None, "Two\nlines", 881.5, None),
    ]
    assert [(t.start, t.end, t.line) for t in talks["4"]] == [(12.5, 13.0, 5)]
    with pytest.raises(InputError, match="no field 'Speker'"):
        read_chat(path, {"Utterance": "text", "Speker": "speaker"})
    with pytest.raises(FileError, match="line 2: no field 'speaker'"):
        read_chat(path, {"Utterance": "text"})


def test_a_file_of_another_kind_is_no_chat(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(FileError, match="can't be read as a chat"):
        read_chat(tmp_path / "a.parquet", {"a": "text"})
