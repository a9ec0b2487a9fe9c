"""Digits drawn by strokes of our own: another hand than MNIST's.

    ink = draw(7, tall=120, pen=9.0, rng=np.random.default_rng(0))   # 0..1, (h, w)

The same generator draws the same digit.
"""

import cv2
import numpy as np

from core.placing import bounds

Array = np.ndarray

# Strokes in a unit box, x to the right, y down; one list of points a stroke.
STROKES: dict[int, list[list[list[tuple[float, float]]]]] = {
    0: [[[(0.55, 0.0), (0.2, 0.12), (0.08, 0.5), (0.2, 0.88), (0.5, 1.0), (0.8, 0.88),
          (0.92, 0.5), (0.8, 0.12), (0.5, 0.0)]]],
    1: [[[(0.5, 0.0), (0.48, 1.0)]], [[(0.3, 0.22), (0.55, 0.0), (0.52, 1.0)]]],
    2: [[[(0.1, 0.22), (0.3, 0.02), (0.7, 0.02), (0.88, 0.25), (0.7, 0.55),
          (0.1, 0.98), (0.9, 0.96)]],
        [[(0.12, 0.2), (0.4, 0.0), (0.8, 0.12), (0.8, 0.4), (0.4, 0.8), (0.14, 0.98),
          (0.2, 0.84), (0.5, 0.88), (0.9, 1.0)]]],
    3: [[[(0.15, 0.1), (0.5, 0.0), (0.85, 0.15), (0.75, 0.4), (0.4, 0.48), (0.8, 0.56),
          (0.9, 0.8), (0.6, 1.0), (0.1, 0.92)]]],
    4: [[[(0.4, 0.0), (0.08, 0.62), (0.92, 0.6)], [(0.68, 0.3), (0.66, 1.0)]],
        [[(0.15, 0.0), (0.12, 0.5), (0.85, 0.48)], [(0.82, 0.0), (0.8, 1.0)]]],
    5: [[[(0.85, 0.0), (0.25, 0.02), (0.18, 0.45), (0.55, 0.38), (0.88, 0.6),
          (0.75, 0.92), (0.4, 1.0), (0.1, 0.9)]],
        [[(0.25, 0.03), (0.18, 0.45), (0.55, 0.38), (0.88, 0.6), (0.75, 0.92),
          (0.4, 1.0), (0.1, 0.9)], [(0.25, 0.02), (0.88, 0.0)]]],
    6: [[[(0.75, 0.0), (0.35, 0.25), (0.12, 0.65), (0.25, 0.95), (0.65, 1.0),
          (0.88, 0.78), (0.7, 0.55), (0.35, 0.58), (0.14, 0.75)]]],
    7: [[[(0.08, 0.03), (0.9, 0.0), (0.6, 0.45), (0.42, 1.0)]]],
    8: [[[(0.75, 0.12), (0.45, 0.0), (0.2, 0.18), (0.35, 0.42), (0.75, 0.62),
          (0.85, 0.85), (0.5, 1.0), (0.15, 0.85), (0.3, 0.58), (0.7, 0.36),
          (0.8, 0.15), (0.72, 0.08)]]],
    9: [[[(0.82, 0.2), (0.5, 0.0), (0.15, 0.2), (0.25, 0.48), (0.6, 0.5), (0.83, 0.25),
          (0.8, 0.6), (0.65, 1.0)]]],
}  # fmt: skip
KEEP = 4  # supersampling of a stroke's edge


def draw(label: int, tall: int, pen: float, rng: np.random.Generator) -> Array:
    """Coverage 0..1 of a digit `tall` pixels high, by a pen so wide; (h, w)."""
    wide = tall * rng.uniform(0.5, 0.8)
    margin = pen + 0.25 * tall
    canvas = np.zeros((round(tall + 2 * margin), round(wide + 2 * margin)), np.uint8)
    slant, turn = rng.normal(0, 0.12), rng.normal(0, 0.07)
    styles = STROKES[label]
    for stroke in styles[rng.integers(len(styles))]:
        points = smooth(np.array(stroke) + rng.normal(0, 0.022, (len(stroke), 2)))
        x, y = points[:, 0] - 0.5, points[:, 1] - 0.5
        x = x - slant * y
        x, y = x * wide - turn * y * tall, y * tall + turn * x * wide
        at = np.stack([x + canvas.shape[1] / 2, y + canvas.shape[0] / 2], 1)
        fixed = np.round(at * 2**KEEP).astype(np.int32)
        thick = max(1, round(pen))
        cv2.polylines(canvas, [fixed], False, 255, thick, cv2.LINE_AA, KEEP)
    return trimmed(canvas / 255.0)


def smooth(points: Array) -> Array:
    """A curve through the points' middle (Chaikin's corner cutting), (n, 2)."""
    for _ in range(3):
        if len(points) < 3:
            break
        a, b = points[:-1], points[1:]
        cut = np.stack([0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b], 1).reshape(-1, 2)
        points = np.concatenate([points[:1], cut[1:-1], points[-1:]])
    return points


def trimmed(ink: Array) -> Array:
    """Without the empty rim, (h, w)."""
    top, left, bottom, right = bounds(ink > 0)
    return ink[top:bottom, left:right]
