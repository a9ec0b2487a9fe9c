"""The operators of a network of int16 values, for `export.reference.int8.run`."""

from collections.abc import Callable

import numpy as np

from export.arithmetic import int8, int16
from export.graph.kinds import MAC_KINDS
from export.graph.network import Network, Operator
from export.reference import moving, windows

Values = dict[int, np.ndarray]


def _weighted(network: Network, op: Operator, values: Values) -> np.ndarray:
    """Bias, requantisation and fused activation: to int16."""
    acc = windows.weighted(network, op, values)
    scaled = int16.sums(network, op).scaled(acc)
    return int16.clamp(scaled, *int8.activation_range(op, network.output(op)))


def _binary(network: Network, op: Operator, values: Values) -> np.ndarray:
    return int16.binary(network, op, *(values[i] for i in op.inputs[:2]))


def _unary(network: Network, op: Operator, values: Values) -> np.ndarray:
    return int16.unary(network, op, values[op.inputs[0]])


def _softmax(network: Network, op: Operator, values: Values) -> np.ndarray:
    scale = int16.softmax_scale(op, network.tensors[op.inputs[0]])
    return int16.softmax(values[op.inputs[0]], scale)


KERNELS: dict[str, Callable[[Network, Operator, Values], np.ndarray]] = {
    **dict.fromkeys(MAC_KINDS, _weighted),
    "MAX_POOL_2D": windows.max_pool,
    "AVERAGE_POOL_2D": windows.average_pool,
    "MEAN": windows.mean,
    **dict.fromkeys(("ADD", "SUB", "MUL"), _binary),
    **dict.fromkeys(int16.UNARY, _unary),
    "SOFTMAX": _softmax,
    "CONCATENATION": moving.concatenation,
    "RESHAPE": moving.reshape,
    "PAD": moving.pad,
    "MOVE": moving.move,
}
