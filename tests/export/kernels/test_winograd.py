"""F(2x2, 3x3): what it leaves to others, so that the bytes stay TFLite's."""

from pathlib import Path

import numpy as np

from export.emit import generate
from export.graph.fusion import plan_stages
from export.graph.network import Network
from export.graph.read import read_tflite
from export.kernels.int8.winograd import Winograd
from export.kernels.kernel import Kernel, Options
from export.reference import int8
from tests.support.components import IDENTITY
from tests.support.native import Native
from tools.bench.drawn.tflite_builder import TfliteBuilder


def convolution(out_scale: float) -> Network:
    """3x3 over 6x6x2; the scale of its output decides how it is requantised."""
    builder, random = TfliteBuilder(), np.random.default_rng(0)
    start = builder.tensor((1, 6, 6, 2), 1.0, -128)
    values = random.integers(-127, 128, (4, 3, 3, 2)).astype(np.int8)
    weights = builder.tensor(values.shape, 1.0, 0, values)
    end = builder.tensor((1, 4, 4, 4), out_scale)
    o = {"padding": 1, "strideH": 1, "strideW": 1}
    o |= {"dilationHFactor": 1, "dilationWFactor": 1}
    builder.operator("CONV_2D", [start, weights, -1], end, **o)
    return read_tflite(builder.build([start], [end]), "net")


def tiled_first(kernel: Kernel) -> float:
    """A price by which the tiles are taken wherever they can be."""
    return float(not isinstance(kernel, Winograd))


def test_sums_that_tflite_lets_wrap_around_are_not_tiled(tmp_path: Path) -> None:
    """The 64-bit form has no constants for sums that come four times too large."""
    usual, tiny = convolution(2.0**9), convolution(2.0**-13)
    options = Options("speed", "net", winograd=True)
    assert list(Winograd.ways(plan_stages(usual)[0], options))
    images = np.random.default_rng(1).integers(0, 256, (8, 72)).astype(np.uint8)
    generate.generate(tiny, None, tmp_path, "speed", "net", IDENTITY, tiled_first)
    found = Native(tmp_path, tmp_path / "native").run("int8", images)
    inputs = (images.astype(np.int16) - 128).astype(np.int8).reshape(-1, 6, 6, 2)
    assert np.array_equal(found, int8.outputs(tiny, inputs).reshape(8, -1))
