"""The decision beside the class: <prefix>_decide.h and .c, from `training.doubt`.

    files = sources(environment, doubt, common, scale, zero_point)

Sure, unsure, or no digit, in integers and with the same bits as `Doubt.decide`; the
logits of int8 become sixteenths by one multiplier of 16 fraction bits.
"""

import json
from dataclasses import asdict
from typing import Any

import jinja2
import numpy as np

from training.doubt import UNIT, Doubt

Array = np.ndarray

FRACTION_BITS = 16


def multiplier(scale: float) -> int:
    """What an int8 logit is multiplied by to become 16-bit-fraction sixteenths."""
    return int(round(scale * UNIT * (1 << FRACTION_BITS)))


def sixteenths(logits: Array, scale: float, zero_point: int) -> Array:
    """int8 logits (N, 10) in sixteenths, cut towards zero as C does it; int64."""
    wide = (logits.astype(np.int64) - zero_point) * multiplier(scale)
    return np.asarray(np.sign(wide) * (np.abs(wide) >> FRACTION_BITS))


def sources(
    environment: jinja2.Environment,
    doubt: Doubt,
    common: dict[str, Any],
    scale: float,
    zero_point: int,
) -> dict[str, str]:
    """Path in the component to text."""
    context = {
        **common,
        **json.loads(json.dumps(asdict(doubt))),
        "inputs": 784,
        "multiplier": multiplier(scale),
        "zero_point": zero_point,
    }
    prefix = common["prefix"]
    return {
        f"include/{prefix}_decide.h": environment.get_template("decide.h.jinja").render(
            context
        ),
        f"src/{prefix}_decide.c": environment.get_template("decide.c.jinja").render(
            context
        ),
    }
