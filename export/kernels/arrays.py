"""Constants of the generated C, in the order in which it reads them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Array:
    """A constant of the generated C.

    Its values are asked for when it is written: of many ways to make a stage one is.
    """

    name: str
    type: str
    values: Callable[[], np.ndarray]  # numbers, or texts as C has them
    count: int
    comment: str
    width: int  # values a line; 0: as many as there is room for
    size: int  # bytes


def byte_array(name: str, comment: str, values: np.ndarray, kind: str) -> Array:
    """Weights or a table."""
    return weight_array(name, comment, lambda: values, values.size, kind)


def value_array(name: str, comment: str, data: np.ndarray) -> Array:
    """A constant value as its engine holds it: bytes u = q + 128, or int16."""
    if data.dtype == np.int16:
        return byte_array(name, comment, data, "int16_t")
    return byte_array(name, comment, data.reshape(-1).astype(np.int64) + 128, "uint8_t")


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


def start_array(name: str, comment: str, values: np.ndarray) -> Array:
    """What sums of 64 bits begin with: int32 constants where all fit."""
    count = values.size
    if np.array_equal(values, values.astype(np.int32)):
        return word_array(name, comment, values)
    return Array(name, "int64_t", lambda: values, count, comment, 4, 8 * count)


def text_array(
    name: str, kind: str, comment: str, texts: list[str], width: int, size: int
) -> Array:
    """Values as C has them, `width` a line, of `size` bytes in all."""
    return Array(name, kind, lambda: np.array(texts), len(texts), comment, width, size)
