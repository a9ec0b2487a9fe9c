"""ONNX LSTM, GRU and RNN as TensorFlow calls, written out step by step.

An LSTM is one operator where it can be (`whole_lstm`).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from export.frontend import lstm_layer
from export.frontend.onnx import whole_lstm
from export.frontend.onnx.builder import Builder, Mapper, Value
from export.frontend.onnx.fuse import Step
from export.frontend.onnx.shapes import parted

STEPS = 128  # more would make more C than anybody wants
State = tuple[Any, ...]
Cell = Callable[[Any, Any, Any, Any, State], State]


def _lstm(tf: Any, x: Any, again: Any, bias: Any, state: State) -> State:
    """ONNX has its gates in the order input, output, forget, cell.

    A cell of None is all zeros: there is nothing to forget.
    """
    h, c = state
    sizes = [int(h.shape[1])] * 4
    read = [True, True, c is not None, True]
    i, o, f, g = parted(tf, x + tf.matmul(h, again) + bias, sizes, 1, read)
    new = tf.sigmoid(i) * tf.tanh(g)
    c = new if c is None else tf.sigmoid(f) * c + new
    return tf.sigmoid(o) * tf.tanh(c), c


def _gru(tf: Any, x: Any, again: Any, bias: Any, state: State) -> State:
    """With linear_before_reset, as PyTorch has it: gates update, reset, hidden."""
    (h,) = state
    back = tf.split(tf.matmul(h, again) + bias, 3, 1)
    fresh = tf.split(x, 3, 1)
    update = tf.sigmoid(fresh[0] + back[0])
    reset = tf.sigmoid(fresh[1] + back[1])
    new = tf.tanh(fresh[2] + reset * back[2])
    return (new + update * (h - new),)


def _rnn(tf: Any, x: Any, again: Any, bias: Any, state: State) -> State:
    (h,) = state
    return (tf.tanh(x + tf.matmul(h, again) + bias),)


def _recurrent(cell: Cell, gates: int) -> Mapper:
    def mapped(b: Builder, step: Step) -> list[Value]:
        tf, a = b.tf, step.attributes
        x = b.plain(b.value(step))  # (T, 1, I)
        weights, again = b.constant(step, 1), b.constant(step, 2)  # (D, G * H, ...)
        one = gates == 4 and whole_lstm.can_be(b, step, int(x.shape[0]))
        whole = one and b.graph.whole_lstm
        _check(step, x, gates, a, whole, one)
        units = again.shape[2]
        way = a.get("direction", b"forward")
        turned = [d == 1 or way == b"reverse" for d in range(len(weights))]
        if whole:
            return whole_lstm.built(b, step, x, turned)
        ways, ends = [], []
        for d in range(len(weights)):
            half = gates * units
            bias = b.constant(step, 3)[d] if step.has(3) else None
            fresh, back = (None, None) if bias is None else (bias[:half], bias[half:])
            rows = tf.matmul(tf.reshape(x, x.shape[::2]), tf.constant(weights[d].T))
            rows = rows if fresh is None else rows + tf.constant(fresh)
            steps = tf.split(rows, int(x.shape[0]), 0)
            late = 0.0 if back is None else tf.constant(back)
            state = _start(b, step, d, units, 2 if gates == 4 else 1)
            made = []
            for row in steps[::-1] if turned[d] else steps:
                state = cell(tf, row, tf.constant(again[d].T), late, state)
                made.append(state[0])
            ways.append(tf.stack(made[::-1] if turned[d] else made, 0))  # (T, 1, H)
            ends.append(state)
        rows = tf.stack(ways, 1)  # (T, D, 1, H)
        last = [tf.stack([end[i] for end in ends], 0) for i in range(len(ends[0]))]
        return [Value(rows), *(Value(value) for value in last)]

    return mapped


def _check(
    step: Step, x: Any, gates: int, attributes: dict[str, Any], whole: bool, one: bool
) -> None:
    """`whole`: it is made one operator; `one`: with 8 bits it would be."""
    if attributes.get("layout", 0) or step.has(4) or step.has(7):
        raise step.refuse("lengths, peepholes or another layout", "a plain layer")
    if attributes.get("activations") or attributes.get("clip"):
        usual = {3: [b"Sigmoid", b"Tanh"], 4: [b"Sigmoid", b"Tanh", b"Tanh"]}
        wanted = usual.get(gates, [b"Tanh"])
        given = list(attributes.get("activations", wanted))
        if attributes.get("clip") or given[: len(wanted)] != wanted:
            raise step.refuse("other activations, or a clip", "a plain layer")
    if gates == 3 and not attributes.get("linear_before_reset", 0):
        raise step.refuse("the reset before the product", "torch.nn.GRU")
    steps, batch = int(x.shape[0]), int(x.shape[1])
    most = lstm_layer.STEPS if whole else STEPS
    if batch != 1 or steps > most:
        hint = f"a batch of 1, at most {most} steps"
        if one and batch == 1 and steps <= lstm_layer.STEPS:
            hint = f"leave --int16 out: with 8 bits {lstm_layer.STEPS} are taken"
        raise step.refuse(f"{steps} steps of {batch} inputs", hint)


def _start(b: Builder, step: Step, d: int, units: int, count: int) -> State:
    """What the states begin with: zeros, a constant, or what the model is given.

    None for a cell of zeros.
    """
    found = []
    for position in (5, 6)[:count]:
        if step.has(position) and step.inputs[position] not in b.graph.constants:
            rows = b.tf.reshape(b.plain(b.value(step, position)), (-1, units))
            found.append(rows if int(rows.shape[0]) == 1 else rows[d : d + 1])
            continue
        zeros = np.zeros((1, units), np.float32)
        first = b.constant(step, position)[d] if step.has(position) else zeros
        empty = position == 6 and not np.any(first)
        found.append(None if empty else b.tf.constant(first))
    return tuple(found)


MAPPERS: dict[str, Mapper] = {
    "LSTM": _recurrent(_lstm, 4),
    "GRU": _recurrent(_gru, 3),
    "RNN": _recurrent(_rnn, 1),
}
