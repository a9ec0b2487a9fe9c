"""The four MLPerf Tiny shapes, as a converter writes them, against TFLite Micro."""

import shutil
from pathlib import Path

import pytest

from core.paths import ROOT
from core.words import PROFILES
from export.compile import compile_model
from export.emit.golden import random_inputs
from export.frontend.support import integer_core, require_supported
from export.graph.read import read_tflite
from export.reference import tflm
from tests.support import oracle
from tools.bench import budget, models
from tools.bench import ours as bench_ours
from tools.bench import tflm as bench_tflm
from tools.bench.mlperf_shapes import SHAPES, build

pytestmark = pytest.mark.slow
MACS = {
    "resnet8": 12_501_632,
    "ds_cnn": 2_656_768,
    "mobilenet": 7_489_664,
    "autoencoder": 264_192,
}
INPUTS = 6
COUNTED = bench_ours.IMAGES["int8"]
EMULATED = {"speed": ("lx106",), "balanced": ("lx106", "rv32imc"), "size": ()}
BUDGETED = "lx106"
WHOLE = ("ds_cnn", "autoencoder")  # the quick ones
LESS_RAM = {"resnet8": 2.5, "mobilenet": 2.5}  # times, in any profile


@pytest.fixture(scope="module", params=SHAPES)
def shape(request: pytest.FixtureRequest) -> models.Model:
    """One network, converted once for all tests and all runs of them."""
    folder = ROOT / "build" / "test" / "mlperf" / request.param
    return models.shape(request.param, folder, INPUTS)


@pytest.fixture(scope="module")
def rival(shape: models.Model) -> tuple[int, int]:
    """TFLite Micro's instructions an inference on this machine, and its arena."""
    if not tflm.available():
        pytest.skip(tflm.SKIPPED)
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    path = shape.folder / "model_int8.tflite"
    counted = bench_tflm.count(path, shape.inputs(shape.images[:COUNTED]))
    arena = tflm.arena_bytes(path.read_bytes())
    assert counted is not None and arena is not None
    assert counted.reference_kernels
    return counted.instructions, arena


def test_a_shape_has_the_same_bytes_whatever_was_built_before() -> None:
    assert build("autoencoder") == build("autoencoder")


def test_the_shape_is_read_and_supported(shape: models.Model) -> None:
    network = read_tflite(shape.file("model_int8.tflite"), shape.name)
    require_supported(integer_core(network))
    assert network.macs() == MACS[shape.name]


@pytest.mark.skipif(not tflm.available(), reason=tflm.SKIPPED)
def test_the_reference_equals_tflite_micro(shape: models.Model) -> None:
    model = shape.file("model_int8.tflite")
    inputs = random_inputs(read_tflite(model, shape.name), INPUTS, 0)
    oracle.compare(model, inputs, shape.name)


@pytest.mark.parametrize("shape", WHOLE, indirect=True)
def test_the_component_is_exact(shape: models.Model, tmp_path: Path) -> None:
    """As `compile` makes it; every shape's bits are compared below."""
    model = shape.file("model_int8.tflite")
    result = compile_model(model, shape.name, shape.name, tmp_path, "balanced")
    assert "TFLite Micro" in result.compared_with or not tflm.available()


@pytest.mark.emulator
@pytest.mark.parametrize("profile", PROFILES)
def test_it_takes_fewer_instructions_and_less_ram_than_tflite_micro(
    profile: str,
    shape: models.Model,
    rival: tuple[int, int],
    tmp_path: Path,
) -> None:
    """On this machine; with the same bits, and within the budget, on cores."""
    instructions, arena = rival
    targets = ("host", *EMULATED[profile])
    # `measure` raises where a core's bits differ from the host's.
    host, *cores = bench_ours.measure(
        shape, tmp_path, print, targets, (profile,), stages=False
    )
    assert len(cores) == len(EMULATED[profile])
    assert host.exact is not None and host.exact.differing_logits == 0
    assert host.instructions < instructions
    # Theirs holds the input and the output too.
    assert (host.ram_bytes + host.io_bytes) * LESS_RAM.get(shape.name, 1) < arena
    measured = [budget.line(row) for row in cores if row.target == BUDGETED]
    changes = budget.compare(budget.load(), measured)
    assert not [change.text() for change in changes if change.worse]
    assert not budget.missing(budget.load(), measured)
