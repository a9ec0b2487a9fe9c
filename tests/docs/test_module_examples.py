"""The example in a module's docstring calls what the module has, as it is called."""

import ast
from collections.abc import Iterator

import pytest

from core.paths import ROOT

FOLDERS = ("core", "training", "export", "tools")


def calls(docstring: str) -> Iterator[ast.Call]:
    """Those of the indented lines that are Python by themselves."""
    for line in docstring.splitlines():
        if not line.startswith("    "):
            continue
        text = line.strip()
        try:
            tree = ast.parse(text + " pass" if text.endswith(":") else text)
        except SyntaxError:
            continue
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def fits(call: ast.Call, function: ast.FunctionDef) -> bool:
    """Whether as many arguments are given as it takes, by names that it has."""
    a = function.args
    names = [argument.arg for argument in a.args]
    keys = [keyword.arg for keyword in call.keywords]
    if a.vararg or a.kwarg or any(isinstance(x, ast.Starred) for x in call.args):
        return True
    if call.args and ast.unparse(call.args[-1]) == "...":  # and so on
        return len(call.args) <= len(names)
    known = {*names, *(argument.arg for argument in a.kwonlyargs)}
    least = len(names) - len(a.defaults)
    given = len(call.args) + len(keys)
    return known.issuperset(keys) and least <= given <= len(known)


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_example_gives_a_function_what_it_takes(folder: str) -> None:
    for path in sorted((ROOT / folder).rglob("*.py")):
        tree = ast.parse(path.read_text())
        own = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
        for call in calls(ast.get_docstring(tree) or ""):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            if name in own:
                assert fits(call, own[name]), f"{path}: {ast.unparse(call)}"
