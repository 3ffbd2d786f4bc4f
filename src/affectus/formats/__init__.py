"""Files in and out: texts, tables, subtitles and chats are read; timelines are written in six formats."""

from affectus.formats.parquet import read_timeline
from affectus.formats.write import FORMATS, TIERED, left_out, write

__all__ = ["FORMATS", "TIERED", "left_out", "read_timeline", "write"]
