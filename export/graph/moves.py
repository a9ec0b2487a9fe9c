"""Data movement as loops: where each element of a value comes from.

    moves = factor(index)     # of each output element its place in the flat input

Slices, transpositions, mirrored borders, nearest-neighbour scaling and many more take
output[i, j, ...] from input[start + f(i) + g(j) + ...]; f is a multiple of i or a
table. `factor` finds that form, joins loops that run on in memory, and gives None
where there is no such form.
"""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Axis:
    """One loop: `size` turns; the input moves `step` a turn, or as `table` says."""

    size: int
    step: int
    table: tuple[int, ...] | None = None

    def offsets(self) -> np.ndarray:
        """What each turn adds to the input's position."""
        if self.table is not None:
            return np.array(self.table, np.int64)
        return np.arange(self.size, dtype=np.int64) * self.step


@dataclass(frozen=True)
class Moves:
    """Loops from the outside in; the output is written in order."""

    start: int
    axes: tuple[Axis, ...]

    @property
    def size(self) -> int:
        """Elements that are moved."""
        return math.prod(axis.size for axis in self.axes)

    def index(self) -> np.ndarray:
        """The flat input position of each output element."""
        found = np.array([self.start], np.int64)
        for axis in self.axes:
            found = (found[:, None] + axis.offsets()).reshape(-1)
        return found

    def contiguous(self) -> bool:
        """Whether it copies one run of bytes."""
        return all(a.table is None and a.step == 1 for a in self.axes) and (
            len(self.axes) <= 1
        )


def factor(index: np.ndarray) -> Moves | None:
    """Loops over the axes of `index`, None where no sum of offsets gives it."""
    index = np.asarray(index, np.int64)
    start = int(index.reshape(-1)[0])
    total = np.full(index.shape, start, np.int64)
    axes = []
    for number, size in enumerate(index.shape):
        line = np.moveaxis(index, number, 0).reshape(size, -1)[:, 0] - start
        total += line.reshape([-1 if i == number else 1 for i in range(index.ndim)])
        axes.append(_axis(line))
    if not np.array_equal(total, index):
        return None
    return Moves(start, _joined([a for a in axes if a.size > 1]))


def _axis(offsets: np.ndarray) -> Axis:
    size = len(offsets)
    step = int(offsets[1]) if size > 1 else 0
    if np.array_equal(offsets, np.arange(size) * step):
        return Axis(size, step)
    return Axis(size, 0, tuple(int(o) for o in offsets))


def _joined(axes: list[Axis]) -> tuple[Axis, ...]:
    """One loop for two whose second one ends where the first goes on."""
    found: list[Axis] = []
    for axis in axes:
        outer = found[-1] if found else None
        if (
            outer is not None
            and outer.table is None
            and axis.table is None
            and outer.step == axis.size * axis.step
        ):
            found[-1] = Axis(outer.size * axis.size, axis.step)
        else:
            found.append(axis)
    return tuple(found)
