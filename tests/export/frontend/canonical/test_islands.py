"""Float operators between integers, of which a quantizer leaves some."""

import numpy as np
import pytest

from export.frontend.sources import is_float
from export.graph.read import read_tflite
from tests.support.canonical import B, held


@pytest.mark.parametrize("between", [(), ("ELU",)])
def test_float_operators_between_integers_are_a_table(between: tuple[str, ...]) -> None:
    b = B()
    start, end = b.tensor((1, 8), 0.03, 3), b.tensor((1, 8), 0.02, -50)
    last = b.tensor((1, 8), dtype="float32")
    b.operator("DEQUANTIZE", [start], last)
    for kind in between:
        before, last = last, b.tensor((1, 8), dtype="float32")
        b.operator(kind, [before], last)
    b.operator("QUANTIZE", [last], end)
    last = b.tensor((1, 8), 0.02, -50)
    b.operator("RELU", [end], last)
    model = b.build([start], [last])
    assert held(model) == ["TABLE", "RELU"]
    assert not is_float(read_tflite(model, "net"))  # nobody is asked for calibration


def test_float_values_that_only_move_between_integers_move_as_these() -> None:
    """So a quantizer leaves a SPLIT of which one part is never read."""
    b = B()
    start, real = b.tensor((1, 8), 0.03, 3), b.tensor((1, 8), dtype="float32")
    halves = [b.tensor((1, 4), dtype="float32") for _ in range(2)]
    wide = b.tensor((1, 2, 2), dtype="float32")
    end, last = b.tensor((1, 2, 2), 0.02, -50), b.tensor((1, 2, 2), 0.02, -50)
    b.operator("DEQUANTIZE", [start], real)
    axis = b.tensor((), None, 0, np.array(1), "int32")
    b.operator("SPLIT", [axis, real], halves, numSplits=2)
    shape = b.tensor((3,), None, 0, np.array([1, 2, 2]), "int32")
    b.operator("RESHAPE", [halves[1], shape], wide)
    b.operator("QUANTIZE", [wide], end)
    b.operator("RELU", [end], last)
    assert held(b.build([start], [last]))[-2:] == ["TABLE", "RELU"]
