"""What a layer of weighted sums has to compute, in which layouts."""

from dataclasses import dataclass

import numpy as np

from export.cores.s3.finish import Finish
from export.cores.s3.layout import Layout
from export.cores.s3.window import Shape, Way


@dataclass(frozen=True, eq=False)
class Job:
    """A convolution; a fully connected layer is one of a single position."""

    name: str
    source: Layout
    target: Layout
    shape: Shape
    stride: tuple[int, int]
    start: int  # offset of the first window from the source's first pixel
    rows: int  # of the output, after a pool
    columns: int
    pool: tuple[int, int]  # (1, 1) without one
    weights: np.ndarray  # (O, taps) int8, in the order of `Shape.segments`
    finish: Finish
    sums: int  # bytes of sums that are finished together, where that can be chosen
    way: Way | None = None  # how a window is loaded, where that is given
    raw: bool = False  # the input is the caller's
    straight: bool = False  # the output is

    @property
    def channels(self) -> int:
        """Of the output."""
        return len(self.weights)

    def move(self, y: int, x: int) -> int:
        """Bytes from a window to that of another position."""
        return self.source.at(y * self.stride[0], x * self.stride[1])

    @property
    def lanes(self) -> int:
        """Lanes of output that a position takes."""
        return self.channels if self.target.packed else self.target.pixel

    @property
    def period(self) -> int:
        """Steps of output after which the lanes' channels repeat."""
        if self.target.packed:
            return self.channels // int(np.gcd(self.channels, 16))
        return max(self.lanes // 16, 1)

    def lane_channels(self) -> np.ndarray:
        """The channel of each lane of a period; lanes without one have the last's."""
        if self.target.packed:
            return np.arange(16 * self.period) % self.channels
        one = np.minimum(np.arange(self.lanes), self.channels - 1)
        return np.tile(one, 2) if self.lanes == 8 else one

    def lag(self, rows: int) -> int:
        """How far before its input the output has to start to be written over it.

        `rows` of the output are written at a time.
        """
        most = 0
        for y in range(0, self.rows, rows):
            end = self.target.start + (y + rows) * self.target.row + 16
            read = self.source.start + self.start + self.move(y * self.pool[0], 0)
            most = max(most, end - read)
        return most
