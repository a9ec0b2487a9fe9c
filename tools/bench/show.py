"""The benchmark's rows as a table for a terminal and as Markdown for the README."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich import box
from rich.table import Table

from core.errors import Esp8kError
from core.inputs import read_text
from tools.bench.mlperf_shapes import SHAPES
from tools.bench.rows import ELSEWHERE, HERE, OURS, Exactness, Row

LEGEND = (
    "An inference each. RAM is the arena and variables: no stack, input or output. "
    "Equal: with TFLite Micro's int8 logits, or how often the digit differs. Others "
    "are shown at their best of -O2, -O3, -O2 -fno-schedule-insns and our own flags "
    "(--all: each); ours with firmware/components/nn/flags.json. lx106 and rv32imc are "
    "emulated, without an FPU. The host stands for a core with one: scalar code, "
    "callgrind. Time: a runtime's over our speed profile's, interleaved, one thread; "
    "the wheels use SIMD, ours is portable C. TFLite Micro is the x86-64 wheel, its "
    "reference kernels, counted inside Invoke; its arena holds input and output too. "
    "MLPerf: the shapes of that benchmark, random weights."
)
NARROWED = (
    "* measured elsewhere. Flags, stack, time and each figure's evidence: on 200 "
    "columns, by --markdown or by --json."
)
COLUMNS = (  # title, how it is aligned
    ("program", "left"),
    ("flags", "left"),
    ("instructions", "right"),
    ("an effective\nMAC", "right"),
    ("code", "right"),
    ("const", "right"),
    ("RAM", "right"),
    ("stack", "right"),
    ("time", "right"),
    ("equal to TFLite Micro", "left"),
    ("evidence", "left"),
)
NARROW = {  # of them: what a terminal of 80 columns has room for, by a shorter title
    0: "program",
    2: "instruc-\ntions",
    3: "each\nMAC",
    4: "code",
    5: "const",
    6: "RAM",
    9: "equal",
}
NARROW_PROGRAM = 20  # columns of a name, at least
WIDE = 200  # columns; below, the narrow table
TARGETS = ("lx106", "rv32imc", "host")  # the order of the sections
FLAG_NAMES = {"-fno-schedule-insns": "nosched"}


def read(path: Path) -> list[Row]:
    """The rows of an earlier run."""
    if not path.exists():
        raise Esp8kError(f"there is no {path.name} yet", "run: make bench")
    rows = []
    try:
        for line in json.loads(read_text(path)):
            exact = line.pop("exact")
            line.pop("instructions_per_effective_mac")
            line.pop("exactness")
            rows.append(Row(**line, exact=Exactness(**exact) if exact else None))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Esp8kError(f"{path} is damaged: {error}", "run: make bench") from None
    return rows


def table(rows: list[Row], every: bool = False, width: int = WIDE) -> Table:
    """All counted rows, a section for each model and target.

    Below WIDE columns the chief figures alone, a `*` where others measured.
    """
    narrow = width < WIDE
    chosen = NARROW if narrow else {at: name for at, (name, _) in enumerate(COLUMNS)}
    result = Table(
        title="Instructions and bytes", title_justify="left", box=box.SIMPLE_HEAD
    )
    for at, name in chosen.items():
        side = COLUMNS[at][1]
        least = NARROW_PROGRAM if narrow and at == 0 else None
        folds = narrow and side == "left"
        # rich has a literal type for `justify`; ours comes from a table
        result.add_column(name, justify=side, no_wrap=not folds, min_width=least)  # type: ignore[arg-type]
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.instructions is not None or row.time_ratio is not None:
            groups.setdefault((row.model, row.target), []).append(row)
    for (model, target), group in sorted(groups.items(), key=lambda x: _place(*x[0])):
        shown = group if every else list(fewest(group))
        result.add_section()
        kind = " (MLPerf)" if model in SHAPES else ""
        result.add_row(f"{model}{kind} on {target}", style="bold underline")
        for row in sorted(shown, key=lambda r: r.instructions or 1 << 40):
            cells = _cells(row)
            if narrow and row.evidence != HERE:
                cells[0] += " *"
            style = "bold" if row.source == OURS else ""
            result.add_row(*(cells[at] for at in chosen), style=style)
    return result


def _place(model: str, target: str) -> tuple[bool, str, int]:
    place = TARGETS.index(target) if target in TARGETS else len(TARGETS)
    return model in SHAPES, model, place


def _cells(row: Row) -> list[str]:
    return [
        title(row),
        short(row),
        number(row.instructions),
        "" if row.per_mac is None else f"{row.per_mac:.2f}",
        number(row.code_bytes),
        number(row.const_bytes),
        number(row.ram_bytes),
        number(row.stack_bytes),
        "" if row.time_ratio is None else f"{row.time_ratio:.2f}",
        row.exactness,
        evidence(row),
    ]


def gaps(rows: list[Row]) -> Iterator[str]:
    """A line for each rival that is not in the table, or needs a word."""
    told = ((r.source, r.model, evidence(r), r.note) for r in rows if r.note)
    for source, model, word, note in dict.fromkeys(told):
        yield f"{source}, {model} ({word}): {note}"


# ==== Markdown ====

HEAD = (
    "| program | network | lx106 | rv32imc | an effective MAC | code | const | RAM "
    "| equal to TFLite Micro | evidence |\n"
    "|---|---|--:|--:|--:|--:|--:|--:|---|---|"
)


def markdown(rows: list[Row]) -> str:
    """The README's table: int8 on the emulated cores, then the runtimes."""
    on_riscv = {_key(row): row for row in best(rows, "rv32imc")}
    lines = [HEAD]
    for row in best(rows, "lx106"):
        if row.model in SHAPES:
            continue
        name = f"**{title(row)}**" if row.source == OURS else title(row)
        other = on_riscv.get(_key(row))
        cells = [
            name,
            row.model,
            number(row.instructions),
            number(other.instructions if other else None),
            "" if row.per_mac is None else f"{row.per_mac:.2f}",
            number(row.code_bytes),
            number(row.const_bytes),
            _ram(row),
            row.exactness,
            evidence(row),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *_sentences(rows), "", *_shapes(rows)])


