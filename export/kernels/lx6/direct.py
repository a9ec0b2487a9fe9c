"""Sums of products as they are, one MAC16 instruction each: whatever has no better way.

The rows under a kernel are widened to int16, with their padding; a kernel's row is one
run of them, and all of it where the input is no wider than the kernel. Under a pool
the sums of its window follow each other, each with the same weights.
"""

import numpy as np

from export.kernels.lx6 import requant, store
from export.kernels.lx6.assembly import Block, Weights, dot
from export.kernels.lx6.layer import (
    Layer,
    Made,
    best_rows,
    even,
    groups,
    paired,
    table,
    words,
)
from export.kernels.lx6.requant import Narrow, Sums
from export.kernels.lx6.text import (
    RowsOfSums,
    block_function,
    fetched,
    sums_head,
)

MOST = 60  # runs of a kernel that are written one after the other


def emit(layer: Layer) -> Made | None:
    """The kernel, or None where it does not apply."""
    pool_h, pool_w = layer.pool or (1, 1)
    if layer.depthwise or layer.out_h % pool_h or layer.out_w % pool_w:
        return None
    if layer.dilation_h * layer.dilation_w > 1 and layer.kernel != (1, 1):
        runs = layer.kernel[0] * layer.kernel[1]
    else:
        runs = layer.kernel[0]
    if runs * pool_h * pool_w > MOST:
        return None
    weights = even(layer.weights)
    if _pixels(layer):  # two of them are a pair
        weights = layer.weights[..., 0]
        weights = np.pad(weights, ((0, 0), (0, 0), (0, weights.shape[2] % 2)))
    flat = weights.reshape(len(weights), -1)
    narrow = requant.solve(
        list(layer.steps), layer.goals, Sums(1, 1, np.abs(flat).max(axis=1))
    )
    if narrow is None:
        return None
    return _Maker(layer, weights, narrow).kernel()


def _pixels(layer: Layer) -> bool:
    """Whether the input is a single channel whose pixels are taken in pairs."""
    even_steps = layer.stride_w % 2 == 0 or layer.out_w == 1
    return (
        layer.in_c == 1 and layer.dilation_w == 1 and layer.kernel[1] > 1 and even_steps
    )


