"""The pictures of a run can be read: no word on a line, no ticks on each other."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from training.fit import Epoch
from training.recipes import recipe
from training.studies import plots


@pytest.fixture
def curves(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`curves(n)`: the panels of a run of n epochs, laid out but not stored."""
    kept: list[Any] = []
    monkeypatch.setattr(plots, "store", lambda picture, _: kept.append(picture))

    def draw(epochs: int) -> list[Any]:
        history = [
            Epoch(epoch, 0.3 / epoch, 99.4 - 9 / epoch, 99.5 - 9 / epoch, 0.01, 3.0)
            for epoch in range(1, epochs + 1)
        ]
        run = plots.Run("v2", history, recipe("v2", epochs), 1.0)
        plots.learning_curves(Path("unused"), run)
        kept[-1].draw_without_rendering()
        return kept[-1].axes

    return draw


@pytest.mark.parametrize("epochs", [1, 5])
def test_the_last_error_is_written_behind_the_ends_of_the_lines(
    curves: Any, epochs: int
) -> None:
    errors = curves(epochs)[1]
    (label,) = errors.texts
    ends = [errors.transData.transform(line.get_xydata()[-1]) for line in errors.lines]
    assert len(ends) == 2
    assert all(x + 3 < label.get_window_extent().x0 for x, _ in ends)


@pytest.mark.parametrize("epochs", [5, 60])
def test_numbers_of_epochs_do_not_touch(curves: Any, epochs: int) -> None:
    for axes in curves(epochs):
        boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
        for one, other in itertools.pairwise(boxes):
            assert one.x1 + 3 < other.x0
