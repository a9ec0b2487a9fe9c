"""Blocks of LX6 instructions as C text, and what they cost.

    block = Block()
    block.op("L32I", "x", "w", 4)
    text = block.statement(inout=("y",), out=("x",), into=("w",))

The text is for the macros of `nn_lx6.h`. A block counts its instructions as it grows,
loops with their turns, so that a kernel's cost is known and not estimated.
"""

import re
import textwrap
from dataclasses import dataclass, field

BYTES = 3  # of an instruction
LOOP_BYTES = 256  # most that a zero-overhead loop may hold
WIDTH = 80  # columns
L32I_REACH = 1020  # bytes: 8 bits of words
NEAR = 127  # what ADDI adds at most
PAGE = 256  # what ADDMI adds multiples of
FAR = 1 << 15  # what it subtracts at most


@dataclass
class Block:
    """Instructions in their order."""

    words: list[str] = field(default_factory=list)  # one macro call each
    size: int = 0  # instructions as they lie in memory
    count: int = 0  # instructions as they run

    def op(self, name: str, *operands: str | int) -> None:
        """One instruction."""
        self.words.append(f"LX_{name}({', '.join(map(str, operands))})")
        self.size += 1
        self.count += 1

    def add(self, other: "Block") -> None:
        """All of another block."""
        self.words += other.words
        self.size += other.size
        self.count += other.count

    def move(self, pointer: str, distance: int, source: str = "") -> None:
        """pointer = source + distance, in as few additions as there can be."""
        source = source or pointer
        if distance == 0 and source == pointer:
            return
        near = (distance + 128) % PAGE - 128
        far = distance - near
        while far:  # once, but for a dilation of tens of rows
            part = min(max(far, -FAR), FAR - PAGE)
            self.op("AT_ADDMI", pointer, source, part)
            source, far = pointer, far - part
        if near or source != pointer:
            self.op("AT_ADDI", pointer, source, near)

    def loop(self, name: str, counter: str, turns: int, body: "Block") -> None:
        """A zero-overhead loop; `counter` holds `turns`."""
        if body.size * BYTES > LOOP_BYTES:
            raise ValueError(f"{body.size} instructions are too many for a loop")
        self._nest("LOOP", name, counter, body)
        self.size += 1
        self.count += 1 + turns * body.count

    def repeat(self, name: str, left: str, turns: int, body: "Block") -> None:
        """A loop by a branch; the body brings `left` to 0."""
        self._nest("REPEAT", name, left, body)
        self.size += 1
        self.count += turns * (body.count + 1)

    def _nest(self, kind: str, name: str, register: str, body: "Block") -> None:
        self.words.append(f"LX_{kind}({name}, {register},")
        self.words += ["    " + word for word in body.words]
        self.words[-1] += ")"
        self.size += body.size

    def used(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the names that some instruction has."""
        found = set(re.findall(r"\w+", " ".join(self.words)))
        return tuple(name for name in names if name in found)

    def statement(
        self,
        inout: tuple[str, ...],
        out: tuple[str, ...],
        into: tuple[str, ...],
        indent: int,
    ) -> list[str]:
        """Lines of C that run the block."""
        margin = " " * indent
        outs = [f"LX_INOUT({x})" for x in inout] + [f"LX_OUT({x})" for x in out]
        ins = [f"LX_IN({x})" for x in into]
        lines = [f"{margin}LX_BLOCK("]
        lines += _packed(self.words, margin + "    ")
        lines[-1] += ","
        operands = f"({', '.join(outs)}), ({', '.join(ins)}));"
        lines += textwrap.wrap(
            operands,
            WIDTH - 1,
            initial_indent=margin + "    ",
            subsequent_indent=margin + "     ",
        )
        return [line.rstrip() for line in lines]


def _packed(words: list[str], margin: str) -> list[str]:
    """Words side by side, as many as a line holds; a loop's body is further in."""
    lines: list[str] = []
    for word in words:
        inner = len(word) - len(word.lstrip())
        same = lines and _depth(lines[-1], margin) == inner
        if same and not _opens(lines[-1]) and len(lines[-1] + word.strip()) < WIDTH:
            lines[-1] += " " + word.strip()
        else:
            lines.append(margin + word)
    return lines


def _depth(line: str, margin: str) -> int:
    rest = line[len(margin) :]
    return len(rest) - len(rest.lstrip())


def _opens(line: str) -> bool:
    return line.rstrip().endswith(",") and line.count("(") > line.count(")")


@dataclass
class Pointer:
    """A register, and how far it is from where it was given."""

    name: str
    at: int = 0

    def reach(self, block: Block, offset: int, last: int | None = None) -> int:
        """What a load adds to get at `offset`; it reaches to `last` as well."""
        last = offset if last is None else last
        if offset < self.at or last - self.at > L32I_REACH:
            self.move(block, offset)
        return offset - self.at

    def move(self, block: Block, offset: int) -> None:
        """Stand at `offset`."""
        block.move(self.name, offset - self.at)
        self.at = offset


# ==== Sums of products ====


@dataclass
class Weights:
    """A stream of weights in m2 and m3, always two words ahead."""

    pointer: str
    turn: int = 0  # which of the two registers has the next word
    loops: int = 0  # so far, for their names

    def register(self, ahead: int = 0) -> str:
        return f"m{2 + (self.turn + ahead) % 2}"

    def start(self, block: Block) -> None:
        """Load the first two words; the pointer stands one word before them."""
        block.op("LDINC", self.register(0), self.pointer)
        block.op("LDINC", self.register(1), self.pointer)


LONG = 20  # words of a sum that becomes a loop
TURN = 16  # words of a loop's turn: 32 products


def dot(
    block: Block, weights: Weights, values: str, words: int, fresh: bool, counter: str
) -> None:
    """ACC plus `words` pairs of products, one instruction for each.

    `values` points one word before the first pair, and then at the last one. A `fresh`
    sum begins with MUL, which clears. `counter` is a register that long sums may use.
    """
    block.op("LDINC", "m0", values)
    at = 0
    turns = (words - 2) // TURN
    if words > LONG and turns > 1:
        _step(block, weights, values, 0, fresh)
        body = Block()
        for k in range(TURN):
            _step(body, weights, values, 1 + k, False)
        block.op("MOVI", counter, turns)
        weights.loops += 1
        block.loop(f"sum{weights.loops}", counter, turns, body)
        at = 1 + turns * TURN
    for k in range(at, words - 1):
        _step(block, weights, values, k, fresh and k == 0)
    _last(block, weights, words - 1, fresh and words == 1)
    weights.turn = (weights.turn + words) % 2


def _registers(weights: Weights, k: int) -> tuple[str, str, str, str]:
    """Value, next value, weight, other weight of the k-th word."""
    return (
        f"m{k % 2}",
        f"m{(k + 1) % 2}",
        weights.register(k),
        weights.register(k + 1),
    )


def _step(block: Block, weights: Weights, values: str, k: int, fresh: bool) -> None:
    """One word; the next value is loaded, and the weight behind the next."""
    v, next_v, w, other = _registers(weights, k)
    if fresh:  # MUL loads nothing: two weights are there already
        block.op("MUL_DD", "ll", v, w)
        block.op("MULA_DD_LDINC", "hh", next_v, values, v, w)
        return
    if k == 0:
        block.op("MULA_DD", "ll", v, w)
        block.op("MULA_DD_LDINC", "hh", next_v, values, v, w)
        return
    block.op("MULA_DD_LDINC", "ll", other, weights.pointer, v, w)
    block.op("MULA_DD_LDINC", "hh", next_v, values, v, w)


def _last(block: Block, weights: Weights, k: int, fresh: bool) -> None:
    """The last word; both weights that come next are loaded."""
    v, _, w, other = _registers(weights, k)
    if k == 0:
        block.op("MUL_DD" if fresh else "MULA_DD", "ll", v, w)
    else:
        block.op("MULA_DD_LDINC", "ll", other, weights.pointer, v, w)
    block.op("MULA_DD_LDINC", "hh", w, weights.pointer, v, w)
