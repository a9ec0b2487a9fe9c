"""A quantized network in numpy, bit-exact with TensorFlow Lite Micro.

    values = reference.run(network, images)      # every tensor, by its index
    logits = reference.outputs(network, images)  # only the output, in batches

`images` has the network's input type (int8 as a rule) and N in place of the batch
of 1. `export.arithmetic.int8` holds the constants; here is only who is summed with
whom.
"""

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from core.errors import Esp8kError
from export.arithmetic import elementwise, int8, unary
from export.arithmetic.int8 import clamp, multiplier, requantize, wrap
from export.graph.attributes import Along, Padding, Pool, Reduction, Window
from export.graph.geometry import pads_before
from export.graph.kinds import UNARY_KINDS
from export.graph.network import Network, Operator, Tensor
from export.reference import moving, recurrent, rows

__all__ = ["multiplier", "outputs", "requantize", "run"]

Values = dict[int, np.ndarray]
BATCH = 200  # images at a time: the windows of one layer stay in the cache


def run(network: Network, *inputs: np.ndarray, state: Values | None = None) -> Values:
    """All values of the graph for N inputs, by tensor index; constants included.

    One array (N, ...) for each input of the network. `state`: what its variables
    hold, (1, ...) by the tensor that reads them; their first values if None.
    """
    values: Values = {t.index: t.data for t in network.tensors if t.data is not None}
    count = 1
    for index, given in zip(network.inputs, inputs, strict=True):
        start = network.tensors[index]
        values[index] = np.asarray(given, start.dtype).reshape(-1, *start.shape[1:])
        count = len(values[index])
    for variable in network.variables:
        shape = network.tensors[variable.read].shape
        first = variable.initial.reshape(shape)
        values[variable.read] = first if state is None else state[variable.read]
    for op in network.operators:
        kernel = KERNELS.get(op.kind)
        if kernel is None:
            raise Esp8kError(
                f"operator {op.kind} (tensor {network.output(op).name}) is unknown",
                "supported: " + ", ".join(sorted(KERNELS)),
            )
        out = network.output(op)
        values[out.index] = kernel(network, op, values).reshape(count, *out.shape[1:])
    return values


def outputs(network: Network, inputs: np.ndarray) -> np.ndarray:
    """The only output for N inputs of a network without variables, (N, ...)."""
    parts = [
        run(network, inputs[i : i + BATCH])[network.outputs[0]]
        for i in range(0, len(inputs), BATCH)
    ]
    return np.concatenate(parts)


