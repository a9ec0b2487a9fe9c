"""What the link's C promises without being run, and its corpus under sanitizers."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tools import fuzz
from tools.memory_board import FIRMWARE, includes

OURS = sorted(
    [*(FIRMWARE / "src").glob("*.[ch]"), *(FIRMWARE / "components/link").glob("*.[ch]")]
)
SOURCES = [path for path in OURS if path.suffix == ".c"]
WARNINGS = "-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror".split()
STANDARD_HEADERS = {"stdint.h", "stddef.h", "string.h"}
HEAP = {"malloc", "calloc", "realloc", "free", "alloca", "printf", "snprintf"}
MOST_LINES = 420
STACK_BYTES = 512  # of one function; the deepest path is four of them


def ids(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", SOURCES, ids=ids)
def test_a_file_compiles_without_a_warning_or_a_finding(
    path: Path, tmp_path: Path
) -> None:
    """gcc -fanalyzer walks the paths; -fstack-usage says how deep they go."""
    target = tmp_path / "out.o"
    subprocess.run(
        ["gcc", "-std=c99", "-O2", "-ffp-contract=off", *WARNINGS, "-fanalyzer",
         "-fstack-usage", *includes(fuzz.FAKE_MODEL), "-c", path, "-o", target],
        check=True,
    )  # fmt: skip
    usage = (tmp_path / "out.su").read_text().splitlines()
    for line in usage:
        name, size, kind = line.split("\t")
        assert kind in ("static", "dynamic,bounded"), (
            f"{name} has a stack of unknown size"
        )
        assert int(size) <= STACK_BYTES, name


@pytest.mark.parametrize("path", SOURCES, ids=ids)
def test_a_file_pulls_in_no_heap(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.o"
    subprocess.run(
        [
            "gcc",
            "-std=c99",
            "-O2",
            *includes(fuzz.FAKE_MODEL),
            "-c",
            path,
            "-o",
            target,
        ],
        check=True,
    )
    listed = subprocess.run(
        ["nm", "-u", target], check=True, capture_output=True, text=True
    )
    wanted = set(listed.stdout.split()) - {"U"}
    assert not wanted & HEAP


@pytest.mark.parametrize("path", OURS, ids=ids)
def test_a_file_includes_no_header_of_a_vendor(path: Path) -> None:
    text = path.read_text()
    assert set(re.findall(r"#include <(.*?)>", text)) <= STANDARD_HEADERS
    own = {p.name for p in OURS} | {"hal.h", "esp8k_model.h"}
    assert set(re.findall(r'#include "(.*?)"', text)) <= own
    guards = re.findall(r"#if(?:n?def)? (.*)", text)
    assert all(g.endswith("_H") or g == "APP_MAX_ITERATIONS" for g in guards)
    lines = text.splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= 80


@pytest.mark.skipif(not shutil.which("cppcheck"), reason="no cppcheck")
def test_cppcheck_finds_nothing() -> None:
    done = subprocess.run(
        ["cppcheck", "--enable=warning,style,performance,portability", "--std=c99",
         "--error-exitcode=1", "--inline-suppr", "--suppress=missingIncludeSystem",
         "-q", *includes(fuzz.FAKE_MODEL), FIRMWARE / "src",
         FIRMWARE / "components" / "link", FIRMWARE / "fuzz"],
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(
    not any(map(shutil.which, fuzz.CLANGS)), reason="no clang for the sanitizers"
)
@pytest.mark.parametrize("name", fuzz.HARNESSES)
def test_the_kept_corpus_runs_clean_under_the_sanitizers(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    corpus = sorted((fuzz.FUZZ / "corpus" / name).iterdir())
    assert len(corpus) >= 3
    done = subprocess.run([fuzz.build(name), *corpus], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
