"""LSTM and SVDF for `export.reference.int8`: they write their state in place."""

import numpy as np

from export.arithmetic import int8, recurrent
from export.graph.network import Network, Operator

Values = dict[int, np.ndarray]


def lstm(network: Network, op: Operator, values: Values) -> np.ndarray:
    """(N, T, S) of (N, T, I); the state becomes that after the last step.

    One that begins anew in each call is a constant, and stays one.
    """
    k = recurrent.lstm(network, op)
    at, hidden, cell = op.inputs[:3]
    units, inputs = k.sizes
    x = values[at].reshape(len(values[at]), -1, inputs)
    old, kept = (
        np.broadcast_to(values[i].reshape(-1, units), (len(x), units))
        for i in (hidden, cell)
    )
    rows = []
    for step in range(x.shape[1]):
        old, kept = recurrent.lstm_step(k, x[:, step], old, kept)
        rows.append(old)
    if network.tensors[hidden].data is None:
        values[hidden], values[cell] = old, kept
    return np.stack(rows, 1)


def svdf(network: Network, op: Operator, values: Values) -> np.ndarray:
    """(N, U) of (N, I); the newest activation of each filter enters the state."""
    k = recurrent.svdf(network, op)
    filters, inputs, memory = k.sizes
    x = values[op.inputs[0]].reshape(-1, inputs)
    state = values[op.inputs[1]].reshape(-1, filters, memory)
    state = np.broadcast_to(state, (len(x), filters, memory))
    scaled, values[op.inputs[1]] = recurrent.svdf_step(k, x, state)
    return int8.clamp(scaled + network.output(op).zero_point)
