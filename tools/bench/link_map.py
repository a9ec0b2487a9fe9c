"""What the linker kept of a model, by the map that it writes.

    code, const, ram, helpers = shares(sections(text))

The model's own objects are called model_*: neither the harness nor the images count.
"""

import re
from pathlib import Path

LINE = re.compile(r"^ (\.\S+|COMMON)\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (\S+)$", re.M)
WRAPPED = re.compile(r"^( \.\S+|  *COMMON)\n +", re.M)
ARENA = ".bss.arena"
START = "Linker script and memory map"


def sections(text: str) -> list[tuple[str, int, str]]:
    """(section, bytes, object file) of everything that the linker kept."""
    kept = WRAPPED.sub(r"\1 ", text[text.index(START) :])
    return [(name, int(size, 16), file) for name, size, file in LINE.findall(kept)]


def shares(kept: list[tuple[str, int, str]]) -> tuple[int, int, int, int]:
    """(code, const, RAM, helpers) bytes."""
    code = const = ram = helpers = 0
    for section, size, file in kept:
        name = Path(file).name
        kind = section.split(".")[1] if section.startswith(".") else "bss"
        if name == "adapter.o":  # of the adapter only the arena is the model's
            ram += size if section == ARENA else 0
        elif not name.startswith("model_"):
            if kind in ("text", "literal") and _is_helper(file):
                helpers += size
        elif kind in ("text", "literal"):
            code += size
        elif kind in ("rodata", "srodata", "data", "sdata"):
            const += size
        if name.startswith("model_") and kind in ("data", "sdata", "bss", "sbss"):
            ram += size
    return code, const, ram, helpers


def _is_helper(file: str) -> bool:
    return "libgcc" in file or Path(file).name.startswith("helper_")
