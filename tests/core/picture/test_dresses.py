"""A digit in another dress is read as the original is."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

from core.picture.image import read
from core.placing import bounds
from tests.support.dresses import DRESSES, Dress, coloured, inverted, noisy, to_image
from tests.support.pictures import prepare

COUNT = 4  # digits a dress in the fast suite; the whole one has twenty-five
RUN_OUT = (1088, 1110, 1152)  # two 9s and a 7 whose stems end at the picture's end


def lost(
    dress: Dress, images: np.ndarray, truth: np.ndarray, classify: Callable
) -> int:
    """How many more go wrong in this dress than as originals."""
    rng = np.random.default_rng(1)
    prepared = np.stack([prepare(dress(image, rng)) for image in images])
    return int((classify(prepared) != truth).sum() - (classify(images) != truth).sum())


@pytest.mark.parametrize("dress", DRESSES)
def test_dressed_up_digits_classify_as_the_originals(dress, digits, classify):
    images, truth = digits[0][:COUNT], digits[1][:COUNT]
    assert lost(dress, images, truth, classify) <= 0


@pytest.mark.slow
@pytest.mark.parametrize("dress", DRESSES)
def test_many_dressed_up_digits_lose_one_at_most(dress, digits, classify):
    """Of the whole two hundred from 1000 on the worst three dresses lost two each."""
    images, truth = digits[0][1000:1200:10], digits[1][1000:1200:10]
    assert lost(dress, images, truth, classify) <= 1


def test_a_stroke_that_ends_at_the_rim_belongs_to_the_digit(digits, classify):
    chosen = list(RUN_OUT)
    images, truth = digits[0][chosen], digits[1][chosen]
    for dress in (inverted, coloured, noisy):
        assert lost(dress, images, truth, classify) <= 0


def cut_out(digit: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """No paper is left at any side, as where a program cut a digit out of a row."""
    top, left, bottom, right = bounds(digit > 40)
    own = Image.fromarray(digit[top:bottom, left:right])
    times = rng.uniform(1.2, 12)
    size = [max(12, round(side * times)) for side in own.size]
    ink = np.asarray(own.resize((size[0], size[1]), Image.Resampling.BICUBIC), float)
    light = rng.random() < 0.5  # chalk on a board, or a pen on paper
    return to_image(10 + 0.9 * ink if light else 245 - 0.9 * ink)


def test_a_digit_without_paper_around_it_is_whole(digits, classify):
    """But for an upright 1, which then is a full rectangle; of ten two are lost, where
    a bar stands apart, and where more of the rim is ink than paper."""
    chosen = np.flatnonzero(digits[1][:12] != 1)
    images, truth = digits[0][chosen], digits[1][chosen]
    assert lost(cut_out, images, truth, classify) <= 2


@pytest.mark.parametrize("paper,ink", [(245, 20), (12, 240)])
def test_a_digit_that_fills_two_opposite_corners_is_whole(paper: int, ink: int):
    """Of a 5 cut out tightly, both of whose ends reach a corner, a part was read."""
    page = np.full((280, 280), paper, np.uint8)
    top = [(272, 12), (120, 28), (105, 140), (180, 115)]
    bowl = [(225, 170), (190, 235), (100, 262), (8, 268)]
    cv2.polylines(page, [np.array(top + bowl)], False, ink, 28, cv2.LINE_AA)
    found = read(Image.fromarray(page), "a five")
    _, _, width, height = found.digits[0].crop
    assert len(found.digits) == 1 and min(width, height) > 270
