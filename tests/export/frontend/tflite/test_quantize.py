"""Float .tflite files whose operators TensorFlow's quantizer does not know."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import Esp8kError
from export.compile import compile_model
from export.frontend import conversion, costs
from export.frontend.support import integer_core
from export.frontend.taken import Options
from export.frontend.tensorflow import tensorflow
from export.frontend.tflite.convert import from_concrete, from_keras
from export.frontend.tflite.quantize import quantize
from export.frontend.tflite.run import run
from export.graph.read import read_tflite
from tools.bench.drawn.tflite_builder import TfliteBuilder


def floats(last: Any) -> bytes:
    """A product, and what comes behind it."""
    tf = tensorflow()
    weights = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)

    @tf.function(input_signature=[tf.TensorSpec((1, 8), tf.float32)])  # type: ignore[untyped-decorator]
    def called(x: Any) -> Any:
        return last(tf, tf.matmul(x, weights))

    return from_concrete(tf, called.get_concrete_function(), None)


def drawn() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(32, 8)).astype(np.float32)


def test_what_becomes_a_table_may_stay_float(tmp_path: Path) -> None:
    raw = floats(lambda tf, x: tf.nn.relu6(tf.nn.elu(x) + 1.0))
    model = quantize(raw, (drawn(),))
    core = integer_core(read_tflite(model, "elu"))
    assert "TABLE" in {op.kind for op in core.operators}
    made = compile_model(model, "net", "net", tmp_path / "c", "size")
    assert made.compared_with == "the integer reference and TFLite Micro"


def cumulative(tf: Any, x: Any) -> Any:
    return tf.cumsum(x, axis=1)


def test_what_becomes_none_is_named() -> None:
    with pytest.raises(Esp8kError, match="op: 'CUMSUM'"):
        quantize(floats(cumulative), (drawn(),))


def test_8_bits_are_a_cure_where_the_models_own_way_takes_them() -> None:
    """A converter may know operators that TensorFlow's quantizer of a file does not."""
    raw, known = floats(cumulative), floats(lambda tf, x: tf.nn.relu(x))
    asked, inputs = Options(int16=True), (drawn(),)
    for whose, cured in ((raw, False), (known, True)):
        narrow = partial(quantize, whose, inputs)
        with pytest.raises(Esp8kError, match="op: 'CUMSUM'") as caught:
            conversion._quantized(raw, narrow, inputs, asked)
        assert ("leave --int16 out" in caught.value.hint) == cured


@pytest.mark.parametrize("name", ["dense", "conv", "depthwise", "transposed"])
def test_a_layer_that_is_used_twice_has_a_bias_of_either_scale(name: str) -> None:
    """As of two inputs that are compared, or heads that share their weights."""
    tf = tensorflow()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 6, 6, 4)).astype(np.float32)
    layers = tf.keras.layers
    layer = {
        "dense": layers.Dense(4),
        "conv": layers.Conv2D(4, 3),
        "depthwise": layers.DepthwiseConv2D(3),
        "transposed": layers.Conv2DTranspose(4, 3),
    }[name]
    start = tf.keras.Input(x.shape[1:], batch_size=1)
    both = layers.Concatenate()([layer(start), layer(0.02 * start)])
    model = tf.keras.Model(start, both)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    raw = from_keras(tf, model)
    (found,) = run(raw, (x,))
    (cost,) = costs.measured(raw, quantize(raw, (x,)), {"drawn": (x,)})
    assert cost.mean < 0.005 * np.ptp(found)


@pytest.mark.parametrize("int16", [False, True])
def test_constants_that_share_their_bytes_are_quantized_each(int16: bool) -> None:
    """As converters write a bias that is added elsewhere too: an RNN's first step."""
    b, rng = TfliteBuilder(), np.random.default_rng(0)

    def constant(*shape: int) -> int:
        data = rng.normal(size=shape)
        return b.tensor(shape, data=data, dtype="float32")

    x, y, z, end = (b.tensor((1, 8), dtype="float32") for _ in range(4))
    added, bias, factor = constant(1, 8), constant(8), constant(8)
    for other in (bias, factor):
        b.graph.tensors[other].buffer = b.graph.tensors[added].buffer
    b.operator("ADD", [x, added], y)
    b.operator("FULLY_CONNECTED", [y, constant(8, 8), bias], z)
    b.operator("MUL", [z, factor], end)
    raw, inputs = b.build([x], [end]), (drawn(),)
    (found,) = run(raw, inputs)
    model = quantize(raw, inputs, int16)
    (cost,) = costs.measured(raw, model, {"drawn": inputs})
    assert cost.mean < (0.001 if int16 else 0.01) * np.ptp(found)


@pytest.mark.parametrize("kind", ["ADD", "SUB"])
def test_what_is_added_of_zeros_alone_has_a_scale_of_16_bits(kind: str) -> None:
    """As the state that a GRU of ONNX begins with."""
    b, rng = TfliteBuilder(), np.random.default_rng(0)
    x, y, end = (b.tensor((1, 8), dtype="float32") for _ in range(3))
    zeros = b.tensor((1, 8), data=np.zeros((1, 8)), dtype="float32")
    weights = b.tensor((8, 8), data=rng.normal(size=(8, 8)), dtype="float32")
    b.operator(kind, [zeros, x], y)
    b.operator("FULLY_CONNECTED", [y, weights, -1], end)
    raw, inputs = b.build([x], [end]), (drawn(),)
    (found,) = run(raw, inputs)
    model = quantize(raw, inputs, int16=True)
    (cost,) = costs.measured(raw, model, {"drawn": inputs})
    assert cost.mean < 0.001 * np.ptp(found)


def test_a_sum_has_a_scale_of_its_own() -> None:
    """Not that of what it adds, and beside what becomes a table, too."""
    raw = floats(lambda tf, x: tf.math.log(tf.reduce_sum(tf.exp(x), 1, True)) + x)
    inputs = (drawn(),)
    (found,) = run(raw, inputs)
    (cost,) = costs.measured(raw, quantize(raw, inputs), {"drawn": inputs})
    assert cost.mean < 0.01 * np.ptp(found)


def test_a_quotient_is_quantized() -> None:
    raw = floats(lambda tf, x: tf.nn.relu(x) / (1.0 + tf.reduce_max(x * x, 1, True)))
    inputs = (drawn(),)
    (cost,) = costs.measured(raw, quantize(raw, inputs), {"drawn": inputs})
    assert cost.mean < 0.01 * cost.span
