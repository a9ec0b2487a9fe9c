"""What the README and its pages on firmware show compiles; what it names is there."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from core.paths import ROOT
from export.emit import prepared

README = (ROOT / "README.md").read_text()
PAGES = ["README.md", "docs/how-to/own-firmware.md", "docs/how-to/camera.md"]


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 150


@pytest.mark.parametrize("compiler", ["gcc -std=c99", "g++ -std=c++17"])
@pytest.mark.parametrize("page", PAGES)
def test_the_snippet_compiles(
    page: str, compiler: str, exported: Callable[[str], Path], tmp_path: Path
) -> None:
    (snippet,) = re.findall(r"```c\n(.*?)```", (ROOT / page).read_text(), re.S)
    name, *flags = compiler.split()
    source = tmp_path / ("main.c" if name == "gcc" else "main.cpp")
    source.write_text(snippet)
    (tmp_path / "src").mkdir()
    for file, text in prepared.sources("v3").items():
        (tmp_path / file).write_text(text)
    here = [f"-I{place / 'src'}" for place in (exported("v3") / "component", tmp_path)]
    command = [name, *flags, "-Wall", "-Wextra", "-Werror", *here, "-c", str(source)]
    subprocess.run([*command, "-o", str(tmp_path / "main.o")], check=True)


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_verb_of_make_is_one() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for line in re.findall(r"^    make ([a-z -]+)", README, re.M):
        for verb in line.split():
            assert re.search(rf"^{verb}:", makefile, re.M), verb


def test_a_report_has_the_sections_that_its_page_explains() -> None:
    page = (ROOT / "docs/how-to/read-a-report.md").read_text()
    template = ROOT / "tools/report/templates/report.html.jinja"
    shown = re.findall(r"<h2>([^<]+?) ?<", template.read_text())
    explained = re.findall(r"^\| ([A-Z][^|]+) \|", page, re.M)
    assert len(explained) > 5 and set(explained) <= set(shown)
