"""DEPTHWISE_CONV_2D, summed directly, for int8: a channel at a time, along a row."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from export.graph.stage import Stage
from export.kernels.int8.depthwise_row import WIDEST, by_channel
from export.kernels.int8.direct import Direct, padding_buffer, walk
from export.kernels.kernel import Options
from export.plan.cost import Work
from export.plan.overlap import lag
from export.plan.tiling import Loop, blocks


@dataclass(frozen=True, eq=False)
class Depthwise(Direct):
    """Register tiles of several positions of one channel."""

    template: ClassVar[str] = "int8/depthwise.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("DEPTHWISE_CONV_2D",)

    @classmethod
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        """One, for what `DepthwiseRow` leaves: a pool behind, or a wide kernel."""
        if stage.pool is None and stage.geometry.kernel_w <= WIDEST:
            return
        rows, columns, _ = blocks(stage, whole=True)
        yield cls(
            stage=stage,
            options=options,
            finish=cls.finished(stage, options),
            weights=by_channel(cls.stem_of(stage, options), stage, options),
            walk=walk(stage, rows, columns),
            line_buffer=padding_buffer(stage, rows),
        )

    @property
    def times(self) -> int:
        """Outputs of each channel of the input."""
        return self.stage.region[2] // self.stage.depth

    def tap(self, k: int) -> str:
        """C of a weight in a row of the kernel."""
        return f"(w[{k}]{self.weight})" if self.weight else f"w[{k}]"

    @property
    def loop(self) -> Loop:
        """The one along a row: it has no rest."""
        return self.walk.loops[0]

    def work(self) -> Work:
        """Of all channels."""
        loop, (rows, _, channels) = self.loop, self.stage.region
        visits, p = rows * (loop.end // loop.step) * channels, loop.unroll
        taps = self.walk.kernel_h * self.walk.kernel_w
        pooled = self.stage.pool is not None
        return {
            "product": visits * taps * p,
            "load": visits * taps * (p + 1),
            "widened": 0 if self.options.wide_weights else visits * taps,
            "row": visits * self.walk.kernel_h,
            "visit": visits,
            **self.finish.work(visits, 1 if pooled else p),
            "larger": visits * (p - 1) if pooled else 0,
            **self.moved,
        }

    def lags(self) -> tuple[int | None, ...]:
        """Steps are rows: each channel goes through all of a row."""
        rows, width = self.stage.region[0], self.stage.width
        if self.line_buffer:
            return (self.line_buffer.lag(rows, width),)
        y = np.arange(rows)
        return (lag((y + 1) * width, y * self.walk.move_y, rereads=True),)
