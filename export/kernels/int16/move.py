"""MOVE for int16: slices, transpositions, mirrors and more, as loops over offsets."""

from dataclasses import dataclass
from typing import ClassVar

from export.kernels.int8 import move
from export.kernels.int16.wide import Wide


@dataclass(frozen=True, eq=False)
class Move(Wide, move.Move):
    """Values from where the loops say, one after another."""

    template: ClassVar[str] = "int16/move.c.jinja"
