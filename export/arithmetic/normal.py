"""LOG_SOFTMAX and L2_NORMALIZATION, which normalise whole rows (..., C).

Formats are those of `export.arithmetic.fixedpoint`; the kernels have the same as C.
"""

from dataclasses import dataclass

import numpy as np

from export.arithmetic import fixedpoint
from export.arithmetic.fixedpoint import divide_by_power, high_mul, shift_left
from export.arithmetic.int8 import clamp, multiplier, requantize, wrap
from export.graph.network import Network, Operator

LOG_2 = 1488522236
FOURTH_ROOT_HALF = 1805811301
LOG_NUMERATOR = 117049297  # of the quotient that stands for the logarithm, Q0.31
LOG_SQUARE, LOG_START, LOG_SLOPE = 127690142, 1057819769, 638450708
SUM_BITS, LOG_BITS = 12, 5  # Q12.19 in, Q5.26 out
LOG_SOFTMAX_CLASSES = 4095  # more would leave Q12.19
L2_DEPTH = 33_000  # more squares would leave int32


def l2_normalization(x: np.ndarray, zero_point: int) -> np.ndarray:
    """int8 rows (..., C) of length 1, in Q0.7."""
    x = x.astype(np.int64) - zero_point
    mantissa, shift = fixedpoint.inverse_root(wrap((x * x).sum(-1, keepdims=True)))
    return clamp(requantize(x, mantissa, shift + 7))


def logarithm(x: np.ndarray) -> np.ndarray:
    """ln of Q12.19 numbers of at least 1, in Q5.26."""
    x = np.asarray(x, np.int64)
    quarter, fraction = 1 << 23, 31 - (LOG_BITS + 1)
    high = 32 - fixedpoint.bits(x)
    first = shift_left(high_mul(x << (high - 1), fixedpoint.SQRT_HALF), 1)
    first_power = ((SUM_BITS - high) << fraction) + quarter
    low = 32 - fixedpoint.bits(high_mul(x, fixedpoint.SQRT_HALF)) - 1
    second = np.minimum(x << low, fixedpoint.INT32_MAX)
    second_power = ((SUM_BITS - low) << fraction) - quarter
    r, power = np.minimum(first, second), np.maximum(first_power, second_power)
    total = r + FOURTH_ROOT_HALF
    middle = np.sign(total) * ((np.abs(total) + 1) >> 1)
    q = 2 * (r - FOURTH_ROOT_HALF)
    square = high_mul(q, q)
    over = high_mul(q, r) + high_mul(high_mul(q, square), LOG_NUMERATOR)
    inner = LOG_START + q + high_mul(square, LOG_SQUARE)
    under = high_mul(middle, inner) + high_mul(q, LOG_SLOPE)
    quotient = high_mul(
        divide_by_power(over, LOG_BITS + 1), fixedpoint.one_over_one_plus(under)
    )
    return shift_left(high_mul(power, LOG_2) + quotient, 1)


@dataclass(frozen=True, eq=False)
class LogSoftmax:
    """Constants of a LOG_SOFTMAX, by max - x (0..255) where they are arrays."""

    terms: np.ndarray  # int64[256]: exp in Q12.19, 0 where negligible
    differences: np.ndarray  # int64[256]: x - max in Q5.26, 0 where negligible
    least: int  # the least difference that counts
    back: tuple[int, int]  # (mantissa, shift) from Q5.26 to a difference


def log_softmax_constants(network: Network, op: Operator) -> LogSoftmax:
    """Those of an int8 LOG_SOFTMAX."""
    scale = float(network.tensors[op.inputs[0]].scale)
    real = min(scale * 2.0**26, 2.0**31 - 1)
    mantissa, shift = multiplier(real)
    radius = int(np.floor(31 * 2.0**26 / 2.0**shift))
    difference = -np.arange(256, dtype=np.int64)
    counts = difference >= -radius
    scaled = np.where(counts, high_mul(wrap(difference << shift), mantissa), 0)
    exps = fixedpoint.exp_negative(scaled, LOG_BITS)
    terms = np.where(counts, divide_by_power(exps, SUM_BITS), 0)
    back = multiplier(2.0 ** (31 - shift) / mantissa)
    return LogSoftmax(terms, scaled, -radius, back)


def log_softmax(k: LogSoftmax, x: np.ndarray) -> np.ndarray:
    """int8 LOG_SOFTMAX over the last axis; output scale 1/16, zero point 127."""
    x = x.astype(np.int64)
    difference = x - x.max(-1, keepdims=True)
    total = k.terms[-difference].sum(-1, keepdims=True)
    log = logarithm(total)
    reach = requantize(log + fixedpoint.INT32_MIN, *k.back)
    least = np.maximum(k.least - 1, reach)
    y = divide_by_power(k.differences[-difference] - log, 22) + 127
    return np.where(difference > least, clamp(y), -128).astype(np.int8)
