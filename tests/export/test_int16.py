"""Models of int16 activations: taken as they are, exact, or refused with a cure."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest

from core.errors import Esp8kError
from export.analyze import analyze
from export.compile import compile_model
from export.emit.generate import flags
from export.emit.host_build import WARNINGS, compile_c
from export.frontend import sources
from export.frontend.support import integer_core, require_supported
from export.graph.read import read_tflite
from export.reference import int8, tflm
from tools.bench.drawn.tflite_builder import TYPES, TfliteBuilder

ALL = np.arange(-(1 << 15), 1 << 15).astype(np.int16).reshape(8, 8192)
RNG = np.random.default_rng(0)
VALID = {"padding": 1, "strideH": 1, "strideW": 1}
SCALE = 0.001


def unary(kind: str, scale: float, out: float, **options: float) -> bytes:
    """One operator of one value, for 8,192 of them."""
    b = TfliteBuilder()
    start, end = (b.tensor((1, 8192), s, 0, dtype="int16") for s in (scale, out))
    b.operator(kind, [start], end, **options)
    return b.build([start], [end])


@pytest.mark.skipif(not tflm.available(), reason=tflm.SKIPPED)
@pytest.mark.parametrize(
    ("kind", "scale", "out", "options"),
    [
        ("LOGISTIC", 2.0**-12, 2.0**-15, {}),  # told from other scales
        ("LOGISTIC", 0.0003, 2.0**-15, {}),
        ("TANH", 2.0**-11, 2.0**-15, {}),
        ("TANH", 1.5, 2.0**-15, {}),
        ("RELU", 0.0007, 0.0005, {}),
        ("RELU6", 0.0007, 0.0007, {}),
        ("QUANTIZE", 0.0007, 0.0002, {}),
        ("LEAKY_RELU", 0.00583687, 0.00464229, {"alpha": 0.3}),
        ("LEAKY_RELU", 0.0007, 0.0005, {"alpha": -1.5}),
    ],
)
def test_all_values_become_the_oracles(
    kind: str, scale: float, out: float, options: dict[str, float]
) -> None:
    model = unary(kind, scale, out, **options)
    expected = tflm.sequence(model, [ALL], 1)[0]
    found = int8.outputs(read_tflite(model, "net"), ALL)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.skipif(not tflm.available(), reason=tflm.SKIPPED)
@pytest.mark.parametrize("bias", ["float32", "int32"])
def test_without_a_bias_the_options_say_how_sums_are_scaled(bias: str) -> None:
    """Of several rows, which become a convolution."""
    b = TfliteBuilder()
    start, end = (b.tensor((1, 64, 2), s, 0, dtype="int16") for s in (SCALE, 2e-5))
    weights = b.tensor((2, 2), 0.01, 0, np.array([[100, -27], [3, 91]]))
    told = {"keepNumDims": True, "quantizedBiasType": TYPES[bias]}
    b.operator("FULLY_CONNECTED", [start, weights, -1], end, **told)
    model = b.build([start], [end])
    network = integer_core(read_tflite(model, "net"))
    values = ALL[:1, :128].reshape(1, 64, 2) // 64
    expected = tflm.sequence(model, [values], 1)[0]
    shape = (1, *network.tensors[network.inputs[0]].shape[1:])
    found = int8.outputs(network, values.reshape(shape))
    np.testing.assert_array_equal(found.reshape(1, -1), expected)


def classifier() -> bytes:
    """A convolution, a fully connected layer and SOFTMAX between float ends."""
    b = TfliteBuilder()
    start = b.tensor((1, 6, 6, 1), dtype="float32")
    x = b.tensor((1, 6, 6, 1), SCALE, 0, dtype="int16")
    y = b.tensor((1, 4, 4, 2), 0.02, 0, dtype="int16")
    flat = b.tensor((1, 3), 0.0005, 0, dtype="int16")
    end, last = (
        b.tensor((1, 3), 2.0**-15, 0, dtype="int16"),
        b.tensor((1, 3), dtype="float32"),
    )
    kernel = b.tensor((2, 3, 3, 1), 0.01, 0, RNG.integers(-127, 128, (2, 3, 3, 1)))
    dense = b.tensor((3, 32), 0.001, 0, RNG.integers(-127, 128, (3, 32)))
    far = np.array([1 << 33, -(1 << 33)])  # beyond 32 bits
    bias = b.tensor((2,), 0.00001, 0, far, "int64")
    b.operator("QUANTIZE", [start], x)
    steps = VALID | {"dilationHFactor": 1, "dilationWFactor": 1}
    b.operator("CONV_2D", [x, kernel, bias], y, fusedActivationFunction=1, **steps)
    b.operator("FULLY_CONNECTED", [y, dense, -1], flat)
    b.operator("SOFTMAX", [flat], end, beta=1.0)
    b.operator("DEQUANTIZE", [end], last)
    return b.build([start], [last])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The component of the classifier, compared with TFLite Micro by the tool."""
    folder = tmp_path_factory.mktemp("int16")
    (folder / "net.tflite").write_bytes(classifier())
    taken = sources.load(str(folder / "net.tflite"), sources.Options())
    assert "its activations are int16" in taken.notes[0]
    result = compile_model(taken.model, "net", "net", folder / "made", "balanced")
    if tflm.available():
        assert result.compared_with == "the integer reference and TFLite Micro"
    assert result.arena_bytes == 72  # 32 and 3 values of two bytes, in whole words
    return folder / "made"


