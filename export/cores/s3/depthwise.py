"""Depthwise convolutions and average pools: sixteen channels at once.

The sums of up to thirty taps fit the 20-bit lanes of QACC. QACC is stored as it is, 5
bytes to two lanes; the even lanes of a half lie at its bytes 0, 5, 10 and 15, the odd
ones 20 bits further on. Registers as in `conv`; a12 counts groups of channels.
"""

from dataclasses import dataclass

import numpy as np

from export.cores.s3.code import Code
from export.cores.s3.finish import Finish
from export.cores.s3.kernel import Kernel
from export.cores.s3.layout import Layout

MOST = (1 << 19) - 1  # of a lane of QACC
SHIFT = 12  # of sums as they come out of QACC
SCRATCH = 64
MASK = 0x00FFF000  # of an odd lane's low bits, eight bits down
OVER = 32
MOST_TAPS = 256


@dataclass(frozen=True, eq=False)
class Job:
    """What is to be computed; `weights` is None where all are one."""

    name: str
    source: Layout
    target: Layout
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    start: int
    rows: int
    columns: int
    weights: np.ndarray | None  # (taps, C) int8
    finish: Finish


def fits(weights: np.ndarray) -> bool:
    """Whether every sum of (taps, C) weights stays in a lane."""
    return bool(np.abs(weights.astype(np.int64)).sum(0).max() * 128 <= MOST)


def make(job: Job) -> Kernel | None:
    """The kernel, or None for layouts that it does not know."""
    source, target = job.source, job.target
    taps = job.kernel[0] * job.kernel[1]
    if source.packed or source.pixel != target.pixel or taps > MOST_TAPS:
        return None
    pairs = source.pixel == 8
    groups = 1 if pairs else source.pixel // 16
    code = Code(job.name)
    code("movi a8,15", f"movi a9,{job.finish.constants.s}", "movi a14,5")
    code("wur.sar_byte a14", f"movi a10,{job.rows}")
    row = code.label("row")
    blocks = -(-job.columns // 2) if pairs else job.columns
    code(f"movi a11,{blocks}")
    column = code.label("column")
    if job.weights is None:
        code("ee.vld.128.ip q7,a4,0")
    else:
        code("mov a13,a4")
    code("mov a15,a6")
    if groups > 1:
        code(f"movi a12,{groups}")
        group = code.label("group")
    _sums(code, job, pairs)
    _unpack(code)
    result = job.finish.interleaved(code)
    code(f"ee.vst.128.ip {result},a3,16")
    if groups > 1:
        code.again("a12", group)
    step = job.stride[1] * source.pixel
    code.add("a2", 2 * step if pairs else step - source.pixel)
    code.again("a11", column)
    width = 2 * blocks if pairs else job.columns
    code.add("a2", job.stride[0] * source.row - width * step)
    code.add("a3", target.row - width * target.pixel)
    code.again("a10", row)
    return Kernel(
        job.name, code.end(), _weights(job, groups), _constants(job, groups), SCRATCH
    )


def _sums(code: Code, job: Job, pairs: bool) -> None:
    """QACC of the window at a2; a2 moves to the next group, in pairs it stays."""
    source = job.source
    offsets = [
        source.at(y * job.dilation[0], x * job.dilation[1])
        for y in range(job.kernel[0])
        for x in range(job.kernel[1])
    ]
    after = [*offsets[1:], 0 if pairs else 16]
    code("ee.zero.qacc")
    beside = job.stride[1] * source.pixel  # from a position to the next
    if job.weights is not None:
        code("ee.vld.128.ip q7,a13,16")
    for i, (here, then) in enumerate(zip(offsets, after, strict=True)):
        register = f"q{i % 2}"
        if pairs:
            code.step("ee.vld.l.64.ip", register, "a2", beside)
            code.step("ee.vld.h.64.ip", register, "a2", then - here - beside)
        else:
            code.step("ee.vld.128.ip", register, "a2", then - here)
        if i:
            _multiply(code, job, f"q{1 - i % 2}")
    _multiply(code, job, f"q{(len(offsets) - 1) % 2}", last=True)


def _multiply(code: Code, job: Job, register: str, last: bool = False) -> None:
    if last or job.weights is None:
        code(f"ee.vmulas.s8.qacc {register},q7")
    else:
        code(f"ee.vmulas.s8.qacc.ld.ip q7,a13,16,{register},q7")


def _unpack(code: Code) -> None:
    """QACC to lanes of 32 bits shifted left: even ones in q0, q2, odd in q1, q3."""
    code("mov a7,a5")
    code("ee.st.qacc_l.l.128.ip a7,16", "ee.st.qacc_l.h.32.ip a7,16")
    code("ee.st.qacc_h.l.128.ip a7,16", "ee.st.qacc_h.h.32.ip a7,-48")
    code("ee.vld.128.ip q6,a15,16")
    for a, b, c, d in ((0, 1, 4, 5), (2, 3, 4, 5)):
        # words at bytes 0, 5, 10, 15 of 20, and those four bytes on
        code(f"ee.vld.128.ip q{a},a7,16", f"ee.vld.128.ip q{d},a7,16")
        code(f"ee.src.q q{b},q{a},q{d}", f"ee.src.q q{c},q{b},q{d}")
        code(f"ee.src.q q{d},q{c},q{d}", f"ee.vzip.32 q{a},q{c}")
        code(f"ee.vzip.32 q{b},q{d}", f"ee.vzip.32 q{a},q{b}")
    code("ssai 24", "ee.vsl.32 q1,q1", "ee.vsl.32 q3,q3")
    code("ssai 8", "ee.vsr.32 q4,q0", "ee.vsr.32 q5,q2")
    code("ee.andq q4,q4,q6", "ee.andq q5,q5,q6")
    code("ee.orq q1,q1,q4", "ee.orq q3,q3,q5")
    code(f"ssai {SHIFT}", "ee.vsl.32 q0,q0", "ee.vsl.32 q2,q2")


def _lanes(job: Job, groups: int) -> np.ndarray:
    """(groups, 16) channels."""
    channels = job.source.channels
    if job.source.pixel == 8:
        return np.tile(np.minimum(np.arange(8), channels - 1), 2)[None]
    return np.minimum(np.arange(16 * groups), channels - 1).reshape(groups, 16)


def _weights(job: Job, groups: int) -> bytes:
    if job.weights is None:
        return bytes([1] * 16)
    lanes = _lanes(job, groups)
    arranged = job.weights[:, lanes].transpose(1, 0, 2)  # (groups, taps, 16)
    return np.ascontiguousarray(arranged).astype(np.int8).tobytes() + bytes(OVER)


def _constants(job: Job, groups: int) -> bytes:
    mask = np.full(4, MASK, "<u4").tobytes()
    finish, parts = job.finish, []
    for lanes in _lanes(job, groups):
        parts += [mask, finish.constants.bytes(lanes[0::2])]
        parts.append(finish.constants.bytes(lanes[1::2]))
        if finish.after is not None:
            parts.append(finish.after.bytes())
    return b"".join(parts)
