"""Which models of a free batch leave more open than that."""

from dataclasses import replace

import pytest

from export.frontend import tflite
from export.frontend.open_shapes import is_open
from export.frontend.tflite import tensorflow
from export.graph.read import read_tflite


@pytest.mark.slow
def test_steps_that_are_put_into_a_free_batch_leave_its_shapes_open() -> None:
    """As TimeDistributed does: the file calls (8, 64, 64, 1) of it (1, 64, 64, 1)."""
    keras = tensorflow().keras
    layers = [keras.Input((4,)), keras.layers.Reshape((2, 2))]
    raw = tflite.from_keras(tensorflow(), keras.Sequential(layers))
    network = read_tflite(raw, "steps")
    shaped = next(op for op in network.operators if op.kind == "RESHAPE")
    alone, tensors = replace(network, operators=[shaped]), list(network.tensors)
    start, end = shaped.inputs[0], shaped.outputs[0]
    tensors[end] = replace(tensors[end], shape=(1, 2, 2), signature=(-1, 2, 2))
    assert not is_open(replace(alone, tensors=tensors))
    tensors[start] = replace(tensors[start], shape=(3, 4), signature=(3, 4))
    assert is_open(replace(alone, tensors=tensors))
