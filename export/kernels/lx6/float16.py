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

import numpy as np

from export.arithmetic.float16 import PIXEL_SCALE
from export.graph.stage import Stage
from export.kernels.arrays import Array
from export.kernels.c_text import total
from export.kernels.float16.conv import Conv
from export.kernels.float16.stored import FloatKernel, Job
from export.kernels.kernel import Options
from export.kernels.lx6.assembly import BYTES, L32I_REACH, LOOP_BYTES, Block
from export.kernels.lx6.layer import words
from export.plan.tiling_f16 import divisor

REGISTERS = 16
POINTERS = 6  # rows of the input that a tile reads: an address register each
LEAST_NORMAL = 2.0**-14  # of binary16: smaller values are stored as 0
PIXELS = 8  # that are converted in one turn of a loop
AROUND = 14  # instructions around a block, a little more than less


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


@dataclass(frozen=True)
class Shape:
    """Of a tile."""

    rows: int  # of sums
    columns: int
    channels: int

    @property
    def positions(self) -> int:
        """Whose sums are made at a time."""
        return self.rows * self.columns

    @property
    def fits(self) -> bool:
        """Whether the registers hold it: one side stays, the other passes by."""
        held = min(self.positions, self.channels)
        return self.positions * self.channels + held + 1 <= REGISTERS


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
        own = self.stage.geometry
        self.kernel_h, self.stride_h, self.stride_w = (
            own.kernel_h,
            own.stride_h,
            own.stride_w,
        )
        self.row, self.depth = conv.row, self.stage.depth
        _, self.width, self.channels = self.stage.region
        self.pool = self.stage.pool
        self.constants = _constants(conv)

    def make(self, shape: Shape) -> tuple[str, int] | None:
        """(C, instructions), or None where something is out of reach."""
        own = _Tile(self, shape)
        if own.pointers > POINTERS or len(self.constants) + 2 > own.free:
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

    def _function(self, tile: "_Tile", block: Block, pixels: list[str]) -> str:
        conv, name, q = self.conv, self.conv.name, tile.shape.channels
        source = (
            "const uint8_t *restrict in"
            if conv.first
            else ("const nn_real_t *restrict in")
        )
        if conv.job.ring:
            source = "const nn_real_t *const *rows"
        scratch = ", nn_real_t *restrict scratch" if conv.scratch else ""
        out_row = self.width * self.channels
        to = total("out", ("y", out_row), "c")
        step = self.stride_h * tile.shape.rows // tile.out_rows
        lines = [
            f"NN_LAYER void {name}({source},",
            f"    nn_real_t *restrict out{scratch})",
            "{",
            f"    const uintptr_t m = 0x{0xFFFFE000:X}u;",
            *([] if conv.first or not conv.scratch else ["    (void)scratch;"]),
            *pixels,
            f"    for (int32_t y = 0; y < {conv.out_h}; y += {tile.out_rows}) {{",
            f"        uintptr_t w = (uintptr_t){name}_stream, n, t;",
            "",
            f"        for (int32_t c = 0; c < {self.channels}; c += {q}) {{",
            f"            uintptr_t o = (uintptr_t)({to});",
            f"            uintptr_t x = {self.width // tile.out_columns}u;",
        ]
        base = "pixels" if conv.first else "in"
        for i in range(tile.pointers):
            at = f"rows[{total(('y', step), i)}]"
            if not conv.job.ring:
                at = total(base, ("y", step * conv.pitch), i * conv.pitch)
            lines.append(f"            uintptr_t v{i} = (uintptr_t)({at});")
        pointers = tuple(f"v{i}" for i in range(tile.pointers))
        out = block.used(("n", "t"))
        statement = block.statement((*pointers, "w", "o", "x"), out, ("m",), 12)
        statement[0] = statement[0].replace("LX_BLOCK", "LX_FPU_BLOCK")
        unused = [f"        (void){one};" for one in ("n", "t") if one not in out]
        lines += ["", *statement, "        }", *unused, "    }", "}"]
        stream = words(tile.stream(), f"{name}_stream")
        return stream + "\n/* clang-format off */\n" + "\n".join(lines)

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
        statement = block.statement(("p", "q"), ("n", "t"), (), 8)
        statement[0] = statement[0].replace("LX_BLOCK", "LX_FPU_BLOCK")
        lines = [
            "    nn_real_t *const pixels = scratch"
            f"{f' + {self.conv.decoded}' if self.conv.decoded else ''};",
            "",
            "    {",
            "        uintptr_t p = (uintptr_t)in, q = (uintptr_t)pixels, n, t;",
            "",
            *statement,
            "    }",
        ]
        return lines, block.count + AROUND


