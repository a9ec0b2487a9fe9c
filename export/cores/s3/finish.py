"""From raw sums to bytes: requantisation, activation, sixteen lanes at a time.

The sums lie in scratch, 64 bits each, as ST.ACCX writes them. Where a maximum is taken
first, the sums of its window lie in vectors side by side. On entry of a step SAR is
the code's own affair, a8 holds 15, a9 the shift s, a14 points at the sums, a15 at the
constants; all q are free.
"""

from dataclasses import dataclass

import numpy as np

from export.cores.s3.code import Code
from export.cores.s3.lines import Lines
from export.cores.s3.requant import Constants


@dataclass(frozen=True)
class Clamp:
    """The bounds of an activation."""

    low: int
    high: int

    def bytes(self) -> bytes:
        """Two vectors."""
        return np.repeat(np.array([self.low, self.high], "<i1"), 16).tobytes()


After = Lines | Clamp | None


@dataclass(frozen=True, eq=False)
class Finish:
    """What becomes of the sums of a layer."""

    constants: Constants
    after: After
    window: int = 1  # sums whose maximum is taken
    chained: bool = False  # lanes 4 to 7 hold more: what lanes 0 to 3 hold

    def bytes(self, channels: np.ndarray) -> bytes:
        """The constants of steps over lanes of these channels."""
        found = []
        for at in range(0, len(channels), 16):
            part = channels[at : at + 16]
            found += [
                self.constants.bytes(part[i : i + 8]) for i in range(0, len(part), 8)
            ]
            if self.after is not None:
                found.append(self.after.bytes())
        return b"".join(found)

    def shift(self, code: Code) -> None:
        """SAR for the first step; none needed where a step ends as it began."""
        code(f"ssai {self.constants.k}")

    def step(self, code: Code, lanes: int = 16) -> str:
        """One step over 16 lanes or 8; gives the register of the result."""
        if isinstance(self.after, Lines):
            self.shift(code)
        self._fetch(code, (0, 1, 2, 3, 4), True)
        self._group(code, (0, 1, 2, 3, 4), last=lanes == 8)
        if lanes == 16:
            self._fetch(code, (1, 2, 5, 4, 3), False)
            self._group(code, (1, 2, 5, 4, 3), last=True)
        elif self.after is not None:
            code(f"addi a15,a15,{self.constants.group_bytes}")
        code("ee.vunzip.8 q0,q1")
        return self._after(code)

    def interleaved(self, code: Code) -> str:
        """Sums in registers, shifted: even lanes in q0, q2, odd ones in q1, q3."""
        code("ee.vld.128.ip q5,a15,16", "ee.vld.128.ip q6,a15,16")
        self._group(code, (0, 4, 2, 5, 6), last=False)
        self._group(code, (1, 4, 3, 6, 5), last=True)
        code("ee.vzip.8 q0,q1", "ee.vunzip.16 q0,q1")
        return self._after(code)

    def _after(self, code: Code) -> str:
        """The activation of the bytes in q1; gives the register of the result."""
        if isinstance(self.after, Lines):
            return _lines(code, self.after)
        if self.after is not None:
            code("ee.vld.128.ip q2,a15,16", "ee.vld.128.ip q3,a15,16")
            code("ee.vmax.s8 q1,q1,q2", "ee.vmin.s8 q1,q1,q3")
        return "q1"

    def _fetch(
        self, code: Code, q: tuple[int, int, int, int, int], first: bool
    ) -> None:
        """Eight sums to q[0] and q[2], shifted; the first B to q[3] and q[4]."""
        d0, d1, d2, c, e = q
        if self.window > 1:
            self._maxima(code, d0, d1, d2, 6)
        else:
            self._sums(code, d0, d1, d2, c if first else None)
        if first and not self.chained:
            code(f"ee.vld.128.ip q{c},a15,16")
        if first:
            code(f"ee.vld.128.ip q{e},a15,16")

    def _group(self, code: Code, q: tuple[int, int, int, int, int], last: bool) -> None:
        """Eight lanes to 16 bits in q[0]; B is in q[3], q[4], the next B goes there."""
        d0, d1, d2, c, e = q
        code(
            "ee.zero.qacc",
            f"ee.vadds.s32.ld.incp q{c},a15,q{d0},q{d0},q{c}",
            f"ee.vadds.s32.ld.incp q{e},a15,q{d2},q{d2},q{e}",
            f"ee.vunzip.16 q{d0},q{d2}",
        )
        if self.constants.precise:
            code(  # c holds the low part of M, e the high one
                f"ee.vmulas.u16.qacc q{d0},q{c}",
                f"ee.srcmb.s16.qacc q{d1},a8,0",
                f"ee.vmulas.u16.qacc q{d0},q{e}",
                f"ee.vmulas.s16.qacc q{d2},q{c}",
                f"ee.vmulas.s16.qacc.ld.ip q{c},a15,16,q{d2},q{c}",
                "addi a7,a8,1",
                f"ee.vcmp.lt.s16 q{d1},q{d2},q{c}",
                f"ee.srcmb.s16.qacc q{d0},a7,0",
                f"ee.vld.128.ip q{c},a15,16",
            )
        else:
            code(
                f"ee.vmulas.u16.qacc.ld.ip q{c},a15,16,q{d0},q{c}",
                f"ee.vcmp.lt.s16 q{d1},q{d2},q{e}",
                f"ee.vmulas.s16.qacc.ld.ip q{e},a15,16,q{d2},q{c}",
                f"ee.vld.128.ip q{c},a15,16",
                f"ee.srcmb.s16.qacc q{d0},a8,0",
            )
        if last:
            code(f"ee.vmulas.s16.qacc q{d2},q{e}", f"ee.vmulas.s16.qacc q{d1},q{c}")
        else:
            code(
                f"ee.vmulas.s16.qacc.ld.ip q{e},a15,16,q{d2},q{e}",
                f"ee.vmulas.s16.qacc.ld.ip q{c},a15,16,q{d1},q{c}",
            )
        code(f"ee.srcmb.s16.qacc q{d0},a9,0")

    def _sums(self, code: Code, d0: int, d1: int, d2: int, c: int | None) -> None:
        """Lanes 0-3 to d0, 4-7 to d2, shifted; a chained first group loads c too."""
        code(*(f"ee.vld.128.ip q{x},a14,16" for x in (d0, d1, d2, 7)))
        code(f"ee.vunzip.32 q{d0},q{d1}")
        if not self.chained:
            code(f"ee.vsl.32 q{d0},q{d0}", f"ee.vunzip.32 q{d2},q7")
        else:
            code(f"ee.vunzip.32 q{d2},q7")
            if c is not None:
                code(f"ee.vsubs.s32.ld.incp q{c},a15,q{d2},q{d2},q{d0}")
            else:
                code(f"ee.vsubs.s32 q{d2},q{d2},q{d0}")
            code(f"ee.vsl.32 q{d0},q{d0}")
        code(f"ee.vsl.32 q{d2},q{d2}")

    def _maxima(self, code: Code, d0: int, d1: int, d2: int, t: int) -> None:
        """Lanes 0-3 to d0, 4-7 to d2, shifted; d1 and t are free."""
        self._maximum(code, d0, d1, d2)
        self._maximum(code, d1, d2, t)
        code(f"ee.vunzip.32 q{d0},q{d1}", f"ee.vsl.32 q{d0},q{d0}")
        self._maximum(code, d2, d1, t)
        self._maximum(code, d1, t, 7)
        code(f"ee.vunzip.32 q{d2},q{d1}", f"ee.vsl.32 q{d2},q{d2}")

    def _maximum(self, code: Code, r: int, t: int, u: int) -> None:
        """The greatest of a window for a pair of channels."""
        held = [t, u][: self.window - 1]
        code(*(f"ee.vld.128.ip q{x},a14,16" for x in (r, *held)))
        for _ in range(self.window - 3):  # a vector is used two steps after its load
            x = held.pop(0)
            code(f"ee.vmax.s32.ld.incp q{x},a14,q{r},q{r},q{x}")
            held.append(x)
        code(*(f"ee.vmax.s32 q{r},q{r},q{x}" for x in held))


