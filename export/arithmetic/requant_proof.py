"""Requantisation proved equal to TFLite's, per channel.

TFLite's function of the accumulator is monotone, so it is described completely by its
thresholds: T[u] = the least accumulator that gives at least u, for u = 1..255. Any
other monotone formula is equal to it on every accumulator if and only if it steps at
the same places. `solve` looks for a form of `requant` with integers that satisfy
the 510 inequalities "the step to u lies between T[u] - 1 and T[u]", then bounds every
intermediate over the reachable sums. Where a table follows, steps that the table does
not tell apart are not asked for. If no such constants exist, the 64-bit form stays.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from export.arithmetic import requant_checked
from export.arithmetic.fixedpoint import INT32_MAX
from export.arithmetic.requant import SIGNED, Channel, Requant, Steps, fits, parts

Range = tuple[np.ndarray, np.ndarray]  # (N,) least, (N,) greatest
Pairs = tuple[np.ndarray, np.ndarray]  # (K,) sums, (K,) goals
FAR = np.int64(1 << 60)  # an open side of a range
NONE = np.empty(0, np.int64), list[Range]()
NEAR = 2  # a threshold is rarely farther from where a straight line has it
FEW = 4  # bits of a scale that are tried one by one
MANY, SPARSE = 4096, 64  # goals, as 16 bits have them; every how many is seen first
SHIFTS = {"single": 30, "split": 44, "signed": 44, "triple": 52}  # the most tried


def thresholds(
    function: Callable[[np.ndarray], np.ndarray],
    goals: np.ndarray,
    least: np.ndarray | int,
    greatest: np.ndarray | int,
    near: np.ndarray | None = None,
) -> np.ndarray:
    """T[goals] of a function that rises monotonely on [least, greatest].

    `greatest` + 1 stands for a value that is never reached. For several functions at
    once, (channels, 1) bounds give (channels, goals). Where they are thought to be,
    `near` says: it saves most of the search where that is right.
    """
    shape = np.broadcast_shapes(goals.shape, np.shape(least))
    left = np.broadcast_to(np.asarray(least, np.int64) - 1, shape)  # not reached
    right = np.broadcast_to(np.asarray(greatest, np.int64) + 1, shape)  # reached
    guesses = [] if near is None else [near - NEAR, near + NEAR]
    while np.any(right - left > 1):
        middle = (left + right) // 2
        if guesses:
            middle = np.clip(guesses.pop(), left + 1, np.maximum(right - 1, left + 1))
        reached = function(np.clip(middle, least, greatest)) >= goals
        split = right - left > 1
        right = np.where(split & reached, middle, right)
        left = np.where(split & ~reached, middle, left)
    return np.asarray(right)


def solve(
    steps: list[Steps],
    goals: np.ndarray,
    low: int,
    high: int,
    zero: int,
    scale: int = 1,
    often: bool = True,
) -> Requant:
    """The cheapest form that is exact on every channel.

    `goals` are the u whose thresholds the steps hold. The sums come times `scale`
    (from Winograd), as do the biases that are added to them. `often`: it is used so
    much that the checked form is worth the code of TFLite's own.
    """
    most = scale.bit_length() - 1
    for form in ("single", "split", "signed", "triple"):
        # Dropping bits costs a shift, keeping many of them precision.
        for drop in range(most + 1) if most < FEW else (most,):
            trial = Trial(form, drop, scale, zero if form in SIGNED else 0)
            found = _solve(trial, steps, goals, low, high)
            if found is not None:
                return found
        if form == ("signed" if often else "triple"):
            checked = requant_checked.solve(steps, goals, low, high, zero, scale)
            if checked is not None:
                return checked
    if scale != 1:
        raise ValueError("no exact narrow form for scaled sums")
    return wide(steps, low, high, zero)


def wide(steps: list[Steps], low: int, high: int, zero: int) -> Requant:
    """TFLite's own form, for what no cheaper one can express."""
    channels = tuple(Channel(s.bias, s.mantissa, 0, 0, s.shift) for s in steps)
    return Requant("wide", channels, 0, 0, 0, low, high, zero)


