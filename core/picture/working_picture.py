"""A picture of any mode and size as RGB of the size at which its digit is sought."""

import numpy as np
from PIL import Image

WORK_MIN, WORK_MAX = 160, 480  # longer side, pixels, at which the digit is sought
WORK_SHORTER = 80  # shorter side of a strip, at least, where the longer allows it
SMALLEST = 6  # pixels: a side below this holds no digit


def flatten(image: Image.Image) -> Image.Image:
    """To RGB; a transparent background becomes the opposite of the ink."""
    if image.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        grey = np.nan_to_num(np.asarray(image, np.float32))
        low, high = float(grey.min()), float(grey.max())
        grey = (grey - low) * (255 / max(high - low, 1e-9))
        return Image.fromarray(np.uint8(np.clip(grey, 0, 255))).convert("RGB")
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    rgba.thumbnail((2 * WORK_MAX, 2 * WORK_MAX))
    values = np.asarray(rgba, np.float64)
    alpha = values[:, :, 3:] / 255  # (H, W, 1)
    total = float(alpha.sum())
    ink = float((values[:, :, :3] * alpha).sum()) / max(3 * total, 1e-9)
    paper = 0.0 if ink > 127 else 255.0
    return Image.fromarray(np.uint8(values[:, :, :3] * alpha + paper * (1 - alpha)))


def factor(size: tuple[int, int]) -> float:
    """By which a picture of that size is scaled before the digit is sought."""
    longer, shorter = max(size), min(size)
    wanted = max(1.0, WORK_MIN / longer, WORK_SHORTER / shorter)
    return min(wanted, WORK_MAX / longer)


def working_size(colour: Image.Image) -> Image.Image:
    """Scale so that the longer side lies between WORK_MIN and WORK_MAX."""
    by = factor(colour.size)
    if by == 1:
        return colour
    size = [max(SMALLEST, round(side * by)) for side in colour.size]
    kind = Image.Resampling.BICUBIC if by > 1 else Image.Resampling.BOX
    return colour.resize((size[0], size[1]), kind)
