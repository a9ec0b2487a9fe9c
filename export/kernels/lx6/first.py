"""3x3 over a single channel: the pixels under two positions, or four, in registers.

An image's first convolution has nine products an output, too few for a stream of
pixels. So the window of 3x4 pixels (4x4 where the four sums under a pool are wanted)
lies in address registers, the nine weights in m0 to m3 and one more, and the loads of
the next channel's weights ride on the last position's products.
"""

import numpy as np

from export.kernels.lx6 import requant, store
from export.kernels.lx6.assembly import Block
from export.kernels.lx6.layer import Layer, Made, best_rows, groups, pair, table, words
from export.kernels.lx6.requant import Narrow, Sums
from export.kernels.lx6.text import (
    RowsOfSums,
    block_function,
    fetched,
    sums_head,
)

LAST = 8  # the tap whose weight is in an address register


def emit(layer: Layer) -> Made | None:
    """The kernel, or None where it does not apply."""
    if layer.depthwise or layer.in_c != 1 or layer.kernel != (3, 3):
        return None
    if (layer.stride_h, layer.stride_w) != (1, 1) or layer.out_w % 2:
        return None
    if (layer.dilation_h, layer.dilation_w) != (1, 1) or layer.out_c > 255:
        return None
    if layer.pool not in (None, (2, 2)) or (layer.pool and layer.out_h % 2):
        return None
    flat = layer.weights.reshape(len(layer.weights), -1)
    narrow = requant.solve(
        list(layer.steps), layer.goals, Sums(1, 1, np.abs(flat).max(axis=1))
    )
    return None if narrow is None else _Maker(layer, flat, narrow).kernel()


