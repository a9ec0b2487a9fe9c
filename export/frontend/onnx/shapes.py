"""ONNX operators that move data or reduce it, as TensorFlow calls."""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from export.frontend.onnx.builder import Builder, Mapper, Value, picked
from export.frontend.onnx.fuse import Step

PIECES = 64  # of a ScatterND: more would make more C than anybody wants

# ==== Shapes ====


def _reshape(b: Builder, step: Step) -> Value:
    """Flatten, Reshape, Squeeze, Unsqueeze: the same elements in ONNX's order."""
    tf, value = b.tf, b.value(step)
    shape = b.graph.shapes.get(step.output, ())
    size = math.prod(int(d) for d in value.tensor.shape)
    if math.prod(shape) != size:  # () is a number, or what nobody knows
        raise step.refuse(f"to the shape {shape}", "export with fixed shapes")
    sizes = [int(d) for d in value.tensor.shape]
    if value.layout == "last":
        spatial, channels = sizes[1:-1], sizes[-1]
        if shape == (1, size):
            if math.prod(spatial) > 1 and channels > 1:
                flat = tf.reshape(value.tensor, (1, size))
                return Value(flat, "flat", (*spatial, channels))
            return Value(tf.reshape(value.tensor, shape))
        if math.prod(spatial) == 1 or channels == 1:
            return Value(tf.reshape(value.tensor, shape))
        kept = [d for d in shape[2:] if d != 1] == [d for d in spatial if d != 1]
        if shape[:2] == (1, channels) and kept:  # only ones come or go
            return Value(tf.reshape(value.tensor, (1, *shape[2:], channels)), "last")
    if value.layout == "flat" and len(shape) == len(value.image) + 1:
        *spatial, channels = value.image
        if shape == (1, channels, *spatial):
            return Value(tf.reshape(value.tensor, (1, *value.image)), "last")
    if value.layout == "flat" and shape == (1, size):
        return value
    return Value(tf.reshape(b.plain(value), shape))


def _expand(b: Builder, step: Step) -> Value:
    value, shape = b.value(step), b.graph.shapes[step.output]
    y, square = b.plain(value), value.square
    if square is not None:
        square = b.plain(replace(value, tensor=square))
        square = b.tf.broadcast_to(square, shape)
    return Value(b.tf.broadcast_to(y, shape), square=square)


def _transpose(b: Builder, step: Step) -> Value:
    value = b.value(step)
    rank = len(value.tensor.shape)
    order = tuple(step.attributes.get("perm", range(rank)[::-1]))
    if value.layout == "last" and order == (0, *range(2, rank), 1):
        return Value(value.tensor)  # to channels last, which it is
    if value.layout == "plain" and order == (0, rank - 1, *range(1, rank - 1)):
        return Value(value.tensor, "last")
    return Value(b.tf.transpose(b.plain(value), order))


def _concat(b: Builder, step: Step) -> Value:
    parts, layout, image = b.operands(step)
    rank = len(parts[0].shape)
    if layout == "flat":
        parts = [b.plain(b.value(step, i)) for i in range(len(parts))]
        layout = "plain"
    axis = b.axis(layout, step.attributes["axis"], rank)
    return Value(b.tf.concat(parts, axis), layout)


def _slice(b: Builder, step: Step) -> Value:
    value, rank = b.spread(step), len(b.graph.shapes[step.inputs[0]])
    starts = np.asarray(b.optional(step, 1, "starts")).reshape(-1)
    ends = np.asarray(b.optional(step, 2, "ends")).reshape(-1)
    axes = b.optional(step, 3, "axes")
    axes = range(len(starts)) if axes is None else np.asarray(axes).reshape(-1)
    steps = b.constant(step, 4).reshape(-1) if step.has(4) else [1] * len(starts)
    index: list[slice] = [slice(None)] * rank
    shape = [int(d) for d in value.tensor.shape]
    for start, end, axis, stride in zip(starts, ends, axes, steps, strict=True):
        at = b.axis(value.layout, int(axis), rank)
        first, last, by = slice(int(start), int(end), int(stride)).indices(shape[at])
        index[at] = slice(first, None if last < 0 else last, by)
    return Value(value.tensor[tuple(index)], value.layout)


