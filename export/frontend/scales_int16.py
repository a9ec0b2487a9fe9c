"""Scales for which TFLite Micro's arithmetic of int16 values is defined.

    what = wrong(network, op)    # in a few words; None where nothing is

Beyond them a sum, a shift or a result leaves the integers that TFLite Micro has.
"""

import math

from export.arithmetic import int8, int16
from export.arithmetic.fixedpoint import INT32_MAX
from export.graph.attributes import Pool, Reduction
from export.graph.kinds import MAC_KINDS
from export.graph.network import Network, Operator

VALUE_BITS = 15  # of an int16 and its sign
MOST_ADDED = 1 << 16  # int16 values whose sum is an int32
SMALL_OUTPUT = "its output scale is too small"


def wrong(network: Network, op: Operator) -> str | None:
    """What TFLite Micro does not define; None where it defines all."""
    source, out = network.tensors[op.inputs[0]], network.output(op)
    if op.kind in MAC_KINDS:
        return _weighted(network, op)
    if op.kind in ("MEAN", "AVERAGE_POOL_2D") and _added(network, op) >= MOST_ADDED:
        return f"more than {MOST_ADDED - 1:,} values of 16 bits in one sum"
    if op.kind in ("LOGISTIC", "TANH"):
        large = int16.argument(op.kind, source).factor > int8.INT16_MAX
        return "its input scale is too large" if large else None
    if op.kind == "SOFTMAX":
        large = int16.softmax_scale(op, source)[1] > 30 - VALUE_BITS - 1
        return "its input scale is too large" if large else None
    room = 30 - VALUE_BITS  # bits by which a value may be shifted to the left
    shift = 0
    if op.kind in ("ADD", "SUB"):  # TFLite Micro takes factors below 1 only
        shift, room = int16.sum_constants(network, op).output[1], 0
    elif op.kind == "MUL":
        shift, room = int8.mul_constant(network, op)[1], 0
    elif op.kind == "MEAN":
        shift = int8.mean_constant(network, op)[1]
        room -= _added(network, op).bit_length()
    elif op.kind == "LEAKY_RELU":
        shift = max(s for _, s in int8.leaky_scales(op, source, out))
    elif op.kind in ("RELU", "QUANTIZE"):
        shift = int16.scale_of(source, out)[1]
    return SMALL_OUTPUT if shift > max(room, 0) else None


def _weighted(network: Network, op: Operator) -> str | None:
    sums, reach = int16.sums(network, op), int16.reach(network, op)
    if not sums.wide:
        left = max(int(sums.shift.max()), 0)
        return SMALL_OUTPUT if left and reach << left >= 1 << 31 else None
    if reach >= 1 << int16.SUM_BITS:
        return "its weights and its bias sum up to more than 47 bits"
    pairs = zip(sums.factor.tolist(), sums.shift.tolist(), strict=True)
    results = (reach * factor >> max(shift, 0) for factor, shift in pairs)
    least = 15 - int16.MOST_SHIFT
    if int(sums.shift.min()) < least or max(results) >= INT32_MAX:
        return SMALL_OUTPUT
    return None


def _added(network: Network, op: Operator) -> int:
    """Values in one sum."""
    a, shape = op.attributes, network.tensors[op.inputs[0]].shape
    if isinstance(a, Pool):
        return min(a.kernel_h, shape[1]) * min(a.kernel_w, shape[2])
    return math.prod(shape[axis] for axis in op.told(Reduction).axes or ())
