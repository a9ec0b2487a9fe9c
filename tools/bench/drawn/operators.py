"""One operator more of a random network: its shape, scales, weights and options drawn.

    y = operators.conv(x)    # a `Value`, the operator's output

What follows what is drawn by `tools.bench.drawn.networks`.
"""

import math

import numpy as np

from export.frontend.scales import CURVE_MOST, CURVE_SCALE
from tools.bench.drawn.values import BOUND_SCALE, SAME, VALID, Draw, Value

# Of a product: some more of such factors would leave float32.
LEAST_SCALE, MOST_SCALE = 2.0**-40, 2.0**60


class Operators(Draw):
    """Every operator of the int8 engine but recurrent ones."""

    # ==== Weighted sums ====

    def channel_scales(self, channels: int) -> np.ndarray:
        """A scale for each channel, or one for all."""
        count = channels if self.rng.integers(3) else 1
        return np.array([self.power(-9, -3) for _ in range(count)], np.float32)

    @staticmethod
    def reach(weights: np.ndarray, axis: int, most: int) -> tuple[np.ndarray, float]:
        """How far each channel's sum can go without its bias, and goes as a rule.

        `most`: of the size of what is multiplied.
        """
        flat = np.moveaxis(weights.astype(np.int64), axis, 0)
        flat = flat.reshape(weights.shape[axis], -1)
        far = most * np.abs(flat).sum(1)
        return far, max(float(np.median(far)) / math.sqrt(flat.shape[1]), 1.0)

    def weighted(
        self,
        x: Value,
        kind: str,
        weights: np.ndarray,
        axis: int,
        out: tuple[int, ...],
        **o: int,
    ) -> Value:
        """CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED with fitting scales."""
        scales = self.channel_scales(weights.shape[axis])
        reach, spread = self.reach(weights, axis, 255)
        real = self.power(5, 9) / spread  # what maps it to about the int8 range
        if self.extreme and not self.rng.integers(6):
            real = self.power(-12, 3)  # or to next to nothing, or far beyond
        widest = float(reach.max() * scales.max() / np.median(scales))
        real = min(real, 2.0**28 / max(widest, 1.0))
        out_scale = x.scale * float(np.median(scales)) / real
        limits = self.bias_limits(x.scale, scales, out_scale, reach)
        inputs = [x.index, self.builder.tensor(weights.shape, scales, 0, weights)]
        self.builder.graph.tensors[-1].quantization.quantizedDimension = axis
        if self.rng.integers(5):
            bias = self.bias(limits, reach)
            b = self.builder.tensor(
                bias.shape, np.float32(x.scale) * scales, 0, bias, "int32"
            )
            inputs.append(b)
        elif kind == "FULLY_CONNECTED":
            inputs.append(-1)
        y = self.value(out, out_scale, self.zero_point())
        self.operator(kind, inputs, y, **o)
        return y

    def window(self, x: Value, deepest: int = 4) -> tuple[int, int, dict[str, int]]:
        """(kernel_h, kernel_w, options) that fit the image."""
        _, height, width, _ = x.shape
        padding = int(self.pick(SAME, VALID))
        kernel_h = self.integer(1, min(deepest, height))
        kernel_w = self.integer(1, min(deepest, width))
        strides = {"strideH": self.integer(1, 3), "strideW": self.integer(1, 3)}
        return kernel_h, kernel_w, {"padding": padding, **strides}

    def spatial(self, x: Value, kh: int, kw: int, o: dict[str, int]) -> tuple[int, int]:
        sizes = []
        for size, k, s, d in (
            (x.shape[1], kh, o["strideH"], o.get("dilationHFactor", 1)),
            (x.shape[2], kw, o["strideW"], o.get("dilationWFactor", 1)),
        ):
            span = (k - 1) * d + 1
            sizes.append(-(-size // s) if o["padding"] == SAME else (size - span) // s)
            sizes[-1] += o["padding"] == VALID
        return sizes[0], sizes[1]

    def dilate(self, x: Value, kh: int, kw: int, o: dict[str, int]) -> None:
        """Sometimes a dilation, where the window still fits."""
        fits = (kh - 1) * 2 < x.shape[1] and (kw - 1) * 2 < x.shape[2]
        if fits and not self.rng.integers(5):
            o |= {"dilationHFactor": 2, "dilationWFactor": 2, "strideH": 1}
            o["strideW"] = 1
        else:
            o |= {"dilationHFactor": 1, "dilationWFactor": 1}

    def conv(self, x: Value) -> Value:
        kh, kw, o = self.window(x)
        self.dilate(x, kh, kw, o)
        return self.convolved(x, kh, kw, o)

    def convolved(self, x: Value, kh: int, kw: int, o: dict[str, int]) -> Value:
        channels = self.integer(1, 9)
        weights = self.weights((channels, kh, kw, x.shape[3]))
        out = (1, *self.spatial(x, kh, kw, o), channels)
        return self.weighted(x, "CONV_2D", weights, 0, out, **o)

    def fully_connected(self, x: Value) -> Value:
        channels = self.integer(1, 12)
        weights = self.weights((channels, math.prod(x.shape)))
        return self.weighted(x, "FULLY_CONNECTED", weights, 0, (1, channels))

    # ==== Pools ====

    def halved(self, y: Value, size: int = 2) -> Value:
        """A max pool as convolutions have behind them; its windows may overlap."""
        halves = {"padding": VALID, "strideH": 2, "strideW": 2}
        if min(y.shape[1:3]) >= 4 and not self.rng.integers(3):
            size = 4
        if size > 2:
            halves["padding"] = int(self.pick(VALID, SAME, SAME))
        halves |= {"filterHeight": size, "filterWidth": size}
        shape = (1, *self.spatial(y, size, size, halves), y.shape[3])
        pooled = self.value(shape, y.scale, y.zero_point)
        self.builder.operator("MAX_POOL_2D", [y.index], pooled.index, **halves)
        return pooled

    def pool(self, x: Value, kind: str) -> Value:
        kh, kw, o = self.window(x, 5)
        y = self.value(
            (1, *self.spatial(x, kh, kw, o), x.shape[3]), x.scale, x.zero_point
        )
        o |= {"filterHeight": kh, "filterWidth": kw}
        self.operator(kind, [x.index], y, **o)
        return y

    def mean(self, x: Value, keep: bool | None = None) -> Value:
        keep = bool(self.rng.integers(2)) if keep is None else keep
        shape = (1, 1, 1, x.shape[3]) if keep else (1, x.shape[3])
        axes = self.builder.tensor((2,), None, 0, np.array([1, 2]), "int32")
        scale, zero = x.scale, x.zero_point
        if self.rng.integers(3):
            scale, zero = x.scale * self.power(-4, 1), self.zero_point()
        y = self.value(shape, scale, zero)
        self.builder.operator("MEAN", [x.index, axes], y.index, keepDims=keep)
        return y

    # ==== Elementwise ====

    def partner(self, x: Value) -> Value:
        """A second operand: an earlier tensor that fits, or a constant."""
        shape = x.shape
        if len(shape) == 4 and self.rng.integers(2):  # broadcast over some axes
            shape = (1, *(int(self.pick(1, size)) for size in shape[1:]))
        if self.rng.integers(2):
            return self.earlier(x, shape)
        data = self.rng.integers(-128, 128, shape).astype(np.int8)
        scale, zero = x.scale * self.power(-6, 6), self.zero_point()
        index = self.builder.tensor(shape, scale, zero, data)
        return Value(index, shape, float(np.float32(scale)), zero)

    def earlier(self, x: Value, shape: tuple[int, ...]) -> Value:
        """Something computed of that shape: the mean of x, or what there is."""
        if shape[:-1] == (1, 1, 1) and shape[-1] == x.shape[-1]:
            return self.mean(x, keep=True)
        found = [v for v in self.values if v.shape in (shape, x.shape)]
        return found[self.integer(0, len(found) - 1)]

    def normalised(self, x: Value) -> Value:
        """As a batch norm that no convolution took in: a factor and a term a channel.

        Mostly the factors are positive, so that maxima may be taken before.
        """
        for kind in ("MUL", "ADD"):
            least = 1 if self.rng.integers(4) else -128
            shape = (*(1 for _ in x.shape[1:]), x.shape[-1])
            data = self.rng.integers(least, 128, shape).astype(np.int8)
            zero = 0 if least > 0 else self.zero_point()
            scale = x.scale * self.power(-6, 6)
            index = self.builder.tensor(shape, scale, zero, data)
            other = Value(index, shape, float(np.float32(scale)), zero)
            x = self.joined(x, other, kind)
        return x

    def binary(self, x: Value, kind: str) -> Value:
        return self.joined(x, self.partner(x), kind)

    def joined(self, x: Value, other: Value, kind: str) -> Value:
        if not LEAST_SCALE <= x.scale * other.scale <= MOST_SCALE:
            kind = "ADD"
        pair = [x.index, other.index]
        if kind == "ADD":
            scale = max(x.scale, other.scale) * self.power(-2, 3)
        else:
            low, high = (3, 9) if self.rng.integers(4) else (-3, 9)
            scale = x.scale * other.scale * self.power(low, high)
        y = self.value(x.shape, scale, self.zero_point())
        if len(other.shape) == len(x.shape) and self.rng.integers(2):
            pair.reverse()
        self.operator(kind, pair, y)
        return y

    def unary(self, x: Value) -> Value:
        kind = str(
            self.pick("LEAKY_RELU", "RELU", "RELU6", "LOGISTIC", "TANH", "QUANTIZE")
        )
        if kind == "RELU6" and x.scale < BOUND_SCALE:
            kind = "RELU"
        if kind in ("LOGISTIC", "TANH") and not CURVE_SCALE <= x.scale < CURVE_MOST:
            kind = "QUANTIZE"
        options: dict[str, float] = {}
        scale, zero = x.scale * self.power(-3, 2), self.zero_point()
        if kind == "RELU6":
            scale, zero = x.scale, x.zero_point
        elif kind == "LOGISTIC":
            scale, zero = 1 / 256, -128
        elif kind == "TANH":
            scale, zero = 1 / 128, 0
        elif kind == "LEAKY_RELU":
            options["alpha"] = float(self.pick(0.01, 0.1, 0.3, 1.0, 1.5))
        y = self.value(x.shape, scale, zero)
        self.builder.operator(kind, [x.index], y.index, **options)
        return y

    def softmax(self, x: Value) -> Value:
        y = self.value(x.shape, 1 / 256, -128)
        beta = float(self.pick(1.0, 0.5, 2.0))
        self.builder.operator("SOFTMAX", [x.index], y.index, beta=beta)
        return y

    # ==== Moving data ====

    def concatenation(self, x: Value) -> Value:
        axis = self.integer(1, len(x.shape) - 1)
        shape = list(x.shape)
        shape[axis] = self.integer(1, 3)
        data = self.rng.integers(-128, 128, shape).astype(np.int8)
        constant = self.builder.tensor(tuple(shape), x.scale, x.zero_point, data)
        parts = [x.index, constant]
        if self.rng.integers(2):
            again = self.value(x.shape, x.scale, x.zero_point)
            self.builder.operator("LEAKY_RELU", [x.index], again.index, alpha=0.2)
            parts.append(again.index)
            shape[axis] += x.shape[axis]
        shape[axis] += x.shape[axis]
        y = self.value(tuple(shape), x.scale, x.zero_point)
        self.builder.operator("CONCATENATION", parts, y.index, axis=axis)
        return y

    def pad(self, x: Value) -> Value:
        pads = self.rng.integers(0, 3, (4, 2))
        pads[0] = 0
        if self.rng.integers(2):
            pads[3] = 0
        shape = tuple(s + int(p.sum()) for s, p in zip(x.shape, pads, strict=True))
        table = self.builder.tensor((4, 2), None, 0, pads, "int32")
        y = self.value(shape, x.scale, x.zero_point)
        self.builder.operator("PAD", [x.index, table], y.index)
        return y

    def flatten(self, x: Value) -> Value:
        return self.reshaped(x, (1, math.prod(x.shape)))

    def reshape(self, x: Value) -> Value:
        """To an image of any height and width that hold the elements."""
        size = math.prod(x.shape)
        height = int(self.pick(*(n for n in range(1, 13) if size % n == 0)))
        size //= height
        width = int(self.pick(*(n for n in range(1, 13) if size % n == 0)))
        return self.reshaped(x, (1, height, width, size // width))

    def reshaped(self, x: Value, shape: tuple[int, ...]) -> Value:
        sizes = np.array(shape)
        table = self.builder.tensor(sizes.shape, None, 0, sizes, "int32")
        y = self.value(shape, x.scale, x.zero_point)
        self.builder.operator("RESHAPE", [x.index, table], y.index, newShape=sizes)
        return y
