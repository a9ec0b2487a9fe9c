"""A dark panel on even light paper, as a plot or a display has: it is no stroke."""

import cv2
import numpy as np

from core.picture.even import PAPER
from core.placing import Box, bounds

Array = np.ndarray

TALL = 20  # pixels of its shorter side, at least: there is room for a digit
EDGE = 0.04  # of its sides: the margin in which it is dark all around
ALONG = 0.97  # share of that margin that is dark
DARK = 0.5  # share of a panel, less what is drawn on it, at least


def panel(grey: Array) -> Box | None:
    """The inside of the largest dark rectangle, (H, W, 3) grey as of `even.Way`."""
    dark = (grey[..., 0] < PAPER / 2).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=4)
    if len(stats) < 2:
        return None
    own = labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    top, left, bottom, right = bounds(own)
    height, width = bottom - top, right - left
    if min(height, width) < TALL:
        return None
    own = own[top:bottom, left:right]
    y, x = max(2, round(EDGE * height)), max(2, round(EDGE * width))
    margin = np.ones(own.shape, bool)
    margin[y:-y, x:-x] = False
    inner = own[y:-y, x:-x]
    if own[margin].mean() < ALONG or not DARK < inner.mean() < 1:
        return None
    return top + y, left + x, bottom - y, right - x