class _Maker:
    def __init__(self, layer: Layer, flat: np.ndarray, narrow: Narrow) -> None:
        self.layer, self.flat, self.narrow = layer, flat, narrow
        self.down = 2 if layer.pool else 1  # rows of positions
        self.lines = self.down + 2  # of pixels
        self.cells = tuple(f"v{k}" for k in range(2 * self.lines))
        self.wide = layer.out_w + 2
        self.step = -(-self.wide // 2)  # words of a line
        self.groups = layer.out_h // self.down

    def kernel(self) -> Made:
        layer, name = self.layer, self.layer.name
        body, cost = self._sums()
        least, more = 4 * self.step * self.lines, 4 * self.step * self.down
        self.together = best_rows(
            layer, self.groups, least, more, lambda rows: self._cost(rows, cost)
        )
        function = self._function()
        stream = self._stream()
        size = 4 * len(stream) + (256 if layer.table is not None else 0)
        return Made(
            "registers",
            f"{words(stream, f'{name}_weights')}\n{table(layer)}\n{body}\n\n{function}",
            4 * self.step * self._gathered(self.together),
            self._cost(self.together, cost),
            size,
            groups(layer, self.together * self.down),
            rereads=False,
        )

    def _stream(self) -> list[int]:
        """m(0), then for each channel w8(c), m(c + 1), B, M, C, C."""

        def registers(c: int) -> list[int]:
            w = self.flat[c] * self.narrow.channels[c].scale
            m = [pair(w[2 * k], w[2 * k + 1]) for k in range(4)]
            return [m[k] for k in ORDER]

        count = self.layer.out_c
        found = registers(0)
        for c, one in enumerate(self.narrow.channels):
            found.append(int(self.flat[c][LAST]) * one.scale & 0xFFFF)
            found += registers(c + 1) if c + 1 < count else [0] * 4
            found += [one.bias, *store.constants(self.narrow, c)]
        return found

    def _gathered(self, together: int) -> int:
        """Lines of pixels under so many groups of rows."""
        return (together - 1) * self.down + self.lines

    def _cost(self, together: int, positions: int) -> int:
        """Instructions with `together` groups at a time."""
        widen = int(self._gathered(together) * (self.wide * 2.9 + 45))
        rounds = -(-self.groups // together)
        return rounds * (
            widen + together * (self.layer.out_w // 2 * (positions + 12) + 12)
        )

    def _function(self) -> str:
        layer = self.layer
        rows = self._gathered(self.together)
        wide = 1 if layer.pool else 2  # stored positions of a pass

        def gather(first: str) -> list[str]:
            window = (first, rows), (-layer.left, self.wide)
            return [fetched(layer, "nn_lx6_pixels", self.step, *window)]

        return RowsOfSums(
            layer,
            length=self.groups,
            step=self.together,
            down=self.down,
            line=self.down * self.step,
            count=layer.out_w // 2,
            apart=(1, wide * layer.out_c),
        ).function(gather)

    def _sums(self) -> tuple[str, int]:
        layer = self.layer
        cells = self.cells
        block = Block()
        base = cells[-1]  # holds the pixels' address until it is loaded itself
        for k, cell in enumerate(cells):
            block.op("L32I", cell, base, 4 * (k // 2 * self.step + k % 2))
        for k in ORDER:
            block.op("LDINC", f"m{k}", "w")
        block.move("w", 4)
        body = self._pooled() if layer.pool else self._beside()
        block.op("MOVI", "x", layer.out_c)
        block.loop("channels", "x", layer.out_c, body)
        text = block_function(
            layer,
            sums_head(layer, "values"),
            {
                "o": "(uintptr_t)out",
                "w": f"(uintptr_t){layer.name}_weights - 4u",
                base: "(uintptr_t)values",
            },
            block.used((*cells[:-1], "x", "r", "m", "p", "q")),
            block,
        )
        return text, block.count

    def _beside(self) -> Block:
        """Two positions side by side; w at w8."""
        body = Block()
        body.op("L32I", "x", "w", 0)
        for right in (0, 1):
            base = 20 if right == 0 else 4
            products(body, self.cells, 0, right, "r", loads=right == 1)
            body.op("L32I", "m", "w", base)
            body.op("ADD", "r", "r", "m")
            body.op("L32I", "m", "w", base + 4)
            if right == 0 and not self.narrow.plain:
                body.op("L32I", "p", "w", base + 8)
                body.op("L32I", "q", "w", base + 12)
            registers = ("m", "p", "q")
            if right == 0:
                store.byte(body, self.layer, self.narrow, "r", "m", registers)
            else:
                store.single(body, self.layer, self.narrow, "r", registers)
            body.op("S8I", "r", "o", right * self.layer.out_c)
        body.move("w", 20)
        body.move("o", 1)
        return body

    def _pooled(self) -> Block:
        """Two by two positions, of which the greatest counts."""
        body = Block()
        body.op("L32I", "x", "w", 0)
        for k, (down, right) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
            to = "m" if k else "r"
            products(body, self.cells, down, right, to, loads=k == 3)
            if k:
                body.op("MAX", "r", "r", "m")
        body.op("L32I", "m", "w", 4)
        body.op("ADD", "r", "r", "m")
        body.op("L32I", "m", "w", 8)
        body.op("MULSH", "r", "r", "m")
        if not self.narrow.plain:
            body.op("L32I", "m", "w", 12)
            body.op("L32I", "x", "w", 16)
        store.finish(body, self.layer, self.narrow, "r", "m", "x")
        body.op("S8I", "r", "o", 0)
        body.move("w", 20)
        body.move("o", 1)
        return body


ORDER = (2, 0, 3, 1)  # of the loads, on the last four taps: those of m0 and m1
TAPS = (4, 5, 6, 7, 8, 0, 1, 2, 3)


def products(
    block: Block, cells: tuple[str, ...], down: int, right: int, to: str, loads: bool
) -> None:
    """Nine products of one position; `loads`: and the next channel's weights.

    `cells` are the registers of the pixels, two side by side in each, two for a line.
    """
    for number, tap in enumerate(TAPS):
        row, column = divmod(tap, 3)
        column += right
        value = cells[2 * (row + down) + column // 2]
        half = "lh"[column % 2]
        first = number == 0
        if tap == LAST:
            block.op("MULA_AA", f"l{half}", "x", value)
            continue
        m, own = tap // 2, "lh"[tap % 2]
        if loads and m < 2:
            name = f"{own}{half}"
            block.op("MULA_DA_LDINC", name, f"m{ORDER[tap]}", "w", f"m{m}", value)
        elif m < 2:
            block.op("MUL_DA" if first else "MULA_DA", f"{own}{half}", f"m{m}", value)
        else:
            name = "MUL_AD" if first else "MULA_AD"
            block.op(name, f"{half}{own}", value, f"m{m}")
    block.op("RSR_ACCLO", to)
