"""What the C of link, kernels and application promises without being run.

Each promise is kept by `findings`, and each kind of finding is planted once in a copy
of a real file, so that a check which sees nothing would be noticed.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from core.words import PROFILES
from tests.support.components import Components
from tests.support.link import FAKE
from tools.boards.sources import FIRMWARE, folders, includes
from tools.faults.loopback import PORT

OURS = sorted(path for folder in folders() for path in folder.glob("*.[ch]"))
SOURCES = [path for path in OURS if path.suffix == ".c"]
FLAGS = "-std=c99 -O2 -ffp-contract=off -Wall -Wextra -Wpedantic -Wshadow".split()
FLAGS += "-Wconversion -Wvla -Walloca -Werror".split()
STANDARD_HEADERS = {"stdint.h", "stddef.h", "string.h"}
# All that an object may want from elsewhere: no heap, no stdio, no libm.
WANTED = re.compile(
    r"(nn_prepare|link|app|console|command|engine|hal|esp8k|int8|f16|v2|v3)_\w+"
    r"|mem(cpy|set|move|cmp)|_GLOBAL_OFFSET_TABLE_|__\w+"
)
MOST_LINES = 300
STACK_BYTES = 512  # of one function; the deepest path is four of them
EDGE = re.compile(r'sourcename: "([^"]+)" targetname: "([^"]+)"')


def ids(path: Path) -> str:
    return path.name


def findings(source: Path, where: list[str], folder: Path) -> list[str]:
    """What is wrong with one C file: warnings, stack, recursion, foreign symbols."""
    target = folder / "out.o"
    done = subprocess.run(
        ["gcc", *FLAGS, "-fanalyzer", "-fstack-usage", *where]
        + ["-c", str(source), "-o", str(target)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        return re.findall(r"error: (.*)", done.stderr)
    wrong = []
    for line in (folder / "out.su").read_text().splitlines():
        name, size, kind = line.split("\t")
        if kind not in ("static", "dynamic,bounded"):
            wrong.append(f"stack of unknown size: {name}")
        if int(size) > STACK_BYTES:
            wrong.append(f"stack of {size} bytes: {name}")
    told = subprocess.run(["nm", "-u", target], capture_output=True, text=True)
    names = re.findall(r"U (\S+)", told.stdout)
    wrong += [f"wants {name}" for name in names if not WANTED.fullmatch(name)]
    return wrong + [f"recursion: {name}" for name in recursive(source, where, folder)]


def recursive(source: Path, where: list[str], folder: Path) -> list[str]:
    """Functions that come back to themselves within one file, before inlining."""
    flags = ["-std=c99", "-O0", "-fcallgraph-info", *where]
    command = ["gcc", *flags, "-c", str(source), "-o", str(folder / "graph.o")]
    subprocess.run(command, check=True)
    calls: dict[str, set[str]] = {}
    for caller, callee in EDGE.findall((folder / "graph.ci").read_text()):
        calls.setdefault(caller, set()).add(callee)
    found = []
    for start in calls:
        seen: set[str] = set()
        queue = [start]
        while queue:
            fresh = calls.get(queue.pop(), set()) - seen
            seen |= fresh
            queue += fresh
        found += [start] if start in seen else []
    return found


def circles(files: list[Path]) -> list[str]:
    """Units (a .c and the .h of its name) that come back to themselves by #include."""
    uses: dict[str, set[str]] = {path.stem: set() for path in files}
    for path in files:
        named = re.findall(r'^#include "(\w+)\.h"', path.read_text(), re.M)
        uses[path.stem] |= {name for name in named if name in uses} - {path.stem}
    while free := [unit for unit, needs in uses.items() if not needs]:
        uses = {u: needs - set(free) for u, needs in uses.items() if u not in free}
    return sorted(uses)


def test_includes_run_one_way() -> None:
    assert circles(OURS) == []


def test_a_planted_circle_is_found(tmp_path: Path) -> None:
    for path in OURS:
        shutil.copy(path, tmp_path)
    low = tmp_path / "app_state.c"
    low.write_text('#include "console.h"\n' + low.read_text())
    assert {"app_state", "console"} <= set(circles(sorted(tmp_path.iterdir())))


@pytest.mark.parametrize("path", SOURCES, ids=ids)
def test_a_file_keeps_its_promises(path: Path, tmp_path: Path) -> None:
    assert findings(path, includes(FAKE, PORT), tmp_path) == []


