"""MLPerf Tiny's four shapes through the LX6's kernels, on the emulated core."""

from pathlib import Path

import numpy as np
import pytest

from core.paths import ROOT
from core.pixels import to_bytes
from export.emit.component import random_inputs
from export.emit.generate import flags, generate
from export.reference import int8
from tests.support.components import IDENTITY
from tests.support.native import Native
from tools.bench import build, count, models
from tools.bench.mlperf_shapes import SHAPES

pytestmark = [pytest.mark.slow, pytest.mark.emulator]
INSTRUCTIONS = {  # of one inference, at most
    "resnet8": 12_000_000,
    "ds_cnn": 4_850_000,
    "mobilenet": 14_000_000,
    "autoencoder": 305_000,
}
INPUTS = 2


@pytest.mark.parametrize("name", SHAPES)
def test_the_shape_is_exact_in_its_budget(name: str, tmp_path: Path) -> None:
    folder = ROOT / "build" / "test" / "mlperf" / name
    network = models.shape(name, folder, INPUTS).int8
    plan = generate(network, None, tmp_path, "speed", "net", IDENTITY)
    inputs = random_inputs(network, INPUTS, 2)
    pixels = to_bytes(inputs).reshape(INPUTS, -1)
    expected = int8.outputs(network, inputs).reshape(INPUTS, -1)
    native = Native(tmp_path, tmp_path / "host", options=("-DNN_LX6_MODEL", "-O0"))
    np.testing.assert_array_equal(native.run("int8", pixels), expected)
    program = models.program(tmp_path, plan, "int8")
    one = pixels[-1:]
    built = build.build(program, "lx6", flags("xtensa"), one, tmp_path / "bare")
    counted = count.count(built, one)
    found = counted.outputs.view(np.int8).reshape(1, -1)
    np.testing.assert_array_equal(found, expected[-1:])
    assert counted.instructions < INSTRUCTIONS[name], counted.instructions
