"""The integer arithmetic of TFLite Micro: every constant, in one place.

`export.reference.int8` runs these formulas; `export.emit.generate` compiles them in.
A real factor becomes a mantissa and a shift (`multiplier`), and an accumulator is
scaled by it with two roundings (`requantize`). Unary operators are tables:
`export.arithmetic.unary`. int32 sums and left shifts wrap around as they do on the
chip.
"""

import math
from dataclasses import dataclass

import numpy as np

from export.arithmetic import fixedpoint
from export.graph.attributes import Leaky, Reduction, Softmax
from export.graph.network import Network, Operator, Quant, Tensor

INT8_MIN, INT8_MAX = -128, 127
INT16_MIN, INT16_MAX = -(1 << 15), (1 << 15) - 1
LIMITS = {"int8": (INT8_MIN, INT8_MAX), "int16": (INT16_MIN, INT16_MAX)}
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


def nearest(x: np.ndarray) -> np.ndarray:
    """float32 numbers to whole ones, halves away from zero (C's roundf), in float64.

    float32 has no room for the sum of a half and what lies just below one.
    """
    wide = np.asarray(x, np.float64)
    return np.copysign(np.floor(np.abs(wide) + 0.5), wide)


def round_away(x: np.float32) -> int:
    """The same of one number."""
    return int(nearest(np.asarray(x)))


def quantized(
    real: np.ndarray, scale: np.float32 | float, zero_point: int, dtype: str = "int8"
) -> np.ndarray:
    """int8 of real numbers, as QUANTIZE of float32 and the C's input_of make it.

    Or int16, where the values are.
    """
    steps = nearest(np.asarray(real, np.float32) / np.float32(scale))
    low, high = LIMITS[dtype]
    return np.asarray(np.clip(steps + zero_point, low, high), dtype)


def activation_range(op: Operator, out: Tensor) -> tuple[int, int]:
    """The bounds of an operator's fused activation, in the output's own type."""
    least, most = LIMITS[out.dtype]
    bounds = FUSED[op.attributes.activation]
    low, high = (
        None if b is None else out.zero_point + round_away(np.float32(b) / out.scale)
        for b in bounds
    )
    return (
        least if low is None else max(least, low),
        most if high is None else min(most, high),
    )


# ==== Weighted sums ====


def _quant(tensor: Tensor) -> Quant:
    tensor.scale  # noqa: B018 - raises the error of an unquantized tensor
    assert tensor.quant is not None
    return tensor.quant


def channel_multipliers(
    network: Network, op: Operator
) -> tuple[np.ndarray, np.ndarray]:
    """(mantissa, shift) per output channel of a sum with weights, whatever its kind."""
    source, weights = network.tensors[op.inputs[0]], network.tensors[op.inputs[1]]
    out = network.output(op)
    scales = _quant(weights).scale
    channels = weights.shape[-1] if op.kind == "DEPTHWISE_CONV_2D" else weights.shape[0]
    if op.attributes.unsigned:  # its kernels multiply the scales in float32
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


def add_constants(
    network: Network, op: Operator, left_shift: int = ADD_LEFT_SHIFT
) -> AddConstants:
    """The three multipliers of an ADD or a SUB."""
    a, b = (float(network.tensors[i].scale) for i in op.inputs[:2])
    twice = 2 * max(a, b)
    out = float(network.output(op).scale)
    return AddConstants(
        multiplier(a / twice),
        multiplier(b / twice),
        multiplier(twice / ((1 << left_shift) * out)),
    )


def add_table(constant: tuple[int, int], zero_point: int) -> np.ndarray:
    """One input of an ADD, scaled: int64 by q + 128."""
    return requantize((ALL_INT8 - zero_point) << ADD_LEFT_SHIFT, *constant)


def mul_constant(network: Network, op: Operator) -> tuple[int, int]:
    """The multiplier of a MUL; of uint8 it is computed in float32."""
    scales = [network.tensors[i].scale for i in (*op.inputs[:2], op.outputs[0])]
    if op.attributes.unsigned:
        return multiplier(float(scales[0] * scales[1] / scales[2]))
    a, b, out = map(float, scales)
    return multiplier(a * b / out)


def leaky_scales(
    op: Operator, source: Tensor, out: Tensor
) -> tuple[tuple[int, int], tuple[int, int]]:
    """LEAKY_RELU's multipliers, of inputs above zero and below; uint8's in float32."""
    alpha = np.float32(op.told(Leaky).alpha)
    if op.attributes.unsigned:
        identity = float(source.scale / out.scale)
        falling = float(source.scale * alpha / out.scale)
    else:
        identity = float(source.scale) / float(out.scale)
        falling = float(source.scale) * float(alpha) / float(out.scale)
    return multiplier(identity), multiplier(falling)


def leaky(x: np.ndarray, above: tuple[int, int], below: tuple[int, int]) -> np.ndarray:
    """LEAKY_RELU less its zero points; below zero a size is scaled, then signed."""
    mantissa, shift = below
    falling = requantize(x, abs(mantissa), shift) * (-1 if mantissa < 0 else 1)
    return np.where(x >= 0, requantize(x, *above), falling)


def mean_constant(network: Network, op: Operator) -> tuple[int, int]:
    """The multiplier of an int8 MEAN."""
    source = network.tensors[op.inputs[0]]
    count = math.prod(source.shape[a] for a in op.told(Reduction).axes or ())
    return sum_constant(network, op, count)


def sum_constant(network: Network, op: Operator, count: int) -> tuple[int, int]:
    """The multiplier of a sum; 1 / count is folded into it."""
    source, out = network.tensors[op.inputs[0]], network.output(op)
    mantissa, shift = multiplier(float(source.scale) / float(out.scale))
    extra = min(count.bit_length() - 1, 32, 31 + shift)
    return (mantissa << extra) // count, shift - extra


def average(
    total: np.ndarray, count: np.ndarray | int, unsigned: bool = False
) -> np.ndarray:
    """The mean of `count` q of an AVERAGE_POOL, halves away from zero.

    `unsigned`: away from that of uint8, which is q = -128.
    """
    below = 128 * count if unsigned else 0 * count
    half = np.where(total + below > 0, count // 2, -(count // 2))
    mean = np.trunc((total + below + half) / count)  # C's division; exact in float64
    return np.asarray(mean - below // count, np.int64)


# ==== SOFTMAX ====

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
