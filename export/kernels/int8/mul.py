"""MUL for int8."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from typing_extensions import override

from export.arithmetic import int8, requant_stage
from export.graph.stage import Stage
from export.kernels.arrays import Array
from export.kernels.c_text import total
from export.kernels.int8.operands import Operands, operands
from export.kernels.int8.plain import elementwise_lags
from export.kernels.int8.scaled import Scaled
from export.kernels.kernel import Options


@dataclass(frozen=True, eq=False)
class Mul(Scaled):
    """A product of two values."""

    template: ClassVar[str] = "int8/elementwise.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("MUL",)

    operands: Operands

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        found = operands(stage, cls.stem_of(stage, options))
        zeros = [tensor.zero_point + 128 for tensor in found.tensors]
        ends = [(-zero, 255 - zero) for zero in zeros]
        products = [a * b for a in ends[0] for b in ends[1]]
        mantissa, shift = int8.mul_constant(stage.network, stage.head)
        table, out = requant_stage.table(stage), stage.head_output
        bounds = requant_stage.u_range(stage.head, out)
        reach, zero = (min(products), max(products)), out.zero_point + 128
        requant = requant_stage.scalar(mantissa, shift, reach, zero, bounds, table)
        yield cls(stage, options, table, requant, found)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The table, if any, constant operands, the requantisation."""
        return (*super().arrays, *self.operands.arrays, self.scale_array)

    def element(self, y: str, x: str) -> str:
        """C of the byte at y, x and c."""
        pairs = zip(self.operands.texts(y, x), self.operands.tensors, strict=True)
        factors = (
            f"({total(text, -128 - tensor.zero_point)})" for text, tensor in pairs
        )
        return self.scaled(" * ".join(factors))

    def lags(self) -> tuple[int | None, ...]:
        """Element by element."""
        return elementwise_lags(self.stage)
