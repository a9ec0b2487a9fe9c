"""Scaling to 16 bits by MULSH, the very number that TFLite's two roundings give.

A search as in `requant` has 255 steps to meet; a gate of an LSTM has 65,535. But where
the sum comes times S = 4 * 2^j, a power of two, nothing has to be searched: with r the
places that TFLite shifts to the right (negative: to the left),

    v = MULSH(S * t, m),   x = (v + C) >> (1 + j + r),   C by the sign of v:
    C = 2^(j + r), and where r > 0 also 2^j: more, less where v is negative

is TFLite's x for every t of which S * t is an int32. v is t * m / 2^(30 - j), rounded
down, so v >> j is twice TFLite's first product less its rounding; C adds both
roundings, halves away from zero.
"""

from dataclasses import dataclass

import numpy as np

from export.arithmetic.fixedpoint import INT32_MAX
from export.arithmetic.int8 import INT16_MAX, INT16_MIN, requantize
from export.kernels.lx6.requant import LEAST, MOST_SHIFT, Channel, Narrow


@dataclass(frozen=True)
class Sum:
    """One sum: how TFLite scales it, between what it lies."""

    mantissa: int
    shift: int
    reach: tuple[int, int]

    @property
    def inside(self) -> bool:
        """Whether what it becomes fits int16."""
        ends = requantize(np.asarray(self.reach), self.mantissa, self.shift)
        return bool(ends.min() >= INT16_MIN and ends.max() <= INT16_MAX)


def solve(sums: tuple[Sum, ...]) -> Narrow | None:
    """Constants of each sum, the shift the same for all; None where there are none."""
    right = [-one.shift for one in sums]
    shift = 1 + max(0, *right)
    found = []
    for one, r in zip(sums, right, strict=True):
        j = shift - 1 - r
        scale = LEAST << j
        reach = max(map(abs, one.reach)) * scale
        if one.mantissa <= 0 or max(reach, scale) > INT32_MAX:
            return None
        half, sign = 1 << (shift - 1), 1 << j if r > 0 else 0
        found.append(Channel(scale, 0, one.mantissa, half + sign, half - sign))
    return Narrow(shift, 0, tuple(found)) if shift < MOST_SHIFT else None
