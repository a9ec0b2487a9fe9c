"""MLPerf Tiny's four shapes through the ESP32-S3's kernels."""

from pathlib import Path

import numpy as np
import pytest

from core.paths import ROOT
from core.pixels import to_bytes
from export.emit import generate, s3_host
from export.emit.component import random_inputs
from export.reference import int8
from tests.support.components import IDENTITY
from tools.bench import models
from tools.bench.mlperf_shapes import SHAPES

pytestmark = pytest.mark.slow
INSTRUCTIONS = {  # of the kernels, at most; a last SOFTMAX is portable C
    "resnet8": 1_800_000,
    "ds_cnn": 530_000,
    "mobilenet": 1_850_000,
    "autoencoder": 35_000,
}
INPUTS = 4


@pytest.mark.parametrize("name", SHAPES)
def test_the_shape_is_exact_in_its_budget(name: str, tmp_path: Path) -> None:
    folder = ROOT / "build" / "test" / "mlperf" / name
    network = models.shape(name, folder, INPUTS).int8
    generate.generate(network, None, tmp_path, "speed", "net", IDENTITY, s3=True)
    engine = s3_host.S3(tmp_path, tmp_path / "s3")
    inputs = random_inputs(network, INPUTS, 2)
    expected = int8.outputs(network, inputs).reshape(INPUTS, -1)
    found = engine.run(to_bytes(inputs).reshape(INPUTS, -1))
    np.testing.assert_array_equal(found, expected)
    assert engine.instructions < INSTRUCTIONS[name]
