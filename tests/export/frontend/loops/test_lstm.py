"""A loop of a .tflite that is an LSTM of Keras becomes its one operator."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.frontend import lstm_layer, sources
from export.frontend.loops.unroll import unrolled
from export.frontend.taken import Options
from export.frontend.tensorflow import silent, tensorflow
from export.frontend.tflite.run import run
from export.graph.anew import begins_anew
from export.graph.read import read_tflite

STEPS, INPUTS, UNITS = 5, 4, 3

Build = Callable[[Any, Any], Any]  # (keras.layers, start) -> end


def two(layers: Any, x: Any) -> Any:
    """One on top of another; of the second the last row alone."""
    return layers.LSTM(UNITS)(layers.LSTM(UNITS, return_sequences=True)(x))


def both_ways(layers: Any, x: Any) -> Any:
    rows = layers.Bidirectional(layers.LSTM(UNITS, return_sequences=True))(x)
    return layers.Dense(2)(rows)


def no_bias(layers: Any, x: Any) -> Any:
    return layers.LSTM(UNITS, use_bias=False)(x)


def gates_apart(layers: Any, x: Any) -> Any:
    """Products of their own for each gate."""
    return layers.LSTM(UNITS, implementation=1, return_sequences=True)(x)


def beside_a_gru(layers: Any, x: Any) -> Any:
    return layers.GRU(UNITS)(layers.LSTM(UNITS, return_sequences=True)(x))


def a_gru(layers: Any, x: Any) -> Any:
    return layers.GRU(UNITS)(x)


def a_cell(layers: Any, x: Any) -> Any:
    """The operator does not give it."""
    return layers.LSTM(UNITS, return_state=True)(x)[2]


def another_activation(layers: Any, x: Any) -> Any:
    return layers.LSTM(UNITS, activation="relu")(x)


def dropped(layers: Any, x: Any) -> Any:
    """Its seeds are variables that each call counts up, and nothing reads."""
    return layers.LSTM(UNITS, dropout=0.5, recurrent_dropout=0.5)(x)


def masked(layers: Any, x: Any) -> Any:
    """A row of zeros changes no state."""
    return layers.LSTM(UNITS)(layers.Masking()(x))


def model_of(build: Build) -> Any:
    tf = tensorflow()
    tf.keras.utils.set_random_seed(3)
    start = tf.keras.Input((STEPS, INPUTS))
    model = tf.keras.Model(start, build(tf.keras.layers, start))
    rng = np.random.default_rng(3)
    model.set_weights([rng.normal(0, 0.7, size=w.shape) for w in model.get_weights()])
    return model


def looped(model: Any, lists: bool = True, half: bool = False) -> bytes:
    """Its .tflite with loops, of a free batch."""
    tf = tensorflow()
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter._experimental_lower_tensor_list_ops = not lists
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    ]
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    with silent():
        return bytes(converter.convert())


def held(model: Any, raw: bytes, tolerance: float = 1e-5) -> None:
    """It is the function that Keras computes, in each call anew."""
    x = np.random.default_rng(0).normal(size=(4, STEPS, INPUTS)).astype(np.float32)
    x[1, 2] = 0
    (found,) = run(raw, (x,))
    expected = np.asarray(model(x))
    assert np.allclose(found.reshape(expected.shape), expected, atol=tolerance)


@pytest.mark.parametrize(
    ("build", "whole"),
    [
        (two, 2),
        (both_ways, 2),
        (no_bias, 1),
        (gates_apart, 1),
        (dropped, 1),
        (a_gru, 0),
        (a_cell, 0),
        (another_activation, 0),
        (masked, 0),
        (beside_a_gru, 1),
    ],
)
@pytest.mark.slow
def test_it_is_the_same_function(build: Build, whole: int) -> None:
    model = model_of(build)
    raw = unrolled(looped(model))
    assert lstm_layer.count(raw) == whole
    assert begins_anew(raw) == (whole > 0)
    held(model, raw)


@pytest.mark.slow
@pytest.mark.parametrize(("lists", "half"), [(False, False), (True, True)])
def test_other_forms_of_file(lists: bool, half: bool) -> None:
    """Rows in a tensor in place of a list; weights of 16 bits."""
    model = model_of(two)
    raw = unrolled(looped(model, lists, half))
    assert lstm_layer.count(raw) == 2
    kinds = {op.kind for op in read_tflite(raw, "whole").operators}
    assert "FULLY_CONNECTED" not in kinds, "a step was left over"
    held(model, raw, 1e-2 if half else 1e-5)


@pytest.mark.slow
def test_the_8_bit_model_begins_anew_too_and_says_so(tmp_path: Path) -> None:
    source, drawn = tmp_path / "loop.tflite", tmp_path / "drawn.npy"
    source.write_bytes(looped(model_of(beside_a_gru)))
    x = np.random.default_rng(1).normal(size=(16, STEPS, INPUTS)).astype(np.float32)
    np.save(drawn, x)
    found = sources.load(str(source), Options(drawn))
    assert begins_anew(found.model)
    assert found.notes[:2] == (
        "1 LSTM layer is one operator: the state begins with zeros in each call",
        "its other loops are written out, turn by turn",
    )
    assert max(cost.mean / cost.span for cost in found.costs) < 0.02
