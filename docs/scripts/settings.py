"""The reference page of `Settings`, made from the dataclass."""

from __future__ import annotations

from docstrings import table

from affectus.analysis import Settings
from affectus.analysis.settings import READERS


def render() -> str:
    """The whole page as Markdown."""
    lines = [
        "# Settings",
        "",
        "Choices that change the result of an analysis. Pass them to `affectus.analyze` by name, or as one object:",
        "",
        "```python",
        "import affectus",
        "from affectus.analysis import Settings",
        "",
        'affectus.analyze("diary.md", labels="ekman-6")',
        'affectus.analyze("diary.md", settings=Settings(labels="ekman-6"))',
        "```",
        "",
        "On the command line each has an option (`rename` is `--map`, `readers` is `--reader`). They stand in the",
        "report and in `run.json`, and decide whether parts of an earlier run can be taken over.",
        "",
        *table(Settings),
        "",
        "The readers that are used unless you name others:",
        "",
        *(f"- {modality}: `{name}`" for modality, name in READERS.items()),
    ]
    return "\n".join(lines) + "\n"
