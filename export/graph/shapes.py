"""What shape an operator's output must have: a damaged file must not reach the C."""

import math

from export.graph.attributes import (
    Along,
    Movement,
    Padding,
    Pool,
    Reduction,
    Svdf,
    Window,
)
from export.graph.kinds import BINARY_KINDS, CONV_KINDS, POOL_KINDS
from export.graph.network import Network, Operator, Tensor

Shape = tuple[int, ...]
INPUTS = {  # how many inputs an operator has at least; one where it is not listed
    "CONV_2D": 2,
    "DEPTHWISE_CONV_2D": 2,
    "FULLY_CONNECTED": 2,
    "BATCH_MATMUL": 2,
    "TRANSPOSE_CONV": 2,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 15,
    "SVDF": 4,
    **dict.fromkeys(BINARY_KINDS, 2),
}
MOST = {  # how many it has at most, where that is another number
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "FULLY_CONNECTED": 3,
    "TRANSPOSE_CONV": 3,
    "MEAN": 2,
    "PAD": 2,
    "RESHAPE": 2,
    "RESIZE_BILINEAR": 2,
    "SVDF": 5,
    "CONCATENATION": 1 << 20,
}
WINDOWED = (*CONV_KINDS, *POOL_KINDS)
LARGEST_WINDOW = 1024  # elements that a window spans, or a stride steps
RANK = {"CONV_2D": 4, "DEPTHWISE_CONV_2D": 4, "FULLY_CONNECTED": 2}  # of the weights


def enough_inputs(op: Operator) -> bool:
    """Whether the operator has the inputs that it needs, and no others."""
    count = INPUTS.get(op.kind, 1)
    needed = op.inputs[:count]
    if len(op.inputs) > MOST.get(op.kind, count):
        return False
    return len(needed) == count and min(needed) >= 0 and len(op.outputs) == 1


def output_shape(network: Network, op: Operator) -> Shape | None:
    """The shape that follows from the inputs; None where no shape does."""
    source = network.tensors[op.inputs[0]].shape
    if op.kind in RANK and len(network.tensors[op.inputs[1]].shape) != RANK[op.kind]:
        return None
    if op.kind in WINDOWED:
        return _windowed(network, op, source)
    if op.kind == "FULLY_CONNECTED":
        return (1, network.tensors[op.inputs[1]].shape[0])
    if op.kind in BINARY_KINDS:
        return _broadcast(source, network.tensors[op.inputs[1]].shape)
    if op.kind == "CONCATENATION":
        return _concatenated([network.tensors[i] for i in op.inputs], op)
    if op.kind == "MEAN":
        return _mean(source, op)
    if op.kind == "PAD":
        pads = op.told(Padding).paddings or ()
        if len(pads) != len(source) or any(min(p) < 0 for p in pads):
            return None
        return tuple(s + a + b for s, (a, b) in zip(source, pads, strict=True))
    if op.kind in SPECIAL:
        return SPECIAL[op.kind](network, op)
    if op.kind == "RESHAPE":
        out = network.output(op).shape
        return out if math.prod(out) == math.prod(source) else None
    return source


def _moved(network: Network, op: Operator) -> Shape | None:
    out, moves = network.output(op), op.told(Movement).moves
    reads = moves.index()
    limit = network.tensors[op.inputs[0]].size
    fits = moves.size == out.size and 0 <= reads.min() <= reads.max() < limit
    return out.shape if fits else None


def _reduced(network: Network, op: Operator) -> Shape | None:
    _, before, _, behind = network.tensors[op.inputs[0]].shape
    return (1, before, 1, behind)


def _resized(network: Network, op: Operator) -> Shape | None:
    source, out = network.tensors[op.inputs[0]].shape, network.output(op).shape
    if len(source) != 4 or len(out) != 4 or min(out) < 1:
        return None
    return (1, out[1], out[2], source[3])


def _matmul(network: Network, op: Operator) -> Shape | None:
    first, second = (network.tensors[i].shape for i in op.inputs[:2])
    if len(first) != 4 or len(second) != 4 or first[3] != second[3]:
        return None
    if first[1] != second[1] and 1 not in (first[1], second[1]):
        return None
    return (1, max(first[1], second[1]), first[2], second[2])


def _transposed(network: Network, op: Operator) -> Shape | None:
    """Any size that the strides and the kernel can reach is as good as another."""
    source, weights = (network.tensors[i].shape for i in op.inputs[:2])
    out, a = network.output(op).shape, op.told(Window)
    if len(weights) != 4 or len(source) != 4 or len(out) != 4 or min(out) < 1:
        return None
    strides = a.stride_h, a.stride_w
    if not 1 <= min(strides) <= max(strides) <= LARGEST_WINDOW:
        return None
    if weights[3] != source[3] or max(weights[1:3]) > LARGEST_WINDOW:
        return None
    return (1, out[1], out[2], weights[0])


