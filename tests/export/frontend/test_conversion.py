"""Keras files and torch functions, end to end: quantized, held to TFLite Micro."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from core.errors import CheckFailed, Esp8kError
from export.compile import compile_model
from export.frontend import conversion, costs, lstm_layer
from export.frontend.sources import Options, load
from export.frontend.taken import Taken
from export.frontend.tensorflow import tensorflow
from export.frontend.tflite.convert import from_keras, from_onnx
from export.graph.read import read_tflite
from tools.bench.drawn.tflite_builder import TfliteBuilder

pytestmark = pytest.mark.slow


TORCH = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Sequential(nn.Conv1d(4, 8, 3, groups=2), nn.GELU())
        self.norm = nn.LayerNorm(8)
        self.last = nn.LSTM(8, 3, batch_first=True)

    def forward(self, x):
        x = self.norm(self.conv(x).transpose(1, 2))
        return torch.log_softmax(self.last(x)[0][:, -1], 1)


def build():
    return Net()


def nothing():
    return 7


def broken():
    raise ValueError("no weights")
"""


def inputs(folder: Path, *shape: int) -> Options:
    """Calibration inputs (N, *shape)."""
    values = np.random.default_rng(0).normal(size=(16, *shape)).astype(np.float32)
    np.save(folder / "inputs.npy", values)
    return Options(folder / "inputs.npy")


def kinds(taken: Taken, folder: Path) -> str:
    """What the compiled model was held to."""
    return compile_model(taken.model, "net", "net", folder / "c", "size").compared_with


