"""An elementwise function of bytes as the larger of two lines, in 16 bits.

    lines = find(table, zero)      # table (256,) by q + 128; None where there is none

    X = q * 256 + c
    r = max(sat16(((X * M1) >> 15) + O1), sat16(((X * M2) >> 15) + O2))
    r = sat16(r + r), 8 - F times; the result is r >> 8

Where nothing saturates at the end, r >> F is the same and less work (`narrow`).

ReLU, LeakyReLU and changes of scale are of this kind; each is proved on all 256.
"""

from dataclasses import dataclass

import numpy as np

from export.arithmetic.int8 import INT16_MAX, INT16_MIN

ALL = np.arange(-128, 128)
FRACTIONS = (7, 6, 5)  # F
CENTRES = (128, 0, 64, 192)  # c
SPAN = 40  # multipliers tried on either side
FAR = 10**9


@dataclass(frozen=True)
class Lines:
    """(M1, O1) and (M2, O2), c and F of the formula."""

    first: tuple[int, int]
    second: tuple[int, int]
    centre: int
    fraction: int

    def apply(self, q: np.ndarray) -> np.ndarray:
        """As the vector code computes it."""
        x = q.astype(np.int64) * 256 + self.centre
        r = np.maximum(*(_line(x, m, o) for m, o in (self.first, self.second)))
        for _ in range(8 - self.fraction):
            r = _sat16(r + r)
        return np.asarray(r >> 8)

    @property
    def narrow(self) -> bool:
        """Whether the larger line, with its fraction, stays within a byte's range."""
        x = ALL * 256 + self.centre
        r = np.maximum(*(_line(x, m, o) for m, o in (self.first, self.second)))
        q = r >> self.fraction
        return self.fraction < 7 and bool(q.min() >= -128 and q.max() <= 127)

    def bytes(self) -> bytes:
        """Vectors of c, M1, M2, O1, O2, and the factor that takes off a fraction."""
        values = [self.first[0], self.second[0], self.first[1], self.second[1]]
        values.append(1 << (15 - self.fraction))
        lanes = b"".join(np.full(8, v, "<i2").tobytes() for v in values)
        return bytes([self.centre] * 16) + lanes


def find(table: np.ndarray, zero: int) -> Lines | None:
    """Lines that give `table`; `zero` is where the first takes over."""
    table = table.astype(np.int64)
    if np.any(np.diff(table) < 0):
        return None
    rising = ALL >= zero
    for fraction in FRACTIONS:
        for centre in CENTRES:
            x = ALL * 256 + centre
            first = _through(table, x, rising, fraction)
            second = _through(table, x, ~rising, fraction)
            if first is None or second is None:
                continue
            for one in first:
                for two in second:
                    lines = Lines(one, two, centre, fraction)
                    if np.array_equal(lines.apply(ALL), table):
                        return lines
    return None


def _through(
    table: np.ndarray, x: np.ndarray, part: np.ndarray, fraction: int
) -> list[tuple[int, int]] | None:
    """Lines (M, O) through a part of the table, the steepness most likely first."""
    if not part.any():
        return [(0, -32768)]
    y, x, unit = table[part], x[part], 1 << fraction
    free = (y > -128) & (y < 127)
    slope = 0.0
    if free.sum() > 1 and np.ptp(x[free]):
        slope = float(np.polyfit(x[free] / 256, y[free], 1)[0])
    around = round(slope * 2 ** (7 + fraction))
    found = []
    for m in sorted(
        range(around - SPAN, around + SPAN + 1), key=lambda m: abs(m - around)
    ):
        base = (x * m) >> 15
        if abs(m) > INT16_MAX or np.abs(base).max() > INT16_MAX:
            continue
        low = np.where(y > -128, y * unit - base, -FAR).max()
        high = np.where(y < 127, y * unit + unit - 1 - base, FAR).min()
        if low > high or (low == -FAR and high == FAR):
            continue
        low, high = max(low, high - unit), min(high, low + unit)
        offset = int((low + high) // 2)
        if abs(offset) <= INT16_MAX:
            found.append((m, offset))
        if len(found) == 4:
            break
    return found or None


def _line(x: np.ndarray, m: int, o: int) -> np.ndarray:
    return _sat16(((x * m) >> 15) + o)


def _sat16(v: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(v, INT16_MIN, INT16_MAX))
