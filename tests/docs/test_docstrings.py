"""A docstring that lists arguments lists all of them, and only those that exist."""

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "affectus"
ARGS = re.compile(r"\n( *)Args:\n((?:\1 +.*\n|\n)+)")


def documented(text):
    """Names in the Args section, or None without one."""
    found = ARGS.search(f"{text}\n")
    if found is None:
        return None
    indent = len(found[1]) + 4
    lines = [line[indent:] for line in found[2].splitlines() if len(line) - len(line.lstrip()) == indent]
    return {line.split(":")[0].lstrip("*") for line in lines}


def signature(node):
    """Argument names of a function, or fields of a class."""
    if isinstance(node, ast.ClassDef):
        init = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
        if init is not None:
            return signature(init)
        names = {n.target.id for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
        return {n for n in names if not n.startswith("_") and "ClassVar" not in ast.unparse(node)} or names
    a = node.args
    every = [*a.posonlyargs, *a.args, *a.kwonlyargs, *([a.vararg] if a.vararg else []), *([a.kwarg] if a.kwarg else [])]
    return {arg.arg for arg in every} - {"self", "cls"}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_documented_arguments_are_the_real_ones(path):
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, kinds):
            continue
        names = documented(ast.get_docstring(node, clean=False) or "")
        if names is None or (isinstance(node, ast.ClassDef) and not signature(node)):
            continue
        real = signature(node)
        if isinstance(node, ast.ClassDef) and node.bases:
            continue  # what is documented may be inherited
        assert names <= real, f"{node.name} documents {sorted(names - real)}, which it does not take"
        missing = set() if isinstance(node, ast.ClassDef) else real - names
        assert not missing, f"{node.name} does not document {sorted(missing)}"
