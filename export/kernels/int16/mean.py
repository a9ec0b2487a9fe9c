"""MEAN over height and width, for int16."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from export.arithmetic import int8
from export.graph.stage import Stage
from export.kernels.arrays import Array
from export.kernels.int16.wide import Wide, clamped
from export.kernels.kernel import Options


@dataclass(frozen=True, eq=False)
class Mean(Wide):
    """The mean of each channel."""

    template: ClassVar[str] = "int16/mean.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("MEAN",)

    @classmethod
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        """One."""
        yield cls(stage, options)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """None."""
        return ()

    @property
    def in_size(self) -> tuple[int, int]:
        """(rows, columns) of the input."""
        return self.stage.sources[0].shape[:2]

    @property
    def value(self) -> str:
        """C of the int16 to store for a sum."""
        mantissa, shift = int8.mean_constant(self.stage.network, self.stage.head)
        q = f"nn_scale(sum, {mantissa}, {shift})"
        return clamped(q, int8.LIMITS["int16"])
