"""Maxima of a strip's cells, for a pool whose windows overlap.

As the template of `export.kernels.int8.strip` has them, in MAX instructions.
"""

from export.graph.geometry import Geometry, Shape
from export.kernels.lx6.assembly import Block

SIZE = 2  # rows and columns of a cell
REACH = 255  # bytes that a load reaches
AROUND = 12  # instructions around a channel's loop


def text(
    name: str, pool: Geometry, region: Shape, pitch: int
) -> tuple[str, int] | None:
    """(C, instructions of a row); None where the cells are of another size."""
    _, width, channels = region
    if (pool.stride_h, pool.stride_w) != (SIZE, SIZE) or SIZE * channels > REACH:
        return None
    first, turn, block = Block(), Block(), Block()
    _cell(first, "l", channels)
    turn.move("r", SIZE * channels)
    turn.move("s", SIZE * channels)
    _cell(turn, "x", channels)
    turn.op("MAX", "l", "l", "x")
    turn.op("L8UI", "y", "a", 0)
    turn.op("MAX", "y", "y", "l")
    turn.op("S8I", "y", "o", 0)
    turn.op("S8I", "l", "a", 0)
    turn.op("MOV", "l", "x")
    turn.move("a", channels)
    turn.move("o", channels)
    block.add(first)
    block.op("MOVI", "x", width)
    block.loop("cells", "x", width, turn)
    lines = [
        f"/* A row of cells of {SIZE}x{SIZE} bytes: maxima of two by two of them. */",
        f"NN_LAYER void {name}_pool(const uint8_t *rows, uint8_t *above, uint8_t *out)",
        "{",
        f"    for (int32_t c = 0; c < {channels}; ++c) {{",
        f"        uintptr_t r = (uintptr_t)(rows + c), s = r + {pitch}u;",
        "        uintptr_t a = (uintptr_t)(above + c), o = (uintptr_t)(out + c);",
        "        uintptr_t l, x, y;",
        "",
        *block.statement(("r", "s", "a", "o"), ("l", "x", "y"), (), 8),
        "    }",
        "}",
    ]
    return "\n".join(lines), channels * (block.count + AROUND)


def _cell(block: Block, to: str, channels: int) -> None:
    """The maximum of two by two bytes."""
    block.op("L8UI", to, "r", 0)
    for row, column in (("r", 1), ("s", 0), ("s", 1)):
        block.op("L8UI", "y", row, column * channels)
        block.op("MAX", to, to, "y")
