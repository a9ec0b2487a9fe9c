"""Operators of one int16 value: RELU, RELU6, LEAKY_RELU, QUANTIZE, LOGISTIC, TANH."""

from dataclasses import dataclass
from typing import ClassVar

from export.arithmetic import curves, int8, int16
from export.arithmetic.int8 import INT16_MAX, INT16_MIN
from export.kernels.arrays import Array, byte_array
from export.kernels.int16.wide import Wide, clamped

CURVES = {"LOGISTIC": "nn_sigmoid16", "TANH": "nn_tanh16"}


@dataclass(frozen=True, eq=False)
class Unary(Wide):
    """Element by element: 65,536 entries would be too many for a table."""

    template: ClassVar[str] = "int16/unary.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = tuple(int16.UNARY)

    @property
    def curve(self) -> str:
        """Name of the table of a curve."""
        return f"{self.stem}_curve"

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The table of a curve."""
        if self.stage.head.kind not in CURVES:
            return ()
        what = f"{self.name}: sigmoid(i / {curves.STEPS}), Q0.16"
        return (byte_array(self.curve, what, curves.TABLE, "uint16_t"),)

    @property
    def headers(self) -> frozenset[str]:
        """That of the curves."""
        return frozenset({"nn_curves.h"} if self.arrays else ())

    @property
    def value(self) -> str:
        """C of the int16 to store for q."""
        network, op = self.stage.network, self.stage.head
        source, out = network.tensors[op.inputs[0]], self.stage.head_output
        if op.kind in CURVES:
            found = int16.argument(op.kind, source)
            argument = f"q * {found.factor}"
            if found.shift:
                argument = f"({argument} + {found.half}) >> {found.shift}"
            return f"(int16_t){CURVES[op.kind]}({argument}, {self.curve})"
        if op.kind == "RELU6":
            return clamped("q", (0, min(int16.six(source), INT16_MAX)))
        if op.kind == "LEAKY_RELU":
            rising, (mantissa, shift) = int8.leaky_scales(op, source, out)
            sign = "-" if mantissa < 0 else ""
            falling = f"{sign}{_scale((abs(mantissa), shift))}"
            q = f"q < 0 ? {falling} : {_scale(rising)}"
            return clamped(q, (INT16_MIN, INT16_MAX))
        least = 0 if op.kind == "RELU" else INT16_MIN
        return clamped(_scale(int16.scale_of(source, out)), (least, INT16_MAX))

    def lags(self) -> tuple[int | None, ...]:
        """Element by element."""
        return self.elementwise()


def _scale(constant: tuple[int, int]) -> str:
    return f"nn_scale(q, {constant[0]}, {constant[1]})"
