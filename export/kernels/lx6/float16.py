"""float16 convolutions by the FPU of the classic ESP32: madd.s over register tiles.

Sums of P positions and Q channels stand in registers; a tap loads P values and Q
weights for P * Q products. Each sum goes through its taps in the specification's
order, and every product is exact, so a fused product gives the same bits. Weights are
float32 here, in the order in which they are used, which is why profile speed alone
takes these kernels. Positions of a row of tiles follow one another inside a block.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from export.graph.stage import Stage
from export.kernels.arrays import Array
from export.kernels.c_text import total
from export.kernels.float16.conv import Conv
from export.kernels.float16.stored import FloatKernel, Job
from export.kernels.kernel import Options
from export.kernels.lx6.assembly import Block
from export.kernels.lx6.float16_tile import REGISTERS, Shape, Tile
from export.kernels.lx6.layer import words
from export.kernels.lx6.text import function, repeated
from export.plan.tiling_f16 import divisor

POINTERS = 6  # rows of the input that a tile reads: an address register each
PIXELS = 8  # that are converted in one turn of a loop
AROUND = 14  # instructions around a block, a little more than less


@dataclass(frozen=True, eq=False)
class Lx6Conv(FloatKernel):
    """A weighted sum in the memory that the portable kernel has for it."""

    template: ClassVar[str] = "lx6/code.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = Conv.kinds

    portable: Conv
    text: str
    count: int  # instructions of one inference, those around the blocks estimated

    @classmethod
    def jobs(cls, stage: Stage, options: Options, job: Job) -> Iterator[Self]:
        """One, in profile speed, where a tile fits."""
        if options.profile != "speed":
            return
        for portable in Conv.jobs(stage, options, job):
            made = [
                m for m in map(_Maker(portable).make, _shapes(stage, portable)) if m
            ]
            if made:
                text, count = min(made, key=lambda one: one[1])
                yield cls(stage, options, job, portable, text, count)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """Nothing: its constants stand beside its code."""
        return ()

    @property
    def scratch(self) -> int:
        """Bytes, as the portable kernel has them."""
        return self.portable.scratch

    @property
    def method(self) -> str:
        """What plan.json calls it."""
        return self.portable.method

    @property
    def headers(self) -> frozenset[str]:
        """Of the instructions."""
        return frozenset({"nn_lx6_fpu.h"})


def _shapes(stage: Stage, conv: Conv) -> Iterator[Shape]:
    """All tiles that fit and divide the layer."""
    height, width, channels = stage.region
    down = conv.job.rows or height
    pool_h, pool_w = (
        (stage.pool.kernel_h, stage.pool.kernel_w) if stage.pool else (1, 1)
    )
    for q in range(1, min(channels, REGISTERS) + 1):
        for rows in range(1, 5):
            for columns in range(1, width + 1):
                shape = Shape(rows * pool_h, columns * pool_w, q)
                even = not (channels % q or down % rows or width % columns)
                one = stage.pool is None or rows == 1
                if even and one and shape.fits:
                    yield shape


class _Maker:
    def __init__(self, conv: Conv) -> None:
        self.conv, self.stage = conv, conv.stage
        _, self.width, self.channels = self.stage.region

    def make(self, shape: Shape) -> tuple[str, int] | None:
        """(C, instructions), or None where something is out of reach."""
        own = Tile(self.conv, shape)
        if own.pointers > POINTERS or len(own.constants) + 2 > own.free:
            return None
        try:
            block = own.block()
        except ValueError:
            return None
        groups = self.channels // shape.channels
        down = self.conv.out_h // own.out_rows
        calls = self.stage.region[0] // self.conv.out_h
        pixels, pixel_count = self._pixels()
        count = calls * (pixel_count + down * groups * (block.count + AROUND))
        return self._function(own, block, pixels), count

    def _function(self, tile: Tile, block: Block, pixels: list[str]) -> str:
        conv, name = self.conv, self.conv.name
        source = "const uint8_t" if conv.first else "const nn_real_t"
        source += " *const *rows" if conv.job.ring else " *restrict in"
        scratch = ", nn_real_t *restrict scratch" if conv.scratch else ""
        head = f"NN_LAYER void {name}({source}, nn_real_t *restrict out{scratch})"
        lines = [
            *(["const uintptr_t m = 0xFFFFE000u;"] if block.used(("m",)) else []),
            *([] if conv.first or not conv.scratch else ["(void)scratch;"]),
            *pixels,
            *repeated(
                "y", conv.out_h, lambda y: self._row(tile, block, y), tile.out_rows
            ),
        ]
        stream = words(tile.stream(), f"{name}_stream")
        return f"{stream}\n/* clang-format off */\n{function(head, lines)}"

    def _row(self, tile: Tile, block: Block, y: str) -> list[str]:
        """All tiles of a row of them, so many channels at a time."""
        out, q = block.used(("n", "t")), tile.shape.channels
        registers = ", ".join((f"w = (uintptr_t){self.conv.name}_stream", *out))
        groups = repeated(
            "c", self.channels, lambda c: self._group(tile, block, y, c), q
        )
        return [f"uintptr_t {registers};", "", *groups]

    def _group(self, tile: Tile, block: Block, y: str, c: str) -> list[str]:
        conv = self.conv
        down = self.stage.geometry.stride_h * tile.shape.rows // tile.out_rows
        held = {"o": total("out", (y, self.width * self.channels), c)}
        for i in range(tile.pointers):
            at = f"rows[{total((y, down), i)}]"
            if not conv.job.ring:
                base = "pixels" if conv.first else "in"
                at = total(base, (y, down * conv.pitch), i * conv.pitch)
            held[f"v{i}"] = at
        lines = [
            f"uintptr_t {name} = (uintptr_t){at if at.isidentifier() else f'({at})'};"
            for name, at in held.items()
        ]
        pointers = (*(name for name in held if name != "o"), "w", "o")
        if tile.turns > 1:
            lines.insert(1, f"uintptr_t x = {tile.turns}u;")
            pointers = (*pointers, "x")
        loops = (conv.out_h > tile.out_rows) + (self.channels > tile.shape.channels)
        out, into = block.used(("n", "t")), block.used(("m",))
        return [*lines, "", *_statement(block, (pointers, out, into), 1 + loops)]

    def _pixels(self) -> tuple[list[str], int]:
        """Bytes to floats."""
        if not self.conv.first:
            return [], 0
        body, count = Block(), self.conv.pixels
        unroll = divisor(count, PIXELS)
        for k in range(unroll):
            body.op("L8UI", "t", "p", k)
            body.op("FLOAT", f"f{k}", "t")
        for k in range(unroll):
            body.op("SSI", f"f{k}", "q", 4 * k)
        body.move("p", unroll)
        body.move("q", 4 * unroll)
        block = Block()
        block.op("MOVI", "n", count // unroll)
        block.loop("pixels", "n", count // unroll, body)
        lines = [
            f"nn_real_t *const pixels = {total('scratch', self.conv.decoded)};",
            "",
            "{",
            "uintptr_t p = (uintptr_t)in, q = (uintptr_t)pixels, n, t;",
            "",
            *_statement(block, (("p", "q"), ("n", "t"), ()), 2),
            "}",
        ]
        return lines, block.count + AROUND


Operands = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]  # inout, out, in


def _statement(block: Block, operands: Operands, depth: int) -> list[str]:
    """Lines that will stand so deep among braces."""
    margin = 4 * depth
    lines = [line[margin:] for line in block.statement(*operands, margin)]
    return [lines[0].replace("LX_BLOCK", "LX_FPU_BLOCK"), *lines[1:]]
