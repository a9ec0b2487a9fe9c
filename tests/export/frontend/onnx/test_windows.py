"""ONNX pools and transposed convolutions: every padding, held to onnxruntime."""

from typing import Any

import numpy as np
import pytest

from tests.export.frontend.onnx.test_padded_scaled import convert, node

pytestmark = pytest.mark.slow
LOW, HIGH = np.float32(-1), np.float32(-0.25)


def weights(*shape: int) -> np.ndarray:
    """Drawn ones."""
    return np.random.default_rng(0).normal(size=shape).astype("f4")


@pytest.mark.parametrize("windows", [(3, 2, [2, 2, 2, 2], 0), (3, 2, [1, 0, 1, 1], 1)])
@pytest.mark.parametrize("first", ["none", "clip", "pool"])
def test_a_maximum_is_of_what_is_there(first: str, windows: Any) -> None:
    """Of values below zero too: a border of zeros would be the greatest."""
    kernel, stride, pads, ceil = windows
    shape = {"strides": [stride] * 2, "pads": pads, "ceil_mode": ceil}
    last = node("MaxPool", ["a"], ["y"], kernel_shape=[kernel] * 2, **shape)
    clip = node("Clip", ["x", "low", "high"], ["b"])
    made = {
        "none": [node("Sub", ["x", "five"], ["a"])],
        "clip": [clip, node("Identity", ["b"], ["a"])],
        "pool": [clip, node("MaxPool", ["b"], ["a"], kernel_shape=[1, 1])],
    }[first]
    bounds = {"low": LOW, "high": HIGH}
    stored = {"five": np.float32(5)} if first == "none" else bounds
    convert(*made, last, opset=17, shape=(1, 2, 8, 7), **stored)


@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 0, 0, 1]])
@pytest.mark.parametrize("counted", [0, 1])
def test_what_ceil_mode_adds_to_a_border_never_counts(
    counted: int, pads: list[int]
) -> None:
    """As of torch's AvgPool2d(3, 2, ceil_mode=True), which counts its padding."""
    how = {"ceil_mode": 1, "count_include_pad": counted, "pads": pads}
    pool = node("AveragePool", ["x"], ["y"], kernel_shape=[3, 3], strides=[2, 2], **how)
    convert(pool, opset=19, shape=(1, 2, 8, 6))


SPREAD = [
    {"auto_pad": "SAME_UPPER"},
    {"auto_pad": "SAME_LOWER"},
    {"output_shape": [10, 8]},
    {"output_shape": [9, 7], "auto_pad": "SAME_UPPER"},
    {"group": 2},
    {"dilations": [2, 3], "pads": [1, 0, 2, 1]},
    {"output_padding": [1, 1], "pads": [1, 1, 1, 1]},
]


@pytest.mark.parametrize("how", SPREAD, ids=lambda how: "-".join(how))
def test_a_transposed_convolution_has_the_size_that_is_meant(how: Any) -> None:
    groups = how.get("group", 1)
    stored = {"w": weights(2, 4 // groups, 3, 3), "b": weights(4)}
    last = node("ConvTranspose", ["x", "w", "b"], ["y"], strides=[2, 2], **how)
    convert(last, opset=17, shape=(1, 2, 5, 4), **stored)


@pytest.mark.parametrize("how", [{}, {"pads": [1, 2], "output_padding": [1]}])
def test_a_series_may_be_spread(how: Any) -> None:
    last = node("ConvTranspose", ["x", "w"], ["y"], strides=[2], **how)
    convert(last, opset=17, shape=(1, 2, 5), w=weights(2, 3, 4))
