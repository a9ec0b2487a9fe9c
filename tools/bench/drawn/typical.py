"""Networks of the usual layers in usual sizes, drawn: what the cost model is for.

    network = typical_network(seed)

The weights of the model were fitted to the seeds of FITTED and FITTED_DIRECT; what the
model says of the others is tested.
"""

import math

import numpy as np

from export.graph.network import Network
from export.graph.read import read_tflite
from tools.bench.drawn.networks import Generator
from tools.bench.drawn.values import SAME, VALID, Value

FITTED = range(40)
FITTED_DIRECT = range(40, 120)  # in profile speed, without Winograd
HELD_OUT = range(2000, 2012)
MOST_MACS = 400_000  # of one layer: an emulator runs it
LAYERS = 5


class Typical(Generator):
    """Convolutions of growing depth, then one fully connected layer."""

    extreme = False

    def weights(self, shape: tuple[int, ...]) -> np.ndarray:
        """As training gives them: most are small."""
        drawn = self.rng.normal(0, 35, shape).round()
        return drawn.clip(-127, 127).astype(np.int8)

    def zero_point(self) -> int:
        return int(self.pick(-128, self.integer(-60, 40)))

    def layer(self, x: Value) -> Value:
        kind = self.integer(0, 9)
        if kind < 5:
            return self.square(x, 3, 1)
        if kind < 6:
            return self.square(x, 3, 2)
        if kind < 7:
            return self.square(x, 5, 1)
        if kind < 8:
            return self.square(x, 1, 1)
        return self.spread(x)

    def square(self, x: Value, size: int, stride: int) -> Value:
        """A convolution, perhaps with an activation and a max pool behind it."""
        padding = int(self.pick(VALID, VALID, SAME))
        o = {"padding": padding, "strideH": stride, "strideW": stride}
        o |= {"dilationHFactor": 1, "dilationWFactor": 1}
        if min(x.shape[1:3]) < size:
            return x
        height, width = self.spatial(x, size, size, o)
        cost = height * width * size * size * x.shape[3]
        most = min(24, MOST_MACS // cost)
        channels = self.integer(min(4, most), most) if most > 1 else 1
        weights = self.weights((channels, size, size, x.shape[3]))
        out = (1, height, width, channels)
        y = self.weighted(x, "CONV_2D", weights, 0, out, **o)
        if not self.rng.integers(3):
            z = self.value(y.shape, y.scale, y.zero_point)
            self.builder.operator("LEAKY_RELU", [y.index], z.index, alpha=0.1)
            y = z
        pools = min(y.shape[1:3]) > 3 and self.rng.integers(2)
        return self.halved(y) if pools else y

    def spread(self, x: Value) -> Value:
        """A 3x3 depthwise convolution."""
        if min(x.shape[1:3]) < 3:
            return x
        stride = self.integer(1, 2)
        padding = int(self.pick(SAME, VALID))
        o = {"padding": padding, "strideH": stride, "strideW": stride}
        o |= {"dilationHFactor": 1, "dilationWFactor": 1}
        out = (1, *self.spatial(x, 3, 3, o), x.shape[3])
        weights = self.weights((1, 3, 3, x.shape[3]))
        o["depthMultiplier"] = 1
        return self.weighted(x, "DEPTHWISE_CONV_2D", weights, 3, out, **o)

    def build(self) -> bytes:
        side = self.integer(8, 24)
        shape = (1, side, side, int(self.pick(1, 3, self.integer(2, 16))))
        x = start = self.value(shape, 1 / 255, -128)
        for _ in range(LAYERS):
            x = self.layer(x)
        if math.prod(x.shape) > 2000:
            x = self.mean(x)
        x = self.fully_connected(self.flatten(x))
        return self.builder.build([start.index], [x.index])


def typical_network(seed: int) -> Network:
    """A random network of usual layers."""
    return read_tflite(Typical(seed).build(), f"typical{seed}")


def typical_image(network: Network, seed: int) -> np.ndarray:
    """Raw bytes for its input."""
    size = network.tensors[network.inputs[0]].size
    return np.random.default_rng([seed, 2]).integers(0, 256, size).astype(np.uint8)
