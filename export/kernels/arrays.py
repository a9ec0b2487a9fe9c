"""Constants of the generated C, as they are written down."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Array:
    """A constant of the generated C.

    Its numbers are asked for when it is written: of many ways to make a stage one is.
    """

    name: str
    type: str
    source: tuple[str, ...] | Callable[[], np.ndarray]  # as C has them, or numbers
    count: int  # of the values
    comment: str
    width: int  # values a line; 0: as many as there is room for
    size: int  # bytes

    @cached_property
    def values(self) -> tuple[str, ...]:
        """As C has them."""
        if isinstance(self.source, tuple):
            return self.source
        numbers = np.array(self.source(), np.int64).reshape(-1)
        return tuple(map(literal, numbers.tolist()))

    @property
    def lines(self) -> list[str]:
        """Of C."""
        width = self.width or (12 if max(map(len, self.values), default=0) < 5 else 10)
        steps = range(0, self.count, width)
        return [", ".join(self.values[i : i + width]) + "," for i in steps]


def literal(value: int) -> str:
    """An int32 as C reads it (-2147483648 is no literal)."""
    return "(-2147483647 - 1)" if value == -(1 << 31) else str(value)


def byte_array(name: str, comment: str, values: np.ndarray, kind: str) -> Array:
    """Weights or a table."""
    return weight_array(name, comment, lambda: values, values.size, kind)


def weight_array(
    name: str,
    comment: str,
    order: Callable[[], np.ndarray],
    count: int,
    kind: str,
) -> Array:
    """`count` weights in the order in which a kernel reads them."""
    size = count * (2 if kind in ("int16_t", "uint16_t") else 1)
    return Array(name, kind, order, count, comment, 0, size)


def word_array(name: str, comment: str, values: np.ndarray) -> Array:
    """int32 constants."""
    count = values.size
    return Array(name, "int32_t", lambda: values, count, comment, 6, 4 * count)
