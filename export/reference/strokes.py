"""From touch strokes to the network's 28x28, on the chip: the specification.

    pixels = prepare_strokes([[(10, 20), (11, 80)], [(4, 50), (30, 50)]])

The points are scaled into a canvas of 80x80, joined by lines of a round brush, and what
is drawn goes the last two steps of `export.reference.prepare`. Integers alone.
"""

from collections.abc import Sequence

import numpy as np

from export.reference.prepare_scale import SIDE, Array, scaled

Point = tuple[int, int]  # x, y downwards, 16 bits each
CANVAS, BRUSH = 80, 4  # longer side and radius in which strokes are drawn


def prepare_strokes(strokes: Sequence[Sequence[Point]]) -> Array:
    """(28, 28) uint8 of what was drawn; all 0 where there is no point."""
    points = [point for stroke in strokes for point in stroke]
    if not points:
        return np.zeros((SIDE, SIDE), np.uint8)
    low = [min(p[i] for p in points) for i in (0, 1)]
    high = [max(p[i] for p in points) for i in (0, 1)]
    extent = max(high[0] - low[0], high[1] - low[1], 1)
    room = CANVAS - 2 * BRUSH - 1

    def on_canvas(point: Point) -> Point:
        parts = (2 * (point[i] - low[i]) * room + extent for i in (0, 1))
        x, y = (part // (2 * extent) + BRUSH for part in parts)
        return x, y

    line = np.zeros((CANVAS, CANVAS), bool)
    for stroke in strokes:
        ends = [on_canvas(p) for p in stroke]
        for start, end in zip(ends[:1] + ends[:-1], ends, strict=True):
            xs, ys = segment(start, end)
            line[ys, xs] = True
    found = scaled(np.where(brushed(line), 255, 0))
    assert found is not None
    return found[0]


def brushed(line: Array) -> Array:
    """A disc at each pixel that is set."""
    drawn = np.zeros_like(line)
    for y in range(-BRUSH, BRUSH + 1):
        for x in range(-BRUSH, BRUSH + 1):
            if x * x + y * y <= BRUSH * BRUSH:
                drawn |= np.roll(line, (y, x), (0, 1))  # nothing is set so near the end
    return drawn


def segment(start: Point, end: Point) -> tuple[Array, Array]:
    """The pixels from one point to another, (x, y)."""
    n = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    k = np.arange(n + 1)
    ways = zip(start, end, strict=True)
    x, y = (s + (2 * k * (e - s) + n) // (2 * n) for s, e in ways)
    return np.asarray(x), np.asarray(y)
