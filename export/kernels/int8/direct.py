"""What the directly summed kernels share: where the loops read, and the line buffer.

A register tile is several positions. Where there is padding, the rows that one row of
output needs are copied into a line buffer with its border filled in, so that the inner
loops know nothing of it.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from export.graph.stage import Stage
from export.kernels.int8.summed import Summed
from export.plan.cost import Work
from export.plan.overlap import lag
from export.plan.tiling import Loop, loops


@dataclass(frozen=True)
class LineBuffer:
    """The rows that one row of output needs; sizes in bytes where not in rows."""

    rows: int
    width: int
    left: int  # border before a row
    copied: int  # of a row of the input
    top: int  # rows of border above the first
    step: int  # rows from one row of output to the next
    in_h: int
    in_pitch: int
    fill: int  # the border's byte
    aligned: bool = False  # whether it begins with words, and is filled by them

    @classmethod
    def of(cls, stage: Stage, rows: int, step: int, aligned: bool = False) -> Self:
        """The one for so many rows of what the head gives, `step` rows apart."""
        own, source, depth = stage.geometry, stage.sources[0], stage.depth
        width = (stage.head_region[1] - 1) * own.stride_w + own.reach_w
        return cls(
            rows=(rows - 1) * own.stride_h + own.reach_h,
            width=width * depth,
            left=own.left * depth,
            copied=min(source.region[1], width - own.left) * depth,
            top=own.top,
            step=step,
            in_h=source.region[0],
            in_pitch=source.pitch,
            fill=stage.network.tensors[source.tensor].zero_point + 128,
            aligned=aligned,
        )

    @property
    def size(self) -> int:
        """Bytes."""
        return self.rows * self.width

    @property
    def in_words(self) -> bool:
        """Whether everything in it is one: a word is moved as fast as a byte."""
        sizes = (self.width, self.left, self.copied, self.in_pitch)
        return self.aligned and not any(size % 4 for size in sizes)

    @property
    def function(self) -> str:
        """That fills it, by words where it can."""
        return "nn_line_buffer_words" if self.in_words else "nn_line_buffer"

    @property
    def kept(self) -> int:
        """Rows that stay for the next row of output."""
        return max(self.rows - self.step, 0)

    def work(self, turns: int) -> Work:
        """Bytes that are moved, and that are read anew; or words, at their price."""
        moves, unit = turns - 1, 4 if self.in_words else 1
        row = self.width / unit
        return {
            "moved": moves * self.kept * row,
            "copied": (self.rows + moves * (self.rows - self.kept)) * row,
        }

    def lag(self, turns: int, row: int) -> int:
        """Steps are rows: the buffer is filled, then all of a row is written."""
        y = np.arange(turns)
        fresh = np.where(y > 0, self.kept, 0)
        first = np.maximum(y * self.step - self.top + fresh, 0)
        return lag((y + 1) * row, first * self.in_pitch, rereads=False)


@dataclass(frozen=True)
class Walk:
    """Where the loops over one row of output read, in elements."""

    loops: tuple[Loop, ...]
    move_y: int  # from one row of output to the next
    move_x: int  # from one position to the next
    kernel_h: int
    kernel_w: int
    row: int  # of a kernel's row that lie together
    segments: int  # such pieces in a row: columns, where these are dilated
    segment_step: int
    tap_pitch: int  # from one row of the kernel to the next
    tap_step: int  # from one column to the next


def padding_buffer(stage: Stage, rows: int) -> LineBuffer | None:
    """Of a padded stage that sums `rows` rows at once; None without padding."""
    if not stage.padded:
        return None
    down = rows if stage.pool else 1
    return LineBuffer.of(stage, rows, down * stage.geometry.stride_h)


def walk(stage: Stage, rows: int, columns: int) -> Walk:
    """The loops of a stage, unrolled by so many rows and columns."""
    own, depth = stage.geometry, stage.depth
    buffer = padding_buffer(stage, rows)
    pitch = buffer.width if buffer else stage.sources[0].pitch
    down, right = (rows, columns) if stage.pool else (1, 1)
    contiguous = own.dilation_w == 1
    return Walk(
        loops=_loops(stage, rows, columns, pitch),
        move_y=0 if buffer else down * own.stride_h * pitch,
        move_x=right * own.stride_w * depth,
        kernel_h=own.kernel_h,
        kernel_w=own.kernel_w,
        row=(own.kernel_w if contiguous else 1) * depth,
        segments=1 if contiguous else own.kernel_w,
        segment_step=own.dilation_w * depth,
        tap_pitch=own.dilation_h * pitch,
        tap_step=own.dilation_w * depth,
    )


def _loops(stage: Stage, rows: int, columns: int, pitch: int) -> tuple[Loop, ...]:
    beside = stage.geometry.stride_w * stage.depth
    below, channels = stage.geometry.stride_h * pitch, stage.region[2]
    if stage.pool is None:
        width = stage.head_region[1]
        return loops(width, rows, columns, beside, below, channels)
    (loop,) = loops(columns, rows, columns, beside, below, channels)
    # x counts the pool's outputs
    return (Loop(0, stage.region[1], 1, loop.offsets, loop.out_offsets),)


@dataclass(frozen=True, eq=False)
class Direct(Summed):
    """A directly summed stage."""

    walk: Walk
    line_buffer: LineBuffer | None

    @property
    def scratch(self) -> int:
        """Bytes of the line buffer."""
        return self.line_buffer.size if self.line_buffer else 0

    @property
    def headers(self) -> frozenset[str]:
        """The line buffer's."""
        return frozenset({"nn_line_buffer.h"} if self.line_buffer else ())

    @property
    def moved(self) -> Work:
        """What the line buffer costs."""
        turns = self.stage.region[0]
        return self.line_buffer.work(turns) if self.line_buffer else {}
