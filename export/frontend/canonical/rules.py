"""Operators that are a special case of others: one function each, by kind."""

import dataclasses
from collections.abc import Callable

import numpy as np

from export.frontend.canonical import grouped, moving, recurrent, two_operands
from export.frontend.canonical.rewriter import Rewriter, Shape, size
from export.frontend.refusal import refuse
from export.graph.attributes import (
    Along,
    AxisReduction,
    Padding,
    Pool,
    Product,
    Reduction,
    Window,
)
from export.graph.kinds import BINARY_KINDS
from export.graph.network import Network, Operator


def apply(network: Network) -> Network:
    """Each operator by its rule; one without a rule stays as it is."""
    r = Rewriter(network)
    for op in network.operators:
        rule = RULES.get(op.kind)
        if rule is None or not op.outputs or not op.inputs:
            r.keep(op)
        else:
            rule(r, op)
    return r.finished()


def _reshape(r: Rewriter, op: Operator) -> None:
    """EXPAND_DIMS, SQUEEZE, RESHAPE: the same bytes."""
    r.emit("RESHAPE", op.inputs[:1], op.outputs[0])


# ==== Weighted sums ====


def _fully_connected(r: Rewriter, op: Operator) -> None:
    """Several rows at once are a convolution of 1x1."""
    if len(op.inputs) < 2 or min(op.inputs[:2]) < 0:
        return r.keep(op)
    source, weights = r.tensor(op, 0), r.tensor(op, 1)
    if len(weights.shape) != 2 or weights.data is None:
        return r.keep(op)
    channels, depth = weights.shape
    rows = source.size // max(depth, 1)
    if rows <= 1 or rows * depth != source.size:
        return r.keep(op)
    kernel = r.constant(weights.data.reshape(channels, 1, 1, depth), weights)
    given = r.reshaped(op.inputs[0], (1, rows, 1, depth))
    told = op.attributes
    a = Window(activation=told.activation, unsigned=told.unsigned, sums_32=told.sums_32)
    shape = (1, rows, 1, channels)
    r.deliver("CONV_2D", (given, kernel, *op.inputs[2:]), shape, op.outputs[0], a)


def _transpose_conv(r: Rewriter, op: Operator) -> None:
    """Input, weights, bias, as a convolution has them; the size is the output's."""
    if len(op.inputs) < 3 or min(op.inputs[1:3]) < 0:
        return r.keep(op)
    inputs = (op.inputs[2], op.inputs[1], *op.inputs[3:])
    r.emit("TRANSPOSE_CONV", inputs, op.outputs[0], op.attributes)
    return None


# ==== Reductions ====


def _reduction(r: Rewriter, op: Operator) -> None:
    """Over any axes: (1, before, over, behind), one axis, perhaps behind a MOVE."""
    told = op.attributes
    if not isinstance(told, Reduction) or told.axes is None:
        return r.keep(op)
    axes = told.axes
    source, target = r.tensor(op, 0), r.tensors[op.outputs[0]]
    shape = source.shape
    usual = len(shape) == 4 and shape[0] == 1 and axes == (1, 2)
    if op.kind == "MEAN" and usual:
        return r.keep(op)
    if op.kind == "REDUCE_MAX" and usual and target.quant is not None:
        a = Pool(kernel_h=shape[1], kernel_w=shape[2])
        return r.deliver(
            "MAX_POOL_2D", op.inputs[:1], (1, 1, 1, shape[3]), op.outputs[0], a
        )
    axes = tuple(a for a in axes if a < len(shape) and shape[a] != 1)
    given, (before, over, behind) = _side_by_side(r, op, axes)
    given = r.reshaped(given, (1, before, over, behind))
    if op.kind == "MEAN" and before == 1:
        given = r.reshaped(given, (1, over, 1, behind))
        return r.deliver(
            "MEAN",
            (given,),
            (1, behind),
            op.outputs[0],
            Reduction(axes=(1, 2)),
        )
    shape = (1, before, 1, behind)
    kind = {"MEAN": "REDUCE_MEAN", "SUM": "REDUCE_SUM"}.get(op.kind, op.kind)
    r.deliver(kind, (given,), shape, op.outputs[0], AxisReduction(count=over))


