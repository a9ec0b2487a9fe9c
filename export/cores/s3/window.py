"""A window of a layer's input: its taps, and what it is to bring them into vectors.

A way says which input byte each lane of each vector holds (`lanes`), from which the
order of the weights follows; lanes that hold anything else have weights of zero. Up to
six vectors stay in q0 to q5 while the weights stream; of more, the first five stay and
the others are read again for each channel.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from export.cores.s3.code import Code
from export.cores.s3.layout import Layout

RESIDENT = 6  # vectors that fit beside two of weights
KEPT = 5  # of more: one register is for those that stream
BEYOND = -1  # a lane that holds no byte of the window


@dataclass(frozen=True)
class Shape:
    """A window over a layout."""

    height: int
    width: int
    dilation: tuple[int, int]
    channels: int  # of the input

    def segments(self, layout: Layout) -> list[tuple[int, np.ndarray]]:
        """(offset, taps) of each run of bytes; taps index (ky, kx, c), flat."""
        found = []
        pixels = self.width if self.dilation[1] == 1 else 1
        for ky in range(self.height):
            for kx in range(0, self.width, pixels):
                at = layout.at(ky * self.dilation[0], kx * self.dilation[1])
                taps = np.full((pixels, layout.pixel), BEYOND)
                first = (ky * self.width + kx) * self.channels
                count = pixels * self.channels
                taps[:, : self.channels] = np.arange(first, first + count).reshape(
                    pixels, -1
                )
                run = taps.reshape(-1)
                if pixels > 1 or layout.pixel > self.channels:
                    last = np.flatnonzero(run != BEYOND)[-1]
                    run = run[: last + 1]
                found.append((at, run))
        return found


@dataclass(frozen=True)
class Stream:
    """Where the vectors are read that do not stay."""

    pointer: str
    steps: tuple[int, ...]  # after each load; back at the start after the last


@dataclass(frozen=True, eq=False)
class Way(ABC):
    """One way to load a window."""

    lanes: np.ndarray  # (V, 16) taps
    instructions: int  # of a load

    @property
    def count(self) -> int:
        """Vectors."""
        return len(self.lanes)

    @property
    def kept(self) -> int:
        """Vectors that stay."""
        return self.count if self.count <= RESIDENT else KEPT

    @property
    def scratch(self) -> int:
        """Bytes behind the sums in which the window is collected."""
        return 0

    def cost(self, channels: int) -> int:
        """Instructions of a position."""
        streamed = self.count - self.kept
        return self.instructions + channels * (self.count + streamed + 2)

    @abstractmethod
    def load(self, code: Code, move: int, collect: int) -> Stream | None:
        """Load from a2. a2 += move, once the stream has ended (`leave`)."""

    def leave(self, code: Code, move: int) -> None:  # noqa: B027
        """After the sums: what `load` could not do to a2; of most ways nothing."""


def arranged(weights: np.ndarray, lanes: np.ndarray) -> bytes:
    """(O, taps) by the taps of lanes (V, 16): zero where a lane has none."""
    padded = np.pad(weights, ((0, 0), (0, 1)))  # BEYOND picks the last
    assert BEYOND == -1
    return np.ascontiguousarray(padded[:, lanes]).astype(np.int8).tobytes()
