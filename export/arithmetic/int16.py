"""TFLite Micro's arithmetic of int16 activations and int8 weights: what int8's lacks.

Zero points are 0. A weighted sum has 64 bits, and its factor only 16: one rounding, to
nearest, halves up. Where the bias has 32 bits the sum has too, and is scaled as int8's
(`export.arithmetic.int8.requantize`); so is all else. SOFTMAX, LOGISTIC and TANH draw
lines between the entries of tables that are the same for every model.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from export.arithmetic import int8
from export.arithmetic.curves import clamp16, sigmoid16, tanh16
from export.arithmetic.int8 import INT16_MAX, INT16_MIN, AddConstants, multiplier, wrap
from export.graph.attributes import Softmax
from export.graph.network import Network, Operator, Tensor

Scale = tuple[int, int]  # mantissa, shift
ADD_LEFT_SHIFT = 15  # headroom that ADD gives its inputs
SUM_BITS = 47  # of a weighted sum and its sign: what TFLite's scaling is defined for
MOST_SHIFT = 7  # to the left, of a factor of such a sum
CURVE_SCALE = 2.0**-15  # of what LOGISTIC, TANH and SOFTMAX give
CURVE_UNIT = 3 * 2.0**12  # of a curve's argument: a table's step is 1/24, not 1/32
STEPS = 512  # lines of a table of SOFTMAX's
F32, RANGE = np.float32, np.float32(65535)


def clamp(x: np.ndarray, low: int = INT16_MIN, high: int = INT16_MAX) -> np.ndarray:
    """Saturate to int16, or to a fused activation's range."""
    return np.asarray(np.clip(x, low, high).astype(np.int16))


# ==== Weighted sums ====


@dataclass(frozen=True, eq=False)
class Sums:
    """How the sums of each channel are scaled."""

    bias: np.ndarray  # int64 (O,)
    factor: np.ndarray  # int64 (O,), of 16 bits where sums are of 64, else of 32
    shift: np.ndarray  # int64 (O,): of 64 bits to the right, of 32 to the left
    wide: bool  # whether sums are of 64 bits

    def scaled(self, acc: np.ndarray) -> np.ndarray:
        """Sums (..., O) without their bias, scaled."""
        acc = acc + self.bias
        if not self.wide:
            return int8.requantize(wrap(acc), self.factor, self.shift)
        half = np.int64(1) << (self.shift - 1)
        return np.asarray((acc * self.factor + half) >> self.shift)


def sums(network: Network, op: Operator) -> Sums:
    """Those of a convolution or a FULLY_CONNECTED."""
    mantissa, shift = int8.channel_multipliers(network, op)
    bias = int8.bias(network, op)
    given = network.input(op, 2)
    wide = not op.attributes.sums_32 if given is None else given.dtype == "int64"
    start = np.zeros(len(mantissa), np.int64) if bias is None else bias
    if not wide:
        return Sums(start, mantissa, shift, wide)
    reduced = np.minimum((mantissa + (1 << 15)) >> 16, INT16_MAX)
    return Sums(start, reduced, 15 - shift, wide)


def reach(network: Network, op: Operator) -> int:
    """The greatest size that a weighted sum can have, its bias included."""
    weights = network.tensors[op.inputs[1]].data
    assert weights is not None
    last = op.kind == "DEPTHWISE_CONV_2D"
    each = np.abs(weights.astype(np.int64))
    each = np.moveaxis(each, -1 if last else 0, 0).reshape(weights.shape[-last], -1)
    bias = int8.bias(network, op)
    starts = [0] if bias is None else [abs(int(b)) for b in bias]
    return -INT16_MIN * int(each.sum(1).max()) + max(starts)


# ==== Elementwise ====


def sum_constants(network: Network, op: Operator) -> AddConstants:
    """The multipliers of ADD or SUB."""
    return int8.add_constants(network, op, ADD_LEFT_SHIFT)


