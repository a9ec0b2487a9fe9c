"""firmware/components/prepare as a library of this process."""

import ctypes
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.paths import ROOT
from export.emit.host_build import WARNINGS

COMPONENT = ROOT / "firmware" / "components" / "prepare"
SANITIZE = ("-fsanitize=undefined,bounds", "-fsanitize-undefined-trap-on-error")
STATE_BYTES = 28_900  # sizeof(nn_prepare_t), as docs say
OK, NOTHING, SIZE, INCOMPLETE, NULL = range(5)


class Point(ctypes.Structure):
    """nn_prepare_point_t."""

    _fields_ = [
        ("x", ctypes.c_int16),
        ("y", ctypes.c_int16),
        ("down", ctypes.c_uint8),
    ]


class Prepare:
    """The C with a state of its own."""

    def __init__(self, folder: Path) -> None:
        library = folder / "prepare.so"
        command = ["gcc", "-std=c99", "-O2", *WARNINGS, *SANITIZE, "-fPIC", "-shared"]
        sources = [str(path) for path in sorted(COMPONENT.glob("*.c"))]
        subprocess.run([*command, *sources, "-o", str(library)], check=True)
        self.c = ctypes.CDLL(str(library))
        self.state = ctypes.create_string_buffer(STATE_BYTES)

    def begin(self, width: int, height: int) -> int:
        return int(self.c.nn_prepare_begin(self.state, width, height))

    def feed(self, grey: bytes) -> int:
        return int(self.c.nn_prepare_feed(self.state, grey, len(grey)))

    def end(self, ink: int = 0) -> tuple[int, np.ndarray, tuple[int, ...]]:
        """Status, (28, 28) uint8, box."""
        output = ctypes.create_string_buffer(784)
        box = (ctypes.c_uint16 * 4)()
        status = self.c.nn_prepare_end(self.state, ink, output, box)
        return status, np.frombuffer(output.raw, np.uint8).reshape(28, 28), tuple(box)

    def frame(
        self, frame: np.ndarray, ink: int = 0, piece: int = 1 << 20
    ) -> tuple[int, np.ndarray, tuple[int, ...]]:
        """A whole frame in pieces of so many pixels."""
        raw = np.ascontiguousarray(frame).tobytes()
        assert self.begin(frame.shape[1], frame.shape[0]) == OK
        for at in range(0, len(raw), piece):
            assert self.feed(raw[at : at + piece]) == OK
        return self.end(ink)

    def strokes(
        self, strokes: Sequence[Sequence[tuple[int, int]]]
    ) -> tuple[int, np.ndarray]:
        """Status and (28, 28) uint8."""
        points = [
            (x, y, i > 0) for stroke in strokes for i, (x, y) in enumerate(stroke)
        ]
        array = (Point * len(points))(*points)
        output = ctypes.create_string_buffer(784)
        status = self.c.nn_prepare_strokes(self.state, array, len(points), output)
        return status, np.frombuffer(output.raw, np.uint8).reshape(28, 28)
