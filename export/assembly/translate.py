"""A .S text as C: each instruction a statement, counted, checked.

    source = translate(text, PIE)

An instruction becomes one statement over the models of the core's headers, a label a
label, a branch a goto, a zero-overhead loop a counter and a goto. `xt_instructions`
counts what runs. What an assembler or a core would refuse or do otherwise than meant
is an error: operands out of range, a loop of more than 256 bytes or with a branch in
it, a branch too far, a vector register written twice.
"""

import re
from dataclasses import dataclass, field

from export.assembly import xtensa
from export.assembly.operation import Core, Operation, checked
from export.assembly.source import Function, Instruction, Label, parse, wrong

LOOPS = ("loop", "loopnez", "loopgtz")
LOOP_BYTES = 250  # of its 256, some for the assembler's alignment
ARGUMENTS = ("a2", "a3", "a4", "a5", "a6", "a7")  # by the windowed calling convention
UNUSED = ("label", "variable", "but-set-variable")  # what a text need not use up
ADDRESSES = tuple(f"a{i}" for i in range(2, 16))


@dataclass
class _Body:
    """The C of one function while it grows."""

    core: Core
    lines: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)  # statements not yet counted
    count: int = 0

    def add(self, statement: str) -> None:
        self.pending.append(f"    {statement}")
        self.count += 1

    def close(self) -> None:
        """End of a run of instructions: what they add to the count goes before it."""
        if self.count:
            self.lines.append(f"    xt_instructions += {self.count};")
        self.lines += self.pending
        self.pending, self.count = [], 0


def translate(text: str, core: Core, arguments: int = 5) -> str:
    """The C of all functions of a .S file.

    Each is `void name(const void *, ...)` of so many pointers, in a2 and on.
    """
    lines = [f'#pragma GCC diagnostic ignored "-Wunused-{u}"' for u in UNUSED]
    lines += ["#include <stdint.h>", *(f'#include "{h}"' for h in core.headers), ""]
    for function in parse(text):
        lines += _function(function, core, arguments)
    return "\n".join(lines) + "\n"


def size(core: Core, function: Function) -> int:
    """Bytes of a function's code at most."""
    instructions = [i for i in function.items if isinstance(i, Instruction)]
    return sum(core.table[i.mnemonic].size for i in instructions)


def _function(function: Function, core: Core, arguments: int) -> list[str]:
    _check_flow(function, core)
    taken = ", ".join(f"const void *p{i}" for i in range(arguments))
    head = f"void {function.name}({taken})"
    body = _Body(core)
    loop: tuple[str, int] | None = None  # where the loop that is open ends
    for item in function.items:
        if isinstance(item, Label):
            body.close()
            if loop is not None and loop[0] == item.name:
                body.lines.append(f"    if (--lcount > 0) goto loop_{loop[1]};")
                loop = None
            body.lines.append(f"{_label(item.name)}:;")
            continue
        operation, operands = checked(core, item)
        loop = _instruction(body, item, operation, operands, loop)
    body.close()
    registers = _registers(body.lines, core, arguments)
    return [f"{head};", head, "{", *registers, *body.lines, "}", ""]


def _registers(lines: list[str], core: Core, arguments: int) -> list[str]:
    """What the lines of a body read and write, and what C else calls unused."""
    return [
        *(
            f"    int64_t {address} = {_argument(address, arguments)};"
            for address in ADDRESSES
            if _mentions(lines, address)
        ),
        "    uint32_t frame[16] = {0};",
        "    int64_t a1 = (intptr_t)frame;",
        "    (void)a1;",
        f"    {core.state}",
        "    int64_t lcount = 0;",
        *(f"    (void)p{i};" for i in range(arguments)),
        "    (void)lcount;",
        "    (void)sar;",
    ]


def _instruction(
    body: _Body,
    at: Instruction,
    operation: Operation,
    operands: tuple[str, ...],
    loop: tuple[str, int] | None,
) -> tuple[str, int] | None:
    """Add one; gives the loop that is open behind it."""
    if at.mnemonic in LOOPS:
        if loop is not None:
            raise wrong(at.line, "a loop in a loop")
        counter, end = operands
        body.add(f"lcount = (int32_t){counter};")
        body.close()
        if at.mnemonic == "loopnez":
            body.lines.append(f"    if (lcount == 0) goto {_label(end)};")
        elif at.mnemonic == "loopgtz":
            body.lines.append(f"    if (lcount <= 0) goto {_label(end)};")
        body.lines.append(f"loop_{at.line}:;")
        return operands[1], at.line
    if at.mnemonic == "entry":
        body.add(";")
    elif at.mnemonic == "retw.n":
        body.add("return;")
        body.close()
    else:
        kinds = operation.operands.split()
        named = [
            _label(text) if kind == "l" else text
            for kind, text in zip(kinds, operands, strict=True)
        ]
        body.add(operation.c.format(*named))
        if "l" in kinds:
            body.close()
    return loop


def _check_flow(function: Function, core: Core) -> None:
    """Loops and branches within what the core can do."""
    places: dict[str, int] = {}
    at = 0
    for item in function.items:
        if isinstance(item, Label):
            if item.name in places:
                raise wrong(item.line, f"{item.name} is defined twice")
            places[item.name] = at
        elif item.mnemonic in core.table:
            at += core.table[item.mnemonic].size
    at, end, ends = 0, -1, set()
    for item in function.items:
        if isinstance(item, Label):
            continue
        operation, operands = checked(core, item)
        at += operation.size
        kinds = operation.operands.split()
        if "l" not in kinds:
            continue
        target = operands[kinds.index("l")]
        if target not in places:
            raise wrong(item.line, f"there is no label {target}")
        distance = places[target] - at
        if at <= end:
            raise wrong(item.line, "a branch in a loop")
        if item.mnemonic in LOOPS:
            if not 0 < distance <= LOOP_BYTES:
                raise wrong(item.line, f"a loop of {distance} bytes")
            end = places[target]
            ends.add(target)
            continue
        if target in ends:
            raise wrong(item.line, "a branch to the end of a loop")
        if abs(distance) > xtensa.FAR.get(item.mnemonic, xtensa.NEAR):
            raise wrong(item.line, f"{item.mnemonic} over {distance} bytes")


def _mentions(lines: list[str], register: str) -> bool:
    return any(re.search(rf"\b{register}\b", line) for line in lines)


def _argument(register: str, count: int) -> str:
    if register in ARGUMENTS[:count]:
        return f"(intptr_t)p{ARGUMENTS.index(register)}"
    return "0x5A5A5A5A"  # whatever the caller left there


def _label(name: str) -> str:
    return "at_" + name.replace(".", "_")
