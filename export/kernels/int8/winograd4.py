"""Convolutions by exact integer Winograd F(4x4, 3x3), for the int8 engine."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from typing_extensions import override

from export.arithmetic import requant_stage, winograd
from export.graph.stage import Stage
from export.kernels.c_text import halved, total
from export.kernels.int8.conv import Strip
from export.kernels.int8.tiled import Tiled
from export.kernels.kernel import Options
from export.plan.cost import Work
from export.plan.overlap import lag
from export.plan.tiling import ACCUMULATORS


@dataclass(frozen=True, eq=False)
class Winograd4(Tiled):
    """36 products for a tile of 4x4, unrolled by tiles and channels."""

    template: ClassVar[str] = "int8/winograd4.c.jinja"
    tile: ClassVar[int] = 4
    transform: ClassVar[str] = "G g G'"

    @classmethod
    def of(
        cls, stage: Stage, options: Options, strip: Strip | None = None
    ) -> Iterator[Self]:
        """Whatever the profile."""
        if not winograd.applies(stage, cls.tile):
            return
        if stage.depth == 1 or not winograd.fits4(stage.flat_weights()):
            return
        values = requant_stage.table(stage)
        found = requant_stage.weighted(stage, values)
        if found.form == "wide":
            return
        blocks = _blocks(stage.head_region[1] // cls.tile, stage.region[2])
        filters = winograd.filters4(stage.weights.astype(np.int64))
        yield cls._of_filters(stage, options, strip, found, filters, blocks)

    @property
    def method(self) -> str:
        """What plan.json calls it."""
        return "winograd4"

    @property
    @override
    def headers(self) -> frozenset[str]:
        return frozenset({"nn_winograd4.h"})

    @property
    def scratch(self) -> int:
        """Bytes of transformed inputs and sums."""
        return 36 * self.tiles * (self.stage.depth * 2 + self.block_q * 4)

    # ==== For the template ====

    @property
    def across(self) -> int:
        """Columns of the output that a tile gives."""
        return 2 if self.stage.pool else self.tile

    def place(self, y: str, x: str) -> str:
        """C of where a tile's outputs go."""
        if self.stage.pool:
            y, x = halved(y), halved(x)
        return total((y, self.out_pitch), (x, self.stage.region[2]))

    @property
    def bias(self) -> str:
        """C that adds it."""
        return " + k->bias" if self.finish.biased else ""

    # ==== What it costs ====

    def work(self) -> Work:
        """Transforms, products, and what is done with the sums."""
        depth, channels = self.stage.depth, self.stage.region[2]
        p, q, pooled = self.tiles, self.block_q, self.stage.pool is not None
        visits = self.total * channels // (p * q) * 36
        return {
            "transform4": self.total * depth,
            "tile4": self.total * channels,
            "product": visits * depth * p * q,
            "load": visits * depth * (p + q),
            "turn": visits,
            "stored": visits * p * q,
            **self.finish.work(self.total * channels * (4 if pooled else 16), 1),
            "larger": self.total * channels * 12 if pooled else 0,
        }

    def lags(self) -> tuple[int | None, ...]:
        """Steps are tiles, a few at once in a row."""
        mac_h, mac_w, _ = self.stage.head_region
        y = np.arange(0, mac_h, self.tile)[:, None]
        x = np.arange(0, mac_w, self.tile * self.tiles)
        size = self.tile // self.across
        last_row = (y + self.tile) // size - 1
        last_column = (x + self.tile * self.tiles) // size
        ends = last_row * self.out_pitch + last_column * self.stage.region[2]
        starts = y * self.pitch + x * self.stage.depth
        return (lag(ends, starts, rereads=False),)


def _blocks(across: int, channels: int) -> tuple[int, int]:
    """(tiles, channels) at once: as few loads a product as the registers allow."""
    pairs = [
        (p, q)
        for p in range(1, ACCUMULATORS + 1)
        for q in range(1, ACCUMULATORS // p + 1)
        if across % p == 0 and channels % q == 0
    ]
    return min(pairs, key=lambda pair: (1 / pair[0] + 1 / pair[1], pair[0]))
