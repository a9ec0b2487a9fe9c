"""CONCATENATION for int8: bytes that only move."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from typing_extensions import override

from core.errors import Esp8kError
from export.arithmetic import requant_stage
from export.graph.attributes import Along
from export.graph.geometry import hwc
from export.graph.stage import Stage
from export.kernels.arrays import Array, value_array
from export.kernels.int8.plain import Plain
from export.kernels.kernel import Options

AXES = {4: (None, 0, 1, 2), 3: (None, 0, 2), 2: (None, 2)}  # as (H, W, C), by rank


@dataclass(frozen=True, eq=False)
class Part:
    """What is copied of one operand."""

    source: str  # C of the operand
    array: Array | None  # a constant one
    rows: int
    columns: int
    depth: int
    pitch: int  # elements from one row of the operand to the next
    start: int  # where it goes in the output

    @property
    def is_read(self) -> bool:
        """Whether some later layer reads anything of it."""
        return self.rows > 0 and self.columns > 0


@dataclass(frozen=True, eq=False)
class Concatenation(Plain):
    """Each operand copied to its place."""

    template: ClassVar[str] = "int8/concatenation.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("CONCATENATION",)

    operands: tuple[Part, ...]

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        stem = cls.stem_of(stage, options)
        table = requant_stage.table(stage)
        yield cls(stage, options, table, tuple(_parts(stage, stem)))

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The table, if any, and constant operands."""
        constant = (part.array for part in self.operands if part.array)
        return (*super().arrays, *constant)

    @property
    def parts(self) -> list[Part]:
        """Those that are read."""
        return [part for part in self.operands if part.is_read]

    @property
    def unread(self) -> list[str]:
        """C of the inputs of which nothing is read."""
        read = {part.source for part in self.parts}
        return [name for name in self.inputs if name not in read]


def _parts(stage: Stage, stem: str) -> Iterator[Part]:
    op, out = stage.head, stage.head_output
    axis = AXES[len(out.shape)][op.told(Along).axis]
    if axis is None:
        raise Esp8kError(f"CONCATENATION of batches (tensor {out.name})", "axis 1 to 3")
    height, width, channels = stage.region
    at, kept, start = 0, 0, [0, 0, 0]
    for index in op.inputs:
        tensor = stage.network.tensors[index]
        shape, array = hwc(tensor.shape), None
        source, pitch = f"in{at}", shape[1] * shape[2]
        if tensor.data is None:
            pitch = stage.sources[at].pitch
            at += 1
        else:
            source = f"{stem}_part{kept}"
            what = f"{stage.name}: constant part"
            array = value_array(source, what, tensor.data)
        rows, columns = (
            min(shape[0], height - start[0]),
            min(shape[1], width - start[1]),
        )
        place = (start[0] * width + start[1]) * channels + start[2]
        part = Part(source, array, rows, columns, shape[2], pitch, place)
        kept += part.is_read
        yield part
        start[axis] += shape[axis]