def _split(b: Builder, step: Step) -> list[Value]:
    value = b.spread(step)
    rank = len(value.tensor.shape)
    axis = b.axis(value.layout, step.attributes.get("axis", 0), rank)
    sizes = b.optional(step, 1, "split")
    if sizes is None:
        each = -(-int(value.tensor.shape[axis]) // len(step.outputs))
        last = int(value.tensor.shape[axis]) - each * (len(step.outputs) - 1)
        sizes = [each] * (len(step.outputs) - 1) + [last]
    read = [b.graph.is_read(name) for name in step.outputs]
    parts = parted(b.tf, value.tensor, [int(s) for s in sizes], axis, read)
    return [Value(part, value.layout) for part in parts]


def parted(
    tf: Any, tensor: Any, sizes: list[int], axis: int, read: list[bool]
) -> list[Any]:
    """The parts of a tensor along one axis; `read` says which of them are used.

    One SPLIT, or a slice each: of a SPLIT with an output that nobody reads,
    TensorFlow's quantizer finds some scales in one run and none in the next.
    """
    if all(read):
        return list(tf.split(tensor, sizes, axis))
    at = [int(a) for a in np.cumsum([0, *sizes])]
    whole = [slice(None)] * len(tensor.shape)
    return [
        tensor[(*whole[:axis], slice(low, high), *whole[axis + 1 :])]
        for low, high in pairwise(at)
    ]


def _gather(b: Builder, step: Step) -> Value:
    value, indices = b.spread(step), b.constant(step, 1)
    rank = len(value.tensor.shape)
    if indices.ndim == 1:
        axis = b.axis(value.layout, step.attributes.get("axis", 0), rank)
        positions = _positions(indices, value.tensor.shape[axis])
        return Value(b.tf.gather(value.tensor, positions, axis=axis), value.layout)
    axis = step.attributes.get("axis", 0) % rank
    plain = b.plain(value)
    positions = _positions(indices, plain.shape[axis])
    if indices.ndim == 0:  # a slice, which TFLite Micro knows of int16 as well
        return Value(plain[(*(slice(None),) * axis, int(positions))])
    return Value(b.tf.gather(plain, positions, axis=axis))


def _scatter(b: Builder, step: Step) -> Value:
    """What torch writes for `x[1] = y`: rows of both, one behind another."""
    tf, indices = b.tf, b.constant(step, 1)
    data, updates = (b.plain(b.value(step, i)) for i in (0, 2))
    shape, depth = [int(d) for d in data.shape], indices.shape[-1]
    if step.attributes.get("reduction", b"none") != b"none":
        raise step.refuse("adds to what is there", "use plain assignment")
    lead, rest = shape[:depth], math.prod(shape[depth:])
    each = np.where(indices < 0, indices + lead, indices).reshape(-1, depth)
    count = math.prod(lead)
    flat = np.atleast_1d(np.ravel_multi_index(each.T, lead))
    new = {int(position): at for at, position in enumerate(flat)}
    rows = [(p in new, new.get(p, p)) for p in range(count)]
    cuts = [
        p for p in range(1, count) if rows[p] != (rows[p - 1][0], rows[p - 1][1] + 1)
    ]
    if len(cuts) >= PIECES:
        raise step.refuse(f"in {len(cuts) + 1} pieces", "assign whole rows at once")
    sources = [tf.reshape(data, (count, rest)), tf.reshape(updates, (-1, rest))]
    parts = []
    for low, high in pairwise([0, *cuts, count]):
        is_new, at = rows[low]
        parts.append(sources[is_new][at : at + high - low])
    return Value(tf.reshape(tf.concat(parts, 0), shape))


def _positions(indices: np.ndarray, size: int) -> np.ndarray:
    """From the front, of the type that TFLite Micro knows."""
    return np.where(indices < 0, indices + int(size), indices).astype(np.int32)


def _depth_to_space(b: Builder, step: Step) -> Value:
    """Mode CRD, torch's pixel_shuffle, has the channels of one element together."""
    x, size = b.last(step), step.attributes["blocksize"]
    if step.attributes.get("mode", b"DCR") == b"CRD":
        order = np.arange(int(x.shape[-1])).reshape(-1, size * size).T
        x = picked(b.tf, x, len(x.shape) - 1, order.reshape(-1))
    return Value(b.tf.nn.depth_to_space(x, size), "last")


def _space_to_depth(b: Builder, step: Step) -> Value:
    size = step.attributes["blocksize"]
    return Value(b.tf.nn.space_to_depth(b.last(step), size), "last")


def _tile(b: Builder, step: Step) -> Value:
    times = [int(n) for n in b.constant(step, 1).reshape(-1)]
    return Value(b.tf.tile(b.plain(b.value(step)), times))


# ==== Reductions ====


def _reduce(call: str) -> Mapper:
    def mapped(b: Builder, step: Step) -> Value:
        value = b.spread(step)
        rank = len(value.tensor.shape)
        axes = b.optional(step, 1, "axes")
        axes = () if axes is None else np.asarray(axes).reshape(-1)
        if len(axes) == 0 and not step.attributes.get("noop_with_empty_axes", 0):
            axes = range(rank)
        keep = bool(step.attributes.get("keepdims", 1))
        chosen = [int(i) % rank for i in axes]
        spatial = sorted(chosen) == list(range(2, rank))
        if value.layout == "last" and not keep and not spatial and 1 not in chosen:
            value = Value(b.plain(value))
        at = tuple(sorted(b.axis(value.layout, i, rank) for i in chosen))
        layout = value.layout if keep else "plain"
        if call == "length":
            square = _reduced(b.tf, "squares", value.tensor, at, keep)
            return Value(b.tf.sqrt(square), layout, square=square)
        return Value(_reduced(b.tf, call, value.tensor, at, keep), layout)

    return mapped


def _reduced(tf: Any, call: str, x: Any, axes: Any, keep: bool) -> Any:
    """By a call of TensorFlow's, or as a sum of what is never below zero."""
    if call == "sizes":
        return tf.reduce_sum(tf.abs(x), axes, keepdims=keep)
    if call == "squares":
        return tf.reduce_sum(x * x, axes, keepdims=keep)
    if call == "logarithm":
        return tf.math.log(tf.reduce_sum(x, axes, keepdims=keep))
    if call == "logsumexp":  # of at most 1 each, or the smaller would be lost in 8 bits
        most = tf.reduce_max(x, axes, keepdims=True)
        found = tf.math.log(tf.reduce_sum(tf.exp(x - most), axes, keepdims=keep))
        return found + tf.reshape(most, found.shape)
    return getattr(tf, call)(x, axes, keepdims=keep)


def _arg_max(b: Builder, step: Step) -> Value:
    x = b.plain(b.value(step))
    axis = step.attributes.get("axis", 0)
    y = b.tf.argmax(x, axis, output_type=b.tf.int32)
    return Value(b.tf.expand_dims(y, axis) if step.attributes.get("keepdims", 1) else y)


MAPPERS: dict[str, Mapper] = {
    "ReduceMean": _reduce("reduce_mean"),
    "ReduceMax": _reduce("reduce_max"),
    "ReduceMin": _reduce("reduce_min"),
    "ReduceSum": _reduce("reduce_sum"),
    "ReduceL1": _reduce("sizes"),
    "ReduceL2": _reduce("length"),
    "ReduceLogSum": _reduce("logarithm"),
    "ReduceLogSumExp": _reduce("logsumexp"),
    "ReduceSumSquare": _reduce("squares"),
    "Flatten": _reshape,
    "Reshape": _reshape,
    "Squeeze": _reshape,
    "Unsqueeze": _reshape,
    "Transpose": _transpose,
    "Expand": _expand,
    "Concat": _concat,
    "Slice": _slice,
    "Split": _split,
    "Gather": _gather,
    "ScatterND": _scatter,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "Tile": _tile,
    "ArgMax": _arg_max,
}
