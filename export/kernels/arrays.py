"""Constants of the generated C, as they are written down."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Array:
    """A constant of the generated C."""

    name: str
    type: str
    values: tuple[str, ...]
    comment: str
    width: int  # values a line
    size: int  # bytes

    @property
    def count(self) -> int:
        """Of the values."""
        return len(self.values)

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
    texts = [str(int(v)) for v in values]
    size = len(texts) * (2 if kind in ("int16_t", "uint16_t") else 1)
    abreast = 12 if max(map(len, texts)) < 5 else 10  # in 80 columns
    return Array(name, kind, tuple(texts), comment, abreast, size)


def word_array(name: str, comment: str, values: np.ndarray) -> Array:
    """int32 constants."""
    texts = [literal(int(v)) for v in values]
    return Array(name, "int32_t", tuple(texts), comment, 6, 4 * len(texts))
