"""DEPTHWISE_CONV_2D 3x3: a channel at a time, its pixels side by side.

MAC16 works on pairs, and a channel's taps are no pairs where channels lie innermost. So
each channel's rows are gathered as int16, its nine weights stay in m0 to m3 and one
more register, and two positions are summed from the 3x4 pixels under them.
"""

import numpy as np

from export.kernels.c_text import total
from export.kernels.lx6 import requant, store
from export.kernels.lx6.assembly import L32I_REACH, Block
from export.kernels.lx6.first import products
from export.kernels.lx6.layer import Layer, Made, best_rows, groups, pair, table, words
from export.kernels.lx6.requant import Narrow, Sums
from export.kernels.lx6.text import (
    block_function,
    layer_function,
    repeated,
    stored,
    strips,
)

RECORD = 9  # words of a channel


def emit(layer: Layer) -> Made | None:
    """The kernel, or None where it does not apply."""
    if not layer.depthwise or layer.kernel != (3, 3) or layer.pool is not None:
        return None
    if (layer.dilation_h, layer.dilation_w) != (1, 1) or layer.stride_w > 2:
        return None
    flat = layer.weights.reshape(len(layer.weights), -1)
    narrow = requant.solve(
        list(layer.steps), layer.goals, Sums(1, 1, np.abs(flat).max(axis=1))
    )
    if narrow is None:
        return None
    maker = _Maker(layer, flat, narrow)
    return maker.kernel() if 8 * maker.step + 4 <= L32I_REACH else None


class _Maker:
    def __init__(self, layer: Layer, flat: np.ndarray, narrow: Narrow) -> None:
        self.layer, self.flat, self.narrow = layer, flat, narrow
        self.wide = (layer.out_w - 1) * layer.stride_w + 3
        self.step = (self.wide + 2) // 2  # words of a line
        self.unroll = 2 if layer.stride_w == 1 else 1
        self.tail = layer.out_w % self.unroll

    def kernel(self) -> Made:
        layer, name = self.layer, self.layer.name
        stream: list[int] = []
        for c, one in enumerate(self.narrow.channels):
            w = self.flat[c] * one.scale
            stream += [pair(w[2 * k], w[2 * k + 1]) for k in range(4)]
            stream += [int(w[8]) & 0xFFFF, one.bias]
            stream += store.constants(self.narrow, c)
        body, cost = self._row()
        least, more = 3 * 4 * self.step, layer.stride_h * 4 * self.step
        self.rows = best_rows(
            layer, layer.out_h, least, more, lambda rows: self._cost(rows, cost)
        )
        function = self._function()
        size = 4 * len(stream) + (256 if layer.table is not None else 0)
        return Made(
            "channels",
            f"{words(stream, f'{name}_weights')}\n{table(layer)}\n{body}\n\n{function}",
            4 * self.step * self._gathered(self.rows),
            self._cost(self.rows, cost),
            size,
            groups(layer, self.rows),
            rereads=True,
        )

    def _gathered(self, rows: int) -> int:
        """Rows of a channel under so many of the output."""
        return (rows - 1) * self.layer.stride_h + 3

    def _cost(self, rows: int, row: int) -> int:
        """Instructions with `rows` at a time."""
        gather = int(self._gathered(rows) * (self.wide * 4.2 + 45))
        groups = -(-self.layer.out_h // rows)
        return groups * self.layer.out_c * (gather + rows * (row + 10) + 20)

    def _function(self) -> str:
        layer, name = self.layer, self.layer.name
        rows = self._gathered(self.rows)
        times = layer.out_c // layer.in_c

        def strip(top: str) -> list[str]:
            return repeated("c", layer.out_c, lambda c: channel(top, c))

        def channel(top: str, c: str) -> list[str]:
            source = total("in", c if times == 1 or c == "0" else f"c / {times}")
            first = total((top, layer.stride_h), -layer.top)
            start = total("out", (top, layer.out_pitch), c)
            return [
                f"const uint32_t *const w = {total(f'{name}_weights', (c, RECORD))};",
                f"{stored(layer)} *o = {start};",
                "",
                f"nn_lx6_plane(lines, {self.step}, {source}, {layer.in_h}, "
                f"{layer.in_w}, {layer.pitch}, {layer.in_c}, {first}, {rows}, "
                f"{-layer.left}, {self.wide}, {layer.fill});",
                *repeated("y", self.rows, row),
            ]

        def row(y: str) -> list[str]:
            source = total("lines", (y, layer.stride_h * self.step))
            more = [f"o += {layer.out_pitch};"] if self.rows > 1 else []
            return [f"{name}_row({source}, w, o);", *more]

        return layer_function(layer, strips("g", "top", layer.out_h, self.rows, strip))

    def _row(self) -> tuple[str, int]:
        layer = self.layer
        turns = layer.out_w // self.unroll
        block = Block()
        for k in range(4):
            block.op("LDINC", f"m{k}", "k")
        block.op("L32I", "x", "k", 4)
        if turns:
            block.op("MOVI", "r", turns)
            block.loop("positions", "r", turns, self._positions(self.unroll))
        if self.tail:
            block.add(self._positions(self.tail))
        text = block_function(
            layer,
            f"NN_INLINE void {layer.name}_row(const uint32_t *values, "
            f"const uint32_t *weights, {stored(layer)} *out)",
            {
                "v": "(uintptr_t)values",
                "o": "(uintptr_t)out",
                "k": "(uintptr_t)weights - 4u",
            },
            block.used(("a", "b", "c", "d", "e", "f", "r", "s", "x")),
            block,
            {"j": f"{layer.out_c}u"} if block.used(("j",)) else None,
        )
        return text, block.count

    def _positions(self, count: int) -> Block:
        """One position, or two side by side; k at the word before the bias."""
        body = Block()
        cells = ("a", "b", "c", "d", "e", "f")
        for k, cell in enumerate(cells):
            body.op("L32I", cell, "v", 4 * (k // 2 * self.step + k % 2))
        sums = ("r", "s")[:count]
        for right, to in enumerate(sums):
            products(body, cells, 0, right, to, loads=False)
        constants = ("b", "c", "d")
        body.op("L32I", "a", "k", 8)
        store.load(body, self.narrow, "k", 12, constants)
        for to in sums:
            body.op("ADD", to, to, "a")
            if to == "r" and count > 1:
                store.byte(body, self.layer, self.narrow, to, "e", constants)
            else:
                store.single(body, self.layer, self.narrow, to, constants)
            body.op("S8I", to, "o", 0)
            if self.layer.out_c > 127:
                body.op("AT_ADD", "o", "o", "j")
            else:
                body.move("o", self.layer.out_c)
        body.move("v", 4)
        return body
