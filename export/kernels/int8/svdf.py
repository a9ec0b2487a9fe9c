"""SVDF for int8: a filter of the input, whose last values are kept and weighed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from typing_extensions import override

from export.arithmetic import recurrent, requant_stage
from export.graph.stage import Stage
from export.kernels.arrays import Array, byte_array, word_array
from export.kernels.c_text import total
from export.kernels.int8.plain import Plain
from export.kernels.kernel import Options
from export.plan.cost import Work


@dataclass(frozen=True, eq=False)
class Svdf(Plain):
    """The state is read and written in place, filter by filter."""

    template: ClassVar[str] = "int8/svdf.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("SVDF",)

    k: recurrent.Svdf

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        k = recurrent.svdf(stage.network, stage.head)
        yield cls(stage, options, requant_stage.table(stage), k)

    @property
    def wide(self) -> bool:
        """Whether the state has 16 bits."""
        return self.k.state_type == "int16"

    @property
    def time_type(self) -> str:
        """Of the stored time weights."""
        return (
            "int16_t" if np.abs(self.k.time).max() > 127 else self.options.weight_type
        )

    @property
    def arrays(self) -> tuple[Array, ...]:
        """Feature weights, time weights, where the sums begin."""
        zero = self.k.input_zero + 128
        starts = -zero * self.k.feature.sum(1)
        arrays = (
            ("feature", self.k.feature, self.options.weight_type),
            ("time", self.k.time, self.time_type),
        )
        return (
            *super().arrays,
            *(
                byte_array(
                    f"{self.stem}_{name}",
                    f"{self.name}: {name} weights by filter",
                    values.reshape(-1),
                    kind,
                )
                for name, values, kind in arrays
            ),
            word_array(f"{self.stem}_sums", f"{self.name}: starts of sums", starts),
            word_array(f"{self.stem}_bias", f"{self.name}: bias", self.k.bias),
        )

    @property
    def headers(self) -> frozenset[str]:
        """For two bytes of the state."""
        return frozenset({"nn_lstm.h"}) if self.wide else frozenset()

    @property
    def unit(self) -> str:
        """C of u, from `sum`."""
        u = "nn_scale(sum, {}, {})".format(*self.k.output_scale)
        zero = self.stage.head_output.zero_point + 128
        return f"nn_clamp({total(u, zero)}, 0, 255)"

    def work(self) -> Work:
        """Products of both weights; each value of the state moves on."""
        filters, inputs, memory = self.k.sizes
        products = filters * (inputs + memory)
        return {
            "product": products,
            "load": 2 * products,
            "widened": 0 if self.options.wide_weights else products,
            "turn": products,
            "moved": filters * memory,
            "row": 2 * filters,
            "wide": filters + filters // self.k.rank,
            "output": filters // self.k.rank,
        }
