"""What an instruction reads and writes, read from its meaning as C.

    effects(core, instruction)     # registers, and SAR, ACCX, ... by their names

Of a register of which it sets a part, an instruction is a writer only: an order of
instructions that keeps writers in their places keeps the other part as well.
"""

import re
from dataclasses import dataclass
from functools import cache

from export.assembly.operation import Core, Operation
from export.assembly.source import Instruction

MEMORY = "memory"  # all of it is one
SUMS = {"accx", "qacc"}  # what products are added to
STATE = {  # name: what of the C reads it, what writes it
    "sar": (r", sar\)", r"^sar = "),
    "sar_byte": (r"pie_src\(", r"p\.sar_byte = |pie_usar\("),
    "accx": (r"_accx\(", r"p\.accx = |vmulas_\w+_accx\("),
    "qacc": (
        r"_(vmulas_\w+_qacc|srcmb_\w+|st_qacc)\(",
        r"_(vmulas_\w+_qacc|srcmb_\w+|zero_qacc)\(",
    ),
    MEMORY: (r"pie_(vld|usar|ldbc)|xt_l\d", r"pie_v?st[_(]|xt_s\d"),
}
WRITTEN = re.compile(
    r"\{(\d)\} = |p\.q\[\{(\d)\}\]\.s32\[\{2\}\] = "
    r"|pie_(?!vst|st_|vmulas)\w+\(&p, \{(\d)\}"
)
EXCHANGED = re.compile(r"pie_(?:un)?zip_\d+\(&p, \{(\d)\}, \{(\d)\}")
LOADED = re.compile(r"pie_(?:vld|usar|ldbc)\w*\(&p, \{(\d)\}|\{(\d)\} = xt_l\d")


@dataclass(frozen=True)
class Effects:
    """Names of registers; `late`: of those written, what comes a cycle later."""

    reads: frozenset[str]
    writes: frozenset[str]
    late: frozenset[str]

    def bound(self, other: "Effects") -> bool:
        """Whether the two have to stay in their order."""
        touched = other.reads | other.writes
        return bool(self.writes & touched or self.reads & other.writes)

    def stalls(self, following: "Effects") -> bool:
        """Whether what comes directly behind waits for a load or a sum.

        A product is added to a sum without a wait.
        """
        return bool(self.late & following.reads - (following.late & SUMS))


@dataclass(frozen=True)
class _Places:
    """Operands by number, state by name."""

    reads: frozenset[int | str]
    writes: frozenset[int | str]
    late: frozenset[int | str]


def movable(core: Core, mnemonic: str) -> bool:
    """Whether it is an instruction that steers no flow."""
    operation = core.table.get(mnemonic)
    return (
        operation is not None
        and operation.c != ""
        and "l" not in operation.operands.split()
    )


def effects(core: Core, at: Instruction) -> Effects:
    """Of an instruction that is `movable`."""
    operation = core.table[at.mnemonic]
    places = _places(operation)
    kinds = operation.operands.split()

    def names(found: frozenset[int | str]) -> frozenset[str]:
        return frozenset(
            at.operands[x] if isinstance(x, int) else x
            for x in found
            if isinstance(x, str) or kinds[x] in core.registers
        )

    return Effects(names(places.reads), names(places.writes), names(places.late))


@cache
def _places(operation: Operation) -> _Places:
    c = operation.c
    reads = {int(x) for x in re.findall(r"\{(\d)\}", WRITTEN.sub("", c))}
    exchanged = _numbers(EXCHANGED, c)
    writes, late = _numbers(WRITTEN, c) | exchanged, _numbers(LOADED, c)
    state_read = {name for name, (read, _) in STATE.items() if re.search(read, c)}
    state_set = {name for name, (_, write) in STATE.items() if re.search(write, c)}
    sums = state_set & SUMS if "vmulas" in c else set()
    return _Places(
        frozenset(reads | exchanged | state_read),
        frozenset(writes | state_set),
        frozenset(late | sums),
    )


def _numbers(pattern: re.Pattern[str], c: str) -> set[int]:
    return {int(x) for match in pattern.finditer(c) for x in match.groups() if x}
