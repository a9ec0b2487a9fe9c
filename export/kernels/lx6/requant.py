"""Requantisation by MULSH, exact for every sum that can occur.

A sum comes as y = S * t, t being TFLite's accumulator, the bias included. TFLite takes
x = (t * m + 2^30) >> 31, then x / 2^r rounded, halves away from zero. With
S = 4 * 2^j that is, without any rounding of our own,

    v = MULSH(y, m),   q = (v + C) >> (r + 1 + j),   C by the sign of v:
    C = 2^(r + j) + 2^j  where v is not negative, else 2^(r + j) - 2^j

since 4 * t * m, the bits that MULSH drops included, meets the steps only at multiples
of 2^32. C also holds the output's zero point. S is chosen for each channel so that one
shift serves all of them. A scale that is no power of two (Winograd's 24 and 576) needs
another m and a search for C, or one more MULL that takes the odd factor out. Whatever
was chosen is proved here: at all thresholds of the exact function, and both are
monotone in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from export.arithmetic import envelope
from export.arithmetic.fixedpoint import INT32_MAX
from export.arithmetic.int8 import INT16_MAX
from export.arithmetic.requant import Steps
from export.arithmetic.requant_proof import FAR

KNOWN = 256  # answers that are remembered
LEAST = 4  # S
MOST_SHIFT = 30
NEAR = 24  # multipliers tried on either side
MOST_SCALE = 8  # bits of S that are of use
TRIES = 96  # multipliers tried on either side where there is no C
NODE = 16  # of them, from one to the next at which all steps are looked at


@dataclass(frozen=True)
class Channel:
    """Constants of one output channel."""

    scale: int  # the weights' factor S, a power of two
    bias: int  # times all factors of the sum
    multiplier: int
    positive: int  # C where v is not negative
    negative: int


@dataclass(frozen=True)
class Narrow:
    """How a layer requantises."""

    shift: int
    inverse: int  # of the odd factor, modulo 2^32: a MULL before; 0: none
    channels: tuple[Channel, ...]
    plain: bool = False  # q = v >> shift: C is in the bias


@dataclass(frozen=True)
class Sums:
    """What a layer's kernel gives to be requantised."""

    factor: int  # of the transform: 1, 24 or 576
    odd: int  # its odd part
    heaviest: np.ndarray  # largest transformed weight of each channel, times 1


def solve(steps: Sequence[Steps], goals: np.ndarray, sums: Sums) -> Narrow | None:
    """Constants of every channel; None where a channel has none.

    `goals` are u = q + 128, whose thresholds the steps hold.
    """
    key = goals.tobytes(), sums.factor, sums.odd, sums.heaviest.tobytes()
    return _solved(Question(tuple(steps), key, goals, sums))


@dataclass(frozen=True)
class Question:
    """What the constants depend on: two profiles ask for the same."""

    steps: tuple[Steps, ...]
    key: tuple[bytes | int, ...]
    goals: np.ndarray = field(compare=False, repr=False)
    sums: Sums = field(compare=False, repr=False)


