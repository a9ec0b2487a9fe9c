"""ADD and SUB without 64 bits: one sum of two table entries, one shift.

    found = narrow(first, second, (mantissa, shift), zero, (low, high))
    u = clamp((found.first[a] + found.second[b]) >> found.shift)

TFLite scales each operand to about 28 bits, and their sum by two roundings in 64 bits.
Of two bytes there are 65,536 sums, so all are tried: entries that hold the output's
scale, as finely as int32 lets them, are taken where every pair gives TFLite's byte.
"""

from dataclasses import dataclass

import numpy as np

from export.arithmetic.int8 import requantize

FINEST = 20  # bits below a step of u
# What a sum is stretched by, in the finest bits: TFLite rounds halves away from zero.
STRETCHES = (0, 4, 16, 64)


@dataclass(frozen=True, eq=False)
class Narrow:
    """Entries of both operands by u; their sums hold u above `shift` bits."""

    first: np.ndarray  # int64 (256,), within int32
    second: np.ndarray
    shift: int


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
    for stretch in STRETCHES:
        unit = factor * (2.0**shift + stretch)
        pair = [np.rint(x * unit).astype(np.int64) for x in (first, second)]
        total = (pair[0][:, None] + pair[1][None]).reshape(-1)
        offset = _offset(total, u, shift, zero, bounds)
        if offset is None:
            continue
        made = Narrow(pair[0] + offset, pair[1], shift)
        words = (total + offset, made.first, made.second)
        if max(abs(w).max() for w in words) < 1 << 31:
            return made
    return None


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