def keras_file(path: Path) -> Path:
    """A CNN with what a converter folds, and recurrent layers."""
    layers = tensorflow().keras.layers
    model = tensorflow().keras.Sequential(
        [
            tensorflow().keras.Input((6, 4)),
            layers.Conv1D(5, 3),
            layers.BatchNormalization(),
            layers.Dropout(0.1),
            layers.LSTM(3, return_sequences=True),
            layers.GRU(3),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.save(path)
    return path


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_keras_file_is_quantized(tmp_path: Path, suffix: str) -> None:
    path = keras_file(tmp_path / f"net.{suffix}")
    taken = conversion.convert(
        "keras", str(path), path.read_bytes(), "net", inputs(tmp_path, 6, 4)
    )
    assert any("1 recurrent layer is written out" in note for note in taken.notes)
    assert lstm_layer.count(taken.model) == 1
    assert taken.costs[0].agreement is not None and taken.costs[0].agreement > 0.7
    if suffix == "keras":  # of the other one are the same operators
        assert kinds(taken, tmp_path) == "the integer reference and TFLite Micro"


def test_a_torch_function_is_quantized(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(TORCH)
    options = inputs(tmp_path, 4, 6)
    options = Options(options.calibration, input_shape=(1, 4, 6))
    taken = load(f"{tmp_path / 'own.py'}:build", options)
    assert taken.costs[0].agreement is not None and taken.costs[0].agreement > 0.7
    assert "GELU" in str(kinds(taken, tmp_path))


TWO = """
import torch
from torch import nn


class Step(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.cell = nn.GRUCell(5, 3)
        self.end = nn.Linear(3, 2)

    def forward(self, sound, before):
        state = self.cell(sound, before)
        return self.end(state), state
"""


def two_inputs(folder: Path) -> tuple[Options, np.ndarray, np.ndarray]:
    """Calibration of two inputs, named against the order of the alphabet."""
    rng = np.random.default_rng(0)
    sound = rng.normal(size=(24, 5)).astype(np.float32)
    before = np.tanh(rng.normal(size=(24, 3))).astype(np.float32)
    np.savez(folder / "two.npz", before=before, sound=sound)
    return Options(folder / "two.npz"), sound, before


def test_twelve_outputs_of_a_keras_model_keep_their_order() -> None:
    tf = tensorflow()
    x = tf.keras.Input(batch_shape=(1, 4))
    units = (2, 3, *range(4, 14))
    made = [tf.keras.layers.Dense(n, name=f"z{20 - n}")(x) for n in units]
    raw = from_keras(tf, tf.keras.Model(x, made))
    network = read_tflite(raw, "net")
    assert [network.tensors[i].shape for i in network.outputs] == [
        (1, n) for n in units
    ]


def test_two_inputs_of_a_keras_model_keep_their_order(tmp_path: Path) -> None:
    keras = tensorflow().keras
    keras.utils.set_random_seed(0)
    sound = keras.Input((5,), name="sound")
    before = keras.Input((3,), name="before")
    own = keras.layers.Dense(3, use_bias=False)(sound)
    state = keras.layers.Activation("tanh")(own + keras.layers.Dense(3)(before))
    ends = [keras.layers.Dense(2)(state), state]
    path = tmp_path / "step.keras"
    keras.Model([sound, before], ends).save(path)
    options, *_ = two_inputs(tmp_path)
    taken = conversion.convert("keras", str(path), path.read_bytes(), "step", options)
    network = read_tflite(taken.model, "step")
    assert [network.tensors[i].shape for i in network.inputs] == [(1, 5), (1, 3)]
    assert [network.tensors[i].shape for i in network.outputs] == [(1, 2), (1, 3)]
    assert max(cost.mean / cost.span for cost in taken.costs) < 0.02
    assert kinds(taken, tmp_path) == "the integer reference and TFLite Micro"


def test_outputs_of_a_keras_model_keep_their_order(tmp_path: Path) -> None:
    """A converter of Keras models gives two of one input in turned order."""
    keras = tensorflow().keras
    start, path = keras.Input((4,)), tmp_path / "heads.keras"
    names, sizes = ("class", "boxes", "age", "score"), [3, 4, 2, 1]
    heads = zip(names, sizes, strict=True)
    ends = [keras.layers.Dense(size, name=name)(start) for name, size in heads]
    keras.Model(start, ends).save(path)
    raw, drawn = path.read_bytes(), Options(drawn=True)
    network = read_tflite(conversion.convert("keras", "", raw, "a", drawn).model, "a")
    found = [network.tensors[i].shape for i in network.outputs]
    assert found == [(1, size) for size in sizes]


def test_a_keras_model_is_held_to_what_it_computes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keras = tensorflow().keras
    path = tmp_path / "net.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save(path)
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    wrong = from_keras(tensorflow(), other)
    monkeypatch.setattr(conversion, "from_keras", lambda *_: wrong)
    with pytest.raises(CheckFailed, match="off the Keras one"):
        raw = path.read_bytes()
        conversion.convert("keras", "", raw, "a", Options(drawn=True))


def test_two_inputs_of_an_onnx_file_go_to_their_places(tmp_path: Path) -> None:
    """A GRU's cell, its state a second input and a second output."""
    import torch

    space: dict[str, Any] = {}
    exec(TWO, space)
    options, sound, before = two_inputs(tmp_path)
    given = (torch.from_numpy(sound[:1]), torch.from_numpy(before[:1]))
    path = tmp_path / "step.onnx"
    names = {"input_names": ["sound", "before"], "output_names": ["y", "state"]}
    torch.onnx.export(space["Step"]().eval(), given, path, dynamo=False, **names)
    taken = conversion.convert("onnx", str(path), path.read_bytes(), "step", options)
    assert len(taken.costs) == 2
    assert max(cost.mean / cost.span for cost in taken.costs) < 0.02
    assert kinds(taken, tmp_path) == "the integer reference and TFLite Micro"


def test_what_is_split_off_and_not_read_leaves_nothing_float() -> None:
    """Of a SPLIT with an unread output TensorFlow quantizes what it likes."""
    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    nodes = [
        node("Split", ["x"], ["a", "b", "c"], axis=1, num_outputs=3),
        node("Tanh", ["a"], ["t"]),
        node("Sigmoid", ["c"], ["s"]),
        node("Mul", ["t", "s"], ["y"]),
    ]
    ends = [[value("x", 1, (1, 12))], [value("y", 1, (1, 4))]]
    graph = onnx.helper.make_graph(nodes, "parts", *ends)
    opsets = [onnx.helper.make_opsetid("", 18)]
    model = onnx.helper.make_model(graph, ir_version=8, opset_imports=opsets)
    given = np.random.default_rng(0).normal(size=(16, 12)).astype(np.float32)
    quantized = from_onnx(model.SerializeToString(), given)
    kinds = [op.kind for op in read_tflite(quantized, "parts").operators]
    assert not {"SPLIT", "DEQUANTIZE"} & set(kinds), kinds


@pytest.mark.parametrize(
    ("function", "what"),
    [
        ("nothing", "gives a int, no torch.nn.Module"),
        ("broken", "raises ValueError: no weights"),
        ("absent", "there is no"),
    ],
)
def test_what_a_function_gives_is_named(
    tmp_path: Path, function: str, what: str
) -> None:
    (tmp_path / "own.py").write_text(TORCH)
    options = Options(input_shape=(1, 4, 6))
    source = f"{tmp_path / 'own.py'}:{function}"
    with pytest.raises(Esp8kError, match=what):
        conversion.convert("torch", source, b"", "own", options)


def test_a_value_that_was_always_zero_is_named_before_tensorflow_ends() -> None:
    b = TfliteBuilder()
    start, end = b.tensor((1, 8), 0.01), b.tensor((1, 8), 4.6e-41, -128)
    b.operator("ADD", [start, start], end)
    model, inputs = b.build([start], [end]), (np.zeros((1, 1, 8), np.float32),)
    with pytest.raises(Esp8kError, match="ADD .*output scale is too small") as caught:
        costs.measured(model, model, {"calibration": inputs})
    assert "calibration" in caught.value.hint
