"""F(4, 3)'s transforms in LX6 instructions, and six lines of an input through B'.

`winograd1` takes them down the columns, `winograd2` along the rows as well. A word
holds two channels; so long as it is only added to others, what the high one lends the
low one comes back, and where it is read as two numbers `split` settles that.
"""

from collections.abc import Callable

import numpy as np

from export.kernels.lx6.assembly import Block
from export.kernels.lx6.layer import Layer

LINES = 6  # of inputs
# The transform gives some of its lines the other sign, which costs nothing here.
G = np.array(
    [[6, 0, 0], [4, 4, 4], [-4, 4, -4], [1, 2, 4], [-1, 2, -4], [0, 0, -6]], np.int64
)

Access = Callable[[str, int], None]  # (register, line)


def outputs(body: Block, line: Access, bias: str) -> None:
    """A' of six sums: outputs 0 to 3 in a, c, b and d; e and x are used.

    `line` puts a sum into a register. The bias joins the second one, from where it
    reaches all four outputs.
    """
    line("a", 0)
    line("b", 1)
    if bias:
        body.op("ADD", "b", "b", bias)
    line("c", 2)
    body.op("SUB", "d", "b", "c")
    body.op("ADD", "b", "b", "c")
    body.op("ADD", "a", "a", "b")
    line("c", 3)
    line("e", 4)
    body.op("ADD", "x", "c", "e")
    body.op("SUB", "e", "c", "e")
    body.op("ADD", "a", "a", "x")
    body.op("ADDX4", "b", "x", "b")
    body.op("ADDX2", "c", "e", "d")
    body.op("ADDX8", "d", "e", "d")
    line("e", 5)
    body.op("ADDX4", "d", "e", "d")


def inputs(block: Block, read: Access, write: Access) -> None:
    """B' of six words, of which each holds two numbers; a to f and x are used.

    What is written may stand where what has been read stood.
    """
    read("a", 1)
    read("b", 3)
    block.op("SUBX4", "c", "a", "b")  # 4 d1 - d3
    block.op("SUB", "d", "b", "a")  # d3 - d1
    read("a", 2)
    read("e", 4)
    block.op("SUBX4", "f", "a", "e")  # 4 d2 - d4
    block.op("SUB", "e", "e", "a")  # d4 - d2
    read("x", 0)
    block.op("SUB", "x", "x", "a")
    block.op("ADDX4", "x", "x", "e")
    write("x", 0)
    read("x", 5)
    block.op("SUB", "x", "x", "b")
    block.op("SUBX4", "x", "d", "x")
    write("x", 5)
    for name, s, t, line in (
        ("ADD", "f", "c", 1),
        ("SUB", "c", "f", 2),
        ("ADDX2", "d", "e", 3),
        ("SUBX2", "d", "e", 4),
    ):
        block.op(name, "x", s, t)
        write("x", line)


def split(block: Block, value: str, free: str) -> None:
    """The high half lacks what the low one borrowed."""
    block.op("AND", free, value, "mask")
    block.op("ADDX2", value, free, value)


def lines_function(layer: Layer, pitch: int, apart: bool) -> tuple[str, int]:
    """(C of <layer>_lines, instructions): B' of six lines in place, `pitch` bytes on.

    `apart`: the two numbers of each word that is written are whole.
    """
    count = pitch // 4
    unroll = 2 if count % 2 == 0 else 1
    body, pointers = Block(), ("p", "q", "r")  # of lines 0, 2 and 4
    for k in range(unroll):

        def read(to: str, line: int, k: int = k) -> None:
            body.op("L32I", to, pointers[line // 2], 4 * k + line % 2 * pitch)

        def write(value: str, line: int, k: int = k) -> None:
            if apart:
                split(body, value, "a")
            body.op("S32I", value, pointers[line // 2], 4 * k + line % 2 * pitch)

        inputs(body, read, write)
    for p in pointers:
        body.move(p, 4 * unroll)
    block = Block()
    block.loop("words", "n", count // unroll, body)
    into = ("n", "mask") if apart else ("n",)
    mask = ", mask = 0x8000u" if apart else ""
    lines = [
        f"NN_INLINE void {layer.name}_lines(uint32_t *lines)",
        "{",
        "    uintptr_t p = (uintptr_t)lines, a, b, c, d, e, f, x;",
        f"    uintptr_t q = p + {2 * pitch}u, r = p + {4 * pitch}u;",
        f"    const uintptr_t n = {count // unroll}u{mask};",
        "",
        *block.statement(pointers, ("a", "b", "c", "d", "e", "f", "x"), into, 4),
        "}",
    ]
    return "\n".join(lines), block.count + 10
