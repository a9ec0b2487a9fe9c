"""Powers of two that save the float16 engine an addition for each weight it decodes.

    found = scales.plan(stages)

A binary16 that is moved to a float's places without a new exponent is 2^112 times too
small. What a stage reads may be as much too large instead: its producer stores it so,
which costs little or nothing. A part of the 2^112 goes into the stored weights, so that
the largest just fits binary16: then none is subnormal, which not every FPU has the same
way, and there is room for large inputs. All of it is exact and changes no sum's bits.
"""

from dataclasses import dataclass, field

import numpy as np

from export.arithmetic.float16 import FLOAT16_LEAST_NORMAL, largest, roundings, weighted
from export.graph.kinds import MAC_KINDS
from export.graph.stage import Stage

MISSING = 112  # log2 of what nn_half_raw leaves out
LARGEST_HALF = 16  # log2 above all binary16
LARGEST_STORED = 2.0**126


@dataclass(frozen=True)
class Scales:
    """By stage number, logs to the base of two; what is not there is not scaled."""

    weights: dict[int, int] = field(default_factory=dict)
    outputs: dict[int, int] = field(default_factory=dict)


def plan(stages: tuple[Stage, ...]) -> Scales:
    """What the weights of each stage and what it stores are multiplied by."""
    weights: dict[int, int] = {}
    outputs: dict[int, int] = {}
    most, rounding = largest(stages), roundings(stages)
    for stage in stages:
        makers = [s for s in stages if s.output == stage.inputs[0]]
        readers = [s for s in stages if stage.inputs[0] in s.inputs]
        if stage.head.kind not in MAC_KINDS or not makers or len(readers) > 1:
            continue
        number = makers[0].number
        power = _power(weighted(stage)[0])
        if power is None or rounding[number] == "none":
            continue
        if most[number] * 2.0 ** (MISSING - power) < LARGEST_STORED:
            weights[stage.number] = power
            outputs[number] = MISSING - power
    return Scales(weights, outputs)


def _power(values: np.ndarray) -> int | None:
    """The largest power of two that leaves weights finite, if it leaves all normal."""
    sizes = np.abs(values[values != 0], dtype=np.float64)
    if not sizes.size or not np.isfinite(sizes).all():
        return None
    power = LARGEST_HALF - int(np.frexp(sizes.max())[1])
    return power if sizes.min() * 2.0**power >= FLOAT16_LEAST_NORMAL else None