def _side_by_side(
    r: Rewriter, op: Operator, axes: tuple[int, ...]
) -> tuple[int, tuple[int, int, int]]:
    """A value in which axes of the input are one, and (before, over, behind) it."""
    source, given = r.tensor(op, 0), op.inputs[0]
    shape = source.shape
    if not axes:
        return given, (1, 1, size(shape))
    over = size(tuple(shape[a] for a in axes))
    if axes == tuple(range(axes[0], axes[-1] + 1)):
        return given, (size(shape[: axes[0]]), over, size(shape[axes[-1] + 1 :]))
    kept = [i for i in range(len(shape)) if i not in axes]
    behind = size(tuple(shape[i] for i in kept))
    index = np.arange(source.size).reshape(shape).transpose(*axes, *kept)
    moved = r.value((1, over, behind), source)
    moving.move(r, op, index, moved, given)
    return moved, (1, over, behind)


# ==== Joining and padding ====


def _concatenation(r: Rewriter, op: Operator) -> None:
    """Of whole batches, or of many dimensions: as (1, before, along, behind)."""
    target = r.tensors[op.outputs[0]]
    axis = op.told(Along).axis
    inputs = [i for i in op.inputs if i >= 0]
    if not 0 <= axis < len(target.shape) or not inputs:
        return r.keep(op)
    if len(inputs) == 1:
        r.emit("RESHAPE", (inputs[0],), op.outputs[0])
        return None
    shape = target.shape
    if shape[0] == 1 and 0 < axis and len(shape) <= 4:
        return r.keep(op)
    before, behind = size(shape[:axis]), size(shape[axis + 1 :])
    given = []
    for index in inputs:
        part = r.tensors[index]
        if len(part.shape) != len(shape) or part.size % max(before * behind, 1):
            return r.keep(op)
        along = part.size // (before * behind)
        given.append(r.reshaped(index, (1, before, along, behind)))
    whole = (1, before, shape[axis], behind)
    a = dataclasses.replace(op.told(Along), axis=2)
    r.deliver("CONCATENATION", tuple(given), whole, op.outputs[0], a)
    return None


def _pack(r: Rewriter, op: Operator) -> None:
    """PACK: a concatenation along a new axis."""
    target = r.tensors[op.outputs[0]]
    axis = op.told(Along).axis % max(len(target.shape), 1)
    if any(r.tensors[i].shape != _without(target.shape, axis) for i in op.inputs):
        raise refuse(r.network, op, "its parts are not the whole")
    before, behind = size(target.shape[:axis]), size(target.shape[axis + 1 :])
    given = tuple(r.reshaped(i, (1, before, 1, behind)) for i in op.inputs)
    shape = (1, before, len(given), behind)
    if len(given) == 1:
        r.emit("RESHAPE", given, op.outputs[0])
    else:
        r.deliver("CONCATENATION", given, shape, op.outputs[0], Along(axis=2))


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]


