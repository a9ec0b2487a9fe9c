"""What a random network is made of: shapes, scales, weights and biases, drawn.

Weights reach -127 and 127, biases come near the int32 limits. Accumulators and their
left shifts stay within int32: beyond it TFLite Micro's own C is undefined.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from tools.bench.drawn.tflite_builder import TfliteBuilder

ACTIVATIONS = (0, 0, 1, 2, 3)  # NONE twice, RELU, RELU_N1_TO_1, RELU6
T = TypeVar("T")
SAME, VALID = 0, 1
BOUND_SCALE = 2.0**-28  # below it an activation's bound is beyond int32


@dataclass(frozen=True)
class Value:
    """A tensor while the network grows."""

    index: int
    shape: tuple[int, ...]
    scale: float
    zero_point: int


class Draw:
    """Draws from a seed, and keeps the network that grows of it."""

    extreme = True  # weights, factors and biases that no training gives

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.builder = TfliteBuilder()
        self.values: list[Value] = []

    def pick(self, *choices: T) -> T:
        return choices[self.rng.integers(len(choices))]

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def power(self, low: float, high: float) -> float:
        return float(np.float32(2.0 ** self.rng.uniform(low, high)))

    def zero_point(self) -> int:
        return int(self.pick(-128, 127, 0, self.integer(-128, 127)))

    def value(
        self, shape: tuple[int, ...], scale: float, zero_point: int, keep: bool = True
    ) -> Value:
        index = self.builder.tensor(shape, scale, zero_point)
        made = Value(index, shape, float(np.float32(scale)), zero_point)
        if keep:
            self.values.append(made)
        return made

    def operator(self, kind: str, inputs: list[int], y: Value, **o: float) -> None:
        """Add an operator with a fused activation."""
        known = ACTIVATIONS if self.extreme else (0, 1)
        fused = 0 if y.scale < BOUND_SCALE else self.pick(*known)
        self.builder.operator(kind, inputs, y.index, fusedActivationFunction=fused, **o)

    def weights(self, shape: tuple[int, ...]) -> np.ndarray:
        style = self.rng.integers(6) if self.extreme else 5
        if style == 0:
            return self.rng.choice(np.array([-127, 127], np.int8), shape)
        if style == 1:
            return np.full(shape, self.pick(-127, 127), np.int8)
        most = 2 if style == 2 else 127
        return self.rng.integers(-most, most + 1, shape).astype(np.int8)

    @staticmethod
    def bias_limits(
        scale: float, scales: np.ndarray, out_scale: float, reach: np.ndarray
    ) -> np.ndarray:
        """How large a bias may be: nothing overflows, neither before nor after."""
        real = scale * scales.astype(np.float64) / out_scale
        shift = np.maximum(np.ceil(np.log2(real)) + 1, 0)
        room = np.minimum(2.0**31 - 1, 2.0**30 / np.maximum(real, 2.0**-30))
        room = np.minimum(room, (2.0**31 - 1) / 2.0**shift)
        return np.asarray(np.maximum(np.broadcast_to(room, reach.shape) - reach, 0))

    def bias(self, limits: np.ndarray, reach: np.ndarray) -> np.ndarray:
        style = self.rng.integers(3) if self.extreme else 1
        size = len(limits)
        if style == 0:  # as far out as int32 allows
            return np.asarray(self.rng.choice([-1, 1], size) * limits, np.int32)
        draw = self.rng.uniform(-1, 1, size)
        return np.asarray((draw * np.minimum(limits, reach / 2)).astype(np.int32))
