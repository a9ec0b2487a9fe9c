"""The turns of a written-out loop are laid on each other, and nothing else is."""

import numpy as np

from export.frontend.tensorflow import tensorflow
from export.frontend.tflite.convert import from_keras
from export.frontend.tflite.quantize import quantize
from export.graph import turns
from export.graph.read import read_tflite
from tools.bench.drawn.tflite_builder import TfliteBuilder as Builder

UNITS = 4
WEIGHTS = np.arange(UNITS * UNITS, dtype=np.int8).reshape(UNITS, UNITS)


def dense(b: Builder, source: int, weights: np.ndarray) -> int:
    made = b.tensor((1, UNITS), 0.05)
    b.operator(
        "FULLY_CONNECTED", [source, b.tensor(weights.shape, 0.01, 0, weights)], made
    )
    return made


def found(b: Builder, starts: list[int], end: int) -> list[tuple[int, ...]]:
    return sorted(turns.alike(read_tflite(b.build(starts, [end]), "net")))


def test_each_value_of_a_layer_is_one_group() -> None:
    """h = tanh(W x + R h), four turns; in the first W x is the sum."""
    b = Builder()
    starts = [b.tensor((1, UNITS), 0.05) for _ in range(4)]
    inputs = [dense(b, start, WEIGHTS) for start in starts]
    states, sums, returned = [b.tensor((1, UNITS), 1 / 128)], [], []
    b.operator("TANH", [inputs[0]], states[0])
    for one in inputs[1:]:
        returned.append(dense(b, states[-1], WEIGHTS.T))
        sums.append(b.tensor((1, UNITS), 0.05))
        b.operator("ADD", [one, returned[-1]], sums[-1])
        states.append(b.tensor((1, UNITS), 1 / 128))
        b.operator("TANH", [sums[-1]], states[-1])
    expected = [starts[1:], inputs[1:], states, returned, [inputs[0], *sums]]
    assert found(b, starts, states[-1]) == sorted(tuple(some) for some in expected)


def test_a_layer_that_two_inputs_share_is_no_loop() -> None:
    b = Builder()
    starts = [b.tensor((1, UNITS), 0.05) for _ in range(2)]
    ends = [dense(b, start, WEIGHTS) for start in starts]
    end = b.tensor((1, UNITS), 0.1)
    b.operator("ADD", ends, end)
    assert found(b, starts, end) == []


def test_layers_of_other_weights_are_no_turns() -> None:
    b = Builder()
    start = b.tensor((1, UNITS), 0.05)
    assert found(b, [start], dense(b, dense(b, start, WEIGHTS), WEIGHTS.T)) == []


def test_a_gru_has_the_same_scales_in_each_step() -> None:
    """Of nine values of a GRU's step each has one scale, after the first step."""
    tf = tensorflow()
    tf.keras.utils.set_random_seed(0)
    start = tf.keras.Input((6, 3), batch_size=1)
    layer = tf.keras.layers.GRU(UNITS, unroll=True, reset_after=True)
    x = np.random.default_rng(0).normal(size=(20, 6, 3)).astype(np.float32)
    floats = from_keras(tf, tf.keras.Model(start, layer(start)))
    network = read_tflite(quantize(floats, (x,)), "net")
    scales = {
        float(network.output(op).scale)
        for op in network.operators
        if op.kind in ("ADD", "FULLY_CONNECTED")
    }
    # of W x, R h, three gates' sums and the state; the first step's are the same
    assert len(scales) == 6
