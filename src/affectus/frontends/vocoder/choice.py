"""Which vocoder: WORLD where it is installed, else the one in NumPy."""

from __future__ import annotations

from functools import cache

from affectus.errors import MissingDependency, check_option
from affectus.frontends.vocoder.parts import Vocoder

ENGINES = ("auto", "world", "lpc")


@cache
def vocoder(engine: str = "auto") -> Vocoder:
    """A vocoder by name.

    Args:
        engine: `world` (pyworld, extra `anonymize`), `lpc` (NumPy alone), or `auto`: the first that is there.

    Raises:
        MissingDependency: If `world` is asked for and pyworld is not installed.
    """
    check_option("engine", engine, ENGINES)
    if engine != "lpc":
        from affectus.frontends.vocoder.world import World

        try:
            return World()
        except MissingDependency:
            if engine == "world":
                raise
    from affectus.frontends.vocoder.lpc import Lpc

    return Lpc()
