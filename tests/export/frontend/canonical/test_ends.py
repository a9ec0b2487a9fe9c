"""Inputs and outputs of another type, in a batch, or a class: taken off and told."""

import numpy as np
import pytest

from export.frontend.canonical.ends import End, separate
from export.graph.read import read_tflite
from tests.support.canonical import B, held


@pytest.mark.parametrize("ends", ["uint8", "float32"])
def test_ends_of_another_type_are_taken_off_and_told(ends: str) -> None:
    b = B()
    quant = {"uint8": (0.1, 131), "float32": (None, 0)}[ends]
    outer = b.tensor((1, 8), *quant, dtype=ends)
    start, middle = b.tensor((1, 8), 0.1, 3), b.tensor((1, 8), 0.1, 3)
    last = b.tensor((1, 8), *quant, dtype=ends)
    b.operator("QUANTIZE", [outer], start)
    b.operator("RELU", [start], middle)
    kind = "QUANTIZE" if ends == "uint8" else "DEQUANTIZE"
    b.operator(kind, [middle], last)
    assert held(b.build([outer], [last]), ends) == ["RELU"]


def test_ends_of_another_scale_stay_a_table() -> None:
    b = B()
    outer, start = b.tensor((1, 8), 0.07, 5, dtype="uint8"), b.tensor((1, 8), 0.1, 3)
    end = b.tensor((1, 8), 0.1, 3)
    b.operator("QUANTIZE", [outer], start)
    b.operator("RELU", [start], end)
    assert held(b.build([outer], [end]), "uint8") == ["QUANTIZE", "RELU"]


def test_a_batch_is_one_input_after_another() -> None:
    b = B()
    start, end = b.tensor((4, 8), 0.1), b.tensor((4, 8), 0.1)
    b.operator("RELU", [start], end)
    assert held(b.build([start], [end])) == ["RELU"]


def test_the_index_of_the_greatest_is_an_end() -> None:
    b = B()
    start, middle = b.tensor((1, 8), 0.1), b.tensor((1, 8), 0.1)
    end = b.tensor((1,), dtype="int32")
    b.operator("RELU", [start], middle)
    axis = b.tensor((), None, 0, np.array(1), "int32")
    b.operator("ARG_MAX", [middle, axis], end, outputType=2)
    assert held(b.build([start], [end])) == ["RELU"]


def test_separate_leaves_int8_ends_alone() -> None:
    b = B()
    start, end = b.tensor((1, 8), 0.1), b.tensor((1, 8), 0.1)
    b.operator("RELU", [start], end)
    network, ends = separate(read_tflite(b.build([start], [end]), "net"))
    assert (network.inputs, network.outputs) == ((start,), (end,))
    assert ends.outputs[0] == End("int8", float(np.float32(0.1)), 0, (1, 8))
