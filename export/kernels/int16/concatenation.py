"""CONCATENATION for int16: values that only move."""

from dataclasses import dataclass
from typing import ClassVar

from export.kernels.int8 import concatenation
from export.kernels.int16.wide import Wide


@dataclass(frozen=True, eq=False)
class Concatenation(Wide, concatenation.Concatenation):
    """Each operand copied to its place."""

    template: ClassVar[str] = "int16/concatenation.c.jinja"
