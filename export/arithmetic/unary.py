"""TFLite Micro's unary int8 operators: each is a table over the 256 bytes.

    table(network, op)    # int8[256], by q + 128

The integer ones are exact; those in float32 are TFLite's tables, filled as it does.
"""

import math

import numpy as np

from export.arithmetic import fixedpoint
from export.arithmetic.int8 import (
    ALL_INT8,
    INT8_MAX,
    INT8_MIN,
    INT16_MAX,
    INT16_MIN,
    clamp,
    leaky,
    leaky_scales,
    multiplier,
    nearest,
    requantize,
    round_away,
)
from export.graph.attributes import Gelu, Table
from export.graph.kinds import CHANNEL_TABLE
from export.graph.network import Network, Operator, Tensor


def table(network: Network, op: Operator) -> np.ndarray:
    """A unary int8 operator as int8[256], indexed by q + 128; (C, 256) by channels."""
    source, out = network.tensors[op.inputs[0]], network.output(op)
    if op.kind in ("TABLE", CHANNEL_TABLE):
        return np.asarray(op.told(Table).values, np.int8)
    return _TABLES[op.kind](op, source, out)


def _ratio(op: Operator, source: Tensor, out: Tensor) -> float:
    """Of the scales; a RELU of uint8 divides them in float32."""
    if op.attributes.unsigned:
        return float(source.scale / out.scale)
    return float(source.scale) / float(out.scale)


def _leaky_relu(op: Operator, source: Tensor, out: Tensor) -> np.ndarray:
    x = ALL_INT8 - source.zero_point
    return clamp(leaky(x, *leaky_scales(op, source, out)) + out.zero_point)


def _relu(op: Operator, source: Tensor, out: Tensor) -> np.ndarray:
    real = _ratio(op, source, out)
    x = requantize(ALL_INT8 - source.zero_point, *multiplier(real))
    return clamp(x + out.zero_point, low=max(INT8_MIN, out.zero_point))


def _relu6(op: Operator, source: Tensor, out: Tensor) -> np.ndarray:
    six = source.zero_point + round_away(np.float32(6) / source.scale)
    return clamp(ALL_INT8, source.zero_point, min(six, INT8_MAX))


def _quantize(op: Operator, source: Tensor, out: Tensor) -> np.ndarray:
    x = requantize(
        ALL_INT8 - source.zero_point,
        *multiplier(float(source.scale) / float(out.scale)),
    )
    return clamp(x + out.zero_point)


