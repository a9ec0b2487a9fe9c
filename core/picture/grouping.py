"""Which pieces of ink belong to one digit, and which stand beside it.

    mask = group(chosen, others, shape)    # (H, W): a 5 and its bar

Near, of one pen, and not side by side as the digits of a number are.
"""

import cv2
import numpy as np

from core.picture.boxes import contains, grown
from core.picture.pieces import Array, Piece

REACH = 0.2  # of a piece's extent: what lies so near belongs to it
BELOW = 0.4  # the same for what lies below or above it, as the dot of a ? does
CLOSE = 0.1  # of its extent between the ink of two: strokes of one digit, a 5's bar
ASTRIDE = 0.12  # of the narrower one's width, above the other: no digits of a row


def group(chosen: Piece, others: list[Piece], shape: tuple[int, ...]) -> Array:
    """Mask (H, W) of the chosen piece and its neighbours of the same ink."""
    mask = np.zeros(shape, bool)
    paste(mask, chosen)
    near = grown(chosen.box, round(REACH * chosen.extent))
    by = round((BELOW - REACH) * chosen.extent)
    tall = near[0] - by, chosen.box[1], near[2] + by, chosen.box[3]
    for other in others:
        if (
            other.level == chosen.level
            and alike(chosen, other)
            and not other.straight
            and (
                contains(near, other.box)
                or contains(tall, other.box)
                or close(chosen, other)
            )
            and not contains(other.box, chosen.box)
            and not beside(chosen, other)
            and other.extent > 0.12 * chosen.extent
        ):
            paste(mask, other)
    return mask


def alike(one: Piece, other: Piece) -> bool:
    """Whether two pieces may be of one pen."""
    return not other.rim and abs(other.contrast - one.contrast) < 0.4 * one.contrast


def beside(one: Piece, other: Piece) -> bool:
    """Whether two pieces stand side by side as the digits of a number do."""
    height, other_height = one.box[2] - one.box[0], other.box[2] - other.box[0]
    overlap_y = min(one.box[2], other.box[2]) - max(one.box[0], other.box[0])
    overlap_x = min(one.box[3], other.box[3]) - max(one.box[1], other.box[1])
    narrower = min(one.box[3] - one.box[1], other.box[3] - other.box[1])
    tall = overlap_y > 0.7 * max(height, other_height)
    return tall and overlap_x < ASTRIDE * narrower


def close(chosen: Piece, other: Piece) -> bool:
    """Whether a piece that is no larger has ink right beside that of the chosen one."""
    by = max(2, round(CLOSE * chosen.extent))
    top, left, bottom, right = grown(chosen.box, by)
    y0, x0 = max(top, other.box[0]), max(left, other.box[1])
    y1, x1 = min(bottom, other.box[2]), min(right, other.box[3])
    if other.extent > chosen.extent or y0 >= y1 or x0 >= x1:
        return False
    around = cv2.copyMakeBorder(chosen.own, by, by, by, by, cv2.BORDER_CONSTANT)
    around = cv2.dilate(around, np.ones((2 * by + 1,) * 2, np.uint8))
    mine = around[y0 - top : y1 - top, x0 - left : x1 - left]
    y, x = other.box[:2]
    return bool((mine & other.own[y0 - y : y1 - y, x0 - x : x1 - x]).any())


def paste(mask: Array, piece: Piece) -> None:
    """Set the piece in the mask."""
    top, left, bottom, right = piece.box
    mask[top:bottom, left:right] |= piece.own > 0
