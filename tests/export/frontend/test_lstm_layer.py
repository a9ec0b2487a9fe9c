"""An LSTM of ONNX or Keras is one operator, and begins anew in each call."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from core.errors import Esp8kError
from export.compile import compile_model
from export.emit import host_build
from export.frontend import conversion, lstm_layer
from export.frontend.canonical.ends import quantized, real
from export.frontend.keras import layers as keras_layers
from export.frontend.support import core_of
from export.frontend.taken import Options, Taken
from export.frontend.tensorflow import tensorflow
from export.frontend.tflite.convert import convert_opened
from export.frontend.tflite.quantize import quantize
from export.frontend.tflite.run import run
from export.graph.anew import is_marked, marked
from export.graph.flatbuffer import unpacked
from export.graph.kinds import LSTM
from export.graph.network import Network
from export.graph.read import read_tflite

STEPS, INPUTS, UNITS, ENDS = 5, 4, 3, 11


def onnx_lstm(outputs: list[str], nodes: list[onnx.NodeProto]) -> bytes:
    """A layer of two directions that gives rows, h and c; x (STEPS, 1, INPUTS)."""
    rng, gates = np.random.default_rng(2), 4
    sizes = {
        "w": (2, gates * UNITS, INPUTS),
        "r": (2, gates * UNITS, UNITS),
        "b": (2, 2 * gates * UNITS),
    }
    layer = helper.make_node(
        "LSTM",
        ["rows", "w", "r", "b"],
        ["y", "h", "c"],
        hidden_size=UNITS,
        direction="bidirectional",
    )
    stored = [
        numpy_helper.from_array(rng.normal(0, 0.7, size=s).astype("f4"), n)
        for n, s in sizes.items()
    ]
    stored += [
        numpy_helper.from_array(np.float32([k]), f"k{k}") for k in range(1, ENDS)
    ]
    first = helper.make_node("Transpose", ["x"], ["rows"], perm=[1, 0, 2])
    graph = helper.make_graph(
        [first, layer, *nodes],
        "g",
        [helper.make_tensor_value_info("x", 1, [1, STEPS, INPUTS])],
        [helper.make_tensor_value_info(name, 1, None) for name in outputs],
        stored,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    return bytes(model.SerializeToString())


def taken(proto: bytes, folder: Path) -> Taken:
    """Quantized by inputs that are drawn."""
    drawn = np.random.default_rng(1).normal(size=(16, STEPS, INPUTS)).astype("f4")
    np.save(folder / "i.npy", drawn)
    return conversion.convert("onnx", "", proto, "m", Options(folder / "i.npy"))


@pytest.mark.slow
def test_both_directions_are_an_operator_each(tmp_path: Path) -> None:
    """And eleven outputs, each of another size, keep their order."""
    scaled = [
        helper.make_node("Mul", ["h", f"k{k}"], [f"h{k}"]) for k in range(1, ENDS)
    ]
    outputs = ["y", *(node.output[0] for node in scaled)]
    found = taken(onnx_lstm(outputs, scaled), tmp_path)  # held to onnxruntime
    assert lstm_layer.count(found.model) == 2
    assert is_marked(unpacked(found.model))
    told = (
        "2 LSTM layers are an operator each: the state begins with zeros in each call"
    )
    assert told in found.notes
    assert max(cost.mean / cost.span for cost in found.costs) < 0.01
    made = compile_model(found.model, "net", "net", tmp_path / "c", "size")
    assert made.compared_with == "the integer reference and TFLite Micro"
    assert not any("go on from call to call" in note for note in made.notes)
    library = host_build.build(tmp_path / "c", tmp_path)
    size = STEPS * INPUTS
    first, second = library.int8(np.tile(np.arange(size, dtype=np.uint8), (2, 1)))
    assert np.array_equal(first, second)


@pytest.mark.slow
def test_a_cell_that_is_read_is_written_out(tmp_path: Path) -> None:
    """The operator does not give it."""
    found = taken(onnx_lstm(["c"], []), tmp_path)
    assert lstm_layer.count(found.model) == 0
    assert max(cost.mean / cost.span for cost in found.costs) < 0.01


@pytest.mark.parametrize(
    ("steps", "end", "cured"), [(200, "y", True), (200, "c", False), (2000, "y", False)]
)
def test_more_steps_than_are_written_out_are_left_to_8_bits(
    steps: int, end: str, cured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "STEPS", steps)
    inputs = (np.zeros((1, steps, INPUTS), np.float32),)
    with pytest.raises(Esp8kError, match=f"{steps} steps") as caught:
        convert_opened(onnx_lstm([end], []), inputs, whole_lstm=False)
    assert ("leave --int16 out" in caught.value.hint) == cured


def adding(tf: Any, twice: bool = False) -> bytes:
    """A float .tflite of an LSTM that forgets nothing and adds up what comes.

    `twice`: the same layer for the input and for a tenth of it.
    """
    sizes = (INPUTS, 4 * UNITS), (UNITS, 4 * UNITS)
    weights, again = np.zeros(sizes[0], "f4"), np.zeros(sizes[1], "f4")
    weights[:, 2 * UNITS : 3 * UNITS] = 1
    bias = np.repeat(np.float32([1, -1, 0.3, 0] if twice else [9, 9, 0, 0]), UNITS)

    class Module(tf.Module):  # type: ignore[misc]
        @tf.function(  # type: ignore[untyped-decorator]
            input_signature=[tf.TensorSpec((1, STEPS, INPUTS), tf.float32)]
        )
        def __call__(self, x: Any) -> Any:
            constants = tuple(map(tf.constant, (weights, again, bias)))
            rows = lstm_layer.rows(tf, x, *constants)
            less = lstm_layer.rows(tf, 0.1 * x, *constants) if twice else None
            return tf.concat([rows, less], 1) if twice else rows

    module = Module()
    concrete = module.__call__.get_concrete_function()
    maker = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    return bytes(maker.convert())


@pytest.mark.slow
def test_each_calibration_input_begins_anew() -> None:
    """Else the cell of one that adds up would reach ever farther."""
    floats = marked(adding(tensorflow()))
    assert lstm_layer.count(floats) == 1
    ones = np.ones((20, STEPS, INPUTS), np.float32)
    one, many = (quantize(floats, (x,)) for x in (ones[:1], ones))
    assert cell_scale(one) == cell_scale(many)
    assert np.ptp(run(floats, (ones,))[0], axis=0).max() == 0


@pytest.mark.slow
def test_a_layer_that_is_used_twice_has_a_bias_of_either_scale() -> None:
    """One bias for both would have the scale of the first input."""
    floats = marked(adding(tensorflow(), twice=True))
    assert lstm_layer.count(floats) == 2
    x = np.random.default_rng(0).normal(size=(20, STEPS, INPUTS)).astype("f4")
    raw = quantize(floats, (x,))
    _, ends = core_of(read_tflite(raw, "net"))
    found = real(ends.outputs[0], run(raw, (quantized(ends.inputs[0], x),))[0])
    expected = run(floats, (x,))[0]
    assert np.abs(found - expected).max() < 0.02


def cell_scale(raw: bytes) -> float:
    """Of the only LSTM's cell."""
    network: Network = read_tflite(raw, "net")
    (op,) = (one for one in network.operators if one.kind == LSTM)
    return float(network.tensors[op.inputs[19]].scale)


