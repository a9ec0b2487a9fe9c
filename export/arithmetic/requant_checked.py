"""Constants of the checked form: split's two products, and TFLite's own in doubt.

split needs one multiplier that takes all 255 steps where TFLite takes them. Where there
is none (sums are large, or go through zero), the nearest multiplier is taken, with a C
by which no step comes too late. Where one comes too early, some bits below the shift
are all zero; so these bits say which few sums must be requantised as TFLite does.
"""

import numpy as np

from export.arithmetic.fixedpoint import INT32_MAX
from export.arithmetic.requant import Channel, Requant, Steps, fits

MOST_SHIFT = 44
LEAST_DOUBT, MOST_DOUBT = 5, 16  # bits: at most one sum in 32 is computed twice


def solve(
    steps: list[Steps], goals: np.ndarray, low: int, high: int, zero: int, scale: int
) -> Requant | None:
    """As `requant_proof.solve`; None where bits or int32 do not suffice."""
    spread = scale * max(max(abs(s.least), abs(s.greatest)) for s in steps)
    low_bits = max(((INT32_MAX - (1 << 26)) // max(spread, 1)).bit_length(), 1)
    for shift in range(MOST_SHIFT, low_bits + LEAST_DOUBT, -1):
        channels, doubt = [], min(MOST_DOUBT, shift - low_bits)
        for one in steps:
            found = _channel(one, goals, shift, low_bits, scale)
            if found is None or found[1] < LEAST_DOUBT:
                break
            channels.append(found[0])
            doubt = min(doubt, found[1])
        if len(channels) == len(steps):
            return Requant(
                form="checked",
                channels=tuple(channels),
                shift=shift - low_bits,
                low_bits=low_bits,
                drop=0,
                low=low,
                high=high,
                zero=zero,
                doubt=doubt,
                power=scale.bit_length() - 1,
            )
    return None


def _channel(
    one: Steps, goals: np.ndarray, shift: int, low_bits: int, scale: int
) -> tuple[Channel, int] | None:
    """One channel's constants and its bits of doubt, or None."""
    multiplier = round(one.mantissa * 2.0 ** (one.shift - 31 + shift) / scale)
    reached = one.thresholds <= one.greatest
    if not 2 <= multiplier <= 1 << 40 or not len(goals):
        return None
    step = goals.astype(np.int64) << shift
    below = np.minimum(one.thresholds - 1, one.greatest) * scale
    if reached.any():
        first = np.maximum(one.thresholds, one.least) * scale
        c = int((step - first * multiplier)[reached].max())
    else:  # a channel that never wakes
        c = int((step - below * multiplier).min()) - 1
    early = (below * multiplier + c - step)[one.thresholds > one.least]
    doubt = shift - int(early.max(initial=0)).bit_length()
    moved, offset = divmod(c, multiplier)
    bound = one.least * scale + moved, one.greatest * scale + moved
    if not fits(bound, multiplier, offset, low_bits, 0, False):
        return None
    bias = one.bias * scale + moved
    return Channel(bias, multiplier, offset, 0, one.shift, moved, one.mantissa), doubt