def _recurrent(network: Network, op: Operator) -> Shape | None:
    """An LSTM: input, hidden, cell, then weights of (S, I), (S, S) and (S,)."""
    shapes = [network.tensors[i].shape for i in op.inputs]
    source, (_, units) = shapes[0], shapes[1]
    wanted = [(units, source[2])] * 4 + [(units, units)] * 4 + [(units,)] * 4
    if len(source) != 3 or shapes[1] != shapes[2] or shapes[3:] != wanted:
        return None
    return (1, source[1], units)


def _filtered(network: Network, op: Operator) -> Shape | None:
    """SVDF: input, state (1, F, M), then weights of (F, I) and (F, M)."""
    source, state, feature, time = (network.tensors[i].shape for i in op.inputs[:4])
    if len(source) != 2 or state != (1, *time) or feature != (time[0], source[1]):
        return None
    units = time[0] // op.told(Svdf).rank
    bias = network.input(op, 4)
    return None if bias is not None and bias.shape != (units,) else (1, units)


SPECIAL = {
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _recurrent,
    "SVDF": _filtered,
    "MOVE": _moved,
    **dict.fromkeys(
        ("REDUCE_SUM", "REDUCE_MEAN", "REDUCE_MAX", "REDUCE_MIN"), _reduced
    ),
    "RESIZE_BILINEAR": _resized,
    "BATCH_MATMUL": _matmul,
    "TRANSPOSE_CONV": _transposed,
}


def fitting(network: Network, op: Operator) -> bool:
    """Whether the output has the shape that follows from the inputs."""
    expected, found = output_shape(network, op), network.output(op).shape
    if op.kind == "FULLY_CONNECTED" and expected is not None:
        return math.prod(found) == expected[1]  # keep_num_dims keeps ones before it
    return expected == found


def _windowed(network: Network, op: Operator, source: Shape) -> Shape | None:
    a = op.told(Window)
    strides = a.stride_h, a.stride_w
    if len(source) != 4 or not 1 <= min(strides) <= max(strides) <= LARGEST_WINDOW:
        return None
    channels = source[3]
    if isinstance(a, Pool):
        kernel = a.kernel_h, a.kernel_w
    else:
        weights = network.tensors[op.inputs[1]].shape
        kernel = weights[1], weights[2]
        channels = weights[3] if op.kind == "DEPTHWISE_CONV_2D" else weights[0]
        if op.kind == "DEPTHWISE_CONV_2D" and channels % source[3]:
            return None
    sizes = []
    dilations = a.dilation_h, a.dilation_w
    for axis, (dilation, stride) in enumerate(zip(dilations, strides, strict=True)):
        span = (kernel[axis] - 1) * dilation + 1
        if not 1 <= min(kernel[axis], dilation) <= span <= LARGEST_WINDOW:
            return None
        size = source[1 + axis] + (sum(a.pads[axis]) if a.pads else 0)
        if a.padding == "SAME":
            sizes.append(-(-size // stride))
        else:
            sizes.append((size - span) // stride + 1)
    return (1, *sizes, channels) if min(sizes) > 0 else None


def _broadcast(first: Shape, second: Shape) -> Shape | None:
    rank = max(len(first), len(second))
    pairs = zip(
        (1,) * (rank - len(first)) + first,
        (1,) * (rank - len(second)) + second,
        strict=True,
    )
    sizes = []
    for a, b in pairs:
        if a != b and 1 not in (a, b):
            return None
        sizes.append(max(a, b))
    return tuple(sizes)


def _concatenated(parts: list[Tensor], op: Operator) -> Shape | None:
    axis = op.told(Along).axis
    shapes = [list(p.shape) for p in parts]
    if axis >= len(shapes[0]):
        return None
    total = sum(s[axis] for s in shapes if axis < len(s))
    for shape in shapes:
        if len(shape) != len(shapes[0]):
            return None
        shape[axis] = total
    return tuple(shapes[0]) if all(s == shapes[0] for s in shapes) else None


def _mean(source: Shape, op: Operator) -> Shape | None:
    a = op.told(Reduction)
    axes = a.axes or ()
    if a.keep_dims:
        return tuple(1 if i in axes else s for i, s in enumerate(source))
    return tuple(s for i, s in enumerate(source) if i not in axes)
