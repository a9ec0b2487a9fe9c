"""Positions of bytes as loops, and back."""

from collections.abc import Callable

import numpy as np
import pytest

from export.graph.moves import factor


@pytest.mark.parametrize(
    "index",
    [
        lambda x: x.transpose(2, 0, 1),
        lambda x: x[1:, ::-1, ::2],
        lambda x: np.pad(x, ((1, 1), (2, 0), (0, 0)), mode="reflect"),
        lambda x: np.tile(x, (2, 1, 3)),
        lambda x: x[[2, 0, 0]],
    ],
)
def test_loops_give_the_positions_that_they_were_made_of(
    index: Callable[[np.ndarray], np.ndarray],
) -> None:
    place = index(np.arange(3 * 4 * 5).reshape(3, 4, 5))
    moves = factor(place)
    assert moves is not None
    assert np.array_equal(moves.index(), place.reshape(-1))
    assert factor(np.array([[0, 1], [2, 0]])) is None
