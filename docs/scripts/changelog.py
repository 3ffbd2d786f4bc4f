"""Assemble changelog fragments: print what stands there so far, or make a release's section of CHANGELOG.md.

python docs/scripts/changelog.py                     # print
python docs/scripts/changelog.py 0.2.0 2026-12-01    # write CHANGELOG.md and remove the fragments
"""

from __future__ import annotations

import sys
from pathlib import Path

from affectus.atomic import writing
from affectus.errors import AffectusError, InputError

ROOT = Path(__file__).resolve().parents[2]
KINDS = {"added": "Added", "changed": "Changed", "fixed": "Fixed", "science": "Science"}
TITLE = "# Changelog\n"


def fragments(folder: Path) -> dict[str, list[Path]]:
    """Kind → fragments, by name.

    Raises:
        InputError: If a file is not named `<slug>.<kind>.md`, or is empty.
    """
    found: dict[str, list[Path]] = {kind: [] for kind in KINDS}
    for path in sorted(folder.glob("*")):
        parts = path.name.rsplit(".", 2)
        if len(parts) != 3 or parts[1] not in KINDS or parts[2] != "md":
            raise InputError(
                f"the changelog fragment is named {path.name!r}", allowed=f"<slug>.{{{','.join(KINDS)}}}.md"
            )
        if not path.read_text(encoding="utf-8").strip():
            raise InputError(f"the changelog fragment {path.name!r} is empty", remedy="say in a sentence what changed")
        found[parts[1]].append(path)
    return found


def section(folder: Path, heading: str) -> str:
    """One release's section; a fragment of several lines stays one entry."""
    lines = [f"## {heading}", ""]
    for kind, paths in fragments(folder).items():
        if paths:
            lines += [f"### {KINDS[kind]}", ""]
            lines += [f"- {' '.join(path.read_text(encoding='utf-8').split())}" for path in paths]
            lines.append("")
    return "\n".join(lines)


def page(root: Path = ROOT) -> str:
    """CHANGELOG.md with the fragments since then on top."""
    past = root / "CHANGELOG.md"
    released = past.read_text(encoding="utf-8").removeprefix(TITLE).lstrip("\n") if past.exists() else ""
    return f"{TITLE}\n{section(root / 'changelog.d', 'Not yet released')}\n{released}"


def release(version: str, date: str, root: Path = ROOT) -> None:
    """Put the fragments into CHANGELOG.md under a version, and remove them."""
    past = root / "CHANGELOG.md"
    released = past.read_text(encoding="utf-8").removeprefix(TITLE).lstrip("\n") if past.exists() else ""
    if f"## {version} " in released:
        raise InputError(f"CHANGELOG.md has a section {version} already", remedy="choose the next version")
    used = fragments(root / "changelog.d")
    text = f"{TITLE}\n{section(root / 'changelog.d', f'{version} ({date})')}\n{released}"
    with writing(past, newline="\n") as file:
        file.write(text)
    for paths in used.values():
        for path in paths:
            path.unlink()


if __name__ == "__main__":
    try:
        if len(sys.argv) == 3:
            release(*sys.argv[1:])
        elif len(sys.argv) == 1:
            print(section(ROOT / "changelog.d", "Not yet released"))
        else:
            raise InputError(f"{len(sys.argv) - 1} arguments were given", allowed="none, or VERSION DATE")
    except AffectusError as error:
        sys.exit(f"changelog: {error}")
