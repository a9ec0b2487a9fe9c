"""Each folder's README names what is in it, and nothing that has gone."""

import re

import pytest

from core.paths import ROOT
from tools.main import VERBS

FOLDERS = ("training", "export", "tools", "firmware")
UNSAID = {"__pycache__", "build", ".pio", "data"}  # training/data tells itself


def named(folder: str) -> set[str]:
    """What stands in backticks in the first column of its tables."""
    text = (ROOT / folder / "README.md").read_text()
    tables = re.findall(r"^\| (?:file|folder|port) \|.*\n(?:\|.*\n)+", text, re.M)
    first = re.findall(r"^\| (`.*?) \|", "".join(tables), re.M)
    return {name.strip("/") for row in first for name in re.findall(r"`(\S+?)`", row)}


@pytest.mark.parametrize("folder", FOLDERS)
def test_it_names_what_is_there(folder: str) -> None:
    names = named(folder)
    assert not {name for name in names if not (ROOT / folder / name).exists()}
    there = {
        path.name
        for path in (ROOT / folder).iterdir()
        if (path.suffix == ".py" and path.name != "__init__.py")
        or (path.is_dir() and path.name not in UNSAID)
    }
    assert there <= {name.split("/")[0] for name in names}


def test_each_verb_stands_beside_its_folder() -> None:
    text = (ROOT / "tools" / "README.md").read_text()
    told = {
        verb: folder
        for folder, verbs in re.findall(r"^\| `(\w+)/` \|.*\| (.*) \|$", text, re.M)
        for verb in re.findall(r"`([a-z-]+)`", verbs)
    }
    modules = {name: verb.module.split(".") for name, verb in VERBS.items()}
    assert told == {n: m[1] for n, m in modules.items() if m[0] == "tools" and m[2:]}
