"""Tables, and QUANTIZE of real numbers: held to TFLite Micro, or else to LiteRT."""

from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from core.errors import Esp8kError
from export.arithmetic import unary
from export.frontend.support import core_of, require_supported
from export.graph.read import read_tflite
from export.reference import int8, tflm
from tools.bench.drawn.tflite_builder import TfliteBuilder

PLAIN = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES  # no XNNPACK
UNDER_HALF = float(np.nextafter(np.float32(0.5), np.float32(0)))  # plus 0.5f it is 1


@pytest.mark.parametrize(
    ("kind", "options"),
    [("GELU", {"approximate": True}), ("GELU", {"approximate": False}), ("EXP", {})],
)
def test_a_table_equals_litert(kind: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    for _ in range(25):
        builder = TfliteBuilder()
        scale, out_scale = 2.0 ** rng.uniform(-9, -2, 2)
        zero, out_zero = (int(z) for z in rng.integers(-128, 128, 2))
        start = builder.tensor((1, 256), scale, zero)
        end = builder.tensor((1, 256), out_scale, out_zero)
        builder.operator(kind, [start], end, **options)
        model = builder.build([start], [end])
        interpreter = Interpreter(
            model_content=model, experimental_op_resolver_type=PLAIN
        )
        interpreter.allocate_tensors()
        interpreter.set_tensor(start, np.arange(-128, 128, dtype=np.int8)[None])
        interpreter.invoke()
        network = read_tflite(model, "net")
        table = unary.table(network, network.operators[0])
        assert np.array_equal(interpreter.get_tensor(end)[0], table)


@pytest.mark.skipif(not tflm.available(), reason=tflm.SKIPPED)
def test_the_reference_quantizes_real_numbers_as_tflite_micro_does() -> None:
    """Beside halves, and where a float32 has no room for a half."""
    halves = np.arange(-9, 9).astype(np.float32) + np.float32(0.5)
    beside = [np.nextafter(halves, np.float32(s * 99)) for s in (-1, 1)]
    large = np.float32([8388609, -8388609, 16777217, 2e9, -2e9])
    values = np.concatenate([halves, *beside, large])
    builder = TfliteBuilder()
    start = builder.tensor((1, len(values)), dtype="float32")
    end = builder.tensor((1, len(values)), 1.0, 3)
    builder.operator("QUANTIZE", [start], end)
    model = builder.build([start], [end])
    found = int8.outputs(read_tflite(model, "net"), values[None])
    assert np.array_equal(found, tflm.sequence(model, [values[None]], 1)[0])


@pytest.mark.skipif(not tflm.available(), reason=tflm.SKIPPED)
def test_a_table_rounds_what_is_just_below_a_half_down() -> None:
    builder = TfliteBuilder()
    start, end = builder.tensor((1, 256), UNDER_HALF), builder.tensor((1, 256), 1.0)
    builder.operator("ELU", [start], end)
    model = builder.build([start], [end])
    values = np.arange(-128, 128, dtype=np.int8)[None]
    network = read_tflite(model, "net")
    table = unary.table(network, network.operators[0])
    assert np.array_equal(table, tflm.sequence(model, [values], 1)[0][0])


def test_a_quotient_that_tflite_micro_shifts_too_far_is_refused() -> None:
    builder = TfliteBuilder()
    start = builder.tensor((1, 8), 0.01)
    other, end = builder.tensor((1, 8), 0.01), builder.tensor((1, 8), 0.5)
    builder.operator("DIV", [start, other], end)
    network, _ = core_of(read_tflite(builder.build([start, other], [end]), "net"))
    with pytest.raises(Esp8kError, match="too far below its output scale"):
        require_supported(network)
