"""Convolutions by exact integer Winograd F(2x2, 3x3), for the int8 engine."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from typing_extensions import override

from export.arithmetic import requant_stage, winograd
from export.graph.stage import Stage
from export.kernels.c_text import halved, position
from export.kernels.int8.conv import Strip
from export.kernels.int8.tiled import Tiled
from export.kernels.kernel import Options
from export.plan.cost import Work, times
from export.plan.overlap import lag

ADJACENT = 0.85  # of a transform's cost, where two tiles in a row share columns
MOST_SUMS = 8  # tiles times channels of a turn


@dataclass(frozen=True, eq=False)
class Winograd(Tiled):
    """16 products for a tile of 2x2, unrolled by one tile or two."""

    template: ClassVar[str] = "int8/winograd.c.jinja"
    tile: ClassVar[int] = 2
    transform: ClassVar[str] = "2G g 2G'"
    scale: ClassVar[int] = winograd.SCALE

    calls: int = 1

    @classmethod
    def of(
        cls,
        stage: Stage,
        options: Options,
        strip: Strip | None = None,
        unroll: int = 2,
    ) -> Iterator[Self]:
        """Whatever the profile; one tile takes half the memory, loads more often."""
        if not winograd.applies(stage):
            return
        transformed = winograd.filters(stage.weights.astype(np.int64))  # (O, 16, I)
        if not winograd.fits(transformed):
            return
        values = requant_stage.table(stage)
        try:
            found = requant_stage.weighted(stage, values, cls.scale)
        except ValueError:
            return
        if found.form == "wide":  # its constants are not for scaled sums
            return
        depth, channels = stage.depth, stage.region[2]
        mac_h, mac_w, _ = stage.head_region
        tiles = unroll if mac_h * mac_w > cls.tile**2 else 1
        most = 1 if depth == 1 else MOST_SUMS // tiles
        block_q = next(
            n for n in range(min(most, channels), 0, -1) if channels % n == 0
        )
        yield cls._of_filters(
            stage, options, strip, found, transformed, (tiles, block_q)
        )

    @property
    def method(self) -> str:
        """What plan.json calls it."""
        return "winograd"

    @property
    @override
    def headers(self) -> frozenset[str]:
        return frozenset({"nn_winograd.h"})

    @property
    def scratch(self) -> int:
        """Bytes of transformed inputs, and of sums where there are several depths."""
        depth = self.stage.depth
        sums = 16 * self.tiles * self.block_q * 4 if depth > 1 else 0
        return 16 * depth * self.tiles * 2 + sums

    # ==== For the template ====

    @property
    def adjacent(self) -> bool:
        """Whether a turn's two tiles are neighbours: no pair crosses a row's end."""
        return self.tiles == 2 and self.stage.head_region[1] % 4 == 0

    def at(self, p: int) -> tuple[str, str]:
        """C of the row and the column of tile `p` of a turn."""
        rows, columns, _ = self.stage.head_region
        if self.looped:
            return "y" if rows > self.tile else "0", "x"
        row, column = divmod(self.tile * p, columns)
        return str(self.tile * row), str(column)

    @property
    def looped(self) -> bool:
        """Whether there are more tiles than one turn makes."""
        return self.total > self.tiles

    def place(self, y: str, x: str) -> str:
        """C of where a tile's outputs go."""
        _, width, channels = self.stage.region
        if self.stage.pool:
            y, x = halved(y), halved(x)
        return position(width, channels, y, x)

    @property
    def tails(self) -> list[str]:
        """C that turns the four sums in `t` into one or four bytes, by tile."""
        return [self._tail(f"o{p}") for p in range(self.tiles)]

    def _tail(self, out: str) -> str:
        indent = " " * (16 if self.stage.depth > 1 else 12)
        bias = " + k->bias" if self.finish.biased else ""
        byte = f"{self.name}_byte"
        if self.stage.pool is not None:
            best = "nn_max(nn_max(t.y00, t.y01), nn_max(t.y10, t.y11))"
            lines = [f"t.y00 = {best};", f"*{out} = {byte}(t.y00{bias}, k);"]
        else:
            channels, pitch = self.stage.region[2], self.out_pitch
            places = (
                ("t.y00", 0),
                ("t.y01", channels),
                ("t.y10", pitch),
                ("t.y11", pitch + channels),
            )
            lines = [f"{out}[{at}] = {byte}({sum}{bias}, k);" for sum, at in places]
        return "\n".join(indent + line for line in lines)

    @property
    def sums(self) -> str:
        """C of a row's two sums, by tile."""
        return ", ".join(f"s{p}, d{p}" for p in range(self.tiles))

    @property
    def vertical(self) -> list[list[list[str]]]:
        """C that adds a row's sums to the tile, by row and tile."""
        return [[_vertical(r, p) for p in range(self.tiles)] for r in range(4)]

    # ==== What it costs ====

    def work(self) -> Work:
        """Transforms, products, and what is done with the sums."""
        tiles, depth, q = self.tiles, self.stage.depth, self.block_q
        channels, pooled = self.stage.region[2], self.stage.pool is not None
        passes = -(-self.total // tiles)
        found: Work = {
            "transform": passes * tiles * depth * (ADJACENT if self.adjacent else 1.0),
            "tile": passes * tiles * channels,
            **self.finish.work(passes * tiles * channels, 1 if pooled else 4),
            "larger": passes * tiles * channels * 3 if pooled else 0,
        }
        if depth == 1:
            found["product"] = passes * tiles * channels * 16
            found["load"] = passes * channels * 16 * (tiles + 1)
            return times(self.calls, found)
        visits = passes * (channels // q) * 16
        found["product"] = visits * depth * tiles * q
        found["load"] = visits * depth * (tiles + q)
        found["turn"] = visits
        found["stored"] = 2 * visits * tiles * q
        return times(self.calls, found)

    def lags(self) -> tuple[int | None, ...]:
        """Steps are tiles, a few at once: inputs are transformed, then outputs go."""
        tile = np.arange(self.total)
        across = self.stage.head_region[1] // self.tile
        y, x = tile // across, tile % across
        starts = self.tile * y * self.pitch + self.tile * x * self.stage.depth
        size = 1 if self.stage.pool else self.tile
        width = across * size
        ends = (size * y + size - 1) * width + size * (x + 1)
        passes = np.arange(0, self.total, self.tiles)
        last = np.maximum.reduceat(ends * self.stage.region[2], passes)
        return (lag(last, np.minimum.reduceat(starts, passes), rereads=False),)


def _vertical(row: int, p: int) -> list[str]:
    """Adds a row's sums to the tile: A' = 1 1 1 0, 0 1 -1 -1."""
    first = {0: "=", 1: "+=", 2: "+="}.get(row)
    second = {1: "=", 2: "-=", 3: "-="}.get(row)
    lines = []
    if first:
        lines += [f"y00{p} {first} s{p};", f"y01{p} {first} d{p};"]
    if second:
        lines += [f"y10{p} {second} s{p};", f"y11{p} {second} d{p};"]
    return lines
