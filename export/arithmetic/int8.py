"""The integer arithmetic of TFLite Micro: every constant, in one place.

`export.reference.int8` runs these formulas; `export.emit.generate` compiles them in.
A real
factor becomes a mantissa and a shift (`multiplier`), and an accumulator is scaled by
it with two roundings (`requantize`). A unary int8 operator is its 256-entry table.
int32 sums and left shifts wrap around as they do on the chip.
"""

import math
from dataclasses import dataclass

import numpy as np

from export.arithmetic import fixedpoint
from export.graph.attributes import Gelu, Leaky, Reduction, Softmax, Table
from export.graph.kinds import CHANNEL_TABLE
from export.graph.network import Network, Operator, Quant, Tensor

INT8_MIN, INT8_MAX = -128, 127
INT16_MIN, INT16_MAX = -(1 << 15), (1 << 15) - 1
ADD_LEFT_SHIFT = 20  # headroom that ADD gives its inputs
FUSED: dict[str, tuple[float | None, float | None]] = {  # activation: its bounds
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}
ALL_INT8 = np.arange(INT8_MIN, INT8_MAX + 1, dtype=np.int64)


def wrap(x: np.ndarray) -> np.ndarray:
    """Bring int64 values to int32 modulo 2^32."""
    return ((np.asarray(x, np.int64) + 2**31) & 0xFFFFFFFF) - 2**31


def multiplier(real: float) -> tuple[int, int]:
    """`real` as (mantissa, shift): real = mantissa / 2^31 * 2^shift."""
    if real == 0:
        return 0, 0
    fraction, shift = math.frexp(real)
    mantissa = int(math.copysign(math.floor(abs(fraction) * 2**31 + 0.5), fraction))
    if abs(mantissa) == 2**31:
        mantissa //= 2
        shift += 1
    return (0, 0) if shift < -31 else (mantissa, shift)


def requantize(
    acc: np.ndarray, mantissa: np.ndarray | int, shift: np.ndarray | int
) -> np.ndarray:
    """acc * mantissa / 2^31 * 2^shift with TFLite's double rounding.

    First to nearest, halves up; then, for a right shift, to nearest, halves away
    from zero. `mantissa` and `shift` broadcast (per channel along the last axis).
    """
    shift = np.asarray(shift, np.int64)
    left = wrap(np.asarray(acc, np.int64) << np.maximum(shift, 0))
    high = fixedpoint.high_mul(left, np.asarray(mantissa, np.int64))
    return fixedpoint.divide_by_power(high, np.maximum(-shift, 0))


def clamp(x: np.ndarray, low: int = INT8_MIN, high: int = INT8_MAX) -> np.ndarray:
    """Saturate to int8, or to a fused activation's range."""
    return np.asarray(np.clip(x, low, high).astype(np.int8))


def _round_away(x: np.float32) -> int:
    """float32 to the nearest integer, halves away from zero (C's roundf)."""
    return int(math.copysign(math.floor(abs(float(x)) + 0.5), float(x)))


def activation_range(op: Operator, out: Tensor) -> tuple[int, int]:
    """The int8 bounds of an operator's fused activation."""
    bounds = FUSED[op.attributes.activation]
    low, high = (
        None if b is None else out.zero_point + _round_away(np.float32(b) / out.scale)
        for b in bounds
    )
    return (
        INT8_MIN if low is None else max(INT8_MIN, low),
        INT8_MAX if high is None else min(INT8_MAX, high),
    )


# ==== Weighted sums ====


def _quant(tensor: Tensor) -> Quant:
    tensor.scale  # noqa: B018 - raises the error of an unquantized tensor
    assert tensor.quant is not None
    return tensor.quant


def channel_multipliers(
    network: Network, op: Operator
) -> tuple[np.ndarray, np.ndarray]:
    """(mantissa, shift) per output channel of a convolution or FULLY_CONNECTED."""
    source, weights = network.tensors[op.inputs[0]], network.tensors[op.inputs[1]]
    out = network.output(op)
    scales = _quant(weights).scale
    channels = weights.shape[-1] if op.kind == "DEPTHWISE_CONV_2D" else weights.shape[0]
    if op.kind == "FULLY_CONNECTED" and len(scales) == 1:
        # A per-tensor FULLY_CONNECTED multiplies the scales in float32.
        real = [float(np.float32(source.scale * scales[0])) / float(out.scale)]
    else:
        real = [float(source.scale) * float(s) / float(out.scale) for s in scales]
    pairs = [multiplier(r) for r in real]
    if len(pairs) == 1:
        pairs *= channels
    mantissa, shift = zip(*pairs, strict=True)
    return np.array(mantissa, np.int64), np.array(shift, np.int64)


def bias(network: Network, op: Operator) -> np.ndarray | None:
    """The int32 bias of a weighted sum, as int64; None where there is none."""
    tensor = network.input(op, 2)
    if tensor is None or tensor.data is None:
        return None
    return tensor.data.astype(np.int64).reshape(-1)


# ==== Elementwise ====


