"""How many positions of a row are finished together."""


def row_block(columns: int, lanes: int, unit: int, most: int) -> int:
    """Of a row's positions as many as `most` bytes of sums allow, in whole units."""
    if 8 * columns * lanes <= most:
        return columns
    return max(most // (8 * unit * lanes), 1) * unit


def pair(lanes: int, window: int, most: int) -> int:
    """Positions of eight lanes: two, a whole vector, if their sums are not too many."""
    return 2 if lanes == 8 and 8 * 2 * lanes * window <= most else 1
