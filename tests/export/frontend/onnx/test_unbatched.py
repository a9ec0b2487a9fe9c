"""ONNX models with an end that has no batch in front: vectors, states of layers."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.errors import Esp8kError
from export.compile import compile_model
from export.frontend import conversion
from export.frontend.onnx import files as onnx_files
from export.frontend.taken import Options, Taken

LINEAR = {"linear_before_reset": 1}  # as PyTorch has it
Ends = dict[str, tuple[int | str, ...] | None]


def graph(nodes: list[onnx.NodeProto], starts: Ends, ends: Ends) -> onnx.ModelProto:
    """A model of these nodes, with weights w (6, 4) and v (4, 4)."""
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(size=(6, 4)), "v": rng.normal(size=(4, 4))}
    constants = [
        *(numpy_helper.from_array(w.astype("f4"), n) for n, w in weights.items()),
        numpy_helper.from_array(np.array([0], np.int64), "zero"),
        numpy_helper.from_array(np.array([1], np.int64), "one"),
    ]
    value = helper.make_tensor_value_info
    made = helper.make_graph(
        nodes,
        "g",
        [value(name, TensorProto.FLOAT, shape) for name, shape in starts.items()],
        [value(name, TensorProto.FLOAT, shape) for name, shape in ends.items()],
        constants,
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(made, opset_imports=opset, ir_version=8)


def actor(shape: tuple[int | str, ...]) -> onnx.ModelProto:
    """What PyTorch exports of an actor that was given one vector."""
    node = helper.make_node
    nodes = [node("MatMul", ["x", "w"], ["a"]), node("Tanh", ["a"], ["b"])]
    nodes += [node("MatMul", ["b", "v"], ["c"]), node("Concat", ["c", "b"], ["y"])]
    nodes[-1].attribute.append(helper.make_attribute("axis", 0))
    return graph(nodes, {"x": shape}, {"y": None})


def ended(*last: onnx.NodeProto) -> onnx.ModelProto:
    """A layer and what takes the batch away behind it."""
    node = helper.make_node("MatMul", ["x", "w"], ["a"])
    return graph([node, *last], {"x": ("batch", 6)}, {"y": None})


def layers() -> onnx.ModelProto:
    """A step of three recurrent layers: their states stand before the batch."""
    node = helper.make_node
    nodes = [
        node("MatMul", ["x", "w"], ["a"]),
        node("MatMul", ["h", "v"], ["b"]),
        node("Add", ["a", "b"], ["c"]),
        node("Tanh", ["c"], ["new"]),
        node("ReduceMean", ["new"], ["y"], axes=[0], keepdims=0),
    ]
    starts: Ends = {"x": (1, 6), "h": (3, 1, 4)}
    return graph(nodes, starts, {"y": None, "new": None})


def recurrent(kind: str) -> onnx.ModelProto:
    """A layer of two directions, whose state is given and given back."""
    rng, node = np.random.default_rng(3), helper.make_node
    gates, states = {"GRU": (3, ["h"]), "LSTM": (4, ["h", "c"])}[kind]
    sizes = {"wx": (2, gates * 5, 6), "wh": (2, gates * 5, 5), "wb": (2, gates * 10)}
    stored = [
        numpy_helper.from_array(rng.normal(0, 0.5, size=s).astype("f4"), n)
        for n, s in sizes.items()
    ]
    ends = ["", *(f"new_{name}" for name in states)]
    layer = node(kind, ["x", *sizes, "", *states], ends, hidden_size=5)
    more = {"direction": "bidirectional"} | ({} if gates == 4 else LINEAR)
    layer.attribute.extend(helper.make_attribute(n, v) for n, v in more.items())
    starts: Ends = {"x": (1, 1, 6)} | dict.fromkeys(states, (2, 1, 5))
    proto = graph([layer], starts, dict.fromkeys(ends[1:]))
    proto.graph.initializer.extend(stored)
    return proto


def taken(proto: onnx.ModelProto, folder: Path, *shapes: tuple[int, ...]) -> Taken:
    """Converted by drawn inputs, one array for each input."""
    rng = np.random.default_rng(1)
    drawn = [rng.normal(size=(16, *shape)).astype("f4") for shape in shapes]
    np.savez(folder / "i.npz", *drawn)
    options = Options(folder / "i.npz")
    return conversion.convert("onnx", "", proto.SerializeToString(), "m", options)


def exact(found: Taken, folder: Path) -> bool:
    """Whether what was taken is the float model's function, and its C exact."""
    assert max(cost.mean / cost.span for cost in found.costs) < 0.02
    made = compile_model(found.model, "net", "net", folder / "c", "size")
    return made.compared_with == "the integer reference and TFLite Micro"


def test_a_vector_without_a_batch_is_taken(tmp_path: Path) -> None:
    found = taken(actor((6,)), tmp_path, (6,))
    told = "x, of the shape (6,), has no batch in front: here it is (1, 6)"
    assert told in found.notes
    assert exact(found, tmp_path)


