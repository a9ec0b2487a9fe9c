"""LOG_SOFTMAX and L2_NORMALIZATION for `export.reference.int8`."""

import numpy as np

from export.arithmetic import normal
from export.graph.network import Network, Operator

Values = dict[int, np.ndarray]


def log_softmax(network: Network, op: Operator, values: Values) -> np.ndarray:
    """Over the last axis."""
    k = normal.log_softmax_constants(network, op)
    return normal.log_softmax(k, values[op.inputs[0]])


def l2_normalization(network: Network, op: Operator, values: Values) -> np.ndarray:
    """Over the last axis."""
    source = network.tensors[op.inputs[0]]
    return normal.l2_normalization(values[source.index], source.zero_point)
