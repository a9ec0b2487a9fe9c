"""What every module of `tools` has in common: options, examples, lines on stderr."""

import ast
import re
from pathlib import Path

import pytest

from core.paths import ROOT

MODULES = sorted((ROOT / "tools").rglob("*.py"))
COMMANDS = [path for path in MODULES if "\nclass Config:" in path.read_text()]
MAY_WRITE = {  # on stderr; all others by core.saying.say, a line of plain text
    "tools/faults/kills.py": "a line that is overwritten by the next",
    "tools/report/files.py": "the bar of rich",
}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", COMMANDS, ids=name)
def test_options_are_introduced_by_the_words_that_run_the_command(path: Path):
    text = path.read_text()
    parsed = re.search(r'parse\(\s*Config, argv, "([^"]+)", __doc__ or ""(.*)', text)
    assert parsed is not None
    program = "python -m" if '"python -m"' in parsed[2] else "esp8k"
    assert f'    """Options of `{program} {parsed[1]}`."""\n' in text


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_an_example_is_indented_so_that_no_help_fills_it(path: Path):
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    assert text, "it has no docstring"
    assert not re.findall(r"^\S.*  +# .*", text, re.M)


def test_a_line_on_stderr_is_said():
    found = {
        name(path)
        for path in MODULES
        if re.search(r"file=sys\.stderr|sys\.stderr\.write", path.read_text())
    }
    assert found == set(MAY_WRITE)
