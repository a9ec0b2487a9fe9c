"""The float16 engine's max pools that no convolution can take along: they overlap, or
are padded.

A pool takes the largest of its rows first, then of that row's columns. What would lie
beyond an edge is the edge again, which is in the same window, so padding never wins.
The values pass as they are: a convolution in front of a pool leaves its sums
unrounded, so a pool of its own gives the bits of one that is fused. Row by row, where
windows are two strides high, what two of them share is kept as one row, its maximum.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from typing_extensions import override

from export.graph.stage import Stage
from export.kernels.arrays import Array
from export.kernels.c_text import product, total
from export.kernels.float16.stored import FloatKernel, Job
from export.kernels.kernel import Options
from export.plan.row_buffers import merges
from export.plan.tiling_f16 import divisor

UNROLL = 10  # elements in one piece of straight code


@dataclass(frozen=True, eq=False)
class MaxPool(FloatKernel):
    """The largest of each window."""

    template: ClassVar[str] = "float16/max_pool.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("MAX_POOL_2D",)

    @classmethod
    def jobs(cls, stage: Stage, options: Options, job: Job) -> Iterator[Self]:
        """One; not of raw pixels."""
        if not stage.sources[0].is_input:
            yield cls(stage, options, job)

    @property
    @override
    def arrays(self) -> tuple[Array, ...]:
        return ()

    @property
    def method(self) -> str:
        """What plan.json calls it."""
        return "row by row" if self.row_by_row else "whole"

    @property
    def row_by_row(self) -> bool:
        """Whether a call computes one row."""
        return self.job.rows > 0

    @property
    def merged(self) -> bool:
        """Whether what two windows share is kept as one row."""
        return self.row_by_row and merges(self.stage)

    @property
    def in_place(self) -> bool:
        """Whether the largest of the rows need no memory of their own."""
        return self.row_by_row or self.stage.geometry.kernel_h == 1

    @property
    def writes(self) -> bool:
        """Whether it writes into its input."""
        return self.row_by_row and self.stage.geometry.kernel_h > 1

    @property
    def last_rows(self) -> int:
        """Rows that the last window really has."""
        own = self.stage.geometry
        start = (self.stage.region[0] - 1) * own.stride_h - own.top
        return min(self.stage.sources[0].region[0] - start, own.kernel_h)

    @property
    def short(self) -> bool:
        """Whether the last window of rows is cut off by the input's lower edge."""
        return self.row_by_row and self.last_rows < self.stage.geometry.kernel_h

    @property
    def out_h(self) -> int:
        """Rows of the output, a call."""
        return 1 if self.row_by_row else self.stage.region[0]

    @property
    def width(self) -> int:
        """Elements in a row of the input."""
        _, columns, depth = self.stage.sources[0].region
        return columns * depth

    @property
    def scratch(self) -> int:
        """Bytes of the largest of the rows."""
        return 0 if self.in_place else 4 * self.width

    @property
    def unroll(self) -> int:
        """Elements of a row in one piece of straight code."""
        return divisor(self.width, UNROLL)

    @property
    def unroll_c(self) -> int:
        """Channels in one piece of straight code."""
        return divisor(self.stage.depth, UNROLL)

    @property
    def rows(self) -> list[str]:
        """C of where a window's rows are."""
        own, source = self.stage.geometry, self.stage.sources[0]
        if not self.row_by_row:
            size, count, pitch = source.region[0], self.stage.region[0], source.pitch
            return [
                product(_clamped("y", i - own.top, own.stride_h, size, count), pitch)
                for i in range(own.kernel_h)
            ]
        full, need = self.last_rows, own.kernel_h  # above the first row it is filled
        if self.merged:  # the first half of the window is one row
            full, need = full - own.stride_h + 1, own.stride_h + 1
        rows = [str(i * source.pitch) for i in range(need)]
        for i in range(full, need):
            rows[i] = f"(rows < {need} ? {rows[full - 1]} : {rows[i]})"
        return rows

    @property
    def columns(self) -> list[str]:
        """C of where a window's columns are."""
        own, size = self.stage.geometry, self.stage.sources[0].region[1]
        count, depth = self.stage.region[1], self.stage.depth
        return [
            product(_clamped("x", i - own.left, own.stride_w, size, count), depth)
            for i in range(own.kernel_w)
        ]


def _clamped(name: str, shift: int, step: int, size: int, count: int) -> str:
    """The index of a window's row or column, within the input."""
    if count == 1:
        return str(min(max(shift, 0), size - 1))
    text = total((name, step), shift)
    if shift < 0:
        return f"nn_max({text}, 0)"
    if (count - 1) * step + shift >= size:
        return f"nn_min({text}, {size - 1})"
    return text
