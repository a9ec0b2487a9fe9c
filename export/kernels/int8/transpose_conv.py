"""TRANSPOSE_CONV for int8: each output gathers the inputs that reach it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from typing_extensions import override

from export.arithmetic import int8, matrix, requant_stage
from export.graph.attributes import Window
from export.graph.stage import Stage
from export.kernels.arrays import Array, byte_array, word_array
from export.kernels.int8.plain import Plain
from export.kernels.kernel import Options


@dataclass(frozen=True, eq=False)
class TransposeConv(Plain):
    """Sums of products over the kernel's elements that fall on an input."""

    template: ClassVar[str] = "int8/transpose_conv.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("TRANSPOSE_CONV",)

    weights: np.ndarray  # (O, Kh, Kw, I)

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        if stage.head.kind in cls.kinds:
            data = stage.network.tensors[stage.head.inputs[1]].data
            assert data is not None
            yield cls(stage, options, requant_stage.table(stage), data)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """Table, weights, and for each channel bias, mantissa and shift."""
        network, op = self.stage.network, self.stage.head
        mantissa, shift = int8.channel_multipliers(network, op)
        bias = network.input(op, 2)
        start = np.zeros(len(mantissa), np.int64)
        if bias is not None and bias.data is not None:
            start = bias.data.reshape(-1).astype(np.int64)
        channels = np.stack([start, mantissa, shift], 1).reshape(-1)
        what = f"{self.name}: bias, mantissa and shift a channel"
        return (
            *super().arrays,
            byte_array(
                f"{self.stem}_weights",
                f"{self.name}: weights, (O, Kh, Kw, I)",
                self.weights.reshape(-1),
                "int8_t",
            ),
            word_array(f"{self.stem}_channels", what, channels),
        )

    @property
    def strides(self) -> tuple[int, int]:
        """(down, across)"""
        a = self.stage.head.told(Window)
        return a.stride_h, a.stride_w

    @property
    def before(self) -> tuple[int, int]:
        """(rows, columns) of the whole result before the output."""
        return matrix.transposed_padding(self.stage.network, self.stage.head)

    @property
    def zero(self) -> int:
        """The input's zero point, of u."""
        head = self.stage.head
        return self.stage.network.tensors[head.inputs[0]].zero_point + 128

    @property
    def unit(self) -> str:
        """C of u, from `sum` and the channel's constants k."""
        out = self.stage.head_output
        low, high = requant_stage.u_range(self.stage.head, out)
        u = f"nn_scale(sum, k[1], k[2]) + {out.zero_point + 128}"
        return f"nn_clamp({u}, {low}, {high})"
