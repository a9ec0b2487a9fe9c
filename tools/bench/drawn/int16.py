"""Random small networks of int16 values over every operator of the int16 engine.

    model = random_int16(seed)                          # the bytes of a .tflite
    values = random_int16_inputs(network, seed, 8)      # extremes among them

Each network goes through all operators in an order of its own, so that a few reach what
there is. Sums stay within the bits that TFLite Micro's scaling is defined for.
"""

import math

import numpy as np

from export.graph.kinds import POOL_KINDS
from export.graph.network import Network
from tools.bench.drawn.networks import Generator
from tools.bench.drawn.tflite_builder import TYPES
from tools.bench.drawn.values import BOUND_SCALE, SAME, Value

LEAST, MOST = -(1 << 15), (1 << 15) - 1
CURVE, ROW = 1 / 32768, 0.5  # scales: of a curve's result, of SOFTMAX's largest input
LARGEST = 1500  # elements between two operators
FARTHEST = 4096  # between the scales of one QUANTIZE
ALPHAS = (0.01, 0.1, 0.3, 1.0, 1.5, -0.5)


class Wide(Generator):
    """One random network."""

    def zero_point(self) -> int:
        return 0

    def value(
        self,
        shape: tuple[int, ...],
        scale: float,
        zero_point: int = 0,
        keep: bool = True,
    ) -> Value:
        index = self.builder.tensor(shape, scale, 0, dtype="int16")
        made = Value(index, shape, float(np.float32(scale)), 0)
        if keep:
            self.values.append(made)
        return made

    def constant(self, shape: tuple[int, ...], scale: float) -> Value:
        data = self.rng.integers(LEAST, MOST + 1, shape)
        index = self.builder.tensor(shape, scale, 0, data, "int16")
        return Value(index, shape, float(np.float32(scale)), 0)

    def weighted(
        self,
        x: Value,
        kind: str,
        weights: np.ndarray,
        axis: int,
        out: tuple[int, ...],
        **o: int,
    ) -> Value:
        """With a bias of 64 bits or of 32, or none."""
        channels = weights.shape[axis]
        scales = self.channel_scales(channels)
        reach, spread = self.reach(weights, axis, -LEAST)
        most = int(reach.max())
        real = self.power(12, 17) / spread  # what maps it to about the int16 range
        if not self.rng.integers(6):
            real = self.power(-14, 4)  # or to next to nothing, or far beyond
        largest = float(scales.max() / np.median(scales))
        dtype, narrow = str(self.pick("int64", "int64", "int32", "none")), False
        if kind == "DEPTHWISE_CONV_2D" and dtype == "int32":
            dtype = "int64"  # TFLite Micro would read it as that
        elif kind != "DEPTHWISE_CONV_2D" and dtype == "none" and self.rng.integers(2):
            narrow, o = True, o | {"quantizedBiasType": TYPES["int32"]}
        narrow |= dtype == "int32"
        factor = 0.5 if narrow else 32  # the largest: shifts stay in 32 bits
        real = min(real, factor / largest, 2.0**28 / most / largest)
        room = min(most * 4, 1 << 44) if dtype == "int64" else (1 << 31) - 1 - most
        if room <= 0:
            dtype = "none"
        inputs = [x.index, self.builder.tensor(weights.shape, scales, 0, weights)]
        self.builder.graph.tensors[-1].quantization.quantizedDimension = axis
        if dtype != "none":
            bias = np.asarray(self.rng.integers(-room, room + 1, channels))
            given = np.float32(x.scale) * scales
            inputs.append(self.builder.tensor((channels,), given, 0, bias, dtype))
        elif kind == "FULLY_CONNECTED":
            inputs.append(-1)
        y = self.value(out, x.scale * float(np.median(scales)) / real)
        self.operator(kind, inputs, y, **o)
        return y

    def paired(self, x: Value, kind: str) -> Value:
        """ADD, SUB or MUL with a constant that broadcasts, or with what is there."""
        shape = (1, *(int(self.pick(1, size)) for size in x.shape[1:]))
        other = self.constant(shape, x.scale * self.power(-6, 6))
        if self.rng.integers(2):
            other = self.activated(x, "QUANTIZE")
        scale = max(x.scale, other.scale) * self.power(-2, 3)
        if kind == "MUL":
            scale = x.scale * other.scale * self.power(3, 16)
        y = self.value(x.shape, scale)
        self.operator(kind, [x.index, other.index], y)
        return y

    def normalised(self, x: Value) -> Value:
        return self.paired(self.paired(x, "MUL"), "ADD")

    def activated(self, x: Value, kind: str) -> Value:
        options: dict[str, float] = {}
        scale = x.scale * self.power(-3, 2)
        if kind == "RELU6":
            scale = x.scale
        elif kind in ("LOGISTIC", "TANH"):
            scale = CURVE
        elif kind == "LEAKY_RELU":
            options["alpha"] = float(self.pick(*ALPHAS))
        y = self.value(x.shape, scale)
        self.builder.operator(kind, [x.index], y.index, **options)
        return y

    def requantised(self, x: Value, scale: float) -> Value:
        """QUANTIZE to a scale that an operator wants; in steps if it is far."""
        while x.scale != np.float32(scale):
            y = self.value(x.shape, max(scale, x.scale / FARTHEST))
            self.builder.operator("QUANTIZE", [x.index], y.index)
            x = y
        return x

    def softmax(self, x: Value) -> Value:
        if x.scale > ROW:
            x = self.requantised(x, self.power(-14, -4))
        y = self.value(x.shape, CURVE)
        beta = float(self.pick(1.0, 0.5))
        self.builder.operator("SOFTMAX", [x.index], y.index, beta=beta)
        return y

    def concatenation(self, x: Value) -> Value:
        axis = self.integer(1, 3)
        shape = list(x.shape)
        shape[axis] = self.integer(1, 3)
        other = self.constant(tuple(shape), x.scale)
        shape[axis] += x.shape[axis]
        y = self.value(tuple(shape), x.scale)
        pair = [x.index, other.index]
        self.builder.operator("CONCATENATION", pair, y.index, axis=axis)
        return y

    def transpose(self, x: Value) -> Value:
        order = [0, *(int(i) for i in 1 + self.rng.permutation(3))]
        table = self.builder.tensor((4,), None, 0, np.array(order), "int32")
        y = self.value(tuple(x.shape[i] for i in order), x.scale)
        self.builder.operator("TRANSPOSE", [x.index, table], y.index)
        return y

    def curve(self, x: Value, kind: str) -> Value:
        """A scale that is a power of two is told from others."""
        if x.scale > 1:
            x = self.requantised(x, float(self.pick(2.0**-12, self.power(-14, -3))))
        return self.activated(x, kind)

    def grown(self, x: Value) -> Value:
        """With a border, so that windows and strides fit."""
        pads = np.array([[0, 0], [2, 2], [2, 2], [0, 0]])
        table = self.builder.tensor((4, 2), None, 0, pads, "int32")
        _, height, width, depth = x.shape
        y = self.value((1, height + 4, width + 4, depth), x.scale)
        self.builder.operator("PAD", [x.index, table], y.index)
        return y

    def halved_conv(self, x: Value) -> Value:
        """A convolution with a pool behind it, of one stage where they fit."""
        plain = {"padding": SAME, "strideH": 1, "strideW": 1}
        plain |= {"dilationHFactor": 1, "dilationWFactor": 1}
        return self.halved(self.convolved(x, 3, 3, plain))

    def build(self) -> bytes:
        shape = (1, self.integer(4, 11), self.integer(4, 11), self.integer(1, 4))
        x = start = self.value(shape, self.power(-14, -6))
        steps = [
            *(self.conv, self.depthwise, self.pad, self.concatenation, self.transpose),
            *(lambda v, k=k: self.pool(v, k) for k in POOL_KINDS),
            *(lambda v, k=k: self.paired(v, k) for k in ("ADD", "SUB", "MUL")),
            *(lambda v, k=k: self.activated(v, k) for k in ("RELU", "LEAKY_RELU")),
            *(lambda v, k=k: self.curve(v, k) for k in ("LOGISTIC", "TANH")),
            lambda v: self.activated(v, "RELU6" if v.scale > BOUND_SCALE else "RELU"),
            self.halved_conv,
            lambda v: self.reshaped(v, (1, v.shape[2], v.shape[1], v.shape[3])),
        ]
        for number in self.rng.permutation(len(steps)):
            while math.prod(x.shape) > LARGEST:
                x = self.pool(x, "MAX_POOL_2D")
            if min(x.shape[1:3]) < 4:
                x = self.grown(x)
            x = steps[number](x)
        x = self.softmax(self.fully_connected(self.mean(x)))
        return self.builder.build([start.index], [x.index])


def random_int16(seed: int) -> bytes:
    """The bytes of a random .tflite of int16 activations."""
    return Wide(seed).build()


def random_int16_inputs(network: Network, seed: int, count: int) -> np.ndarray:
    """int16 inputs (count, ...): all low, all high, two-valued, uniform, small ones."""
    shape = network.tensors[network.inputs[0]].shape[1:]
    rng = np.random.default_rng([seed, 1])
    inputs = rng.integers(LEAST, MOST + 1, (count, *shape)).astype(np.int16)
    inputs[0], inputs[1] = LEAST, MOST
    inputs[2] = np.where(inputs[2] < 0, LEAST, MOST)
    for number, small in enumerate(inputs[3:]):
        small >>= 2 * number
    return inputs
