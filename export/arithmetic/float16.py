"""The float16 engine's arithmetic: what is rounded when, and what never overflows.

Weights and biases are binary16, decoded exactly. Arithmetic is float32, summed in the
order ky, kx, input channel, from the bias on. What a stage leaves for the next one is
rounded to 11 significant bits, halves away from zero, so that a product has at most 22
and is exact: only the sum is rounded, and a fused multiply-add gives the same bits as
a multiplication and an addition. The first layer reads raw pixels: it sums weight *
pixel from zero, then multiplies by float32(1/255) and adds the bias (two roundings).
A max-pool is taken before that. So the bits equal the generated C's on any machine
with IEEE float32, fused or not, in hardware or in software.

That is why nobody has to choose: v2, instructions an inference, 670,182 on the host
(SSE2: each product needs a register of its own, 3 instructions a MAC are the least),
496,082 with three-operand instructions (-mavx), 309,723 fused as on LX6 (-mfma), all
scalar by callgrind; 9,757,907 on lx106 and 9,618,295 on RV32IMC in whole numbers
(nn_f16_soft.h) for the first test image, where libgcc's two roundings a MAC took
26 million. No digit of the 10,000 test images changes by the 11 bits (v1, v2, v3).
"""

import numpy as np

from core.errors import Esp8kError
from export.graph.attributes import Leaky
from export.graph.kinds import MAC_KINDS
from export.graph.network import Network
from export.graph.stage import Stage

PIXEL_SCALE = np.float32(1 / 255)
LARGEST = 2.0**120
FLOAT16_LEAST_NORMAL = 2.0**-14
FLOAT32_LEAST_EXPONENT = -126  # log2 of its least normal number
ROUNDED_GRID = -24  # log2, of 11 bits at and above 2^-14


def rounded(x: np.ndarray, flush: bool) -> np.ndarray:
    """To 11 significant bits, halves away from zero; below 2^-14 to zero by flush."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    bits = (bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)
    if flush:
        small = bits << np.uint32(1) < np.uint32(0x71000000)
        bits = np.where(small, np.uint32(0), bits)
    return bits.view(np.float32)


def roundings(stages: tuple[Stage, ...]) -> dict[int, str]:
    """By stage number what becomes of a value that is stored: none, round, flush.

    The output is not, nor what only a pool reads: it is rounded behind the pool.
    """
    found = dict.fromkeys((stage.number for stage in stages), "round")
    found |= dict.fromkeys(flushed(stages), "flush")
    for stage in stages:
        readers = [s.head.kind for s in stages if stage.output in s.inputs]
        if set(readers) <= {"MAX_POOL_2D"}:
            found[stage.number] = "none"
    return found


def flushed(stages: tuple[Stage, ...]) -> set[int]:
    """Numbers of the stages whose least values must become zero.

    All that a stage computes is a multiple of some power of two, its inputs' least
    bit times its weights'. Where the products of the next stage could fall below
    the least normal float32, which not every FPU has the same way, tiny values go.
    """
    found = set()
    grid = 0  # log2: pixels are whole numbers
    for stage, after in zip(stages, [*stages[1:], None], strict=True):
        if stage.head.kind in MAC_KINDS:
            weights, bias = weighted(stage)
            grid += least_bit(weights)
            if stage is stages[0]:
                grid += least_bit(PIXEL_SCALE)
            grid = min(grid, least_bit(bias))
        for op in stage.unary:
            if isinstance(op.attributes, Leaky):
                grid += min(0, least_bit(np.float32(op.attributes.alpha)))
        if after is None or after.head.kind not in MAC_KINDS:
            continue  # the end, or a pool, which passes values on
        if grid + least_bit(weighted(after)[0]) < FLOAT32_LEAST_EXPONENT:
            found.add(stage.number)
            grid = ROUNDED_GRID
    return found


def largest(stages: tuple[Stage, ...]) -> dict[int, float]:
    """By stage number what no sum exceeds; refused if that is much for a float32."""
    found = {}
    most = 255.0
    for stage in stages:
        if stage.head.kind in MAC_KINDS:
            weights, bias = weighted(stage)
            gain = np.abs(weights, dtype=np.float64).reshape(len(weights), -1).sum(1)
            most = float((gain * most + np.abs(bias)).max())
            if not most < LARGEST:
                raise Esp8kError(
                    f"the values of {stage.name} may be too large for float32",
                    "train again with smaller weights, or use the int8 engine",
                )
        found[stage.number] = most
    return found


def least_bit(values: np.ndarray | np.float32) -> int:
    """log2 of the largest power of two that all of `values` are multiples of."""
    part, exponent = np.frexp(np.asarray(values, np.float64).reshape(-1))
    whole = (part * 2.0**53).astype(np.int64)
    low = (whole & -whole)[whole != 0]
    if not low.size:
        return 0
    return int((exponent[whole != 0] - 53 + np.log2(low)).min())


def weighted(stage: Stage) -> tuple[np.ndarray, np.ndarray]:
    """(weights, bias) of a weighted sum, decoded."""
    weights, bias = stage.head.inputs[1:3]
    return constant(stage.network, weights), constant(stage.network, bias)


def constant(network: Network, index: int) -> np.ndarray:
    """A binary16 constant, decoded to float32."""
    data = network.tensors[index].data
    assert data is not None
    if data.dtype != np.float16:
        raise Esp8kError(
            f"tensor {network.tensors[index].name} is {data.dtype}, not float16",
            "convert with float16 weights",
        )
    return data.astype(np.float32)
