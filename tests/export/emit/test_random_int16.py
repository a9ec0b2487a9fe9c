"""Random networks of int16 values: the generated C against TensorFlow Lite Micro.

ESP8K_NETWORKS=1000 .venv/bin/python -m pytest tests/export/emit/test_random_int16.py

For each seed TFLite Micro, the numpy reference (operator by operator) and the C must
give the same numbers. All operators of the engine have to be reached.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from core.words import PROFILES
from export.emit import generate
from export.frontend.support import SUPPORTED, integer_core, require_supported
from export.graph.network import Network
from export.graph.read import read_tflite
from export.reference import int8, tflm
from tests.support import oracle
from tests.support.components import IDENTITY
from tests.support.native import Native
from tools.bench.drawn.int16 import random_int16, random_int16_inputs

NETWORKS = int(os.environ.get("ESP8K_NETWORKS", 2))  # 2 in CI, 1000 for a night
INPUTS = 8  # per network
# Undefined C is reported, also where the numbers are right by chance.
OPTIONS = ("-O0", "-fsanitize=undefined")


@pytest.mark.skipif(not tflm.available(), reason=tflm.SKIPPED)
def test_generated_c_of_random_networks_equals_tflite_micro(
    tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    reached: set[str] = set()
    for seed in range(NETWORKS):
        label, folder = f"seed {seed}", tmp_path / str(seed)
        model = random_int16(seed)
        network = integer_core(read_tflite(model, label))
        require_supported(network)
        inputs = random_int16_inputs(network, seed, INPUTS)
        expected = values_of(model, network, inputs, label)
        profile = PROFILES[seed % len(PROFILES)]
        generate.generate(network, None, folder, profile, "net", IDENTITY)
        native = Native(folder, folder / "native", options=OPTIONS)
        found = native.run("int16", inputs)
        assert np.array_equal(found, expected.reshape(found.shape)), label
        complaints = capfd.readouterr().err
        assert "runtime error" not in complaints, f"{label}: {complaints}"
        reached.update(op.kind for op in network.operators)
    assert reached == SUPPORTED["int16"]


def values_of(
    model: bytes, network: Network, inputs: np.ndarray, label: str
) -> np.ndarray:
    """The oracle's output; the reference must equal every value that both have."""
    opened = oracle.exposed(model)
    found = int8.run(network, inputs)
    makers = {op.outputs[0]: op.kind for op in network.operators}
    expected = oracle.outputs(opened, inputs)
    for index, theirs in zip(read_tflite(opened, label).outputs, expected, strict=True):
        if index in makers:  # the first difference names the culprit
            ours = found[index].reshape(theirs.shape)
            differing = int((ours != theirs).sum())
            assert not differing, f"{label}: {makers[index]}, {differing} values differ"
    return expected[0]
