"""Convolutions of several groups of channels.

Either one convolution with zeros where a channel does not reach another group, or one
for each group: its part of the input, its weights, and all outputs side by side. The
second takes no flash for zeros, but memory for the parts.
"""

import dataclasses

import numpy as np

from export.frontend.canonical import moving
from export.frontend.canonical.rewriter import Rewriter
from export.graph.attributes import Along
from export.graph.network import Operator, Quant, Tensor


def conv(r: Rewriter, op: Operator) -> None:
    """CONV_2D whose weights are less deep than its input; others stay."""
    groups = _groups(r, op)
    if groups < 2:
        r.keep(op)
        return
    source, weights = r.tensor(op, 0), r.tensor(op, 1)
    zeros = weights.size * (groups - 1)
    parts = source.size // groups + r.tensors[op.outputs[0]].size
    apart = zeros > parts and source.shape[0] == 1  # bytes of flash, bytes of memory
    (_each if apart and _divides(r, op) else _dense)(r, op, groups)


def depthwise(r: Rewriter, op: Operator) -> None:
    """DEPTHWISE_CONV_2D of one channel is a CONV_2D: each output sees all there is."""
    if len(op.inputs) < 2 or min(op.inputs[:2]) < 0:
        return r.keep(op)
    source, weights = r.tensor(op, 0), r.tensor(op, 1)
    fits = len(source.shape) == len(weights.shape) == 4 and weights.data is not None
    if not fits or source.shape[3] != 1 or weights.shape[0] != 1:
        return r.keep(op)
    assert weights.data is not None
    by_output = weights
    if weights.quant is not None:
        quant = dataclasses.replace(weights.quant, axis=0)
        by_output = dataclasses.replace(weights, quant=quant)
    kernel = r.constant(weights.data.transpose(3, 1, 2, 0), by_output)
    told = dataclasses.replace(op.attributes, of=op.kind)
    r.emit("CONV_2D", (op.inputs[0], kernel, *op.inputs[2:]), op.outputs[0], told)
    return None


def _divides(r: Rewriter, op: Operator) -> bool:
    """Whether there is a bias and a scale for each channel, or one for all."""
    channels = r.tensor(op, 1).shape[0]
    for tensor in (r.tensors[i] for i in op.inputs[1:] if i >= 0):
        if tensor.data is None or len(tensor.data) != channels:
            return False
        if tensor.quant is not None and len(tensor.quant.scale) not in (1, channels):
            return False
    return True


def _groups(r: Rewriter, op: Operator) -> int:
    """How many there are; 0 where the shapes are those of no groups."""
    if len(op.inputs) < 2 or min(op.inputs[:2]) < 0:
        return 0
    source, weights = r.tensor(op, 0), r.tensor(op, 1)
    fits = len(source.shape) == len(weights.shape) == 4 and weights.data is not None
    depth = weights.shape[3] if fits else 0
    if not depth or source.shape[3] % depth:
        return 0
    groups = source.shape[3] // depth
    return groups if groups and not weights.shape[0] % groups else 0


def _dense(r: Rewriter, op: Operator, groups: int) -> None:
    """As one."""
    weights, channels = r.tensor(op, 1), r.tensor(op, 0).shape[3]
    assert weights.data is not None
    each, depth = weights.shape[0] // groups, weights.shape[3]
    whole = np.zeros((*weights.shape[:3], channels), weights.data.dtype)
    for g in range(groups):
        part = weights.data[g * each : (g + 1) * each]
        whole[g * each : (g + 1) * each, :, :, g * depth : (g + 1) * depth] = part
    kernel = r.constant(whole, weights)
    inputs = (op.inputs[0], kernel, *op.inputs[2:])
    r.emit("CONV_2D", inputs, op.outputs[0], op.attributes)


def _each(r: Rewriter, op: Operator, groups: int) -> None:
    """Each for itself."""
    source, weights = r.tensor(op, 0), r.tensor(op, 1)
    target = r.tensors[op.outputs[0]]
    each, depth = weights.shape[0] // groups, weights.shape[3]
    index = np.arange(source.size, dtype=np.int64).reshape(source.shape)
    made = []
    for g in range(groups):
        given = r.value((*source.shape[:3], depth), source, f"{source.name}, group {g}")
        part = index[..., g * depth : (g + 1) * depth]
        moving.move(r, op, part, given, op.inputs[0])
        own = slice(g * each, (g + 1) * each)
        constants = [
            _part(r, r.tensors[i], own) if i >= 0 else i for i in op.inputs[1:]
        ]
        value = r.value((*target.shape[:3], each), target, f"{target.name}, group {g}")
        made.append(r.emit("CONV_2D", (given, *constants), value, op.attributes))
    r.emit("CONCATENATION", tuple(made), op.outputs[0], Along(axis=3))


def _part(r: Rewriter, tensor: Tensor, own: slice) -> int:
    """A group's weights or biases, with their scales."""
    assert tensor.data is not None
    quant = tensor.quant
    if quant is not None and len(quant.scale) > 1:
        quant = Quant(quant.scale[own], quant.zero_point[own], quant.axis)
    return r.constant(tensor.data[own], dataclasses.replace(tensor, quant=quant))