def test_a_component_is_cpp_too(made: Path) -> None:
    """As C it ran its golden vectors before it was written."""
    header = (made / "src/net_model.h").read_text()
    assert "net_int16_run(void *arena, const int16_t *input, int16_t *output)" in header
    assert "int16 q; real = 0.001" in (made / "README.md").read_text()
    options = [f for f in flags("host") if not f.startswith("-std")]
    command = ["g++", "-x", "c++", "-std=c++17", "-fsyntax-only", *options, *WARNINGS]
    parts = [*sorted((made / "src").glob("*.c")), made / "examples/golden/main.c"]
    command += [f"-I{made / 'src'}", *map(str, parts)]
    subprocess.run(command, check=True, timeout=120)


def test_real_numbers_become_the_oracles(made: Path, tmp_path: Path) -> None:
    """Halves, what lies beside them in float32, and what is beyond."""
    halves = (np.arange(-5, 5) + 0.5).astype(np.float32) * np.float32(SCALE)
    beside = [np.nextafter(halves, np.float32(s * 99)) for s in (-1, 1)]
    far = np.array([33, -33, 32.767, -32.768, 1e6, -1e6], np.float32)
    values = np.concatenate([halves, *beside, far])
    b = TfliteBuilder()
    start = b.tensor((1, len(values)), dtype="float32")
    end = b.tensor((1, len(values)), SCALE, 0, dtype="int16")
    b.operator("QUANTIZE", [start], end)
    (tmp_path / "test.c").write_text(
        '#include "net_model.h"\nint16_t of(float x);\n'
        "int16_t of(float x) { return net_input_of(x); }\n"
    )
    parts = [tmp_path / "test.c"]
    compile_c(parts, [made / "src"], tmp_path / "test.so", "-fPIC", "-shared")
    function = ctypes.CDLL(str(tmp_path / "test.so")).of
    function.argtypes, function.restype = [ctypes.c_float], ctypes.c_int16
    found = [function(float(x)) for x in values]
    if tflm.available():
        expected = tflm.sequence(b.build([start], [end]), [values[None]], 1)[0]
        np.testing.assert_array_equal(found, expected[0])
    assert (function(float("nan")), max(found)) == (-32768, 32767)


def test_analyze_tells_one_way_for_all_cores() -> None:
    found = analyze(classifier(), "net")
    assert not found.problems
    assert len({size.flash_bytes for size in found.sizes}) == 1
    assert {core.evidence for core in found.cores} == {"estimated"}
    assert "held to no count" in "\n".join(found.lines())


def test_what_int16_lacks_is_refused_with_its_cure(tmp_path: Path) -> None:
    b = TfliteBuilder()
    start, end = (b.tensor((1, 8), SCALE, 0, dtype="int16") for _ in range(2))
    b.operator("HARD_SWISH", [start], end)
    (tmp_path / "net.tflite").write_bytes(b.build([start], [end]))
    with pytest.raises(Esp8kError, match="HARD_SWISH.*not supported in int16") as told:
        sources.load(str(tmp_path / "net.tflite"), sources.Options())
    assert "--calibration" in (told.value.hint or "")
    assert "from -32.77 to 32.77" in (told.value.hint or "")


def test_inputs_that_nobody_reads_are_told_of(tmp_path: Path) -> None:
    """--int16 leaves an int16 file as it is, and asks for no --calibration."""
    model = classifier()
    (tmp_path / "net.tflite").write_bytes(model)
    options = sources.Options(tmp_path / "drawn.npy", int16=True)
    taken = sources.load(str(tmp_path / "net.tflite"), options)
    assert taken.model == model
    told = "the model is quantized already: --calibration was not read"
    assert taken.notes == (told,)


def weighted(bias: np.ndarray, dtype: str, out: float, kind: str) -> bytes:
    """A weighted sum of 4 values."""
    b = TfliteBuilder()
    deep = kind == "DEPTHWISE_CONV_2D"
    start = b.tensor((1, 1, 1, 4) if deep else (1, 4), SCALE, 0, dtype="int16")
    end = b.tensor((1, 1, 1, 4) if deep else (1, 4), out, 0, dtype="int16")
    shape = (1, 1, 1, 4) if deep else (4, 4)
    weights = b.tensor(shape, 0.01, 0, np.full(shape, 100))
    options = VALID | {"depthMultiplier": 1} if deep else {}
    inputs = [start, weights, b.tensor((4,), 0.00001, 0, bias, dtype)]
    b.operator(kind, inputs, end, **options)
    return b.build([start], [end])


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (unary("LOGISTIC", 3.0, 2.0**-15), "its input scale is too large"),
        (unary("LOGISTIC", 0.1, 2.0**-8), "output scale 0.00390625, zero point 0"),
        (unary("SOFTMAX", 3.0, 2.0**-15, beta=1.0), "its input scale is too large"),
        (unary("QUANTIZE", 1.0, 2.0**-17), "its output scale is too small"),
        (unary("RELU6", 0.1, 0.2), "differ in scale"),
        (
            weighted(np.full(4, 1 << 47), "int64", 1.0, "FULLY_CONNECTED"),
            "sum up to more than 47 bits",
        ),
        (
            weighted(np.zeros(4), "int64", 1e-8, "FULLY_CONNECTED"),
            "its output scale is too small",
        ),
        (
            weighted(np.full(4, (1 << 31) - 1), "int32", 2e-6, "FULLY_CONNECTED"),
            "its output scale is too small",
        ),
        (
            weighted(np.zeros(4), "int32", 1.0, "DEPTHWISE_CONV_2D"),
            "bias t3 is not int64",
        ),
    ],
)
def test_what_tflite_micro_does_not_define_is_refused(model: bytes, what: str) -> None:
    with pytest.raises(Esp8kError, match=what):
        require_supported(integer_core(read_tflite(model, "net")))
