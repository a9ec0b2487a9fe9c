"""A quantized network in numpy, bit-exact with TensorFlow Lite Micro.

    values = reference.run(network, images)      # every tensor, by its index
    logits = reference.outputs(network, images)  # only the output, in batches

`images` has the network's input type (int8 as a rule) and N in place of the batch
of 1. `export.arithmetic.int8` holds the constants; here is only who is summed with
whom. What differs where values are of 16 bits stands in `export.reference.int16`.
"""

from collections.abc import Callable

import numpy as np

from core.errors import Esp8kError
from export.arithmetic import elementwise, int8, unary
from export.arithmetic.int8 import clamp, requantize, wrap
from export.graph.kinds import MAC_KINDS, UNARY_KINDS
from export.graph.network import Network, Operator
from export.reference import int16, moving, normal, recurrent, windows

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
    kernels = KERNELS if network.engine == "int8" else int16.KERNELS
    for op in network.operators:
        kernel = kernels.get(op.kind)
        if kernel is None:
            raise Esp8kError(
                f"operator {op.kind} (tensor {network.output(op).name}) is unknown",
                "supported: " + ", ".join(sorted(kernels)),
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


def _weighted(network: Network, op: Operator, values: Values) -> np.ndarray:
    """Bias, requantisation, zero point and fused activation: int32 to int8."""
    acc = windows.weighted(network, op, values)
    bias = int8.bias(network, op)
    out = network.output(op)
    if bias is not None:
        acc = acc + bias
    mantissa, shift = int8.channel_multipliers(network, op)
    scaled = requantize(wrap(acc), mantissa, shift) + out.zero_point
    return clamp(scaled, *int8.activation_range(op, out))


# ==== Elementwise ====


def _binary(network: Network, op: Operator, values: Values) -> np.ndarray:
    """Two operands that broadcast; constants have no batch, or one of 1."""
    return elementwise.binary(network, op, *(values[i] for i in op.inputs[:2]))


def _unary(network: Network, op: Operator, values: Values) -> np.ndarray:
    x = values[op.inputs[0]]
    if x.dtype == np.float32:  # QUANTIZE at the input
        out = network.output(op)
        return int8.quantized(x, out.scale, out.zero_point)
    table = unary.table(network, op)
    return table[x.astype(np.int64) + 128]


def _dequantize(network: Network, op: Operator, values: Values) -> np.ndarray:
    source = network.tensors[op.inputs[0]]
    away = values[source.index].astype(np.int16) - np.int16(source.zero_point)
    return source.scale * away.astype(np.float32)


def _softmax(network: Network, op: Operator, values: Values) -> np.ndarray:
    table = int8.softmax_table(network, op)
    return int8.softmax(values[op.inputs[0]], table)


KERNELS: dict[str, Callable[[Network, Operator, Values], np.ndarray]] = {
    **dict.fromkeys(MAC_KINDS, _weighted),
    "MAX_POOL_2D": windows.max_pool,
    "AVERAGE_POOL_2D": windows.average_pool,
    "MEAN": windows.mean,
    **dict.fromkeys(elementwise.BINARY, _binary),
    "CONCATENATION": moving.concatenation,
    "RESHAPE": moving.reshape,
    "PAD": moving.pad,
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
    "LOG_SOFTMAX": normal.log_softmax,
    "L2_NORMALIZATION": normal.l2_normalization,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": recurrent.lstm,
    "SVDF": recurrent.svdf,
}
