"""Exact integer Winograd F(2x2, 3x3): which layers can, and their filters.

Two outputs by two outputs from 16 products instead of 36. With 2G in place of G all
filters are integers and every sum is exactly 4 times the accumulator, so nothing is
rounded; the 4 is shifted out when the layer is requantised.

F(4x4, 3x3) is not built. By the weights of `export.cost` for lx106 and a count of the
operations of its transforms (330 instructions a tile and channel in, 250 out), sums
would be 576 times the accumulator, exact modulo 2^32 below 3.7 M. It needs 2.25
products an output instead of 4, int32 filters (144 bytes a pair of channels instead of
32) and 16 outputs a tile. Reckoned, not measured: v3's second layer 954,000 -> about
680,000 instructions and 11 kB more flash; v2's third 122,000 -> about 90,000; v2's
first, of one channel, 126,000 -> about 140,000, and its second, 10x10, does not divide
by four.
"""

import numpy as np

from export.planner import Stage

SCALE = 4
G2 = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]], np.int64)  # 2 G
INT16_MAX = (1 << 15) - 1
INPUT_MAX = 4 * 255  # |B' d B| of bytes


def applies(stage: Stage, kernel: tuple[int, int]) -> bool:
    """Whether the shapes allow it: 3x3, stride 1, even live output."""
    op = stage.head
    if op.kind != "CONV_2D" or kernel != (3, 3):
        return False
    a = op.attributes
    ones = (a["stride_h"], a["stride_w"], a["dilation_h"], a["dilation_w"])
    if ones != (1, 1, 1, 1):
        return False
    height, width, _ = stage.mac_live
    if height % 2 or width % 2:
        return False
    if stage.pool is None:
        return True
    pool = stage.pool.attributes
    return pool["filter_h"] == 2 and pool["filter_w"] == 2


def filters(weights: np.ndarray) -> np.ndarray:
    """U = 2G g 2G': (O, 3, 3, I) -> (O, 16, I)."""
    transformed = np.einsum("ij,ojkc,lk->oilc", G2, weights, G2)
    return transformed.reshape(len(weights), 16, -1)


def fits(transformed: np.ndarray) -> bool:
    """Whether filters fit int16 and sums int32, whatever the input."""
    if np.abs(transformed).max() > INT16_MAX:
        return False
    product = np.abs(transformed).sum(axis=2).max() * INPUT_MAX
    return int(product) * 9 < 1 << 31  # a sum of up to 9 products' rows
