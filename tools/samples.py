"""The built-in digits of `sample`, written as C.

    python -m tools.samples

writes firmware/src/samples.c: the first test image of each class, in four levels.
"""

from pathlib import Path

import numpy as np

from core.paths import ROOT

FILE = ROOT / "firmware" / "src" / "samples.c"
LEVEL = 85  # of 255: two bits a pixel
A_LINE = 12  # bytes
HEAD = """\
/* SPDX-License-Identifier: MIT */
/* Written by tools/samples.py. See samples.h. */
#include "samples.h"

"""


def pack(image: np.ndarray) -> bytes:
    """(28, 28) uint8 to 196 bytes, the first pixel in the lowest bits."""
    levels = (image.reshape(-1, 4).astype(int) + LEVEL // 2) // LEVEL
    return bytes((levels << np.array([0, 2, 4, 6])).sum(axis=1).tolist())


def unpack(packed: bytes) -> np.ndarray:
    """What the device makes of them: (28, 28) uint8."""
    bits = np.frombuffer(packed, np.uint8)[:, None] >> np.array([0, 2, 4, 6]) & 3
    pixels: np.ndarray = (bits * LEVEL).astype(np.uint8).reshape(28, 28)
    return pixels


def source(digits: list[bytes]) -> str:
    """The C file."""
    text = HEAD + "const uint8_t app_samples[SAMPLES][ESP8K_INPUT_BYTES / 4u] = {\n"
    for digit in digits:
        text += "    {\n"
        for at in range(0, len(digit), A_LINE):
            row = ", ".join(f"0x{byte:02x}" for byte in digit[at : at + A_LINE])
            text += f"        {row},\n"
        text += "    },\n"
    return text + "};\n"


def main(path: Path = FILE) -> None:
    """Write the file."""
    from training import data

    mnist = data.load()
    images, labels = np.asarray(mnist.test_images), np.asarray(mnist.test_labels)
    firsts = [images[int(np.argmax(labels == digit))] for digit in range(10)]
    path.write_text(source([pack(image) for image in firsts]))


if __name__ == "__main__":
    main()
