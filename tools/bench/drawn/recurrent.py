"""Random operators that keep a state: UNIDIRECTIONAL_SEQUENCE_LSTM and SVDF."""

import math

import numpy as np

from tools.bench.drawn.networks import Generator
from tools.bench.drawn.values import Value


class Recurrent(Generator):
    """Their constants as a converter, or a careless one, might choose them."""

    def constant(self, *shape: int) -> int:
        return self.builder.tensor(shape, self.power(-9, -6), 0, self.weights(shape))

    def spread(self, units: int, depth: int, scale: float) -> int:
        """Weights whose sums lie where the curves of a gate are not flat."""
        if not self.rng.integers(4):
            return self.constant(units, depth)
        data = self.rng.integers(-127, 128, (units, depth)).astype(np.int8)
        own = self.power(-2, 2) / (scale * 64 * 64 * math.sqrt(depth))
        return self.builder.tensor((units, depth), own, 0, data)

    def biases(self, count: int) -> int:
        data = self.rng.integers(-(1 << 12), 1 << 12, count)
        return self.builder.tensor((count,), None, 0, data, "int32")

    def lstm(self, x: Value) -> Value:
        depth, units = x.shape[-1], self.integer(1, 9)
        steps = math.prod(x.shape) // depth
        x = self.reshaped(x, (1, steps, depth))
        scale, zero = self.power(-8, -6), self.zero_point()
        weights = [self.spread(units, depth, x.scale) for _ in range(4)]
        again = [self.spread(units, units, scale) for _ in range(4)]
        hidden = self.builder.tensor((1, units), scale, zero, variable=True)
        cell = self.builder.tensor(
            (1, units), 2.0 ** self.integer(-15, -9), 0, None, "int16", variable=True
        )
        y = self.value((1, steps, units), scale, zero)
        inputs = [x.index, *weights, *again, *[-1] * 3]
        inputs += [self.biases(units) for _ in range(4)]
        inputs += [-1, -1, hidden, cell, *[-1] * 4]
        self.builder.operator(
            "UNIDIRECTIONAL_SEQUENCE_LSTM",
            inputs,
            y.index,
            fusedActivationFunction=4,  # TANH
            cellClip=self.pick(0.0, 0.0, 1.0, 8.0),
            timeMajor=False,
        )
        return y

    def svdf(self, x: Value) -> Value:
        depth = math.prod(x.shape)
        if depth > 300:
            return self.lstm(x)
        x = self.reshaped(x, (1, depth))
        units, rank, memory = self.integer(1, 6), self.integer(1, 2), self.integer(1, 7)
        filters = units * rank
        feature = self.constant(filters, depth)
        wide = bool(self.rng.integers(2))
        kind, zero = ("int16", 0) if wide else ("int8", self.zero_point())
        scale = x.scale * 2.0**-8 * (self.power(-6, 0) if wide else self.power(2, 8))
        state = self.builder.tensor(
            (1, filters * memory), scale, zero, None, kind, variable=True
        )
        time_scale = self.power(-9, -6)
        data = self.weights((filters, memory))
        time = self.builder.tensor((filters, memory), time_scale, 0, data, kind)
        bias = self.builder.tensor(
            (units,),
            scale * time_scale,
            0,
            self.rng.integers(-(1 << 12), 1 << 12, units),
            "int32",
        )
        y = self.value(
            (1, units), scale * time_scale * self.power(3, 9), self.zero_point()
        )
        self.builder.operator(
            "SVDF", [x.index, feature, time, bias, state], y.index, rank=rank
        )
        return y