def _pad(r: Rewriter, op: Operator) -> None:
    """PAD and PADV2 of any shape, as (1, H, W, C); `fill` is a quantized value."""
    pads = op.told(Padding).paddings
    source, target = r.tensor(op, 0), r.tensors[op.outputs[0]]
    if pads is None or len(pads) != len(source.shape) or target.quant is None:
        return r.keep(op)
    fill = target.zero_point
    if op.kind == "PADV2" and len(op.inputs) > 2:
        value = r.tensor(op, 2)
        if value.data is None or value.data.size != 1:
            return r.keep(op)
        fill = int(value.data.reshape(-1)[0])
    a = Padding(paddings=pads, fill=fill)
    if len(pads) == 4 and source.shape[0] == 1 and pads[0] == (0, 0):
        r.emit("PAD", op.inputs[:1], op.outputs[0], a)
        return None
    if any(min(p) < 0 for p in pads):
        return r.keep(op)
    sizes: list[int] = [1]
    grown: list[tuple[int, int]] = [(0, 0)]
    for length, pair in zip(source.shape, pads, strict=True):
        if pair == (0, 0):
            sizes[-1] *= length
            grown[-1] = (grown[-1][0] * length, grown[-1][1] * length)
        else:
            sizes.append(length)
            grown.append(pair)
    if len(sizes) > 4 or (len(sizes) == 4 and sizes[0] != 1):
        return r.keep(op)
    sizes, grown = [1] * (4 - len(sizes)) + sizes, [(0, 0)] * (4 - len(grown)) + grown
    given = r.reshaped(op.inputs[0], tuple(sizes))
    shape = tuple(s + b + e for s, (b, e) in zip(sizes, grown, strict=True))
    r.deliver(
        "PAD", (given,), shape, op.outputs[0], Padding(paddings=tuple(grown), fill=fill)
    )
    return None


def _batch_matmul(r: Rewriter, op: Operator) -> None:
    """BATCH_MATMUL: (1, batch, rows, depth) by (1, batch or 1, columns, depth)."""
    x, y = r.tensor(op, 0), r.tensor(op, 1)
    target = r.tensors[op.outputs[0]]
    if min(len(x.shape), len(y.shape), len(target.shape)) < 2:
        return r.keep(op)
    given = []
    told = op.told(Product)
    for index, by_columns in enumerate((told.adjoint_x, told.adjoint_y)):
        tensor = r.tensor(op, index)
        rows, columns = tensor.shape[-2:]
        many = size(tensor.shape[:-2])
        turned = by_columns != (index == 1)  # the second shall lie by columns
        found = op.inputs[index]
        if turned:
            place = np.arange(tensor.size).reshape(many, rows, columns)
            place = place.transpose(0, 2, 1)
            rows, columns = columns, rows
            if tensor.data is not None:
                data = tensor.data.reshape(-1)[place.reshape(-1)]
                found = r.constant(data.reshape(1, many, rows, columns), tensor)
            else:
                found = r.value((1, many, rows, columns), tensor)
                moving.move(r, op, place, found, op.inputs[index])
        given.append(r.reshaped(found, (1, many, rows, columns)))
    first, second = (r.tensors[i].shape for i in given)
    if (
        first[3] != second[3]
        or first[1] != second[1]
        and 1 not in (first[1], second[1])
    ):
        return r.keep(op)
    whole = (1, max(first[1], second[1]), first[2], second[2])
    r.deliver(
        "BATCH_MATMUL",
        tuple(given),
        whole,
        op.outputs[0],
        Product(adjoint_x=False, adjoint_y=True),
    )


RULES: dict[str, Callable[[Rewriter, Operator], None]] = {
    **dict.fromkeys(("EXPAND_DIMS", "SQUEEZE", "RESHAPE"), _reshape),
    **dict.fromkeys(moving.SINGLE, moving.single),
    "SPLIT": moving.split,
    "SPLIT_V": moving.split,
    "UNPACK": moving.unpack,
    "FULLY_CONNECTED": _fully_connected,
    "CONV_2D": grouped.conv,
    "DEPTHWISE_CONV_2D": grouped.depthwise,
    "TRANSPOSE_CONV": _transpose_conv,
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"), _reduction),
    **dict.fromkeys(BINARY_KINDS, two_operands.binary),
    "CONCATENATION": _concatenation,
    "PACK": _pack,
    **dict.fromkeys(("PAD", "PADV2"), _pad),
    "BATCH_MATMUL": _batch_matmul,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": recurrent.lstm,
    "SVDF": recurrent.svdf,
}
