"""Pictures that hold no digit, as MNIST would hold them: letters, scrawls, noise.

They teach a model's doubt (`decision`) what it has not seen. Letters come from
the fonts that matplotlib brings; those that look like a digit (o, l, S, ...) are left
out. Every picture follows from the generator that is given.
"""

from functools import cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.pixels import SIDE
from core.placing import bounds, place

Array = np.ndarray

LIKE_DIGITS = "OoIlSsZzBbgqDiJjtTYyGL"  # somebody's 0, 1, 5, 2, 8, 6, 9, 4
SIGNS = "".join(
    c
    for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz?&@#%+*=!"
    if c not in LIKE_DIGITS
)
FAMILIES = ("DejaVuSans", "DejaVuSerif", "STIXGeneral", "cmr10", "cmss10", "cmtt10")
STRANGE = ("Display", "cmb10")  # without letters, or twice the same
LETTER_PX = 100  # height at which a letter is drawn
LETTER_SHEET = 220  # pixels, either side of what it is drawn on
LEAST_PX = 60  # of ink: fewer is a blank


def fonts() -> list[Path]:
    """The fonts at hand, sorted by name."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return sorted(
        path
        for path in folder.glob("*.ttf")
        if path.name.startswith(FAMILIES) and not any(s in path.name for s in STRANGE)
    )


def letters(
    count: int, rng: np.random.Generator, among: list[Path], signs: str = SIGNS
) -> Array:
    """Letters and signs of these fonts, a little turned; uint8 (N, 28, 28)."""
    out: list[Array] = []
    while len(out) < count:
        path = among[int(rng.integers(len(among)))]
        sign = signs[int(rng.integers(len(signs)))]
        sheet = Image.new("L", (LETTER_SHEET, LETTER_SHEET), 0)
        ImageDraw.Draw(sheet).text((60, 40), sign, fill=255, font=font(path))
        middle = (LETTER_SHEET - 1) / 2, (LETTER_SHEET - 1) / 2
        turn = cv2.getRotationMatrix2D(middle, float(rng.normal(0, 8)), 1.0)
        placed(cv2.warpAffine(np.asarray(sheet), turn, sheet.size), out)
    return np.stack(out)


@cache  # reading one takes as long as to draw three letters
def font(path: Path) -> ImageFont.FreeTypeFont:
    """At the height of `LETTER_PX`."""
    return ImageFont.truetype(str(path), LETTER_PX)


def scrawls(count: int, rng: np.random.Generator) -> Array:
    """Crosses, polygons, boxes, discs, wild strokes; uint8 (N, 28, 28)."""
    out: list[Array] = []
    while len(out) < count:
        sheet = np.zeros((140, 140), np.uint8)
        kinds = (zigzags, polygon, rectangle, disc, cross, wander)
        kinds[int(rng.integers(len(kinds)))](sheet, int(rng.integers(4, 16)), rng)
        placed(sheet, out)
    return np.stack(out)


def placed(sheet: Array, out: list[Array]) -> None:
    """Bring a sheet to 28x28 and add it, unless it is blank."""
    ink = sheet / 255.0
    if (ink > 0.5).sum() >= LEAST_PX:
        out.append(place(ink, bounds(ink > 0.2)))


def zigzags(sheet: Array, pen: int, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(2, 5))):
        points = rng.integers(20, 120, (int(rng.integers(2, 5)), 2)).astype(np.int32)
        cv2.polylines(sheet, [points], False, 255, pen, cv2.LINE_AA)


def polygon(sheet: Array, pen: int, rng: np.random.Generator) -> None:
    points = rng.integers(20, 120, (int(rng.integers(3, 7)), 2)).astype(np.int32)
    if rng.random() < 0.6:
        cv2.polylines(sheet, [points], True, 255, pen, cv2.LINE_AA)
    else:
        cv2.fillPoly(sheet, [points], 255)


def rectangle(sheet: Array, pen: int, rng: np.random.Generator) -> None:
    x, y = (int(v) for v in rng.integers(50, 120, 2))
    cv2.rectangle(sheet, (20, 20), (x, y), 255, pen if rng.random() < 0.7 else -1)


def disc(sheet: Array, pen: int, rng: np.random.Generator) -> None:
    cv2.circle(sheet, (70, 70), int(rng.integers(8, 50)), 255, -1)


def cross(sheet: Array, pen: int, rng: np.random.Generator) -> None:
    a, b, c = (int(v) for v in rng.integers(-30, 30, 3))
    cv2.line(sheet, (20, 70), (120, 70 + a), 255, pen)
    cv2.line(sheet, (70 + b, 20), (70 + c, 120), 255, pen)


def wander(sheet: Array, pen: int, rng: np.random.Generator) -> None:
    points = np.cumsum(np.cumsum(rng.normal(0, 1, (60, 2)), 0), 0)
    points -= points.min(0)
    scaled = (points / points.max() * 100 + 20).astype(np.int32)
    cv2.polylines(sheet, [scaled], False, 255, pen, cv2.LINE_AA)


def noise(count: int, rng: np.random.Generator) -> Array:
    """White and blurred noise; uint8 (N, 28, 28)."""
    out = []
    for _ in range(count):
        values: Array = rng.integers(0, 256, (SIDE, SIDE)).astype(np.float32)
        values *= rng.random((SIDE, SIDE)) < rng.random()
        if rng.random() < 0.5:
            values = np.asarray(cv2.GaussianBlur(values, (0, 0), rng.uniform(0.5, 3)))
            values = (values - values.mean()) * rng.uniform(1, 8) + rng.uniform(0, 100)
        out.append(np.clip(values, 0, 255).astype(np.uint8))
    return np.stack(out)
