"""How the window of a position comes into vectors: the cheapest of four ways.

    way = cheapest(shape, layout, stride, start, channels_out)

What each way is, `export.cores.s3.ways` says.
"""

import numpy as np

from export.cores.s3.layout import Layout
from export.cores.s3.ways import Aligned, Halves, Shifted, Words
from export.cores.s3.window import BEYOND, KEPT, RESIDENT, Shape, Way
from export.plan.units import round_up

WORDS = 12  # of a window that are worth collecting one by one


def cheapest(
    shape: Shape, layout: Layout, stride: tuple[int, int], start: int, channels: int
) -> Way:
    """The way of the fewest instructions; `start`: where the first window begins."""
    ways = [
        _aligned(shape, layout, stride, start),
        _halves(shape, layout, start),
        _shifted(shape, layout),
        _words(shape, layout),
    ]
    found = [way for way in ways if way is not None]
    return min(found, key=lambda way: way.cost(channels))


def _vectors(run: np.ndarray, unit: int = 16) -> np.ndarray:
    """A run of taps in whole vectors (or other units)."""
    return np.pad(
        run, (0, round_up(len(run), unit) - len(run)), constant_values=BEYOND
    ).reshape(-1, unit)


def _aligned(
    shape: Shape, layout: Layout, stride: tuple[int, int], start: int
) -> Way | None:
    steps = (start, layout.pixel * stride[1], layout.row * stride[0])
    segments = shape.segments(layout)
    if any(x % 16 for x in (*steps, *(at for at, _ in segments))):
        return None
    lanes, offsets = [], []
    for at, run in segments:
        vectors = _vectors(run)
        lanes.append(vectors)
        offsets += [at + 16 * i for i in range(len(vectors))]
    return Aligned(np.concatenate(lanes), len(offsets), tuple(offsets))


def _halves(shape: Shape, layout: Layout, start: int) -> Way | None:
    segments = shape.segments(layout)
    if layout.pixel % 8 or start % 8 or any(at % 8 for at, _ in segments):
        return None
    lanes, offsets = [], []
    for at, run in segments:
        halves = _vectors(run, 8)
        lanes.append(halves)
        offsets += [at + 8 * i for i in range(len(halves))]
    if len(offsets) > 2 * RESIDENT:
        return None
    both = _vectors(np.concatenate(lanes).reshape(-1))
    return Halves(both, len(offsets), tuple(offsets))


def _shifted(shape: Shape, layout: Layout) -> Way:
    lanes, runs = [], []
    for at, run in shape.segments(layout):
        vectors = _vectors(run)
        lanes.append(vectors)
        runs.append((at, len(vectors)))
    count = sum(n for _, n in runs)
    each = 2 if count <= RESIDENT else 4
    work = sum(each * n + 1 for _, n in runs) + (0 if count <= RESIDENT else KEPT + 2)
    return Shifted(np.concatenate(lanes), work, tuple(runs))


def _words(shape: Shape, layout: Layout) -> Way | None:
    lanes, offsets = [], []
    for at, run in shape.segments(layout):
        words = _vectors(run, 4)
        lanes.append(words)
        offsets += [at + 4 * i for i in range(len(words))]
    if len(offsets) > WORDS:
        return None
    flat = _vectors(np.concatenate(lanes).reshape(-1))
    return Words(flat, 2 * len(offsets) + 1, tuple(offsets))
