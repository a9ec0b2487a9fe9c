"""The benchmark's rows as tables for a terminal and as Markdown for the README."""

import json
from pathlib import Path

from rich.table import Table

from tools.bench_rows import ELSEWHERE, HERE, OURS, PUBLISHED, Exactness, Row
from training.errors import Esp8kError

LEGEND = (
    "Instructions an inference; RAM is the arena and variables, without stack, input "
    "and output; helper functions of the compiler are in neither. 'exact' compares "
    "with TFLite Micro's int8 logits, or says how often the digit differs. The host "
    "counts scalar code (callgrind, no vectorisation); a wheel's own build may use "
    "SIMD. Time ratio: that runtime's time over ours, one interleaved run, one thread."
)
COLUMNS = (  # title, how it is aligned
    ("program", "left"),
    ("engine", "left"),
    ("flags", "left"),
    ("instructions", "right"),
    ("a live\nMAC", "right"),
    ("code", "right"),
    ("const", "right"),
    ("RAM", "right"),
    ("stack", "right"),
    ("exact", "left"),
    ("evidence", "left"),
)
MARK = {HERE: "measured here", ELSEWHERE: "elsewhere", PUBLISHED: "published"}


def read(path: Path) -> list[Row]:
    """The rows of an earlier run."""
    if not path.exists():
        raise Esp8kError(f"there is no {path.name} yet", "run: make bench")
    rows = []
    for line in json.loads(path.read_text()):
        exact = line.pop("exact")
        line.pop("instructions_per_live_mac")
        line.pop("exactness")
        rows.append(Row(**line, exact=Exactness(**exact) if exact else None))
    return rows


def tables(rows: list[Row]) -> list[Table]:
    """One table a model and target, one of the runtimes, one of the gaps."""
    result = []
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.instructions is not None and row.target:
            groups.setdefault((row.model, row.target), []).append(row)
    for (model, target), group in groups.items():
        result.append(_counted(f"{model} on {target}", group))
    ratios = [row for row in rows if row.time_ratio is not None]
    if ratios:
        result.append(_ratios(ratios))
    result.append(_gaps([row for row in rows if row.note]))
    return result


def _counted(title: str, rows: list[Row]) -> Table:
    table = Table(title=title, title_justify="left")
    for name, side in COLUMNS:
        # rich has a literal type for `justify`; ours comes from a table
        table.add_column(name, justify=side, no_wrap=True)  # type: ignore[arg-type]
    for row in sorted(rows, key=lambda r: r.instructions or 0):
        style = "bold" if row.source == OURS else ""
        table.add_row(*_cells(row), style=style)
    return table


def _cells(row: Row) -> list[str]:
    ratio = row.per_mac
    return [
        " ".join((row.source, row.profile)).strip(),
        row.engine,
        short(row.flags) or row.compiler,
        number(row.instructions),
        "" if ratio is None else f"{ratio:.2f}",
        number(row.code_bytes),
        number(row.const_bytes),
        number(row.ram_bytes),
        number(row.stack_bytes),
        row.exactness,
        evidence(row),
    ]


def _ratios(rows: list[Row]) -> Table:
    table = Table(title="Runtimes of this machine", title_justify="left")
    for name in ("model", "runtime", "version", "time ratio", "arena", "exact"):
        table.add_column(name, justify="right" if name == "time ratio" else "left")
    for row in rows:
        table.add_row(
            row.model,
            f"{row.source} ({row.engine})",
            row.compiler,
            f"{row.time_ratio:.2f}",
            number(row.ram_bytes),
            row.exactness,
        )
    return table


def _gaps(rows: list[Row]) -> Table:
    table = Table(title="What is not in the tables, and why", title_justify="left")
    for name in ("program", "model", "evidence", "note"):
        table.add_column(name)
    for row in dict.fromkeys((r.source, r.model, evidence(r), r.note) for r in rows):
        table.add_row(*row)
    return table


# ==== Markdown ====


def markdown(rows: list[Row], target: str = "lx106") -> str:
    """The README's table: each program's best flags on one emulated core."""
    chosen = best(rows, target)
    lines = [
        f"| {target}, gcc | model | instructions | a live MAC | code B | const B |"
        " RAM B | equals TFLite Micro | evidence |",
        "|---|---|--:|--:|--:|--:|--:|---|---|",
    ]
    for row in chosen:
        ratio = row.per_mac
        name = f"**{title(row)}**" if row.source == OURS else title(row)
        cells = [
            f"{name} `{short(row.flags)}`",
            row.model,
            number(row.instructions),
            "" if ratio is None else f"{ratio:.2f}",
            number(row.code_bytes),
            number(row.const_bytes),
            number(row.ram_bytes),
            row.exactness,
            evidence(row),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def best(rows: list[Row], target: str) -> list[Row]:
    """Each program's fewest instructions on `target`, int8 ones; fewest first."""
    found: dict[tuple[str, ...], Row] = {}
    for row in rows:
        if row.target != target or row.instructions is None or row.engine != "int8":
            continue
        key = (row.source, row.model, row.profile, row.evidence)
        held = found.get(key)
        if held is None or row.instructions < (held.instructions or 0):
            found[key] = row
    return sorted(found.values(), key=lambda row: row.instructions or 0)


def title(row: Row) -> str:
    """Name of a program, with our profile."""
    return " ".join((row.source, row.profile)).strip()


def evidence(row: Row) -> str:
    """Its evidence words: 'measured here, emulated'."""
    words = (MARK.get(row.evidence, row.evidence), row.run_on)
    return ", ".join(word for word in words if word)


def short(flags: str) -> str:
    """Flags that change the code, without the language and the warnings."""
    dull = ("-std=", "-ffp-contract", "-W")
    return " ".join(f for f in flags.split() if not f.startswith(dull))


def number(value: int | None) -> str:
    """With thousands separated; nothing for None."""
    return "" if value is None else f"{value:,}"
