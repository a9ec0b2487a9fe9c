"""Stages that run row by row: the same bytes, stage by stage, from less memory."""

from pathlib import Path

import numpy as np
import pytest

from export.arithmetic import winograd
from export.emit import generate, lower
from export.emit.engine import Engine
from export.graph.network import Network
from export.graph.read import read_tflite
from export.reference import int8
from tests.support.components import IDENTITY
from tests.support.native import Native
from tools.bench.drawn.networks import Generator
from tools.bench.drawn.values import SAME, VALID, Value

OPTIONS = ("-O0", "-fsanitize=undefined", "-fno-sanitize-recover")
INPUTS = 3


class Chained(Generator):
    """Large images first: convolutions, separable ones, sums with what came before."""

    extreme = False

    def conv(
        self, x: Value, channels: int = 0, size: int = 3, stride: int = 1
    ) -> Value:
        """A convolution, mostly with padding."""
        padding = SAME if stride == 1 else int(self.pick(SAME, VALID))
        o = {"padding": padding, "strideH": stride, "strideW": stride}
        o |= {"dilationHFactor": 1, "dilationWFactor": 1}
        channels = channels or x.shape[3]
        weights = self.weights((channels, size, size, x.shape[3]))
        out = (1, *self.spatial(x, size, size, o), channels)
        return self.weighted(x, "CONV_2D", weights, 0, out, **o)

    def separable(self, x: Value) -> Value:
        """Depthwise, then 1x1."""
        stride = self.integer(1, 2)
        o = {"padding": SAME, "strideH": stride, "strideW": stride}
        o |= {"dilationHFactor": 1, "dilationWFactor": 1}
        weights = self.weights((1, 3, 3, x.shape[3]))
        out = (1, *self.spatial(x, 3, 3, o), x.shape[3])
        o["depthMultiplier"] = 1
        y = self.weighted(x, "DEPTHWISE_CONV_2D", weights, 3, out, **o)
        return self.conv(y, self.integer(4, 20), 1)

    def residual(self, x: Value) -> Value:
        """One or two convolutions, and what they read added."""
        y = self.conv(x)
        if self.rng.integers(2):
            y = self.conv(y)
        z = self.value(x.shape, 2 * max(x.scale, y.scale), self.zero_point())
        both = [x.index, y.index] if self.rng.integers(2) else [y.index, x.index]
        self.operator("ADD", both, z)
        return z

    def projected(self, x: Value) -> Value:
        """Two convolutions, and a third of what they read added."""
        channels = self.integer(4, 14)
        y = self.conv(self.conv(x, channels), channels)
        other = self.conv(x, channels, 1)
        z = self.value(y.shape, 2 * max(other.scale, y.scale), self.zero_point())
        self.operator("ADD", [y.index, other.index], z)
        return z

    def build(self) -> bytes:
        side, wide = self.integer(20, 32), self.integer(20, 32)
        start = self.value((1, side, wide, self.integer(1, 3)), 1 / 255, -128)
        x = self.conv(start, self.integer(8, 14), 3, self.integer(1, 2))
        for _ in range(self.integer(2, 4)):
            kind = self.integer(0, 2)
            x = (self.separable, self.residual, self.projected)[kind](x)
        x = self.conv(x, self.integer(4, 8), 3, 2)
        x = self.fully_connected(self.flatten(self.mean(x)))
        return self.builder.build([start.index], [x.index])


def network(seed: int) -> Network:
    return read_tflite(Chained(seed).build(), "net")


def chained(engine: Engine) -> bool:
    return any("nn_rows_t" in line for line in engine.calls)


@pytest.mark.parametrize("seed", range(8))
def test_a_chain_gives_the_references_bytes(seed: int, tmp_path: Path) -> None:
    net, profile = network(seed), ("speed", "balanced", "size")[seed % 3]
    size = net.tensors[net.inputs[0]].size
    images = np.random.default_rng(seed).integers(0, 256, (INPUTS, size))
    generate.generate(net, None, tmp_path, profile, "net", IDENTITY)
    native = Native(tmp_path, tmp_path / "native", options=OPTIONS)
    found = native.run("int8", images.astype(np.uint8))
    inputs = (images - 128).astype(np.int8)
    inputs = inputs.reshape(-1, *net.tensors[net.inputs[0]].shape[1:])
    assert np.array_equal(found, int8.outputs(net, inputs).reshape(INPUTS, -1))
    used = native.touched("int8", images[0].astype(np.uint8))
    assert used <= native.plan.int8_arena_bytes


def test_most_of_these_networks_have_a_chain() -> None:
    engines = [lower.int8(network(seed), "balanced", "net") for seed in range(8)]
    assert sum(map(chained, engines)) >= 5
    for engine in engines:  # a chain's values are in use all at once, not whole
        used = [engine.memory.used(stage.number) for stage in engine.stages]
        assert engine.arena * 3 // 4 < max(used) <= engine.arena


def test_a_chain_does_without_tiles_where_their_sums_do_not_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(winograd, "fits", lambda transformed: False)
    engines = [lower.int8(network(seed), "speed", "net") for seed in range(3)]
    assert any(map(chained, engines))
    methods = {kernel.method for engine in engines for kernel in engine.kernels}
    assert "winograd" not in methods
