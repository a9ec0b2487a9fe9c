"""F(4, 3) down the columns: 3xK convolutions of stride 1 in rows, by MAC16.

Four rows of outputs take six rows of inputs. B' turns the six rows into six others,
element by element, two channels in a word; each of the six is then summed over the
kernel's width and all channels, one after the other in memory, and A' makes four
outputs of the six sums:

    24 y = A' ((24 G g) * (B' d)),   4.5 products an output and channel instead of 9

The rows are transformed once for all channels and all columns, so this costs little
beside the products, and any width will do.
"""

import numpy as np

from export.kernels.c_text import total
from export.kernels.lx6 import requant, store
from export.kernels.lx6.assembly import L32I_REACH, Block, Weights, dot
from export.kernels.lx6.layer import (
    Layer,
    Made,
    even,
    groups,
    halved,
    paired,
    table,
    words,
)
from export.kernels.lx6.requant import Narrow, Sums
from export.kernels.lx6.text import (
    block_function,
    fetched,
    layer_function,
    place,
    repeated,
    strips,
    sums_head,
)
from export.kernels.lx6.transforms import LINES, G, lines_function, outputs
from export.plan.units import round_up

ROWS = 4  # of outputs
FACTOR = 24
ODD = 3


def emit(layer: Layer) -> Made | None:
    """The kernel, or None where it does not apply."""
    if not _applies(layer):
        return None
    weights = even(layer.weights)
    lines = np.einsum("ja,oakc->ojkc", G, weights)  # (O, 6, Kw, C)
    flat = lines.reshape(len(lines), -1)
    sums = Sums(FACTOR, ODD, np.abs(flat).max(axis=1))
    narrow = requant.solve(layer.steps, layer.goals, sums)
    if narrow is None or narrow.inverse:
        return None
    return _Maker(layer, lines, narrow).kernel()


def _applies(layer: Layer) -> bool:
    if layer.depthwise or layer.kernel[0] != 3 or layer.out_h < ROWS:
        return False
    if (layer.stride_h, layer.dilation_h, layer.dilation_w) != (1, 1, 1):
        return False
    return halved(layer)


