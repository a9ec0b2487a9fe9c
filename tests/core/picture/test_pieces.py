"""The boxes of connected pieces are those that OpenCV counts."""

import cv2
import numpy as np
import pytest

from core.picture.pieces import components


@pytest.mark.parametrize("share", [0.0, 0.02, 0.4, 1.0])
@pytest.mark.parametrize("shape", [(40, 53), (400, 480)])
def test_boxes_and_areas_are_opencvs(share: float, shape: tuple[int, int]) -> None:
    cut = np.random.default_rng(0).random(shape) < share
    labels, boxes, areas = components(cut)
    _, expected, stats, _ = cv2.connectedComponentsWithStats(
        cut.view(np.uint8), connectivity=8, ltype=cv2.CV_32S
    )
    left, top, wide, tall, pixels = stats[1:].T
    assert np.array_equal(labels, expected)
    assert np.array_equal(boxes[1:], np.stack([top, left, top + tall, left + wide], 1))
    assert np.array_equal(areas[1:], pixels)
