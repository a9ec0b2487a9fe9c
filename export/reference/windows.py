"""Sums of products, pools and means, of values of 8 and of 16 bits alike.

The operators of an engine scale the sums by its own arithmetic. Here is who is summed
with whom.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from export.arithmetic import int8
from export.graph.attributes import Pool, Reduction, Window
from export.graph.geometry import pads_before
from export.graph.network import Network, Operator

Values = dict[int, np.ndarray]


def windows(
    network: Network, op: Operator, x: np.ndarray, kernel: tuple[int, int], fill: int
) -> np.ndarray:
    """(N, OH, OW, C, Kh, Kw) views of x; padding reads `fill`."""
    a = op.told(Window)
    top, left = pads_before(network, op)
    _, out_h, out_w, _ = network.output(op).shape
    span_h = (kernel[0] - 1) * a.dilation_h + 1
    span_w = (kernel[1] - 1) * a.dilation_w + 1
    bottom = max((out_h - 1) * a.stride_h + span_h - x.shape[1] - top, 0)
    right = max((out_w - 1) * a.stride_w + span_w - x.shape[2] - left, 0)
    if top or left or bottom or right:
        sides = ((0, 0), (top, bottom), (left, right), (0, 0))
        x = np.pad(x, sides, constant_values=fill)
    view = sliding_window_view(x, (span_h, span_w), axis=(1, 2))
    view = view[:, :: a.stride_h, :: a.stride_w, :, :: a.dilation_h, :: a.dilation_w]
    return view[:, :out_h, :out_w]


# ==== Weighted sums ====


def weighted(network: Network, op: Operator, values: Values) -> np.ndarray:
    """The sums of a weighted operator without bias, int64 (..., O)."""
    source, weights = network.tensors[op.inputs[0]], values[op.inputs[1]]
    x = values[source.index].astype(np.int32) - source.zero_point
    most = 255 if source.dtype == "int8" else 1 << 15  # of what is multiplied
    if op.kind == "DEPTHWISE_CONV_2D":
        return _by_channel(network, op, x, weights[0].astype(np.int64))
    if op.kind == "FULLY_CONNECTED":  # (O, I)
        return _matmul(x.reshape(-1, weights.shape[1]), weights, most)
    seen = windows(network, op, x, weights.shape[1:3], 0)  # of (O, Kh, Kw, I)
    rows = seen.transpose(0, 1, 2, 4, 5, 3).reshape(-1, weights[0].size)
    acc = _matmul(rows, weights.reshape(len(weights), -1), most)
    return acc.reshape(*seen.shape[:3], -1)


def _matmul(x: np.ndarray, weights: np.ndarray, most: int) -> np.ndarray:
    """Exact integer x @ weights.T by floating-point BLAS."""
    depth = weights.shape[-1]
    largest = 128 if weights.dtype == np.int8 else 255
    exact = np.float32 if depth * most * largest < 2**24 else np.float64
    return np.asarray((x.astype(exact) @ weights.T.astype(exact)).astype(np.int64))


def _by_channel(
    network: Network, op: Operator, x: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Sums of each channel by itself; weights (Kh, Kw, C * multiplier)."""
    seen = windows(network, op, x, weights.shape[:2], 0)
    times = weights.shape[-1] // x.shape[-1]
    acc = np.zeros((*seen.shape[:3], weights.shape[-1]), np.int64)
    for row in range(weights.shape[0]):
        for column in range(weights.shape[1]):
            taps = np.repeat(seen[..., row, column], times, axis=-1)
            acc += taps * weights[row, column]
    return acc


# ==== Pools and means ====


def _stored(network: Network, op: Operator, x: np.ndarray) -> np.ndarray:
    """Within the fused activation's bounds, in the output's type."""
    out = network.output(op)
    low, high = int8.activation_range(op, out)
    return np.asarray(np.clip(x, low, high), out.dtype)


def max_pool(network: Network, op: Operator, values: Values) -> np.ndarray:
    """The largest of each window; what lies beyond the edges never wins."""
    a, x = op.told(Pool), values[op.inputs[0]]
    least = int(np.iinfo(x.dtype).min)
    seen = windows(network, op, x, (a.kernel_h, a.kernel_w), least)
    return _stored(network, op, seen.max((-2, -1)))


def average_pool(network: Network, op: Operator, values: Values) -> np.ndarray:
    """The mean of what each window sees within the edges."""
    a, x = op.told(Pool), values[op.inputs[0]].astype(np.int64)
    kernel = (a.kernel_h, a.kernel_w)
    total = windows(network, op, x, kernel, 0).sum((-2, -1))
    inside = np.ones((1, *x.shape[1:3], 1), np.int64)
    count = windows(network, op, inside, kernel, 0).sum((-2, -1))
    return _stored(network, op, int8.average(total, count, a.unsigned))


def mean(network: Network, op: Operator, values: Values) -> np.ndarray:
    """MEAN over height and width."""
    source = network.tensors[op.inputs[0]]
    x = values[source.index].astype(np.int64) - source.zero_point
    total = x.sum(op.told(Reduction).axes)
    scaled = int8.requantize(total, *int8.mean_constant(network, op))
    return _stored(network, op, scaled + network.output(op).zero_point)
