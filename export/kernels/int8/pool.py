"""MAX_POOL_2D and AVERAGE_POOL_2D of their own, for int8."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from typing_extensions import override

from export.arithmetic import requant_stage
from export.graph.geometry import Geometry
from export.graph.kinds import POOL_KINDS
from export.graph.stage import Stage
from export.kernels.int8.plain import Plain
from export.kernels.kernel import Options
from export.plan.overlap import lag


@dataclass(frozen=True, eq=False)
class Pool(Plain):
    """The largest or the mean of each window, which is cut off at the edges."""

    template: ClassVar[str] = "int8/pool.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = POOL_KINDS

    bounds: tuple[int, int]  # of u, by the fused activation

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        bounds = requant_stage.u_range(stage.head, stage.head_output)
        yield cls(stage, options, requant_stage.table(stage), bounds)

    @property
    def averages(self) -> bool:
        """Whether it is the mean."""
        return self.stage.head.kind == "AVERAGE_POOL_2D"

    @property
    def unsigned(self) -> bool:
        """Whether it is the mean of u, not of q, that is rounded."""
        return self.stage.head.attributes.unsigned

    @property
    def window(self) -> Geometry:
        """What is pooled."""
        return self.stage.geometry

    @property
    def in_size(self) -> tuple[int, int]:
        """(rows, columns) of the input."""
        return self.stage.sources[0].shape[:2]

    def store(self, u: str) -> str:
        """C of the byte to store for any u."""
        low, high = self.bounds
        return super().store(f"nn_clamp({u}, {low}, {high})")

    def lags(self) -> tuple[int | None, ...]:
        """Steps are outputs: each channel of a position reads its own bytes."""
        own, (rows, columns, channels) = self.window, self.stage.region
        y = np.arange(rows)[:, None, None]
        x = np.arange(columns)[:, None]
        channel = np.arange(channels)
        top = np.maximum(y * own.stride_h - own.top, 0)
        left = np.maximum(x * own.stride_w - own.left, 0)
        starts = top * self.pitches[0] + left * channels + channel
        ends = (y * columns + x) * channels + channel + 1
        return (lag(ends, starts, rereads=False),)