def _sigmoidal(source: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The input in Q4.27, and where it lies below or above what Q4.27 holds."""
    x = ALL_INT8 - source.zero_point
    mantissa, shift = multiplier(float(source.scale) * 2.0**27)
    radius = math.floor(15 * 2.0**27 / 2.0**shift)
    return requantize(x, mantissa, shift), x <= -radius, x >= radius


def _logistic(op: Operator, source: Tensor, out: Tensor) -> np.ndarray:
    if op.attributes.unsigned:  # a table of TFLite's, in float32
        with np.errstate(over="ignore"):  # its result is 0 then
            power = np.exp(-_real(source).astype(np.float64)).astype(np.float32)
        return _nearest(np.float32(1) / (np.float32(1) + power), out)
    x, below, above = _sigmoidal(source)
    y = clamp(fixedpoint.divide_by_power(fixedpoint.logistic(x, 4), 23) - 128)
    return np.where(below, INT8_MIN, np.where(above, INT8_MAX, y)).astype(np.int8)


def _tanh(op: Operator, source: Tensor, out: Tensor) -> np.ndarray:
    x, below, above = _sigmoidal(source)
    y = clamp(fixedpoint.divide_by_power(fixedpoint.tanh(x, 4), 24))
    return np.where(below, INT8_MIN, np.where(above, INT8_MAX, y)).astype(np.int8)


def hard_swish_shift(source: Tensor, out: Tensor) -> int:
    """HARD_SWISH's output shift; TFLite Micro takes none to the left."""
    return multiplier(float(np.float32(1 / 128) * source.scale / out.scale))[1]


def _hard_swish(op: Operator, source: Tensor, out: Tensor) -> np.ndarray:
    """x * relu6(x + 3) / 6 in 16 bits."""
    fine = np.float32(1 / 128) * source.scale
    output, output_shift = multiplier(float(fine / out.scale))
    relu, relu_shift = multiplier(float(fine / np.float32(3 / 32768)))
    x = (ALL_INT8 - source.zero_point) << 7
    scaled = _high_mul16(x, _narrow(output))
    ramp = x
    if relu_shift > 0:
        ramp = np.clip(ramp << (relu_shift - 1), INT16_MIN, INT16_MAX)
    ramp = _high_mul16(ramp, _narrow(relu))
    if relu_shift > 0:
        ramp = np.clip(ramp << 1, INT16_MIN, INT16_MAX)
    if relu_shift < 0:
        ramp = fixedpoint.divide_by_power(ramp, -relu_shift)
    ramp = (ramp + (1 << 15)) >> 1
    product = ramp * scaled
    y = np.sign(product) * (np.abs(product) >> 15)
    return clamp(fixedpoint.divide_by_power(y, -output_shift) + out.zero_point)


def _narrow(mantissa: int) -> int:
    """A Q0.31 mantissa in Q0.15, saturated."""
    return min((mantissa + (1 << 15)) >> 16, INT16_MAX)


def _high_mul16(a: np.ndarray, b: int) -> np.ndarray:
    """a * b / 2^15, rounded to nearest, halves away from zero."""
    product = a * b
    nudged = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    high = np.sign(nudged) * (np.abs(nudged) >> 15)
    return np.asarray(np.minimum(high, INT16_MAX))


def _real(source: Tensor) -> np.ndarray:
    """The float32 numbers that the 256 bytes stand for."""
    return source.scale * (ALL_INT8 - source.zero_point).astype(np.float32)


def _nearest(y: np.ndarray, out: Tensor) -> np.ndarray:
    """float32 numbers as int8, as TFLite fills its tables."""
    ratio = y * (np.float32(1) / out.scale)
    return clamp(nearest(ratio) + out.zero_point)


def _elu(op: Operator, source: Tensor, out: Tensor) -> np.ndarray:
    """x where it is not negative, else exp(x) - 1, in float32."""
    x = _real(source)
    falling = np.exp(np.minimum(x, 0).astype(np.float64)).astype(np.float32)
    return _nearest(np.where(x < 0, falling - np.float32(1), x), out)


def _exp(op: Operator, source: Tensor, out: Tensor) -> np.ndarray:
    """In float32; TFLite's table, TFLite Micro has no kernel of 8 bits."""
    y = np.exp(_real(source).astype(np.float64))
    return _nearest(np.minimum(y, np.finfo(np.float32).max).astype(np.float32), out)


def _gelu(op: Operator, source: Tensor, out: Tensor) -> np.ndarray:
    """x times the normal distribution, or its usual curve; TFLite's table."""
    x = _real(source).astype(np.float64)
    if op.told(Gelu).approximate:
        inner = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
    else:
        inner = np.array([math.erf(v * math.sqrt(0.5)) for v in x])
    return _nearest((0.5 * x * (1 + inner)).astype(np.float32), out)


RSQRT_SHIFT = 20  # headroom of a root


def _rsqrt(op: Operator, source: Tensor, out: Tensor) -> np.ndarray:
    """1 / sqrt(x); what is not positive gives the greatest byte."""
    x = ALL_INT8 - source.zero_point
    factor = float(np.sqrt(source.scale) * out.scale)
    mantissa, shift = multiplier(1 / factor)
    root, places = fixedpoint.inverse_root(np.maximum(x, 0))
    root = requantize(np.ones(256, np.int64), root, places + RSQRT_SHIFT)
    y = requantize(root, mantissa, shift - RSQRT_SHIFT) + out.zero_point
    return np.where(x > 0, clamp(y), INT8_MAX).astype(np.int8)


def _abs(op: Operator, source: Tensor, out: Tensor) -> np.ndarray:
    """The distance from the zero point, rescaled where the scales differ."""
    x = np.abs(ALL_INT8 - source.zero_point)
    if source.scale != out.scale:
        x = requantize(x, *multiplier(float(source.scale / out.scale)))
    return clamp(x + out.zero_point)


_TABLES = {
    "LEAKY_RELU": _leaky_relu,
    "RELU": _relu,
    "RELU6": _relu6,
    "LOGISTIC": _logistic,
    "TANH": _tanh,
    "QUANTIZE": _quantize,
    "HARD_SWISH": _hard_swish,
    "ELU": _elu,
    "ABS": _abs,
    "RSQRT": _rsqrt,
    "EXP": _exp,
    "GELU": _gelu,
}
