"""FULLY_CONNECTED for int16."""

from dataclasses import dataclass
from typing import ClassVar

from export.kernels.int16.weighted import Weighted


@dataclass(frozen=True, eq=False)
class Dense(Weighted):
    """All of the input for each output."""

    template: ClassVar[str] = "int16/dense.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("FULLY_CONNECTED",)
