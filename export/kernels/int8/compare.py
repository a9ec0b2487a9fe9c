"""MINIMUM, MAXIMUM and PRELU for int8."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from typing_extensions import override

from export.arithmetic import elementwise, requant_stage
from export.graph.stage import Stage
from export.kernels.arrays import Array
from export.kernels.int8.operands import Operands, operands
from export.kernels.int8.plain import Plain, elementwise_lags
from export.kernels.kernel import Options


@dataclass(frozen=True, eq=False)
class Compared(Plain):
    """Two operands, element by element, without a scale of their own."""

    template: ClassVar[str] = "int8/elementwise.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("MINIMUM", "MAXIMUM")

    operands: Operands

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        if stage.head.kind in cls.kinds:
            found = operands(stage, cls.stem_of(stage, options))
            yield cls(stage, options, requant_stage.table(stage), found)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The table, if any, and constant operands."""
        return (*super().arrays, *self.operands.arrays)

    def element(self, y: str, x: str) -> str:
        """C of the byte at y, x and c."""
        call = "nn_max" if self.stage.head.kind == "MAXIMUM" else "nn_min"
        return self.store(f"{call}({', '.join(self.operands.texts(y, x))})")

    def lags(self) -> tuple[int | None, ...]:
        """Element by element."""
        return elementwise_lags(self.stage)


@dataclass(frozen=True, eq=False)
class Prelu(Compared):
    """A slope of its own for each element below zero."""

    kinds: ClassVar[tuple[str, ...]] = ("PRELU",)

    @property
    @override
    def headers(self) -> frozenset[str]:
        return frozenset({"nn_prelu.h"})

    def element(self, y: str, x: str) -> str:
        """C of the byte at y, x and c."""
        stage = self.stage
        rising, falling = elementwise.prelu_constants(stage.network, stage.head)
        zeros = (tensor.zero_point + 128 for tensor in self.operands.tensors)
        value, alpha = (
            f"{text} - {zero}"
            for text, zero in zip(self.operands.texts(y, x), zeros, strict=True)
        )
        numbers = ", ".join(map(str, (*rising, *falling)))
        zero = stage.head_output.zero_point + 128
        u = f"nn_prelu({value}, {alpha}, {numbers}) + {zero}"
        return self.store(f"nn_clamp({u}, 0, 255)")
