"""Bytes and int8 are each other's image."""

import numpy as np

from core import pixels


def test_every_byte_has_its_own_int8_and_comes_back() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    q = pixels.to_int8(values)
    assert q.dtype == np.int8 and q.shape == (16, 16)
    assert np.array_equal(q.reshape(-1), np.arange(-128, 128))
    assert np.array_equal(pixels.to_bytes(q), values)
    assert pixels.to_bytes(q).dtype == np.uint8
