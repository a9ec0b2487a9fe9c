"""F(4x4, 3x3) by MAC16: 2.25 products an output and channel instead of 9.

As `winograd1` down the columns, and then the same along the rows of each tile of 6x6:

    576 y = A' ((G g G') * (B' d B)) A

The first half is done once for a band of six rows, the second for each tile. A tile's
36 sums over the channels lie one after the other in memory, as do their weights.
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
    strips,
    sums_head,
)
from export.kernels.lx6.transforms import (
    LINES,
    G,
    inputs,
    lines_function,
    outputs,
    split,
)

TILE = 4  # outputs
FACTOR = 576
ODD = 9
SHORT = 8  # words of a sum for which all 36 are written one after the other
SPILLED = LINES * TILE  # words: A' along the rows, kept until the columns are summed


def emit(layer: Layer) -> Made | None:
    """The kernel, or None where it does not apply."""
    if not _applies(layer):
        return None
    weights = even(layer.weights)
    tiles = np.einsum("ia,jb,oabc->oijc", G, G, weights)  # (O, 6, 6, C)
    flat = tiles.reshape(len(tiles), -1)
    sums = Sums(FACTOR, ODD, np.abs(flat).max(axis=1))
    narrow = requant.solve(layer.steps, layer.goals, sums)
    if narrow is None or narrow.inverse:
        return None
    return _Maker(layer, tiles, narrow).kernel()


def _applies(layer: Layer) -> bool:
    if layer.depthwise or layer.kernel != (3, 3) or layer.in_c < 2:
        return False
    strides = (layer.stride_h, layer.stride_w, layer.dilation_h, layer.dilation_w)
    if strides != (1, 1, 1, 1) or min(layer.out_h, layer.out_w) < TILE:
        return False
    if 2 * layer.even_c * (LINES - 1) > L32I_REACH:
        return False
    return halved(layer)


class _Maker:
    def __init__(self, layer: Layer, tiles: np.ndarray, narrow: Narrow) -> None:
        self.layer, self.tiles, self.narrow = layer, tiles, narrow
        self.words = layer.even_c // 2
        self.column = 2 * layer.even_c  # bytes
        # Lines are read at 0 and `pitch` from three pointers.
        most = (L32I_REACH - 4) // self.column  # columns of inputs
        across = min((most - 2) // TILE, -(-layer.out_w // TILE))
        self.across = max(across, 1)  # tiles of a band
        self.wide = min(TILE * self.across, layer.out_w)
        self.pitch = (self.wide + 2) * self.column
        self.tile_bytes = LINES * LINES * self.column

    def kernel(self) -> Made | None:
        if self.pitch > L32I_REACH - 4:
            return None
        layer, name = self.layer, self.layer.name
        stream: list[int] = []
        for c in range(layer.out_c):
            one = self.narrow.channels[c]
            more = c + 1 < layer.out_c
            stream += [*paired(self.tiles[c] * one.scale), 0, one.bias]
            stream += [*store.constants(self.narrow, c), int(more)]
        first, first_cost = lines_function(layer, self.pitch, apart=False)
        second, second_cost = self._tile()
        sums, sums_cost = self._sums()
        function, total = self._function(first_cost, second_cost + sums_cost + 30)
        code = [words(stream, f"{name}_weights"), table(layer)]
        size = 4 * len(stream) + (256 if layer.table is not None else 0)
        return Made(
            "winograd2",
            "\n".join([*code, first, "", second, "", sums, "", function]),
            LINES * self.pitch + self.tile_bytes + 4 * SPILLED,
            total,
            size,
            groups(layer, TILE),
            rereads=self.wide < layer.out_w,
        )

    def _function(self, line_cost: int, tile_cost: int) -> tuple[str, int]:
        layer, name = self.layer, self.layer.name

        def strip(y: str) -> list[str]:
            return strips("b", "left", layer.out_w, self.wide, lambda x: band(y, x))

        def band(y: str, left: str) -> list[str]:
            return [
                fetched(
                    layer,
                    "nn_lx6_rows",
                    self.pitch // 4,
                    (total(y, -layer.top), LINES),
                    (total(left, -layer.left), self.wide + 2),
                    depth=True,
                ),
                f"{name}_lines(lines);",
                *strips("i", "x", self.wide, TILE, lambda x: tile(y, left, x)),
            ]

        def tile(y: str, left: str, x: str) -> list[str]:
            return [
                f"{name}_tile({total('lines', (x, self.words))}, tile);",
                f"{name}_sums(tile, {place(layer, y, total(left, x))});",
            ]

        text = layer_function(
            layer,
            strips("g", "y", layer.out_h, TILE, strip),
            f"uint32_t *const tile = {total('lines', LINES * self.pitch // 4)};",
        )
        bands = -(-layer.out_h // TILE) * -(-layer.out_w // self.wide)
        widen = int(LINES * ((self.wide + 2) * layer.in_c * 2.9 + 40))
        tiles = -(-self.wide // TILE)
        return text, bands * (widen + line_cost + tiles * tile_cost)

    def _tile(self) -> tuple[str, int]:
        """(B' d) B of one tile: for each line six runs of all channels."""
        body = Block()

        def read(to: str, at: int) -> None:
            body.op("L32I", to, "p", at * self.column)

        def write(value: str, at: int) -> None:
            split(body, value, "a")
            body.op("S32I", value, "q", at * self.column)

        inputs(body, read, write)
        body.move("p", 4)
        body.move("q", 4)
        line = Block()
        line.loop("pairs", "n", self.words, body)
        line.move("p", self.pitch - self.column)
        line.move("q", (LINES - 1) * self.column)
        line.op("ADDI", "l", "l", -1)
        block = Block()
        block.repeat("lines", "l", LINES, line)
        lines = [
            f"NN_LAYER void {self.layer.name}_tile(const uint32_t *lines, "
            "uint32_t *tile)",
            "{",
            "    uintptr_t p = (uintptr_t)lines, q = (uintptr_t)tile;",
            f"    uintptr_t l = {LINES}u, a, b, c, d, e, f, x;",
            f"    const uintptr_t n = {self.words}u, mask = 0x8000u;",
            "",
            *block.statement(
                ("p", "q", "l"),
                ("a", "b", "c", "d", "e", "f", "x"),
                ("n", "mask"),
                4,
            ),
            "}",
        ]
        return "\n".join(lines), block.count + 10

    # ==== Sums ====

    def _sums(self) -> tuple[str, int]:
        layer = self.layer
        body = Block()
        weights = Weights("w")
        weights.start(body)
        if self.words <= SHORT:
            for line in range(LINES):
                self._line(body, weights, 4 * TILE * line)
        else:
            inner = Block()
            self._line(inner, weights, 0)
            inner.move("z", 4 * TILE)
            inner.op("ADDI", "q", "q", -1)
            body.op("MOVI", "q", LINES)
            body.repeat("lines", "q", LINES, inner)
            body.move("z", -4 * TILE * LINES)
        self._columns(body)
        body.op("L32I", "x", "w", 4 * store.CONSTANTS)
        body.move("v", -self.tile_bytes)
        body.move("w", 4 * store.CONSTANTS)
        block = Block()
        block.repeat("channels", "x", layer.out_c, body)
        text = block_function(
            layer,
            sums_head(layer, "tile", "NN_LAYER"),
            {
                "v": "(uintptr_t)tile - 4u",
                "o": "(uintptr_t)out",
                "w": f"(uintptr_t){layer.name}_weights - 4u",
                "z": f"(uintptr_t)tile + {self.tile_bytes}u",
            },
            block.used(("a", "b", "c", "d", "e", "p", "q", "x")),
            block,
        )
        return text, block.count

    def _line(self, body: Block, weights: Weights, at: int) -> None:
        """Six sums and A' of them, kept at `at`."""

        def summed(to: str, _: int) -> None:
            dot(body, weights, "v", self.words, True, to)
            body.op("RSR_ACCLO", to)

        outputs(body, summed, "")
        for k, y in enumerate(("a", "c", "b", "d")):
            body.op("S32I", y, "z", at + 4 * k)

    def _columns(self, body: Block) -> None:
        """A' of the columns, and what is stored of them; w at the bias."""
        layer = self.layer
        far = 0  # of o
        if not self.narrow.plain:
            body.op("L32I", "q", "w", 12)
        for column in range(TILE):

            def kept(to: str, line: int, column: int = column) -> None:
                body.op("L32I", to, "z", 4 * (TILE * line + column))

            body.op("L32I", "p", "w", 0)
            outputs(body, kept, "p")
            results = ["a", "c", "b", "d"]
            if layer.pool:
                body.op("MAX", "a", "a", "c")
                body.op("MAX", "b", "b", "d")
                if column % 2 == 0:  # where they were read, they are not needed
                    body.op("S32I", "a", "z", 4 * column)
                    body.op("S32I", "b", "z", 4 * (TILE + column))
                    continue
                for y, at in (("a", column - 1), ("b", TILE + column - 1)):
                    body.op("L32I", "x", "z", 4 * at)
                    body.op("MAX", y, y, "x")
                results = ["a", "b"]
            body.op("L32I", "e", "w", 4)
            if not self.narrow.plain:
                body.op("L32I", "p", "w", 8)
            right = column // 2 if layer.pool else column
            for row, y in enumerate(results):
                store.byte(body, layer, self.narrow, y, "x", ("e", "p", "q"))
                at = row * layer.out_pitch + right * layer.out_c
                if not 0 <= at - far <= 255:
                    body.move("o", at - far)
                    far = at
                body.op("S8I", y, "o", at - far)
        body.move("o", 1 - far)
