"""Random small int8 networks over every supported operator.

    model = random_network(seed)                  # the bytes of a .tflite
    images = random_inputs(network, seed, 8)      # int8, extremes among them

Shapes, strides, paddings, channel counts, activations, scales and zero points are
drawn by `values`, one operator by `operators`, and here which follows which. A part of
the convolutions is of the kind that the generator has a quicker way for: 3x3 of stride
1, with a max pool behind it.
"""

import math
from collections.abc import Callable

import numpy as np

from export.graph.network import Network
from tools.bench.drawn.operators import Operators
from tools.bench.drawn.values import SAME, VALID, Value

SOFTMAX_LIMIT = 256  # classes; TFLite Micro aborts where the sum of exps reaches 512
SOFTMAX_SCALE = 2.0**-25  # below it TFLite Micro aborts too (beta is at least 0.5)


class Generator(Operators):
    """One random network."""

    def usual(self, x: Value) -> Value:
        """A 3x3 of stride 1 as in most networks, perhaps activated and pooled."""
        if min(x.shape[1:3]) < 4:
            return self.conv(x)
        plain = {"padding": VALID, "strideH": 1, "strideW": 1}
        plain["padding"] = int(self.pick(VALID, VALID, SAME))
        dense = {"dilationHFactor": 1, "dilationWFactor": 1}
        y = self.convolved(x, 3, 3, plain | dense)
        if not self.rng.integers(3):
            y = self.unary(y)
        elif not self.rng.integers(3):
            y = self.normalised(y)
        if self.rng.integers(2) or min(y.shape[1:3]) < 2:
            return y
        return self.halved(y)

    def deep(self, x: Value) -> Value:
        """Two 3x3 convolutions and a pool of overlapping windows, as v3 begins."""
        plain = {"padding": VALID, "strideH": 1, "strideW": 1}
        plain |= {"dilationHFactor": 1, "dilationWFactor": 1}
        for _ in range(2):
            x = self.convolved(x, 3, 3, plain)
            if not self.rng.integers(3):
                x = self.unary(x)
        return self.halved(x, 4)

    def depthwise(self, x: Value) -> Value:
        kh, kw, o = self.window(x)
        if min(x.shape[1:3]) >= 3 and self.rng.integers(2):
            kh = kw = 3  # as nearly all are that people have
        self.dilate(x, kh, kw, o)
        times = int(self.pick(1, 1, 2, 3))
        channels = x.shape[3] * times
        weights = self.weights((1, kh, kw, channels))
        out = (1, *self.spatial(x, kh, kw, o), channels)
        o["depthMultiplier"] = times
        y = self.weighted(x, "DEPTHWISE_CONV_2D", weights, 3, out, **o)
        return y if self.rng.integers(6) else self.normalised(y)

    def step(self, x: Value) -> Value:
        both: list[Callable[[Value], Value]] = [
            self.unary,
            lambda v: self.binary(v, "ADD"),
            lambda v: self.binary(v, "MUL"),
            self.concatenation,
            self.reshape,
            self.fully_connected,
        ]
        images: list[Callable[[Value], Value]] = [
            self.conv,
            self.conv,
            self.usual,
            self.usual,
            self.usual,
            self.depthwise,
            self.depthwise,
            lambda v: self.pool(v, "MAX_POOL_2D"),
            lambda v: self.pool(v, "AVERAGE_POOL_2D"),
            self.pad,
            self.mean,
            self.flatten,
            self.normalised,
        ]
        choices = both if len(x.shape) == 2 else both[:-1] + images
        return choices[self.integer(0, len(choices) - 1)](x)

    def build(self) -> bytes:
        flat = not self.rng.integers(6)
        shape: tuple[int, ...] = (1, self.integer(2, 40))
        if not flat:
            shape = (1, self.integer(2, 13), self.integer(2, 13), self.integer(1, 5))
        deep = not flat and not self.rng.integers(8)
        if deep:
            shape = (1, self.integer(8, 20), self.integer(8, 20), self.integer(1, 3))
        scale = self.power(-9, 0) if self.rng.integers(4) else self.power(-14, 10)
        x = start = self.value(shape, scale, self.zero_point())
        for number in range(self.integer(1, 6)):
            first = number == 0 and not flat and self.rng.integers(2)
            if number == 0 and deep:
                x = self.deep(x)
            else:
                x = self.usual(x) if first else self.step(x)
            if math.prod(x.shape) > 4000:
                x = self.mean(x) if len(x.shape) == 4 else self.fully_connected(x)
        if not self.rng.integers(3):
            x = self.fully_connected(self.flatten(x) if len(x.shape) == 4 else x)
        fits = x.shape[-1] <= SOFTMAX_LIMIT and x.scale > SOFTMAX_SCALE
        if not self.rng.integers(4) and fits:
            x = self.softmax(x)
        last = x.index
        if not self.rng.integers(8):
            last = self.builder.tensor(x.shape, dtype="float32")
            self.builder.operator("DEQUANTIZE", [x.index], last)
        return self.builder.build([start.index], [last])


def random_network(seed: int) -> bytes:
    """The bytes of a random int8 .tflite."""
    return Generator(seed).build()


def random_inputs(network: Network, seed: int, count: int) -> np.ndarray:
    """int8 inputs (count, ...): all low, all high, two-valued, and uniform ones."""
    shape = network.tensors[network.inputs[0]].shape[1:]
    rng = np.random.default_rng([seed, 1])
    inputs = rng.integers(-128, 128, (count, *shape)).astype(np.int8)
    inputs[0], inputs[1] = -128, 127
    inputs[2] = np.where(inputs[2] < 0, -128, 127)
    return inputs