class _Tile:
    """The block of a row of tiles of one shape."""

    def __init__(self, maker: _Maker, shape: Shape) -> None:
        self.maker, self.shape = maker, shape
        size = (1, 1)
        if maker.pool is not None:
            size = (maker.pool.kernel_h, maker.pool.kernel_w)
        self.pool_h, self.pool_w = size
        self.out_rows = shape.rows // self.pool_h
        self.out_columns = shape.columns // self.pool_w
        self.pointers = maker.kernel_h + (shape.rows - 1) * maker.stride_h
        self.sums = shape.positions * shape.channels
        self.free = REGISTERS - self.sums
        outputs = self.out_rows * self.out_columns * shape.channels
        if maker.pool is not None:  # the sums that are not the largest are free
            self.free = REGISTERS - max(outputs, 1)
        self.head = 4 * (shape.channels + len(maker.constants))  # bytes

    def stream(self) -> list[int]:
        """Words: for each group biases, constants, weights in the order of use."""
        conv, q = self.maker.conv, self.shape.channels
        halves = conv.halves.astype(np.float32).reshape(len(conv.halves), -1)
        biases = (conv.biases + np.float16(0)).astype(np.float32)
        constants = np.array(list(self.maker.constants.values()), np.float32)
        found: list[int] = []
        for c in range(0, len(halves), q):
            part = [biases[c : c + q], constants, halves[c : c + q].T.reshape(-1)]
            found += np.concatenate(part).astype(np.float32).view(np.uint32).tolist()
        return found

    def block(self) -> Block:
        """Sums, and what is stored of them, tile by tile."""
        maker, q = self.maker, self.shape.channels
        w, o = Pointer("w"), Pointer("o")
        rows = [Pointer(f"v{i}") for i in range(self.pointers)]
        body = Block()
        self._start(body, w)
        for ky in range(maker.kernel_h):
            self._row(body, w, rows, ky)
        self._finish(body, w, o)
        right = 4 * self.shape.columns * maker.stride_w * maker.depth
        for pointer in rows:
            pointer.move(body, right)
        w.move(body, 0)
        o.move(body, 4 * self.out_columns * maker.channels)
        body.op("ADDI", "x", "x", -1)
        block = Block()
        turns = maker.width // self.out_columns
        block.repeat("tiles", "x", turns, body)
        block.move("w", self.head + 4 * q * maker.kernel_h * maker.row)
        return block

    def _start(self, body: Block, w: Pointer) -> None:
        """Sums begin with their bias; those of pixels with their first product."""
        if self.maker.conv.first:
            return
        for c in range(self.shape.channels):
            body.op("LSI", f"f{c}", "w", w.reach(body, 4 * c))
        for k in range(self.shape.channels, self.sums):
            body.op("MOVF", f"f{k}", f"f{k % self.shape.channels}")

    def _row(self, body: Block, w: Pointer, rows: list[Pointer], ky: int) -> None:
        """All taps of one row of the kernel."""
        maker, shape = self.maker, self.shape
        used = [rows[r * maker.stride_h + ky] for r in range(shape.rows)]
        tap = shape.positions + shape.channels + self.sums
        spare = 2 * (len(used) + 1)  # of the moves at the end of a turn
        most = (LOOP_BYTES // BYTES - spare) // tap
        unroll = divisor(maker.row, most) if most else 0
        start = self.head + 4 * shape.channels * maker.row * ky
        if maker.row * tap <= 2 * LOOP_BYTES // BYTES or unroll < 2:
            for k in range(maker.row):
                fresh = maker.conv.first and ky == k == 0
                self._tap(body, (w, start), used, k, fresh)
            return
        if maker.conv.first:
            raise ValueError("a loop has no first product")
        for pointer in used:
            pointer.move(body, 0)
        w.move(body, start)
        turn = Block()
        for k in range(unroll):
            self._tap(turn, (w, start), used, k, False)
        turns = maker.row // unroll
        for pointer in used:
            turn.move(pointer.name, 4 * unroll)
            pointer.at = 4 * maker.row
        turn.move("w", 4 * shape.channels * unroll)
        body.op("MOVI", "n", turns)
        body.loop(f"row{ky}", "n", turns, turn)
        w.at = start + 4 * shape.channels * maker.row

    def _tap(
        self,
        body: Block,
        weights: tuple[Pointer, int],
        rows: list[Pointer],
        k: int,
        fresh: bool,
    ) -> None:
        """One product for every sum of the tile."""
        shape, maker = self.shape, self.maker
        w, start = weights
        first = start + 4 * shape.channels * k
        beside = 4 * maker.stride_w * maker.depth
        values = [
            (row, 4 * k + beside * c) for row in rows for c in range(shape.columns)
        ]

        def weight(c: int, to: str) -> None:
            body.op("LSI", to, "w", w.reach(body, first + 4 * c))

        def value(p: int, to: str) -> None:
            row, at = values[p]
            body.op("LSI", to, row.name, row.reach(body, at))

        kind = "MULF" if fresh else "MADD"
        by_weight = shape.channels <= shape.positions  # which side stays
        counts = (shape.channels, shape.positions)
        held, passing = counts if by_weight else counts[::-1]
        load = (weight, value) if by_weight else (value, weight)
        streams = REGISTERS - self.sums - held  # registers for what passes by
        for i in range(held):
            load[0](i, f"f{self.sums + i}")
        for j in range(passing):
            x = f"f{self.sums + held + j % streams}"
            load[1](j, x)
            for i in range(held):
                p, c = (j, i) if by_weight else (i, j)
                sum_of = f"f{p * shape.channels + c}"
                body.op(kind, sum_of, x, f"f{self.sums + i}")

    # ==== What is stored ====

    def _finish(self, body: Block, w: Pointer, o: Pointer) -> None:
        maker, q = self.maker, self.shape.channels
        results = []
        for r in range(self.out_rows):
            for column in range(self.out_columns):
                group = [
                    (r * self.pool_h + y) * self.shape.columns
                    + column * self.pool_w
                    + x
                    for y in range(self.pool_h)
                    for x in range(self.pool_w)
                ]
                at = 4 * (r * maker.width + column) * maker.channels
                for c in range(q):
                    best = f"f{group[0] * q + c}"
                    for p in group[1:]:
                        _larger(body, best, f"f{p * q + c}")
                    results.append((best, c, at + 4 * c))
        taken = {best for best, _, _ in results}
        free = [f"f{i}" for i in range(REGISTERS) if f"f{i}" not in taken]
        temporary, bias, *rest = free
        held = dict(zip(maker.constants, rest, strict=False))
        for k, name in enumerate(maker.constants):
            at = (
                w.reach(body, 4 * (q + k)) if w.at == 0 else _back(body, w, 4 * (q + k))
            )
            body.op("LSI", held[name], "w", at)
        results.sort(key=lambda one: (one[1] if maker.conv.first else 0, one[2]))
        before = -1
        for y, c, to in results:
            if maker.conv.first:
                if c != before:
                    body.op("LSI", bias, "w", w.reach(body, 4 * c))
                body.op("MULF", y, y, held["unit"])
                body.op("ADDF", y, y, bias)
                before = c
            self._store(body, y, temporary, held, o, to)

    def _store(
        self,
        body: Block,
        y: str,
        z: str,
        held: dict[str, str],
        o: Pointer,
        to: int,
    ) -> None:
        """y through its activations, rounded, into memory."""
        for kind, name in _activations(self.maker.stage):
            if kind == "LEAKY_RELU":
                body.op("MULF", z, y, held[name])
                _larger(body, y, z)
                continue
            _larger(body, y, held["zero"])
            if kind == "RELU6":
                body.op("OLT", held["six"], y)
                body.op("MOVT", y, held["six"])
        rounding = self.maker.conv.job.rounding
        if rounding == "none":
            body.op("SSI", y, "o", o.reach(body, to))
            return
        body.op("RFR", "t", y)
        body.op("AT_ADDMI", "t", "t", 0x1000)
        body.op("AND", "t", "t", "m")
        if rounding == "flush":
            body.op("WFR", y, "t")
            body.op("ABS", z, y)
            body.op("OLT", z, held["limit"])
            body.op("MOVT", y, held["zero"])
            body.op("SSI", y, "o", o.reach(body, to))
            return
        body.op("S32I", "t", "o", o.reach(body, to))


def _back(body: Block, w: Pointer, offset: int) -> int:
    """From the end of the weights to their head: once a tile, then all is near."""
    if w.at > offset:
        w.move(body, 0)
    return w.reach(body, offset)


def _larger(body: Block, best: str, other: str) -> None:
    """best = the larger of two."""
    body.op("OLT", best, other)
    body.op("MOVT", best, other)


def _activations(stage: Stage) -> list[tuple[str, str]]:
    """(kind, name of its constant) in their order."""
    found = [] if stage.activation == "NONE" else [(stage.activation, "")]
    for k, op in enumerate(stage.unary):
        found.append((op.kind, f"slope{k}"))
    return found


def _constants(conv: Conv) -> dict[str, float]:
    """What the end of a sum needs in registers, by name."""
    stage, found = conv.stage, {}
    if conv.first:
        found["unit"] = float(PIXEL_SCALE)
    for k, op in enumerate(stage.unary):
        if op.kind == "LEAKY_RELU":
            found[f"slope{k}"] = float(op.attributes["alpha"])
    kinds = {kind for kind, _ in _activations(stage)}
    if conv.job.rounding == "flush":
        found["limit"] = LEAST_NORMAL
    if kinds & {"RELU", "RELU6"} or conv.job.rounding == "flush":
        found["zero"] = 0.0
    if "RELU6" in kinds:
        found["six"] = 6.0
    return found
