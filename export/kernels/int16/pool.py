"""MAX_POOL_2D and AVERAGE_POOL_2D of their own, for int16."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from typing_extensions import override

from export.arithmetic import int8
from export.graph.stage import Stage
from export.kernels.int8 import pool
from export.kernels.int16.wide import Wide, clamped
from export.kernels.kernel import Options


@dataclass(frozen=True, eq=False)
class Pool(Wide, pool.Pool):
    """The largest or the mean of each window, which is cut off at the edges."""

    template: ClassVar[str] = "int16/pool.c.jinja"

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        bounds = int8.activation_range(stage.head, stage.head_output)
        yield cls(stage, options, None, bounds)

    def store(self, u: str) -> str:
        """C of the int16 to store for any q."""
        return clamped(u, self.bounds)
