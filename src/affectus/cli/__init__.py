"""The command line. Importing it is cheap: every command imports what it needs when it runs."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Entry point: run a command; a user's mistake is one line on stderr and an exit code, never a traceback."""
    # No model hub is asked unless a user names a hub id; the libraries below would otherwise look for updates.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from affectus.cli.app import app
    from affectus.errors import AffectusError

    try:
        app()
    except AffectusError as error:
        if os.environ.get("AFFECTUS_DEBUG"):
            raise
        print(f"affectus: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("affectus: stopped; run again with --resume to go on", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output (head, less) went away
        sys.stderr.close()
        sys.exit(0)
