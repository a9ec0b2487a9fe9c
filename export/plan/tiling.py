"""How many outputs a direct convolution sums at once, and where their loops go.

As many sums as the registers hold are built up side by side: a few columns of a row
(or a pool's window) times a few channels. What is left of a row where the columns do
not divide it has a smaller block of its own.
"""

from dataclasses import dataclass

from export.graph.stage import Stage

ACCUMULATORS = 8  # what 16 registers hold beside operands and pointers
COLUMNS = (2, 1, 4, 3)
LONG = 32  # columns whose rest hardly matters
REST = 0.1  # loads a product that must be gained before a row's rest has its own loop


def blocks(stage: Stage, whole: bool = False) -> tuple[int, int, int]:
    """(rows, columns, channels) of a register tile; `whole`: without a rest.

    Every product needs a value and a weight: as few loads of them as can be.
    """
    _, width, channels = stage.head_region
    if width >= LONG and stage.pool is None and not whole:
        return 1, 4, 2 if channels % 2 == 0 else 1
    rows, columns = 1, [n for n in COLUMNS if n <= width]
    if stage.pool is not None:
        rows, columns = stage.pool.kernel_h, [stage.pool.kernel_w]

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


@dataclass(frozen=True)
class Loop:
    """A loop over a row of positions, unrolled by a few of them."""

    start: int
    end: int
    step: int
    offsets: tuple[int, ...]  # of the windows of a turn's positions, in elements
    out_offsets: tuple[int, ...]  # of what they give

    @property
    def unroll(self) -> int:
        """Positions of a turn, which are summed at once."""
        return len(self.offsets)

    @property
    def turns(self) -> int:
        """Of the loop."""
        return (self.end - self.start) // self.step

    @property
    def places(self) -> range:
        """Where in a row the blocks begin."""
        return range(self.start, self.end, self.step)

    @property
    def hold_weights(self) -> bool:
        """Whether weights are loaded before values: there are more of these."""
        return self.unroll >= 4


def loops(
    width: int, rows: int, columns: int, right: int, down: int, channels: int
) -> tuple[Loop, ...]:
    """The loops over a row of `width` sums: whole blocks, then the rest.

    A sum's window is `right` elements beside its neighbour's, `down` below.
    """
    edge = width - width % columns
    found = (_loop(0, edge, rows, columns, right, down, channels),)
    if edge == width:
        return found
    return (*found, _loop(edge, width, rows, width - edge, right, down, channels))


def _loop(
    start: int, end: int, rows: int, columns: int, right: int, down: int, channels: int
) -> Loop:
    places = [(y, x) for y in range(rows) for x in range(columns)]
    return Loop(
        start,
        end,
        columns,
        tuple(y * down + x * right for y, x in places),
        tuple(x * channels for _, x in places),
    )
