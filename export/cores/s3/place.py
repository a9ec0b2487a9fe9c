"""How many positions of a row are finished together."""

MOST_SUMS = 2_048  # bytes of sums of a block


def row_block(columns: int, lanes: int, unit: int) -> int:
    """Of a row's positions as many as their sums' scratch allows, in whole units."""
    if 8 * columns * lanes <= MOST_SUMS:
        return columns
    return max(MOST_SUMS // (8 * unit * lanes), 1) * unit
