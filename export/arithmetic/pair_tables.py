"""ADD and SUB without 64 bits: one sum of two table entries, one shift.

    found = narrow(first, second, (mantissa, shift), zero, (low, high))
    u = clamp((found.first[a] + found.second[b]) >> found.shift)

TFLite scales each operand to about 28 bits, and their sum by two roundings in 64 bits.
Of two bytes there are 65,536 sums, so all are tried: entries that hold the output's
scale, as finely as int32 lets them, are taken where every pair gives TFLite's byte.
Nine times in ten, of scales that are drawn, the entries may be multiples of the bytes:
then there are two factors and no tables.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from export.arithmetic.int8 import requantize

FINEST = 20  # bits below a step of u
# What a sum is stretched by, in the finest bits: TFLite rounds halves away from zero.
STRETCHES = (0, 4, 16, 64)
BYTES = np.arange(256)
NEAR = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1)]
Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Narrow:
    """Entries of both operands by u; their sums hold u above `shift` bits."""

    first: np.ndarray  # int64 (256,), within int32
    second: np.ndarray
    shift: int
    factors: tuple[int, int] | None = None  # by which entries rise, where evenly


def narrow(
    first: np.ndarray,
    second: np.ndarray,
    constant: tuple[int, int],
    zero: int,
    bounds: tuple[int, int],
) -> Narrow | None:
    """Of operands scaled as TFLite does; zero and bounds are u's. None: TFLite's form.

    Where it subtracts, the second is negative already.
    """
    low, high = bounds
    mantissa, power = constant
    sums = first[:, None] + second[None]
    u = np.clip(requantize(sums, mantissa, power) + zero, low, high).reshape(-1)
    factor = mantissa * 2.0 ** (power - 31)
    most = (abs(first).max() + abs(second).max()) * factor + 2 * abs(zero) + 256
    shift = min(FINEST, 30 - int(most).bit_length())
    if shift < 1 or factor <= 0:
        return None
    goal = u, shift, zero, bounds
    for factors in _factors(first, second, factor * 2.0**shift):
        made = _fitted((factors[0] * BYTES, factors[1] * BYTES), *goal)
        if made is not None:
            return replace(made, factors=factors)
    for stretch in STRETCHES:
        unit = factor * (2.0**shift + stretch)
        exact = (np.rint(x * unit).astype(np.int64) for x in (first, second))
        made = _fitted((next(exact), next(exact)), *goal)
        if made is not None:
            return made
    return None


def _factors(
    first: np.ndarray, second: np.ndarray, unit: float
) -> Iterator[tuple[int, int]]:
    """The nearest whole factors of both bytes, and their neighbours."""
    one, two = (round(float(x[-1] - x[0]) / 255 * unit) for x in (first, second))
    for more in NEAR:
        yield one + more[0], two + more[1]


def _fitted(
    pair: Pair, u: np.ndarray, shift: int, zero: int, bounds: tuple[int, int]
) -> Narrow | None:
    """Entries moved so that every sum gives its u; None where nothing does."""
    first, second = pair
    total = (first[:, None] + second[None]).reshape(-1)
    offset = _offset(total, u, shift, zero, bounds)
    if offset is None:
        return None
    words = (total, total + offset, first, first + offset, second)
    if max(abs(w).max() for w in words) >= 1 << 31:
        return None
    return Narrow(first + offset, second, shift)


def _offset(
    total: np.ndarray, u: np.ndarray, shift: int, zero: int, bounds: tuple[int, int]
) -> int | None:
    """What brings every sum between the steps of its u; None where nothing does."""
    low, high = bounds
    usual = (2 * zero + 1) << (shift - 1)
    if low >= high:
        return usual
    goals = np.arange(low + 1, high + 1)
    far = np.int64(1) << 40
    least, greatest = np.full(256, far), np.full(256, -far)
    np.minimum.at(least, u, total)
    np.maximum.at(greatest, u, total)
    # Of the sums that reach a goal the least, of those that do not the greatest.
    above = np.minimum.accumulate(least[::-1])[::-1][goals]
    below = np.maximum.accumulate(greatest)[goals - 1]
    at_least = ((goals << shift) - above).max()
    at_most = ((goals << shift) - below).min() - 1
    if at_least > at_most:
        return None
    return int(np.clip(usual, at_least, at_most))
