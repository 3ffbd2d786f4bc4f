"""The page of errors: every class stands there, and every example raises it with the message shown."""

import re
from pathlib import Path

import pytest

import affectus
from affectus import errors

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "errors.md"
SECTION = re.compile(r"^## (\w+)\n(.*?)```python\n(.*?)```\n\n```text\n(.*?)\n```", re.MULTILINE | re.DOTALL)
SHOWN = {name: (code, message) for name, _, code, message in SECTION.findall(PAGE.read_text(encoding="utf-8"))}
CLASSES = [
    name
    for name, found in vars(errors).items()
    if isinstance(found, type) and issubclass(found, errors.AffectusError) and found is not errors.AffectusError
]


def test_every_class_has_its_section():
    assert sorted(SHOWN) == sorted(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_the_example_raises_what_is_shown(name, tmp_path, monkeypatch):
    code, message = SHOWN[name]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AFFECTUS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "notes.txt").write_text("I am happy.")
    with pytest.raises(getattr(errors, name)) as caught:
        exec(compile(code, str(PAGE), "exec"), {"affectus": affectus})
    assert type(caught.value).__name__ == name
    pattern = ".*".join(re.escape(part) for part in message.split("…"))
    assert re.fullmatch(pattern, str(caught.value), re.DOTALL), str(caught.value)
