"""Tables of operators for which TFLite Micro has no kernel: held to LiteRT."""

from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from core.errors import Esp8kError
from export.arithmetic import unary
from export.frontend.support import core_of, require_supported
from export.graph.read import read_tflite
from tools.bench.drawn.tflite_builder import TfliteBuilder

PLAIN = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES  # no XNNPACK


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


def test_a_quotient_that_tflite_micro_shifts_too_far_is_refused() -> None:
    builder = TfliteBuilder()
    start = builder.tensor((1, 8), 0.01)
    other, end = builder.tensor((1, 8), 0.01), builder.tensor((1, 8), 0.5)
    builder.operator("DIV", [start, other], end)
    network, _ = core_of(read_tflite(builder.build([start, other], [end]), "net"))
    with pytest.raises(Esp8kError, match="too far below its output scale"):
        require_supported(network)
