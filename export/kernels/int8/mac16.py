"""A second order of the weights for cores with MAC16: `nn_mac16.h` says how it works.

Such a core wants each channel's weights together, in pairs of int16, so the generated
C has them in a second order; only one of the two is ever compiled.
"""

import numpy as np

from export.kernels.arrays import Array, byte_array

MOST_STACK = 2_048  # bytes: one position's bytes as int16, some sums


def weights(flat: np.ndarray, kept: int) -> Array | None:
    """`flat` (channels, taps) in pairs; None where the stack would not hold a tile.

    `kept`: positions whose sums are kept there.
    """
    channels, taps = flat.shape
    pairs = -(-taps // 2)
    if 4 * pairs + 4 * channels * kept > MOST_STACK:
        return None
    order = np.pad(flat, ((0, 0), (0, 2 * pairs - taps))).reshape(-1)
    return byte_array("", "", order, "int16_t")
