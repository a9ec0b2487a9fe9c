"""Random networks of the operators that `tools.bench.drawn` does not draw.

Each operator's constants are drawn as a converter, or a careless one, might choose
them; between two of them stands now and then a convolution, so that they are fused,
read by windows, and lie over each other in memory.
"""

import math
from collections.abc import Callable

import numpy as np

from tests.support.random_moves import Moves
from tools.bench.drawn.values import Value

Step = Callable[[Value], Value]


class Operators(Moves):
    """Networks of data movement, reductions, tables and products of two values."""

    # ---- reductions ----

    def reduction(self, x: Value) -> Value:
        kind = self.pick("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")
        axes = [i for i in range(1, len(x.shape)) if self.rng.integers(2)] or [1]
        keep = bool(self.rng.integers(2))
        shape = tuple(
            1 if i in axes else s
            for i, s in enumerate(x.shape)
            if keep or i not in axes
        )
        if len(shape) < 2:
            keep, shape = (
                True,
                tuple(1 if i in axes else s for i, s in enumerate(x.shape)),
            )
        scale, zero = x.scale, x.zero_point
        if kind in ("MEAN", "SUM"):
            scale, zero = scale * self.power(-2, 3), self.zero_point()
        y = self.value(shape, scale, zero)
        self.builder.operator(
            kind, [x.index, self.whole(*axes)], y.index, keepDims=keep
        )
        return y

    # ---- two operands ----

    def binary_of(self, x: Value, other: Value, kind: str) -> Value:
        scale, zero = x.scale, x.zero_point
        if kind in ("SUB", "PRELU"):
            scale, zero = (
                max(x.scale, other.scale) * self.power(-2, 3),
                self.zero_point(),
            )
        y = self.value(x.shape, scale, zero)
        if kind == "SUB":
            self.operator(kind, [x.index, other.index], y)
        else:
            self.builder.operator(kind, [x.index, other.index], y.index)
        return y

    def pair(self, x: Value) -> Value:
        kind = self.pick("SUB", "MINIMUM", "MAXIMUM", "PRELU")
        shape = (1,) * (len(x.shape) - 1) + x.shape[-1:]
        if not self.rng.integers(4):
            shape = ()  # one number: a table
        data = self.rng.integers(-128, 128, shape).astype(np.int8)
        scale = x.scale * self.power(-3, 3)
        if kind == "PRELU":
            scale = self.power(-9, -5)
        zero = self.zero_point()
        index = self.builder.tensor(shape, scale, zero, data)
        return self.binary_of(
            x, Value(index, shape, float(np.float32(scale)), zero), kind
        )

    def matmul(self, x: Value) -> Value:
        rows = math.prod(x.shape[1:-1])
        x = self.reshaped(x, (1, rows, x.shape[-1]))
        turned = self.transpose_of(x)
        y = self.value(
            (1, rows, rows), x.scale * x.scale * self.power(3, 9), self.zero_point()
        )
        adjoint = bool(self.rng.integers(2))
        second = x if adjoint else turned
        self.builder.operator(
            "BATCH_MATMUL", [x.index, second.index], y.index, adjY=adjoint
        )
        return y

    def transpose_of(self, x: Value) -> Value:
        shape = (1, x.shape[2], x.shape[1])
        return self.moved("TRANSPOSE", [x.index, self.whole(0, 2, 1)], x, shape)

    def transpose_conv(self, x: Value) -> Value:
        if len(x.shape) != 4 or max(x.shape[1:3]) > 8:
            return self.reduction(x)
        kernel = self.integer(1, 3), self.integer(1, 3)
        strides = self.integer(1, 3), self.integer(1, 3)
        channels, same = self.integer(1, 5), bool(self.rng.integers(2))
        size = tuple(
            n * s if same else (n - 1) * s + k
            for n, s, k in zip(x.shape[1:3], strides, kernel, strict=True)
        )
        weights = self.weights((channels, *kernel, x.shape[3]))
        scales = np.array([self.power(-9, -5) for _ in range(channels)])
        index = self.builder.tensor(weights.shape, scales, 0, weights)
        shape = (1, *size, channels)
        y = self.value(
            shape, x.scale * float(scales.max()) * self.power(4, 9), self.zero_point()
        )
        self.builder.operator(
            "TRANSPOSE_CONV",
            [self.whole(*shape), index, x.index],
            y.index,
            padding=0 if same else 1,
            strideH=strides[0],
            strideW=strides[1],
        )
        return y

    def curve(self, x: Value) -> Value:
        y = self.value(x.shape, x.scale * self.power(0, 1), self.zero_point())
        self.builder.operator(self.pick("HARD_SWISH", "ELU", "ABS"), [x.index], y.index)
        return y

    # ---- rows ----

    def rows(self, x: Value) -> Value:
        kind = self.pick("LOG_SOFTMAX", "L2_NORMALIZATION")
        scale, zero = (1 / 16, 127) if kind == "LOG_SOFTMAX" else (1 / 128, 0)
        y = self.value(x.shape, scale, zero)
        self.builder.operator(kind, [x.index], y.index)
        return y

    def root(self, x: Value) -> Value:
        """RSQRT of what is never negative."""
        middle = self.value(x.shape, x.scale * x.scale * self.power(6, 9), -128)
        self.builder.operator("SQUARED_DIFFERENCE", [x.index, x.index], middle.index)
        y = self.value(
            x.shape, self.power(-9, -5) / math.sqrt(middle.scale), self.zero_point()
        )
        self.builder.operator("RSQRT", [middle.index], y.index)
        return self.quotient(x, y)

    def quotient(self, x: Value, other: Value) -> Value:
        kind = self.pick("DIV", "SQUARED_DIFFERENCE")
        scale = x.scale / other.scale * self.power(-20, -7)
        if kind == "SQUARED_DIFFERENCE":
            scale = max(x.scale, other.scale) ** 2 * self.power(0, 9)
        y = self.value(x.shape, scale, self.zero_point())
        if kind == "DIV":
            self.operator(kind, [x.index, other.index], y)
        else:
            self.builder.operator(kind, [x.index, other.index], y.index)
        return y

    def divided(self, x: Value) -> Value:
        shape = (1,) * (len(x.shape) - 1) + x.shape[-1:]
        data = self.rng.integers(-128, 128, shape).astype(np.int8)
        scale, zero = x.scale * self.power(-3, 3), self.zero_point()
        index = self.builder.tensor(shape, scale, zero, data)
        return self.quotient(x, Value(index, shape, float(np.float32(scale)), zero))

    # ---- the whole ----

    def step(self, x: Value) -> Value:
        steps: list[Step] = [
            self.transpose,
            self.strided_slice,
            self.split,
            self.mirror_pad,
            self.padv2,
            self.nearest,
            self.bilinear,
            self.reduction,
            self.reduction,
            self.pair,
            self.pair,
            self.matmul,
            self.transpose_conv,
            self.curve,
            self.rows,
            self.root,
            self.divided,
            self.lstm,
            self.svdf,
        ]
        return self.pick(*steps)(x)

    def build(self) -> bytes:
        shape = (1, self.integer(1, 7), self.integer(1, 7), self.integer(1, 5))
        if not self.rng.integers(4):
            shape = (1, *shape[2:])
        x = start = self.value(shape, self.power(-8, -3), self.zero_point())
        for _ in range(self.integer(1, 5)):
            x = self.step(x)
            if math.prod(x.shape) > 2000:
                x = self.reduction(x)
            usual = len(x.shape) == 4 and not self.rng.integers(3)
            x = self.conv(x) if usual else x
            if not 2.0**-20 < x.scale < 2.0**10:
                break
        return self.builder.build([start.index], [x.index])


def random_operators(seed: int) -> bytes:
    """The bytes of a random int8 .tflite."""
    return Operators(seed).build()
