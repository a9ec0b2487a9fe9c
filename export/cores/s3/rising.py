"""Where a function of sums that rises steps up: what constants are solved for.

steps = rising.weighted(stage)      # None where an int32 could wrap around
constants = requant.solve(steps)
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from export.arithmetic import int8
from export.arithmetic.fixedpoint import INT32_MAX
from export.arithmetic.requant_proof import thresholds
from export.graph.stage import Stage

GOALS = np.arange(-127, 128, dtype=np.int64)  # outputs that are stepped up to
LEAST = 1e-9  # outputs a unit of the sum: a channel below it never steps


@dataclass(frozen=True, eq=False)
class Steps:
    """Functions of the sums of C channels, all rising, by where they step."""

    real: np.ndarray  # (C,) slope, outputs a unit of the sum
    least: np.ndarray  # (C,) int64, reachable sums
    greatest: np.ndarray  # (C,)
    turn: np.ndarray  # (C,) sums below it are rounded as negative
    at: np.ndarray  # (C, 255) least sum that gives at least each of GOALS
    ends: np.ndarray  # (C, 2) outputs of the least and the greatest sum

    def digest(self) -> bytes:
        """Equal where all of it is: each step of a written-out loop asks the same."""
        arrays = (self.real, self.least, self.greatest, self.turn, self.at, self.ends)
        return hashlib.sha256(b"".join(a.tobytes() for a in arrays)).digest()


def weighted(stage: Stage) -> Steps | None:
    """The steps of a stage of weighted sums.

    None where an int32 could wrap around: no formula that rises is equal then.
    """
    network, op = stage.network, stage.head
    source, out = network.tensors[op.inputs[0]], network.output(op)
    w = stage.flat_weights()
    bias = int8.bias(network, op)
    extra = (0 if bias is None else bias) - source.zero_point * w.sum(1)
    mantissa, shift = int8.channel_multipliers(network, op)
    greatest = np.maximum(w * 127, w * -128).sum(1)
    least = np.minimum(w * 127, w * -128).sum(1)
    reach = np.maximum(np.abs(least + extra), np.abs(greatest + extra))
    if np.any(reach << np.clip(shift, 0, 31) > INT32_MAX) or np.any(mantissa < 0):
        return None

    def function(sums: np.ndarray) -> np.ndarray:
        scaled = int8.requantize(
            sums + extra[:, None], mantissa[:, None], shift[:, None]
        )
        return int8.clamp(scaled + out.zero_point).astype(np.int64)

    real = mantissa / 2.0**31 * 2.0**shift
    near = (GOALS - out.zero_point - 0.5) / np.maximum(real, LEAST)[:, None]
    near = np.rint(near - extra[:, None])
    return stepped(function, real, least, greatest, -extra, near.astype(np.int64))


def stepped(
    function: Callable[[np.ndarray], np.ndarray],
    real: np.ndarray,
    least: np.ndarray,
    greatest: np.ndarray,
    turn: np.ndarray,
    near: np.ndarray | None = None,
) -> Steps:
    """Where a function of sums (C, N) steps that rises in each channel."""
    goals = np.broadcast_to(GOALS, (len(least), len(GOALS)))
    at = thresholds(function, goals, least[:, None], greatest[:, None], near)
    ends = function(np.stack([least, greatest], 1))
    return Steps(real, least, greatest, turn, at, ends)
