"""Ruled and squared lines: found by their straight way from rim to rim, and erased."""

import cv2
import numpy as np

Array = np.ndarray

CHORD = 0.6  # share of a straight line across the picture that is inked: it is ruled
VOTES = 0.5  # of the shorter side: pixels that make a line worth a look
MOST = 300  # lines that are looked at
DARKER = 1.5  # ink on a line is darker than the line by this factor
BAND = 5  # pixels of a line's width, with its edges
CROSSING = 9  # pixels: a stroke that goes on within these crosses the line
FULL = 0.4  # share of the picture: so much ink is no lines


def erase_lines(dark: Array, level: float, paper: float) -> Array:
    """`dark` (H, W) with ruled lines at paper's level; itself where there are none.

    What is darker than the line, and what goes on at both its sides, stays.
    """
    mask = (dark > level).astype(np.uint8)
    lines = ruled_lines(mask)
    if not lines:
        return dark
    typical: Array = np.zeros(dark.shape, np.float32)
    for at in lines:
        own = float(np.percentile(dark[at[0], at[1]], 60))
        typical[at[0], at[1]] = np.maximum(typical[at[0], at[1]], own)
    typical = np.asarray(
        cv2.dilate(typical, np.ones((BAND, BAND), np.uint8)), np.float32
    )
    band = typical > 0
    outside = np.where(band, 0, mask).astype(np.uint8)
    reach = np.ones((CROSSING, CROSSING), np.uint8)
    crossing = cv2.morphologyEx(outside, cv2.MORPH_CLOSE, reach) > 0
    out = dark.copy()
    out[band & ~crossing & (dark < DARKER * typical)] = paper
    return out


def ruled_lines(mask: Array) -> list[tuple[Array, Array]]:
    """The pixels (rows, columns) of every line that is inked nearly from rim to rim."""
    height, width = mask.shape
    if not 0 < cv2.countNonZero(mask) < FULL * mask.size:
        return []
    half = cv2.resize(mask, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    found = cv2.HoughLines(half, 1, np.pi / 360, int(VOTES * min(half.shape)))
    if found is None:
        return []
    fat = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    lines = []
    for rho, theta in found[:MOST, 0].tolist():
        rows, columns = chord(2 * rho + 0.5, theta, height, width)
        if len(rows) < 0.3 * min(height, width):
            continue
        hit = fat[rows, columns]
        ends = max(3, len(rows) // 30)
        if hit.mean() > CHORD and (hit[:ends].any() or hit[-ends:].any()):
            lines.append((rows, columns))
    return lines


def chord(rho: float, theta: float, height: int, width: int) -> tuple[Array, Array]:
    """Rows and columns of the pixels of a line within the picture."""
    c, s = np.cos(theta), np.sin(theta)
    if abs(s) > abs(c):
        columns = np.arange(width)
        rows = np.round((rho - columns * c) / s).astype(int)
        inside = (rows >= 0) & (rows < height)
    else:
        rows = np.arange(height)
        columns = np.round((rho - rows * s) / c).astype(int)
        inside = (columns >= 0) & (columns < width)
    return rows[inside], columns[inside]