class _Maker:
    def __init__(self, layer: Layer, weights: np.ndarray, narrow: Narrow) -> None:
        self.layer, self.weights, self.narrow = layer, weights, narrow
        self.pixels = _pixels(layer)
        self.column = column = 2 if self.pixels else 2 * layer.even_c
        kernel_h, kernel_w = layer.kernel
        self.reach_h = (kernel_h - 1) * layer.dilation_h + 1
        reach_w = (kernel_w - 1) * layer.dilation_w + 1
        self.wide = (layer.out_w - 1) * layer.stride_w + reach_w
        self.pitch = (self.wide * column + 3) // 4 * 4
        if self.pixels:
            self.pitch = (self.wide + self.wide % 2 + 2) * 2
            run = (kernel_w + 1) // 2
            runs = [(y * layer.dilation_h * self.pitch, run) for y in range(kernel_h)]
        elif layer.dilation_w == 1 or kernel_w == 1:
            # (offset, words) of each run of the kernel
            run = kernel_w * layer.even_c // 2
            runs = [(y * layer.dilation_h * self.pitch, run) for y in range(kernel_h)]
        else:
            runs = [
                (y * layer.dilation_h * self.pitch + x * layer.dilation_w * column, 0)
                for y in range(kernel_h)
                for x in range(kernel_w)
            ]
            runs = [(at, layer.even_c // 2) for at, _ in runs]
        self.runs = _joined(runs)
        self.pool = layer.pool or (1, 1)
        self.stored_h = layer.out_h // self.pool[0]
        self.stored_w = layer.out_w // self.pool[1]
        self.down = layer.stride_h * self.pool[0]  # rows from output to output

    def kernel(self) -> Made:
        layer, name = self.layer, self.layer.name
        stream: list[int] = []
        constants: list[int] = []
        for c in range(layer.out_c):
            one = self.narrow.channels[c]
            stream += paired(self.weights[c] * one.scale)
            constants += [one.bias, *store.constants(self.narrow, c)]
        code = words([*stream, 0, 0], f"{name}_weights")
        code += "\n" + words(constants, f"{name}_channels") + "\n" + table(layer)
        body, cost = self._sums()
        least, more = self._gathered(1) * self.pitch, self.down * self.pitch
        self.rows = best_rows(
            layer, self.stored_h, least, more, lambda rows: self._cost(rows, cost)
        )
        function = self._function()
        size = 4 * (len(stream) + 2 + len(constants))
        size += 256 if layer.table is not None else 0
        return Made(
            "direct",
            f"{code}\n{body}\n\n{function}",
            self._gathered(self.rows) * self.pitch,
            self._cost(self.rows, cost),
            size,
            groups(layer, self.rows * self.pool[0]),
            rereads=False,
        )

    def _gathered(self, rows: int) -> int:
        """Rows of the input under so many of the output."""
        return (rows * self.pool[0] - 1) * self.layer.stride_h + self.reach_h

    def _cost(self, rows: int, position: int) -> int:
        """Instructions with `rows` at a time, `position` of them for each output."""
        widen = int(self._gathered(rows) * (self.wide * self.layer.in_c * 2.9 + 45))
        groups = -(-self.stored_h // rows)
        return groups * (widen + rows * (self.stored_w * (position + 12) + 12))

    def _function(self) -> str:
        layer = self.layer
        rows = self._gathered(self.rows)
        helper = "nn_lx6_pixels" if self.pixels else "nn_lx6_rows"

        def gather(first: str) -> list[str]:
            window = (first, rows), (-layer.left, self.wide)
            depth = not self.pixels
            return [fetched(layer, helper, self.pitch // 4, *window, depth=depth)]

        return RowsOfSums(
            layer,
            length=self.stored_h,
            step=self.rows,
            down=self.down,
            line=self.down * self.pitch // 4,
            count=self.stored_w,
            apart=(self.pool[1] * layer.stride_w * self.column // 4, layer.out_c),
        ).function(gather)

    def _window(self) -> list[int]:
        """Bytes from the first sum of a pool's window to each."""
        height, width = self.pool
        right = self.layer.stride_w * self.column
        down = self.layer.stride_h * self.pitch
        return [y * down + x * right for y in range(height) for x in range(width)]

    def _largest(self, body: Block, weights: Weights) -> int:
        """The largest sum of a window into y, its bias into x.

        Gives the register in which the next channel's weights would come: 0 or 1.
        """
        at = 0  # where v stands, from the first word
        *others, last = self._window()
        for start in (*others, last):
            to = "x" if start else "y"
            for number, (offset, count) in enumerate(self.runs):
                body.move("v", start + offset - at)
                dot(body, weights, "v", count, number == 0, to)
                at = start + offset + 4 * count
            odd = weights.turn
            if start != last:  # the next sum has the same weights
                body.move("w", -4 * (2 + sum(count for _, count in self.runs)))
                weights.turn = 0
                weights.start(body)
            else:
                body.move("v", -at)
            if not others:
                body.op("L32I", "x", "k", 0)
            body.op("RSR_ACCLO", to)
            if start:
                body.op("MAX", "y", "y", "x")
        if others:
            body.op("L32I", "x", "k", 0)
        return odd

    def _sums(self) -> tuple[str, int]:
        layer = self.layer
        body = Block()
        weights = Weights("w")
        odd = self._largest(body, weights)
        store.load(body, self.narrow, "k", 4, ("m", "p", "q"))
        body.op("ADD", "y", "y", "x")
        store.single(body, layer, self.narrow, "y", ("m", "p", "q"))
        body.op("S8I", "y", "o", 0)
        body.move("k", 16)
        body.move("o", 1)
        if odd:  # the next channel's weights would come in the other register
            body.move("w", -8)
            weights.turn = 0
            weights.start(body)
        body.op("ADDI", "n", "n", -1)
        block = Block()
        weights.start(block)
        block.repeat("channels", "n", layer.out_c, body)
        text = block_function(
            layer,
            sums_head(layer, "values"),
            {
                "v": "(uintptr_t)values - 4u",
                "o": "(uintptr_t)out",
                "n": f"{layer.out_c}u",
                "w": f"(uintptr_t){layer.name}_weights - 4u",
                "k": f"(uintptr_t){layer.name}_channels",
            },
            block.used(("m", "p", "q", "x", "y")),
            block,
        )
        return text, block.count


def _joined(runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Runs that follow each other are one."""
    found: list[tuple[int, int]] = []
    for offset, count in runs:
        if found and found[-1][0] + 4 * found[-1][1] == offset:
            found[-1] = found[-1][0], found[-1][1] + count
        else:
            found.append((offset, count))
    return found
