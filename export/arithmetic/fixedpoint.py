"""The fixed-point functions beneath TFLite's SOFTMAX, LOGISTIC and TANH.

Values are int64 arrays that hold int32 raw values; a format Qm.n has m integer bits
and n = 31 - m fractional ones. Every product is rounded as VQRDMULH rounds, so the
results equal TensorFlow Lite Micro's to the bit.
"""

import numpy as np

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
ONE_Q0 = INT32_MAX  # 1.0 is not representable in Q0.31
ONE_Q2 = 1 << 29
EXP_EIGHTH = 1895147668  # exp(-1/8) in Q0.31
THIRD = 715827883  # 1/3 in Q0.31
# exp(-2^k) in Q0.31 for k = -2 .. 4
EXP_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
NEWTON_START = 1515870810  # 48/17 in Q2.29
NEWTON_SLOPE = -1010580540  # -32/17 in Q2.29
SQRT_HALF = 1518500250  # sqrt(1/2), Q0.31
ROOTS = 5  # Newton steps


def high_mul(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """a * b / 2^31, rounded to nearest, halves up (VQRDMULH)."""
    product = (np.asarray(a, np.int64) * b + (1 << 30)) >> 31
    # Only INT32_MIN * INT32_MIN exceeds it.
    return np.asarray(np.minimum(product, INT32_MAX))


def divide_by_power(x: np.ndarray, exponent: np.ndarray | int) -> np.ndarray:
    """x / 2^exponent, rounded to nearest, halves away from zero."""
    x = np.asarray(x, np.int64)
    exponent = np.asarray(exponent, np.int64)
    half = (np.int64(1) << exponent) >> 1
    return np.asarray((x + half - ((x < 0) & (exponent > 0))) >> exponent)


def shift_left(x: np.ndarray, exponent: int) -> np.ndarray:
    """x * 2^exponent, saturated to int32."""
    wide = np.asarray(x, np.int64) << exponent
    return np.asarray(np.clip(wide, INT32_MIN, INT32_MAX))


def _exp_quarter(a: np.ndarray) -> np.ndarray:
    """exp(a) for a in [-1/4, 0), Q0.31: a Taylor series around -1/8."""
    x = a + (1 << 28)
    x2 = high_mul(x, x)
    x3 = high_mul(x2, x)
    x4 = high_mul(x2, x2)
    cubic = high_mul(divide_by_power(x4, 2) + x3, THIRD) + x2
    return EXP_EIGHTH + high_mul(x + divide_by_power(cubic, 1), EXP_EIGHTH)


def exp_negative(a: np.ndarray, integer_bits: int) -> np.ndarray:
    """exp(a) in Q0.31 for a <= 0 in Q(integer_bits); integer_bits at most 5."""
    a = np.asarray(a, np.int64)
    fraction = 31 - integer_bits
    quarter = 1 << (fraction - 2)
    rest = (a & (quarter - 1)) - quarter  # in [-1/4, 0)
    result = _exp_quarter(shift_left(rest, integer_bits))
    remainder = rest - a
    for power, factor in zip(range(-2, integer_bits), EXP_POWERS, strict=False):
        bit = remainder & (1 << (fraction + power))
        result = np.where(bit != 0, high_mul(result, factor), result)
    return np.where(a == 0, ONE_Q0, result)


def _reciprocal(a: np.ndarray) -> np.ndarray:
    """2 / (1 + a) in Q2.29 for a in [0, 1] in Q0.31: three Newton steps."""
    half = (np.asarray(a, np.int64) + ONE_Q0 + 1) >> 1  # (1 + a) / 2, halves up
    x = NEWTON_START + high_mul(half, NEWTON_SLOPE)
    for _ in range(3):
        x = x + shift_left(high_mul(x, ONE_Q2 - high_mul(half, x)), 2)
        x = ((x + 2**31) & 0xFFFFFFFF) - 2**31  # of 1 / 0 alone it is more
    return x


def one_over_one_plus(a: np.ndarray) -> np.ndarray:
    """1 / (1 + a) in Q0.31 for a in [0, 1]."""
    return shift_left(_reciprocal(a), 1)


def logistic(a: np.ndarray, integer_bits: int) -> np.ndarray:
    """1 / (1 + exp(-a)) in Q0.31."""
    positive = one_over_one_plus(exp_negative(-np.abs(a), integer_bits))
    return np.where(a == 0, 1 << 30, np.where(a > 0, positive, ONE_Q0 - positive))


def tanh(a: np.ndarray, integer_bits: int) -> np.ndarray:
    """tanh(a) in Q0.31: (1 - exp(-2a)) / (1 + exp(-2a)) = 2 / (1 + exp(-2a)) - 1."""
    exp = exp_negative(-np.abs(a), integer_bits + 1)  # the same raw value, doubled
    positive = shift_left(_reciprocal(exp) - ONE_Q2, 2)
    return np.where(a == 0, 0, np.where(a > 0, positive, -positive))


def bits(x: np.ndarray) -> np.ndarray:
    """Used bits of numbers that are not negative."""
    exact = np.frexp(x.astype(np.float64))[1]  # below 2^53: exact
    return np.where(x > 0, exact, 0).astype(np.int64)


def inverse_root(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """1 / sqrt(x) as (mantissa, shift) for `requantize`; 0 is taken as 1."""
    x = np.asarray(x, np.int64)
    value, shift = np.maximum(x, 2), np.full(x.shape, 11, np.int64)
    while (value >= 1 << 29).any():
        large = value >= 1 << 29
        value, shift = np.where(large, value // 4, value), shift + large
    pairs = (31 - bits(value)) // 2 - 1
    value, shift = value << 2 * pairs, shift - pairs
    half = divide_by_power(value >> 1, 1)  # Q3.28
    y = np.full(x.shape, 1 << 28, np.int64)
    for _ in range(ROOTS):
        cube = shift_left(high_mul(high_mul(y, y), y), 6)
        y = shift_left(high_mul(y, (1 << 28) + (1 << 27)) - high_mul(half, cube), 3)
    y = high_mul(y, SQRT_HALF)
    y, shift = y << np.maximum(-shift, 0), np.maximum(shift, 0)
    small = x <= 1
    largest = INT32_MAX
    return np.where(small, largest, y), np.where(small, 0, -shift)
