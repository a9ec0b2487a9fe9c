"""Put ink on 28x28 as MNIST does: a 20x20 box, its centre of mass in the middle."""

import numpy as np
from PIL import Image, ImageFilter

from core.pixels import SIDE

Array = np.ndarray
Box = tuple[int, int, int, int]  # top, left, bottom, right (exclusive)

BOX = 20  # the digit's longer side within it
CENTRE = 14  # row and column of the centre of mass: measured, every one in 13.5..14.5
THIN = 1.6  # pixels of stroke in the 20x20 box; thinner strokes are widened to it


def bounds(mask: Array) -> Box:
    """Top, left, bottom, right (exclusive) of what is set in (H, W)."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def widen(ink: Array, box: Box) -> Array:
    """Thicken a stroke that would vanish on the way down to 20 pixels; (H, W)."""
    longer = max(box[2] - box[0], box[3] - box[1])
    solid = ink > 0.5
    edge = solid & ~(np.roll(solid, 1, 0) & np.roll(solid, 1, 1))
    edge |= solid & ~(np.roll(solid, -1, 0) & np.roll(solid, -1, 1))
    if not edge.any():
        return ink
    # A stroke of width w and length l has area w*l and about 2*l edge pixels.
    width = max(1.0, 2 * float(solid.sum()) / float(edge.sum()))
    reach = round((THIN * longer / BOX - width) / 2)
    if reach < 1:
        return ink
    picture = Image.fromarray(np.uint8(255 * ink))
    wide = picture.filter(ImageFilter.MaxFilter(2 * reach + 1))
    return np.asarray(wide, np.float64) / 255


def place(ink: Array, box: Box) -> Array:
    """Scale the box of ink 0..1 (H, W) to 20 pixels; uint8 (28, 28)."""
    top, left, bottom, right = box
    scale = BOX / max(bottom - top, right - left)
    height = max(1, round((bottom - top) * scale))
    width = max(1, round((right - left) * scale))
    picture = Image.fromarray(np.float32(255 * ink[top:bottom, left:right]))
    small = np.asarray(picture.resize((width, height), Image.Resampling.BOX))
    small = np.clip(small * (255 / max(float(np.percentile(small, 99)), 64.0)), 0, 255)
    ys, xs = np.indices(small.shape)
    mass = float(small.sum())
    y = round(CENTRE - float((small * ys).sum()) / mass)
    x = round(CENTRE - float((small * xs).sum()) / mass)
    y, x = min(max(y, 0), SIDE - height), min(max(x, 0), SIDE - width)
    out = np.zeros((SIDE, SIDE), np.uint8)
    out[y : y + height, x : x + width] = np.round(small)
    return out
