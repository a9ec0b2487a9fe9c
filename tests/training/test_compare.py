"""The picture of all models: nothing covers anything."""

import itertools
from typing import Any

import pytest

from training import compare


def result(model: str, parameters: int, macs: int, mean: float) -> dict[str, Any]:
    return {
        "model": model,
        "parameters": parameters,
        "macs": macs,
        "mean": mean,
        "min": mean - 0.08,
        "max": mean + 0.06,
        "n": 10,
        "recipe": {"epochs": 5},
    }


def test_labels_of_four_models_and_published_points_do_not_overlap() -> None:
    """Two models of one accuracy, four of one size: the worst that we expect."""
    picture = compare.draw(
        [
            result("v1", 7_762, 231_392, 99.21),
            result("v2", 7_890, 231_392, 99.405),
            result("v3", 7_896, 861_400, 99.55),
            result("v3-small", 7_900, 199_000, 99.40),
        ]
    )
    picture.draw_without_rendering()
    for axes in picture.axes:
        frame = axes.get_window_extent()
        boxes = [text.get_window_extent() for text in axes.texts]
        assert len(boxes) >= 4
        for box in boxes:
            assert frame.x0 <= box.x0 and box.x1 <= frame.x1
        for one, other in itertools.combinations(boxes, 2):
            assert not one.shrunk(0.98, 0.98).overlaps(other)


@pytest.mark.parametrize(
    ("values", "moved"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]),
        ([1.0, 1.0], [0.5, 1.5]),
        ([1.0, 1.2, 1.4, 5.0], [0.2, 1.2, 2.2, 5.0]),
    ],
)
def test_values_are_moved_apart_no_further_than_needed(
    values: list[float], moved: list[float]
) -> None:
    assert compare.apart(values, 1.0) == pytest.approx(moved)


def test_places_are_grouped_when_labels_would_collide() -> None:
    assert compare.neighbours([8.0, 100.0, 7.9, 8.1]) == [[0, 2, 3], [1]]
