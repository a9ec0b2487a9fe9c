"""Constants of reductions, BATCH_MATMUL, TRANSPOSE_CONV and RESIZE_BILINEAR."""

import numpy as np

from export.arithmetic.int8 import multiplier, sum_constant
from export.graph.attributes import AxisReduction, Resize, Window
from export.graph.network import Network, Operator

BILINEAR_BITS = 10  # of a weight
Line = tuple[np.ndarray, np.ndarray, np.ndarray]


def reduction_constant(network: Network, op: Operator) -> tuple[int, int]:
    """The multiplier of a sum; a mean's count is folded into it as in MEAN."""
    count = op.told(AxisReduction).count if op.kind == "REDUCE_MEAN" else 1
    return sum_constant(network, op, count)


def matmul_constant(network: Network, op: Operator) -> tuple[int, int]:
    """BATCH_MATMUL's multiplier: the inputs' scales are multiplied in float32."""
    a, b = (network.tensors[i].scale for i in op.inputs[:2])
    return multiplier(float(a * b) / float(network.output(op).scale))


def transposed_padding(network: Network, op: Operator) -> tuple[int, int]:
    """(top, left): rows and columns of the full result that the output leaves out."""
    a = op.told(Window)
    if a.padding == "VALID":
        return 0, 0
    weights = network.tensors[op.inputs[1]].shape
    out = network.output(op).shape
    found = []
    for axis, stride in ((1, a.stride_h), (2, a.stride_w)):
        steps = -(-out[axis] // stride)
        found.append(max((steps - 1) * stride + weights[axis] - out[axis], 0) // 2)
    return found[0], found[1]


def bilinear(network: Network, op: Operator) -> tuple[Line, Line]:
    """Of rows and of columns: (first, second neighbour, the second's weight, Q10)."""
    source, out = network.tensors[op.inputs[0]].shape, network.output(op).shape
    return (
        _line(source[1], out[1], op.told(Resize)),
        _line(source[2], out[2], op.told(Resize)),
    )


def _line(size: int, out: int, a: Resize) -> Line:
    one = 1 << BILINEAR_BITS
    scale = (one * size + out // 2) // out
    if a.corners and out > 1:
        scale = (one * (size - 1) + (out - 1) // 2) // (out - 1)
    at = np.arange(out, dtype=np.int64) * scale
    if a.centers:
        at = at + scale // 2 - (one >> 1)
    # C divides towards zero.
    first = np.maximum(np.trunc(at / one).astype(np.int64), 0)
    second = np.minimum(np.trunc((at + one - 1) / one).astype(np.int64), size - 1)
    return first, second, at - one * first
