"""The ways to load a window: aligned vectors, halves, shifted runs, words."""

import itertools
from dataclasses import dataclass

from export.cores.s3.code import Code
from export.cores.s3.window import KEPT, RESIDENT, Stream, Way


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
