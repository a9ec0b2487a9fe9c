"""CONV_2D and FULLY_CONNECTED, summed directly, for int8.

A register tile is several positions by several channels.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from typing_extensions import override

from export.arithmetic import requant_stage
from export.graph.geometry import POINT
from export.graph.stage import Stage
from export.kernels.arrays import Array
from export.kernels.c_text import halved, position, total
from export.kernels.int8 import horizontal_max
from export.kernels.int8.direct import Direct, padding_buffer, walk
from export.kernels.int8.finish import Finish, table_array
from export.kernels.int8.horizontal_max import HorizontalMax
from export.kernels.kernel import Options
from export.plan.cost import Work, added, times
from export.plan.overlap import lag
from export.plan.tiling import Loop, blocks

FLAT = 12  # taps of a kernel that needs no loop
UNROLL = (8, 7, 6, 5, 4, 3, 2, 1)


@dataclass(frozen=True)
class Strip:
    """Where rows go that a pool reads next (export.kernels.int8.strip)."""

    function: str  # the name of what makes them
    pitch: int  # bytes from one row to the next
    left: int = 0  # columns that its first window begins before the first
    windows: int = 0  # in a row; 0: the pool does not want their maxima


@dataclass(frozen=True)
class Turn:
    """What a turn of the innermost loop sums: part of a kernel's row, or all of it."""

    taps: tuple[int, ...]  # where it reads, from where the turn begins
    flat: bool  # all of the kernel, without a loop
    rows: int  # of the kernel, which a loop goes through


