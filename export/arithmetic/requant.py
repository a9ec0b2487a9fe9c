"""The forms in which a layer requantises, without 64-bit arithmetic where it can.

TFLite turns an int32 accumulator into an int8 by two roundings in 64 bits. The
generated C computes, on the scale u = q + 128, one of

    single:  u = clamp((sum * M + C) >> s)
    split:   t = sum + bias, M = Mh * 2^k + Ml,
             u = clamp((t * Mh + ((t * Ml + C) >> k)) >> s)
    signed:  u = clamp((t * Mh + ((t * Ml + C) >> k) + K) >> s), C by the sign of t
    checked: as split; where the sum lies just above a step, TFLite's own form
    triple:  as signed with M in three parts: ((t * Mm + C + (t * Ml >> k)) >> k)
    wide:    TFLite's own form

(split is the exact floor of one wide product, made of two narrow ones; the two C of
signed are TFLite's rounding of halves away from zero, which sets the steps below zero
back by a constant. checked takes its steps no later than TFLite: `doubt` bits below s
are zero wherever it takes one too early.) `export.arithmetic.requant_proof` finds the
cheapest that is exact.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from export.arithmetic import int8
from export.arithmetic.fixedpoint import INT32_MAX

Whole = TypeVar("Whole", int, np.ndarray)
SIGNED = ("signed", "triple")


@dataclass(frozen=True, eq=False)
class Steps:
    """A channel's exact function: its thresholds and the range that can occur."""

    bias: int
    mantissa: int
    shift: int
    least: int  # reachable accumulators, bias included
    greatest: int
    thresholds: np.ndarray  # int64, T of each goal


@dataclass(frozen=True)
class Channel:
    """Constants of one output channel; which are used depends on the form."""

    bias: int  # added to the (scaled) sum of products before anything else
    multiplier: int  # M, or TFLite's mantissa in the wide form
    offset: int  # C
    negative: int  # C where sum + bias is negative; used by the signed forms only
    shift: int  # TFLite's shift, used by the wide and the checked form only
    moved: int = 0  # what the bias holds more than TFLite's; the checked form only
    mantissa: int = 0  # TFLite's; the checked form only


@dataclass(frozen=True)
class Requant:
    """How one layer requantises."""

    form: str  # "single", "split", "signed", "checked", "triple" or "wide"
    channels: tuple[Channel, ...]
    shift: int  # s
    low_bits: int  # k; 0 in the single form
    drop: int  # low accumulator bits that are dropped first (a scaled sum)
    low: int  # least u that the fused activation lets through
    high: int  # greatest
    zero: int  # the output's zero point on the u scale where added apart, or 0
    doubt: int = 0  # bits that are zero just above a step; the checked form only
    power: int = 0  # of two, by which sums are too large; the checked form only

    @property
    def signed(self) -> bool:
        """Whether C goes by the sign, and K is added."""
        return self.form in SIGNED

    @property
    def centre(self) -> int:
        """K of the signed forms: the zero point and the half that rounds."""
        return (2 * self.zero + 1) << (self.shift - 1)

    def parts(self, multiplier: int) -> tuple[int, int, int]:
        """(Mh, Mm, Ml) of a multiplier; Mm is 0 where there are two."""
        return parts(multiplier, self.low_bits, self.form == "triple")


def parts(multiplier: Whole, low_bits: int, triple: bool) -> tuple[Whole, Whole, Whole]:
    """M as (Mh, Mm, Ml), M = (Mh * 2^k + Mm) * 2^k + Ml; else M = Mh * 2^k + Ml.

    Mm and Ml lie in -2^(k-1) ... 2^(k-1) - 1.
    """
    half = (1 << low_bits) >> 1
    high = (multiplier + half) >> low_bits
    low = multiplier - (high << low_bits)
    if not triple:
        return high, 0 * high, low
    rest = high
    high = (rest + half) >> low_bits
    return high, rest - (high << low_bits), low


def evaluate(
    requant: Requant, channel: int, total: np.ndarray, clamp: bool = True
) -> np.ndarray:
    """What the generated C computes from (scaled) sums of products."""
    c = requant.channels[channel]
    t = (total.astype(np.int64) + c.bias) >> requant.drop
    if requant.form == "wide":
        u = int8.requantize(t, c.multiplier, c.shift) + requant.zero
    else:
        high, middle, low = requant.parts(c.multiplier)
        offset = np.where(requant.signed & (t < 0), c.negative, c.offset)
        part = t * low + offset
        if requant.form == "triple":
            part = t * middle + offset + ((t * low) >> requant.low_bits)
        u = t * high + (part >> requant.low_bits)
        if requant.form == "checked":
            return _checked(requant, c, t, u, clamp)
        u = (u + (requant.centre if requant.signed else 0)) >> requant.shift
    return np.clip(u, requant.low, requant.high) if clamp else u


def _checked(
    requant: Requant, c: Channel, t: np.ndarray, u: np.ndarray, clamp: bool
) -> np.ndarray:
    doubted = (u >> (requant.shift - requant.doubt)) & ((1 << requant.doubt) - 1) == 0
    accumulator = (t - c.moved) >> requant.power
    exact = int8.requantize(accumulator, c.mantissa, c.shift) + requant.zero
    found = np.where(doubted, exact, u >> requant.shift)
    return np.clip(found, requant.low, requant.high) if clamp else found


def fits(
    bound: tuple[int | np.ndarray, int | np.ndarray],
    multiplier: int | np.ndarray,
    c: int | np.ndarray,
    low_bits: int,
    k: int,
    triple: bool,
) -> np.ndarray:
    """(N,) whether no intermediate leaves int32 over the reachable accumulators.

    Bounds, multipliers and C are (N,), or one for all.
    """
    *ends, multiplier, c = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(x, np.int64)) for x in (*bound, multiplier, c))
    )
    high, middle, low = parts(multiplier, low_bits, triple)
    # Everything is linear in t, but for C's sign.
    t = np.stack([*ends, np.zeros_like(c), np.full_like(c, -1)])
    # Products of what fits stay within 64 bits; those of the others are not asked.
    good = _narrow(t, c, high, middle, low) & (abs(k) <= INT32_MAX)
    under = t * low
    values = [under, under + c]
    if triple:
        under >>= low_bits
        values = [t * low, t * middle, t * middle + c, t * middle + c + under]
    part = values[-1] >> low_bits
    high = t * high
    return np.asarray(good & _narrow(*values, high, high + part, high + part + k))


def _narrow(*values: np.ndarray) -> np.ndarray:
    """(N,) whether all of (N,) and (4, N) are int32s, but the least."""
    rows = np.vstack([np.abs(value) for value in values])
    return np.asarray((rows <= INT32_MAX).all(axis=0))
