"""A digit as people show it: any colour, light, paper and pen around MNIST's pixels."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

Dress = Callable[[np.ndarray, np.random.Generator], Image.Image]


def large(digit: np.ndarray, rng: np.random.Generator, low: int = 60) -> np.ndarray:
    """The digit at a random size, 0..1."""
    side = int(rng.integers(low, 500))
    picture = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(picture, np.float64) / 255


def to_image(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.uint8(np.clip(values, 0, 255)))


def inverted(digit: np.ndarray, rng: np.random.Generator) -> Image.Image:
    return to_image(255 - 255 * large(digit, rng))


def coloured(digit: np.ndarray, rng: np.random.Generator) -> Image.Image:
    paper, ink = rng.integers(0, 256, (2, 3)).astype(float)
    while np.abs(paper - ink).max() < 90:
        ink = rng.integers(0, 256, 3).astype(float)
    return to_image(paper + (ink - paper) * large(digit, rng)[..., None])


def equally_bright(digit: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """Green on red of the same grey: only the colour tells."""
    red, green = np.array([200.0, 40, 40]), np.array([40.0, 122, 40])
    return to_image(red + (green - red) * large(digit, rng)[..., None])


def noisy(digit: np.ndarray, rng: np.random.Generator) -> Image.Image:
    ink = large(digit, rng, 100)
    return to_image(200 - 150 * ink + rng.normal(0, 20, ink.shape))


def unevenly_lit(digit: np.ndarray, rng: np.random.Generator) -> Image.Image:
    ink = large(digit, rng)
    y, x = np.mgrid[0 : 1 : len(ink) * 1j, 0 : 1 : len(ink) * 1j]
    light = 0.5 + 0.4 * x + 0.1 * y * y
    return to_image((230 - 170 * ink) * light + rng.normal(0, 4, ink.shape))


def transparent(digit: np.ndarray, rng: np.random.Generator) -> Image.Image:
    ink = large(digit, rng)
    rgba = np.zeros((*ink.shape, 4))
    rgba[:, :, 3] = 255 * ink
    return to_image(rgba)


def small_on_a_page(digit: np.ndarray, rng: np.random.Generator) -> Image.Image:
    page = np.full((600, 800), 235.0)
    ink = Image.fromarray(digit).resize((110, 110), Image.Resampling.BICUBIC)
    top, left = int(rng.integers(20, 450)), int(rng.integers(20, 650))
    page[top : top + 110, left : left + 110] -= 0.7 * np.asarray(ink)
    return to_image(page + rng.normal(0, 5, page.shape))


def thin_pen(digit: np.ndarray, rng: np.random.Generator) -> Image.Image:
    big = np.asarray(Image.fromarray(digit).resize((300, 300)), np.uint8)
    bold = Image.fromarray(np.uint8(255 * (big > 110)))
    return to_image(255 - np.asarray(bold.filter(ImageFilter.MinFilter(5)), np.float64))


def poor_jpeg(digit: np.ndarray, rng: np.random.Generator) -> Image.Image:
    buffer = io.BytesIO()
    inverted(digit, rng).save(buffer, "JPEG", quality=30)
    return Image.open(buffer)


DRESSES = (
    inverted,
    coloured,
    equally_bright,
    noisy,
    unevenly_lit,
    transparent,
    small_on_a_page,
    thin_pen,
    poor_jpeg,
)