def _lines(code: Code, lines: Lines) -> str:
    """16 bytes in q1 to the larger of two lines of each; gives the register."""
    code(
        "ee.vld.128.ip q2,a15,16",
        "ssai 15",
        "ee.vld.128.ip q3,a15,16",
        "ee.vld.128.ip q5,a15,16",
        "ee.vzip.8 q2,q1",
        "ee.vmul.s16.ld.incp q4,a15,q0,q2,q3",
        "ee.vmul.s16.ld.incp q6,a15,q7,q1,q3",
        "ee.vadds.s16 q0,q0,q4",
        "ee.vmul.s16 q2,q2,q5",
        "ee.vadds.s16 q7,q7,q4",
        "ee.vmul.s16 q1,q1,q5",
        "ee.vadds.s16.ld.incp q5,a15,q2,q2,q6",
        "ee.vmax.s16 q0,q0,q2",
        "ee.vadds.s16 q1,q1,q6",
        "ee.vmax.s16 q1,q7,q1",
    )
    if lines.narrow:
        code("ee.vmul.s16 q0,q0,q5", "ee.vmul.s16 q1,q1,q5", "ee.vunzip.8 q0,q1")
        return "q0"
    for _ in range(8 - lines.fraction):
        code("ee.vadds.s16 q0,q0,q0", "ee.vadds.s16 q1,q1,q1")
    code("ee.vunzip.8 q0,q1")
    return "q1"