@dataclass(frozen=True)
class Trial:
    """One way to try; the fields are those of Requant."""

    form: str
    drop: int
    scale: int
    zero: int

    @property
    def signed(self) -> bool:
        """As of Requant."""
        return self.form in SIGNED

    def below(self, low_bits: int) -> int:
        """Bits that are gone before the shift: of each product with a low part."""
        return low_bits * (2 if self.form == "triple" else 1)

    def view(self, one: Steps, acc: np.ndarray | int) -> np.ndarray:
        """What is multiplied, for a true accumulator (bias included)."""
        total = np.asarray(acc, np.int64) * self.scale
        if self.form == "single":
            total = total - one.bias * self.scale
        return total >> self.drop


def _solve(
    trial: Trial, steps: list[Steps], goals: np.ndarray, low: int, high: int
) -> Requant | None:
    bounds = [
        (int(trial.view(s, s.least)), int(trial.view(s, s.greatest))) for s in steps
    ]
    spread = max(max(abs(least), abs(greatest)) for least, greatest in bounds)
    single = trial.form == "single"
    room = (INT32_MAX - (1 << 26)) // max(spread, 1)
    low_bits = 0 if single else max(room.bit_length(), 1)
    below = trial.below(low_bits)
    order = list(range(len(steps)))
    for shift in range(SHIFTS[trial.form], below + 4, -1):
        found: dict[int, Channel] = {}
        for number in order:
            one, bound = steps[number], bounds[number]
            channel = _channel(trial, one, bound, goals, shift, low_bits)
            if channel is None:  # it will be at the next shift, as a rule
                order.remove(number)
                order.insert(0, number)
                break
            found[number] = channel
        if len(found) == len(steps):
            return Requant(
                trial.form,
                tuple(found[number] for number in range(len(steps))),
                shift - below,
                low_bits,
                trial.drop,
                low,
                high,
                trial.zero,
            )
    return None


def _channel(
    trial: Trial,
    one: Steps,
    bound: tuple[int, int],
    goals: np.ndarray,
    shift: int,
    low_bits: int,
) -> Channel | None:
    """M and C for one channel at one shift, or None."""
    triple = trial.form == "triple"
    unit = 1 << low_bits if triple else 1  # of C
    below = trial.below(low_bits)
    k = (2 * trial.zero + 1) << (shift - below - 1) if trial.signed else 0
    if k > INT32_MAX:
        return None
    tried = _tried(trial, one, shift)
    if not len(tried) or not _multiplies(trial, bound, int(tried.min()), low_bits):
        return None
    m, ranges = _candidates(trial, one, bound, goals, shift, unit, tried)
    if not len(m):
        return None
    (offset, *second), bias = _picked(ranges), one.bias * trial.scale
    negative = second[0] if second else offset
    moved, fall = np.zeros_like(m), unit * negative <= unit * offset + m
    if trial.form == "single":
        bias = 0
    elif trial.form == "split":  # whole multipliers in C join the bias
        moved, offset = np.divmod(offset, m)
        negative = offset
    part = bound[0] + moved, bound[1] + moved
    good = fits(part, m, offset, low_bits, k, triple)
    if second:  # else it would fall between -1 and 0
        good &= fall & fits(part, m, negative, low_bits, k, triple)
    if not good.any():
        return None
    i = int(good.argmax())
    bias += int(moved[i]) << trial.drop
    return Channel(bias, int(m[i]), int(offset[i]), int(negative[i]), 0)


def _multiplies(
    trial: Trial, bound: tuple[int, int], multiplier: int, low_bits: int
) -> bool:
    """Whether sums that far from zero, times the high part, are of 32 bits."""
    reach = max(-bound[0], bound[1])
    if trial.form == "split":  # what joins the bias moves both ends
        reach = (bound[1] - bound[0]) // 2
    high = parts(multiplier, low_bits, trial.form == "triple")[0]
    return reach * high <= INT32_MAX