@dataclass(frozen=True)
class AddConstants:
    """ADD: out = zero + scale(scale(a << 20) + scale(b << 20)), (mantissa, shift)."""

    first: tuple[int, int]
    second: tuple[int, int]
    output: tuple[int, int]


def add_constants(network: Network, op: Operator) -> AddConstants:
    """The three multipliers of an int8 ADD."""
    a, b = (float(network.tensors[i].scale) for i in op.inputs[:2])
    twice = 2 * max(a, b)
    out = float(network.output(op).scale)
    return AddConstants(
        multiplier(a / twice),
        multiplier(b / twice),
        multiplier(twice / ((1 << ADD_LEFT_SHIFT) * out)),
    )


def add_table(constant: tuple[int, int], zero_point: int) -> np.ndarray:
    """One input of an ADD, scaled: int64 by q + 128."""
    return requantize((ALL_INT8 - zero_point) << ADD_LEFT_SHIFT, *constant)


def mul_constant(network: Network, op: Operator) -> tuple[int, int]:
    """The multiplier of an int8 MUL."""
    a, b = (float(network.tensors[i].scale) for i in op.inputs[:2])
    return multiplier(a * b / float(network.output(op).scale))


def mean_constant(network: Network, op: Operator) -> tuple[int, int]:
    """The multiplier of an int8 MEAN; 1 / count is folded into it."""
    source, out = network.tensors[op.inputs[0]], network.output(op)
    mantissa, shift = multiplier(float(source.scale) / float(out.scale))
    count = math.prod(source.shape[a] for a in op.told(Reduction).axes or ())
    extra = min(count.bit_length() - 1, 32, 31 + shift)
    return (mantissa << extra) // count, shift - extra


# ==== Tables ====


def unary_table(network: Network, op: Operator) -> np.ndarray:
    """A unary int8 operator as int8[256], indexed by q + 128; (C, 256) by channels."""
    source, out = network.tensors[op.inputs[0]], network.output(op)
    if op.kind in ("TABLE", CHANNEL_TABLE):
        return np.asarray(op.told(Table).values, np.int8)
    return _TABLES[op.kind](op, source, out)


def _leaky_relu(op: Operator, source: Tensor, out: Tensor) -> np.ndarray:
    x = ALL_INT8 - source.zero_point
    alpha = np.float32(op.told(Leaky).alpha)
    falling = requantize(
        x, *multiplier(float(np.float32(source.scale * alpha) / out.scale))
    )
    rising = requantize(x, *multiplier(float(source.scale / out.scale)))
    return clamp(np.where(x >= 0, rising, falling) + out.zero_point)


def _relu(op: Operator, source: Tensor, out: Tensor) -> np.ndarray:
    x = requantize(
        ALL_INT8 - source.zero_point,
        *multiplier(float(source.scale) / float(out.scale)),
    )
    return clamp(x + out.zero_point, low=max(INT8_MIN, out.zero_point))


def _relu6(op: Operator, source: Tensor, out: Tensor) -> np.ndarray:
    six = source.zero_point + _round_away(np.float32(6) / source.scale)
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
    rounded = np.copysign(np.floor(np.abs(ratio) + np.float32(0.5)), ratio)
    return clamp(np.trunc(rounded + np.float32(out.zero_point)))


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

SOFTMAX_INPUT_BITS = 5  # differences in Q5.26
SOFTMAX_SUM_BITS = 12  # their sum in Q12.19


def softmax_table(network: Network, op: Operator) -> np.ndarray:
    """exp(x - max) in Q0.31 by max - x (0..255): int32[256], 0 where negligible.

    The sum adds each entry divided by 2^12 (`fixedpoint.divide_by_power`); see
    `softmax` for the rest.
    """
    scale = float(network.tensors[op.inputs[0]].scale)
    real = min(op.told(Softmax).beta * scale * 2.0**26, 2.0**31 - 1)
    mantissa, shift = multiplier(real)
    radius = math.floor(31 * 2.0**26 / 2.0**shift)
    difference = -np.arange(256, dtype=np.int64)
    scaled = fixedpoint.high_mul(wrap(difference << shift), mantissa)
    table = fixedpoint.exp_negative(scaled, SOFTMAX_INPUT_BITS)
    return np.where(difference >= -radius, table, 0).astype(np.int32)


def softmax(x: np.ndarray, table: np.ndarray) -> np.ndarray:
    """int8 SOFTMAX over the last axis; output scale 1/256, zero point -128."""
    x = x.astype(np.int64)
    exps = table[np.max(x, -1, keepdims=True) - x].astype(np.int64)
    terms = fixedpoint.divide_by_power(exps, SOFTMAX_SUM_BITS)
    total = terms.sum(-1, keepdims=True)
    length = np.ceil(np.log2(total.astype(np.float64) + 0.5)).astype(np.int64)
    scale = fixedpoint.one_over_one_plus((total << (32 - length)) - (1 << 31))
    exponent = SOFTMAX_SUM_BITS - (32 - length) + 31 - 8
    y = fixedpoint.divide_by_power(fixedpoint.high_mul(exps, scale), exponent)
    return clamp(y - 128)
