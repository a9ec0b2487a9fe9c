"""How many outputs a direct convolution sums at once, and where their loops go.

As many sums as the registers hold are built up side by side: a few columns of a row
(or a pool's window) times a few channels. What is left of a row where the columns do
not divide it has a smaller block of its own.
"""

from typing import Any

from export.graph.fusion import Stage

ACCUMULATORS = 8  # what 16 registers hold beside operands and pointers
COLUMNS = (2, 1, 4, 3)
REST = 0.1  # loads a product that must be gained before a row's rest has its own loop


def blocks(stage: Stage, whole: bool = False) -> tuple[int, int, int]:
    """(rows, columns, channels) that are summed abreast; `whole`: without a rest.

    Every product needs a value and a weight: as few loads of them as can be.
    """
    _, width, channels = stage.mac_live
    rows, columns = 1, [n for n in COLUMNS if n <= width]
    if stage.pool is not None:
        rows = stage.pool.attributes["filter_h"]
        columns = [stage.pool.attributes["filter_w"]]

    def loads(block: tuple[int, int, int]) -> float:
        _, x, n = block
        rest = REST if width % x else 0
        return -(-width // x) / (rows * width) + 1 / n + rest

    found = [
        (rows, x, n)
        for x in columns
        for n in range(1, max(ACCUMULATORS // (rows * x), 1) + 1)
        if channels % n == 0 and not (whole and width % x)
    ]
    return min(found, key=loads)


def parts(
    width: int, rows: int, columns: int, right: int, down: int, channels: int
) -> list[dict[str, Any]]:
    """The loops over a row of `width` sums, for the template.

    A sum's window is `right` elements beside its neighbour's, `down` below.
    """
    edge = width - width % columns
    found = [_part(0, edge, rows, columns, right, down, channels)]
    if edge < width:
        found.append(_part(edge, width, rows, width - edge, right, down, channels))
    return found


def _part(
    start: int, end: int, rows: int, columns: int, right: int, down: int, channels: int
) -> dict[str, Any]:
    places = [(y, x) for y in range(rows) for x in range(columns)]
    return {
        "start": start,
        "end": end,
        "step": columns,
        "block_p": len(places),
        "offsets": [y * down + x * right for y, x in places],
        "out_offsets": [x * channels for _, x in places],
        "hold_weights": len(places) >= 4,
    }
