"""Constants of the generated C, as they are written down."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Array:
    """A constant of the generated C."""

    name: str
    type: str
    source: tuple[str, ...] | np.ndarray  # as C has them, or numbers
    comment: str
    width: int  # values a line
    size: int  # bytes

    @cached_property
    def values(self) -> tuple[str, ...]:
        """As C has them: of many ways to make a stage only one is written down."""
        if isinstance(self.source, tuple):
            return self.source
        return tuple(map(literal, self.source.tolist()))

    @property
    def count(self) -> int:
        """Of the values."""
        return len(self.source)

    @property
    def lines(self) -> list[str]:
        """Of C."""
        steps = range(0, len(self.values), self.width)
        return [", ".join(self.values[i : i + self.width]) + "," for i in steps]


def literal(value: int) -> str:
    """An int32 as C reads it (-2147483648 is no literal)."""
    return "(-2147483647 - 1)" if value == -(1 << 31) else str(value)


def byte_array(name: str, comment: str, values: np.ndarray, kind: str) -> Array:
    """Weights or a table."""
    numbers = np.array(values, np.int64).reshape(-1)
    size = len(numbers) * (2 if kind in ("int16_t", "uint16_t") else 1)
    short = numbers.min(initial=0) > -1000 and numbers.max(initial=0) < 10000
    return Array(name, kind, numbers, comment, 12 if short else 10, size)


def word_array(name: str, comment: str, values: np.ndarray) -> Array:
    """int32 constants."""
    numbers = np.array(values, np.int64).reshape(-1)
    return Array(name, "int32_t", numbers, comment, 6, 4 * len(numbers))
