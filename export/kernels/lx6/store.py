"""From a sum in a register to the byte in memory."""

from export.kernels.lx6.assembly import Block
from export.kernels.lx6.layer import Layer
from export.kernels.lx6.requant import Narrow

CONSTANTS = 4  # words of a channel: `constants`, then whether another one follows


def constants(narrow: Narrow, channel: int) -> list[int]:
    """M, C, and C of negative sums."""
    c = narrow.channels[channel]
    return [c.multiplier, c.positive, c.negative]


def load(
    block: Block,
    narrow: Narrow,
    at: str,
    offset: int,
    registers: tuple[str, str, str],
) -> None:
    """M and both C, as far as they are used, into registers."""
    for k, register in enumerate(registers[:1] if narrow.plain else registers):
        block.op("L32I", register, at, offset + 4 * k)


def byte(
    block: Block,
    layer: Layer,
    narrow: Narrow,
    y: str,
    x: str,
    registers: tuple[str, str, str],
) -> None:
    """y becomes the byte to store; x is free, and may be M's register."""
    multiplier, positive, negative = registers
    block.op("MULSH", y, y, multiplier)
    if not narrow.plain:
        block.op("MOV", x, positive)
    finish(block, layer, narrow, y, x, negative)


def single(
    block: Block,
    layer: Layer,
    narrow: Narrow,
    y: str,
    registers: tuple[str, str, str],
) -> None:
    """As `byte`, where the constants serve one sum only: they are lost."""
    multiplier, positive, negative = registers
    block.op("MULSH", y, y, multiplier)
    finish(block, layer, narrow, y, positive, negative)


def finish(
    block: Block, layer: Layer, narrow: Narrow, v: str, positive: str, negative: str
) -> None:
    """v becomes the byte; the register of the positive C is lost."""
    if not narrow.plain:
        block.op("MOVLTZ", positive, negative, v)
        block.op("ADD", v, v, positive)
    block.op("SRAI", v, v, narrow.shift)
    block.op("CLAMPS", v, v, 7)
    if layer.table is not None:
        block.op("AT_ADD", positive, "t", v)
        block.op("L8UI", v, positive, 0)
    elif not layer.last:
        block.op("ADDI", v, v, -128)
