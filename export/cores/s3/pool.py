"""Max pools by themselves.

Pixels of whole vectors are compared one window at a time. Others by rows: the greatest
of each column of bytes first, then that of bytes a pixel apart, and of these the
columns that the stride takes are copied. Borders hold -128.
"""

from dataclasses import dataclass

from export.cores.s3.code import Code
from export.cores.s3.kernel import Kernel
from export.cores.s3.layout import Layout
from export.plan.units import round_up

POINTERS = ("a6", "a7", "a9", "a12")  # of rows that are read side by side
COPIES = (("l32i", "s32i", 4), ("l16ui", "s16i", 2), ("l8ui", "s8i", 1))


@dataclass(frozen=True)
class Pool:
    """What is to be computed."""

    name: str
    source: Layout
    target: Layout
    kernel: tuple[int, int]
    stride: tuple[int, int]
    start: int  # offset of the first window from the source's first pixel
    rows: int
    columns: int


def make(job: Pool) -> Kernel | None:
    """The kernel, or None where this core has none for the pool."""
    if job.source.pixel % 16 == 0 and job.target.pixel == job.source.pixel:
        return _windows(job)
    if job.kernel[0] > len(POINTERS):
        return None
    return _by_rows(job)


def _windows(job: Pool) -> Kernel:
    code, source = Code(job.name), job.source
    height, width = job.kernel
    code(f"movi a10,{job.rows}")
    row = code.label("row")
    code(f"movi a11,{job.columns}")
    column = code.label("column")
    chunks = source.pixel // 16
    code(f"movi a12,{chunks}")
    chunk = code.label("chunk")
    offsets = [source.at(y, x) for y in range(height) for x in range(width)]
    code.add("a2", offsets[0])
    after = [*offsets[1:], 16]
    for i, (here, then) in enumerate(zip(offsets, after, strict=True)):
        code.step("ee.vld.128.ip", f"q{i % 4}" if i else "q4", "a2", then - here)
        if i > 1:
            code(f"ee.vmax.s8 q4,q4,q{(i - 1) % 4}")
    if len(offsets) > 1:
        code(f"ee.vmax.s8 q4,q4,q{(len(offsets) - 1) % 4}")
    code("ee.vst.128.ip q4,a3,16")
    if chunks > 1:
        code.again("a12", chunk)
    code.add("a2", source.at(0, job.stride[1]) - source.pixel)
    code.again("a11", column)
    code.add("a2", source.at(job.stride[0], -job.columns * job.stride[1]))
    code.add("a3", job.target.row - job.columns * job.target.pixel)
    code.again("a10", row)
    return Kernel(job.name, code.end(), b"", b"", 0)


def _by_rows(job: Pool) -> Kernel:
    code, source = Code(job.name), job.source
    height, width = job.kernel
    before = job.start % 16  # the rows are read from the vector before the window
    last = (job.columns - 1) * job.stride[1] + width
    vectors = round_up(before + last * source.pixel, 16) // 16
    size = 16 * (vectors + 3)
    pointers = POINTERS[:height]
    code("mov a8,a2")
    code.add("a8", -before)
    code(f"movi a10,{job.rows}")
    row = code.label("row")
    for i, pointer in enumerate(pointers):
        code.add(pointer, source.row, pointers[i - 1], "a15") if i else code(
            f"mov {pointer},a8"
        )
    code("mov a14,a5")
    _columns(code, pointers, vectors)
    covered, at = 1, 0
    while covered < width:
        step = min(covered, width - covered)
        _beside(code, at, size - at, step * source.pixel, vectors)
        covered, at = covered + step, size - at
    code.add("a6", at + before, "a5")
    _copy(code, job)
    code.add("a8", source.row * job.stride[0], temp="a15")
    code.add("a3", job.target.row - job.columns * job.target.pixel)
    code.again("a10", row)
    return Kernel(job.name, code.end(), b"", b"", 2 * size)


def _columns(code: Code, pointers: tuple[str, ...], vectors: int) -> None:
    """The greatest of the rows, to a14."""
    code(f"movi a13,{vectors}")
    end = code.ahead("down")
    code(f"loop a13,{end}", f"ee.vld.128.ip q0,{pointers[0]},16")
    if len(pointers) > 1:
        code(f"ee.vld.128.ip q1,{pointers[1]},16")
        held, free = 1, 2
        for pointer in pointers[2:]:
            code(f"ee.vmax.s8.ld.incp q{free},{pointer},q0,q0,q{held}")
            held, free = free, held
        code(f"ee.vmax.s8 q0,q0,q{held}")
    code("ee.vst.128.ip q0,a14,16")
    code.put(end)


def _beside(code: Code, source: int, target: int, by: int, vectors: int) -> None:
    """The greatest of each byte and the one `by` bytes on; offsets in scratch."""
    far, shift = divmod(by, 16)
    code(f"movi a13,{shift}", "wur.sar_byte a13")
    code.add("a6", source, "a5")
    code.add("a7", target, "a5")
    code.add("a9", source + 16 * far, "a5", "a15")
    code(f"movi a13,{vectors - far}", "ee.vld.128.ip q0,a9,16")
    end = code.ahead("beside")
    if far == 0:  # each vector is loaded a turn before it is shifted
        code("ee.vld.128.ip q1,a9,16", f"loop a13,{end}")
        code("ee.src.q q2,q0,q1", "ee.vmax.s8 q2,q2,q0", "ee.orq q0,q1,q1")
        code("ee.vld.128.ip q1,a9,16", "ee.vst.128.ip q2,a7,16")
    else:
        code(f"loop a13,{end}", "ee.vld.128.ip q1,a9,16", "ee.vld.128.ip q3,a6,16")
        code("ee.src.q q2,q0,q1", "ee.vmax.s8 q2,q2,q3")
        code("ee.vst.128.ip q2,a7,16", "ee.orq q0,q1,q1")
    code.put(end)


def _copy(code: Code, job: Pool) -> None:
    """The columns that the stride takes from a6 to a3."""
    code(f"movi a13,{job.columns}")
    end = code.ahead("copy")
    code(f"loop a13,{end}")
    at, count = 0, min(job.source.pixel, job.target.pixel, job.source.channels)
    pending: list[str] = []
    temps = ("a7", "a9", "a12")
    used = 0
    while at < count:
        load, store, size = next(c for c in COPIES if c[2] <= count - at)
        temp = temps[used % 3]
        used += 1
        code(f"{load} {temp},a6,{at}")
        pending.append(f"{store} {temp},a3,{at}")
        if len(pending) == 3:
            code(*pending)
            pending = []
        at += size
    code(*pending)
    code.add("a6", job.source.pixel * job.stride[1], temp="a15")
    code.add("a3", job.target.pixel, temp="a15")
    code.put(end)
