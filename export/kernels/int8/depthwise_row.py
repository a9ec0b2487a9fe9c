"""DEPTHWISE_CONV_2D for int8: a row of positions of one channel, a tile at a time.

A tile's sums stay in registers with the weights of one row of the kernel; every value
under it is loaded once a row and goes into all the sums that want it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from export.graph.stage import Stage
from export.kernels.arrays import Array, weight_array
from export.kernels.int8.conv import Strip
from export.kernels.int8.summed import Summed
from export.kernels.kernel import Options
from export.plan.cost import Work
from export.plan.overlap import lag

REGISTERS = 11  # for sums and the weights of a row of the kernel
WIDEST = REGISTERS - 1  # kernel
MOST = 6  # sums
BUMP = 256  # bytes from where a load's offset no longer reaches


@dataclass(frozen=True)
class Tile:
    """Positions from `start` to `end`, `size` at a time."""

    start: int
    end: int
    size: int


@dataclass(frozen=True)
class Value:
    """A value of the input, and what it is multiplied for: (sum, weight)."""

    bump: int  # bytes that the pointer moves on before it
    offset: int  # from there
    products: tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class DepthwiseRow(Summed):
    """Tiles along a row, one channel after the other."""

    template: ClassVar[str] = "int8/depthwise_row.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("DEPTHWISE_CONV_2D",)

    tiles: tuple[Tile, ...]
    strip: Strip | None = None

    @classmethod
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        """One, where there is neither padding nor a pool."""
        if not stage.padded:
            yield from cls.of(stage, options)

    @classmethod
    def of(
        cls, stage: Stage, options: Options, strip: Strip | None = None
    ) -> Iterator[Self]:
        """The same into a strip."""
        most = min(MOST, REGISTERS - stage.geometry.kernel_w)
        if stage.padded or stage.pool is not None or most < 1:
            return
        yield cls(
            stage=stage,
            options=options,
            finish=cls.finished(stage, options),
            weights=by_channel(cls.stem_of(stage, options), stage, options),
            tiles=_tiles(stage.region[1], most),
            strip=strip,
        )

    @property
    def function(self) -> str:
        """Name of the C function."""
        return self.strip.function if self.strip else self.name

    # ==== For the template ====

    @property
    def times(self) -> int:
        """Outputs of each channel of the input."""
        return self.stage.region[2] // self.stage.depth

    @property
    def pitch(self) -> int:
        """Bytes from one row of the input to the next."""
        return self.stage.sources[0].pitch

    @property
    def move_x(self) -> int:
        """Bytes of the input from one position to the next."""
        return self.stage.geometry.stride_w * self.stage.depth

    def values(self, tile: Tile) -> list[Value]:
        """What a row of the kernel reads for a tile, from left to right."""
        own = self.stage.geometry
        wanted: dict[int, list[tuple[int, int]]] = {}
        for p in range(tile.size):
            for k in range(own.kernel_w):
                column = p * own.stride_w + k * own.dilation_w
                wanted.setdefault(column, []).append((p, k))
        found, base = [], 0
        for column, products in sorted(wanted.items()):
            at, bump = column * self.stage.depth, 0
            if at - base >= BUMP:
                bump = (at - base) // BUMP * BUMP
                base += bump
            found.append(Value(bump, at - base, tuple(products)))
        return found

    # ==== What it costs ====

    def work(self) -> Work:
        """Of all channels."""
        own, (rows, _, channels) = self.stage.geometry, self.stage.region
        found: Work = {"product": 0, "load": 0, "tile row": 0, "tile visit": 0}
        groups = outputs = 0
        for tile in self.tiles:
            turns = (tile.end - tile.start) // tile.size
            visits = rows * channels * turns
            values = self.values(tile)
            found["product"] += visits * own.kernel_h * tile.size * own.kernel_w
            bumps = sum(value.bump > 0 for value in values)
            loads = len(values) + bumps + own.kernel_w
            found["load"] += visits * own.kernel_h * loads
            found["tile row"] += visits * own.kernel_h
            found["tile visit"] += visits
            groups, outputs = groups + visits, outputs + visits * tile.size
        widened = 0 if self.options.wide_weights else found["tile row"] * own.kernel_w
        finish = self.finish.work(1, 1)
        finish = {kind: outputs * count for kind, count in finish.items()}
        finish["constants"] = groups
        return found | finish | {"widened": widened}

    def lags(self) -> tuple[int | None, ...]:
        """Steps are rows: each channel goes through all of a row."""
        rows, width = self.stage.region[0], self.stage.width
        y = np.arange(rows)
        starts = y * self.stage.geometry.stride_h * self.pitch
        return (lag((y + 1) * width, starts, rereads=True),)


def by_channel(stem: str, stage: Stage, options: Options) -> Array:
    """The weights of a depthwise layer, a channel after the other."""
    kind, first = options.stored(stage)
    return weight_array(
        f"{stem}_weights",
        f"{stage.name}: weights by channel",
        lambda: stage.flat_weights() - first,
        stage.weight_count,
        kind,
    )


def _tiles(width: int, most: int) -> tuple[Tile, ...]:
    """As few tiles as can be, of one size, or of two."""
    count = -(-width // most)
    if width % count == 0:
        return (Tile(0, width, width // count),)
    size = -(-width // count)
    edge = width - width % size
    return Tile(0, edge, size), Tile(edge, width, width - edge)
