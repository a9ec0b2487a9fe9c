"""What the model of the fuzzers' firmware answers, firmware/fuzz/fake_model."""

import numpy as np

FNV = 16777619


def fake_int8(image: np.ndarray) -> list[int]:
    """firmware/fuzz/fake_model in Python."""
    value = 2166136261
    for byte in image.tobytes():
        value = (value ^ byte) * FNV & 0xFFFFFFFF
    return [((value + i) * 2654435761 >> 24 & 255) - 128 for i in range(10)]
