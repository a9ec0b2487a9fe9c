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


@pytest.mark.parametrize("weights", ["q", "w"])
def test_integers_of_another_kind_are_named_with_their_cure(weights: str) -> None:
    """Weights that are computed, or their zero point, which was taken for 0."""
    node = helper.make_node
    nodes = [
        node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        node("MatMulInteger", ["q", weights, "z", "z"], ["i"]),
        node("Cast", ["i"], ["y"], to=TensorProto.FLOAT),
    ]
    value, real = helper.make_tensor_value_info, TensorProto.FLOAT
    ends = [value("x", real, (1, 4, 4))], [value("y", real, None)]
    constant = numpy_helper.from_array(np.ones((4, 4), np.uint8), "w")
    graph = helper.make_graph(nodes, "g", *ends, [constant])
    opset = [helper.make_opsetid("", 17)]
    proto = helper.make_model(graph, opset_imports=opset, ir_version=8)
    with pytest.raises(Esp8kError, match="MatMulInteger") as caught:
        onnx_files.read(proto.SerializeToString(), None, "d.onnx", None)
    assert "before quantize_dynamic" in caught.value.hint


def test_an_operator_of_onnxruntime_alone_has_the_same_cure() -> None:
    node = helper.make_node("DynamicQuantizeLSTM", ["x"], ["y"], domain="com.microsoft")
    value, real = helper.make_tensor_value_info, TensorProto.FLOAT
    ends = [value("x", real, (1, 4))], [value("y", real, None)]
    with pytest.raises(Esp8kError, match="onnxruntime's own") as caught:
        dynamic.made_real(helper.make_model(helper.make_graph([node], "g", *ends)))
    assert caught.value.hint == dynamic.HINT
