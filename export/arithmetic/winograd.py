"""Exact integer Winograd F(2x2, 3x3) and F(4x4, 3x3): which layers can; filters.

F(2x2, 3x3): two outputs by two outputs from 16 products instead of 36. With 2G in
place of G all filters are integers and every sum is exactly 4 times the accumulator, so
nothing is rounded; the 4 is shifted out when the layer is requantised.

F(4x4, 3x3) takes 36 products for 16 outputs, its sums are 576 times the accumulator
and are taken modulo 2^32: 576 = 64 * 9, and 9 has an inverse there. Inputs and filters
fit int16 whatever they are: |B' d B| <= 17,340, |G g G'| <= 49 * 128.
"""

import numpy as np

from export.arithmetic.int8 import INT16_MAX
from export.graph.geometry import Geometry
from export.graph.stage import Stage

SQUARE = Geometry(kernel_h=3, kernel_w=3)
SCALE = 4
G2 = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]], np.int64)  # 2 G
INPUT_MAX = 4 * 255  # |B' d B| of bytes
G4 = np.array(  # nn_winograd4.h has the matrices that belong to it
    [[6, 0, 0], [1, 1, 1], [1, -1, 1], [1, 2, 4], [-1, 2, -4], [0, 0, -3]], np.int64
)


def applies(stage: Stage, tile: int = 2) -> bool:
    """Whether the shapes allow it: 3x3, stride 1, no padding, whole tiles."""
    if stage.head.kind != "CONV_2D" or stage.geometry != SQUARE or stage.padded:
        return False
    height, width, _ = stage.head_region
    if height % tile or width % tile:
        return False
    pool = stage.pool
    return pool is None or (pool.kernel_h, pool.kernel_w) == (2, 2)


def filters(weights: np.ndarray) -> np.ndarray:
    """U = 2G g 2G': (O, 3, 3, I) -> (O, 16, I)."""
    transformed = np.einsum("ij,ojkc,lk->oilc", G2, weights, G2)
    return np.asarray(transformed.reshape(len(weights), 16, -1))


def fits(transformed: np.ndarray) -> bool:
    """Whether filters fit int16 and sums int32, whatever the input."""
    if np.abs(transformed).max() > INT16_MAX:
        return False
    product = np.abs(transformed).sum(axis=2).max() * INPUT_MAX
    return int(product) * 9 < 1 << 31  # a sum of up to 9 products' rows


def filters4(weights: np.ndarray) -> np.ndarray:
    """U = G g G', column by column: (O, 3, 3, I) -> (O, 36, I)."""
    transformed = np.einsum("ij,ojkc,lk->olic", G4, weights, G4)
    return np.asarray(transformed.reshape(len(weights), 36, -1))


def fits4(flat: np.ndarray) -> bool:
    """Whether 64 times every sum of products fits int32; weights as (O, K)."""
    return int(np.abs(flat).sum(axis=1).max()) * 255 * 64 < 1 << 31
