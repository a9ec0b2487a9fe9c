"""A value's scale follows from its own range, whatever is computed in its place."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from export.frontend.tensorflow import tensorflow
from export.frontend.tflite.convert import from_keras
from export.frontend.tflite.quantize import quantize
from export.graph.read import read_tflite

UNITS = 8
GROWTH = 20.0


def model() -> Any:
    """A small value, a large one, and their sum; (sum, small, large) before a layer."""
    tf = tensorflow()
    tf.keras.utils.set_random_seed(0)
    layers = tf.keras.layers
    start = tf.keras.Input((UNITS,), batch_size=1)
    small = layers.Dense(UNITS, name="small")(start)
    large = layers.Dense(UNITS, name="large")(start)
    end = layers.Dense(2)(layers.Add()([small, large]))
    made = tf.keras.Model(start, end)
    made.get_layer("large").kernel.assign(GROWTH * made.get_layer("large").kernel)
    return made


def by_the_converter(keras_model: Any, x: np.ndarray) -> bytes:
    return from_keras(tensorflow(), keras_model, (x,))


def of_a_float_file(keras_model: Any, x: np.ndarray) -> bytes:
    floats = from_keras(tensorflow(), keras_model)
    return quantize(floats, (x,))


@pytest.mark.parametrize("quantized", [by_the_converter, of_a_float_file])
def test_what_an_operator_writes_over_keeps_its_range(
    quantized: Callable[[Any, np.ndarray], bytes],
) -> None:
    made = model()
    x = np.random.default_rng(0).normal(size=(50, UNITS)).astype(np.float32)
    parts = [np.asarray(made.get_layer(name)(x)) for name in ("small", "large")]
    network = read_tflite(quantized(made, x), "m")
    (added,) = (op for op in network.operators if op.kind == "ADD")
    found = sorted(network.tensors[i].scale for i in (*added.inputs, *added.outputs))
    expected = sorted(np.ptp(values) / 255 for values in (*parts, sum(parts)))
    assert found == pytest.approx(expected, rel=0.01)
