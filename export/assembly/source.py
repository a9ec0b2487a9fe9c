"""The lines of a .S file: functions, labels, instructions.

    functions = parse(text)

What is read is the very text that a cross assembler gets. Only what the generator
writes is known: one instruction, label or directive a line, comments in /* */.
"""

import re
from dataclasses import dataclass

from core.errors import CheckFailed

IGNORED = (".section", ".text", ".literal_position", ".align", ".global")


@dataclass(frozen=True)
class Instruction:
    """One instruction; operands as written."""

    mnemonic: str
    operands: tuple[str, ...]
    line: int  # in the file, from 1


@dataclass(frozen=True)
class Label:
    """A place to jump to, or the start of a function."""

    name: str
    line: int


Item = Instruction | Label


@dataclass(frozen=True)
class Function:
    """From one global label to the next."""

    name: str
    items: tuple[Item, ...]


def wrong(line: int, what: str) -> CheckFailed:
    """The error of a text that no assembler or core would take."""
    return CheckFailed(
        f"assembly, line {line}: {what}", "a bug of the generator: report it"
    )


def instruction(text: str, line: int = 0) -> Instruction:
    """One line that is neither label nor directive."""
    mnemonic, _, rest = text.strip().partition(" ")
    operands = tuple(x.strip() for x in rest.split(",")) if rest.strip() else ()
    return Instruction(mnemonic, operands, line)


def parse(text: str) -> tuple[Function, ...]:
    """The functions of a .S file, in order."""
    names = set(re.findall(r"^\s*\.global\s+(\w+)", text, re.M))
    functions: list[tuple[str, list[Item]]] = []
    for number, item in _items(text):
        if isinstance(item, Label) and item.name in names:
            functions.append((item.name, []))
        elif not functions:
            raise wrong(number, "an instruction before the first function")
        else:
            functions[-1][1].append(item)
    if len(functions) != len(names):
        raise wrong(0, "a function is declared global and not defined, or twice")
    return tuple(Function(name, tuple(items)) for name, items in functions)


def _items(text: str) -> list[tuple[int, Item]]:
    """(line, label or instruction) of all that is one."""
    found: list[tuple[int, Item]] = []
    for number, line in enumerate(_uncommented(text).split("\n"), 1):
        line = line.strip()
        if not line or line.startswith(("#", *IGNORED)):
            continue
        if match := re.fullmatch(r"([.\w]+):", line):
            found.append((number, Label(match[1], number)))
            continue
        found.append((number, instruction(line, number)))
    return found


def _uncommented(text: str) -> str:
    """The text without its comments, lines kept."""
    return re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
