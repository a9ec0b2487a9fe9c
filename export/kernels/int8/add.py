"""ADD and SUB for int8: each operand through a table of scaled values, then a scale."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from export.arithmetic import elementwise, int8, requant_stage
from export.graph.stage import Stage
from export.kernels.arrays import Array, word_array
from export.kernels.c_text import total
from export.kernels.int8.operands import Operands, operands
from export.kernels.int8.plain import Plain, elementwise_lags
from export.kernels.kernel import Options


@dataclass(frozen=True, eq=False)
class Add(Plain):
    """A sum or a difference of two values."""

    template: ClassVar[str] = "int8/elementwise.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("ADD", "SUB")

    operands: Operands
    constants: int8.AddConstants

    @classmethod
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        """One."""
        stem = cls.stem_of(stage, options)
        sub = stage.head.kind == "SUB"
        make = elementwise.sub_constants if sub else int8.add_constants
        constants = make(stage.network, stage.head)
        table = requant_stage.table(stage)
        yield cls(stage, options, table, operands(stage, stem), constants)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The activations' table, constant operands, and the scaled values."""
        scaled = (
            word_array(
                f"{self.stem}_scaled_{letter}",
                f"{self.name}: operand {letter} by u, scaled",
                sign * int8.add_table(constant, tensor.zero_point),
            )
            for tensor, constant, letter, sign in zip(
                self.operands.tensors,
                (self.constants.first, self.constants.second),
                "ab",
                (1, -1 if self.stage.head.kind == "SUB" else 1),
                strict=True,
            )
        )
        return (*super().arrays, *self.operands.arrays, *scaled)

    @property
    def element(self) -> str:
        """C of the byte at y, x and c."""
        first, second = self.operands.texts
        both = f"{self.stem}_scaled_a[{first}] + {self.stem}_scaled_b[{second}]"
        mantissa, shift = self.constants.output
        out = self.stage.head_output
        low, high = requant_stage.u_range(self.stage.head, out)
        u = total(f"nn_scale({both}, {mantissa}, {shift})", out.zero_point + 128)
        return self.store(f"nn_clamp({u}, {low}, {high})")

    def lags(self) -> tuple[int | None, ...]:
        """Element by element."""
        return elementwise_lags(self.stage)
