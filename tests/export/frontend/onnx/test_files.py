"""ONNX files: open sizes, weights beside the file, and what is no network."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.errors import Esp8kError
from export.frontend.onnx import files as onnx_files


def gemm(shape: tuple[object, ...] = (1, 16)) -> onnx.ModelProto:
    """One product of (16, 4)."""
    weights = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weights, "w")],
    )
    opset = [helper.make_opsetid("", 13)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


def opened(
    proto: onnx.ModelProto,
    folder: Path | None = None,
    shape: tuple[int, ...] | None = None,
) -> onnx_files.Opened:
    """The model, read."""
    return onnx_files.read(proto.SerializeToString(), folder, "m.onnx", shape)


def test_an_open_batch_is_set_to_one_with_a_word() -> None:
    found = opened(gemm(("batch", 16)))
    assert found.inputs[0].shape == (1, 16)
    assert found.notes == ("batch, which the model leaves open, is 1",)
    assert opened(gemm((0, 16))).inputs[0].shape == (1, 16)


def test_other_open_sizes_are_asked_for() -> None:
    with pytest.raises(Esp8kError, match="open: width") as caught:
        opened(gemm((1, "width")))
    assert "--input-shape" in caught.value.hint
    assert opened(gemm((1, "width")), None, (1, 16)).inputs[0].shape == (1, 16)
    with pytest.raises(Esp8kError, match="fixes a size to 16"):
        opened(gemm(), None, (1, 8))


def test_a_batch_of_eight_is_refused() -> None:
    with pytest.raises(Esp8kError, match="8 inputs at once"):
        opened(gemm((8, 16)))


def external(tmp_path: Path, location: str, **entries: str) -> onnx.ModelProto:
    """The model with its weights in a file."""
    proto = gemm()
    weights = proto.graph.initializer[0]
    (tmp_path / "data").write_bytes(weights.raw_data)
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        weights.external_data.add(key=key, value=value)
    return proto


def test_external_data_are_read_in(tmp_path: Path) -> None:
    found = opened(external(tmp_path, "data"), tmp_path)
    assert onnx.load_from_string(found.proto).graph.initializer[0].raw_data


@pytest.mark.parametrize(
    ("location", "entries", "match"),
    [
        ("../data", {}, "outside of its folder"),
        ("/etc/passwd", {}, "outside of its folder"),
        ("none", {}, "keeps its weights in none, which is not beside it"),
        ("data", {"offset": "1000"}, "cut short"),
        ("data", {"length": "999999999999"}, "cut short"),
        ("data", {"offset": "x"}, "no number"),
        ("", {}, "has no data"),
    ],
)
def test_external_data_elsewhere_are_refused(
    tmp_path: Path, location: str, entries: dict[str, str], match: str
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    proto = external(folder, location, **entries)
    with pytest.raises(Esp8kError, match=match):
        opened(proto, folder)


def test_shapes_that_contradict_each_other_are_named() -> None:
    with pytest.raises(Esp8kError, match="onnxruntime|contradict"):
        opened(gemm((1, 17)))


def test_trees_are_told_from_networks() -> None:
    proto = gemm()
    proto.graph.node.add(op_type="TreeEnsembleClassifier", domain="ai.onnx.ml")
    with pytest.raises(Esp8kError, match="no neural network: TreeEns") as caught:
        opened(proto)
    assert "emlearn" in caught.value.hint


def test_a_graph_in_a_graph_is_refused() -> None:
    inner = helper.make_graph([], "inner", [], [])
    proto = gemm()
    proto.graph.node.add(op_type="If", name="if").attribute.add(
        name="then_branch", g=inner, type=onnx.AttributeProto.GRAPH
    )
    with pytest.raises(Esp8kError, match="a graph of its own"):
        opened(proto)


@pytest.mark.parametrize("raw", [b"", b"junk", bytes(100)])
def test_what_is_no_onnx_is_refused(raw: bytes) -> None:
    with pytest.raises(Esp8kError, match="ONNX|operators"):
        onnx_files.read(raw, None, "m.onnx", None)


def test_an_open_batch_of_several_inputs_is_one_everywhere() -> None:
    """As in one step of a GRU: its state has the batch in the second place."""
    value = helper.make_tensor_value_info
    ends = [value("x", 1, ("n", 4)), value("h", 1, (1, "n", 4))]
    node = helper.make_node("Add", ["x", "h"], ["y"])
    graph = helper.make_graph([node], "step", ends, [value("y", 1, None)])
    opsets = [helper.make_opsetid("", 18)]
    found = opened(helper.make_model(graph, ir_version=8, opset_imports=opsets))
    assert [one.shape for one in found.inputs] == [(1, 4), (1, 1, 4)]
    assert found.notes == ("n, which the model leaves open, is 1",)
