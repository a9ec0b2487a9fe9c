"""PAD for int16: a border of one value, and values that only move."""

from dataclasses import dataclass
from typing import ClassVar

from export.graph.attributes import Padding
from export.kernels.int8 import pad
from export.kernels.int16.wide import Wide


@dataclass(frozen=True, eq=False)
class Pad(Wide, pad.Pad):
    """All of the output filled, then the input copied into it."""

    template: ClassVar[str] = "int16/pad.c.jinja"

    @property
    def fill(self) -> str:
        """C of the border's value."""
        return str(self.stage.head.told(Padding).fill or 0)
