"""One table a core: ours by firmware/budget.json beside the rivals' figures.

    esp8k bench --cores             # measures nothing
    esp8k bench --cores --plot      # docs/bench.png too

A projection in milliseconds takes one instruction a cycle at 240 MHz, which no chip
keeps up: caches miss, loads stall. It is an order of magnitude, and never measured.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.words import EMULATED
from tools.bench import budget
from tools.bench.rivals import published
from tools.bench.rows import HERE, OURS, Row
from tools.bench.show import evidence, fewest, number, title

MHZ = 240  # of the ESP32 and the S3 at most
MACS = {"v1": 192_512, "v2": 192_512, "v3": 861_400, "v3-small": 167_744}  # effective
ORDER = ("v3-small", "v1", "v2", "v2 with ReLU", "v3")
TRANSLATED = "counted in its translated text"


@dataclass(frozen=True)
class Core:
    """One table."""

    title: str
    targets: tuple[str, ...]  # of the rows
    projected: bool  # whether a chip of that core runs at MHZ
    about: str


CORES = (
    Core(
        "Plain Xtensa (lx106): portable C",
        ("lx106",),
        False,
        "QEMU's lx106, without any option of the ESP32's cores.",
    ),
    Core(
        "Classic ESP32 (LX6): MAC16, MULSH, loops; float16 by its FPU",
        ("lx6", "lx6fpu", "LX6"),
        True,
        "Ours on QEMU's de212 and de233_fpu, by Debian's gcc and LLVM's assembler.",
    ),
    Core(
        "ESP32-S3: its vector unit",
        ("s3", "S3"),
        True,
        "Ours by its .S text translated into C; the rival on Espressif's QEMU.",
    ),
    Core(
        "32-bit RISC-V (rv32imc): portable C",
        ("rv32imc",),
        False,
        "QEMU's rv32 with the instructions of the C3.",
    ),
)
HEAD = (
    "| program | network | instructions | an effective MAC | code | const | RAM |"
    " equal to TFLite Micro | evidence |",
    "|---|---|--:|--:|--:|--:|--:|---|---|",
)


def rows() -> list[Row]:
    """Ours as committed, and all rivals', each at its best."""
    shown = [line for line in budget.load() if line["model"] in MACS]
    ours = [_ours(line) for line in shown if line["target"] != "host"]
    return list(fewest([*ours, *published.rows()]))


def _ours(line: budget.Line) -> Row:
    model, engine, target = line["model"], line["engine"], line["target"]
    return Row(
        source=OURS,
        evidence=HERE,
        run_on=TRANSLATED if target == "s3" else EMULATED,
        effective_macs=MACS[model],
        exact_text="yes" if engine == "int8" else "float; its own reference's bits",
        **{key: line[key] for key in (*budget.KEYS, *budget.FIGURES)},
    )


def of(core: Core, found: list[Row]) -> list[Row]:
    """A core's rows: by network, the fewest instructions first."""
    own = [r for r in found if r.target in core.targets and r.model in ORDER]
    own = [r for r in own if r.engine in ("int8", "f16") and r.instructions]
    return sorted(own, key=lambda r: (ORDER.index(r.model), r.instructions or 0))


def markdown() -> str:
    """All tables."""
    found = rows()
    lines: list[str] = []
    for core in CORES:
        lines += [f"### {core.title}", "", core.about, "", *_table(core, found), ""]
    return "\n".join(lines).rstrip()


def _table(core: Core, found: list[Row]) -> Iterator[str]:
    more = f" ms at {MHZ} MHz, projected |" if core.projected else ""
    yield HEAD[0] + more
    yield HEAD[1] + ("--:|" if more else "")
    for row in of(core, found):
        name = title(row)
        cells = [
            f"**{name}**" if row.source == OURS else name,
            row.model,
            number(row.instructions),
            "" if row.per_mac is None else f"{row.per_mac:.2f}",
            number(row.code_bytes),
            number(row.const_bytes),
            number(row.ram_bytes),
            row.exactness + (f"; {row.note}" if row.note else ""),
            evidence(replace(row, profile="")),
        ]
        if core.projected:
            cells.append(f"{(row.instructions or 0) / MHZ / 1000:.2f}")
        yield "| " + " | ".join(cells) + " |"
