"""Requantisation in vector code, proved over the whole range of sums.

    constants = solve(steps)        # None where a channel cannot be had exactly

Eight lanes at once, from the sum t of a channel's products (no bias in it):

    x = sat32((t << k) + B), hi = x >> 16, lo = x & 0xffff
    y = (lo * (M >> 16) + hi * (M & 0x7fff)) >> 15
    y = y + hi * (M >> 15) - (hi < H ? D : 0)
    r = sat16(y >> s), q = r >> 8

M >> 16 is no more than M / 65536, so y rises with t. D sets the sums below zero back:
TFLite rounds halves away from zero. A function that rises is equal to TFLite's, which
rises too, if it steps at the same sums: both sides of each of TFLite's steps are
evaluated, and the ends of the range.
"""

from dataclasses import dataclass

import numpy as np

from export.arithmetic import int8
from export.arithmetic.requant_proof import thresholds
from export.graph.network import Network, Operator

GOALS = np.arange(-127, 128, dtype=np.int64)  # outputs that are stepped up to
INT32 = (1 << 31) - 1
MOST_SHIFT = 24  # of k and s
LESS = 2  # than the greatest k are tried
REACH = 400  # multipliers tried on either side of the real one
ROOM = 2  # that an interval of offsets must have


@dataclass(frozen=True, eq=False)
class Steps:
    """Functions of the sums of C channels, all rising, by where they step."""

    real: np.ndarray  # (C,) slope, outputs a unit of the sum
    least: np.ndarray  # (C,) int64, reachable sums
    greatest: np.ndarray  # (C,)
    turn: np.ndarray  # (C,) sums below it are rounded as negative
    at: np.ndarray  # (C, 255) least sum that gives at least each of GOALS
    ends: np.ndarray  # (C, 2) outputs of the least and the greatest sum


@dataclass(frozen=True, eq=False)
class Constants:
    """What the vector code needs; arrays are (C,)."""

    k: int
    s: int
    offset: np.ndarray  # B
    multiplier: np.ndarray  # M
    border: np.ndarray  # H
    back: np.ndarray  # D

    def apply(self, sums: np.ndarray) -> np.ndarray:
        """q of sums (C, N), as the vector code computes it."""
        x = (sums << self.k) + self.offset[:, None]
        x = np.clip(x, -INT32 - 1, INT32)
        high, low = x >> 16, x & 0xFFFF
        m = self.multiplier[:, None]
        y = (low * (m >> 16) + high * (m & 0x7FFF)) >> 15
        y = y + high * (m >> 15)
        y = y - (high < self.border[:, None]) * self.back[:, None]
        return np.clip(y >> self.s, -32768, 32767) >> 8

    def bytes(self, channels: np.ndarray) -> bytes:
        """The constants of eight lanes, in the order in which the code reads them."""
        b, m = self.offset[channels], self.multiplier[channels]
        halves = [m >> 16, self.border[channels], m & 0x7FFF, m >> 15]
        halves.append(self.back[channels])
        return b.astype("<i4").tobytes() + b"".join(
            x.astype("<u2").tobytes() if i in (0, 2) else x.astype("<i2").tobytes()
            for i, x in enumerate(halves)
        )


def weighted(network: Network, op: Operator, weights: np.ndarray) -> Steps | None:
    """The steps of a convolution or fully connected layer; weights (C, taps).

    None where an int32 could wrap around: no formula that rises is equal then.
    """
    source, out = network.tensors[op.inputs[0]], network.output(op)
    w = weights.astype(np.int64)
    bias = int8.bias(network, op)
    extra = (0 if bias is None else bias) - source.zero_point * w.sum(1)
    mantissa, shift = int8.channel_multipliers(network, op)
    greatest = np.maximum(w * 127, w * -128).sum(1)
    least = np.minimum(w * 127, w * -128).sum(1)
    reach = np.maximum(np.abs(least + extra), np.abs(greatest + extra))
    if np.any(reach << np.clip(shift, 0, 31) > INT32) or np.any(mantissa < 0):
        return None

    def function(sums: np.ndarray) -> np.ndarray:
        scaled = int8.requantize(
            sums + extra[:, None], mantissa[:, None], shift[:, None]
        )
        return int8.clamp(scaled + out.zero_point).astype(np.int64)

    real = mantissa / 2.0**31 * 2.0**shift
    return stepped(function, real, least, greatest, -extra)


