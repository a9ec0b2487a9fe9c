"""A padded stage, made by a kernel without padding from a line buffer's rows.

The rows that a few rows of output need are copied into a line buffer with its border
filled in; what makes them is the kernel of a stage that has nothing but these rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from export.graph.kinds import CONV_KINDS
from export.graph.stage import Operand, Stage
from export.kernels.int8.conv import Strip
from export.kernels.int8.depthwise_row import DepthwiseRow
from export.kernels.int8.direct import LineBuffer
from export.kernels.int8.tiled import Tiled
from export.kernels.int8.winograd import Winograd
from export.kernels.int8.winograd4 import Winograd4
from export.kernels.int8.wrapped import Wrapped
from export.kernels.kernel import Options
from export.plan.cost import Work, added, times

Inner = Tiled | DepthwiseRow


@dataclass(frozen=True, eq=False)
class Windowed(Wrapped):
    """Rows of tiles, each from a line buffer."""

    template: ClassVar[str] = "int8/windowed.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = CONV_KINDS

    inner: Inner  # what makes a step's rows
    line_buffer: LineBuffer

    @classmethod
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        """By each kernel that can."""
        if not stage.padded or (stage.pool and stage.pool.overlaps):
            return
        depthwise = stage.head.kind == "DEPTHWISE_CONV_2D"
        makers: tuple[type[Inner], ...] = (DepthwiseRow,) if depthwise else ()
        if options.winograd and not depthwise:
            makers = (Winograd, Winograd4)
        for maker in makers:
            rows = maker.tile if issubclass(maker, Tiled) else 1
            size = stage.pool.kernel_h if stage.pool else 1
            if stage.head_region[0] % rows or rows % size:
                continue
            buffer = line_buffer(stage, rows)
            strip = Strip(f"{stage.name}_rows", stage.width)
            part = from_rows(stage.rows(rows, rows // size), buffer)
            for inner in maker.of(part, options, strip):
                yield cls(stage, options, inner, buffer)

    @property
    def headers(self) -> frozenset[str]:
        """The line buffer's, and those of what makes the rows."""
        return self.inner.headers | {"nn_line_buffer.h"}

    @property
    def scratch(self) -> int:
        """Bytes: what makes rows, then the line buffer."""
        return self.inner_bytes + self.line_buffer.size

    @property
    def rows(self) -> int:
        """Of the output, that a step makes."""
        return self.inner.stage.region[0]

    @property
    def steps(self) -> int:
        """Of the whole stage."""
        return self.stage.region[0] // self.rows

    def work(self) -> Work:
        """Of all steps."""
        steps = self.steps
        return added(times(steps, self.inner.work()), self.line_buffer.work(steps))

    def lags(self) -> tuple[int | None, ...]:
        """Steps fill the line buffer, then write their rows."""
        return (self.line_buffer.lag(self.steps, self.rows * self.stage.width),)


def line_buffer(stage: Stage, rows: int) -> LineBuffer:
    """The one for so many rows of what the head gives."""
    step = rows * stage.geometry.stride_h
    return LineBuffer.of(stage, rows, step, aligned=not stage.sources[0].is_input)


def from_rows(part: Stage, buffer: LineBuffer) -> Stage:
    """A stage of a few rows that reads them from a line buffer, without padding."""
    shape = (buffer.rows, buffer.width // part.depth, part.depth)
    source: Operand = replace(
        part.sources[0], shape=shape, region=shape, pitch=buffer.width, is_input=False
    )
    return replace(
        part,
        geometry=replace(part.geometry, top=0, left=0),
        sources=(source,),
        padded=False,
    )