def binary(network: Network, op: Operator, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """ADD, SUB or MUL of int16 operands that broadcast."""
    a, b = a.astype(np.int64), b.astype(np.int64)
    if op.kind == "MUL":
        y = int8.requantize(a * b, *int8.mul_constant(network, op))
    else:
        c = sum_constants(network, op)
        x = int8.requantize(a << ADD_LEFT_SHIFT, *c.first)
        second = int8.requantize(b << ADD_LEFT_SHIFT, *c.second)
        both = x - second if op.kind == "SUB" else x + second
        y = int8.requantize(both, *c.output)
    return clamp(y, *int8.activation_range(op, network.output(op)))


def scale_of(source: Tensor, out: Tensor) -> Scale:
    """From one scale to another: QUANTIZE, RELU."""
    return multiplier(float(source.scale) / float(out.scale))


def six(source: Tensor) -> int:
    """RELU6's upper bound."""
    return int8.round_away(np.float32(6) / source.scale)


def unary(network: Network, op: Operator, x: np.ndarray) -> np.ndarray:
    """The int16 result of an operator of one int16 value."""
    source, out = network.tensors[op.inputs[0]], network.output(op)
    return UNARY[op.kind](op, source, out, x.astype(np.int64))


def _leaky(op: Operator, source: Tensor, out: Tensor, x: np.ndarray) -> np.ndarray:
    return clamp(int8.leaky(x, *int8.leaky_scales(op, source, out)))


def _relu(op: Operator, source: Tensor, out: Tensor, x: np.ndarray) -> np.ndarray:
    return clamp(int8.requantize(x, *scale_of(source, out)), low=0)


def _relu6(op: Operator, source: Tensor, out: Tensor, x: np.ndarray) -> np.ndarray:
    return clamp(x, 0, six(source))


def _quantize(op: Operator, source: Tensor, out: Tensor, x: np.ndarray) -> np.ndarray:
    return clamp(int8.requantize(x, *scale_of(source, out)))


# ==== Curves ====


@dataclass(frozen=True)
class Argument:
    """What the table is looked up with: (q * factor + half) >> shift."""

    factor: int
    shift: int

    @property
    def half(self) -> int:
        """Of what is shifted out."""
        return (1 << self.shift) >> 1


def argument(kind: str, source: Tensor) -> Argument:
    """LOGISTIC's or TANH's; a power of two for a scale is told from others."""
    log = np.log(source.scale) * (np.float32(1) / np.log(np.float32(2)))
    left = 12 + round(float(log))
    exact = abs(float(log) - round(float(log))) < 1e-3
    if exact and left in ((0,) if kind == "LOGISTIC" else (0, 1)):
        return Argument(3 << left, 0)
    factor, shift = float(source.scale) * CURVE_UNIT, 0
    while factor <= INT16_MAX / 2 and shift <= 30:
        factor, shift = factor * 2, shift + 1
    return Argument(int(factor), shift)


def _curve(op: Operator, source: Tensor, out: Tensor, x: np.ndarray) -> np.ndarray:
    found = argument(op.kind, source)
    curve = sigmoid16 if op.kind == "LOGISTIC" else tanh16
    return curve((x * found.factor + found.half) >> found.shift).astype(np.int16)


UNARY: dict[str, Callable[[Operator, Tensor, Tensor, np.ndarray], np.ndarray]] = {
    "LEAKY_RELU": _leaky,
    "RELU": _relu,
    "RELU6": _relu6,
    "QUANTIZE": _quantize,
    "LOGISTIC": _curve,
    "TANH": _curve,
}


# ==== SOFTMAX ====


def _lines(
    function: Callable[[np.float32], np.float32], low: np.float32, high: np.float32
) -> np.ndarray:
    """A function from `low` to `high` as int16[513] in Q0.15, as TFLite fills it.

    Half of what a line is off in its middle goes to its start. All in float32.
    """
    step, unit = (high - low) / F32(STEPS), F32(2) / RANGE
    scale = F32(65536) / (unit * F32(INT16_MAX) - unit * F32(INT16_MIN))

    def nearest(x: np.float32) -> np.float32:
        return F32(int8.round_away(x))

    values = []
    for i in range(STEPS):
        start = low + F32(i) * step
        first = nearest(function(start) * scale)
        last = function(low + F32(i + 1) * step) * scale
        middle = nearest(function(start + step / F32(2)) * scale)
        off = nearest((last + first) / F32(2)) - middle
        values.append(first - nearest(off / F32(2)))
    values.append(nearest(function(high) * scale))
    return np.clip(values, INT16_MIN, INT16_MAX).astype(np.int64)


EXPS = _lines(lambda x: F32(math.exp(x)), F32(10) / RANGE * -RANGE, F32(0))
RECIPROCALS = _lines(lambda x: F32(1) / (F32(1) + x), F32(0), F32(1) / RANGE * RANGE)


def looked_up(x: np.ndarray, table: np.ndarray) -> np.ndarray:
    """int16 arguments between two of 513 entries."""
    at, rest = 256 + (x >> 7), x & 127
    return np.asarray(table[at] + (((table[at + 1] - table[at]) * rest + 64) >> 7))


def softmax_scale(op: Operator, source: Tensor) -> Scale:
    """What brings a difference of 10 to 65535."""
    beta = float(np.float32(op.told(Softmax).beta))
    return multiplier(float(source.scale) * beta / (10.0 / 65535.0))


def softmax(x: np.ndarray, scale: Scale) -> np.ndarray:
    """SOFTMAX over the last axis."""
    x = x.astype(np.int64)
    apart = int8.requantize(x - x.max(-1, keepdims=True), *scale)
    exps = looked_up(clamp16(apart + INT16_MAX), EXPS)
    total = exps.sum(-1, keepdims=True)
    used = np.floor(np.log2(total.astype(np.float64))).astype(np.int64) + 1  # bits
    shifted = ((total << (31 - used)) + (1 << 13)) >> 14
    inverse = looked_up(clamp16(shifted - (1 << 15) - (1 << 16)), RECIPROCALS)
    right = used - 1
    half = np.int64(1) << np.maximum(right - 1, 0)
    return clamp((exps * inverse + half) >> right, 0)
