"""Factors of scales that TFLite Micro computes in double, where float32 gives others.

Each case is one in which that changes a byte.
"""

import numpy as np
import pytest

from core.errors import Esp8kError
from export.frontend.support import integer_core, require_supported
from export.graph.read import read_tflite
from export.reference import int8, tflm
from tools.bench.drawn.tflite_builder import TfliteBuilder

pytestmark = pytest.mark.skipif(not tflm.available(), reason=tflm.SKIPPED)
ALL = np.arange(-128, 128).astype(np.int8)[None]


def assert_exact(model: bytes, values: np.ndarray) -> None:
    """The reference's bytes are the oracle's."""
    expected = tflm.sequence(model, [values], 1)[0]
    found = int8.outputs(integer_core(read_tflite(model, "net")), values)
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)


@pytest.mark.parametrize(
    ("kind", "scale", "second", "out", "value"),
    [
        ("SUB", 0.003206, 0.001367, 0.016998, 41),
        ("SUB", 0.002517, 0.008505, 0.010516, 63),
        ("DIV", 0.002423, 0.003785, 0.0269427, 24),
        ("DIV", 0.005578, 0.003355, 0.0194169, 86),
    ],
)
def test_two_operands(
    kind: str, scale: float, second: float, out: float, value: int
) -> None:
    b = TfliteBuilder()
    start, end = b.tensor((1, 256), scale), b.tensor((1, 256), out)
    other = b.tensor((1, 1), second, 0, np.array([[value]]))
    b.operator(kind, [start, other], end)
    assert_exact(b.build([start], [end]), ALL)


@pytest.mark.parametrize(
    ("scale", "out", "alpha"),
    [(0.009798, 0.004876, 0.5), (0.005715, 0.00508, 0.5), (0.01, 0.007, -0.25)],
)
def test_leaky_relu(scale: float, out: float, alpha: float) -> None:
    b = TfliteBuilder()
    start, end = b.tensor((1, 256), scale), b.tensor((1, 256), out)
    b.operator("LEAKY_RELU", [start], end, alpha=alpha)
    assert_exact(b.build([start], [end]), ALL)


@pytest.mark.parametrize("rows", [1, 2])
def test_fully_connected_with_one_scale(rows: int) -> None:
    """Biases that a float32 product of the scales takes to the next byte."""
    scale, weights = np.float32(0.000721), np.float32(0.000331)
    out = np.float32(2.9)
    steps = np.arange(40, 126) + 0.5
    exact = float(scale) * float(weights) / float(out)
    rough = float(np.float32(scale * weights)) / float(out)
    assert abs(rough / exact - 1) > 2e-8
    bias = np.round(steps * (1 / exact + 1 / rough) / 2)
    b, count = TfliteBuilder(), len(steps)
    start, end = b.tensor((1, rows, 1), scale), b.tensor((1, rows, count), out)
    given = b.tensor((count, 1), weights, 0, np.zeros((count, 1)))
    inputs = [start, given, b.tensor((count,), None, 0, bias, "int32")]
    b.operator("FULLY_CONNECTED", inputs, end)
    assert_exact(b.build([start], [end]), np.zeros((1, rows, 1), np.int8))


@pytest.mark.parametrize("kind", ["LOGISTIC", "TANH"])
def test_a_scale_beyond_what_is_defined_is_refused(kind: str) -> None:
    """From 2^35 on TFLite Micro shifts by more than 62: it gave 0 for all of a row."""
    b = TfliteBuilder()
    ends = (1 / 256, -128) if kind == "LOGISTIC" else (1 / 128, 0)
    start, end = b.tensor((1, 256), 2.0**35), b.tensor((1, 256), *ends)
    b.operator(kind, [start], end)
    with pytest.raises(Esp8kError, match="input scale is too large"):
        require_supported(integer_core(read_tflite(b.build([start], [end]), "net")))
