"""A network of uint8 as TensorFlow 1 quantized: every operator that is taken so.

    model, kinds = network(seed)    # the file, and which operators it has

Scales, zero points and weights follow from the seed.
"""

import numpy as np

from tools.bench.drawn.tflite_builder import TfliteBuilder

RELU, RELU6 = 1, 3  # fused
VALID, SAME = 1, 0
STEPS = {"strideH": 1, "strideW": 1}


class Drawn:
    """Scales, zero points and weights are drawn."""

    def __init__(self, seed: int) -> None:
        self.rng, self.b = np.random.default_rng(seed), TfliteBuilder()
        self.kinds: set[str] = set()

    def value(
        self,
        shape: tuple[int, ...],
        scale: float | None = None,
        zero: int | None = None,
    ) -> int:
        scale = float(self.rng.uniform(0.02, 0.06)) if scale is None else scale
        zero = int(self.rng.integers(256)) if zero is None else zero
        return self.b.tensor(shape, scale, zero, dtype="uint8")

    def like(self, shape: tuple[int, ...], other: int) -> int:
        q = self.b.graph.tensors[other].quantization
        return self.value(shape, float(q.scale[0]), int(q.zeroPoint[0]))

    def constant(self, *values: int | list[int]) -> int:
        data = np.array(values)
        return self.b.tensor(data.shape, None, 0, data, "int32")

    def then(self, kind: str, inputs: list[int], to: int, **options: float) -> int:
        self.b.operator(kind, inputs, to, **options)
        self.kinds.add(kind)
        return to

    def summed(
        self, kind: str, x: int, weights: tuple[int, ...], to: int, **options: float
    ) -> int:
        """Weights of all bytes, so that less their zero point they need 9 bits."""
        data = self.rng.integers(0, 256, weights)
        scale = 0.4 / np.sqrt(np.prod(weights) / weights[-1 if "DEPTH" in kind else 0])
        zero = int(self.rng.integers(60, 200))
        w = self.b.tensor(weights, scale / 40, zero, data, "uint8")
        count = weights[-1] if "DEPTH" in kind else weights[0]
        scales = [float(self.b.graph.tensors[i].quantization.scale[0]) for i in (x, w)]
        bias = self.rng.integers(-300, 300, count)
        b = self.b.tensor((count,), scales[0] * scales[1], 0, bias, "int32")
        return self.then(kind, [x, w, b], to, **options)

    def pooled(self, kind: str, x: int, size: tuple[int, int]) -> int:
        shape = tuple(int(n) for n in self.b.graph.tensors[x].shape)
        kernel = {"filterHeight": size[0], "filterWidth": size[1]}
        to = self.like(shape, x)
        return self.then(kind, [x], to, padding=SAME, **STEPS, **kernel)


def network(seed: int, real: bool = False) -> tuple[bytes, set[str]]:
    """The file, and which operators it has; `real`: float32 goes in and comes out."""
    d = Drawn(seed)
    start = first = d.value((1, 9, 8, 3))
    if real:
        first = d.b.tensor((1, 9, 8, 3), dtype="float32")
        d.then("QUANTIZE", [first], start)
    pads = d.constant([0, 0], [1, 0], [0, 1], [0, 0])
    x = d.then("PAD", [start, pads], d.like((1, 10, 9, 3), start))
    valid = {"padding": VALID, **STEPS}
    shape = (1, 8, 7, 8)
    x = d.summed("CONV_2D", x, (8, 3, 3, 3), d.value(shape), **valid, **fused(RELU6))
    x = d.pooled("MAX_POOL_2D", x, (2, 2))
    wide = {"padding": SAME, "depthMultiplier": 2, "strideH": 2, "strideW": 2}
    shape = (1, 4, 4, 16)
    x = d.summed("DEPTHWISE_CONV_2D", x, (1, 3, 3, 16), d.value(shape), **wide)
    x = d.summed("CONV_2D", x, (16, 1, 1, 16), d.value(shape), **valid)
    x = summed_and_moved(d, x, shape)
    rows = d.summed("FULLY_CONNECTED", x, (6, 32), d.value((9, 6)))
    rows = d.then("RESHAPE", [rows, d.constant(1, 3, 3, 6)], d.like((1, 3, 3, 6), rows))
    x = d.then("MEAN", [rows, d.constant(1, 2)], d.value((1, 1, 1, 6)), keepDims=True)
    x = d.then("SQUEEZE", [x], d.like((1, 6), x))
    x = d.summed("FULLY_CONNECTED", x, (10, 6), d.value((1, 10), 0.2))
    end = d.then("SOFTMAX", [x], d.value((1, 10), 1 / 256, 0), beta=1.0)
    if real:
        end = d.then("DEQUANTIZE", [end], d.b.tensor((1, 10), dtype="float32"))
    return d.b.build([first], [end]), d.kinds


def summed_and_moved(d: Drawn, x: int, shape: tuple[int, ...]) -> int:
    """All that has no weights, to (1, 3, 3, 32)."""
    logistic = d.then("LOGISTIC", [x], d.value(shape, 1 / 256, 0))
    tanh = d.then("TANH", [x], d.value(shape, 1 / 128, 128))
    leaky = d.then("LEAKY_RELU", [x], d.value(shape), alpha=0.3)
    relu6 = d.then("RELU6", [x], d.like(shape, x))
    relu = d.then("RELU", [x], d.value(shape))
    x = d.then("MUL", [logistic, tanh], d.value(shape, 0.01))
    x = d.then("SUB", [x, relu], d.value(shape))
    y = d.then("ADD", [leaky, relu6], d.value(shape), **fused(RELU))
    y = d.pooled("AVERAGE_POOL_2D", y, (3, 2))
    x = d.then("QUANTIZE", [x], d.like(shape, y))
    x = d.then("CONCATENATION", [x, y], d.like((1, 4, 4, 32), y), axis=3)
    x = d.then("TRANSPOSE", [x, d.constant(0, 2, 1, 3)], d.like((1, 4, 4, 32), x))
    ends = [d.constant(*v) for v in ((0, 0, 1, 0), (1, 4, 4, 32), (1, 1, 2, 1))]
    x = d.then("STRIDED_SLICE", [x, *ends], d.like((1, 4, 2, 32), x))
    size = d.constant(3, 3)
    return d.then("RESIZE_NEAREST_NEIGHBOR", [x, size], d.like((1, 3, 3, 32), x))


def fused(activation: int) -> dict[str, float]:
    return {"fusedActivationFunction": activation}
