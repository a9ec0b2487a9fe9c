"""ONNX to TFLite: the same function, and only operators that the chip knows."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from core.errors import Esp8kError
from export.frontend import conversion
from export.frontend.onnx import files as onnx_files
from export.frontend.onnx import static as onnx_static
from export.frontend.onnx_export import export_onnx
from export.frontend.support import require_supported
from export.frontend.taken import Options
from export.frontend.tflite.convert import convert_quantized, from_onnx
from export.frontend.tflite.run import run
from export.graph.read import read_tflite
from export.pipeline import Artefacts
from export.reference import int8, tflm
from export.verify import quantized_input, tflite_logits
from tests.support import oracle
from tests.support.torch_models import Residual, shaken

SHAPE = (1, 1, 28, 28)
node = onnx.helper.make_node


class Wide(nn.Module):
    """Strides with torch's symmetric padding, concatenation, gates, averages."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, stride=2, padding=1)  # a PAD in TFLite
        self.left = nn.Conv2d(4, 3, 3, padding=1)
        self.right = nn.Conv2d(4, 5, 1)
        self.gate = nn.Conv2d(8, 8, 1)
        self.pool = nn.AvgPool2d(2)
        self.head = nn.Linear(8 * 7 * 7, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        x = torch.cat([torch.tanh(self.left(x)), self.right(x)], 1)
        x = self.pool(x * torch.sigmoid(self.gate(x)))
        return torch.softmax(self.head(torch.flatten(x, 1)), 1)


class Normed(nn.Module):
    """A padded max pool, a batch norm behind no convolution, a global average."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 5, stride=3)
        self.most = nn.MaxPool2d(4, stride=2, padding=1)  # 8x8: TFLite's SAME
        self.norm = nn.BatchNorm2d(6)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(6, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.most(torch.clamp(self.stem(x), 0, 6)))
        return self.head(self.pool(x).flatten(1))


slow = pytest.mark.slow


@pytest.mark.parametrize(
    "kind", [Residual, pytest.param(Wide, marks=slow), pytest.param(Normed, marks=slow)]
)
def test_a_network_survives_the_conversion(kind: Callable[[], nn.Module]) -> None:
    torch.manual_seed(3)
    model = shaken(kind())
    exported = export_onnx(model, SHAPE)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 28, 28)).astype(np.uint8)
    floats = pixels[:, None] / np.float32(255)
    with torch.inference_mode():
        expected = model(torch.from_numpy(floats)).numpy()
    half = tflite_logits(from_onnx(exported), pixels)
    np.testing.assert_allclose(half, expected, atol=5e-3, rtol=5e-3)

    model8 = from_onnx(exported, floats)
    network = read_tflite(model8, kind.__name__)
    require_supported(network)
    assert "TRANSPOSE" not in {op.kind for op in network.operators}
    if tflm.available():
        oracle.compare(model8, quantized_input(network, pixels), kind.__name__)


@pytest.mark.slow
def test_a_quantized_onnx_keeps_its_scales(
    artefacts: Artefacts, calibration: np.ndarray
) -> None:
    model = artefacts.files["model_int8.onnx"]
    opened = onnx_files.read(model, None, "model.onnx", None)
    assert opened.quantized
    network = read_tflite(convert_quantized(opened.proto)[0], "qdq")
    require_supported(network)
    images = calibration[:20]
    expected = onnx_files.run(opened.proto, (images,))[0]
    out = network.tensors[network.outputs[0]]
    start = network.tensors[network.inputs[0]]
    steps = np.round(images.transpose(0, 2, 3, 1) / start.scale) + start.zero_point
    found = int8.outputs(network, np.clip(steps, -128, 127).astype(np.int8))
    real = (found.astype(np.float32) - out.zero_point) * out.scale
    assert np.abs(real - expected).max() <= 3 * out.scale


def scaled(*inner: onnx.NodeProto, zero: tuple[str, ...] = ("z",)) -> onnx.ModelProto:
    """A graph from x to y, quantized at both ends: q and b are integers."""
    pair = ["s", *zero]
    first = [node("QuantizeLinear", ["x", *pair], ["q"])]
    last = [
        node("QuantizeLinear", ["a", *pair], ["b"]),
        node("DequantizeLinear", ["b", *pair], ["y"]),
    ]
    proto = graph_of(*first, *inner, *last)
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.array(value, kind), name)
        for name, value, kind in (
            *(("s", 0.05, np.float32), ("wide", 0.1, np.float32)),
            *(("z", 3, np.int8), ("far", 20, np.int8)),
        )
    )
    return proto


BACK = node("DequantizeLinear", ["q", "s", "z"], ["d"])


@pytest.mark.parametrize(
    ("inner", "why"),
    [
        ([node("DequantizeLinear", ["q", "wide", "z"], ["d"])], "another scale"),
        ([node("DequantizeLinear", ["q", "s", "far"], ["d"])], "another zero point"),
        ([node("DequantizeLinear", ["q", "s"], ["d"])], "another zero point"),
        (
            [
                node("Neg", ["q"], ["n"]),
                node("DequantizeLinear", ["n", "s", "z"], ["d"]),
            ],
            "Neg computes with integers",
        ),
        (
            [BACK, node("Cast", ["d"], ["i"], to=6), node("Cast", ["i"], ["e"], to=1)],
            "real numbers to others",
        ),
    ],
)
def test_what_a_quantized_onnx_does_to_integers_is_not_passed_over(
    inner: list[onnx.NodeProto], why: str
) -> None:
    """Each was taken for the same real numbers: another function, without a word."""
    last = node("Relu", [inner[-1].output[0]], ["a"])
    with pytest.raises(Esp8kError, match=why):
        convert_quantized(scaled(*inner, last).SerializeToString())


def test_a_zero_point_that_is_not_told_is_a_uint8() -> None:
    """It was taken for 0 of int8: half of the numbers were cut off."""
    inner = node("DequantizeLinear", ["q", "s"], ["d"]), node("Relu", ["d"], ["a"])
    raw = scaled(*inner, zero=()).SerializeToString()
    network = read_tflite(convert_quantized(raw)[0], "net")
    assert network.tensors[network.inputs[0]].zero_point == -128


def test_a_quantized_onnx_may_end_with_a_class() -> None:
    """Its index was brought to real numbers by a scale, and called a bug of ours."""
    proto = scaled(BACK, node("Relu", ["d"], ["a"]))
    proto.graph.node.extend(
        [
            node("Flatten", ["y"], ["row"]),
            node("ArgMax", ["row"], ["at"], axis=1, keepdims=0),
        ]
    )
    proto.graph.output[0].CopyFrom(
        onnx.helper.make_tensor_value_info("at", onnx.TensorProto.INT64, None)
    )
    proto.opset_import[0].version, proto.ir_version = 17, 8  # as onnxruntime has them
    raw = proto.SerializeToString()
    found = conversion.convert("onnx", "", raw, "net", Options())
    assert any("of its span off on average" in note for note in found.notes)


def test_positions_are_of_the_type_that_tflite_micro_knows() -> None:
    at = onnx.helper.make_tensor("", onnx.TensorProto.INT64, [2], [3, -1])
    nodes = node("Constant", [], ["at"], value=at), node("Gather", ["x", "at"], ["y"])
    nodes[1].attribute.append(onnx.helper.make_attribute("axis", 3))
    model = from_onnx(graph_of(*nodes).SerializeToString())
    network = read_tflite(model, "net")
    gather = next(op for op in network.operators if op.kind == "GATHER")
    assert network.tensors[gather.inputs[1]].dtype == "int32"


def test_one_position_is_a_slice() -> None:
    """As of a recurrent layer's last row; of int16 TFLite Micro has no GATHER."""
    at = onnx.helper.make_tensor("", onnx.TensorProto.INT64, [], [-1])
    proto = graph_of(
        node("Constant", [], ["at"], value=at),
        node("Gather", ["x", "at"], ["y"], axis=2),
    )
    raw = from_onnx(proto.SerializeToString())
    kinds = {op.kind for op in read_tflite(raw, "net").operators}
    assert "STRIDED_SLICE" in kinds and "GATHER" not in kinds
    x = np.random.default_rng(0).normal(size=(1, 4, 8, 8)).astype(np.float32)
    expected = x[:, :, -1]
    (found,) = run(raw, (np.moveaxis(x, 1, -1),))
    assert np.allclose(found.reshape(expected.shape), expected)


def test_shapes_that_a_graph_computes_of_itself_are_constants() -> None:
    """As torch writes flatten(1) where the batch is open."""
    one = onnx.helper.make_tensor("", onnx.TensorProto.INT64, [1], [-1])
    nodes = [
        node("Constant", [], ["rest"], value=one),
        node("Shape", ["x"], ["shape"], start=0, end=1),
        node("Concat", ["shape", "rest"], ["wanted"], axis=0),
        node("Relu", ["x"], ["a"]),
        node("Reshape", ["a", "wanted"], ["y"]),
    ]
    found = onnx_static.folded(graph_of(*nodes))
    assert [one.op_type for one in found.graph.node] == ["Relu", "Reshape"]
    values = {t.name: onnx.numpy_helper.to_array(t) for t in found.graph.initializer}
    assert values["wanted"].tolist() == [1, -1]
    assert onnx_static.folded(found) is found


# ==== What has no form ====


def graph_of(*nodes: onnx.NodeProto, **weights: np.ndarray) -> onnx.ModelProto:
    """A model from "x" (1, 4, 8, 8) to "y"."""
    image = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        list(nodes),
        "test",
        [onnx.helper.make_tensor_value_info("x", image, (1, 4, 8, 8))],
        [onnx.helper.make_tensor_value_info("y", image, None)],
        [numpy_helper.from_array(w.astype(np.float32), k) for k, w in weights.items()],
    )
    return onnx.helper.make_model(graph)


def refused(match: str, *nodes: onnx.NodeProto, **weights: np.ndarray) -> None:
    """The mapper names what it does not take, and what would help."""
    with pytest.raises(Esp8kError, match=match) as caught:
        from_onnx(graph_of(*nodes, **weights).SerializeToString())
    assert caught.value.hint and caught.value.code == 2


def test_a_resize_by_curves_is_refused() -> None:
    resize = node("Resize", ["x", "", "s"], ["y"], mode="cubic")
    refused("cubic|shape", resize, s=np.array([1, 1, 2, 2]))


def test_an_operator_without_a_form_is_named() -> None:
    refused("ONNX operator Erf", node("Erf", ["x"], ["y"]))
