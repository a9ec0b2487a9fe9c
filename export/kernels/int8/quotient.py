"""DIV and SQUARED_DIFFERENCE for int8: two values, element by element."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from typing_extensions import override

from export.arithmetic import elementwise, requant_stage
from export.graph.stage import Stage
from export.kernels.arrays import Array, byte_array, word_array
from export.kernels.c_text import total
from export.kernels.int8.operands import Operands, operands
from export.kernels.int8.plain import Plain, elementwise_lags
from export.kernels.kernel import Options


@dataclass(frozen=True, eq=False)
class Pair(Plain):
    """A function of two elements, rescaled, within the fused activation's bounds."""

    template: ClassVar[str] = "int8/elementwise.c.jinja"

    operands: Operands

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        found = operands(stage, cls.stem_of(stage, options))
        yield cls(stage, options, requant_stage.table(stage), found)

    def bounded(self, text: str) -> str:
        """C of the byte to store for a scaled value without its zero point."""
        out = self.stage.head_output
        low, high = requant_stage.u_range(self.stage.head, out)
        return self.store(
            f"nn_clamp({total(text, out.zero_point + 128)}, {low}, {high})"
        )

    def lags(self) -> tuple[int | None, ...]:
        """Element by element."""
        return elementwise_lags(self.stage)


@dataclass(frozen=True, eq=False)
class Div(Pair):
    """A quotient: by the divisor's reciprocal, from a table."""

    kinds: ClassVar[tuple[str, ...]] = ("DIV",)

    @property
    @override
    def headers(self) -> frozenset[str]:
        return frozenset({"nn_div.h"})

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The table, if any, constant operands, reciprocals."""
        inverse, bits = elementwise.reciprocals()
        what = f"{self.name}: 1 / d over 2^bits"
        return (
            *super().arrays,
            *self.operands.arrays,
            word_array(f"{self.stem}_inverse", f"{what}, Q0.31", inverse),
            byte_array(f"{self.stem}_bits", f"{what}: bits", bits, "int8_t"),
        )

    def element(self, y: str, x: str) -> str:
        """C of the byte at y, x and c."""
        dividend, divisor = (
            total(text, -128 - tensor.zero_point)
            for text, tensor in zip(
                self.operands.texts(y, x), self.operands.tensors, strict=True
            )
        )
        mantissa, shift = elementwise.div_constant(self.stage.network, self.stage.head)
        tables = f"{self.stem}_inverse, {self.stem}_bits"
        return self.bounded(
            f"nn_div({dividend}, {divisor}, {tables}, {mantissa}, {shift})"
        )


@dataclass(frozen=True, eq=False)
class SquaredDifference(Pair):
    """Each operand through a table of scaled values, then a square."""

    kinds: ClassVar[tuple[str, ...]] = ("SQUARED_DIFFERENCE",)

    @property
    @override
    def headers(self) -> frozenset[str]:
        return frozenset({"nn_squared.h"})

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The table, if any, constant operands, and the scaled values."""
        k = elementwise.squared_constants(self.stage.network, self.stage.head)
        scaled = (
            word_array(
                f"{self.stem}_scaled_{letter}",
                f"{self.name}: operand {letter} by u, scaled",
                elementwise.squared_table(constant, tensor.zero_point),
            )
            for tensor, constant, letter in zip(
                self.operands.tensors, (k.first, k.second), "ab", strict=True
            )
        )
        return (*super().arrays, *self.operands.arrays, *scaled)

    def element(self, y: str, x: str) -> str:
        """C of the byte at y, x and c."""
        first, second = self.operands.texts(y, x)
        apart = f"{self.stem}_scaled_a[{first}] - {self.stem}_scaled_b[{second}]"
        k = elementwise.squared_constants(self.stage.network, self.stage.head)
        numbers = ", ".join(map(str, k.output))
        return self.bounded(f"nn_squared({apart}, {numbers})")
