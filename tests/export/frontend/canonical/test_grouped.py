"""Convolutions of groups, and a depthwise one of a single channel."""

import numpy as np
import pytest

from tests.support.canonical import B, held


@pytest.mark.parametrize(("side", "convolutions"), [(3, 4), (12, 1)])
def test_groups_are_apart_where_that_saves_more_than_it_takes(
    side: int, convolutions: int
) -> None:
    b = B()
    rng = np.random.default_rng(2)
    data = rng.integers(-127, 128, (12, 3, 3, 4)).astype(np.int8)
    scales = rng.uniform(0.005, 0.02, 12)
    start, end = (b.tensor((1, side, side, n), 0.1, -7) for n in (16, 12))
    weights = b.tensor(data.shape, scales, 0, data)
    bias = b.tensor((12,), scales * 0.1, 0, rng.integers(-999, 999, 12), "int32")
    o = {"padding": 0, "strideH": 1, "strideW": 1, "fusedActivationFunction": 1}
    o |= {"dilationHFactor": 1, "dilationWFactor": 1}
    b.operator("CONV_2D", [start, weights, bias], end, **o)
    kinds = held(b.build([start], [end]))
    assert kinds.count("CONV_2D") == convolutions
    assert kinds.count("CONCATENATION") == (convolutions > 1)


@pytest.mark.parametrize("scales", [1, 8])
def test_a_depthwise_layer_of_one_channel_is_a_convolution(scales: int) -> None:
    """As TensorFlow's person_detect begins: kernels of every core know it so."""
    b, rng = B(), np.random.default_rng(3)
    data = rng.integers(-127, 128, (1, 3, 3, 8)).astype(np.int8)
    start, end = b.tensor((1, 9, 11, 1), 0.1, 5), b.tensor((1, 5, 6, 8), 0.2, -11)
    each = rng.uniform(0.005, 0.02, scales)
    weights = b.tensor(data.shape, each, 0, data, axis=3)
    bias = b.tensor((8,), 0.1 * each, 0, rng.integers(-999, 999, 8), "int32")
    o = {"padding": 0, "strideH": 2, "strideW": 2, "depthMultiplier": 8}
    o |= {"dilationHFactor": 1, "dilationWFactor": 1, "fusedActivationFunction": 3}
    b.operator("DEPTHWISE_CONV_2D", [start, weights, bias], end, **o)
    assert held(b.build([start], [end])) == ["CONV_2D"]
