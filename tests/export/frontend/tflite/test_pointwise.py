"""What int8 has no operators for is a table, if it is a function of one value."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.compile import compile_model
from export.frontend.support import integer_core
from export.frontend.tensorflow import tensorflow
from export.frontend.tflite import pointwise
from export.frontend.tflite.convert import from_keras
from export.frontend.tflite.quantize import quantize
from export.graph.read import read_tflite

UNITS = 6
Function = Callable[[Any], Any]


def by(call: Function) -> Function:
    """A layer of any function of TensorFlow's."""
    return tensorflow().keras.layers.Lambda(call, output_shape=(UNITS,))


def floats(*functions: Function | str) -> bytes:
    """A dense layer, the functions, and another dense layer."""
    tf = tensorflow()
    tf.keras.utils.set_random_seed(0)
    start = tf.keras.Input((4,), batch_size=1)
    x = tf.keras.layers.Dense(UNITS)(start)
    for one in functions:
        x = (tf.keras.layers.Activation(one) if isinstance(one, str) else by(one))(x)
    return from_keras(tf, tf.keras.Model(start, tf.keras.layers.Dense(3)(x)))


def quantized(raw: bytes) -> bytes:
    x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    return quantize(raw, (x,))


def kinds(raw: bytes) -> list[str]:
    network = integer_core(read_tflite(raw, "net"))
    return [op.kind for op in network.operators]


NAMES = ("softplus", "mish", "selu", "log_sigmoid", "soft_shrink", "sparse_plus")


@pytest.mark.parametrize("name", NAMES)
def test_a_keras_activation_is_one_table(name: str) -> None:
    found = quantized(floats(name))
    assert kinds(found) == ["FULLY_CONNECTED", "TABLE", "FULLY_CONNECTED"]


def test_it_is_exact_with_tflite_micro(tmp_path: Path) -> None:
    """Comparisons, a choice and a logarithm, which it computes in float."""
    model = quantized(floats("selu", "mish"))
    compiled = compile_model(model, "net", "net", tmp_path / "c", "size")
    assert compiled.compared_with == "the integer reference and TFLite Micro"


@pytest.mark.parametrize("name", ["softplus", "elu"])
def test_it_may_be_the_last_thing(name: str) -> None:
    tf = tensorflow()
    start = tf.keras.Input((4,), batch_size=1)
    end = tf.keras.layers.Dense(UNITS, activation=name)(start)
    found = kinds(quantized(from_keras(tf, tf.keras.Model(start, end))))
    assert found == ["FULLY_CONNECTED", "TABLE", "RESHAPE"]


def test_elus_beside_it_keep_their_place() -> None:
    """The quantizer is shown an ELU for each; the file's own is between them."""
    found = quantized(floats("softplus", lambda x: -x, "elu", "mish"))
    table = "TABLE"
    assert kinds(found)[1:-1] == [table]
    whole = read_tflite(found, "net")
    between = [op.kind for op in whole.operators if op.kind in ("LOG", "ELU", "TANH")]
    assert between == ["LOG", "ELU", "LOG", "TANH"]


def test_a_value_that_others_read_ends_a_table() -> None:
    tf = tensorflow()
    start = tf.keras.Input((UNITS,), batch_size=1)
    soft = tf.keras.layers.Activation("softplus")(start)
    end = tf.keras.layers.Dense(2)(soft)
    both = tf.keras.layers.Concatenate()([end, soft])
    found = pointwise.regions(
        read_tflite(from_keras(tf, tf.keras.Model(start, both)), "net")
    )
    assert [len(region.operators) for region in found] == [3]


def test_two_values_are_no_table() -> None:
    tf = tensorflow()
    starts = [tf.keras.Input((UNITS,), batch_size=1) for _ in range(2)]
    larger = by(lambda pair: tf.where(pair[0] > pair[1], pair[0], -pair[1]))(starts)
    raw = from_keras(tf, tf.keras.Model(starts, larger))
    chosen = [
        op.kind
        for region in pointwise.regions(read_tflite(raw, "net"))
        for op in read_tflite(raw, "net").operators
        if op.index in region.operators
    ]
    assert chosen == ["NEG"]