LAYERS: dict[str, tuple[dict[str, Any], bool]] = {
    "usual": ({}, True),
    "rows": ({"return_sequences": True}, True),
    "backwards": ({"go_backwards": True, "return_sequences": True}, True),
    "no bias": ({"use_bias": False}, True),
    "its states are given": ({"return_state": True}, True),
    "another activation": ({"activation": "relu"}, False),
    "another gate": ({"recurrent_activation": "hard_sigmoid"}, False),
    "unrolled by its author": ({"unroll": True}, False),
}


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """An entry for every layer that is made one operator."""
    made: list[bool] = []
    rows: Callable[..., Any] = lstm_layer.rows

    def noted(*given: Any) -> Any:
        made.append(True)
        return rows(*given)

    monkeypatch.setattr(lstm_layer, "rows", noted)
    return made


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_of_keras_gives_what_it_gave(name: str, whole: list[bool]) -> None:
    tf = tensorflow()
    options, one = LAYERS[name]
    x = np.random.default_rng(0).normal(size=(1, STEPS, INPUTS)).astype("f4")
    layer = tf.keras.layers.LSTM(UNITS, bias_initializer="normal", **options)
    expected = tf.nest.flatten(layer(x))
    assert keras_layers.prepare(tf, layer)
    for before, now in zip(expected, tf.nest.flatten(layer(x)), strict=True):
        np.testing.assert_allclose(now, before, atol=1e-5)
    assert bool(whole) == one


def test_a_layer_that_begins_with_something_is_written_out(whole: list[bool]) -> None:
    tf = tensorflow()
    x = np.random.default_rng(0).normal(size=(1, STEPS, INPUTS)).astype("f4")
    layer, first = tf.keras.layers.LSTM(UNITS), np.full((2, 1, UNITS), 0.3, "f4")
    expected = layer(x, initial_state=list(first))
    keras_layers.prepare(tf, layer)
    np.testing.assert_allclose(layer(x, initial_state=list(first)), expected, atol=1e-5)
    assert not whole


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
@pytest.mark.parametrize("name", ["dropout", "recurrent_dropout"])
def test_dropout_draws_nothing(kind: str, name: str) -> None:
    """What a converter finds of it else is a variable of whole numbers."""
    tf = tensorflow()
    layer = getattr(tf.keras.layers, kind)(UNITS, **{name: 0.3})
    x = tf.TensorSpec((1, STEPS, INPUTS))
    layer.build(x.shape)
    keras_layers.prepare(tf, layer)
    graph = tf.function(layer).get_concrete_function(x).graph
    kinds = {op.type for op in graph.get_operations()}
    assert not any("Random" in one or "Assign" in one for one in kinds), kinds
