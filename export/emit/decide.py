"""The decision beside the class: <prefix>_decide.h and .c, from `training.doubt`.

    files = sources(doubt, "v3", scale, zero_point)    # path in the component: text

Sure, unsure, or no digit, in integers and with the same bits as `Doubt.decide`; the
logits of int8 become sixteenths by one multiplier of 16 fraction bits.
"""

from dataclasses import asdict

import numpy as np

from core.doubt import FARTHEST, UNIT, Doubt
from core.errors import Esp8kError
from core.pixels import IMAGE_BYTES
from export.emit import c_source

Array = np.ndarray

FRACTION_BITS = 16
CLASSES = 10


def multiplier(scale: float) -> int:
    """What an int8 logit is multiplied by: sixteenths with 16 fraction bits."""
    return int(round(scale * UNIT * (1 << FRACTION_BITS)))


def sixteenths(logits: Array, scale: float, zero_point: int) -> Array:
    """int8 logits (N, 10), or means of five, in sixteenths, cut towards zero as C does
    it; int64."""
    apart = (logits.astype(np.float64) - zero_point) * multiplier(scale)
    wide = np.round(apart, 2).astype(np.int64)  # a mean may be a hair beside a fifth
    return np.asarray(np.sign(wide) * (np.abs(wide) >> FRACTION_BITS))


def sources(
    doubt: Doubt, prefix: str, scale: float, zero_point: int, views: int = 0
) -> dict[str, str]:
    """The header and the source, by their path in the component.

    `scale` and `zero_point` are those of the int8 logits; sums of `views` logits are
    decided too, if there are any.
    """
    if max(views, 1) * 255 * multiplier(scale) >= 1 << 31:
        raise Esp8kError(
            f"logits that reach {255 * scale:,.0f} do not fit the decision's 32 bits",
            "train it anew: a network of digits ends at some tens",
        )
    context = {
        **asdict(doubt),
        "hash": doubt.weights_hash,
        "inputs": IMAGE_BYTES,
        "classes": CLASSES,
        "multiplier": multiplier(scale),
        "zero_point": zero_point,
        "views": views,
        "farthest": FARTHEST,
    }
    return c_source.pair(prefix, "decide", context)
