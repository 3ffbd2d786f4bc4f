"""Progress bars with time left. Silent unless a front end turns them on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_live: Any = None


@contextmanager
def shown(*, quiet: bool = False) -> Iterator[None]:
    """Show the bars of all `task` blocks inside, on stderr; nested calls and `quiet` change nothing."""
    global _live
    if quiet or _live is not None:
        yield
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    _live = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    try:
        yield
    finally:
        if _live.live.is_started:
            _live.stop()
        _live = None


@contextmanager
def task(name: str, total: float | None = None) -> Iterator[Callable[[float], None]]:
    """A piece of long work; call the yielded function with the amount done since the last call.

    Args:
        name: What is being done.
        total: Amount in all, or None when it isn't known.
    """
    if _live is None or total == 0:
        yield lambda amount: None
        return
    live = _live
    live.start()  # at the first piece of work, so that a job without any leaves no trace; again is harmless
    bar = live.add_task(name, total=total)
    try:
        yield lambda amount: live.advance(bar, amount)
    finally:
        live.remove_task(bar)
