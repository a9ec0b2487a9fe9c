"""Two convolutions and an overlapping pool: what is kept of what is between them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.words import PROFILES
from export.emit import generate, lower
from export.graph.network import Network
from export.graph.read import read_tflite
from export.kernels.int8.strip import PooledStrip
from export.kernels.kernel import Kernel
from export.reference import int8
from export.reference.stages import stage_outputs
from tests.support.components import IDENTITY
from tests.support.native import Native
from tools.bench.drawn.typical import Typical, typical_image
from tools.bench.drawn.values import SAME, VALID

BETWEEN = 26 * 26 * 10  # bytes that the first convolution makes


class Deep(Typical):
    """As v3 begins: 28x28 pixels, ten channels twice, windows of 4x4."""

    def build(self) -> bytes:
        dense = {"dilationHFactor": 1, "dilationWFactor": 1, "padding": VALID}
        x = start = self.value((1, 28, 28, 1), 1 / 255, -128)
        for side, depth in ((26, 1), (24, 10)):
            weights = self.weights((10, 3, 3, depth))
            o = {"strideH": 1, "strideW": 1, **dense}
            x = self.weighted(x, "CONV_2D", weights, 0, (1, side, side, 10), **o)
        y = self.value((1, 12, 12, 10), x.scale, x.zero_point)
        pool = {"padding": SAME, "strideH": 2, "strideW": 2}
        pool |= {"filterHeight": 4, "filterWidth": 4}
        self.builder.operator("MAX_POOL_2D", [x.index], y.index, **pool)
        x = self.fully_connected(self.flatten(y))
        return self.builder.build([start.index], [x.index])


@pytest.fixture(scope="module")
def network() -> Network:
    return read_tflite(Deep(0).build(), "deep")


def preferring(method: str) -> Callable[[Kernel], float]:
    """A price by which the second convolution is made in one way."""

    def price(kernel: Kernel) -> float:
        other = kernel.stage.name == "conv2" and kernel.method != method
        return kernel.cost("xtensa") * (100 if other else 1)

    return price


@pytest.mark.parametrize(
    ("profile", "method"),
    [*((profile, "direct") for profile in PROFILES), ("speed", "winograd4")],
)
def test_what_is_between_them_is_never_stored_whole(
    profile: str, method: str, network: Network, tmp_path: Path
) -> None:
    price = preferring(method)
    plan = generate.generate(network, None, tmp_path, profile, "net", IDENTITY, price)
    names = [stage.name for stage in plan.stages]
    assert names == ["conv1", "conv2", "dense1"]
    assert plan.stages[1].method == method
    second = lower.int8(network, profile, "net", price).kernels[1]
    assert isinstance(second, PooledStrip)
    tiles = second.inner.scratch if method == "winograd4" else 0  # transformed, summed
    assert plan.int8_arena_bytes - tiles < BETWEEN
    if profile == "size":
        assert plan.int8_arena_bytes < BETWEEN // 2 + 12 * 12 * 10
    native = Native(tmp_path, tmp_path / "native")
    images = np.stack([typical_image(network, seed) for seed in range(20)])
    shaped = (images.astype(np.int16) - 128).astype(np.int8).reshape(-1, 28, 28, 1)
    expected = int8.outputs(network, shaped)
    found = native.run("int8", images)
    assert np.array_equal(found, expected.reshape(found.shape))
    wanted = stage_outputs(plan, network, images[0])
    for seen, value in zip(native.trace("int8", images[0]), wanted, strict=True):
        assert np.array_equal(seen, value), "the hook sees every row, in order"
    used = native.touched("int8", images[0])
    assert plan.int8_arena_bytes - 4 < used <= plan.int8_arena_bytes
