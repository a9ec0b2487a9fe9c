"""ADD of two activations in the same layout, proved on all pairs of bytes.

Lanes of 16 bits, a16 = a * 256:

    y = (a16 * La + b16 * Lb) >> 15
    y = y + a16 * Ha + b16 * Hb + C * D
    q = sat16(y >> s) >> 8

TFLite rounds three times; where no constants give its answer on all 65,536 pairs there
is no kernel.
"""

from dataclasses import dataclass

import numpy as np

from export.arithmetic import int8
from export.arithmetic.int8 import INT16_MAX, INT16_MIN
from export.cores.s3.code import Code
from export.cores.s3.finish import Clamp
from export.cores.s3.kernel import Kernel
from export.cores.s3.layout import Layout
from export.graph.network import Network, Operator

NEAR = 6  # multipliers tried on either side of the real ones


@dataclass(frozen=True)
class Constants:
    """M = H * 2^15 + L of both inputs, C, D and s of the formula."""

    first: int
    second: int
    factors: tuple[int, int]
    s: int

    def apply(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """As the vector code computes it."""
        y = _scaled(a, b, self.first, self.second)
        y = y + self.factors[0] * self.factors[1]
        return np.asarray(np.clip(y >> self.s, INT16_MIN, INT16_MAX) >> 8)

    def bytes(self) -> bytes:
        """The constants in the order in which they are read."""
        values = [self.first & 0x7FFF, self.second & 0x7FFF]
        values += [self.first >> 15, self.second >> 15, *self.factors]
        return b"".join(np.full(8, v, "<i2").tobytes() for v in values)


def _scaled(a: np.ndarray, b: np.ndarray, first: int, second: int) -> np.ndarray:
    low = (a * 256 * (first & 0x7FFF) + b * 256 * (second & 0x7FFF)) >> 15
    return np.asarray(low + a * 256 * (first >> 15) + b * 256 * (second >> 15))


def solve(network: Network, op: Operator) -> Constants | None:
    """Exact constants, or None."""
    one, two = (network.tensors[i] for i in op.inputs[:2])
    out = network.output(op)
    constants = int8.add_constants(network, op)
    a = int8.add_table(constants.first, one.zero_point)[:, None]
    b = int8.add_table(constants.second, two.zero_point)[None, :]
    total = int8.wrap(a + b)
    if np.any(total != a + b):
        return None
    goal = int8.clamp(int8.requantize(total, *constants.output) + out.zero_point)
    wanted = goal.astype(np.int64)
    real = [float(t.scale) / float(out.scale) for t in (one, two)]
    s = int(min(14 - np.ceil(np.log2(max(real))), 16))
    if s < 0:
        return None
    q = int8.ALL_INT8
    centre = [round(r * 2.0 ** (15 + s)) for r in real]
    unit = 1 << (8 + s)
    least = np.where(wanted > -128, wanted * unit, -(1 << 45))
    most = np.where(wanted < 127, (wanted + 1) * unit - 1, 1 << 45)
    for d in _near():
        first, second = centre[0] + d[0], centre[1] + d[1]
        if max(first, second) >= 1 << 30 or min(first, second) < 0:
            continue
        y = _scaled(q[:, None], q[None, :], first, second)
        low, high = int((least - y).max()), int((most - y).min())
        if low > high:
            continue
        pair = factors(low, high)
        if pair is not None:
            return Constants(first, second, pair, s)
    return None


def factors(low: int, high: int) -> tuple[int, int] | None:
    """Two numbers of 16 bits whose product is in a range, near its middle."""
    other = np.arange(INT16_MAX, 0, -1, dtype=np.int64)
    one = np.rint((low + high) / 2 / other).astype(np.int64)
    good = (one * other >= low) & (one * other <= high) & (np.abs(one) <= INT16_MAX)
    if not good.any():
        return None
    off = np.where(good, np.abs(one * other - (low + high) // 2), 1 << 60)
    best = int(np.argmin(off))
    return int(one[best]), int(other[best])


def _near() -> list[tuple[int, int]]:
    span = range(-NEAR, NEAR + 1)
    return sorted(
        ((i, j) for i in span for j in span), key=lambda d: d[0] ** 2 + d[1] ** 2
    )


def make(
    name: str,
    sources: tuple[Layout, Layout],
    target: Layout,
    constants: Constants,
    after: Clamp | None,
) -> Kernel:
    """The second input is where other kernels have their weights (a4)."""
    code = Code(name)
    bytes_ = target.width * target.pixel
    vectors = -(-bytes_ // 16)
    code(f"movi a9,{constants.s}", "movi a8,15", f"movi a10,{target.height}")
    row = code.label("row")
    code(f"movi a13,{vectors}")
    end = code.ahead("end")
    code(f"loop a13,{end}", "ee.vld.128.ip q1,a2,16", "ee.zero.q q0")
    code("ee.vld.128.ip q3,a4,16", "ee.zero.q q2")
    code("ee.vzip.8 q0,q1", "ee.vzip.8 q2,q3")
    for a, b in ((0, 2), (1, 3)):
        code("mov a15,a6", "ee.vld.128.ip q4,a15,16", "ee.vld.128.ip q5,a15,16")
        code("ee.zero.qacc")
        code(f"ee.vmulas.s16.qacc.ld.ip q4,a15,16,q{a},q4")
        code(f"ee.vmulas.s16.qacc.ld.ip q5,a15,16,q{b},q5")
        code("ee.srcmb.s16.qacc q7,a8,0")
        code(f"ee.vmulas.s16.qacc.ld.ip q4,a15,16,q{a},q4")
        code(f"ee.vmulas.s16.qacc.ld.ip q5,a15,16,q{b},q5")
        code("ee.vmulas.s16.qacc q4,q5", f"ee.srcmb.s16.qacc q{a},a9,0")
    code("ee.vunzip.8 q0,q1")
    if after is not None:
        code("ee.vld.128.ip q2,a15,16", "ee.vld.128.ip q3,a15,16")
        code("ee.vmax.s8 q1,q1,q2", "ee.vmin.s8 q1,q1,q3")
    code("ee.vst.128.ip q1,a3,16")
    code.put(end)
    for pointer, layout in (("a2", sources[0]), ("a4", sources[1]), ("a3", target)):
        code.add(pointer, layout.row - 16 * vectors)
    code.again("a10", row)
    content = constants.bytes() + (after.bytes() if after is not None else b"")
    return Kernel(name, code.end(), b"", content, 0)
