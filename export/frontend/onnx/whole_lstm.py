"""An ONNX LSTM as one operator, where nothing but its rows and its end is asked for."""

from typing import Any

import numpy as np

from export.frontend import lstm_layer
from export.frontend.onnx.builder import Builder, Value
from export.frontend.onnx.fuse import Step

KERAS = (0, 2, 3, 1)  # where ONNX has Keras's gates: it has input, output, forget, cell
STATES, CELL = (5, 6), 2  # inputs that a state begins with; the output of the last cell


def can_be(b: Builder, step: Step, steps: int) -> bool:
    """Whether it begins with zeros, has more than a step, and its cell is nobody's."""
    if len(step.outputs) > CELL and b.graph.is_read(step.outputs[CELL]):
        return False
    first = [step.inputs[i] for i in STATES if step.has(i)]
    constants = b.graph.constants
    empty = all(name in constants and not constants[name].any() for name in first)
    return steps > 1 and empty


def built(b: Builder, step: Step, x: Any, turned: list[bool]) -> list[Value]:
    """All rows (T, D, 1, H) and the last ones (D, 1, H) of x (T, 1, I).

    `turned`: of each direction, whether it goes from the last row to the first.
    """
    b.graph.has_whole_lstm = True
    tf, steps = b.tf, int(x.shape[0])
    given = tf.reshape(x, (1, steps, -1))
    ways, ends = [], []
    for d, backward in enumerate(turned):
        weights, again, bias = _of_keras(b, step, d)
        rows = tf.reverse(given, [1]) if backward else given
        rows = lstm_layer.rows(tf, rows, *map(tf.constant, (weights, again, bias)))
        ends.append(rows[:, -1])  # (1, H)
        rows = tf.reverse(rows, [1]) if backward else rows
        ways.append(tf.reshape(rows, (steps, 1, -1)))
    return [Value(tf.stack(ways, 1)), Value(tf.stack(ends, 0))]


def _of_keras(
    b: Builder, step: Step, d: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(I, 4 H), (H, 4 H) and (4 H,) in Keras's order of the gates."""
    weights, again = (b.constant(step, i)[d] for i in (1, 2))
    bias = np.zeros(len(weights), np.float32)
    if step.has(3):
        bias = b.constant(step, 3)[d].reshape(2, -1).sum(0)

    def ordered(values: np.ndarray) -> np.ndarray:
        parts = np.split(values, 4)
        return np.concatenate([parts[i] for i in KERAS])

    return ordered(weights).T, ordered(again).T, ordered(bias)
