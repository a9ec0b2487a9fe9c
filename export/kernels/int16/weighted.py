"""What weighted sums of int16 values share: weights, biases, and their scaling."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from typing_extensions import override

from export.arithmetic import int8, int16
from export.arithmetic.int16 import Sums
from export.graph.stage import Stage
from export.kernels.arrays import (
    Array,
    byte_array,
    start_array,
    weight_array,
    word_array,
)
from export.kernels.int16.wide import Wide, clamped
from export.kernels.kernel import Options
from export.plan.cost import Work


@dataclass(frozen=True, eq=False)
class Weighted(Wide):
    """Weights stay as the file has them; so do they in every profile."""

    sums: Sums
    bounds: tuple[int, int]  # of what is stored

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        network, op = stage.network, stage.head
        bounds = int8.activation_range(op, stage.head_output)
        yield cls(stage, options, int16.sums(network, op), bounds)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """Weights, what sums begin with, and a factor and a shift a channel."""
        scales = np.stack([self.sums.factor, self.sums.shift], 1)
        what = f"{self.name}: factor and shift a channel"
        scale = f"{self.stem}_scales"
        return (
            weight_array(
                f"{self.stem}_weights",
                f"{self.name}: weights, a channel behind the other",
                lambda: self.stage.weights,
                self.stage.weight_count,
                "int8_t",
            ),
            start_array(f"{self.stem}_bias", f"{self.name}: bias", self.sums.bias),
            byte_array(scale, what, scales, "int16_t")
            if self.sums.wide
            else word_array(scale, what, scales),
        )

    @property
    def taps(self) -> int:
        """Weights of a channel."""
        return self.stage.weight_count // self.stage.region[2]

    @property
    def scale_type(self) -> str:
        """Of a factor and a shift."""
        return "int16_t" if self.sums.wide else "int32_t"

    def scaled(self, total: str) -> str:
        """C of the int16 to store for a sum, with the channel's constants k."""
        function = "nn_scale64" if self.sums.wide else "nn_scale32"
        return clamped(f"{function}({total}, k[0], k[1])", self.bounds)

    def work(self) -> Work:
        """Each product with two loads and a turn of its loop, each value in 64 bits."""
        products = self.stage.effective_macs
        values = self.stage.size
        return {
            "product": products,
            "load": 2 * products,
            "turn": products,
            "output": values,
            "wide": values,
        }
