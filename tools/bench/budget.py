"""Our own figures, committed, and what has become of them since.

    esp8k budget           # measure, and rewrite firmware/budget.json
    esp8k budget --check   # measure, and fail if a figure got worse
    esp8k budget --json    # measure and print; writes nothing

Instruction counts are exact, so a change of 2 % is a change of the code. The models
are the shipped ones: a figure does not depend on what somebody has trained. The rows of
MLPerf Tiny's shapes are held by tests/export/test_mlperf_tiny.py.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from core import paths
from core.cli import parse
from core.errors import CheckFailed, Esp8kError
from core.files import write_text
from core.program import run
from core.saying import say
from core.text import for_json
from core.words import MODELS, PROFILES
from tools.bench import models as bench_models
from tools.bench import ours, s3
from tools.bench.build import version
from tools.bench.mlperf_shapes import SHAPES
from tools.bench.rows import Row
from tools.bench.targets import TARGETS

FILE = paths.ROOT / "firmware" / "budget.json"
TOLERANCE = 0.02  # a figure may be this much worse
KEYS = ("model", "target", "engine", "profile")
FIGURES = ("instructions", "code_bytes", "const_bytes", "ram_bytes")
# int8 where there is no FPU, float16 where there is one: the host stands for those
# that have no kernels of their own.
MEASURED = {"int8": ("lx106", "lx6", "rv32imc"), "f16": ("host", "lx6fpu")}
HOST_GCC = "gcc 12."  # Debian 12's; another one makes other code of the same C
TABLE_WIDTH = 110  # columns where stdout is no terminal

Line = dict[str, Any]


@dataclass(frozen=True)
class Config:
    """Options of `esp8k budget`."""

    models: tuple[str, ...] = MODELS  # which networks
    check: bool = False  # compare with the committed figures, write nothing
    json: bool = False  # print the measured figures as JSON, write nothing


@dataclass(frozen=True)
class Change:
    """One figure, as committed and as measured."""

    line: Line
    figure: str
    was: int
    now: int

    @property
    def part(self) -> float:
        """Relative change; positive is worse."""
        return (self.now - self.was) / self.was if self.was else float(self.now > 0)

    @property
    def worse(self) -> bool:
        """Beyond the tolerance."""
        return self.part > TOLERANCE

    @property
    def percent(self) -> str:
        """The same with its sign, for people: +4.2 %."""
        return f"{100 * self.part:+.1f} %"

    def text(self) -> str:
        """v2 lx106 int8 speed: instructions 480,000 -> 500,000 (+4.2 %)."""
        name = " ".join(self.line[key] for key in KEYS)
        return f"{name}: {self.figure} {self.was:,} -> {self.now:,} ({self.percent})"


def compare(committed: Iterable[Line], measured: Iterable[Line]) -> list[Change]:
    """Every figure that changed; only rows that both have are compared."""
    before = {tuple(line[key] for key in KEYS): line for line in committed}
    changes = []
    for line in measured:
        old = before.get(tuple(line[key] for key in KEYS))
        for figure in FIGURES if old else ():
            assert old is not None
            if line[figure] != old[figure]:
                changes.append(Change(line, figure, old[figure], line[figure]))
    return changes


def missing(committed: Iterable[Line], measured: Iterable[Line]) -> list[str]:
    """Measured rows that are not committed."""
    known = {tuple(line[key] for key in KEYS) for line in committed}
    rows = [tuple(str(line[key]) for key in KEYS) for line in measured]
    return [" ".join(row) for row in rows if row not in known]


def merge(committed: Iterable[Line], measured: Iterable[Line]) -> list[Line]:
    """The committed rows with the measured ones in their places, or behind them."""
    rows = {tuple(line[key] for key in KEYS): line for line in (*committed, *measured)}
    return [line for line in rows.values() if line["model"] in (*MODELS, *SHAPES)]


def load(path: Path = FILE) -> list[Line]:
    """The committed figures."""
    try:
        lines: list[Line] = json.loads(path.read_text())
        return lines
    except FileNotFoundError as error:
        raise Esp8kError(f"there is no {path.name}", "run: make budget") from error


def measure(
    models: Iterable[str],
    folder: Callable[[str], Path],
    scratch: Path,
    say: Callable[[str], None],
) -> list[Line]:
    """Figures of every profile; `folder` has the exported models."""
    counted = MEASURED
    if not host_counts():
        say(f"without valgrind and {HOST_GCC}*, host figures are left out")
        counted = {e: tuple(t for t in x if t != "host") for e, x in MEASURED.items()}
    lines: list[Line] = []
    for name in models:
        model = bench_models.read(name, folder(name), max(ours.IMAGES.values()))
        for profile in PROFILES:
            say(f"{name} {profile}")
            place = scratch / name / profile
            plan = bench_models.generate(model, profile, place / "component", s3=True)
            for engine, targets in counted.items():
                rows = ours.measure_engine(model, plan, engine, place, targets, False)
                lines += map(line, rows)
            lines.append(s3.measure(model, plan, place))
    return lines


def host_counts() -> bool:
    """Whether this machine counts what the committed host figures are of."""
    if not shutil.which("valgrind") or not shutil.which("gcc"):
        return False
    return version(TARGETS["host"]).startswith(HOST_GCC)


def line(row: Row) -> Line:
    """What the budget holds of a measured row."""
    return {key: getattr(row, key) for key in (*KEYS, *FIGURES)}


def exported(model: str) -> Path:
    """The shipped checkpoint's export, made where the tests make theirs."""
    root = paths.ROOT / "build" / "test"
    manifest = root / model / "model.json"
    shipped = paths.PRETRAINED / f"{model}.pt"
    if manifest.exists() and manifest.stat().st_mtime > shipped.stat().st_mtime:
        return manifest.parent
    bench_models.export(model, ESP8K_BUILD=str(root))
    return manifest.parent


def write(lines: list[Line], path: Path = FILE) -> None:
    """One row a line, so that a diff shows which figure moved."""
    text = ",\n".join("  " + json.dumps(line) for line in lines)
    write_text(path, f"[\n{text}\n]\n")


def table(changes: list[Change]) -> Table:
    """What moved, worst first."""
    result = Table(title="Against firmware/budget.json", title_justify="left")
    for name in (*KEYS, "figure"):
        result.add_column(name)
    for name in ("was", "is", "change"):
        result.add_column(name, justify="right")
    for change in sorted(changes, key=lambda c: -c.part):
        style = "red" if change.worse else "green" if change.part < 0 else ""
        result.add_row(
            *(change.line[key] for key in KEYS),
            change.figure,
            f"{change.was:,}",
            f"{change.now:,}",
            change.percent,
            style=style,
        )
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, then check or rewrite."""
    config = parse(Config, argv, "budget", __doc__ or "")
    scratch = paths.build_root() / "bench" / "budget"
    lines = measure(config.models, exported, scratch, say)
    committed = load() if config.check or FILE.exists() else []
    changes = compare(committed, lines)
    if config.json:
        print(for_json(lines))
    elif changes:
        Console(width=TABLE_WIDTH).print(table(changes))
    else:
        print("every figure is as committed" if committed else "first figures")
    if not config.check:
        if not config.json:
            write(merge(committed, lines))
            say(f"wrote {FILE.relative_to(paths.ROOT)}, {len(lines)} rows measured")
        return
    worse = [change.text() for change in changes if change.worse]
    worse += [f"{name}: not in budget.json" for name in missing(committed, lines)]
    if worse:
        raise CheckFailed("; ".join(worse), "if it must be so: make budget")


if __name__ == "__main__":
    run(main)
