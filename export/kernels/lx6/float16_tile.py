"""The instructions of a row of float16 tiles: sums, and what is stored of them.

    tile = Tile(conv, Shape(1, 4, 3))
    block = tile.block()    # ValueError where something is out of reach
    words = tile.stream()   # what it reads, group by group

Every sum takes its products in the order of the portable kernel.
"""

from dataclasses import dataclass

import numpy as np

from export.arithmetic.float16_scales import MISSING
from export.kernels.float16.conv import Conv
from export.kernels.lx6.assembly import BYTES, LOOP_BYTES, Block, Pointer
from export.kernels.lx6.float16_store import constants_of, larger, store
from export.plan.tiling_f16 import divisor

REGISTERS = 16


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


class Tile:
    """The block of a row of tiles of one shape."""

    def __init__(self, conv: Conv, shape: Shape) -> None:
        self.conv, self.shape = conv, shape
        self.stage, own = conv.stage, conv.stage.geometry
        self.kernel_h, self.stride_h, self.stride_w = (
            own.kernel_h,
            own.stride_h,
            own.stride_w,
        )
        _, self.width, self.channels = self.stage.region
        self.constants = constants_of(conv)
        pool = self.stage.pool
        size = (1, 1) if pool is None else (pool.kernel_h, pool.kernel_w)
        self.pool_h, self.pool_w = size
        self.out_rows = shape.rows // self.pool_h
        self.out_columns = shape.columns // self.pool_w
        self.turns = self.width // self.out_columns  # tiles of a row
        self.pointers = self.kernel_h + (shape.rows - 1) * self.stride_h
        self.sums = shape.positions * shape.channels
        self.free = REGISTERS - self.sums
        outputs = self.out_rows * self.out_columns * shape.channels
        if self.stage.pool is not None:  # the sums that are not the largest are free
            self.free = REGISTERS - max(outputs, 1)
        self.head = 4 * (shape.channels + len(self.constants))  # bytes

    def stream(self) -> list[int]:
        """Words: for each group biases, constants, weights in the order of use."""
        conv, q = self.conv, self.shape.channels
        weights = conv.halves.astype(np.float32).reshape(len(conv.halves), -1)
        if conv.raw is not None:  # the inputs are as much too large
            weights = np.ldexp(weights, conv.raw - MISSING)
        biases = (conv.biases + np.float16(0)).astype(np.float32)
        biases = np.ldexp(biases, conv.value.early)
        constants = np.array(list(self.constants.values()), np.float32)
        found: list[int] = []
        for c in range(0, len(weights), q):
            part = [biases[c : c + q], constants, weights[c : c + q].T.reshape(-1)]
            found += np.concatenate(part).astype(np.float32).view(np.uint32).tolist()
        return found

    def block(self) -> Block:
        """Sums, and what is stored of them, tile by tile."""
        q = self.shape.channels
        w, o = Pointer("w"), Pointer("o")
        rows = [Pointer(f"v{i}") for i in range(self.pointers)]
        body = Block()
        self._start(body, w)
        for ky in range(self.kernel_h):
            self._row(body, w, rows, ky)
        self._finish(body, w, o)
        end = self.head + 4 * q * self.kernel_h * self.conv.row
        if self.turns == 1:
            if q < self.channels:
                w.move(body, end)
            return body
        right = 4 * self.shape.columns * self.stride_w * self.stage.depth
        for pointer in rows:
            pointer.move(body, right)
        w.move(body, 0)
        o.move(body, 4 * self.out_columns * self.channels)
        body.op("ADDI", "x", "x", -1)
        block = Block()
        block.repeat("tiles", "x", self.turns, body)
        if q < self.channels:
            block.move("w", end)
        return block

    def _start(self, body: Block, w: Pointer) -> None:
        """Sums begin with their bias; those of pixels with their first product."""
        if self.conv.first:
            return
        for c in range(self.shape.channels):
            body.op("LSI", f"f{c}", "w", w.reach(body, 4 * c))
        for k in range(self.shape.channels, self.sums):
            body.op("MOVF", f"f{k}", f"f{k % self.shape.channels}")

    def _row(self, body: Block, w: Pointer, rows: list[Pointer], ky: int) -> None:
        """All taps of one row of the kernel."""
        shape = self.shape
        used = [rows[r * self.stride_h + ky] for r in range(shape.rows)]
        tap = shape.positions + shape.channels + self.sums
        spare = 2 * (len(used) + 1)  # of the moves at the end of a turn
        most = (LOOP_BYTES // BYTES - spare) // tap
        unroll = divisor(self.conv.row, most) if most else 0
        start = self.head + 4 * shape.channels * self.conv.row * ky
        if self.conv.row * tap <= 2 * LOOP_BYTES // BYTES or unroll < 2:
            for k in range(self.conv.row):
                fresh = self.conv.first and ky == k == 0
                self._tap(body, (w, start), used, k, fresh)
            return
        if self.conv.first:
            raise ValueError("a loop has no first product")
        for pointer in used:
            pointer.move(body, 0)
        w.move(body, start)
        turn = Block()
        for k in range(unroll):
            self._tap(turn, (w, start), used, k, False)
        turns = self.conv.row // unroll
        for pointer in used:
            turn.move(pointer.name, 4 * unroll)
            pointer.at = 4 * self.conv.row
        turn.move("w", 4 * shape.channels * unroll)
        body.op("MOVI", "n", turns)
        body.loop(f"row{ky}", "n", turns, turn)
        w.at = start + 4 * shape.channels * self.conv.row

    def _tap(
        self,
        body: Block,
        weights: tuple[Pointer, int],
        rows: list[Pointer],
        k: int,
        fresh: bool,
    ) -> None:
        """One product for every sum of the tile."""
        shape = self.shape
        w, start = weights
        first = start + 4 * shape.channels * k
        beside = 4 * self.stride_w * self.stage.depth
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
        q = self.shape.channels
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
                at = 4 * (r * self.width + column) * self.channels
                for c in range(q):
                    best = f"f{group[0] * q + c}"
                    for p in group[1:]:
                        larger(body, best, f"f{p * q + c}")
                    results.append((best, c, at + 4 * c))
        taken = {best for best, _, _ in results}
        free = [f"f{i}" for i in range(REGISTERS) if f"f{i}" not in taken]
        temporary, bias, *rest = free
        held = dict(zip(self.constants, rest, strict=False))
        for k, name in enumerate(self.constants):
            at = (
                w.reach(body, 4 * (q + k)) if w.at == 0 else _back(body, w, 4 * (q + k))
            )
            body.op("LSI", held[name], "w", at)
        results.sort(key=lambda one: (one[1] if self.conv.first else 0, one[2]))
        before = -1
        for y, c, to in results:
            if self.conv.first:
                if c != before:
                    body.op("LSI", bias, "w", w.reach(body, 4 * c))
                body.op("MULF", y, y, held["unit"])
                body.op("ADDF", y, y, bias)
                before = c
            store(body, self.conv, y, temporary, held, o, to)


def _back(body: Block, w: Pointer, offset: int) -> int:
    """From the end of the weights to their head: once a tile, then all is near."""
    if w.at > offset:
        w.move(body, 0)
    return w.reach(body, offset)
