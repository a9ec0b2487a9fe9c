"""The published C is laid out by clang-format, but for blocks and long tables."""

import re
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import Esp8kError
from core.paths import ROOT

STYLE = ROOT / ".clang-format"
TIMEOUT_S = 120  # for the layout of all files
BLOCK = re.compile(r"\bLX_(?:FPU_)?BLOCK\(\n.*?\)\);$", re.S | re.M)
TABLE = re.compile(r"(?<== \{\n    )[^\n}]+,(?:\n    [^\n}]+,){1000,}(?=\n\};$)", re.M)


def lay_out(folder: Path) -> None:
    """Lay out all C below `folder` in the dialect of `.clang-format`."""
    files = sorted(path for kind in ("*.c", "*.h") for path in folder.rglob(kind))
    with _aside(files, BLOCK, "LX_BLOCK();"), _aside(files, TABLE, "LX_TABLE,"):
        _format(files)


def _format(files: list[Path]) -> None:
    program = Path(sysconfig.get_path("scripts")) / "clang-format"
    command = [str(program), f"--style=file:{STYLE}", "-i", *map(str, files)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_S)
    except FileNotFoundError:
        raise Esp8kError("clang-format is not installed", "run: make setup") from None
    except subprocess.TimeoutExpired:
        what = f"clang-format took longer than {TIMEOUT_S} s"
        raise Esp8kError(what, "try again when this computer is less busy") from None


@contextmanager
def _aside(files: list[Path], what: re.Pattern[str], stead: str) -> Iterator[None]:
    """Take it out of the files, and put it back as it was in the place of `stead`.

    Blocks of instructions and the rows of tables are written within 80 columns. A block
    of a thousand instructions costs clang-format minutes and gigabytes, between "off"
    and "on" too, and tables of a hundred thousand numbers most of a component's time.
    """
    kept: dict[Path, list[str]] = {}
    for path in files:
        text = path.read_text()
        kept[path] = what.findall(text)
        if kept[path]:
            path.write_text(what.sub(stead, text))
    try:
        yield
    finally:
        for path, parts in kept.items():
            if parts:
                first, *rest = path.read_text().split(stead)
                whole = [x for pair in zip(parts, rest, strict=False) for x in pair]
                path.write_text("".join([first, *whole]))