def stepped(function, real, least, greatest, turn) -> Steps:  # type: ignore[no-untyped-def]
    """Where a function of sums (C, N) steps that rises in each channel."""
    goals = np.broadcast_to(GOALS, (len(least), len(GOALS)))
    at = thresholds(function, goals, least[:, None], greatest[:, None])
    ends = function(np.stack([least, greatest], 1))
    return Steps(real, least, greatest, turn, at, ends)


def solve(steps: Steps, fixed: int | None = None) -> Constants | None:
    """Exact constants for all channels; `fixed` is k where it is given."""
    reach = np.maximum(np.abs(steps.least), np.abs(steps.greatest))
    most = int(min(31 - np.log2(float(reach.max()) + 2), MOST_SHIFT))
    if fixed is not None:
        return _solved(steps, fixed) if fixed <= most else None
    for k in range(most, most - LESS - 1, -1):
        found = _solved(steps, k)
        if found is not None:
            return found
    return None


def _solved(steps: Steps, k: int) -> Constants | None:
    largest = float(steps.real.max())
    s = int(min(np.floor(k - 9 - np.log2(max(largest, 1e-30)) - 1e-9), MOST_SHIFT))
    if k < 0 or s < 0:
        return None
    channels = [_channel(steps, c, k, s) for c in range(len(steps.real))]
    if any(found is None for found in channels):
        return None
    columns = np.array(channels, np.int64).T
    constants = Constants(k, s, *columns)
    return constants if _exact(steps, constants) else None


def _channel(steps: Steps, c: int, k: int, s: int) -> tuple[int, int, int, int] | None:
    """(B, M, H, D) of one channel; `_exact` has the last word."""
    centre = round(float(steps.real[c]) * 2.0 ** (39 + s - k))
    tries = centre + np.arange(-REACH, REACH + 1)
    tries = tries[(tries >= 1) & (tries < 1 << 30)]
    tries = tries[np.argsort(np.abs(tries - centre), kind="stable")]
    at = steps.at[c]
    live = (at > steps.least[c]) & (at <= steps.greatest[c])
    goals, sums = GOALS[live], at[live]
    if not len(tries) or not len(sums):
        return _flat(steps, c, s)
    unit = 2.0 ** (s + 39) / tries[:, None]  # of x, a step of the output
    # The floor of M >> 16 makes y a little less than its half on average.
    low = goals * unit - sums * 2.0**k
    high = low + 2.0**k
    falling = sums <= steps.turn[c]
    positive = _interval(low[:, ~falling], high[:, ~falling])
    negative = _interval(low[:, falling], high[:, falling])
    for i in range(len(tries)):
        m = int(tries[i])
        if min(positive[1][i] - positive[0][i], negative[1][i] - negative[0][i]) < ROOM:
            continue
        up = _mean(positive[0][i], positive[1][i])
        down = _mean(negative[0][i], negative[1][i])
        offset = up if up is not None else down
        if offset is None:
            return None
        lost = (m & 0xFFFF) / m * 2.0**15  # what flooring M takes from x on average
        back = 0.0
        if up is not None and down is not None:
            back = max((up - down) * m / 2.0**31, 0.0)
        b = int(round(offset + lost))
        border = int(round((float(steps.turn[c]) * 2.0**k + b) / 65536))
        border = max(min(border, 32767), -32768)
        if abs(b) > INT32 or back > 32767:
            continue
        found = (b, m, border, int(round(back)))
        if _exact(_one(steps, c), _constants(k, s, found)):
            return found
    return None


def _flat(steps: Steps, c: int, s: int) -> tuple[int, int, int, int]:
    """A channel that gives the same output for every sum."""
    value = int(steps.ends[c, 0])
    m = 1 << 29
    x = ((value << (8 + s)) + (1 << (7 + s))) * 4
    return max(min(x, INT32), -INT32), m, -32768, 0


def _constants(k: int, s: int, found: tuple[int, int, int, int]) -> Constants:
    return Constants(k, s, *(np.array([x], np.int64) for x in found))


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


def _interval(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets that satisfy all steps, for each multiplier; endless without steps."""
    if not low.shape[1]:
        count = len(low)
        return np.full(count, -np.inf), np.full(count, np.inf)
    return low.max(1), high.min(1)


def _mean(low: float, high: float) -> float | None:
    return None if np.isinf(low) else (low + high) / 2


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