def _tried(trial: Trial, one: Steps, shift: int) -> np.ndarray:
    """(N,) the multipliers that are looked at, nearest to the real scale first."""
    real = one.mantissa * 2.0 ** (one.shift - 31) / trial.scale * (1 << trial.drop)
    centre = round(real * 2.0**shift)
    if not 2 <= centre <= (1 << 36 if trial.form == "triple" else INT32_MAX >> 4):
        return np.empty(0, np.int64)
    reach = max(2, min(64, centre >> 8))
    away = np.arange(max(-reach, 1 - centre), reach + 1, dtype=np.int64)
    return centre + away[np.argsort(np.abs(away), kind="stable")]


def _candidates(
    trial: Trial,
    one: Steps,
    bound: tuple[int, int],
    goals: np.ndarray,
    shift: int,
    unit: int,
    tried: np.ndarray,
) -> tuple[np.ndarray, list[Range]]:
    """Those of the multipliers `tried` that can step where TFLite does.

    With them the ranges of C, in units of `unit`: one, or one for each sign.
    """
    half = 1 << (shift - 1) if trial.signed else 0  # K holds it
    always = one.thresholds <= one.least
    never = one.thresholds > one.greatest
    live = ~always & ~never
    first = trial.view(one, one.thresholds[live])  # least that must reach the goal
    below = trial.view(one, one.thresholds[live] - 1)  # greatest that must not
    if np.any(first <= below):
        return NONE
    step = ((goals - trial.zero) << shift) - half
    # (accumulator's view, goal) pairs that must, and must not, reach the goal
    must = _pairs(first, step[live], bound[0], step[always])
    must_not = _pairs(below, step[live], bound[1], step[never])
    signs = (False, True) if trial.signed else (None,)
    ranges: list[Range] = []
    # A few steps rule most multipliers out; what is left is held to all of them.
    for every in (SPARSE, 1) if len(goals) > MANY else (1,):
        some, some_not = (
            (view[::every], goal[::every]) for view, goal in (must, must_not)
        )
        ranges = [
            _offsets(tried[:, None], some, some_not, negative) for negative in signs
        ]
        ranges = [(-(-low // unit), high // unit) for low, high in ranges]
        good = np.flatnonzero(np.all([low <= high for low, high in ranges], axis=0))
        tried = tried[good]
    return tried, [(low[good], high[good]) for low, high in ranges]


def _pairs(views: np.ndarray, steps: np.ndarray, end: int, beyond: np.ndarray) -> Pairs:
    """The steps that are taken, and those beyond the range, seen from its end."""
    return (
        np.concatenate([views, np.full(beyond.shape, end, np.int64)]),
        np.concatenate([steps, beyond]),
    )


def _offsets(
    m: np.ndarray, must: Pairs, must_not: Pairs, negative: bool | None
) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest C for each multiplier, for one sign of the total or both."""
    lowest, highest = np.full(len(m), -FAR), np.full(len(m), FAR)
    for (view, step), reach in ((must, True), (must_not, False)):
        if negative is not None:
            chosen = (view < 0) == negative
            view, step = view[chosen], step[chosen]
        if not len(view):
            continue
        if reach:
            lowest = np.maximum(lowest, (step - view * m).max(axis=1))
        else:
            highest = np.minimum(highest, (step - view * m - 1).min(axis=1))
    return lowest, highest


def _picked(ranges: list[Range]) -> list[np.ndarray]:
    """The middle of each range; where a side is open, the value next to the first."""
    found: list[np.ndarray] = []
    for lowest, highest in ranges:
        near = np.clip(found[0] if found else 0, lowest, highest)
        bounded = (lowest > -FAR) & (highest < FAR)
        found.append(np.where(bounded, (lowest + highest) // 2, near))
    return found