@dataclass(frozen=True, eq=False)
class Conv(Direct):
    """Register tiles of several positions and channels."""

    template: ClassVar[str] = "int8/conv.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("CONV_2D", "FULLY_CONNECTED")

    block_q: int  # channels of a register tile
    turn: Turn
    strip: Strip | None = None
    maxima: HorizontalMax | None = None  # that are taken along a row
    late_table: np.ndarray | None = None  # of the activations, which the pool takes
    calls: int = 1  # of its function, an inference

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        if not (stage.pool and stage.pool.overlaps):
            yield cls.of(stage, options)

    @classmethod
    def of(cls, stage: Stage, options: Options) -> Self:
        """The whole stage."""
        stage = flattened(stage)
        return cls._made(stage, options, None, None, blocks(stage))

    @classmethod
    def into(cls, stage: Stage, options: Options, strip: Strip) -> Self | None:
        """Rows of a stage into a strip; None where it cannot have its maxima."""
        if not strip.windows:
            return cls._made(stage, options, strip, None, blocks(stage))
        block = blocks(stage, whole=True)
        if block[1] % horizontal_max.STRIDE:
            return None
        width = stage.head_region[1]
        maxima = horizontal_max.plan(width, strip.left, strip.windows, block[1])
        made = cls._made(stage, options, strip, maxima, block)
        return None if made.finish.requant.form == "wide" else made

    @classmethod
    def _made(
        cls,
        stage: Stage,
        options: Options,
        strip: Strip | None,
        maxima: HorizontalMax | None,
        block: tuple[int, int, int],
    ) -> Self:
        rows, columns, channels = block
        values = requant_stage.table(stage)
        found = requant_stage.weighted(stage, values)
        stem = cls.stem_of(stage, options)
        # Of windows' maxima the table is taken later, unless it saves a clamp here.
        late = values if strip is not None and not options.wide_tables else None
        if late is not None and late.ndim > 1:  # the pool knows of no channels
            late = None
        now = None if late is not None else values
        walked = walk(stage, rows, columns)
        return cls(
            stage=stage,
            options=options,
            finish=Finish.of(stage, options, stem, found, now),
            weights=cls.by_block(stage, options, channels),
            walk=walked,
            line_buffer=padding_buffer(stage, rows),
            block_q=channels,
            turn=_turn(options, walked.kernel_h, walked.row, walked.tap_pitch, stage),
            strip=strip,
            maxima=maxima,
            late_table=late,
        )

    @property
    def function(self) -> str:
        """Name of the C function."""
        return self.strip.function if self.strip else self.name

    @property
    def arrays(self) -> tuple[Array, ...]:
        """Weights, channels and, if any, the table."""
        if self.late_table is None:
            return super().arrays
        late = table_array(self.stage, self.stem, self.late_table)
        return (*super().arrays, late)

    @property
    def scratch(self) -> int:
        """Bytes of the line buffer, or of the maxima so far."""
        if self.maxima:
            return 4 * self.maxima.states * self.stage.region[2]
        return super().scratch

    def tap(self, loop: Loop) -> str:
        """Name of the macro that adds one tap to all sums of a block."""
        return f"{self.function.upper()}_{loop.unroll}X{self.block_q}"

    def signed(self, acc: str) -> str:
        """C of a sum as it is requantised."""
        return f"(int32_t){acc}" if self.sum_type == "uint32_t" else acc

    def product(self, p: int, q: int) -> str:
        """C of a value times a weight."""
        text = f"v{p} * w{q}"
        return f"(uint32_t)({text})" if self.sum_type == "uint32_t" else text

    def place(self, y: str, x: str) -> str:
        """C of where a position's bytes are stored."""
        _, width, channels = self.stage.region
        if self.strip is None or self.strip.pitch == width * channels:
            return position(width, channels, y, x)
        column = halved(x) if self.maxima else x
        return total((y, self.strip.pitch), (column, channels))

    @property
    def span(self) -> int:
        """What the innermost loop goes through, a turn at a time."""
        return len(self.turn.taps) if self.turn.flat else self.walk.row

    @property
    def reads_on(self) -> bool:
        """Whether a value further on in a kernel's row is read after a turn."""
        looped = self.span > len(self.turn.taps) or self.walk.segments > 1
        return looped and not self.turn.flat

    @property
    def weighs_on(self) -> bool:
        """Whether a weight further on is read after a turn."""
        several = self.turn.rows > 1 or self.stage.region[2] > self.block_q
        return several or self.reads_on

    def work(self) -> Work:
        """Of all loops."""
        found = added(self.moved, *(self._block(loop) for loop in self.walk.loops))
        return times(self.calls, found)

    def _block(self, loop: Loop) -> Work:
        """One loop over all rows."""
        rows, _, channels = self.stage.region
        p, q = loop.unroll, self.block_q
        visits = rows * loop.turns * (channels // q)
        places = visits * q // channels
        pooled = self.stage.pool is not None
        outputs, larger = (1, p - 1) if pooled else (p, 0)
        if self.maxima:
            outputs, larger = p // 2, 5 * p // 4
        return {
            **self._products(loop, visits),
            **self._turns(visits),
            "line": rows,
            "kept": self._kept(visits * q),
            "place": places if loop.turns > 1 else 0,
            "lone place": 0 if loop.turns > 1 else places,
            **self.finish.work(visits * q, outputs),
            # Of one block of channels they stay where they are.
            "constants": visits * q if q < channels else 0,
            "larger": visits * q * larger,
        }

    @property
    def _taps(self) -> int:
        """Values that one sum reads."""
        return self.walk.kernel_h * self.walk.kernel_w * self.stage.depth

    def _products(self, loop: Loop, visits: int) -> Work:
        """What so many blocks load and multiply."""
        turn, taps, p, q = self.turn, self._taps, loop.unroll, self.block_q
        # What neighbours have in common is loaded once a turn.
        values = Counter(tap + at for tap in turn.taps for at in loop.offsets)
        twice = sum(uses > 1 for uses in values.values())
        turned = taps // len(turn.taps) * len(values)
        crowded = visits * taps * p * q if p * q > 6 and not turn.flat else 0
        return {
            "product": visits * taps * p * q,
            "load": visits * (taps * q + turned),
            "crowded": crowded if p < 4 else 0,
            "held": crowded if p >= 4 else 0,
            "flat": visits * taps * max(p * q - 4, 0) if turn.flat else 0,
            "shared": visits * taps // len(turn.taps) * twice if p * q >= 6 else 0,
            "widened": 0 if self.options.wide_weights else visits * taps * q,
        }

    def _turns(self, visits: int) -> Work:
        """The loops within so many blocks.

        A loop of one turn is none, and what is left without any is cheaper.
        """
        turn, flat = self.turn, self.turn.flat
        looped = self.walk.row > len(turn.taps)
        kernel_rows = turn.rows if turn.rows > 1 else 0
        return {
            "turn": visits * (self._taps // len(turn.taps) if looped else 0),
            "row": visits * kernel_rows if looped else 0,
            "short row": 0 if looped else visits * kernel_rows,
            "visit": visits if looped or kernel_rows else 0,
            "short visit": 0 if looped or kernel_rows or flat else visits,
            "flat visit": visits if flat else 0,
        }

    def _kept(self, visits: int) -> int:
        """What is kept along a row for a pool, and what its end completes."""
        rows, _, channels = self.stage.region
        return (visits + rows * channels) * self.maxima.states if self.maxima else 0

    def lags(self) -> tuple[int | None, ...]:
        """Steps are blocks of positions; each reads its window for every channel."""
        rows, width, channels = self.stage.region
        if self.line_buffer:
            return (self.line_buffer.lag(rows, width * channels),)
        y = np.arange(rows)[:, None]
        places = [(x, loop.step) for loop in self.walk.loops for x in loop.places]
        x, size = np.array(places).T
        ends = (y * width + x + size) * channels
        starts = y * self.walk.move_y + x * self.walk.move_x
        return (lag(ends, starts, rereads=True),)


def flattened(stage: Stage) -> Stage:
    """A 1x1 convolution as one row of all positions, where these lie together."""
    height, width, _ = stage.region
    source = stage.sources[0]
    if height == 1 or stage.pool or stage.head.kind != "CONV_2D":
        return stage
    if stage.geometry != POINT or source.pitch != width * stage.depth:
        return stage
    shape = (1, height * width)
    read = replace(source, region=(*shape, stage.depth), pitch=height * source.pitch)
    region = (*shape, stage.region[2])
    return replace(stage, head_region=region, region=region, sources=(read,))


def _turn(options: Options, kernel_h: int, row: int, down: int, stage: Stage) -> Turn:
    """`row` bytes of the kernel lie together, rows `down` apart."""
    small = stage.geometry.dilation_w == 1 < kernel_h and kernel_h * row <= FLAT
    if small and options.profile != "size":
        taps = tuple(y * down + k for y in range(kernel_h) for k in range(row))
        return Turn(taps, flat=True, rows=1)
    unroll = next(n for n in UNROLL if row % n == 0)
    return Turn(tuple(range(unroll)), flat=False, rows=kernel_h)
