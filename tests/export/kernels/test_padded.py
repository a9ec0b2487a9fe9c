"""Kernels that read line buffers or leave zeros out, over random geometry."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from core.pixels import to_bytes
from export.emit import generate, lower
from export.emit.golden import joined, random_values
from export.frontend.support import integer_core, require_supported
from export.graph.fusion import plan_stages
from export.graph.network import Network
from export.graph.read import read_tflite
from export.kernels.int8.skipping import Skipping
from export.kernels.kernel import Kernel, Options
from export.reference import int8, tflm
from tests.support.components import IDENTITY
from tests.support.native import Native
from tools.bench.drawn.networks import Generator
from tools.bench.drawn.tflite_builder import TfliteBuilder
from tools.bench.drawn.values import SAME, VALID, Value

OPTIONS = ("-O0", "-fsanitize=undefined", "-fno-sanitize-recover")
INPUTS = 4
RELU = 1  # the schema's number


class Padded(Generator):
    """Depthwise, 3x3 and 1x1 convolutions, all with padding."""

    extreme = False

    def operator(self, kind: str, inputs: list[int], y: Value, **o: float) -> None:
        """Each with a ReLU, so that zeros are usual."""
        self.builder.operator(kind, inputs, y.index, fusedActivationFunction=RELU, **o)

    def depthwise_layer(self, x: Value) -> Value:
        """Any kernel, strides and dilation; sometimes two outputs a channel."""
        kh, kw = self.integer(1, 5), self.integer(1, 5)
        o = {"padding": SAME, "strideH": self.integer(1, 2)}
        o |= {"strideW": self.integer(1, 2), "dilationHFactor": 1, "dilationWFactor": 1}
        if o["strideH"] == o["strideW"] == 1:
            o |= {"dilationWFactor": self.integer(1, 2)}
        times = int(self.pick(1, 1, 2))
        weights = self.weights((1, kh, kw, times * x.shape[3]))
        out = (1, *self.spatial(x, kh, kw, o), times * x.shape[3])
        o |= {"depthMultiplier": times}
        return self.weighted(x, "DEPTHWISE_CONV_2D", weights, 3, out, **o)

    def square(self, x: Value, size: int, channels: int) -> Value:
        """A convolution of stride 1."""
        o = {"padding": SAME, "strideH": 1, "strideW": 1, "dilationHFactor": 1}
        o |= {"dilationWFactor": 1}
        weights = self.weights((channels, size, size, x.shape[3]))
        out = (1, *x.shape[1:3], channels)
        return self.weighted(x, "CONV_2D", weights, 0, out, **o)

    def zero_point(self) -> int:
        """That of a ReLU."""
        return -128

    def build(self) -> bytes:
        side, wide = 4 * self.integer(2, 4), 4 * self.integer(2, 4)
        start = self.value((1, side, wide, self.integer(2, 6)), 1 / 255, -128)
        x = self.square(start, 3, int(self.pick(4, 6, 8)))
        x = self.square(x, 3, int(self.pick(5, 8, 16)))
        x = self.depthwise_layer(x)
        x = self.square(x, 1, int(self.pick(16, 20, 24)))
        return self.builder.build([start.index], [x.index])


class Bordered(Generator):
    """Convolutions, each behind a PAD of its input; the first PAD has two readers."""

    extreme = False

    def bordered(self, x: Value, depthwise: bool) -> Value:
        """Any kernel, strides and dilation, any border less than the window."""
        kh, kw = (self.integer(1, min(5, size)) for size in x.shape[1:3])
        spans = zip((kh, kw), x.shape[1:3], strict=True)
        dh, dw = (self.integer(1, 2) if k <= 3 and 2 * k < n else 1 for k, n in spans)
        pads = np.zeros((4, 2), np.int64)
        for row, size, step in ((1, kh, dh), (2, kw, dw)):
            span = (size - 1) * step
            pads[row] = self.integer(0, span), self.integer(0, span)
        shape = tuple(s + int(p.sum()) for s, p in zip(x.shape, pads, strict=True))
        table = self.builder.tensor((4, 2), None, 0, pads, "int32")
        y = self.value(shape, x.scale, x.zero_point)
        self.builder.operator("PAD", [x.index, table], y.index)
        o = {"padding": VALID, "strideH": self.integer(1, 2)}
        o |= {"strideW": self.integer(1, 2), "dilationHFactor": dh}
        o |= {"dilationWFactor": dw}
        if dh * dw > 1:
            o |= {"strideH": 1, "strideW": 1}
        spatial = self.spatial(y, kh, kw, o)
        if depthwise:
            weights = self.weights((1, kh, kw, x.shape[3]))
            o |= {"depthMultiplier": 1}
            out = (1, *spatial, x.shape[3])
            return self.weighted(y, "DEPTHWISE_CONV_2D", weights, 3, out, **o)
        channels = self.integer(3, 9)
        weights = self.weights((channels, kh, kw, x.shape[3]))
        return self.weighted(y, "CONV_2D", weights, 0, (1, *spatial, channels), **o)

    def build(self) -> bytes:
        side, wide, deep = (self.integer(*r) for r in ((12, 17), (12, 17), (2, 6)))
        start = x = self.value((1, side, wide, deep), 1 / 255, self.zero_point())
        for _ in range(3):
            x = self.bordered(x, bool(self.rng.integers(2)))
        return self.builder.build([start.index], [x.index])


@pytest.mark.skipif(not tflm.available(), reason=tflm.SKIPPED)
@pytest.mark.parametrize("seed", range(6))
def test_a_pad_is_the_border_of_the_convolution_behind_it(
    seed: int, tmp_path: Path
) -> None:
    model = Bordered(seed).build()
    net = integer_core(read_tflite(model, "net"))
    require_supported(net)
    assert not any(op.kind == "PAD" for op in net.operators)
    inputs = random_values(net, INPUTS, seed)
    expected = tflm.sequence(model, inputs, 1)[0]
    profile = ("speed", "balanced", "size")[seed % 3]
    generate.generate(net, None, tmp_path, profile, "net", IDENTITY)
    native = Native(tmp_path, tmp_path / "native", options=OPTIONS)
    found = native.run("int8", to_bytes(joined(inputs)))
    assert np.array_equal(found, expected.reshape(INPUTS, -1))


def test_a_pad_stays_where_it_is_more_than_a_border() -> None:
    kinds = []
    for pads, fill in ((3, None), (1, None), (1, 5)):
        b = TfliteBuilder()
        table = np.array([[0, 0], [pads, pads], [pads, pads], [0, 0]])
        given = [
            b.tensor((1, 6, 6, 2), 0.1, -3),
            b.tensor((4, 2), None, 0, table, "int32"),
        ]
        middle = b.tensor((1, 6 + 2 * pads, 6 + 2 * pads, 2), 0.1, -3)
        end = b.tensor((1, 4 + 2 * pads, 4 + 2 * pads, 2), 0.1, 0)
        if fill is not None:
            given.append(b.tensor((1,), 0.1, -3, np.array([fill])))
        b.operator("PAD" if fill is None else "PADV2", given, middle)
        data = np.ones((2, 3, 3, 2), np.int8)
        weights = b.tensor(data.shape, [0.1] * 2, 0, data)
        o = {"padding": VALID, "strideH": 1, "strideW": 1}
        o |= {"dilationHFactor": 1, "dilationWFactor": 1}
        b.operator("CONV_2D", [middle, weights, -1], end, **o)
        net = integer_core(read_tflite(b.build([given[0]], [end]), "net"))
        kinds.append([op.kind for op in net.operators])
    assert kinds == [["PAD", "CONV_2D"], ["CONV_2D"], ["PAD", "CONV_2D"]]


@pytest.mark.parametrize("split", [False, True])
def test_a_causal_pad_of_one_dimension_is_a_border(split: bool, tmp_path: Path) -> None:
    """As Keras writes Conv1D: PAD of three dimensions, then RESHAPE, then CONV_2D.

    `split`: it has zeros in the middle of what the convolution takes for a row.
    """
    b = TfliteBuilder()
    table = np.array([[0, 0], [4, 0], [0, 0]])
    start = b.tensor((1, 12, 3), 0.1, -3)
    pads = b.tensor((3, 2), None, 0, table, "int32")
    padded = b.tensor((1, 16, 3), 0.1, -3)
    b.operator("PAD", [start, pads], padded)
    shape = (1, 2, 8, 3) if split else (1, 1, 16, 3)
    given = b.tensor(shape, 0.1, -3)
    sizes = b.tensor((4,), None, 0, np.array(shape), "int32")
    b.operator("RESHAPE", [padded, sizes], given, newShape=np.array(shape))
    data = np.random.default_rng(0).integers(-127, 128, (4, 1, 3, 3)).astype(np.int8)
    weights = b.tensor(data.shape, [0.01] * 4, 0, data)
    end = b.tensor((1, shape[1], shape[2] - 4, 4), 0.1, 5)
    o = {"padding": VALID, "strideH": 1, "strideW": 1}
    o |= {"dilationHFactor": 1, "dilationWFactor": 2}
    b.operator("CONV_2D", [given, weights, -1], end, **o)
    model = b.build([start], [end])
    net = integer_core(read_tflite(model, "net"))
    assert any(op.kind == "PAD" for op in net.operators) == split
    inputs = random_values(net, INPUTS, 0)
    expected = int8.sequence(net, inputs)[0].reshape(INPUTS, -1)
    if tflm.available():
        theirs = tflm.sequence(model, inputs, 1)[0].reshape(INPUTS, -1)
        assert np.array_equal(theirs, expected)
    generate.generate(net, None, tmp_path, "balanced", "net", IDENTITY)
    native = Native(tmp_path, tmp_path / "native", options=OPTIONS)
    found = native.run("int8", to_bytes(joined(inputs)))
    assert np.array_equal(found, expected)


def network(seed: int) -> Network:
    return read_tflite(Padded(seed).build(), "net")


def method_first(*methods: str) -> lower.Price:
    """A price by which these are taken wherever they can be, in this order."""

    def price(kernel: Kernel) -> float:
        known = (*methods, kernel.method)
        return known.index(kernel.method)

    return price


@pytest.mark.parametrize("method", ["winograd", "winograd4"])
@pytest.mark.parametrize("seed", range(5))
def test_padded_layers_give_the_references_bytes(
    seed: int, method: str, tmp_path: Path
) -> None:
    net = network(seed)
    size = net.tensors[net.inputs[0]].size
    images = np.random.default_rng(seed).integers(0, 256, (INPUTS, size))
    images[0], images[1] = 0, 255
    price = method_first(method, "zeros skipped")
    generate.generate(net, None, tmp_path, "speed", "net", IDENTITY, price)
    plan = generate.load_plan(tmp_path / "plan.json")
    methods = Counter(stage.method for stage in plan.engine("int8"))
    assert methods[method] == 2
    native = Native(tmp_path, tmp_path / "native", options=OPTIONS)
    found = native.run("int8", images.astype(np.uint8))
    inputs = (images - 128).astype(np.int8)
    inputs = inputs.reshape(-1, *net.tensors[net.inputs[0]].shape[1:])
    assert np.array_equal(found, int8.outputs(net, inputs).reshape(INPUTS, -1))


def test_zeros_are_left_out_only_behind_a_relu() -> None:
    stages = plan_stages(network(0))
    options = Options("speed", "net", wide_weights=True, winograd=True)
    assert list(Skipping.ways(stages[3], options))
    assert not list(Skipping.ways(stages[3], Options("balanced", "net")))
    assert not any(list(Skipping.ways(stage, options)) for stage in stages[:2])
