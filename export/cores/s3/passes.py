"""Kernels that go over bytes once: the input, borders, elementwise functions.

All are `void name(in, out, weights, scratch, constants)`.
"""

import numpy as np

from export.cores.s3.code import Code
from export.cores.s3.kernel import Kernel
from export.cores.s3.layout import Layout
from export.cores.s3.lines import Lines

PIECES = (("s32i", 4), ("s16i", 2), ("s8i", 1))
UNROLLED = 4
WORD = -2139062144  # four times 0x80


def image(name: str, target: Layout) -> Kernel:
    """The network's input: raw bytes u to q = u - 128.

    An image at a multiple of 16 goes by vectors where its rows follow each other in
    the arena as in the image; any other goes by words. Of single rows those of whole
    vectors may begin at such a place.
    """
    code = Code(name)
    width = target.width * target.channels
    whole = target.height * width
    same = target.row == width and target.pixel == target.channels
    slow, end = code.ahead("words"), code.ahead("end")
    if same and (target.height > 1 or whole % 16 == 0):
        code("extui a8,a2,0,4", f"bnez a8,{slow}")
        code("movi a8,-128", "s8i a8,a1,0", "ee.vldbc.8 q1,a1")
        vectors = whole // 16
        if vectors:
            code(f"movi a9,{vectors}", "ee.vld.128.ip q0,a2,16")
            loop = code.ahead("loop")
            code(f"loop a9,{loop}", "ee.xorq q2,q0,q1")
            code("ee.vld.128.ip q0,a2,16", "ee.vst.128.ip q2,a3,16")
            code.put(loop)
            code("addi a2,a2,-16")
        if whole % 16:
            code(f"movi a9,{whole % 16}")
            _bytes(code)
        code(f"j {end}")
    code.put(slow)
    code("movi a8,-128", f"movi a14,{WORD}")
    if same:
        _words(code, whole)
    else:
        _rows(code, target, width)
    code.put(end)
    return Kernel(name, code.end(), b"", b"", 0)


def _rows(code: Code, target: Layout, width: int) -> None:
    """Every row by itself."""
    code(f"movi a10,{target.height}")
    row = code.label("row")
    code("mov a11,a3")
    if target.pixel == target.channels:
        _words(code, width)
    else:
        code(f"movi a12,{target.width}")
        pixel = code.label("pixel")
        _words(code, target.channels)
        code.add("a3", target.pixel - target.channels)
        code.again("a12", pixel)
    code.add("a3", target.row, "a11")
    code.again("a10", row)


def _words(code: Code, count: int) -> None:
    """`count` bytes from a2 to a3, four at a time, which may lie anywhere."""
    words, rest = divmod(count, 4)
    if words:
        code(f"movi a9,{words}")
        loop = code.ahead("word")
        code(f"loop a9,{loop}", "l32i a13,a2,0", "addi a2,a2,4", "xor a13,a13,a14")
        code("s32i a13,a3,0", "addi a3,a3,4")
        code.put(loop)
    if rest:
        code(f"movi a9,{rest}")
        _bytes(code)


def _bytes(code: Code) -> None:
    """a9 bytes from a2 to a3."""
    loop = code.ahead("byte")
    code(f"loop a9,{loop}", "l8ui a13,a2,0", "addi a2,a2,1", "xor a13,a13,a8")
    code("s8i a13,a3,0", "addi a3,a3,1")
    code.put(loop)


def border(name: str, layout: Layout) -> Kernel:
    """Fill what lies around the pixels; a3 is the start of the memory."""
    code = Code(name)
    fill = layout.fill & 0xFF
    code(f"movi a8,{layout.fill}", "s8i a8,a1,0", "ee.vldbc.8 q0,a1")
    word = int.from_bytes(bytes([fill] * 4), "little", signed=True)
    code(f"movi a8,{word}")
    gap = layout.row - layout.width * layout.pixel
    _run(code, 0, layout.start)
    if layout.height > 1 and gap:
        code.add("a9", layout.start + layout.width * layout.pixel, "a3")
        code(f"movi a10,{layout.height - 1}")
        row = code.label("row")
        end = layout.width * layout.pixel % 16
        _piece(code, end, end + gap)
        code.add("a9", layout.row)
        code.again("a10", row)
    last = layout.start + (layout.height - 1) * layout.row
    last += layout.width * layout.pixel
    stop = layout.size if layout.border.bottom else last
    stop = max(stop, last + layout.border.right * layout.pixel)
    _run(code, last, min(stop, layout.size))
    return Kernel(name, code.end(), b"", b"", 0)


