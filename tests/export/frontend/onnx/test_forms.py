"""Forms in which exporters write an operator: all of them reach one that is taken."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.errors import CheckFailed
from export.frontend import conversion
from export.frontend.onnx import files as onnx_files
from export.frontend.taken import Options
from tests.support.onnx_nets import network

node = helper.make_node
pytestmark = pytest.mark.slow


def weights(*shape: int) -> np.ndarray:
    """Drawn ones."""
    return np.random.default_rng(0).normal(size=shape).astype("f4")


@pytest.mark.parametrize("bounds", [(-1, 1), (0, 1), (-2, 2), (0, 6)])
def test_actions_that_are_cut_out_are_clipped(bounds: tuple[int, int]) -> None:
    """Of -1 to 1 the converter makes an operator that TFLite Micro has not."""
    low, high = (np.float32(b) for b in bounds)
    nodes = [
        node("Gemm", ["x", "w"], ["a"]),
        node("Slice", ["a", "from", "to", "axis"], ["b"]),
        node("Clip", ["b", "low", "high"], ["y"]),
    ]
    place = {"from": np.array([1]), "to": np.array([3]), "axis": np.array([1])}
    network((1, 6), *nodes, w=weights(6, 4), low=low, high=high, **place)


@pytest.mark.parametrize("computed", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_a_product_with_a_vector_has_one_dimension_less(
    computed: bool, first: bool
) -> None:
    nodes = [node("Gemm", ["x", "w"], ["a"]), node("Tanh", ["a"], ["m"])]
    nodes += [node("Squeeze", ["m", "zero"], ["v"])] if computed else []
    order = ["v", "m2"] if first else ["m2", "v"]
    nodes += [node("Reshape", ["m", "square"], ["m2"]), node("MatMul", order, ["z"])]
    nodes += [node("Add", ["z", "one"], ["y"])]
    stored = {"square": np.array([4, 1] if first else [1, 4]), "one": np.float32([1])}
    stored |= {"w": weights(6, 4), "zero": np.array([0])}
    stored |= {} if computed else {"v": weights(4)}
    found = network((1, 6), *nodes, **stored)
    assert found.tensors[found.outputs[0]].shape[-1] == 1


@pytest.mark.parametrize("flip", [0, 1])
def test_a_product_of_computed_matrices_keeps_its_bias_and_factors(flip: int) -> None:
    """onnxruntime makes a Gemm of MatMul and Add; its bias was lost (and told)."""
    shapes = {"left": np.array([2, 3]), "right": np.array([3, 2][:: -1 if flip else 1])}
    nodes = [node("Tanh", ["x"], ["m"]), node("Reshape", ["m", "left"], ["a"])]
    nodes += [node("Reshape", ["m", "right"], ["b"])]
    factors = {"transB": flip, "alpha": 0.5, "beta": 2.0}
    nodes += [node("Gemm", ["a", "b", "bias"], ["c"], **factors)]
    nodes += [node("Reshape", ["c", "row"], ["y"])]
    network((1, 6), *nodes, bias=weights(2), row=np.array([1, 4]), **shapes)


@pytest.mark.parametrize("bounds", [(-1, 1), (0, 6)])
def test_a_series_is_clipped(bounds: tuple[int, int]) -> None:
    low, high = (np.float32(b) for b in bounds)
    nodes = [node("Conv", ["x", "w"], ["a"]), node("Clip", ["a", "low", "high"], ["y"])]
    network((1, 2, 8), *nodes, w=weights(3, 2, 3), low=low, high=high)


@pytest.mark.parametrize("at", [[[0]], [[-1]], [[2], [0]], [[0, 1], [2, 0], [2, 1]]])
def test_rows_that_are_assigned_are_taken(at: list[list[int]]) -> None:
    """As torch exports `state[1] = new`."""
    size = 2 if len(at[0]) == 1 else 1
    nodes = [node("Gemm", ["x", "w"], ["a"]), node("Reshape", ["a", "row"], ["b"])]
    nodes += [node("Reshape", ["x", "rows"], ["c"])]
    nodes += [node("ScatterND", ["c", "at", "b"], ["d"])]
    nodes += [node("Reshape", ["d", "flat"], ["y"])]
    row = np.array([len(at), size] if size > 1 else [len(at)])
    sizes = {"row": row, "rows": np.array([3, 2]), "flat": np.array([1, 6])}
    network((1, 6), *nodes, w=weights(6, len(at) * size), at=np.array(at), **sizes)


def quantized_product() -> bytes:
    """One product between scales of its own, as quantize_static writes it."""
    nodes = [node("QuantizeLinear", ["x", "s", "z"], ["q"])]
    nodes += [node("DequantizeLinear", ["q", "s", "z"], ["a"])]
    nodes += [node("DequantizeLinear", ["w", "t", "z"], ["b"])]
    nodes += [node("MatMul", ["a", "b"], ["c"])]
    nodes += [node("QuantizeLinear", ["c", "u", "z"], ["p"])]
    nodes += [node("DequantizeLinear", ["p", "u", "z"], ["y"])]
    steps = np.random.default_rng(0).integers(-127, 128, (6, 4)).astype("i1")
    scales = {"s": 0.02, "t": 0.01, "u": 0.05}
    stored = {name: np.float32(scale) for name, scale in scales.items()}
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [value("x", TensorProto.FLOAT, (1, 6))],
        [value("y", TensorProto.FLOAT, (1, 4))],
        [
            numpy_helper.from_array(data, name)
            for name, data in (stored | {"w": steps, "z": np.int8(0)}).items()
        ],
    )
    opset = [helper.make_opsetid("", 17)]
    made = helper.make_model(graph, opset_imports=opset, ir_version=8)
    return made.SerializeToString()


def test_a_model_with_scales_of_its_own_is_held_to_onnxruntime(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = quantized_product()
    notes = conversion.convert("onnx", "", raw, "m.onnx", Options()).notes
    assert any("beside onnxruntime on 8 drawn inputs: 0.0" in n for n in notes), notes
    run = onnx_files.run
    monkeypatch.setattr(onnx_files, "run", lambda *given: [-run(*given)[0]])
    with pytest.raises(CheckFailed, match="of its span off the ONNX one"):
        conversion.convert("onnx", "", raw, "m.onnx", Options())
