"""CONV_2D and DEPTHWISE_CONV_2D for int16, with a max pool behind them."""

from dataclasses import dataclass
from typing import ClassVar

from export.graph.kinds import CONV_KINDS
from export.kernels.c_text import total
from export.kernels.int16.weighted import Weighted


@dataclass(frozen=True, eq=False)
class Conv(Weighted):
    """A window for each value; a pool's largest sum is scaled, for scales rise."""

    template: ClassVar[str] = "int16/conv.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = CONV_KINDS

    @property
    def by_channel(self) -> bool:
        """Whether each channel of the output sees one of the input."""
        return self.stage.head.kind == "DEPTHWISE_CONV_2D"

    @property
    def source(self) -> str:
        """C of what a channel's windows lie on."""
        if not self.by_channel:
            return "in0"
        times = self.stage.region[2] // self.stage.depth
        return total("in0", "c" if times == 1 else f"c / {times}")

    @property
    def window(self) -> str:
        """C of an nn_window16_t."""
        own, source = self.stage.geometry, self.stage.sources[0]
        height, width, depth = source.shape
        read = 1 if self.by_channel else depth
        picture = height, width, source.pitch, depth, read
        kernel = own.kernel_h, own.kernel_w, own.dilation_h, own.dilation_w
        return ", ".join(map(str, (*picture, *kernel)))

    @property
    def pooled(self) -> tuple[int, int]:
        """(rows, columns) of sums for a value."""
        pool = self.stage.pool
        return (1, 1) if pool is None else (pool.kernel_h, pool.kernel_w)

    def sum(self, y: str, x: str, i: str = "0", j: str = "0") -> str:
        """C of the sum of row i and column j in the pool of position (y, x)."""
        own, (rows, columns) = self.stage.geometry, self.pooled
        top = total((total((y, rows), i), own.stride_h), -own.top)
        left = total((total((x, columns), j), own.stride_w), -own.left)
        return f"nn_window16({self.source}, w, &window, {top}, {left})"
