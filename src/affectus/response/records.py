"""A reply as a row of JSON lines."""

from __future__ import annotations

from typing import Any

from affectus.reply import Reply


def record(reply: Reply) -> dict[str, Any]:
    """Text, intended feeling and its scale, reasons, which part said what, and seconds."""
    return {
        "text": reply.text,
        "intended": reply.intended.top if reply.intended else None,
        "scale": reply.intended.target if reply.intended else None,
        "reasons": list(reply.reasons),
        "by": dict(reply.by),
        "seconds": {part: round(value, 3) for part, value in reply.seconds.items()},
    }
