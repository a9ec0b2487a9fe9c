"""Random small float16 networks: convolutions, max pools of every kind, activations.

    network = random_f16(seed)      # a Network, without a file
    images = random_pixels(network, seed, 4)

The pools overlap or leave gaps, are padded or not, stand behind a convolution, behind
its activation or behind another pool. Weights are scaled so that values neither vanish
nor explode, but some networks have tiny ones, whose products would be subnormal.
"""

import math

import numpy as np

from export.graph.attributes import Attributes, Leaky, Pool, Window
from export.graph.network import Network, Operator, Tensor
from export.graph.read import read_tflite
from tools.bench.drawn.tflite_builder import TfliteBuilder

NONE = Attributes()


class Draw:
    """Collects tensors and operators."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng([seed, 16])
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []
        self.tiny = not self.rng.integers(4)
        self.wide = seed % 8 == 3  # weights that no factor makes normal

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def tensor(self, shape: tuple[int, ...], data: np.ndarray | None = None) -> int:
        index = len(self.tensors)
        kind = "float32" if data is None else "float16"
        self.tensors.append(Tensor(index, f"t{index}", shape, kind, None, data))
        return index

    def operator(
        self,
        kind: str,
        inputs: tuple[int, ...],
        shape: tuple[int, ...],
        a: Attributes = NONE,
    ) -> int:
        index = self.tensor(shape)
        number = len(self.operators)
        self.operators.append(Operator(number, kind, inputs, (index,), a))
        return index

    def shape(self, x: int) -> tuple[int, ...]:
        return self.tensors[x].shape

    def constants(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Weights and biases."""
        spread = 1 / math.sqrt(math.prod(shape[1:]))
        spread *= 2.0**-12 if self.tiny else 1.0
        weights = self.rng.normal(0, spread, shape).astype(np.float16)
        if self.wide:
            weights.reshape(-1)[[0, -1]] = 2.0**-24, 64
        biases = self.rng.normal(0, 0.3, shape[:1]).astype(np.float16)
        return self.tensor(shape, weights), self.tensor(shape[:1], biases)

    def activation(self) -> str:
        return str(self.rng.choice(["NONE", "NONE", "RELU", "RELU6"]))

    # ---- operators ----

    def conv(self, x: int) -> int:
        _, height, width, depth = self.shape(x)
        kernel = self.integer(1, min(4, height)), self.integer(1, min(4, width))
        stride = self.integer(1, 2), self.integer(1, 2)
        channels = self.integer(1, 7)
        out = [
            (n - k) // s + 1
            for n, k, s in zip((height, width), kernel, stride, strict=True)
        ]
        w, b = self.constants((channels, *kernel, depth))
        return self.operator(
            "CONV_2D",
            (x, w, b),
            (1, *out, channels),
            Window(
                stride_h=stride[0], stride_w=stride[1], activation=self.activation()
            ),
        )

    def pool(self, x: int) -> int:
        _, height, width, depth = self.shape(x)
        kernel = self.integer(1, min(5, height)), self.integer(1, min(5, width))
        stride = self.integer(1, 3), self.integer(1, 3)
        if not self.rng.integers(3):
            stride = kernel  # what a convolution takes along
        padding = str(self.rng.choice(["SAME", "VALID"]))
        if not self.rng.integers(3) and min(height, width) > 4:
            kernel, stride, padding = (4, 4), (2, 2), "SAME"  # the next v3's
        out = [
            -(-n // s) if padding == "SAME" else (n - k) // s + 1
            for n, k, s in zip((height, width), kernel, stride, strict=True)
        ]
        return self.operator(
            "MAX_POOL_2D",
            (x,),
            (1, *out, depth),
            Pool(
                kernel_h=kernel[0],
                kernel_w=kernel[1],
                stride_h=stride[0],
                stride_w=stride[1],
                padding=padding,
                activation=self.activation(),
            ),
        )

    def unary(self, x: int) -> int:
        if self.rng.integers(3):
            alpha = float(np.float32(self.rng.choice([0.01, 0.25, 1.0])))
            return self.operator("LEAKY_RELU", (x,), self.shape(x), Leaky(alpha=alpha))
        return self.operator("RELU", (x,), self.shape(x))

    def dense(self, x: int, channels: int) -> int:
        w, b = self.constants((channels, math.prod(self.shape(x))))
        return self.operator("FULLY_CONNECTED", (x, w, b), (1, channels))

    def flatten(self, x: int) -> int:
        return self.operator("RESHAPE", (x,), (1, math.prod(self.shape(x))))

    # ---- the whole ----

    def build(self) -> Network:
        side = self.integer(8, 20), self.integer(8, 20)
        start = self.tensor((1, *side, self.integer(1, 2)))
        x = self.conv(start)
        for _ in range(self.integer(1, 6)):
            step = [self.conv, self.pool, self.pool, self.unary][self.integer(0, 3)]
            x = step(x)
        if self.rng.integers(4):
            x = self.dense(self.flatten(x), self.integer(1, 10))
        return Network(
            "random",
            tuple(self.tensors),
            tuple(self.operators),
            (start,),
            (x,),
            "",
        )


def random_f16(seed: int) -> Network:
    """A random float16 network."""
    return Draw(seed).build()


def random_pixels(network: Network, seed: int, count: int) -> np.ndarray:
    """Raw bytes (count, H * W * C): black, white, and noise."""
    size = network.tensors[network.inputs[0]].size
    pixels = np.random.default_rng([seed, 17]).integers(0, 256, (count, size))
    pixels[0], pixels[1] = 0, 255
    return pixels.astype(np.uint8)


def twin(network: Network) -> Network:
    """Any int8 network with the same pixels and classes: a component needs one."""
    builder = TfliteBuilder()
    pixels = network.tensors[network.inputs[0]]
    classes = network.tensors[network.outputs[0]].size
    start = builder.tensor(pixels.shape, 1.0)
    zeros = np.zeros((classes, pixels.size), np.int8)
    weights = builder.tensor(zeros.shape, 1.0, 0, zeros)
    end = builder.tensor((1, classes), 1.0)
    builder.operator("FULLY_CONNECTED", [start, weights, -1], end)
    return read_tflite(builder.build([start], [end]), "twin")
