"""A convolution with an overlapping max pool behind it, a strip of rows at a time.

Windows of 2s x 2s at every s-th place are maxima of four cells of s x s, and each cell
belongs to four windows. So the convolution writes a few rows into a strip, already
requantised and through its table (a max pool commutes with both); the maxima of the
strip's cells are taken once, and what the row above left of them is kept. Nothing of
the convolution's full output is ever stored.

Around the image a cell's bytes are zero, the least there is: they change no maximum.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from export.graph.geometry import Geometry
from export.graph.stage import Stage
from export.kernels.c_text import total
from export.kernels.int8 import horizontal_max
from export.kernels.int8.conv import Conv, Strip
from export.kernels.int8.finish import stored
from export.kernels.int8.horizontal_max import HorizontalMax
from export.kernels.int8.winograd import Winograd
from export.kernels.int8.winograd4 import Winograd4
from export.kernels.int8.wrapped import Wrapped
from export.kernels.kernel import Kernel, Options
from export.plan.cost import Work, added, times
from export.plan.overlap import lag
from export.plan.units import round_up


@dataclass(frozen=True, eq=False)
class Feed:
    """The stage before, which makes its rows just before they are read."""

    kernel: Kernel
    rows: int  # of its output, a call
    need: int  # rows that a step reads
    kept: int  # of them for the next step
    advance: int  # rows from one step to the next

    @property
    def name(self) -> str:
        """Of its C function."""
        return self.kernel.name

    @property
    def number(self) -> int:
        """Of its stage."""
        return self.kernel.stage.number

    @property
    def row(self) -> int:
        """Bytes of one of its rows."""
        return self.kernel.stage.width

    @property
    def move(self) -> int:
        """Bytes of the image from one of its rows to the next."""
        stage = self.kernel.stage
        down = stage.pool.stride_h if stage.pool else 1
        return down * stage.geometry.stride_h * stage.sources[0].pitch

    @property
    def size(self) -> int:
        """Bytes of the rows that a step reads."""
        return self.need * self.row


@dataclass(frozen=True, eq=False)
class PooledStrip(Wrapped):
    """Rows of a convolution, then the pool's maxima of them."""

    template: ClassVar[str] = "int8/strip.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("CONV_2D",)

    strip: Strip  # where `inner` puts its rows
    feed: Feed | None = None

    @classmethod
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        """By all that the rows can be made of."""
        if stage.pool and stage.pool.overlaps:
            for strip, rows in _rows(stage, stage.pool, options):
                yield cls(stage, options, rows, strip)

    @property
    def headers(self) -> frozenset[str]:
        """Its own, and those of what makes the rows."""
        return self.inner.headers | {"nn_strip.h"}

    @property
    def scratch(self) -> int:
        """Bytes: what makes rows, then the strip, then the row above."""
        return self.inner_bytes + self.strip_bytes + self.above_bytes

    # ==== For the template ====

    @property
    def pool(self) -> Geometry:
        """Of the maxima."""
        assert self.stage.pool is not None
        return self.stage.pool

    @property
    def out_type(self) -> str:
        """Of the stored byte."""
        return "int8_t" if self.stage.is_output else "uint8_t"

    @property
    def maxima(self) -> HorizontalMax | None:
        """Those along a row, where the rows have them."""
        return self.inner.maxima if isinstance(self.inner, Conv) else None

    @property
    def step_rows(self) -> int:
        """Rows of the convolution that a step makes."""
        return self.inner.stage.head_region[0]

    @property
    def steps(self) -> int:
        """Of the whole stage."""
        return self.stage.head_region[0] // self.step_rows

    @property
    def cells(self) -> int:
        """Rows of cells that a step completes."""
        return self.step_rows // self.pool.stride_h

    @property
    def more(self) -> int:
        """Rows of the output that the last step leaves."""
        return self.stage.region[0] + 1 - self.steps * self.cells

    @property
    def fresh(self) -> int:
        """Where in the strip a step's rows begin."""
        beside = 0 if self.maxima else self.pool.left * self.stage.region[2]
        return self.pool.top * self.strip.pitch + beside

    @property
    def move(self) -> int:
        """Bytes of the input from one step to the next."""
        stride, pitch = self.stage.geometry.stride_h, self.stage.sources[0].pitch
        return self.step_rows * stride * pitch

    @property
    def inner_bytes(self) -> int:
        """What the makers of rows work in, whole words."""
        most = self.inner.scratch
        if self.feed:
            most = max(most, self.feed.kernel.scratch)
        return round_up(most, 4)

    @property
    def strip_bytes(self) -> int:
        """The strip."""
        return (self.pool.top + self.step_rows) * self.strip.pitch

    @property
    def above_bytes(self) -> int:
        """The row of cells above, whole words."""
        return round_up(self.stage.width, 4)

    @property
    def pool_text(self) -> str | None:
        """C of the maxima, where a core has its own."""
        return None

    @property
    def maximum(self) -> str:
        """C of a cell's."""
        size_h, size_w = self.pool.stride_h, self.pool.stride_w
        if self.maxima:
            values = [
                f"rows[{total('i', y * self.strip.pitch)}]" for y in range(size_h)
            ]
        else:
            channels = self.stage.region[2]
            values = [
                f"r{y}[{x * channels}]" for y in range(size_h) for x in range(size_w)
            ]
        return horizontal_max.maximum(values)

    @property
    def store(self) -> str:
        """C of the byte to store for `best`."""
        late = isinstance(self.inner, Conv) and self.inner.late_table is not None
        return stored(
            "best", f"{self.stem}_table" if late else None, self.stage.is_output
        )

    # ==== What it costs ====

    def work(self) -> Work:
        """Its rows, and the maxima of the strip's cells."""
        height, width, channels = self.stage.region
        wide = 1 if self.maxima else self.pool.stride_w
        cells = (height + 1) * width * channels
        own: Work = {
            "strip": self.steps,
            "cell": cells * (self.pool.stride_h * wide + 2),
        }
        return added(times(self.steps, self.inner.work()), own)

    def lags(self) -> tuple[int | None, ...]:
        """Steps fill the strip, then write the pooled rows that it completes."""
        step = np.arange(self.steps)
        done = (step + 1) * self.cells - 1  # rows of the output behind a step
        done[-1] = self.stage.region[0]
        return (lag(done * self.stage.width, step * self.move, rereads=False),)


def _rows(
    stage: Stage, pool: Geometry, options: Options
) -> Iterator[tuple[Strip, Kernel]]:
    """Strips, and what can make their rows."""
    height, least = stage.head_region[0], pool.stride_h
    _, width, channels = stage.region
    whole = whole_strip(stage, pool)
    strips = [whole]
    if pool.stride_w == horizontal_max.STRIDE:
        strips.append(
            Strip(whole.function, round_up(width * channels, 4), pool.left, width)
        )
    if height % least == 0:
        for strip in strips:
            made = Conv.into(stage.rows(least, least, pooled=False), options, strip)
            if made is not None:
                yield strip, made
    for tiled in (Winograd, Winograd4):
        rows = tiled.tile
        if options.winograd and rows % least == 0 and height % rows == 0:
            part = stage.rows(rows, rows, pooled=False)
            yield from ((whole, kernel) for kernel in tiled.of(part, options, whole))


def whole_strip(stage: Stage, pool: Geometry) -> Strip:
    """Whole cells beside each other, rows of whole words."""
    _, width, channels = stage.region
    pitch = round_up(pool.stride_w * (width + 1) * channels, 4)
    return Strip(f"{stage.name}_rows", pitch)
