"""A hand that MNIST does not know: slashed zeros, flagged ones, crossed sevens.

    images, labels = written(count=20, seed=0)       # (N, 28, 28) uint8, (N,)

Strokes on a square of 1 by 1, shaken, slanted and drawn with a thick pen, then brought
to MNIST's conventions: 20 pixels tall, the centre of mass in the middle.
"""

import math

import numpy as np
from PIL import Image, ImageDraw

from core.pixels import SIDE
from core.placing import BOX

Stroke = list[tuple[float, float]]
SIZE = 160  # pixels in which it is drawn


def arc(x: float, y: float, rx: float, ry: float, start: int, end: int) -> Stroke:
    """Points of an ellipse, degrees clockwise from the right."""
    step = 10 if end > start else -10
    angles = [math.radians(a) for a in range(start, end + step, step)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


HAND: tuple[list[Stroke], ...] = (
    [arc(0.5, 0.5, 0.26, 0.4, 0, 360), [(0.78, 0.06), (0.2, 0.96)]],
    [
        [(0.22, 0.52), (0.55, 0.1), (0.55, 0.9)],
        [(0.25, 0.9), (0.85, 0.9)],
    ],
    [[*arc(0.48, 0.3, 0.26, 0.2, 190, 380), (0.2, 0.88)], [(0.2, 0.88), (0.85, 0.88)]],
    [[(0.2, 0.12), (0.78, 0.12), (0.42, 0.44)], arc(0.44, 0.66, 0.28, 0.23, -90, 150)],
    [[(0.3, 0.1), (0.22, 0.56), (0.84, 0.56)], [(0.66, 0.34), (0.62, 0.95)]],
    [[(0.76, 0.1), (0.3, 0.1), (0.27, 0.46)], arc(0.44, 0.66, 0.28, 0.24, -110, 150)],
    [[(0.68, 0.08), (0.34, 0.5)], arc(0.48, 0.68, 0.22, 0.22, 180, 540)],
    [[(0.16, 0.24), (0.2, 0.1), (0.82, 0.1), (0.42, 0.92)], [(0.2, 0.5), (0.86, 0.46)]],
    [arc(0.5, 0.28, 0.2, 0.19, 90, 450), arc(0.5, 0.69, 0.26, 0.22, -90, 270)],
    [arc(0.48, 0.32, 0.23, 0.22, 0, 360), [(0.71, 0.32), (0.71, 0.92)]],
)


def drawn(digit: int, random: np.random.Generator) -> np.ndarray:
    """One digit, (28, 28) uint8, light on black."""
    image = Image.new("L", (SIZE, SIZE), 0)
    pen = ImageDraw.Draw(image)
    width = int(random.integers(9, 16))
    slant, wide, tall = random.normal(0, 0.08), *random.normal(1, 0.08, 2)
    for stroke in HAND[digit]:
        shake = random.normal(0, 0.012, (len(stroke), 2)) + random.normal(0, 0.015, 2)
        points = [
            (
                SIZE * (0.5 + ((x - 0.5) + slant * (0.5 - y)) * 0.7 * wide + dx),
                SIZE * (0.5 + (y - 0.5) * 0.8 * tall + dy),
            )
            for (x, y), (dx, dy) in zip(stroke, shake, strict=True)
        ]
        pen.line(points, fill=255, width=width, joint="curve")
        for x, y in points:
            r = width / 2
            pen.ellipse((x - r, y - r, x + r, y + r), fill=255)
    return centred(image)


def centred(image: Image.Image) -> np.ndarray:
    """Cut, scaled to BOX and put with its centre of mass in the middle."""
    cut = image.crop(image.getbbox())
    scale = BOX / max(cut.size)
    size = [max(1, round(length * scale)) for length in cut.size]
    small = np.asarray(cut.resize((size[0], size[1]), Image.Resampling.BOX), float)
    mass = small.sum()
    y = round(SIDE / 2 - (small.sum(1) @ np.arange(0.5, size[1])) / mass)
    x = round(SIDE / 2 - (small.sum(0) @ np.arange(0.5, size[0])) / mass)
    y, x = (min(max(v, 0), SIDE - n) for v, n in ((y, size[1]), (x, size[0])))
    result = np.zeros((SIDE, SIDE), np.uint8)
    result[y : y + size[1], x : x + size[0]] = np.rint(small * (255 / small.max()))
    return result


def written(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` of each digit: uint8 (10 * count, 28, 28), labels (10 * count,)."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(10, dtype=np.uint8), count)
    return np.stack([drawn(int(digit), random) for digit in labels]), labels
