"""What a user may choose about an analysis."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from affectus.errors import InputError, check_option
from affectus.taxonomy import scale

CONTEXTS = ("past", "full")
FUSED_SCALE = "ekman-6+neutral"
READERS: Mapping[str, str] = {
    "text": "affectus/text-goemotions",
    "voice": "affectus/voice-embedded",
    "face": "affectus/face-embedded",
    "dialogue": "affectus/dialogue-embedded",
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Choices that change the result; they stand in the report and decide whether earlier parts can be taken up again.

    Args:
        labels: Scale that every reading is mapped onto beside its own, for example `"ekman-6"`.
        transcript: Subtitle file with the words of the one medium that is analysed.
        language: BCP-47 language of speech and text; None is unknown. Words are read by readers of English only.
        speakers: Number of speakers when it is known.
        fps: Pictures a second that are looked at in a video.
        window: Seconds that one face reading speaks of.
        text_column: Column of a table that holds the text.
        rename: Field of a chat file → field that we know (`speaker`, `text`, `start`, `end`, `dialogue`).
        context: What a reader of dialogues hears beside a turn: the `past`, or the `full` conversation.
        readers: Modality → checkpoint. That of dialogues is used where it is on this machine.
    """

    labels: str | None = None
    transcript: Path | None = None
    language: str | None = None
    speakers: int | None = None
    fps: float = 10.0
    window: float = 1.0
    text_column: str | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    context: Literal["past", "full"] = "past"
    readers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "readers", {**READERS, **self.readers})
        check_option("context", self.context, CONTEXTS)
        if self.labels is not None:
            scale(self.labels)
        if not 0 < self.fps <= 120:
            raise InputError(f"fps is {self.fps:g}", allowed="above 0, up to 120 pictures a second")
        if not 0.1 <= self.window <= 60:
            raise InputError(f"window is {self.window:g} s", allowed="0.1 to 60 s")
        if self.speakers is not None and self.speakers < 1:
            raise InputError(f"speakers is {self.speakers}", allowed="1 or more")
        strange = sorted(set(self.readers) - set(READERS))
        if strange:
            raise InputError(f"there is no reader slot {strange[0]!r}", allowed=", ".join(READERS))

    def key(self) -> str:
        """Twelve hex digits that change when a choice, a reader's weights or the library changes."""
        from affectus import __version__
        from affectus.registry import checkpoints

        known, stamps = checkpoints(), {}
        for name in self.readers.values():
            folder = known.get(name, Path(name))
            stamps[name] = sorted((p.name, p.stat().st_size) for p in folder.glob("*") if p.is_file())
        row = json.dumps([__version__, asdict(self), stamps], default=str, sort_keys=True)
        return hashlib.sha256(row.encode()).hexdigest()[:12]

    def public(self) -> dict[str, str]:
        """Choices as text, for the report."""
        row = {k: v for k, v in asdict(self).items() if v not in (None, {}, ())}
        return {
            k: ", ".join(f"{a} = {b}" for a, b in v.items()) if isinstance(v, dict) else str(v) for k, v in row.items()
        }
