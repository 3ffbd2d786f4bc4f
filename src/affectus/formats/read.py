"""Any file → samples and dialogues, ready for a reader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, cast

from affectus.errors import InputError, check_option
from affectus.formats.chat import Turn, read_chat
from affectus.formats.sentences import MAX_CHARS, iter_sentences
from affectus.formats.subtitles import read_subtitles
from affectus.formats.table import read_table
from affectus.formats.text import read_text
from affectus.media.faults import Fault
from affectus.media.sniff import Kind, sniff
from affectus.sample import Dialogue, Item, Media, Sample


def read_samples(
    path: Path | str,
    kind: Kind | None = None,
    *,
    text_column: str | None = None,
    map: Mapping[str, str] | None = None,
    encoding: str | None = None,
    language: str | None = None,
    max_chars: int = MAX_CHARS,
    faults: list[Fault] | None = None,
) -> Iterator[Item]:
    """What a file holds, in order.

    A text gives a sample for each sentence, a table for each row with words, subtitles for each cue (with times, and
    the speaker as track); a chat gives a dialogue for each conversation; sound, video and a picture give one sample
    that is decoded later.

    Args:
        path: File, or `"-"` for a text from standard input.
        kind: What it is; None finds out by `media.sniff`.
        text_column: Of a table, as in `table.read_table`.
        map: Of a chat, as in `chat.read_chat`; makes a chat of a table whatever its fields are called.
        encoding: As in `text.read_text`.
        language: BCP-47 tag that the samples get.
        max_chars: Longest sentence of a text.
        faults: Receives what is wrong with the file; complete when the iterator ends.

    Raises:
        FileError: If the file can't be read or is malformed.
        InputError: If an option does not suit the file.
    """
    source = str(path)
    if kind is None:
        kind = Kind.TEXT if source == "-" else sniff(path)
        kind = Kind.CHAT if map and kind is Kind.TABLE else kind
    check_option("kind", kind, list(Kind))
    for name, value, suits in (("text_column", text_column, Kind.TABLE), ("map", map, Kind.CHAT)):
        if value and kind is not suits:
            raise InputError(
                f"{name} was given for {source!r}, which is {kind}", allowed=f"{name} belongs to a {suits}"
            )
    if kind is Kind.TEXT:
        return _sentences(source, encoding, language, max_chars, faults)
    if kind is Kind.TABLE:
        return _rows(source, text_column, encoding, language, faults)
    if kind is Kind.SUBTITLES:
        return _cues(source, encoding, language, faults)
    if kind is Kind.CHAT:
        return _dialogues(source, map, encoding, language, faults)
    medium = cast(Literal["audio", "video", "image"], kind.value)
    return iter([Sample(id=source, source=source, media=Media(medium, Path(path)), language=language)])


def _sentences(
    source: str, encoding: str | None, language: str | None, max_chars: int, faults: list[Fault] | None
) -> Iterator[Item]:
    text = read_text(source, encoding, faults)
    if faults is not None and not text.strip():
        faults.append(Fault("empty-text", text="nothing but white space"))
    for i, (_, _, sentence) in enumerate(iter_sentences(text, max_chars)):
        yield Sample(id=f"{source}#{i}", source=source, item=i, text=sentence, language=language)


def _rows(
    source: str, column: str | None, encoding: str | None, language: str | None, faults: list[Fault] | None
) -> Iterator[Item]:
    empty = 0
    for row in read_table(source, column, encoding, faults):
        if row.text.strip():
            yield Sample(id=f"{source}#{row.item}", source=source, item=row.item, text=row.text, language=language)
        else:
            empty += 1
    if faults is not None and empty:
        faults.append(Fault("empty-text", text=f"{empty} rows without words"))


def _cues(source: str, encoding: str | None, language: str | None, faults: list[Fault] | None) -> Iterator[Item]:
    for i, cue in enumerate(read_subtitles(source, encoding, faults)):
        yield Sample(
            id=f"{source}#{i}", source=source, item=i, text=cue.text, track=cue.speaker, start=cue.start, end=cue.end,
            language=language,
        )  # fmt: skip


def _dialogues(
    source: str, names: Mapping[str, str] | None, encoding: str | None, language: str | None, faults: list[Fault] | None
) -> Iterator[Item]:
    # Rows of one file are told apart by item: it runs over all conversations.
    item = 0
    for name, turns in read_chat(source, names, encoding, faults).items():
        yield Dialogue(tuple(_turn(source, item + i, turn, language) for i, turn in enumerate(turns)), id=name)
        item += len(turns)


def _turn(source: str, item: int, turn: Turn, language: str | None) -> Sample:
    return Sample(
        id=f"{source}#{turn.dialogue}/{turn.line}", source=source, item=item, text=turn.text, track=turn.speaker,
        start=turn.start, end=turn.end, language=language,
    )  # fmt: skip
