"""What the README and its page on firmware show compiles; what it names is there."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from core.paths import ROOT

README = (ROOT / "README.md").read_text()


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 150


@pytest.mark.parametrize("compiler", ["gcc -std=c99", "g++ -std=c++17"])
@pytest.mark.parametrize("page", ["README.md", "docs/how-to/own-firmware.md"])
def test_the_snippet_compiles(
    page: str, compiler: str, exported: Callable[[str], Path], tmp_path: Path
) -> None:
    (snippet,) = re.findall(r"```c\n(.*?)```", (ROOT / page).read_text(), re.S)
    name, *flags = compiler.split()
    source = tmp_path / ("main.c" if name == "gcc" else "main.cpp")
    source.write_text(f"{snippet}\nint main(void) {{ return classify(); }}\n")
    folder = exported("v3") / "component" / "src"
    command = [name, *flags, "-Wall", "-Werror", f"-I{folder}", "-c", str(source)]
    subprocess.run([*command, "-o", str(tmp_path / "main.o")], check=True)


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_verb_of_make_is_one() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for line in re.findall(r"^    make ([a-z -]+)", README, re.M):
        for verb in line.split():
            assert re.search(rf"^{verb}:", makefile, re.M), verb
