"""Thick strokes are whole; a panel and a circle are no digits but hold one."""

import cv2
import numpy as np
import pytest
from PIL import Image

from core.picture.image import Reading, read
from training.data import load


def found(page: np.ndarray) -> Reading:
    return read(Image.fromarray(page), "a page")


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("axes", [(45, 75), (52, 56)])
def test_a_zero_with_but_a_small_hole_is_whole(axes: tuple[int, int], light: bool):
    """Its ring fills the most of its box, as a blot does."""
    page = np.full((900, 1200), 255, np.uint8)
    cv2.ellipse(page, (520, 540), axes, 8, 0, 360, 0, 74)
    page = 255 - page if light else page
    (digit,) = found(page).digits
    assert (digit.pixels > 128).sum() > 150  # less than 90 where it was hollow
    assert digit.pixels[13:15, 13:15].min() < 128  # its hole


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("ends", [(4, 23), (5, 25)])
def test_a_bold_one_in_few_pixels_is_whole(ends: tuple[int, int], light: bool):
    """A bar that reaches the rim, all that is drawn: parts of its edge were read."""
    page = np.full((28, 28), 255, np.uint8)
    cv2.line(page, (14, ends[0]), (14, ends[1]), 0, 8, cv2.LINE_AA)
    (digit,) = found(255 - page if light else page).digits
    assert digit.crop[2] > 6 and digit.crop[3] > 22


@pytest.mark.parametrize("tall", [31, 220])
def test_a_dark_panel_on_a_page_is_no_digit_but_holds_one(tall: int):
    """As a plot of an MNIST image has it, with a title."""
    page = np.full((2 * tall, 3 * tall), 255, np.uint8)
    digit = Image.fromarray(load().train_images[0])  # a 5
    x, y = tall, tall // 2
    page[y : y + tall, x : x + tall] = np.asarray(digit.resize((tall, tall)))
    if tall > 100:
        cv2.putText(page, "Label: 5", (x, y - 12), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 0, 2)
    reading = found(page)
    assert "what is around a panel" in reading.left_out
    ink = np.asarray(digit.crop((4, 4, 24, 24)), float)
    alike = np.corrcoef(ink.ravel(), reading.pixels[4:24, 4:24].ravel())[0, 1]
    assert len(reading.digits) == 1 and alike > 0.8


@pytest.mark.parametrize("text", ["2", "5"])
def test_a_circle_around_a_digit_is_a_frame(text: str):
    page = np.full((500, 500), 255, np.uint8)
    cv2.circle(page, (250, 250), 160, 0, 6)
    cv2.putText(page, text, (216, 292), cv2.FONT_HERSHEY_SIMPLEX, 3.6, 0, 8)
    reading = found(page)
    assert "a frame" in reading.left_out
    assert reading.digits[reading.main].crop[3] < 120


def test_a_slash_or_a_mouth_makes_no_circle_of_a_ring():
    page = np.full((500, 500), 255, np.uint8)
    cv2.circle(page, (250, 250), 160, 0, 12)
    slashed, face = page.copy(), page.copy()
    cv2.line(slashed, (200, 330), (300, 170), 0, 12)
    cv2.ellipse(face, (250, 290), (70, 45), 0, 10, 170, 0, 12)
    for drawn in (slashed, face):
        assert found(drawn).digits[0].crop[3] > 300


def test_an_arm_from_the_rim_is_no_bold_stroke():
    """Silhouettes of hands were taken whole, and some were sure digits."""
    page = np.full((310, 310), 255, np.uint8)
    cv2.ellipse(page, (155, 110), (55, 60), 0, 0, 360, 0, cv2.FILLED)
    page[120:, 120:190] = 0
    tall = [digit.crop[3] for digit in found(page).digits]
    assert max(tall) < 240
