"""Requantisation without 64-bit arithmetic, proved equal to TFLite's, per channel.

TFLite turns an int32 accumulator into an int8 by two roundings in 64 bits. That
function of the accumulator is monotone, so it is described completely by its
thresholds: T[u] = the least accumulator that gives at least u, for u = 1..255 on
the scale u = q + 128. Any other monotone formula is equal to it on every
accumulator if and only if it steps at the same places. `solve` looks for

    u = clamp((acc * M + C) >> s, 0, 255)

with integers M and C that satisfy the 510 inequalities "the step to u lies between
T[u] - 1 and T[u]", then bounds every intermediate over the reachable accumulators.
If one 32-bit product is too narrow, the product is split: acc = hi * 2^k + lo,

    u = clamp((hi * M + ((lo * M + C) >> k)) >> (s - k), 0, 255)

which is the same number. If no such constants exist, the 64-bit form stays.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

INT32_MAX = (1 << 31) - 1


@dataclass(frozen=True)
class Channel:
    """Constants of one output channel; which are used depends on the form."""

    bias: int  # added to the sum of products before anything else
    multiplier: int  # M, or TFLite's mantissa in the wide form
    offset: int  # C
    shift: int  # TFLite's shift, used by the wide form only


@dataclass(frozen=True)
class Requant:
    """How one layer requantises: "single", "split" or "wide"."""

    form: str
    channels: tuple[Channel, ...]
    shift: int  # s, or s - k in the split form
    low_bits: int  # k; 0 in the single form
    drop: int  # low accumulator bits that are dropped first (a scaled sum)
    low: int  # least u that the fused activation lets through
    high: int  # greatest
    zero_point: int  # of the output, on the u scale; used by the wide form only


@dataclass(frozen=True)
class Steps:
    """A channel's exact function: its thresholds and the range that can occur."""

    bias: int
    mantissa: int
    shift: int
    least: int  # reachable accumulators, bias included
    greatest: int
    thresholds: np.ndarray  # int64 (high - low,): T[low + 1] ... T[high]


def thresholds(
    function: Callable[[np.ndarray], np.ndarray],
    low: int,
    high: int,
    least: int,
    greatest: int,
) -> np.ndarray:
    """T[low + 1 .. high] of a function that rises monotonely on [least, greatest].

    `greatest` + 1 stands for a value that is never reached.
    """
    goal = np.arange(low + 1, high + 1)
    left = np.full(goal.shape, least - 1, np.int64)  # below: not reached
    right = np.full(goal.shape, greatest + 1, np.int64)  # at or above: reached
    while np.any(right - left > 1):
        middle = (left + right) // 2
        reached = function(np.clip(middle, least, greatest)) >= goal
        split = right - left > 1
        right = np.where(split & reached, middle, right)
        left = np.where(split & ~reached, middle, left)
    return right


def solve(
    steps: list[Steps], low: int, high: int, zero_point: int, scale: int = 1
) -> Requant:
    """The cheapest form that is exact on every channel.

    The sums come times `scale` (4 from Winograd). In the split and wide forms the
    caller adds the bias (times `scale`) first; the single form folds it into C.
    """
    for form in ("single", "split"):
        found = _solve_form(form, steps, low, high, zero_point, scale)
        if found is not None:
            return found
    return wide(steps, low, high, zero_point)


def wide(steps: list[Steps], low: int, high: int, zero_point: int) -> Requant:
    """TFLite's own form, for what no cheaper one can express."""
    channels = tuple(Channel(s.bias, s.mantissa, 0, s.shift) for s in steps)
    return Requant("wide", channels, 0, 0, 0, low, high, zero_point)


