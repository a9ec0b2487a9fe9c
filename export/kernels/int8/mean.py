"""MEAN over height and width, for int8."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from typing_extensions import override

from core.errors import Esp8kError
from export.arithmetic import int8, requant_stage
from export.graph.attributes import Reduction
from export.graph.stage import Stage
from export.kernels.arrays import Array
from export.kernels.int8.scaled import Scaled
from export.kernels.kernel import Options


@dataclass(frozen=True, eq=False)
class Mean(Scaled):
    """The mean of each channel."""

    template: ClassVar[str] = "int8/mean.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("MEAN",)

    start: int  # of the sum: the zero points of all that is added

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        op, out = stage.head, stage.head_output
        axes = op.told(Reduction).axes
        source = stage.network.tensors[op.inputs[0]]
        if axes != (1, 2) or len(source.shape) != 4:
            raise Esp8kError(
                f"MEAN over axes {axes} (tensor {out.name}) is not generated",
                "average over height and width, axes 1 and 2",
            )
        count, zero = source.shape[1] * source.shape[2], source.zero_point + 128
        mantissa, shift = int8.mean_constant(stage.network, op)
        reach, table = (-zero * count, (255 - zero) * count), requant_stage.table(stage)
        found = requant_stage.scalar(
            int(mantissa), int(shift), reach, out.zero_point + 128, (0, 255), table
        )
        yield cls(stage, options, table, found, -zero * count)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The table, if any, and the requantisation."""
        return (*super().arrays, self.scale_array)

    @property
    def in_size(self) -> tuple[int, int]:
        """(rows, columns) of the input."""
        return self.stage.sources[0].shape[:2]
