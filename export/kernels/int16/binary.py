"""ADD, SUB and MUL for int16, scaled as TFLite does."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from typing_extensions import override

from export.arithmetic import int8, int16
from export.graph.stage import Stage
from export.kernels.arrays import Array
from export.kernels.int8.operands import Operands, operands
from export.kernels.int16.wide import Wide, clamped
from export.kernels.kernel import Options


@dataclass(frozen=True, eq=False)
class Binary(Wide):
    """A sum, a difference or a product of two values."""

    template: ClassVar[str] = "int16/elementwise.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("ADD", "SUB", "MUL")

    operands: Operands

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        yield cls(stage, options, operands(stage, cls.stem_of(stage, options)))

    @property
    def arrays(self) -> tuple[Array, ...]:
        """Constant operands."""
        return self.operands.arrays

    def element(self, y: str, x: str) -> str:
        """C of the value at y, x and c."""
        network, op = self.stage.network, self.stage.head
        a, b = self.operands.texts(y, x)
        if op.kind == "MUL":
            both, output = f"{a} * {b}", int8.mul_constant(network, op)
        else:
            c = int16.sum_constants(network, op)
            left = 1 << int16.ADD_LEFT_SHIFT
            sign = "-" if op.kind == "SUB" else "+"
            both = (
                f"{_scale(f'{a} * {left}', c.first)} {sign} "
                f"{_scale(f'{b} * {left}', c.second)}"
            )
            output = c.output
        bounds = int8.activation_range(op, self.stage.head_output)
        return clamped(_scale(both, output), bounds)

    def lags(self) -> tuple[int | None, ...]:
        """Element by element."""
        return self.elementwise()


def _scale(text: str, constant: tuple[int, int]) -> str:
    return f"nn_scale({text}, {constant[0]}, {constant[1]})"
