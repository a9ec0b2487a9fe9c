"""Files of uint8 as TensorFlow 1 quantized them: the C equals TensorFlow Lite's."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import Esp8kError
from export.compile import compile_model
from export.emit.generate import generate
from export.emit.s3_host import S3
from export.frontend import dequantized, sources
from export.frontend.canonical.unsigned import TAKEN
from export.frontend.support import integer_core, require_supported
from export.graph.network import Network
from export.graph.read import read_tflite
from export.reference import int8, lite
from tests.support import oracle
from tests.support.components import IDENTITY
from tests.support.native import TRAP, Native
from tools.bench.drawn.tflite_builder import TfliteBuilder

COUNT = 12  # inputs
RELU, RELU6 = 1, 3  # fused
VALID, SAME = 1, 0
STEPS = {"strideH": 1, "strideW": 1}


class Drawn:
    """A network of every operator that is taken; scales and zero points are drawn."""

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

    def constant(self, *values: int) -> int:
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


def network(seed: int) -> tuple[bytes, set[str]]:
    """The file, and which operators it has."""
    d = Drawn(seed)
    start = d.value((1, 9, 8, 3))
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
    return d.b.build([start], [end]), d.kinds


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


def drawn_inputs(core: Network, seed: int) -> np.ndarray:
    shape = core.tensors[core.inputs[0]].shape[1:]
    return np.random.default_rng(seed).integers(0, 256, (COUNT, *shape), np.uint8)


def test_every_operator_that_is_taken_is_that_of_tensorflow_lite() -> None:
    reached: set[str] = set()
    for seed in range(4):
        model, kinds = network(seed)
        reached |= kinds
        opened = oracle.exposed(model)
        whole = read_tflite(opened, "net")
        core = integer_core(whole)
        require_supported(core)
        inputs = drawn_inputs(core, seed)
        values = int8.run(core, inputs.astype(np.int16) - 128)
        found = lite.sequence(opened, [inputs], len(whole.outputs))
        makers = {op.outputs[0]: op.kind for op in whole.operators}
        for index, mine, theirs in zip(whole.outputs, core.outputs, found, strict=True):
            ours = values[mine].reshape(COUNT, -1).astype(np.int16) + 128
            assert np.array_equal(ours, theirs), (seed, makers[index])
    assert reached == set(TAKEN) - {"DEQUANTIZE"}


@pytest.mark.parametrize("profile", ["size", "balanced"])
def test_the_c_of_every_core_is_that_of_the_reference(
    profile: str, tmp_path: Path
) -> None:
    core = integer_core(read_tflite(network(0)[0], "net"))
    inputs = drawn_inputs(core, 1)
    values = int8.run(core, inputs.astype(np.int16) - 128)
    expected = values[core.outputs[0]].reshape(COUNT, -1)
    generate(core, None, tmp_path, profile, "net", IDENTITY, s3=True, lx6=True)
    text = (tmp_path / "src" / "net_int8_weights.c").read_text()
    assert ("const uint8_t net_int8_conv2_weights" in text) == (profile == "size")
    portable = Native(tmp_path, tmp_path / "portable", options=TRAP)
    assert np.array_equal(portable.run("int8", inputs), expected)
    if profile == "balanced":
        lx6 = Native(tmp_path, tmp_path / "lx6", options=("-DNN_LX6_MODEL", "-O1"))
        assert np.array_equal(lx6.run("int8", inputs), expected)
        assert np.array_equal(S3(tmp_path, tmp_path / "s3").run(inputs), expected)


def test_it_is_compiled_as_it_is_and_held_to_tensorflow_lite(tmp_path: Path) -> None:
    path = tmp_path / "old.tflite"
    path.write_bytes(network(2)[0])
    taken = sources.load(str(path), sources.Options())
    assert taken.model == path.read_bytes() and not taken.costs
    made = compile_model(taken.model, "net", "net", tmp_path / "c", "speed")
    assert made.compared_with == f"the integer reference and {lite.NAME}"
    assert made.notes[0].startswith("input: uint8 in the file")


def refused(kind: str, weights: str, zero: int) -> Network:
    b = TfliteBuilder()
    start, end = (b.tensor(s, 0.1, 7, dtype="uint8") for s in ((1, 8), (1, 3)))
    w = b.tensor((3, 8), 0.1, zero, np.zeros((3, 8)), weights)
    b.operator(kind, [start, w, -1], end)
    return read_tflite(b.build([start], [end]), "net")


@pytest.mark.parametrize(
    ("kind", "weights", "zero", "what"),
    [
        ("BATCH_MATMUL", "uint8", 9, "of uint8 it is not taken as it is"),
        ("FULLY_CONNECTED", "int8", 0, "its weights are no constant of uint8"),
        ("FULLY_CONNECTED", "uint8", 256, "no valid zero point"),
    ],
)
def test_what_is_not_taken_is_named_with_the_cure(
    kind: str, weights: str, zero: int, what: str
) -> None:
    network = refused(kind, weights, zero)
    assert dequantized.otherwise(network) == "to uint8, as TensorFlow 1 did"
    with pytest.raises(Esp8kError, match=f"operator 0 {kind} .*{what}") as caught:
        integer_core(network)
    assert "--calibration" in caught.value.hint
