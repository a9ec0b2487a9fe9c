"""Maxima along a row, by playing the C of a block of columns in Python."""

import pytest

from export.kernels.int8 import horizontal_max


def played(row: list[int], left: int, windows: int, columns: int) -> list[int | None]:
    """What the template's loops store for one row of sums."""
    plan = horizontal_max.plan(len(row), left, windows, columns)
    out: list[int | None] = [None] * windows
    states = [-1000] * plan.states
    for x in range(0, len(row), columns):
        names = {f"a{i}0": row[x + i] for i in range(columns)}
        names |= {"e0": states, "nn_max": max}
        for window, best in (*(plan.before if x else []), *plan.within):
            at = x // horizontal_max.STRIDE + window
            assert 0 <= at < windows and out[at] is None
            out[at] = eval(best.format(q=0), names)
        for state, best in enumerate(plan.kept):  # in the C's order, in place
            states[state] = eval(best.format(q=0), names)
    for window, state in plan.rest:
        assert out[window] is None
        out[window] = states[state]
    return out


@pytest.mark.parametrize("columns", [2, 4])
@pytest.mark.parametrize("width", [4, 8, 12, 24])
@pytest.mark.parametrize("left", [0, 1])
def test_every_window_has_its_maximum_once(columns: int, width: int, left: int) -> None:
    windows = width // 2 if left else width // 2 - 1
    for high in range(width):  # the greatest column decides
        row = [-abs(x - high) for x in range(width)]
        starts = [2 * i - left for i in range(windows)]
        wanted = [max(row[max(s, 0) : s + 4]) for s in starts]
        assert played(row, left, windows, columns) == wanted
