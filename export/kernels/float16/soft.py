"""The sums of a float16 convolution where a processor has no FPU: one call for each.

    soft = Soft(stage, out_h, raw=False)
    soft.dots    # what is summed for one output, in C

Nothing is unrolled and no weight is kept: a product takes longer than all else.
"""

from dataclasses import dataclass

from export.graph.stage import Stage
from export.kernels.c_text import total


@dataclass(frozen=True)
class Soft:
    """Of one stage."""

    stage: Stage
    out_h: int  # rows of the output, a call
    raw: bool  # weights and input are stored times powers of two

    @property
    def function(self) -> str:
        """For a whole sum."""
        return "nn_dot_raw" if self.raw else "nn_dot"

    @property
    def to(self) -> str:
        """C of where one output goes."""
        _, width, channels = self.stage.region
        y = ("y", width * channels if self.out_h > 1 else 0)
        return total(y, ("x", channels if width > 1 else 0), "c")

    @property
    def dots(self) -> list[tuple[str, str]]:
        """(row, column) in C of the sums that one output is the largest of."""
        own, pool = self.stage.geometry, self.stage.pool
        size_h, size_w = (pool.kernel_h, pool.kernel_w) if pool else (1, 1)
        beside = own.stride_w * self.stage.depth
        row = ("y", size_h * own.stride_h if self.out_h > 1 else 0)
        column = ("x", size_w * beside if self.stage.region[1] > 1 else 0)
        return [
            (total("rows", row, y * own.stride_h), total(column, x * beside))
            for y in range(size_h)
            for x in range(size_w)
        ]
