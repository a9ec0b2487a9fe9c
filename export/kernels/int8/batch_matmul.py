"""BATCH_MATMUL for int8: rows of one value by rows of another."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from typing_extensions import override

from export.arithmetic import matrix, requant_stage
from export.graph.network import Tensor
from export.graph.stage import Stage
from export.kernels.arrays import Array, byte_array
from export.kernels.int8.plain import Plain
from export.kernels.kernel import Options


@dataclass(frozen=True, eq=False)
class BatchMatmul(Plain):
    """(batch, rows, depth) by (batch, columns, depth); one batch may stand for all."""

    template: ClassVar[str] = "int8/batch_matmul.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("BATCH_MATMUL",)

    sides: tuple[Tensor, Tensor]

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        if stage.head.kind in cls.kinds:
            first, second = (stage.network.tensors[i] for i in stage.head.inputs[:2])
            table = requant_stage.table(stage)
            yield cls(stage, options, table, (first, second))

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The table, if any, and a constant side."""
        constant = (
            byte_array(
                f"{self.stem}_{letter}",
                f"{self.name}: side {letter}",
                side.data.reshape(-1).astype(np.int64) + 128,
                "uint8_t",
            )
            for side, letter in zip(self.sides, "ab", strict=True)
            if side.data is not None
        )
        return (*super().arrays, *constant)

    @property
    def names(self) -> list[str]:
        """C of both sides."""
        names, at = [], 0
        for side, letter in zip(self.sides, "ab", strict=True):
            names.append(f"in{at}" if side.data is None else f"{self.stem}_{letter}")
            at += side.data is None
        return names

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """(batches, rows, columns, depth)"""
        first, second = (side.shape for side in self.sides)
        return max(first[1], second[1]), first[2], second[2], first[3]

    @property
    def steps(self) -> list[int]:
        """Elements from one batch of each side to the next."""
        return [s.shape[2] * s.shape[3] if s.shape[1] > 1 else 0 for s in self.sides]

    @property
    def zeros(self) -> list[int]:
        """Zero points, of u."""
        return [side.zero_point + 128 for side in self.sides]

    @property
    def unit(self) -> str:
        """C of u, from `sum`."""
        out = self.stage.head_output
        mantissa, shift = matrix.matmul_constant(self.stage.network, self.stage.head)
        u = f"nn_scale(sum, {mantissa}, {shift}) + {out.zero_point + 128}"
        return f"nn_clamp({u}, 0, 255)"
