"""ONNX models as quantize_dynamic leaves them: real numbers again."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from core.errors import Esp8kError
from export.frontend.onnx import dynamic
from export.frontend.onnx import files as onnx_files


def two_layers() -> onnx.ModelProto:
    """Two products with a bias and a ReLU between them."""
    rng, node = np.random.default_rng(0), helper.make_node
    value, real = helper.make_tensor_value_info, TensorProto.FLOAT
    weights = {"w": (12, 8), "b": (8,), "v": (8, 3)}
    nodes = [
        node("MatMul", ["x", "w"], ["a"]),
        node("Add", ["a", "b"], ["c"]),
        node("Relu", ["c"], ["d"]),
        node("MatMul", ["d", "v"], ["y"]),
    ]
    drawn = {n: rng.normal(size=s).astype("f4") for n, s in weights.items()}
    constants = [numpy_helper.from_array(w, n) for n, w in drawn.items()]
    ends = [value("x", real, ("n", 12))], [value("y", real, ("n", 3))]
    graph = helper.make_graph(nodes, "g", *ends, constants)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


@pytest.mark.parametrize("kind", [QuantType.QInt8, QuantType.QUInt8])
@pytest.mark.parametrize("each", [False, True])
def test_products_of_integers_are_real_again(
    tmp_path: Path, kind: QuantType, each: bool
) -> None:
    path = tmp_path / "d.onnx"
    quantize_dynamic(two_layers(), path, weight_type=kind, per_channel=each)
    opened = onnx_files.read(path.read_bytes(), None, "d.onnx", None)
    plain = onnx.load_from_string(opened.proto)
    kinds = {node.op_type for node in plain.graph.node}
    assert not kinds & {"MatMulInteger", "DynamicQuantizeLinear", "Cast"}, kinds
    assert not opened.quantized
    assert dynamic.NOTE in opened.notes
    x = np.random.default_rng(1).normal(size=(9, 12)).astype("f4")
    found = onnx_files.run(opened.proto, (x,))[0]
    theirs = onnx_files.run(two_layers().SerializeToString(), (x,))[0]
    assert np.abs(found - theirs).max() < 0.02 * np.abs(theirs).max()


Node = tuple[str, list[str], list[str]]
START: Node = ("DynamicQuantizeLinear", ["x"], ["q", "s", "z"])
PRODUCT: Node = ("MatMulInteger", ["q", "w", "z"], ["i"])
BACK: Node = ("Cast", ["i"], ["f"])
END: Node = ("Mul", ["f", "s"], ["y"])


def product(*nodes: Node) -> onnx.ModelProto:
    """A graph of these nodes, with weights w, too few zero points and a number."""
    made = [helper.make_node(*node) for node in nodes]
    for node in made:
        if node.op_type == "Cast":
            node.attribute.append(helper.make_attribute("to", TensorProto.FLOAT))
    value, real = helper.make_tensor_value_info, TensorProto.FLOAT
    ends = [value("x", real, (1, 4, 4))], [value("y", real, None)]
    stored = {
        "w": np.ones((4, 4), np.uint8),
        "real": np.ones((4, 4), np.float32),
        "few": np.ones(3, np.uint8),
        "k": np.array(3, np.uint8),
    }
    constants = [numpy_helper.from_array(data, name) for name, data in stored.items()]
    graph = helper.make_graph(made, "g", *ends, constants)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


@pytest.mark.parametrize(
    ("nodes", "why"),
    [
        ([START, ("MatMulInteger", ["q", "q", "z"], ["i"]), BACK, END], "q is not"),
        (
            [START, ("MatMulInteger", ["q", "w", "z", "z"], ["i"]), BACK, END],
            "z is not",
        ),
        ([START, ("MatMulInteger", ["q", "real", "z"], ["i"]), BACK, END], "float32"),
        ([START, ("MatMulInteger", ["q", "w", "z", "few"], ["i"]), BACK, END], "zero"),
        ([START, ("MatMulInteger", ["q", "w"], ["i"]), BACK, END], "own zero point"),
        (
            [START, ("MatMulInteger", ["q", "w", "k"], ["i"]), BACK, END],
            "own zero point",
        ),
        ([START, ("MatMulInteger", ["q"], ["i"]), BACK, END], "its input"),
        ([START, PRODUCT, ("Cast", ["i"], ["y"])], "not multiplied"),
        ([START, PRODUCT, BACK, ("Add", ["f", "s"], ["y"])], "not multiplied"),
        (
            [START, PRODUCT, BACK, END[:2] + (["m"],), ("Div", ["m", "s"], ["y"])],
            "reads s",
        ),
        (
            [
                START,
                PRODUCT,
                BACK,
                ("Mul", ["s", "s"], ["t"]),
                ("Mul", ["f", "t"], ["y"]),
            ],
            "twice",
        ),
        ([START, PRODUCT, BACK, END, ("Cast", ["q"], ["other"])], "reads q"),
        ([("DynamicQuantizeLinear", ["x"], ["q", "y", "z"])], "gives it away"),
        ([("DynamicQuantizeLinear", ["x"], ["q", "s"])], "three outputs"),
    ],
)
def test_integers_that_are_used_otherwise_are_named_with_their_cure(
    nodes: list[Node], why: str
) -> None:
    """Most of these were taken for what quantize_dynamic writes: another function."""
    raw = product(*nodes).SerializeToString()
    with pytest.raises(Esp8kError, match=why) as caught:
        onnx_files.read(raw, None, "d.onnx", None)
    assert "before quantize_dynamic" in caught.value.hint


def test_a_product_by_hand_is_taken() -> None:
    raw = product(START, PRODUCT, BACK, END).SerializeToString()
    assert dynamic.NOTE in onnx_files.read(raw, None, "d.onnx", None).notes


def test_an_operator_of_onnxruntime_alone_has_the_same_cure() -> None:
    node = helper.make_node("DynamicQuantizeLSTM", ["x"], ["y"], domain="com.microsoft")
    value, real = helper.make_tensor_value_info, TensorProto.FLOAT
    ends = [value("x", real, (1, 4))], [value("y", real, None)]
    with pytest.raises(Esp8kError, match="onnxruntime's own") as caught:
        dynamic.made_real(helper.make_model(helper.make_graph([node], "g", *ends)))
    assert caught.value.hint == dynamic.HINT
