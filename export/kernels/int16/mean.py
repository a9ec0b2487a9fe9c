"""MEAN over height and width, for int16."""

from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override

from export.arithmetic import int8
from export.kernels.arrays import Array
from export.kernels.int16.wide import Wide, clamped


@dataclass(frozen=True, eq=False)
class Mean(Wide):
    """The mean of each channel."""

    template: ClassVar[str] = "int16/mean.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("MEAN",)

    @property
    @override
    def arrays(self) -> tuple[Array, ...]:
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
