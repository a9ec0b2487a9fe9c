"""Reductions over one axis of (before, over, behind), for int8."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from typing_extensions import override

from export.arithmetic import matrix, requant_stage
from export.graph.stage import Stage
from export.kernels.arrays import Array
from export.kernels.int8.plain import Plain
from export.kernels.int8.scaled import Scaled
from export.kernels.kernel import Options


@dataclass(frozen=True, eq=False)
class ReduceSum(Scaled):
    """A sum, or a mean whose count is in the multiplier."""

    template: ClassVar[str] = "int8/reduce_sum.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("REDUCE_SUM", "REDUCE_MEAN")

    start: int  # of the sum: the zero points of all that is added

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        if stage.head.kind not in cls.kinds:
            return
        op, out = stage.head, stage.head_output
        source = stage.network.tensors[op.inputs[0]]
        count, zero = source.shape[2], source.zero_point + 128
        mantissa, shift = matrix.reduction_constant(stage.network, op)
        reach, table = (-zero * count, (255 - zero) * count), requant_stage.table(stage)
        found = requant_stage.scalar(
            mantissa, shift, reach, out.zero_point + 128, (0, 255), table
        )
        yield cls(stage, options, table, found, -zero * count)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The table, if any, and the requantisation."""
        return (*super().arrays, self.scale_array)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """(before, over, behind)"""
        return self.stage.sources[0].shape


@dataclass(frozen=True, eq=False)
class ReduceMost(Plain):
    """The greatest or the least."""

    template: ClassVar[str] = "int8/reduce_most.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("REDUCE_MAX", "REDUCE_MIN")

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        if stage.head.kind in cls.kinds:
            yield cls(stage, options, requant_stage.table(stage))

    @property
    def call(self) -> str:
        """C of the comparison."""
        return "nn_max" if self.stage.head.kind == "REDUCE_MAX" else "nn_min"

    @property
    def sizes(self) -> tuple[int, int, int]:
        """(before, over, behind)"""
        return self.stage.sources[0].shape
