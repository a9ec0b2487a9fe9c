"""An operator that the engine does not have is refused, and nothing is written."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import Esp8kError
from export import compile as program
from export.emit.golden import random_values
from export.frontend.support import integer_core, require_supported
from export.graph.read import read_tflite
from export.reference import int8
from tools.bench.drawn.networks import random_network
from tools.bench.drawn.tflite_builder import TfliteBuilder

DAMAGED = 300  # files with two flipped bits each


def refusal(model: bytes, tmp_path: Path) -> Esp8kError:
    """The one error; nothing was written."""
    out = tmp_path / "out"
    with pytest.raises(Esp8kError) as caught:
        program.compile_model(model, "net", "net.tflite", out, "balanced")
    assert not out.exists()
    assert caught.value.hint
    return caught.value


def test_an_unknown_operator_is_named_with_its_tensor(tmp_path: Path) -> None:
    builder = TfliteBuilder()
    start = builder.tensor((1, 8), 0.05, 3)
    end = builder.tensor((1, 8), 0.05, 3)
    builder.operator("ADD_N", [start], end)
    error = refusal(builder.build([start], [end]), tmp_path)
    assert error.message == "operator 0 ADD_N (tensor t1): not supported"
    assert "LEAKY_RELU" in error.hint


def test_a_recurrent_operator_is_not_called_damaged(tmp_path: Path) -> None:
    builder = TfliteBuilder()
    start, state = builder.tensor((1, 5, 4), 0.1), builder.tensor((1, 4), 0.1)
    end = builder.tensor((1, 5, 4), 0.1)
    builder.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", [start, state], end)
    error = refusal(builder.build([start], [end]), tmp_path)
    assert "LSTM" in error.message and "unroll=True" in error.hint
    assert "damaged" not in f"{error.message} {error.hint}"


def test_a_float_model_is_told_how_to_convert(tmp_path: Path) -> None:
    builder = TfliteBuilder()
    start = builder.tensor((1, 8), dtype="float32")
    end = builder.tensor((1, 8), dtype="float32")
    builder.operator("RELU", [start], end)
    error = refusal(builder.build([start], [end]), tmp_path)
    assert "float32, not int8" in error.message
    assert "representative_dataset" in error.hint


def test_a_batch_of_two_that_belongs_together_is_refused(tmp_path: Path) -> None:
    builder = TfliteBuilder()
    start, middle = builder.tensor((2, 8), 0.1), builder.tensor((1, 16), 0.1)
    end = builder.tensor((2, 8), 0.1)
    builder.operator("RESHAPE", [start], middle)
    builder.operator("RESHAPE", [middle], end)
    error = refusal(builder.build([start], [end]), tmp_path)
    assert "(1, 16)" in error.message and "batch_size=1" in error.hint


def test_a_concatenation_of_different_scales_is_refused(tmp_path: Path) -> None:
    builder = TfliteBuilder()
    start, end = builder.tensor((1, 8), 0.1), builder.tensor((1, 10), 0.1)
    other = builder.tensor((1, 2), 0.2, 0, np.zeros((1, 2)))
    builder.operator("CONCATENATION", [start, other], end, axis=1)
    error = refusal(builder.build([start], [end]), tmp_path)
    assert "differ in scale" in error.message


def test_a_softmax_of_too_many_classes_is_refused(tmp_path: Path) -> None:
    builder = TfliteBuilder()
    start, end = builder.tensor((1, 600), 0.1), builder.tensor((1, 600), 1 / 256, -128)
    builder.operator("SOFTMAX", [start], end, beta=1.0)
    error = refusal(builder.build([start], [end]), tmp_path)
    assert "600 classes" in error.message
    assert "end the model before it" in error.hint


def test_an_activation_beyond_int32_is_refused(tmp_path: Path) -> None:
    builder = TfliteBuilder()
    start, end = builder.tensor((1, 8), 1e-10), builder.tensor((1, 8), 1e-10)
    builder.operator("RELU6", [start], end)
    error = refusal(builder.build([start], [end]), tmp_path)
    assert "too small for its activation" in error.message


@pytest.mark.parametrize(("kind", "scale"), [("LOGISTIC", 256), ("TANH", 128)])
def test_a_curve_of_too_small_a_scale_is_refused(
    tmp_path: Path, kind: str, scale: int
) -> None:
    """TFLite Micro's own shift is negative there: its result is not to be met."""
    builder = TfliteBuilder()
    start = builder.tensor((1, 8), 2.0**-28)
    end = builder.tensor((1, 8), 1 / scale, -128 if kind == "LOGISTIC" else 0)
    builder.operator(kind, [start], end)
    error = refusal(builder.build([start], [end]), tmp_path)
    assert kind in error.message and "input scale is too small" in error.message


def test_an_output_that_is_constant_is_refused(tmp_path: Path) -> None:
    builder = TfliteBuilder()
    start, end = builder.tensor((1, 8), 0.1), builder.tensor((1, 8), 0.1)
    fixed = builder.tensor((1, 8), 0.1, 0, np.ones((1, 8)))
    builder.operator("RELU", [start], end)
    error = refusal(builder.build([start], [end, fixed]), tmp_path)
    assert "its input, or a constant" in error.message


def test_damaged_bytes_give_one_error_or_a_sound_network() -> None:
    """Whatever passes the check can be run; nothing else escapes than our error."""
    rng = np.random.default_rng(7)
    passed = refused = 0
    for number in range(DAMAGED):
        raw = bytearray(random_network(number % 50))
        for place in rng.integers(8, len(raw), 2):
            raw[place] ^= 1 << int(rng.integers(8))
        try:
            network = integer_core(read_tflite(bytes(raw), "damaged"))
            require_supported(network)
        except Esp8kError as error:
            assert error.hint
            refused += 1
            continue
        if max(t.size for t in network.tensors) < 100_000:
            int8.sequence(network, random_values(network, 2, 0))
            passed += 1
    assert passed > DAMAGED // 20 and refused > DAMAGED // 5
