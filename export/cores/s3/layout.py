"""How an activation lies in the arena: int8, rows of pixels, a border around them.

    layout = Layout(height=12, width=12, channels=8, pixel=8, row=96)

The first pixel and all rows start at multiples of 16. A border holds what its reader's
padding has to read, so that no kernel knows of padding.
"""

from dataclasses import dataclass

from export.plan.units import round_up

VECTOR = 16  # bytes
WORD = 4


@dataclass(frozen=True)
class Border:
    """Pixels around an activation that hold its fill."""

    top: int = 0
    left: int = 0
    bottom: int = 0
    right: int = 0

    def __bool__(self) -> bool:
        return any((self.top, self.left, self.bottom, self.right))


@dataclass(frozen=True)
class Layout:
    """Bytes from pixel to pixel and from row to row; the border's byte."""

    height: int
    width: int
    channels: int
    pixel: int
    row: int
    border: Border = Border()
    fill: int = 0

    @property
    def start(self) -> int:
        """Offset of the first pixel from the start of the memory."""
        before = round_up(self.border.left * self.pixel, VECTOR)
        return self.border.top * self.row + before

    @property
    def size(self) -> int:
        """Bytes of the whole, border included."""
        before = round_up(self.border.left * self.pixel, VECTOR)
        rows = self.border.top + self.height + self.border.bottom
        return round_up(before + rows * self.row, VECTOR)

    @property
    def packed(self) -> bool:
        """Whether pixels follow each other without a gap at any alignment."""
        return self.pixel % 8 != 0

    def at(self, y: int, x: int) -> int:
        """Offset of a pixel, which may lie in the border, from the first one."""
        return y * self.row + x * self.pixel


def padded(channels: int) -> int:
    """Bytes of a pixel that can be had at once."""
    return 8 if channels <= 8 else round_up(channels, VECTOR)


def lay(
    height: int,
    width: int,
    channels: int,
    pixel: int,
    border: Border = Border(),
    fill: int = 0,
) -> Layout:
    """A layout with rows of whole vectors."""
    row = round_up((border.left + width + border.right) * pixel, VECTOR)
    return Layout(height, width, channels, pixel, row, border, fill)


def lag(source: Layout, target: Layout, start: int, stride: int, rows: int) -> int:
    """How far before its input an output has to start to be written over it.

    Each row of the output is written while the rows of the input from its window on
    are read; `start`: where the first window begins, `stride`: rows from one to the
    next.
    """
    most = 0
    for y in range(rows):
        end = target.start + (y + 1) * target.row + VECTOR
        most = max(most, end - (source.start + start + source.at(y * stride, 0)))
    return most
