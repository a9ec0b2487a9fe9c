"""How the window of a position comes into vectors: four ways.

    way = cheapest(shape, layout, channels_out)

A way says which input byte each lane of each vector holds (`lanes`), from which the
order of the weights follows; lanes that hold anything else have weights of zero. Up to
six vectors stay in q0 to q5 while the weights stream; of more, the first five stay and
the others are read again for each channel.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from export.cores.s3.code import Code
from export.cores.s3.layout import Layout, up

RESIDENT = 6  # vectors that fit beside two of weights
KEPT = 5  # of more: one register is for those that stream
BEYOND = -1  # a lane that holds no byte of the window
WORDS = 12  # of a window that are worth collecting one by one


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
class Way:
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

    def load(self, code: Code, move: int, collect: int) -> Stream | None:
        """Load from a2. a2 += move, once the stream has ended (`leave`)."""
        raise NotImplementedError

    def leave(self, code: Code, move: int) -> None:
        """After the sums: what `load` could not do to a2."""


@dataclass(frozen=True, eq=False)
class Aligned(Way):
    """Vectors as they lie."""

    offsets: tuple[int, ...]

    def load(self, code: Code, move: int, collect: int) -> Stream | None:
        """As of Way."""
        streamed = self.count > self.kept
        after = self.offsets[1:] + (move,)
        for i in range(self.kept):
            code.step("ee.vld.128.ip", f"q{i}", "a2", after[i] - self.offsets[i])
        if not streamed:
            return None
        rest = self.offsets[self.kept :]
        ahead = (*rest[1:], rest[0])
        return Stream("a2", tuple(b - a for a, b in zip(rest, ahead, strict=True)))

    def leave(self, code: Code, move: int) -> None:
        """As of Way."""
        if self.count > self.kept:
            code.add("a2", move - self.offsets[self.kept])


@dataclass(frozen=True, eq=False)
class Halves(Way):
    """Pixels of eight bytes, two to a vector."""

    offsets: tuple[int, ...]

    def load(self, code: Code, move: int, collect: int) -> Stream | None:
        """As of Way."""
        after = self.offsets[1:] + (move,)
        for i, at in enumerate(self.offsets):
            half = "lh"[i % 2]
            code.step(f"ee.vld.{half}.64.ip", f"q{i // 2}", "a2", after[i] - at)
        return None


@dataclass(frozen=True, eq=False)
class Shifted(Way):
    """Runs of bytes at any address, each shifted into vectors of its own."""

    runs: tuple[tuple[int, int], ...]  # (offset, vectors)

    @property
    def scratch(self) -> int:
        """As of Way."""
        return 16 * self.count if self.count > RESIDENT else 0

    def load(self, code: Code, move: int, collect: int) -> Stream | None:
        """As of Way."""
        if not self.scratch:
            _shift(code, self.runs, move)
            return None
        code.add("a15", collect, "a5")
        ends = [offset for offset, _ in self.runs[1:]] + [move]
        for (offset, vectors), end in zip(self.runs, ends, strict=True):
            _collect(code, vectors, end - offset)
        code.add("a15", -16 * self.count)
        for i in range(KEPT):
            code(f"ee.vld.128.ip q{i},a15,16")
        rest = self.count - KEPT
        return Stream("a15", (*[16] * (rest - 1), -16 * (rest - 1)))


def _shift(code: Code, runs: tuple[tuple[int, int], ...], move: int) -> None:
    """Runs to q0 and on; the register behind the last is overwritten.

    A run's second vector is loaded before the shift that ends the run ahead of it.
    """
    shift, shift_load, load = "ee.src.q", "ee.src.q.ld.ip", "ee.vld.128.ip"
    lines: list[tuple[str, int, str, int | None]] = []  # ..., where it loads
    at = 0
    for number, (offset, vectors) in enumerate(runs):
        lines.append(("ee.ld.128.usar.ip", at, "", offset))
        if number == 0:
            lines.append((load, at + 1, "", offset + 16))
        for i in range(1, vectors):
            pair = f",q{at + i - 1},q{at + i}"
            lines.append((shift_load, at + i + 1, pair, offset + 16 * (i + 1)))
        at += vectors
        if number + 1 < len(runs):
            lines.append((load, at + 1, "", runs[number + 1][0] + 16))
        lines.append((shift, at - 1, f",q{at - 1},q{at}", None))
    addresses = [address for *_, address in lines if address is not None]
    moves = iter(b - a for a, b in itertools.pairwise([*addresses, move]))
    for mnemonic, register, sources, address in lines:
        if address is None:
            code(f"{mnemonic} q{register}{sources}")
        else:
            code.step(mnemonic, f"q{register}", "a2", next(moves), sources)


def _collect(code: Code, vectors: int, move: int) -> None:
    """A run to a15 and on, each vector loaded before the one ahead of it is shifted."""
    registers = ("q0", "q1", "q3")

    def load(number: int) -> None:
        by = move - 16 * vectors if number == vectors else 16
        code.step("ee.vld.128.ip", registers[number % 3], "a2", by)

    code("ee.ld.128.usar.ip q0,a2,16")
    load(1)
    for i in range(vectors):
        if i + 2 <= vectors:
            load(i + 2)
        pair = f"{registers[i % 3]},{registers[(i + 1) % 3]}"
        code(f"ee.src.q q2,{pair}", "ee.vst.128.ip q2,a15,16")


@dataclass(frozen=True, eq=False)
class Words(Way):
    """Short runs, collected by words of four bytes."""

    offsets: tuple[int, ...]

    def load(self, code: Code, move: int, collect: int) -> Stream | None:
        """As of Way."""
        base = 0
        temps = ("a7", "a15")
        pending: list[str] = []
        for i, offset in enumerate(self.offsets):
            if not 0 <= offset - base <= 1020 or (offset - base) % 4:
                code.add("a2", offset - base, temp="a13")
                base = offset
            temp = temps[i % 2]
            code(f"l32i {temp},a2,{offset - base}")
            code(*pending)
            pending = [f"ee.movi.32.q q{i // 4},{temp},{i % 4}"]
        code(*pending)
        code.add("a2", move - base)
        return None


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
        run, (0, up(len(run), unit) - len(run)), constant_values=BEYOND
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
    if len(offsets) > WORDS or len(offsets) > 4 * RESIDENT:
        return None
    flat = _vectors(np.concatenate(lanes).reshape(-1))
    return Words(flat, 2 * len(offsets) + 1, tuple(offsets))


def arranged(weights: np.ndarray, lanes: np.ndarray) -> bytes:
    """(O, taps) by the taps of lanes (V, 16): zero where a lane has none."""
    padded = np.pad(weights, ((0, 0), (0, 1)))  # BEYOND picks the last
    assert BEYOND == -1
    return np.ascontiguousarray(padded[:, lanes]).astype(np.int8).tobytes()
