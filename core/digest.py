"""The digest of logits: equal on every target where every bit is equal."""

import zlib

import numpy as np


def digest(logits: np.ndarray) -> str:
    """CRC-32 over logits (N, classes), little-endian, row by row: eight hex digits."""
    kind = logits.dtype.newbyteorder("<")
    return f"{zlib.crc32(np.ascontiguousarray(logits, kind).tobytes()):08x}"
