"""A stage of a chain that runs row by row: the kernel of one step's rows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import jinja2

from export.graph.stage import Operand, Stage
from export.kernels.int8.conv import Strip
from export.kernels.int8.direct import LineBuffer
from export.kernels.int8.windowed import line_buffer
from export.kernels.int8.wrapped import Wrapped
from export.kernels.kernel import Options
from export.plan.cost import Work, times
from export.plan.row_chain import Rows, head_rows


@dataclass(frozen=True, eq=False)
class RowStep(Wrapped):
    """The rows of one step, by a kernel that has nothing but what it reads."""

    template: ClassVar[str] = ""  # its kernel's
    kinds: ClassVar[tuple[str, ...]] = ()

    steps: int
    line_buffer: LineBuffer | None = None  # of what the caller holds
    in_place: bool = False  # over one of its operands

    @classmethod
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        """None: chains are made of whole networks."""
        yield from ()

    @property
    def headers(self) -> frozenset[str]:
        """The chain's, and those of its kernel."""
        return self.inner.headers | {"nn_rows.h", "nn_line_buffer.h"}

    @property
    def scratch(self) -> int:
        """Bytes: what its kernel works in, then the line buffer."""
        return self.inner_bytes + (self.line_buffer.size if self.line_buffer else 0)

    def work(self) -> Work:
        """Of all steps."""
        return times(self.steps, self.inner.work())

    def code(self, templates: jinja2.Environment, shares: bool) -> str:
        """That of its kernel."""
        return self.inner.code(templates, self.in_place)


def part(stage: Stage, rows: int, kept: dict[int, Rows]) -> Stage:
    """The stage of one step: it reads rows with their border, and has no padding."""
    height, own = head_rows(stage, rows), stage.geometry
    found = stage.rows(height, rows)
    need = (height - 1) * own.stride_h + own.reach_h
    width = (stage.head_region[1] - 1) * own.stride_w + own.reach_w
    sources: list[Operand] = []
    for source in stage.sources:
        pitch, depth = source.pitch, source.region[2]
        if source.tensor in kept:
            pitch = kept[source.tensor].width
        elif stage.padded:
            pitch = line_buffer(stage, height).width
        shape = (need, width, depth)
        sources.append(
            replace(source, shape=shape, region=shape, pitch=pitch, is_input=False)
        )
    return replace(
        found,
        geometry=replace(own, top=0, left=0),
        sources=tuple(sources),
        padded=False,
    )


def strip(stage: Stage, place: Rows | None) -> Strip:
    """Where a step's rows go: among those that are kept, or into what is whole."""
    return Strip(stage.name, place.width if place else stage.width)
