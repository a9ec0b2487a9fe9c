"""Folding keeps the function, and the exporters keep the bytes."""

import os

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import Esp8kError
from export.frontend.fold import fold
from export.pipeline import Artefacts
from tests.support.torch_models import Residual, shaken
from training.data import MEAN, STD
from training.models import build


@pytest.mark.parametrize("name", ["v1", "v2", "v3", "residual"])
def test_folding_keeps_the_function(name: str) -> None:
    model = shaken(Residual() if name == "residual" else build(name))
    folded = fold(model, MEAN, STD)
    pixels = torch.rand(16, 1, 28, 28)
    with torch.inference_mode():
        expected = model((pixels - MEAN) / STD)
        torch.testing.assert_close(folded(pixels), expected, atol=2e-5, rtol=1e-5)
    names = [type(m).__name__ for m in folded.modules()]
    assert "BatchNorm2d" not in names


def test_folding_leaves_the_given_model_alone() -> None:
    model = shaken(build("v2"))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    fold(model, MEAN, STD)
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]) and value.dtype == before[key].dtype


def test_a_padded_first_convolution_is_refused() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Flatten())
    with pytest.raises(Esp8kError, match="padded convolution"):
        fold(model, MEAN, STD)


def test_a_model_that_begins_otherwise_is_refused() -> None:
    with pytest.raises(Esp8kError, match="does not begin"):
        fold(nn.Sequential(nn.ReLU(), nn.Flatten()), MEAN, STD)


@pytest.mark.parametrize("slope", [-0.5, 0.1])
def test_the_pool_moves_before_a_rising_leaky_relu_only(slope: float) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.LeakyReLU(slope), nn.MaxPool2d(2))
    folded = fold(model, MEAN, STD)
    order = [n.target for n in folded.graph.nodes if n.op == "call_module"]
    assert order == (["0", "2", "1"] if slope > 0 else ["0", "1", "2"])
    pixels = torch.rand(2, 1, 9, 9)
    torch.testing.assert_close(folded(pixels), model((pixels - MEAN) / STD))


def test_onnx_carries_no_path_of_this_machine(artefacts: Artefacts) -> None:
    for name, content in artefacts.files.items():
        assert os.getcwd().encode() not in content, name
        assert b"site-packages" not in content, name


def test_int8_weights_agree_between_onnx_and_tflite(artefacts: Artefacts) -> None:
    import onnx
    from onnx import numpy_helper

    proto = onnx.load_from_string(artefacts.files["model_int8.onnx"])
    ours = [
        numpy_helper.to_array(t)
        for t in proto.graph.initializer
        if t.name.endswith("weight_quantized") and len(t.dims) == 4
    ]
    theirs = [
        artefacts.int8.tensors[op.inputs[1]].data
        for op in artefacts.int8.operators
        if op.kind == "CONV_2D"
    ]
    assert len(ours) == len(theirs) == 4
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a.transpose(0, 2, 3, 1), b)
