"""Maxima along a row for windows that overlap, taken while the row is summed.

Windows are twice as wide as their step, so those that a block of columns leaves open
are few: for each channel their maxima so far are kept for the next block. This is
done on accumulators, and only what comes out is requantised.

    found = plan(width, left, windows, columns)
"""

from dataclasses import dataclass

STRIDE = 2  # columns from one window to the next; other pools go by bytes


@dataclass(frozen=True)
class HorizontalMax:
    """For the template: C with {q} for the channel of the block."""

    columns: int  # of a block
    states: int  # maxima kept for each channel
    before: list[tuple[int, str]]  # (window, maximum) that the block before has begun
    within: list[tuple[int, str]]  # (window, maximum), counted from the block's first
    kept: list[str]  # the states for the next block
    rest: list[tuple[int, int]]  # (window, state) that the end of the row completes


def plan(width: int, left: int, windows: int, columns: int) -> HorizontalMax:
    """`width` columns, of which the first window begins `left` before the first."""
    size = 2 * STRIDE
    opens = [r for r in range(1 - size, 0) if (r + left) % STRIDE == 0]
    starts = opens + [r for r in range(columns) if (r + left) % STRIDE == 0]
    done: list[tuple[int, str]] = []
    kept = [""] * len(opens)
    for r in starts:
        values = [f"a{x}{{q}}" for x in range(max(r, 0), min(r + size, columns))]
        if r in opens:
            values.insert(0, f"e{{q}}[{opens.index(r)}]")
        if r + size <= columns:
            done.append(((r + left) // STRIDE, maximum(values)))
        else:
            kept[opens.index(r - columns)] = maximum(values)
    ends = [(width + r + left) // STRIDE for r in opens]
    return HorizontalMax(
        columns,
        len(opens),
        [item for item in done if item[0] < 0],
        [item for item in done if item[0] >= 0],
        kept,
        [(window, state) for state, window in enumerate(ends) if window < windows],
    )


def maximum(values: list[str]) -> str:
    """C for the greatest of a few values."""
    if len(values) == 1:
        return values[0]
    half = len(values) // 2
    return f"nn_max({maximum(values[:half])}, {maximum(values[half:])})"
