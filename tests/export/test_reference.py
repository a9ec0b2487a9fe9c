"""The integer reference equals TensorFlow Lite Micro, operator by operator.

ESP8K_NETWORKS=1000 .venv/bin/python -m pytest tests/export/test_reference.py
"""

import os

import pytest

from export import reference, tflm
from export.network import read_tflite
from export.support import integer_core, require_supported
from tests.export import oracle
from tests.export.random_networks import random_inputs, random_network

NETWORKS = int(os.environ.get("ESP8K_NETWORKS", 100))
INPUTS = 8  # per network

needs_tflm = pytest.mark.skipif(not tflm.available(), reason=tflm.SKIPPED)


@needs_tflm
def test_random_networks_equal_tflite_micro() -> None:
    seen: set[str] = set()
    for seed in range(NETWORKS):
        model = random_network(seed)
        images = random_inputs(read_tflite(model, ""), seed, INPUTS)
        seen |= oracle.compare(model, images, f"seed {seed}")
    assert seen == {*reference.KERNELS}, "the generator must reach every operator"


def test_every_random_network_is_declared_supported() -> None:
    for seed in range(NETWORKS):
        network = read_tflite(random_network(seed), f"random {seed}")
        require_supported(integer_core(network))
