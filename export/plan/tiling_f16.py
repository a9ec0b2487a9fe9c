"""How many sums of a float16 layer are kept in registers at a time.

A sum is a position of one output channel; a weight is used for all of them once it is
decoded. Compilers keep a product's way short as long as everything fits.
"""

from dataclasses import dataclass

from export.graph.stage import Stage

MOST_SUMS = 14  # of 16 registers, on LX6 as on x86: a weight and a product need two
STRAIGHT = {"size": 32, "speed": 240}  # multiplications in one piece of straight code
MOST_STRAIGHT = 192
MOST_UNROLL = 10  # weights in one piece of straight code


@dataclass(frozen=True)
class Tile:
    """A register tile: positions that are summed, and the outputs that they give."""

    rows: int
    columns: int
    out_rows: int
    out_columns: int

    def group(self, row: int, column: int) -> list[int]:
        """Numbers of the sums that one output is the largest of."""
        size_h, size_w = self.rows // self.out_rows, self.columns // self.out_columns
        return [
            (row * size_h + y) * self.columns + column * size_w + x
            for y in range(size_h)
            for x in range(size_w)
        ]

    def unroll(self, row: int, profile: str) -> int:
        """Weights in one piece of straight code."""
        most = STRAIGHT.get(profile, MOST_STRAIGHT)
        return divisor(row, max(1, most // (self.rows * self.columns)))


def tile_of(stage: Stage, out_h: int) -> Tile:
    """The tile of a stage that computes `out_h` rows a call."""
    out_w = stage.region[1]
    if stage.pool is not None:
        size_h, size_w = stage.pool.kernel_h, stage.pool.kernel_w
        most = max(1, MOST_SUMS // (size_h * size_w))
        columns = divisor(out_w, most)
        return Tile(size_h, size_w * columns, 1, columns)
    columns = divisor(out_w, MOST_SUMS)
    rows = divisor(out_h, MOST_SUMS // columns)
    return Tile(rows, columns, rows, columns)


def divisor(number: int, most: int) -> int:
    """The largest divisor of `number` that is not above `most`."""
    return next(n for n in range(min(most, number), 0, -1) if number % n == 0)
