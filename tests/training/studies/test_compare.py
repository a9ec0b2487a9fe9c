"""The picture of all models: nothing covers anything."""

import itertools
from typing import Any

from training.studies import compare


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
        "teacher": None,
    }


RESULTS = {
    "v1": result("v1", 7_762, 231_392, 99.21),
    "v2": result("v2", 7_890, 231_392, 99.405),
    "v3": result("v3", 7_896, 861_400, 99.55) | {"teacher": {"epochs": 10}},
    "v3, alone": result("v3", 7_896, 861_400, 99.50),
    "v3-small": result("v3-small", 7_900, 199_000, 99.40),
}


def test_ours_and_theirs_stand_in_one_order_the_best_first() -> None:
    names = [row.name for row in compare.rows(RESULTS)]
    assert names == [
        *("BitNetMCU", "v3", "v3, alone", "best under 8k", "v2", "v3-small", "v1")
    ]


def test_a_teachers_passes_stand_beside_its_students() -> None:
    assert compare.epochs(RESULTS["v3"]) == "5, teacher 10"
    assert compare.epochs(RESULTS["v3, alone"]) == "5"


def test_no_figure_covers_another_or_leaves_the_picture() -> None:
    picture = compare.draw(RESULTS)
    picture.draw_without_rendering()
    (axes,) = picture.axes
    bars, frame = axes.get_window_extent(), picture.bbox
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == (len(RESULTS) + len(compare.PUBLISHED) + 1) * 5
    for box in boxes:
        assert bars.x1 < box.x0 and box.x1 <= frame.x1 and box.y1 <= frame.y1
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)


def test_title_and_sources_of_both_colours_are_told() -> None:
    (title,) = [t.get_text() for t in compare.draw(RESULTS).texts]
    first, ours, theirs = title.split("\n")
    assert first and "training/results" in ours and "PUBLISHED" in theirs
    assert (ours[:5], theirs[:5]) == ("Blue:", "Grey:")