def test_an_open_vector_is_asked_for() -> None:
    """Its one size is no batch, whatever it is called."""
    raw = actor(("batch_size",)).SerializeToString()
    with pytest.raises(Esp8kError, match="open: batch_size") as caught:
        onnx_files.read(raw, None, "m.onnx", None)
    assert "--input-shape BATCH_SIZE" in caught.value.hint
    assert onnx_files.read(raw, None, "m.onnx", (6,)).inputs[0].shape == (1, 6)


@pytest.mark.parametrize("axes", [["zero"], ["one"], []])
def test_an_output_whose_batch_is_taken_away_is_compared(
    tmp_path: Path, axes: list[str]
) -> None:
    """y[0], y.squeeze(-1), y.squeeze(): a row, a vector of one, a number."""
    mean = helper.make_node("ReduceMean", ["a"], ["m"], axes=[1], keepdims=1)
    source = "a" if axes == ["zero"] else "m"
    last = helper.make_node("Squeeze", [source, *axes], ["y"])
    nodes = (last,) if source == "a" else (mean, last)
    assert exact(taken(ended(*nodes), tmp_path, (6,)), tmp_path)


def test_states_of_several_layers_are_taken(tmp_path: Path) -> None:
    assert exact(taken(layers(), tmp_path, (6,), (3, 4)), tmp_path)


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_a_layer_may_be_given_its_state(tmp_path: Path, kind: str) -> None:
    shapes = [(1, 6), (2, 5), (2, 5)][: 2 + (kind == "LSTM")]
    assert exact(taken(recurrent(kind), tmp_path, *shapes), tmp_path)


def test_both_ends_of_a_layer_are_compared_as_they_are(tmp_path: Path) -> None:
    """All steps and the last state: TensorFlow leaves the latter float in the file.

    Its cost was that of the float number times the scale, a third of its span.
    """
    rng, node = np.random.default_rng(0), helper.make_node
    sizes = {"wx": (1, 4, 6), "wh": (1, 4, 4)}
    proto = graph(
        [node("RNN", ["x", *sizes], ["y", "last"], hidden_size=4)],
        {"x": (3, 1, 6)},
        {"y": None, "last": None},
    )
    proto.graph.initializer.extend(
        numpy_helper.from_array(rng.normal(0, 0.5, size=s).astype("f4"), n)
        for n, s in sizes.items()
    )
    found = taken(proto, tmp_path, (3, 6))
    assert len(found.costs) == 2
    assert exact(found, tmp_path)


def test_the_cost_of_a_class_is_how_often_it_is_the_same(tmp_path: Path) -> None:
    last = helper.make_node("ArgMax", ["a"], ["y"], axis=1, keepdims=0)
    proto = ended(last)
    proto.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    (cost,) = taken(proto, tmp_path, (6,)).costs
    assert cost.agreement is not None and cost.agreement > 0.8
    assert cost.largest <= 3  # of four classes


@pytest.mark.parametrize("shape", [(2, 1, 4), (1, 4)])
def test_a_state_of_another_shape_is_refused(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    sizes = {"wx": (1, 4, 6), "wh": (1, 4, 4)}
    layer = helper.make_node("RNN", ["x", *sizes, "", "", "h"], ["y"], hidden_size=4)
    proto = graph([layer], {"x": (1, 1, 6), "h": shape}, {"y": None})
    proto.graph.initializer.extend(
        numpy_helper.from_array(np.ones(s, "f4"), n) for n, s in sizes.items()
    )
    body = tuple(n for n in shape if n != 1)
    with pytest.raises(Esp8kError, match="onnxruntime cannot run"):
        taken(proto, tmp_path, (6,), body)


def test_an_input_that_nothing_reads_is_named(tmp_path: Path) -> None:
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    proto = graph([node], {"x": (1, 6), "rest": (1, 3)}, {"y": None})
    with pytest.raises(Esp8kError, match="nothing reads the ONNX input rest"):
        taken(proto, tmp_path, (6,), (3,))


def test_what_is_computed_may_be_added_to_a_product(tmp_path: Path) -> None:
    """onnxruntime makes one Gemm of x + v x; and the input is an output, too."""
    nodes = [helper.make_node("MatMul", ["x", "v"], ["a"])]
    nodes += [helper.make_node("Add", ["x", "a"], ["y"])]
    proto = graph(nodes, {"x": (1, 4)}, {"y": None, "x": None})
    assert exact(taken(proto, tmp_path, (4,)), tmp_path)


def test_what_is_read_is_the_same_function() -> None:
    proto = layers()
    opened = onnx_files.read(proto.SerializeToString(), None, "m.onnx", None)
    assert [one.shape for one in opened.inputs] == [(1, 6), (1, 3, 4)]
    rng = np.random.default_rng(2)
    given = [rng.normal(size=(2, *one.shape[1:])).astype("f4") for one in opened.inputs]
    found = onnx_files.run(opened.proto, tuple(given))
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    for number in range(2):
        feeds = {"x": given[0][number][None], "h": given[1][number][:, None]}
        for ours, theirs in zip(found, session.run(None, feeds), strict=True):
            np.testing.assert_allclose(ours[number], theirs.reshape(ours[number].shape))