SHAPE_HEAD = (
    "| MLPerf Tiny's shape: profiles | MACs | host | TFLite Micro, host | times fewer "
    "| lx106 | rv32imc | RAM | TFLite Micro, arena | equal |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|---|"
)


def _shapes(rows: list[Row]) -> Iterator[str]:
    """Ours beside TFLite Micro: instructions, and RAM with input and output."""
    found = {(r.source, r.model, r.profile, r.target): r for r in rows}
    told: dict[tuple[str, ...], list[str]] = {}
    if any(row.model in SHAPES for row in rows):
        yield SHAPE_HEAD
    for row in sorted((r for r in rows if r.model in SHAPES), key=_shape_order):
        if (row.source, row.target) != (OURS, "host"):
            continue
        theirs = found.get(("TFLite Micro", row.model, "", "host"))
        cores = [found.get((OURS, row.model, row.profile, t)) for t in TARGETS[:2]]
        cells = (
            number(row.macs),
            number(row.instructions),
            number(theirs.instructions if theirs else None),
            _times(row, theirs),
            *(number(core.instructions if core else None) for core in cores),
            number((row.ram_bytes or 0) + (row.io_bytes or 0)),
            number(theirs.ram_bytes if theirs else None),
            row.exactness,
        )
        told.setdefault((row.model, *cells), []).append(row.profile)
    for figures, profiles in told.items():
        name = f"{figures[0]}: {', '.join(profiles)}"
        yield "| " + " | ".join((name, *figures[1:])) + " |"


def _shape_order(row: Row) -> tuple[int, int]:
    return SHAPES.index(row.model), row.instructions or 0


def _times(row: Row, theirs: Row | None) -> str:
    if theirs is None or not theirs.instructions or not row.instructions:
        return ""
    return f"{theirs.instructions / row.instructions:.1f}"


def _ram(row: Row) -> str:
    """RAM; of a program that keeps everything on the stack, the stack."""
    if row.ram_bytes == 0 and row.stack_bytes:
        return f"stack {number(row.stack_bytes)}"
    return number(row.ram_bytes)


def _sentences(rows: list[Row]) -> Iterator[str]:
    """The float16 engine, and the runtimes of the host, in words."""
    told: dict[tuple[object, ...], list[Row]] = {}
    for row in best(rows, "host", "f16"):
        figures = (row.model, row.instructions, row.const_bytes, row.ram_bytes)
        told.setdefault(figures, []).append(row)
    for same in told.values():
        row, profiles = same[0], ", ".join(row.profile for row in same)
        yield (
            f"- float16 engine, {row.model} ({profiles}): {number(row.instructions)} "
            f"host instructions ({row.per_mac:.2f} an effective MAC), "
            f"{number(row.const_bytes)} B of constants, {number(row.ram_bytes)} B of "
            f"RAM ({evidence(row)})"
        )
    for row in rows:
        if row.time_ratio is not None and row.model not in SHAPES:
            parts = [f"{row.time_ratio:.2f} times our time on the host"]
            if row.instructions is not None:
                parts.append(f"{number(row.instructions)} instructions")
            if row.ram_bytes is not None:
                parts.append(f"arena {number(row.ram_bytes)} B")
            yield f"- {row.source}, {row.model}: {', '.join(parts)} ({evidence(row)})"


def best(rows: list[Row], target: str, engine: str = "int8") -> list[Row]:
    """Each program's fewest instructions on a target; fewest first."""
    chosen = [
        row
        for row in fewest(rows)
        if row.target == target and row.engine == engine and row.instructions
    ]
    return sorted(chosen, key=lambda row: row.instructions or 0)


def fewest(rows: Iterable[Row]) -> Iterator[Row]:
    """Of rows that differ in flags only, the one with the fewest instructions."""
    found: dict[tuple[str, ...], Row] = {}
    for row in rows:
        key = (*_key(row), row.target)
        held = found.get(key)
        if held is None or (row.instructions or 0) < (held.instructions or 0):
            found[key] = row
    yield from found.values()


def _key(row: Row) -> tuple[str, ...]:
    return (row.source, row.model, row.profile, row.engine, row.evidence)


def title(row: Row) -> str:
    """Name of a program; of ours with its profile and, if not int8, its engine."""
    engine = row.engine if row.source == OURS and row.engine != "int8" else ""
    return " ".join(word for word in (row.source, row.profile, engine) if word)


def evidence(row: Row) -> str:
    """Its evidence words: 'measured here, emulated'."""
    return ", ".join(word for word in (row.evidence, row.run_on) if word)


def short(row: Row) -> str:
    """Flags in a few letters; ours are in a file."""
    if row.source == OURS or "-ffp-contract=off" in row.flags:
        return "flags.json"
    if row.evidence in (HERE, ELSEWHERE) and row.flags:
        return " ".join(FLAG_NAMES.get(f, f) for f in row.flags.split())
    return row.compiler


def number(value: int | None) -> str:
    """With thousands separated; nothing for None."""
    return "" if value is None else f"{value:,}"
