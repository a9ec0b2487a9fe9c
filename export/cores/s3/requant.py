"""Requantisation in vector code, proved over the whole range of sums.

    constants = solve(steps)        # of `.rising`; None where a channel cannot be had

Eight lanes at once, from the sum t of a channel's products (no bias in it):

    x = sat32((t << k) + B), hi = x >> 16, lo = x & 0xffff
    quick:   y = (lo * (M >> 16) + hi * (M & 0x7fff)) >> 15
             y = y + hi * (M >> 15) - (hi < H ? D : 0)
    precise: y = (lo * (M & 0x7fff)) >> 15
             y = (y + lo * (M >> 15) + 2 * hi * (M & 0x7fff)) >> 16
             y = y + hi * (M >> 15) - (hi < H ? D : 0)
    r = sat16(y >> s), q = r >> 8

Precise is the exact floor of x * M / 2^31; quick drops what the low half of M adds to
it, but M >> 16 is no more than M / 65536, so both rise with t. Where neither is exact
in all channels a scalar form follows (`wide`). D sets the sums below zero back:
TFLite rounds halves away from zero. A function that rises is equal to TFLite's, which
rises too, if it steps at the same sums: both sides of each of TFLite's steps are
evaluated, and the ends of the range.
"""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from export.arithmetic import envelope
from export.arithmetic.fixedpoint import INT32_MAX
from export.arithmetic.int8 import INT16_MAX, INT16_MIN
from export.cores.s3.rising import GOALS, Steps

KNOWN = 256  # answers that are remembered
MOST_SHIFT = 24  # of k and s
LESS = 2  # than the greatest k are tried
REACH = 400  # multipliers looked at on either side of the real one
TRIES = 8  # of them that are tried in full
NODE = 50  # multipliers from one to the next at which all steps are looked at


@dataclass(frozen=True, eq=False)
class Constants:
    """What the vector code needs; arrays are (C,)."""

    k: int
    s: int
    offset: np.ndarray  # B
    multiplier: np.ndarray  # M
    border: np.ndarray  # H
    back: np.ndarray  # D
    precise: bool = False

    def apply(self, sums: np.ndarray) -> np.ndarray:
        """q of sums (C, N), as the vector code computes it."""
        x = (sums << self.k) + self.offset[:, None]
        x = np.clip(x, -INT32_MAX - 1, INT32_MAX)
        high, low = x >> 16, x & 0xFFFF
        m = self.multiplier[:, None]
        if self.precise:
            y = (low * (m & 0x7FFF)) >> 15
            y = (y + low * (m >> 15) + 2 * high * (m & 0x7FFF)) >> 16
        else:
            y = (low * (m >> 16) + high * (m & 0x7FFF)) >> 15
        y = y + high * (m >> 15)
        y = y - (high < self.border[:, None]) * self.back[:, None]
        return np.asarray(np.clip(y >> self.s, INT16_MIN, INT16_MAX) >> 8)

    def bytes(self, channels: np.ndarray) -> bytes:
        """The constants of eight lanes, in the order in which the code reads them."""
        b, m = self.offset[channels], self.multiplier[channels]
        border, back = self.border[channels], self.back[channels]
        halves = [m >> 16, border, m & 0x7FFF, m >> 15, back]
        if self.precise:
            halves = [m & 0x7FFF, m >> 15, border, back]
        parts = [b.astype("<i4"), *(x.astype("<i2") for x in halves)]
        return b"".join(bytes(part.tobytes()) for part in parts)

    @property
    def group_bytes(self) -> int:
        """Bytes of the constants of eight lanes."""
        return 96 if self.precise else 112


@dataclass(frozen=True)
class Question:
    """What constants depend on."""

    digest: bytes
    fixed: int | None
    steps: Steps = field(compare=False, repr=False)


def solve(steps: Steps, fixed: int | None = None) -> Constants | None:
    """Exact constants for all channels; `fixed` is k where it is given."""
    return _answer(Question(steps.digest(), fixed, steps))


@lru_cache(maxsize=KNOWN)
def _answer(asked: Question) -> Constants | None:
    steps, fixed = asked.steps, asked.fixed
    reach = np.maximum(np.abs(steps.least), np.abs(steps.greatest))
    most = int(min(31 - np.log2(float(reach.max()) + 2), MOST_SHIFT))
    if fixed is not None and fixed > most:
        return None
    shifts = range(most, most - LESS - 1, -1) if fixed is None else (fixed,)
    for precise in (False, True):
        for k in shifts:
            found = _solved(steps, k, precise)
            if found is not None:
                return found
    return None


def _solved(steps: Steps, k: int, precise: bool) -> Constants | None:
    largest = float(steps.real.max())
    s = int(min(np.floor(k - 9 - np.log2(max(largest, 1e-30)) - 1e-9), MOST_SHIFT))
    if k < 0 or s < 0:
        return None
    channels = []
    for c in range(len(steps.real)):
        found = _channel(steps, c, k, s, precise)
        if found is None:
            return None
        channels.append(found)
    constants = _constants(k, s, channels, precise)
    return constants if _exact(steps, constants) else None


