"""The one place where messages to users are made.

Every error says four things: what was wrong (with the value), what is allowed, and what to do next; the class says
which kind of
trouble it is. Front ends (CLI, server) print `str(error)` and never a traceback for these classes.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType
from typing import Any


class AffectusError(Exception):
    """Base of all errors that a user can mend.

    Args:
        what: What is wrong, with the offending value in it.
        allowed: What would have been accepted.
        remedy: The next thing to do, best as a command or a line of code.
    """

    def __init__(self, what: str, *, allowed: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.allowed = allowed
        self.remedy = remedy

    def __str__(self) -> str:
        parts = [self.what.rstrip(".")]
        if self.allowed:
            parts.append(f"allowed: {self.allowed.rstrip('.')}")
        if self.remedy:
            parts.append(f"remedy: {self.remedy.rstrip('.')}")
        text = "; ".join(parts)
        return text if text.endswith("?") else f"{text}."

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword arguments are lost by the default pickling, and worker processes send errors back.
        return _rebuild, (type(self), self.what, self.allowed, self.remedy)


def _rebuild(cls: type[AffectusError], what: str, allowed: str, remedy: str) -> AffectusError:
    return cls(what, allowed=allowed, remedy=remedy)


class InputError(AffectusError, ValueError):
    """A value given by the caller is not acceptable."""


class FileError(AffectusError, OSError):
    """A file can't be found, opened, read or understood."""

    __str__ = AffectusError.__str__


class OutputError(AffectusError, OSError):
    """A result can't be written: no permission, no space, or it would overwrite its input."""

    __str__ = AffectusError.__str__


class UnknownName(AffectusError, LookupError):
    """No system, checkpoint, corpus, scale or asset has this name."""


class ScaleError(AffectusError, ValueError):
    """Scores do not fit their scale, or two scales or perspectives were mixed without being told to."""


class ConfigError(AffectusError, ValueError):
    """A configuration has an unknown key or a value outside its range."""


class AssetError(AffectusError, RuntimeError):
    """A model file is missing, can't be fetched, or is not the file that was pinned."""


class CheckpointError(AffectusError, RuntimeError):
    """Weights do not belong to the system that should load them, or are damaged."""


class MissingDependency(AffectusError, ImportError):
    """An optional package is not installed."""

    __str__ = AffectusError.__str__


class LLMError(AffectusError, RuntimeError):
    """A language model, or the server that runs it, gave no usable answer."""


class Unscorable(LLMError):
    """A language model can't say how likely these texts are; let it answer, and read the answer."""


def suggest(value: str, known: Iterable[str]) -> str:
    """The nearest known spelling as a phrase for an error message, or an empty string."""
    names = list(known)
    room = value.rpartition("/")[0]  # that two names begin with "affectus/" makes them no likelier to be meant
    tails = {name.removeprefix(f"{room}/"): name for name in names if name.startswith(f"{room}/")} if room else {}
    tails = tails or {name: name for name in names}
    near = difflib.get_close_matches(value.removeprefix(f"{room}/") if room else value, list(tails), n=1, cutoff=0.6)
    return f"did you mean {tails[near[0]]!r}?" if near else ""


def unknown(kind: str, value: str, known: Iterable[str], *, listing: str = "") -> UnknownName:
    """An `UnknownName` that lists the known names and the nearest spelling.

    Args:
        kind: What the name should have been, for example `"system"`.
        value: The name that was given.
        known: All names that exist.
        listing: The command that lists them, for the remedy.
    """
    names = sorted(known)
    shown = ", ".join(names[:12]) + (f", … ({len(names)} in all)" if len(names) > 12 else "")
    remedy = " ".join(
        part for part in (suggest(value, names), f"list them with `{listing}`" if listing else "") if part
    )
    return UnknownName(f"there is no {kind} named {value!r}", allowed=shown or "none are registered", remedy=remedy)


def check_option(name: str, value: Any, options: Iterable[Any]) -> None:
    """Raise `InputError` unless `value` is one of `options`."""
    allowed = list(options)
    if value not in allowed:
        near = suggest(value, [o for o in allowed if isinstance(o, str)]) if isinstance(value, str) else ""
        raise InputError(f"{name} is {value!r}", allowed=", ".join(map(repr, allowed)), remedy=near)


def require(module: str, *, extra: str, purpose: str = "") -> ModuleType:
    """Import an optional package, or say which extra brings it.

    Args:
        module: Name to import.
        extra: The extra of this project that installs it.
        purpose: What it is needed for.

    Returns:
        The imported module.

    Raises:
        MissingDependency: If it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        what = f"the package {module!r} is not installed" + (f", and {purpose} needs it" if purpose else "")
        raise MissingDependency(what, remedy=f"pip install 'affectus[{extra}]'") from error
