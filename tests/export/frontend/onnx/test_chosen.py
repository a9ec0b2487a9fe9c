"""What an ONNX model chooses by comparing a value is a table of that value."""

import numpy as np
import pytest
from onnx import NodeProto, helper

from core.errors import Esp8kError
from tests.support.onnx_nets import network

node = helper.make_node
WEIGHTS = np.random.default_rng(0).normal(size=(6, 6)).astype(np.float32)
CONSTANTS = {"w": WEIGHTS, "least": np.float32(0.1), "half": np.float32(0.5)}
CHOSEN = {
    "Where": [
        node("Greater", ["a", "least"], ["g"]),
        node("Mul", ["a", "half"], ["m"]),
        node("Where", ["g", "a", "m"], ["b"]),
    ],
    "a mask": [
        node("LessOrEqual", ["a", "half"], ["under"]),
        node("GreaterOrEqual", ["a", "least"], ["over"]),
        node("And", ["under", "over"], ["g"]),
        node("Cast", ["g"], ["m"], to=1),
        node("Mul", ["a", "m"], ["b"]),
    ],
    "either": [
        node("Less", ["a", "least"], ["g"]),
        node("Equal", ["a", "half"], ["e"]),
        node("Or", ["g", "e"], ["o"]),
        node("Not", ["o"], ["n"]),
        node("Where", ["n", "a", "half"], ["b"]),
    ],
    "Shrink": [node("Shrink", ["a"], ["b"], bias=0.2, lambd=0.3)],
    "Sign": [node("Sign", ["a"], ["b"])],
    "ThresholdedRelu": [node("ThresholdedRelu", ["a"], ["b"], alpha=0.3)],
    "Mish": [node("Mish", ["a"], ["b"])],
    "Softplus": [node("Softplus", ["a"], ["b"])],
    "Sqrt": [node("Abs", ["a"], ["s"]), node("Sqrt", ["s"], ["b"])],
}


@pytest.mark.parametrize("nodes", CHOSEN.values(), ids=CHOSEN)
def test_it_is_one_table(nodes: list[NodeProto]) -> None:
    around = node("MatMul", ["x", "w"], ["a"]), node("MatMul", ["b", "w"], ["y"])
    found = network((1, 6), around[0], *nodes, around[1], opset=18, **CONSTANTS)
    kinds = [op.kind for op in found.operators]
    assert kinds == ["FULLY_CONNECTED", "TABLE", "FULLY_CONNECTED"]


def test_the_larger_of_two_values_is_none() -> None:
    nodes = (
        node("MatMul", ["x", "w"], ["a"]),
        node("Greater", ["x", "a"], ["g"]),
        node("Where", ["g", "x", "a"], ["y"]),
    )
    with pytest.raises(Esp8kError, match="GREATER"):
        network((1, 6), *nodes, opset=18, w=WEIGHTS)
