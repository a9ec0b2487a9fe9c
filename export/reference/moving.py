"""Data movement of any type; reductions, scaling and products of int8 values."""

import numpy as np

from export.arithmetic import int8, matrix
from export.arithmetic.int8 import clamp, requantize
from export.graph.attributes import Along, Movement, Padding, Window
from export.graph.network import Network, Operator

Values = dict[int, np.ndarray]


def move(network: Network, op: Operator, values: Values) -> np.ndarray:
    """Elements by their positions."""
    x = values[op.inputs[0]]
    return x.reshape(len(x), -1)[:, op.told(Movement).moves.index()]


def reshape(network: Network, op: Operator, values: Values) -> np.ndarray:
    """The same values."""
    return values[op.inputs[0]]


def concatenation(network: Network, op: Operator, values: Values) -> np.ndarray:
    """Operands side by side; constants have no batch, or one of 1."""
    parts = [values[i] for i in op.inputs]
    count = max(len(p) for p in parts)
    parts = [np.broadcast_to(p, (count, *p.shape[1:])) for p in parts]
    return np.concatenate(parts, op.told(Along).axis)


def pad(network: Network, op: Operator, values: Values) -> np.ndarray:
    """A border of one value."""
    a, x = op.told(Padding), values[op.inputs[0]]
    fill = network.output(op).zero_point if a.fill is None else a.fill
    return np.pad(x, a.paddings or (), constant_values=fill)


def _rows(network: Network, op: Operator, values: Values) -> np.ndarray:
    """(N, before, over, behind)"""
    x = values[op.inputs[0]]
    return x.reshape(len(x), *network.tensors[op.inputs[0]].shape[1:])


def reduce_sum(network: Network, op: Operator, values: Values) -> np.ndarray:
    """SUM, or MEAN where 1 / count is in the multiplier."""
    source = network.tensors[op.inputs[0]]
    total = (_rows(network, op, values).astype(np.int64) - source.zero_point).sum(2)
    scaled = requantize(total, *matrix.reduction_constant(network, op))
    return clamp(scaled + network.output(op).zero_point)


def reduce_max(network: Network, op: Operator, values: Values) -> np.ndarray:
    """REDUCE_MAX."""
    return np.asarray(_rows(network, op, values).max(2))


def reduce_min(network: Network, op: Operator, values: Values) -> np.ndarray:
    """REDUCE_MIN."""
    return np.asarray(_rows(network, op, values).min(2))


def resize_bilinear(network: Network, op: Operator, values: Values) -> np.ndarray:
    """Four neighbours weighed in Q10."""
    x = values[op.inputs[0]].astype(np.int64)
    rows, columns = matrix.bilinear(network, op)
    y0, y1, fy = rows
    x0, x1, fx = columns
    fy, fx = fy[:, None, None], fx[None, :, None]
    one = 1 << matrix.BILINEAR_BITS
    total = (
        x[:, y0][:, :, x0] * (one - fy) * (one - fx)
        + x[:, y1][:, :, x0] * fy * (one - fx)
        + x[:, y0][:, :, x1] * (one - fy) * fx
        + x[:, y1][:, :, x1] * fy * fx
    )
    half = np.where(total > 0, 1 << 19, -(1 << 19))
    return clamp(np.trunc((total + half) / (1 << 20)).astype(np.int64))


def batch_matmul(network: Network, op: Operator, values: Values) -> np.ndarray:
    """(batch, rows, depth) by (batch or 1, columns, depth)."""
    first, second = (network.tensors[i] for i in op.inputs[:2])
    a, b = (
        values[t.index].reshape(-1, *t.shape[1:]).astype(np.int64) - t.zero_point
        for t in (first, second)
    )
    total = (a.astype(np.float64) @ np.swapaxes(b, -1, -2).astype(np.float64)).astype(
        np.int64
    )
    out = network.output(op)
    scaled = requantize(int8.wrap(total), *matrix.matmul_constant(network, op))
    return clamp(scaled + out.zero_point, *int8.activation_range(op, out))


def transpose_conv(network: Network, op: Operator, values: Values) -> np.ndarray:
    """Each input pixel adds its kernel to the output."""
    source = network.tensors[op.inputs[0]]
    x = values[source.index].astype(np.int64) - source.zero_point
    weights = values[op.inputs[1]].astype(np.int64)  # (O, Kh, Kw, I)
    out, a = network.output(op), op.told(Window)
    _, height, width, channels = out.shape
    top, left = matrix.transposed_padding(network, op)
    _, kernel_h, kernel_w, _ = weights.shape
    stride_h, stride_w = a.stride_h, a.stride_w
    rows = (x.shape[1] - 1) * stride_h + kernel_h
    columns = (x.shape[2] - 1) * stride_w + kernel_w
    canvas = np.zeros(
        (len(x), max(rows, top + height), max(columns, left + width), channels),
        np.int64,
    )
    for ky in range(kernel_h):
        for kx in range(kernel_w):
            place = canvas[
                :,
                ky : ky + (x.shape[1] - 1) * stride_h + 1 : stride_h,
                kx : kx + (x.shape[2] - 1) * stride_w + 1 : stride_w,
            ]
            place += x @ weights[:, ky, kx].T
    acc = canvas[:, top : top + height, left : left + width]
    bias = network.input(op, 2)
    if bias is not None and bias.data is not None:
        acc = acc + bias.data.reshape(-1).astype(np.int64)
    mantissa, shift = int8.channel_multipliers(network, op)
    scaled = requantize(int8.wrap(acc), mantissa, shift) + out.zero_point
    return clamp(scaled, *int8.activation_range(op, out))
