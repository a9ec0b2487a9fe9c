"""An image's size, and a pixel as a byte (0..255) or as int8 has it: q = byte - 128."""

import numpy as np

SIDE = 28  # rows and columns of MNIST's images, and of what our networks take
IMAGE_BYTES = SIDE * SIDE
OFFSET = 128  # byte = q + OFFSET


def to_int8(values: np.ndarray) -> np.ndarray:
    """Bytes 0..255, any integer type, as int8 of the same shape."""
    return (np.asarray(values).astype(np.int16) - OFFSET).astype(np.int8)


def to_bytes(values: np.ndarray) -> np.ndarray:
    """int8 values as bytes 0..255, uint8 of the same shape."""
    return (np.asarray(values).astype(np.int16) + OFFSET).astype(np.uint8)