def _solve_form(
    form: str, steps: list[Steps], low: int, high: int, zero_point: int, scale: int
) -> Requant | None:
    drops = range(scale.bit_length() - 1, -1, -1) if scale > 1 else (0,)
    for drop in drops:
        bounds = [_bounds(form, s, scale, drop) for s in steps]
        spread = max(max(abs(lo), abs(hi)) for lo, hi in bounds)
        low_bits = 0 if form == "single" else max(spread.bit_length() // 2 - 1, 1)
        for shift in range(30 if form == "single" else 44, 7, -1):
            channels = []
            for one, bound in zip(steps, bounds, strict=True):
                channel = _channel(
                    form, one, bound, low, high, scale, drop, shift, low_bits
                )
                if channel is None:
                    break
                channels.append(channel)
            if len(channels) == len(steps):
                if form == "split" and shift <= low_bits:
                    break
                return Requant(
                    form,
                    tuple(channels),
                    shift - low_bits,
                    low_bits,
                    drop,
                    low,
                    high,
                    zero_point,
                )
    return None


def _bounds(form: str, one: Steps, scale: int, drop: int) -> tuple[int, int]:
    """Range of what is multiplied; the single form folds the bias into C."""
    base = one.bias if form == "single" else 0
    return (
        ((one.least - base) * scale) >> drop,
        ((one.greatest - base) * scale) >> drop,
    )


def _channel(
    form: str,
    one: Steps,
    bound: tuple[int, int],
    low: int,
    high: int,
    scale: int,
    drop: int,
    shift: int,
    low_bits: int,
) -> Channel | None:
    """M and C for one channel at one shift, or None."""
    live = (one.thresholds > one.least) & (one.thresholds <= one.greatest)
    goals = np.arange(low + 1, high + 1, dtype=np.int64)
    # Steps that no reachable accumulator takes must still not be taken wrongly.
    never = goals[one.thresholds > one.greatest]
    always = goals[one.thresholds <= one.least]
    goal_at = one.thresholds - (one.bias if form == "single" else 0)
    first = (goal_at * scale) >> drop  # least value that must reach the goal
    below = ((goal_at - 1) * scale) >> drop  # greatest that must not
    if np.any(first[live] <= below[live]):
        return None
    real = one.mantissa * 2.0 ** (one.shift - 31) / scale * (1 << drop)
    centre = int(round(real * (1 << shift)))
    if centre > INT32_MAX or centre < 2:
        return None
    reach = max(2, min(64, centre >> 8))
    m = np.arange(max(centre - reach, 1), centre + reach + 1, dtype=np.int64)[:, None]
    step = goals << shift
    at_least = np.full(len(m), -(1 << 62), np.int64)
    at_most = np.full(len(m), 1 << 62, np.int64)
    if live.any():
        at_least = np.maximum(at_least, (step[live] - first[live] * m).max(axis=1))
        at_most = np.minimum(at_most, (step[live] - below[live] * m - 1).min(axis=1))
    if len(always):
        at_least = np.maximum(at_least, (always[-1] << shift) - bound[0] * m[:, 0])
    if len(never):
        at_most = np.minimum(at_most, (never[0] << shift) - bound[1] * m[:, 0] - 1)
    good = np.flatnonzero(at_least <= at_most)
    for index in good[np.argsort(np.abs(m[good, 0] - centre), kind="stable")]:
        multiplier = int(m[index, 0])
        lowest, highest = int(at_least[index]), int(at_most[index])
        offset = min(max((lowest + highest) // 2, lowest), highest)
        if _fits(form, bound, multiplier, offset, low_bits):
            bias = 0 if form == "single" else one.bias
            return Channel(bias, multiplier, offset, 0)
    return None


def _fits(form: str, bound: tuple[int, int], m: int, c: int, low_bits: int) -> bool:
    """Whether no intermediate leaves int32 over the reachable accumulators."""
    least, greatest = bound
    if form == "single":
        values = (least * m, greatest * m, least * m + c, greatest * m + c, c, m)
    else:
        mask = (1 << low_bits) - 1
        part = (mask * m + c) >> low_bits, c >> low_bits
        high = (least >> low_bits) * m, (greatest >> low_bits) * m
        values = (
            c,
            m,
            mask * m,
            mask * m + c,
            *high,
            high[0] + part[0],
            high[0] + part[1],
            high[1] + part[0],
            high[1] + part[1],
            least,
            greatest,
        )
    return all(abs(v) <= INT32_MAX for v in values)


def evaluate(requant: Requant, channel: int, acc: np.ndarray) -> np.ndarray:
    """What the generated C computes, for tests: u of scaled sums, bias included."""
    c = requant.channels[channel]
    x = acc.astype(np.int64) >> requant.drop
    if requant.form == "single":
        u = (x * c.multiplier + c.offset) >> requant.shift
    else:
        mask = (1 << requant.low_bits) - 1
        part = ((x & mask) * c.multiplier + c.offset) >> requant.low_bits
        u = ((x >> requant.low_bits) * c.multiplier + part) >> requant.shift
    return np.clip(u, requant.low, requant.high)