@lru_cache(maxsize=KNOWN)
def _solved(asked: Question) -> Narrow | None:
    """The answer."""
    steps, goals, sums = list(asked.steps), asked.goals, asked.sums
    if any(one.mantissa <= 0 or one.shift > 0 for one in steps):
        return None
    plain = _plain(steps, goals, sums)
    if plain is not None:
        return plain
    ways = [Way(sums.factor, sums.odd, 0)]
    if sums.odd > 1:
        ways.append(Way(sums.factor // sums.odd, 1, pow(sums.odd, -1, 1 << 32)))
    for way in ways:
        for shift in range(MOST_SHIFT, 0, -1):
            channels = _channels(steps, goals, sums, way, shift)
            if channels is not None:
                return Narrow(shift, way.inverse, channels)
    return None


# ==== Without C ====


def _plain(steps: list[Steps], goals: np.ndarray, sums: Sums) -> Narrow | None:
    """q = MULSH(y + b, M) >> s, where no sign need be looked at.

    That is so if no step lies below zero, as behind a ReLU. The bias, in parts of the
    accumulator's unit, takes the zero point and the half that rounds; M may be a
    little off, as it then is for every step.
    """
    scales, reals = [], []
    for one, heaviest in zip(steps, sums.heaviest, strict=True):
        reach = max(abs(one.least), abs(one.greatest), 1) * sums.factor
        room = min(INT16_MAX // max(int(heaviest), 1), INT32_MAX // (2 * reach))
        if room < 1:
            return None
        scales.append(1 << min(room.bit_length() - 1, MOST_SCALE))
        reals.append(one.mantissa * 2.0 ** (one.shift - 31))
    tops = [
        INT32_MAX / 2**32 * scale * sums.factor / real
        for scale, real in zip(scales, reals, strict=True)
    ]
    most = int(np.floor(np.log2(min(tops))))
    for shift in range(min(most, MOST_SHIFT), max(most - 3, 0), -1):
        found = []
        for one, scale in zip(steps, scales, strict=True):
            channel = _plain_channel(one, goals, scale, sums.factor, shift)
            if channel is None:
                break
            found.append(channel)
        if len(found) == len(steps):
            return Narrow(shift, 0, tuple(found), plain=True)
    return None


def _plain_channel(
    one: Steps, goals: np.ndarray, scale: int, factor: int, shift: int
) -> Channel | None:
    """M and the bias of one channel."""
    total = scale * factor
    real = one.mantissa * 2.0 ** (one.shift - 31)
    centre = real * 2.0 ** (32 + shift) / total
    live = (one.thresholds > one.least) & (one.thresholds <= one.greatest)
    must = np.where(live, one.thresholds, one.least)[one.thresholds <= one.greatest]
    must_goals = goals[one.thresholds <= one.greatest]
    must_not = np.where(live, one.thresholds - 1, one.greatest)
    must_not = must_not[one.thresholds > one.least]
    not_goals = goals[one.thresholds > one.least]
    span = max(int(np.abs(one.thresholds[live]).max(initial=1)), 1)
    step = max(centre / span / TRIES, 1.0)
    tried = np.round(centre + step * np.arange(-TRIES, TRIES + 1)).astype(np.int64)
    tried = tried[(tried > 0) & (tried <= INT32_MAX)][:, None]
    if not len(tried):
        return None

    def bounds(goal: np.ndarray, acc: np.ndarray, m: np.ndarray) -> np.ndarray:
        """The least bias that gives a goal: ceil(goal * 2^(32 + s) / M) - y."""
        return np.asarray(-((-((goal - 128) << (32 + shift))) // m) - acc * total)

    nodes = np.append(tried[::NODE], tried[-1:], axis=0)
    outer = envelope.highest(bounds(must_goals, must, nodes))
    low = bounds(must_goals[outer], must[outer], tried)
    outer = envelope.lowest(bounds(not_goals, must_not, nodes))
    high = bounds(not_goals[outer], must_not[outer], tried) - 1
    least = low.max(axis=1, initial=-FAR)
    greatest = high.min(axis=1, initial=FAR)
    good = np.flatnonzero((least <= greatest) & (least > -FAR) & (greatest < FAR))
    if not len(good):
        return None
    best = good[np.argmax(greatest[good] - least[good])]
    bias = int(least[best] + greatest[best]) // 2
    ends = [end * total + bias for end in (one.least, one.greatest)]
    if max(map(abs, ends)) > INT32_MAX:
        return None
    bias += one.bias * total
    return Channel(scale, _signed(bias), int(tried[best, 0]), 0, 0)


# ==== C by the sign ====


@dataclass(frozen=True)
class Way:
    """How the transform's factor is dealt with."""

    factor: int  # what is left of it when MULSH comes
    odd: int  # its odd part, which M takes out
    inverse: int  # of what a MULL has taken out before; 0: none has

    @property
    def more(self) -> int:
        """Bits that M gains where an odd factor makes it smaller."""
        return self.odd.bit_length() - 1


def _channels(
    steps: list[Steps], goals: np.ndarray, sums: Sums, way: Way, shift: int
) -> tuple[Channel, ...] | None:
    """All channels at one shift."""
    even = way.factor // way.odd
    found = []
    for one, heaviest in zip(steps, sums.heaviest, strict=True):
        j = shift - 1 + one.shift - way.more  # S * even is 4 * 2^j
        if j < 0 or 4 << j < even:
            return None
        scale = (4 << j) // even
        reach = max(abs(one.least), abs(one.greatest)) * way.factor * scale
        if scale * heaviest > INT16_MAX or reach > INT32_MAX:
            return None
        channel = _channel(one, goals, scale, way, shift, sums.factor)
        if channel is None:
            return None
        found.append(channel)
    return tuple(found)


def _channel(
    one: Steps, goals: np.ndarray, scale: int, way: Way, shift: int, factor: int
) -> Channel | None:
    """M and C at one shift."""
    live = (one.thresholds > one.least) & (one.thresholds <= one.greatest)
    always = one.thresholds <= one.least
    never = one.thresholds > one.greatest
    step = (goals - 128) << shift
    must = np.concatenate([one.thresholds[live], np.full(always.sum(), one.least)])
    must_step = np.concatenate([step[live], step[always]])
    must_not = np.concatenate(
        [one.thresholds[live] - 1, np.full(never.sum(), one.greatest)]
    )
    not_step = np.concatenate([step[live], step[never]])
    centre = round((one.mantissa << way.more) / way.odd)
    total = scale * way.factor
    for away in (0,) if way.odd == 1 else _nearest(NEAR):
        times = total * (centre + away)  # of t, before the 32 bits are dropped
        found = _offsets(
            (must * times) >> 32, must_step, (must_not * times) >> 32, not_step
        )
        if found is None:
            continue
        ends = [(end * times) >> 32 for end in (one.least, one.greatest)]
        if max(map(abs, ends)) + max(map(abs, found)) > INT32_MAX:
            return None
        bias = _signed(one.bias * scale * factor)
        return Channel(scale, bias, centre + away, *found)
    return None


def _nearest(reach: int) -> list[int]:
    """0, 1, -1, 2, -2, ..."""
    return sorted(range(-reach, reach + 1), key=abs)


def _signed(value: int) -> int:
    """Modulo 2^32, as int32."""
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


def _offsets(
    must: np.ndarray, must_step: np.ndarray, not_: np.ndarray, not_step: np.ndarray
) -> tuple[int, int] | None:
    """C for both signs: v + C >= step where it must, < step where it must not."""
    picked = []
    for negative in (False, True):
        yes, no = (must < 0) == negative, (not_ < 0) == negative
        low = int((must_step[yes] - must[yes]).max(initial=-FAR))
        high = int((not_step[no] - not_[no] - 1).min(initial=FAR))
        if low > high:
            return None
        picked.append((low, high))
    (low, high), (low_n, high_n) = picked
    positive, negative_c = _middle(low, high), _middle(low_n, high_n)
    if positive is None:
        positive = negative_c if negative_c is not None else 0
    if negative_c is None:
        negative_c = positive
    # monotone where the sign changes: -1 + C(negative) <= 0 + C(positive)
    if negative_c > positive + 1:
        negative_c = min(negative_c, positive + 1)
        if negative_c < low_n:
            return None
    return positive, negative_c


def _middle(low: int, high: int) -> int | None:
    if low <= -FAR and high >= FAR:
        return None
    if low <= -FAR:
        return high
    if high >= FAR:
        return low
    return (low + high) // 2
