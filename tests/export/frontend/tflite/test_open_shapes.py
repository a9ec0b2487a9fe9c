"""Which models of a free batch leave more open than that."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import Esp8kError
from export.frontend import sources
from export.frontend.taken import Options
from export.frontend.tensorflow import tensorflow
from export.frontend.tflite.convert import from_concrete, from_keras
from export.frontend.tflite.open_shapes import fixed, is_open, told
from export.graph.read import read_tflite


@pytest.mark.slow
def test_steps_that_are_put_into_a_free_batch_leave_its_shapes_open() -> None:
    """As TimeDistributed does: the file calls (8, 64, 64, 1) of it (1, 64, 64, 1)."""
    keras = tensorflow().keras
    layers = [keras.Input((4,)), keras.layers.Reshape((2, 2))]
    raw = from_keras(tensorflow(), keras.Sequential(layers))
    network = read_tflite(raw, "steps")
    shaped = next(op for op in network.operators if op.kind == "RESHAPE")
    alone, tensors = replace(network, operators=[shaped]), list(network.tensors)
    start, end = shaped.inputs[0], shaped.outputs[0]
    tensors[end] = replace(tensors[end], shape=(1, 2, 2), signature=(-1, 2, 2))
    assert not is_open(replace(alone, tensors=tensors))
    tensors[start] = replace(tensors[start], shape=(3, 4), signature=(3, 4))
    assert is_open(replace(alone, tensors=tensors))


def series(length: int | None, batch: int = 1) -> bytes:
    """A float .tflite of series of two values, whose last layer takes the mean."""
    keras = tensorflow().keras
    keras.utils.set_random_seed(0)
    start = keras.Input((length, 2), batch_size=batch)
    rows = keras.layers.Conv1D(3, 3, padding="same")(start)
    model = keras.Model(start, keras.layers.GlobalAveragePooling1D()(rows))
    return from_keras(tensorflow(), model)


@pytest.mark.slow
def test_an_open_length_is_asked_for_and_taken(tmp_path: Path) -> None:
    """Not 1, which is what the file has in its place."""
    path, drawn = tmp_path / "series.tflite", tmp_path / "drawn.npy"
    path.write_bytes(series(None))
    np.save(drawn, np.random.default_rng(0).normal(size=(8, 20, 2)).astype("f4"))
    with pytest.raises(Esp8kError, match="open") as caught:
        sources.load(str(path), Options(drawn))
    assert "--input-shape 1 N 2" in caught.value.hint
    found = sources.load(str(path), Options(drawn, input_shape=(1, 20, 2)))
    network = read_tflite(found.model, "series")
    assert network.tensors[network.inputs[0]].shape == (1, 20, 2)
    assert found.costs[0].mean < 0.02 * found.costs[0].span


@pytest.mark.slow
def test_a_float_model_of_a_batch_is_taken_for_one(tmp_path: Path) -> None:
    keras, path, drawn = tensorflow().keras, tmp_path / "4.tflite", tmp_path / "i.npy"
    start = keras.Input((8,), batch_size=4)
    model = keras.Model(start, keras.layers.Dense(3)(start))
    path.write_bytes(from_keras(tensorflow(), model))
    np.save(drawn, np.random.default_rng(0).normal(size=(9, 8)).astype("f4"))
    found = sources.load(str(path), Options(drawn))
    network = read_tflite(found.model, "four")
    assert network.tensors[network.inputs[0]].shape == (1, 8)
    path.write_bytes(series(20, batch=4))
    with pytest.raises(Esp8kError, match="to find its shapes") as caught:
        sources.load(str(path), Options(drawn))
    assert "batch_size=1" in caught.value.hint


@pytest.mark.parametrize(
    ("shape", "given", "why"),
    [
        ((None, 8, 2), (1, 9, 2), "none of"),
        ((None, 8, 2), (2, 8, 2), "none of"),
        ((None, 8, 2), (1, 8), "none of"),
        ((None, None, 2), None, "open"),
    ],
)
def test_what_does_not_fit_is_refused(
    shape: tuple[int | None, ...], given: tuple[int, ...] | None, why: str
) -> None:
    with pytest.raises(Esp8kError, match=why):
        fixed(shape, "m", given)


def test_an_input_without_a_batch_in_front_is_refused() -> None:
    tf = tensorflow()

    @tf.function(input_signature=[tf.TensorSpec((6,), tf.float32)])  # type: ignore[untyped-decorator]
    def called(x: Any) -> Any:
        return tf.tanh(x) * 2.0

    raw = from_concrete(tf, called.get_concrete_function(), None)
    with pytest.raises(Esp8kError, match="no batch in front") as caught:
        told(read_tflite(raw, "m"), "m", None)
    assert caught.value.hint == "convert it with (1, 6)"