@pytest.mark.parametrize("profile", PROFILES)
def test_generated_networks_keep_them_with_their_kernels(
    profile: str, components: Components, tmp_path: Path
) -> None:
    component = components("v3", profile)
    where = [*includes(component, PORT), f"-I{component / 'src'}"]
    sources = sorted((component / "src").glob("*.c"))
    assert any("int8" in path.name for path in sources)
    for path in sources:
        assert findings(path, where, tmp_path) == [], path


# Only where a path is followed, by -fanalyzer, is this one seen.
LEAK = """
void *malloc(unsigned long);
void planted(void);
void planted(void)
{
    volatile char *p = malloc(9);
    if (p != 0) {
        *p = 1;
    }
}
"""
PLANTED = {
    "a warning": ("int planted(long x) { return x; }", "conversion"),
    "a heap": (
        "void *malloc(unsigned long); void *planted(void);\n"
        "void *planted(void) { return malloc(9); }",
        "wants malloc",
    ),
    "printf": (
        "int printf(const char *, ...); int planted(int x);\n"
        'int planted(int x) { return printf("%d", x); }',
        "wants printf",
    ),
    "a VLA": (
        "int planted(int n);\n"
        "int planted(int n) { volatile int a[n]; a[0] = n; return a[0]; }",
        "variable length array",
    ),
    "alloca": (
        "int planted(int n);\nint planted(int n)\n"
        "{ volatile char *p = __builtin_alloca((unsigned)n); *p = 1; return *p; }",
        "alloca",
    ),
    "a large frame": (
        "int planted(int i);\n"
        "int planted(int i) { volatile char a[800]; a[i] = 1; return a[i / 2]; }",
        "stack of",
    ),
    "recursion": (
        "int planted(int n);\n"
        "int planted(int n) { return n > 0 ? planted(n - 1) + 1 : 0; }",
        "recursion: planted",
    ),
    "recursion by two": (
        "int planted(int n); static int other(int n)\n"
        "{ return planted(n - 1) * 2; }\n"
        "int planted(int n) { return n > 0 ? other(n) + 1 : 0; }",
        "recursion: planted",
    ),
}


@pytest.mark.parametrize("kind", [*PLANTED, "a leak"])
def test_a_planted_violation_is_found_in_the_link(kind: str, tmp_path: Path) -> None:
    code, finding = PLANTED.get(kind, (LEAK, "leak"))
    copy = tmp_path / "link_text.c"
    original = FIRMWARE / "components" / "link" / "link_text.c"
    copy.write_text(f"{original.read_text()}\n{code}\n")
    found = findings(copy, includes(FAKE, PORT), tmp_path)
    assert any(finding in one for one in found), found


@pytest.mark.parametrize("kind", ["a warning", "recursion by two"])
def test_a_planted_violation_is_found_in_a_kernel(
    kind: str, components: Components, tmp_path: Path
) -> None:
    """In a copy of the header that all int8 networks include: by each of both ways."""
    code, finding = PLANTED[kind]
    component = components("v2", "size")  # the shortest C: gcc's analyzer is slow
    sources = tmp_path / "src"
    shutil.copytree(component / "src", sources)
    header = sources / "nn_int8.h"
    text = header.read_text()
    head, guard, tail = text.rpartition("#endif")
    header.write_text(f"{head}{code}\n{guard}{tail}")
    found = findings(sources / "v2_int8_network.c", [], tmp_path)
    assert any(finding in one for one in found), found


@pytest.mark.parametrize("path", OURS, ids=ids)
def test_a_file_includes_no_header_of_a_vendor(path: Path) -> None:
    text = path.read_text()
    assert set(re.findall(r"#include <(.*?)>", text)) <= STANDARD_HEADERS
    own = {p.name for p in OURS} | {"hal.h", "esp8k_model.h"}
    assert set(re.findall(r'#include "(.*?)"', text)) <= own
    guards = re.findall(r"#if(?:n?def)? (.*)", text)
    allowed = ("APP_MAX_ITERATIONS", "__cplusplus")
    assert all(g.endswith("_H") or g in allowed for g in guards)
    lines = text.splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= 80


@pytest.mark.skipif(not shutil.which("cppcheck"), reason="no cppcheck")
def test_cppcheck_finds_nothing() -> None:
    done = subprocess.run(
        ["cppcheck", "--enable=warning,style,performance,portability", "--std=c99",
         "--error-exitcode=1", "--inline-suppr", "--suppress=missingIncludeSystem",
         "-q", *includes(FAKE, PORT), *folders(), FIRMWARE / "fuzz"],
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
