"""Frames of a camera, drawn: a digit at any size and place, in any light, on any paper.

    frame = draw(digit, rng)        # (28, 28) uint8 -> (H, W) uint8, up to 320x240

For measuring what prepares a frame on the chip; drawn so that a person can read them.
"""

import numpy as np
from PIL import Image, ImageFilter

Array = np.ndarray

LEAST, WIDEST, TALLEST = 96, 320, 240  # sides of a frame, pixels
SMALLEST, LARGEST = 0.3, 0.95  # of the shorter side: the digit's 28x28 field
LEAST_FIELD = 40  # pixels of that field at least
SHADOWED, CHALK = 0.4, 0.2  # shares of the frames
GREY = 5  # largest spread of the noise, of 255


def draw(digit: Array, rng: np.random.Generator) -> Array:
    """A digit (28, 28) uint8, light on black, as a camera may see it: (H, W) uint8."""
    shape = int(rng.integers(LEAST, TALLEST + 1)), int(rng.integers(LEAST, WIDEST + 1))
    ink, light = pasted(digit, shape, rng), lit(shape, rng)
    contrast = rng.uniform(0.25, 0.9)
    if rng.random() < CHALK:
        board = rng.uniform(30, 80)
        seen = light * (board + (1 - board / 255) * 200 * contrast * ink)
    else:
        seen = light * rng.uniform(120, 235) * (1 - contrast * ink)
    seen = seen + rng.normal(0, rng.uniform(0, GREY), shape)
    return np.clip(seen, 0, 255).astype(np.uint8)


def pasted(digit: Array, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Ink 0..1 of the digit somewhere in a frame, sharp or not."""
    shorter = min(shape)
    field = int(rng.uniform(max(LEAST_FIELD, SMALLEST * shorter), LARGEST * shorter))
    picture = Image.fromarray(digit).resize((field, field), Image.Resampling.BICUBIC)
    whole = Image.new("L", (shape[1], shape[0]))
    x, y = (int(rng.integers(0, side - field + 1)) for side in (shape[1], shape[0]))
    whole.paste(picture, (x, y))
    if rng.random() < 0.5:
        whole = whole.filter(ImageFilter.GaussianBlur(rng.uniform(0, field / 60)))
    return np.asarray(whole, np.float64) / 255


def lit(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Light from one side, (H, W) about 1: less in corners, at times a soft shadow."""
    ys, xs = (v / s - 0.5 for v, s in zip(np.indices(shape), shape, strict=True))
    way = rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(0, 0.6) * (np.cos(way) * xs + np.sin(way) * ys)
    light -= rng.uniform(0, 0.5) * (xs * xs + ys * ys)
    if rng.random() < SHADOWED:
        way, place = rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4)
        depth, soft = rng.uniform(0.1, 0.4), rng.uniform(0.05, 0.3) / 4
        across = np.cos(way) * xs + np.sin(way) * ys - place
        light *= 1 - depth / (1 + np.exp(-across / soft))
    return np.asarray(light)
