"""Ink on 28x28, in integers: scaled to 20 pixels, centre of mass in the middle.

The last two steps of `export.reference.prepare` and of `export.reference.strokes`;
`nn_prepare_scale.c` has the same bits.
"""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Box = tuple[int, int, int, int]  # top, left, bottom, right (exclusive)
SIDE, BOX = 28, 20  # of the network's picture, and of the digit within it
EDGE = 51  # of 255: ink beyond doubt is above
THIN_16 = 26  # 16ths of a pixel of the 20: a thinner stroke is widened
WIDENING = 12  # 256ths, for each 16th that it lacks
LEAST_PEAK = 32  # of 255: ink that is fainter on 20x20 stays so


def scaled(grey: Array) -> tuple[Array, Box] | None:
    """(28, 28) uint8 of ink 0..255, and the box of what is above EDGE."""
    mask = grey > EDGE
    if not mask.any():
        return None
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, left, bottom, right = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
    height, width = int(bottom - top), int(right - left)
    longer = max(height, width)
    tall = max(1, (2 * BOX * height + longer) // (2 * longer))
    wide = max(1, (2 * BOX * width + longer) // (2 * longer))
    part = grey[top:bottom, left:right]
    cells = shares(height, tall) @ part @ shares(width, wide).T // (height * width)
    cells = cells * 255 // max(int(cells.max()), LEAST_PEAK)
    cells = np.minimum(255, widened(cells, mask, longer))
    if not cells.any():
        return None
    return placed(cells), (int(top), int(left), int(bottom), int(right))


def shares(length: int, count: int) -> Array:
    """(count, length): of each pixel in each cell, in 1/count of a pixel."""
    ends = np.arange(count + 1) * length
    pixels = np.arange(length + 1) * count
    low = np.maximum(ends[:-1, None], pixels[None, :-1])
    high = np.minimum(ends[1:, None], pixels[None, 1:])
    return np.asarray(np.maximum(high - low, 0))


def widened(cells: Array, mask: Array, longer: int) -> Array:
    """Strokes thinner than 1.6 pixels of the 20 grow into the cells beside them."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    area, edge = int(mask.sum()), int((mask & ~inner).sum())
    # A stroke of width w and length l has area w*l and about 2*l edge pixels.
    lacking = THIN_16 - 32 * BOX * area // (edge * longer)
    if lacking <= 0:
        return cells
    around = np.pad(cells, 1)
    near = np.maximum(around[:-2, 1:-1], around[2:, 1:-1])
    near = np.maximum(near, np.maximum(around[1:-1, :-2], around[1:-1, 2:]))
    return np.asarray(np.maximum(cells, near * (WIDENING * lacking) >> 8))


def placed(cells: Array) -> Array:
    """(28, 28) uint8, the centre of mass of (rows, columns) in the middle."""
    tall, wide = cells.shape
    mass = int(cells.sum())
    top = offset(int((cells.sum(1) * (2 * np.arange(tall) + 1)).sum()), mass, tall)
    left = offset(int((cells.sum(0) * (2 * np.arange(wide) + 1)).sum()), mass, wide)
    out = np.zeros((SIDE, SIDE), np.uint8)
    out[top : top + tall, left : left + wide] = cells
    return out


def offset(moment: int, mass: int, length: int) -> int:
    """Where the first cell goes; `moment` is twice that of the cells' centres."""
    return min(max(((SIDE + 1) * mass - moment) // (2 * mass), 0), SIDE - length)
