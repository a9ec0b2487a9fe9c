"""Random networks of all other operators: the C against TensorFlow Lite Micro itself.

ESP8K_NETWORKS=1000 python -m pytest tests/export/emit/test_random_operators.py

The numpy reference and the C of one profile must give TFLite Micro's bytes; what the
networks have to reach is asserted too.
"""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from core.errors import Esp8kError
from core.pixels import to_bytes
from export.emit import generate, host_build
from export.emit.golden import joined, random_values
from export.emit.identity import identify
from export.frontend.support import core_of, require_supported
from export.graph.anew import marked
from export.graph.read import read_tflite
from export.kernels import registry
from export.reference import int8, tflm
from tests.support.random_operators import random_operators

NETWORKS = int(os.environ.get("ESP8K_NETWORKS", 50))  # 50 in CI, 1000 for a night
FIRST = 40  # of the seeds: from here 50 networks reach all operators
INPUTS = 6  # per network
PROFILES = ("speed", "size", "balanced")
REACHED = {
    *("MOVE", "REDUCE_SUM", "REDUCE_MEAN", "REDUCE_MAX", "REDUCE_MIN", "MEAN"),
    *("SUB", "MINIMUM", "MAXIMUM", "PRELU", "TABLE", "HARD_SWISH", "ELU"),
    *("ABS", "RSQRT", "DIV", "SQUARED_DIFFERENCE", "LOG_SOFTMAX"),
    *("L2_NORMALIZATION", "UNIDIRECTIONAL_SEQUENCE_LSTM", "SVDF"),
    *("RESIZE_BILINEAR", "BATCH_MATMUL", "TRANSPOSE_CONV", "PAD", "CONV_2D"),
}


@pytest.mark.slow
@pytest.mark.skipif(not tflm.available(), reason=tflm.SKIPPED)
def test_generated_c_of_random_operators_equals_tflite_micro(tmp_path: Path) -> None:
    reached: Counter[str] = Counter()
    compared = 0
    for seed in range(FIRST, FIRST + NETWORKS):
        kinds = check(seed, tmp_path / str(seed), PROFILES[seed % len(PROFILES)])
        reached.update(kinds)
        compared += bool(kinds)
    assert compared > NETWORKS * 3 // 4, "most of what is drawn must be sound"
    assert not REACHED - reached.keys(), "the generator must reach all of it"


def check(seed: int, folder: Path, profile: str) -> list[str]:
    """Hold one network to the oracle; its operators, none where it is refused."""
    model = random_operators(seed)
    kinds = {op.kind for op in read_tflite(model, "net").operators}
    if seed % 2 and "SVDF" not in kinds:  # no layer that is converted becomes that
        model = marked(model)
    network, _ = core_of(read_tflite(model, "net"))
    try:
        require_supported(network)
    except Esp8kError as error:
        assert "scale" in error.message or "output" in error.message, error.message
        return []
    inputs = random_values(network, INPUTS, seed)
    expected = tflm.sequence(model, inputs, len(network.outputs))[0]
    found = int8.sequence(network, inputs)[0].reshape(INPUTS, -1)
    kinds = [op.kind for op in network.operators]
    assert np.array_equal(found, expected), f"seed {seed}: reference, {kinds}"
    identity = identify("net", network.sha256, network.sha256)
    generate.generate(network, None, folder, profile, "net", identity)
    library = host_build.build(folder, folder)
    answer = library.int8(to_bytes(joined(inputs)))
    assert np.array_equal(answer, expected), f"seed {seed}: {profile}, {kinds}"
    return kinds


def test_every_operator_of_the_registry_is_drawn_somewhere() -> None:
    elsewhere = {"ADD", "MUL", "AVERAGE_POOL_2D", "MAX_POOL_2D", "CONCATENATION"}
    elsewhere |= {"DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "SOFTMAX", "LEAKY_RELU"}
    elsewhere |= {"RELU", "RELU6", "LOGISTIC", "TANH", "QUANTIZE", "CHANNEL_TABLE"}
    elsewhere |= {"GELU", "EXP"}  # TFLite Micro has no kernels: test_arithmetic
    assert set(registry.kinds(registry.INT8)) == REACHED | elsewhere
