"""Recurrent layers of a Keras model, made ready for the converter.

    for layer in model._flatten_layers():
        recurrent = prepare(tf, layer)

An LSTM becomes one operator where it can; every other loop is written out, as a
converter makes none of 8 bits.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from export.frontend import lstm_layer

Looped = tuple[Any, Any, list[Any]]  # as a layer's loop gives: last row, rows, states


def prepare(tf: Any, layer: Any, whole_lstm: bool = True) -> bool:
    """Whether it is a recurrent layer; then it has no loop from now on.

    `whole_lstm`: whether an LSTM may become one operator.
    """
    if not hasattr(layer, "unroll"):
        return False
    if hasattr(layer, "forward_layer"):  # its two are layers of the model, too
        layer.unroll = True
        return False
    if whole_lstm and type(layer) is tf.keras.layers.LSTM and not layer.unroll:
        layer.inner_loop = partial(_loop, tf, layer)
    layer.unroll = True
    # A cell with dropout draws it for every step, in training or not.
    all_of = getattr(layer, "cell", None)
    for cell in getattr(all_of, "cells", [all_of] if all_of else []):
        cell.dropout = cell.recurrent_dropout = 0.0
    return True


def _loop(
    tf: Any,
    layer: Any,
    sequences: Any,
    initial_state: Sequence[Any],
    mask: Any,
    training: bool = False,
) -> Looped:
    """In place of an LSTM's own loop; rows in the order in which it goes."""
    written_out = partial(
        type(layer).inner_loop, layer, sequences, initial_state, mask, training
    )
    if mask is not None or not _is_whole(tf, layer, sequences, initial_state):
        return written_out()  # type: ignore[no-any-return]
    cell = layer.cell
    if layer.go_backwards:
        sequences = tf.reverse(sequences, [1])
    bias = cell.bias if cell.use_bias else tf.zeros(4 * layer.units)
    given = (sequences, cell.kernel, cell.recurrent_kernel, bias)
    rows = lstm_layer.rows(tf, *map(tf.convert_to_tensor, given))
    last = rows[:, -1]
    # The operator does not give its last cell: who reads a state gets one written out.
    states = written_out()[2] if layer.return_state else [last, last]
    return last, rows, states


def _is_whole(
    tf: Any, layer: Any, sequences: Any, initial_state: Sequence[Any]
) -> bool:
    """Whether it is the usual LSTM of one input, of several steps, from zeros on."""
    first = [tf.get_static_value(state) for state in initial_state]
    batch, steps = sequences.shape[:2]
    return bool(
        layer.activation is tf.keras.activations.tanh
        and layer.recurrent_activation is tf.keras.activations.sigmoid
        and batch == 1
        and steps is not None
        and 1 < steps <= lstm_layer.STEPS
        and all(state is not None and not state.any() for state in first)
    )
