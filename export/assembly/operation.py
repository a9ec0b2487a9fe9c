"""What an instruction takes and does: the rows of a core's table.

    TABLE = {"addi": Operation("a a i:-128:127", "{0} = xt_add({1}, {2});")}

Operands are named by letters: `a` an address register, `q` a vector register,
`i:low:high[:step]` a number, `l` a label, `n` any number of 32 bits. A core adds
letters of its own (`registers`). The C statement names operands by position.
"""

import re
from dataclasses import dataclass

from export.assembly.source import Instruction, wrong

WIDE = (-(1 << 31), (1 << 32) - 1, 1)


@dataclass(frozen=True)
class Operation:
    """One mnemonic: its operands, its meaning as C, its length."""

    operands: str
    c: str  # a statement; "" for what steers the flow, which `translate` knows
    size: int = 3  # bytes at most, as the assembler writes it
    apart: tuple[int, int] | None = None  # operands that may not be the same one


Table = dict[str, Operation]


@dataclass(frozen=True)
class Core:
    """An instruction set as the translator wants it."""

    table: Table
    registers: dict[str, str]  # letter: pattern of the register's name
    headers: tuple[str, ...]  # C headers with the models of the instructions
    state: str  # C declaration of the registers that are no address registers


def checked(core: Core, at: Instruction) -> tuple[Operation, tuple[str, ...]]:
    """The operation and its operands as C, or what is wrong with them."""
    operation = core.table.get(at.mnemonic)
    if operation is None:
        raise wrong(at.line, f"unknown instruction {at.mnemonic}")
    kinds = operation.operands.split()
    if len(kinds) != len(at.operands):
        raise wrong(
            at.line,
            f"{at.mnemonic} takes {len(kinds)} operands, not {len(at.operands)}",
        )
    if operation.apart is not None:
        first, second = (at.operands[i] for i in operation.apart)
        if first == second:
            raise wrong(at.line, f"{at.mnemonic} would write {first} twice")
    found = tuple(
        _operand(core, at, kind, text)
        for kind, text in zip(kinds, at.operands, strict=True)
    )
    return operation, found


def _operand(core: Core, at: Instruction, kind: str, text: str) -> str:
    if kind in core.registers:
        if not re.fullmatch(core.registers[kind], text):
            raise wrong(at.line, f"{at.mnemonic}: {text} is no register for it")
        return text
    if kind == "l":
        return text
    low, high, step = WIDE
    if kind != "n":
        numbers = [int(x) for x in kind.split(":")[1:]]
        low, high, step = (*numbers, 1)[:3]
    try:
        value = int(text, 0)
    except ValueError:
        raise wrong(at.line, f"{at.mnemonic}: {text} is no number") from None
    if not low <= value <= high or (value - low) % step:
        raise wrong(
            at.line,
            f"{at.mnemonic}: {value} is not in {low} to {high} by steps of {step}",
        )
    return f"({value})" if value < 0 else str(value)
