"""Sums over the caller's input where it lies, at any address, without a copy.

Two neighbouring vectors of memory are shifted into one of the input, and its bytes u
become q = u - 128 in passing: three instructions a vector where a copy takes two, and
again for every output. Each vector of memory that is read holds a byte of the input.

Registers as in `dense`; a4 points at the input's last byte, a12 counts the outputs.
"""

import numpy as np

from export.cores.s3.code import Code
from export.cores.s3.layout import VECTOR
from export.cores.s3.window import BEYOND, arranged
from export.plan.units import round_up


def start(code: Code, size: int) -> None:
    """For an input of so many bytes: its end, and the byte of which q7 is made."""
    code.add("a4", size - 1, "a2")
    code("movi a7,-128", "s8i a7,a1,0")


def sums(code: Code, size: int, count: int) -> None:
    """So many sums to a14, by weights from a13 on."""
    vectors = round_up(size, VECTOR) // VECTOR
    # What follows the last vector may hold no byte: the one of the last byte is read.
    after = ["a15,16"] * (vectors - 1) + ["a4,0"]
    code("ee.vldbc.8 q7,a1", f"movi a12,{count}")
    top = code.label("sum")
    code("mov a15,a2", "ee.zero.accx", "ee.ld.128.usar.ip q0,a15,16")
    code(f"ee.vld.128.ip q1,{after[0]}", "ee.vld.128.ip q4,a13,16")
    if vectors > 1:
        code("ee.vld.128.ip q5,a13,16")
    for i in range(vectors):
        here, behind, free = (f"q{(i + ahead) % 3}" for ahead in range(3))
        weights = f"q{4 + i % 2}"
        if i + 1 < vectors:
            code(f"ee.src.q.ld.ip {free},{after[i + 1]},{here},{behind}")
        else:
            code(f"ee.src.q {here},{here},{behind}")
        code(f"ee.xorq {here},{here},q7")
        if i + 2 < vectors:
            code(f"ee.vmulas.s8.accx.ld.ip {weights},a13,16,{here},{weights}")
        else:
            code(f"ee.vmulas.s8.accx {here},{weights}")
    code("ee.st.accx.ip a14,8")
    code.again("a12", top)


def weights(values: np.ndarray) -> bytes:
    """Of (O, taps) in the order in which they are read."""
    taps = np.full(round_up(values.shape[1], VECTOR), BEYOND)
    taps[: values.shape[1]] = np.arange(values.shape[1])
    return arranged(values, taps.reshape(-1, VECTOR))
