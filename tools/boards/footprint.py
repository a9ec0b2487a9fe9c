"""How much flash and RAM a firmware takes, from its symbols.

    esp8k footprint build/v3/virtual/firmware.elf

The bare ports' linker scripts mark each region with two symbols; the twin's
figures are its ELF sections. `tools.boards.flash` writes them to memory.json.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from core.cli import Positional, parse
from core.errors import Esp8kError
from core.inputs import FIRMWARE_BYTES, read_bytes
from core.program import run
from core.text import for_json
from core.words import BUILT

REGIONS = ("text", "rodata", "data", "bss")
NAMES = {"text": "code", "rodata": "const", "data": "data", "bss": "bss"}
ARENA = re.compile(r"(^|_)arena(\.\d+)?$")


@dataclass(frozen=True)
class Config:
    """Options of `esp8k footprint`."""

    elf: Positional[Path]  # build/<model>/<board>/firmware.elf
    json: bool = False  # print JSON


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures of one .elf."""
    config = parse(Config, argv, "footprint", __doc__ or "")
    figures = measure(config.elf)
    if config.json:
        print(for_json(figures))
        return 0
    for name, value in figures.items():
        amount = f"{value:,}" if isinstance(value, int) else value
        print(f"{name.removesuffix('_bytes'):<10} {amount:>10}")
    return 0


def measure(elf: Path, flash_bytes: int | None = None) -> dict[str, Any]:
    """Bytes by use. RAM is what is not in flash alone: data, bss and stack."""
    symbols, sections = _read(elf)
    figures: dict[str, Any] = {"evidence": BUILT}
    for region in REGIONS:
        figures[f"{NAMES[region]}_bytes"] = _region(region, symbols, sections)
    stack = symbols.get("stack_size", (0, 0))[0]
    if "app_stack" in symbols:  # the twin's stack is an array in .bss
        stack = symbols["app_stack"][1]
        figures["bss_bytes"] -= stack
    arenas = [size for name, (_, size) in symbols.items() if ARENA.search(name)]
    stored = sum(figures[f"{name}_bytes"] for name in ("code", "const", "data"))
    figures["arena_bytes"] = max(arenas, default=0)
    figures["stack_bytes"] = stack
    figures["flash_bytes"] = stored if flash_bytes is None else flash_bytes
    figures["ram_bytes"] = figures["data_bytes"] + figures["bss_bytes"] + stack
    return figures


def _region(name: str, symbols: dict[str, Any], sections: dict[str, int]) -> int:
    if f"{name}_start" in symbols and f"{name}_end" in symbols:
        return int(symbols[f"{name}_end"][0] - symbols[f"{name}_start"][0])
    return sections.get(f".{name}", 0)


def _read(elf: Path) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
    """(value, size) of each symbol, size of each section."""
    raw = read_bytes(elf, FIRMWARE_BYTES, "a firmware.elf")
    try:
        parsed = ELFFile(io.BytesIO(raw))
        table: Any = parsed.get_section_by_name(".symtab")
        symbols = {
            symbol.name: (symbol["st_value"], symbol["st_size"])
            for symbol in (table.iter_symbols() if table else ())
            if symbol.name
        }
        sections = {part.name: part["sh_size"] for part in parsed.iter_sections()}
    except ELFError as error:
        raise Esp8kError(f"{elf} is not an ELF file", "run: make flash") from error
    except Exception as error:  # its parsers raise whatever they meet in a damaged one
        raise Esp8kError(f"{elf} is damaged: {error}", "run: make flash") from error
    return symbols, sections


if __name__ == "__main__":
    run(main)
