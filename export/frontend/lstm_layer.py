"""An LSTM layer of Keras or ONNX as TensorFlow Lite's one operator.

    rows = lstm_layer.rows(tf, x, kernel, recurrent, bias)     # (1, T, H) of (1, T, I)

TensorFlow Lite's converter makes UNIDIRECTIONAL_SEQUENCE_LSTM of a function that says
it is an LSTM of Keras, and of its arguments; where it does not (it was inlined first),
the steps that the function writes out are what is left.
"""

from typing import Any

from export.graph.anew import marked
from export.graph.kinds import LSTM
from export.graph.read import read_tflite

STEPS = 1024  # all are written out first, if only to be taken together
ATTRIBUTES = {
    "api_implements": "lstm_esp8k",  # what begins with lstm_ is looked at
    "time_major": False,
    "go_backwards": False,
}


def rows(tf: Any, x: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    """The hidden states after every step.

    x (1, T, I), kernel (I, 4 H), recurrent (H, 4 H), bias (4 H,): gates in Keras's
    order, which is input, forget, cell, output.
    """
    # tf.function has no attributes of one's own; what it is made of has.
    from tensorflow.python.eager.polymorphic_function import polymorphic_function

    def standard_lstm(
        x: Any, hidden: Any, cell: Any, kernel: Any, recurrent: Any, bias: Any
    ) -> tuple[Any, ...]:
        made = []
        for row in tf.unstack(x, axis=1):
            sums = tf.matmul(row, kernel) + tf.matmul(hidden, recurrent) + bias
            i, f, g, o = tf.split(sums, 4, 1)
            cell = tf.sigmoid(f) * cell + tf.sigmoid(i) * tf.tanh(g)
            hidden = tf.sigmoid(o) * tf.tanh(cell)
            made.append(hidden)
        return hidden, tf.stack(made, 1), hidden, cell, tf.constant(0.0)

    called = polymorphic_function.function(
        standard_lstm, autograph=False, experimental_attributes=ATTRIBUTES
    )
    zeros = tf.zeros((1, recurrent.shape[0]))
    return called(x, zeros, zeros, kernel, recurrent, bias)[1]


def count(raw: bytes) -> int:
    """How many of a .tflite's operators are such layers."""
    return sum(op.kind == LSTM for op in read_tflite(raw, "converted").operators)


def anew(raw: bytes) -> bytes:
    """A .tflite whose layers keep nothing between two calls, marked if it has any."""
    return marked(raw) if count(raw) else raw


def notes(found: int) -> tuple[str, ...]:
    """What a user should know of so many."""
    told = f"{found} LSTM layers are an operator each"
    if found == 1:
        told = "1 LSTM layer is one operator"
    return (f"{told}: the state begins with zeros in each call",) if found else ()