def _run(code: Code, start: int, stop: int) -> None:
    """Fill from `start` to `stop`, offsets from a3."""
    if stop <= start:
        return
    code.add("a9", start, "a3")
    _piece(code, start % 16, start % 16 + stop - start)


def _piece(code: Code, start: int, stop: int) -> None:
    """Fill at a9, which stands `start` past a multiple of 16, up to `stop`."""
    at = start
    while at < stop and at % 16:
        at += _store(code, at - start, min(stop, at + 16 - at % 16) - at)
    vectors = (stop - at) // 16
    if vectors:
        code.add("a12", at - start, "a9")
        if vectors > UNROLLED:
            code(f"movi a13,{vectors}")
            loop = code.ahead("fill")
            code(f"loop a13,{loop}", "ee.vst.128.ip q0,a12,16")
            code.put(loop)
        else:
            code(*["ee.vst.128.ip q0,a12,16"] * vectors)
        at += 16 * vectors
    if at < stop:
        code.add("a12", at - start, "a9")
        done = 0
        while at + done < stop:
            done += _store(code, done, stop - at - done, "a12")


def _store(code: Code, offset: int, room: int, base: str = "a9") -> int:
    """One store of the fill at a9 + offset; gives its bytes."""
    for name, size in PIECES:
        if size <= room and offset % size == 0:
            code(f"{name} a8,{base},{offset}")
            return size
    raise AssertionError


def lines(name: str, size: int, function: Lines) -> Kernel:
    """The larger of two lines over whole vectors, in place at a3."""
    code = Code(name)
    code("ssai 15", "mov a15,a6")
    code("ee.vld.128.ip q7,a15,16", "ee.vld.128.ip q3,a15,16")
    code("ee.vld.128.ip q5,a15,16", "ee.vld.128.ip q4,a15,16")
    code("ee.vld.128.ip q6,a15,16", f"movi a13,{-(-size // 16)}")
    end = code.ahead("end")
    code(
        f"loop a13,{end}",
        "ee.vld.128.ip q1,a3,0",
        "ee.orq q0,q7,q7",
        "ee.vzip.8 q0,q1",
        "ee.vmul.s16 q2,q0,q3",
        "ee.vmul.s16 q0,q0,q5",
        "ee.vadds.s16 q2,q2,q4",
        "ee.vadds.s16 q0,q0,q6",
        "ee.vmax.s16 q0,q0,q2",
        "ee.vmul.s16 q2,q1,q3",
        "ee.vmul.s16 q1,q1,q5",
        "ee.vadds.s16 q2,q2,q4",
        "ee.vadds.s16 q1,q1,q6",
        "ee.vmax.s16 q1,q1,q2",
    )
    for _ in range(8 - function.fraction):
        code("ee.vadds.s16 q0,q0,q0", "ee.vadds.s16 q1,q1,q1")
    code("ee.vunzip.8 q0,q1", "ee.vst.128.ip q1,a3,16")
    code.put(end)
    return Kernel(name, code.end(), b"", function.bytes(), 0)


def table(name: str, size: int, values: np.ndarray) -> Kernel:
    """A table by the byte as it lies (q & 255), over `size` bytes in place at a3."""
    code = Code(name)
    turns, rest = divmod(size, UNROLLED)
    order = np.roll(values.astype(np.int8), 128)  # by q & 255

    def four(count: int) -> None:
        for i in range(count):
            code(f"l8ui a{8 + i},a3,{i}")
        for i in range(count):
            code(f"add a{8 + i},a{8 + i},a6")
        for i in range(count):
            code(f"l8ui a{8 + i},a{8 + i},0")
        for i in range(count):
            code(f"s8i a{8 + i},a3,{i}")
        code(f"addi a3,a3,{count}")

    if turns:
        code(f"movi a13,{turns}")
        end = code.ahead("end")
        code(f"loop a13,{end}")
        four(UNROLLED)
        code.put(end)
    if rest:
        four(rest)
    return Kernel(name, code.end(), b"", order.tobytes(), 0)
