"""Sigmoid and tanh of 16 bits as TFLite Micro computes them: lines between entries.

    y = sigmoid16(3 * x)    # Q0.15 of x in Q3.12; tanh16 likewise

One table serves both: tanh(x) = 2 * sigmoid(2 * x) - 1. The gates of an LSTM and the
operators of 16-bit activations look it up.
"""

import numpy as np

from export.arithmetic.int8 import INT16_MAX, INT16_MIN

STEPS = 24  # of the table, for each unit of its argument
# Where TFLite's table is one more than the sigmoid's nearest number.
RAISED = (
    *(4, 8, 12, 14, 15, 16, 17, 19, 20, 21, 22, 25, 27, 28, 29, 30, 31, 33, 34, 35),
    *(37, 39, 40, 41, 43, 44, 45, 46, 49, 50, 54, 62, 63, 64, 66, 82, 86, 93, 100),
    *(103, 112, 116, 135, 255),
)


def sigmoid_table() -> np.ndarray:
    """sigmoid(i / 24) in Q0.16 for i = 0..255, as int64."""
    exact = 65536 / (1 + np.exp(-np.arange(256) / STEPS))
    table = np.floor(exact + 0.5).astype(np.int64)
    table[list(RAISED)] += 1
    return table


TABLE = sigmoid_table()


def sigmoid16(argument: np.ndarray) -> np.ndarray:
    """Three times a Q3.12 number to Q0.15, between two entries of the table."""
    argument = np.asarray(argument, np.int64)
    y = _between(np.abs(argument), 9, 0xFFFE)
    return np.asarray(np.where(argument >= 0, y + 512, (1 << 25) - y + 511) >> 10)


def tanh16(argument: np.ndarray) -> np.ndarray:
    """Three times a Q3.12 number to Q0.15: 2 * sigmoid(2 * x) - 1."""
    argument = np.asarray(argument, np.int64)
    y = _between(np.abs(argument), 8, 0xFFFF)
    middle = 1 << 23
    return np.asarray(np.where(argument >= 0, y - middle + 128, middle + 127 - y) >> 8)


def _between(size: np.ndarray, bits: int, most: int) -> np.ndarray:
    """The table's Q0.16 with `bits` bits more, on a line; `most` beyond its end."""
    at, rest = np.minimum(size >> bits, 254), size & ((1 << bits) - 1)
    y = (TABLE[at] << bits) + rest * (TABLE[at + 1] - TABLE[at])
    return np.where(size >> bits >= 255, most << bits, y)


def clamp16(x: np.ndarray) -> np.ndarray:
    """Saturated to int16, as int64."""
    return np.asarray(np.clip(x, INT16_MIN, INT16_MAX))
