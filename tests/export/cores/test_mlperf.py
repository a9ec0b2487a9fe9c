"""MLPerf Tiny's four shapes through the kernels of the LX6 and of the ESP32-S3."""

from pathlib import Path

import numpy as np
import pytest

from core.paths import ROOT
from core.pixels import to_bytes, to_int8
from export.cores.s3.lower import lower as lower_s3
from export.emit import lower, s3_host
from export.emit.generate import flags, generate
from export.emit.golden import random_inputs
from export.graph.network import Network
from export.reference import int8
from tests.support.components import IDENTITY
from tests.support.native import Native
from tests.support.traces import assert_as_expected
from tools.bench import build, count, models
from tools.bench.mlperf_shapes import SHAPES

pytestmark = pytest.mark.slow
LX6 = {  # instructions of one inference, at most
    "resnet8": 12_000_000,
    "ds_cnn": 4_850_000,
    "mobilenet": 14_000_000,
    "autoencoder": 305_000,
}
S3 = {  # the same of the kernels; a last SOFTMAX is portable C
    "resnet8": 1_800_000,
    "ds_cnn": 530_000,
    "mobilenet": 1_850_000,
    "autoencoder": 36_000,
}
MORE_RAM = 1.5  # times the portable engine's arena
INPUTS = 3
Case = tuple[str, Network, np.ndarray, np.ndarray]


@pytest.fixture(scope="module", params=SHAPES)
def case(request: pytest.FixtureRequest) -> Case:
    """A shape's name and network, bytes (N, inputs), what comes out."""
    name = request.param
    folder = ROOT / "build" / "test" / "mlperf" / name
    network = models.shape(name, folder, INPUTS).int8
    inputs = random_inputs(network, INPUTS, 2)
    expected = int8.outputs(network, inputs).reshape(INPUTS, -1)
    return name, network, to_bytes(inputs).reshape(INPUTS, -1), expected


def test_the_vector_unit_is_exact_in_its_budget(case: Case, tmp_path: Path) -> None:
    name, network, pixels, expected = case
    place = (network, None, tmp_path, "speed", "net", IDENTITY)
    plan = generate(*place, s3=True, lx6=False)
    engine = s3_host.S3(tmp_path, tmp_path / "s3", "-O0")
    np.testing.assert_array_equal(engine.run(pixels), expected)
    assert engine.instructions < S3[name]
    assert engine.arena_bytes <= MORE_RAM * plan.int8_arena_bytes
    np.testing.assert_array_equal(engine.run(pixels[:1], 1), expected[:1])
    shape = network.tensors[network.inputs[0]].shape
    seen = engine.trace(pixels[0])
    assert_as_expected(seen, plan, network, to_int8(pixels[:1]).reshape(shape))


@pytest.mark.parametrize("case", ["resnet8", "autoencoder"], indirect=True)
def test_the_vector_units_arena_is_small_where_little_is_asked(case: Case) -> None:
    network = case[1]  # of the four the two that ask more where RAM is spared
    portable = lower.int8(network, "balanced", "net")
    assert lower_s3(network, "net", "balanced").arena <= MORE_RAM * portable.arena


@pytest.mark.emulator
def test_the_lx6_is_exact_in_its_budget(case: Case, tmp_path: Path) -> None:
    name, network, pixels, expected = case
    plan = generate(network, None, tmp_path, "speed", "net", IDENTITY)
    native = Native(tmp_path, tmp_path / "host", options=("-DNN_LX6_MODEL", "-O0"))
    np.testing.assert_array_equal(native.run("int8", pixels), expected)
    program = models.program(tmp_path, plan, "int8")
    one = pixels[-1:]
    built = build.build(program, "lx6", flags("xtensa"), one, tmp_path / "bare")
    counted = count.count(built, one)
    found = counted.outputs.view(np.int8).reshape(1, -1)
    np.testing.assert_array_equal(found, expected[-1:])
    assert counted.instructions < LX6[name]