def sequence(network: Network, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """All outputs, (N, ...) each, of N calls one after another from the reset on."""
    count = len(inputs[0])
    if not network.variables:
        values = run(network, *inputs)
        return [
            np.broadcast_to(values[i], (count, *values[i].shape[1:]))
            for i in network.outputs
        ]
    state = None
    steps = []
    for at in range(count):
        values = run(network, *(x[at : at + 1] for x in inputs), state=state)
        state = {
            v.read: values[v.written].reshape(network.tensors[v.read].shape)
            for v in network.variables
        }
        steps.append([values[i] for i in network.outputs])
    return [np.concatenate(parts) for parts in zip(*steps, strict=True)]


# ==== Weighted sums ====


def _finish(network: Network, op: Operator, acc: np.ndarray) -> np.ndarray:
    """Bias, requantisation, zero point and fused activation: int32 to int8."""
    bias = int8.bias(network, op)
    out = network.output(op)
    if bias is not None:
        acc = acc + bias
    mantissa, shift = int8.channel_multipliers(network, op)
    scaled = requantize(wrap(acc), mantissa, shift) + out.zero_point
    return clamp(scaled, *int8.activation_range(op, out))


def _matmul(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Exact integer x @ weights.T by floating-point BLAS."""
    depth = weights.shape[-1]
    largest = 128 if weights.dtype == np.int8 else 255
    exact = np.float32 if depth * 255 * largest < 2**24 else np.float64
    return np.asarray((x.astype(exact) @ weights.T.astype(exact)).astype(np.int64))


def _windows(
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


def _offset(tensor: Tensor, values: Values) -> np.ndarray:
    """q - zero_point as int16."""
    return values[tensor.index].astype(np.int16) - np.int16(tensor.zero_point)


def _conv(network: Network, op: Operator, values: Values) -> np.ndarray:
    x = _offset(network.tensors[op.inputs[0]], values)
    weights = values[op.inputs[1]]  # (O, Kh, Kw, I)
    windows = _windows(network, op, x, weights.shape[1:3], 0)
    shape = windows.shape[:3]
    rows = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, weights[0].size)
    acc = _matmul(rows, weights.reshape(len(weights), -1))
    return _finish(network, op, acc.reshape(*shape, -1))


def _depthwise(network: Network, op: Operator, values: Values) -> np.ndarray:
    x = _offset(network.tensors[op.inputs[0]], values)
    weights = values[op.inputs[1]][0].astype(np.int64)  # (Kh, Kw, C * multiplier)
    windows = _windows(network, op, x, weights.shape[:2], 0)
    times = weights.shape[-1] // x.shape[-1]
    acc = np.zeros((*windows.shape[:3], weights.shape[-1]), np.int64)
    for row in range(weights.shape[0]):
        for column in range(weights.shape[1]):
            taps = np.repeat(windows[..., row, column], times, axis=-1)
            acc += taps * weights[row, column]
    return _finish(network, op, acc)


def _fully_connected(network: Network, op: Operator, values: Values) -> np.ndarray:
    x = _offset(network.tensors[op.inputs[0]], values)
    weights = values[op.inputs[1]]  # (O, I)
    acc = _matmul(x.reshape(-1, weights.shape[1]), weights)
    return _finish(network, op, acc)


# ==== Pools and means ====


def _max_pool(network: Network, op: Operator, values: Values) -> np.ndarray:
    a, x = op.told(Pool), values[op.inputs[0]]
    windows = _windows(network, op, x, (a.kernel_h, a.kernel_w), -128)
    bounds = int8.activation_range(op, network.output(op))
    return clamp(windows.max((-2, -1)), *bounds)


def _average_pool(network: Network, op: Operator, values: Values) -> np.ndarray:
    a, x = op.told(Pool), values[op.inputs[0]].astype(np.int64)
    kernel = (a.kernel_h, a.kernel_w)
    total = _windows(network, op, x, kernel, 0).sum((-2, -1))
    inside = np.ones((1, *x.shape[1:3], 1), np.int64)
    count = _windows(network, op, inside, kernel, 0).sum((-2, -1))
    bounds = int8.activation_range(op, network.output(op))
    return clamp(int8.average(total, count, a.unsigned), *bounds)


def _mean(network: Network, op: Operator, values: Values) -> np.ndarray:
    x = _offset(network.tensors[op.inputs[0]], values)
    total = x.sum(op.told(Reduction).axes, dtype=np.int64)
    mean = requantize(total, *int8.mean_constant(network, op))
    return clamp(mean + network.output(op).zero_point)


# ==== Elementwise ====


def _binary(network: Network, op: Operator, values: Values) -> np.ndarray:
    """Two operands that broadcast; constants have no batch, or one of 1."""
    return elementwise.binary(network, op, *(values[i] for i in op.inputs[:2]))


def _unary(network: Network, op: Operator, values: Values) -> np.ndarray:
    x = values[op.inputs[0]]
    if x.dtype == np.float32:  # QUANTIZE at the input
        return _affine_quantize(network.output(op), x)
    table = unary.table(network, op)
    return table[x.astype(np.int64) + 128]


def _affine_quantize(out: Tensor, x: np.ndarray) -> np.ndarray:
    ratio = x / out.scale
    rounded = np.copysign(np.floor(np.abs(ratio) + np.float32(0.5)), ratio)
    return clamp(rounded.astype(np.int64) + out.zero_point)


def _dequantize(network: Network, op: Operator, values: Values) -> np.ndarray:
    source = network.tensors[op.inputs[0]]
    return source.scale * _offset(source, values).astype(np.float32)


def _softmax(network: Network, op: Operator, values: Values) -> np.ndarray:
    table = int8.softmax_table(network, op)
    return int8.softmax(values[op.inputs[0]], table)


# ==== Moving data ====


def _reshape(network: Network, op: Operator, values: Values) -> np.ndarray:
    return values[op.inputs[0]]


def _concatenation(network: Network, op: Operator, values: Values) -> np.ndarray:
    parts = [values[i] for i in op.inputs]
    count = max(len(p) for p in parts)
    parts = [np.broadcast_to(p, (count, *p.shape[1:])) for p in parts]
    return np.concatenate(parts, op.told(Along).axis)


def _pad(network: Network, op: Operator, values: Values) -> np.ndarray:
    a, x = op.told(Padding), values[op.inputs[0]]
    fill = network.output(op).zero_point if a.fill is None else a.fill
    return np.pad(x, a.paddings or (), constant_values=fill)


KERNELS: dict[str, Callable[[Network, Operator, Values], np.ndarray]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": _max_pool,
    "AVERAGE_POOL_2D": _average_pool,
    "MEAN": _mean,
    **dict.fromkeys(elementwise.BINARY, _binary),
    "CONCATENATION": _concatenation,
    "RESHAPE": _reshape,
    "PAD": _pad,
    "SOFTMAX": _softmax,
    "DEQUANTIZE": _dequantize,
    **dict.fromkeys(UNARY_KINDS, _unary),
    "MOVE": moving.move,
    "REDUCE_SUM": moving.reduce_sum,
    "REDUCE_MEAN": moving.reduce_sum,
    "REDUCE_MAX": moving.reduce_max,
    "REDUCE_MIN": moving.reduce_min,
    "RESIZE_BILINEAR": moving.resize_bilinear,
    "BATCH_MATMUL": moving.batch_matmul,
    "TRANSPOSE_CONV": moving.transpose_conv,
    "LOG_SOFTMAX": rows.log_softmax,
    "L2_NORMALIZATION": rows.l2_normalization,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": recurrent.lstm,
    "SVDF": recurrent.svdf,
}