class _Maker:
    def __init__(self, layer: Layer, lines: np.ndarray, narrow: Narrow) -> None:
        self.layer, self.lines, self.narrow = layer, lines, narrow
        self.words = layer.kernel[1] * layer.even_c // 2  # of a sum's line
        self.columns, self.pitch = self._geometry()

    def _geometry(self) -> tuple[int, int]:
        """Output columns of a block, and bytes from one of its lines to the next."""
        layer = self.layer
        column = 2 * layer.even_c
        most = (L32I_REACH - 4) // column  # columns of inputs
        wide = min((most - layer.kernel[1]) // layer.stride_w + 1, layer.out_w)
        if layer.pool:
            wide -= wide % 2
        blocks = -(-layer.out_w // wide)
        wide = -(-layer.out_w // blocks)
        wide += wide % 2 if layer.pool else 0
        row = ((wide - 1) * layer.stride_w + layer.kernel[1]) * column
        # The next line lies one ADDMI behind the end of a sum's line, if it can.
        tail = row - 4 * self.words
        near = 4 * self.words + (0 if tail == 0 else round_up(tail, 256))
        if tail > 127 and near <= L32I_REACH - 4:
            row = near
        return wide, row

    def kernel(self) -> Made:
        layer = self.layer
        name = layer.name
        stream: list[int] = []
        for c in range(layer.out_c):
            more = c + 1 < layer.out_c
            one = self.narrow.channels[c]
            stream += [one.bias, *paired(self.lines[c] * one.scale), 0]
            stream += [*store.constants(self.narrow, c), int(more)]
        code = words(stream, f"{name}_weights") + "\n" + table(layer)
        function, cost = self._function()
        size = 4 * len(stream) + (256 if layer.table is not None else 0)
        return Made(
            "winograd1",
            code + "\n" + function,
            LINES * self.pitch,
            cost,
            size,
            groups(layer, ROWS),
            rereads=self.columns < layer.out_w,
        )

    def _function(self) -> tuple[str, int]:
        layer, name = self.layer, self.layer.name
        body, cost = self._sums()
        turn, turn_cost = lines_function(layer, self.pitch, apart=True)
        step_x = 2 if layer.pool else 1
        wide = (self.columns - 1) * layer.stride_w + layer.kernel[1]

        def strip(y: str) -> list[str]:
            return strips(
                "b", "left", layer.out_w, self.columns, lambda left: part(y, left)
            )

        def part(y: str, left: str) -> list[str]:
            first = total((left, layer.stride_w), -layer.left)
            return [
                fetched(
                    layer,
                    "nn_lx6_rows",
                    self.pitch // 4,
                    (total(y, -layer.top), LINES),
                    (first, wide),
                    depth=True,
                ),
                f"{name}_lines(lines);",
                *repeated("x", self.columns, lambda x: sums(y, left, x), step_x),
            ]

        def sums(y: str, left: str, x: str) -> list[str]:
            source = total("lines", (x, layer.stride_w * layer.even_c // 2))
            return [f"{name}_sums({source}, {place(layer, y, total(left, x))});"]

        text = layer_function(layer, strips("g", "y", layer.out_h, ROWS, strip))
        calls = -(-layer.out_h // ROWS) * -(-layer.out_w // self.columns)
        every = calls * (turn_cost + self._widen_cost(wide))
        every += calls * (self.columns // step_x) * (cost + 16)
        return "\n".join([turn, "", body, "", text]), every

    def _widen_cost(self, wide: int) -> int:
        return int(LINES * (wide * self.layer.in_c * 2.9 + 40))

    # ==== Sums ====

    def _sums(self) -> tuple[str, int]:
        layer = self.layer
        body = Block()
        body.op("L32I", "x", "w", 0)
        if layer.pool:
            self._pooled(body, Weights("w"))
            self._store(body, ("a", "b"), ("c", "d", "e"))
        else:
            self._four(body, Weights("w"))
            self._store(body, ("a", "c", "b", "d"), ("e", "f", "g"))
        block = Block()
        block.repeat("channels", "x", layer.out_c, body)
        text = block_function(
            layer,
            sums_head(layer, "values"),
            {
                "v": "(uintptr_t)values - 4u",
                "o": "(uintptr_t)out",
                "w": f"(uintptr_t){layer.name}_weights",
            },
            block.used(("a", "b", "c", "d", "e", "f", "g", "x")),
            block,
        )
        return text, block.count

    def _pooled(self, body: Block, weights: Weights) -> None:
        """The maxima of two columns' sums, two rows each: in a and b."""
        beside = 2 * self.layer.stride_w * self.layer.even_c
        self._four(body, weights)
        body.op("MAX", "f", "a", "c")
        body.op("MAX", "g", "b", "d")
        body.move("v", beside)
        body.move("w", -4 * (LINES * self.words + 2))
        body.op("L32I", "x", "w", 0)
        self._four(body, weights)
        body.move("v", -beside)
        for to, other in (("a", "c"), ("b", "d"), ("a", "f"), ("b", "g")):
            body.op("MAX", to, to, other)

    def _store(
        self, body: Block, sums: tuple[str, ...], free: tuple[str, str, str]
    ) -> None:
        """Sums as bytes, a row each; then all is as the next channel wants it."""
        store.load(body, self.narrow, "w", 0, free)
        far = 0
        for row, y in enumerate(sums):
            store.byte(body, self.layer, self.narrow, y, "x", free)
            distance = row * self.layer.out_pitch
            if distance - far > 255:
                body.move("o", distance - far)
                far = distance
            body.op("S8I", y, "o", distance - far)
        body.op("L32I", "x", "w", 4 * (store.CONSTANTS - 1))
        body.move("w", 4 * store.CONSTANTS)
        body.move("o", 1 - far)

    def _four(self, body: Block, weights: Weights) -> None:
        """The four sums, times 24 and with their bias: rows in a, c, b, d."""
        weights.turn = 0
        weights.start(body)
        outputs(body, lambda to, line: self._line(body, weights, to, line), "x")
        body.move("v", -(5 * self.pitch + 4 * self.words))

    def _line(self, body: Block, weights: Weights, to: str, line: int) -> None:
        if line:
            body.move("v", self.pitch - 4 * self.words)
        dot(body, weights, "v", self.words, True, to)
        body.op("RSR_ACCLO", to)