def _channel(
    steps: Steps, c: int, k: int, s: int, precise: bool
) -> tuple[int, int, int, int] | None:
    """(B, M, H, D) of one channel; `_exact` has the last word."""
    centre = round(float(steps.real[c]) * 2.0 ** (39 + s - k))
    tries = centre + np.arange(-REACH, REACH + 1)
    tries = tries[(tries >= 1) & (tries < 1 << 30)]
    tries = tries[np.argsort(np.abs(tries - centre), kind="stable")]
    at = steps.at[c]
    live = (at > steps.least[c]) & (at <= steps.greatest[c])
    goals, sums = GOALS[live], at[live]
    if not len(tries) or not len(sums):
        return _flat(steps, c, k, s, precise)
    unit = 2.0 ** (s + 39) / tries  # of x, a step of the output
    falling = sums <= steps.turn[c]
    positive = _interval(goals[~falling], sums[~falling], unit, k)
    negative = _interval(goals[falling], sums[falling], unit, k)
    back, least, greatest = _together(positive, negative, 2.0**31 / tries)
    lost = 0 * tries if precise else (tries & 0xFFFF) / tries * 2.0**16  # at most
    room = greatest - least
    best = np.argsort(lost - room, kind="stable")[:TRIES]
    for i in best[room[best] > 0]:
        b = int(round((least[i] + greatest[i] + lost[i]) / 2))
        border = int(round((float(steps.turn[c]) * 2.0**k + b) / 65536))
        border = max(min(border, INT16_MAX), INT16_MIN)
        if abs(b) > INT32_MAX or back[i] > INT16_MAX:
            continue
        found = (b, int(tries[i]), border, int(back[i]))
        if _exact(_one(steps, c), _constants(k, s, [found], precise)):
            return found
    return None


Pair = tuple[np.ndarray, np.ndarray]


def _together(
    positive: Pair, negative: Pair, grain: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """D, and the offsets that then suit the sums of both signs, for each multiplier."""
    ends = positive if np.isinf(negative[0]).all() else negative
    if np.isinf(positive[0]).all() or np.isinf(negative[0]).all():
        return np.zeros(len(grain)), *ends
    apart = (positive[0] + positive[1] - negative[0] - negative[1]) / 2
    found = []
    for up in (0, 1):
        back = np.maximum(np.floor(apart / grain) + up, 0)
        least = np.maximum(positive[0], negative[0] + back * grain)
        greatest = np.minimum(positive[1], negative[1] + back * grain)
        found.append((back, least, greatest))
    first, second = found
    better = second[2] - second[1] > first[2] - first[1]
    back, least, greatest = (
        np.where(better, two, one) for one, two in zip(first, second, strict=True)
    )
    return back, least, greatest


def _flat(
    steps: Steps, c: int, k: int, s: int, precise: bool
) -> tuple[int, int, int, int] | None:
    """A channel that gives the same output for every sum."""
    value = int(steps.ends[c, 0])
    ends = int(steps.least[c]) << k, int(steps.greatest[c]) << k
    m = max(min(round(float(steps.real[c]) * 2.0 ** (39 + s - k)), (1 << 30) - 1), 1)
    while m:
        unit = 2.0 ** (s + 39) / m
        low = value * unit - ends[0] if value > -128 else -INT32_MAX
        high = (value + 1) * unit - ends[1] if value < 127 else INT32_MAX
        b = round((max(low, -INT32_MAX) + min(high, INT32_MAX)) / 2)
        found = (max(min(b, INT32_MAX), -INT32_MAX), m, -32768, 0)
        if _exact(_one(steps, c), _constants(k, s, [found], precise)):
            return found
        m //= 2
    return None


def _constants(
    k: int, s: int, found: list[tuple[int, int, int, int]], precise: bool
) -> Constants:
    offset, multiplier, border, back = np.array(found, np.int64).T
    return Constants(k, s, offset, multiplier, border, back, precise)


def _one(steps: Steps, c: int) -> Steps:
    part = slice(c, c + 1)
    return Steps(
        steps.real[part],
        steps.least[part],
        steps.greatest[part],
        steps.turn[part],
        steps.at[part],
        steps.ends[part],
    )


def _interval(goals: np.ndarray, sums: np.ndarray, unit: np.ndarray, k: int) -> Pair:
    """Offsets that satisfy all steps, for each multiplier; endless without steps."""
    if not len(goals):
        return np.full(len(unit), -np.inf), np.full(len(unit), np.inf)
    ordered = np.sort(unit)
    nodes = np.append(ordered[::NODE], ordered[-1])[:, None]
    at_nodes = goals * nodes - sums * 2.0**k
    outer = envelope.highest(at_nodes) | envelope.lowest(at_nodes)
    low = goals[outer] * unit[:, None] - sums[outer] * 2.0**k
    return low.max(1), low.min(1) + 2.0**k


def _exact(steps: Steps, constants: Constants) -> bool:
    """Whether the vector code steps where the function does."""
    least, greatest = steps.least[:, None], steps.greatest[:, None]
    ends = constants.apply(np.concatenate([least, greatest], 1))
    if not np.array_equal(ends, steps.ends):
        return False
    live = (steps.at > least) & (steps.at <= greatest)
    at = constants.apply(np.clip(steps.at, least, greatest))
    before = constants.apply(np.clip(steps.at - 1, least, greatest))
    goals = np.broadcast_to(GOALS, live.shape)
    return bool(np.all((at >= goals)[live]) and np.all((before < goals)[live]))
