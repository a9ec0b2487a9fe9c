"""Files that are quantized otherwise than to int8: real again, and quantized anew."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import Esp8kError
from export.analyze import analyze
from export.compile import compile_model
from export.frontend import conversion, sources
from export.frontend.tflite import dequantized
from export.frontend.tflite.run import run
from export.graph.read import read_tflite
from tools.bench.drawn.tflite_builder import TfliteBuilder

RNG = np.random.default_rng(0)
WEIGHTS = RNG.integers(0, 256, (3, 8), dtype=np.uint8)
BIAS = RNG.integers(-500, 500, 3, dtype=np.int32)


def old(dtype: str = "uint8", told: bool = True) -> bytes:
    """Of TensorFlow 1's uint8 with an operator that is not taken so, or of int16."""
    b = TfliteBuilder()
    zero = 100 if dtype == "uint8" else 0
    start = b.tensor((1, 8), dtype="float32")
    source = b.tensor((1, 8), 0.02, zero, dtype=dtype)
    weights = b.tensor((3, 8), 0.01, 120, WEIGHTS, "uint8")
    bias = b.tensor((3,), 0.0002 if told else None, 0, BIAS, "int32")
    middle, end = (b.tensor((1, 3), 0.05, zero, dtype=dtype) for _ in range(2))
    b.operator("QUANTIZE", [start], source)
    b.operator("FULLY_CONNECTED", [source, weights, bias], middle)
    b.operator("HARD_SWISH", [middle], end)
    return b.build([start], [end])


def expected(values: np.ndarray) -> np.ndarray:
    """What the model means, in real numbers."""
    weights = 0.01 * (WEIGHTS.astype(np.float64) - 120)
    x = values @ weights.T + 0.0002 * BIAS
    return x * np.clip(x + 3, 0, 6) / 6


@pytest.mark.parametrize(
    ("dtype", "told"), [("uint8", True), ("uint8", False), ("int16", True)]
)
def test_every_value_becomes_the_real_one(dtype: str, told: bool) -> None:
    values = RNG.normal(size=(5, 8)).astype(np.float32)
    model = dequantized.floats(old(dtype, told))
    kinds = [op.kind for op in read_tflite(model, "x").operators]
    assert kinds == ["FULLY_CONNECTED", "HARD_SWISH"]
    found = run(model, (values,))[0]
    assert np.allclose(found, expected(values), atol=1e-5)


@pytest.mark.slow
def test_it_is_quantized_anew_and_told(tmp_path: Path) -> None:
    values = RNG.uniform(-2, 3, (32, 8)).astype(np.float32)
    np.save(tmp_path / "inputs.npy", values)
    options = sources.Options(tmp_path / "inputs.npy")
    taken = conversion.convert("tflite", "old", old(), "old", options)
    assert "to uint8, as TensorFlow 1 did: made real, and" in taken.notes[0]
    assert taken.costs[0].mean < 0.02 * taken.costs[0].span
    made = compile_model(taken.model, "net", "net", tmp_path / "c", "size")
    assert "TFLite Micro" in made.compared_with


@pytest.mark.slow
def test_sizes_need_no_calibration() -> None:
    taken = conversion.convert("tflite", "x", old(), "x", sources.Options(drawn=True))
    assert "drawn inputs, to find sizes" in taken.notes[1]
    assert not analyze(taken.model, "net").problems


@pytest.mark.parametrize("int16", [False, True])
@pytest.mark.parametrize(
    ("dtype", "what"), [("uint8", "TensorFlow 1"), ("int16", "int16 activations")]
)
def test_without_inputs_the_cure_is_named(dtype: str, what: str, int16: bool) -> None:
    options = sources.Options(int16=int16)
    with pytest.raises(Esp8kError, match=what) as caught:
        conversion.convert("tflite", "old", old(dtype), "old", options)
    hint = caught.value.hint
    assert "--calibration" in hint and ("leave --int16 out" in hint) == int16


def test_int8_and_float_models_are_none_of_these() -> None:
    b = TfliteBuilder()
    start, end = b.tensor((1, 8), 0.1), b.tensor((1, 8), 0.1)
    b.operator("RELU", [start], end)
    last = b.tensor((1, 8), 0.1, 128, dtype="uint8")
    b.operator("QUANTIZE", [end], last)
    assert dequantized.otherwise(read_tflite(b.build([start], [last]), "x")) is None
