"""The integer reference equals TensorFlow Lite Micro, operator by operator.

ESP8K_NETWORKS=1000 .venv/bin/python -m pytest tests/export/test_reference.py
"""

import os

import numpy as np
import pytest

from export import reference, tflm
from export.network import read_tflite
from export.support import integer_core, require_supported
from tests.export.random_networks import random_inputs, random_network

NETWORKS = int(os.environ.get("ESP8K_NETWORKS", 100))
INPUTS = 8  # per network

needs_tflm = pytest.mark.skipif(not tflm.available(), reason=tflm.SKIPPED)


def oracle(model: bytes, images: np.ndarray) -> list[np.ndarray]:
    """Every output of the graph by TFLite Micro, each (N, ...)."""
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(model)
    count = len(read_tflite(model, "").outputs)
    rows = []
    for image in images:
        interpreter.set_input(image[None], 0)
        interpreter.invoke()
        rows.append([interpreter.get_output(i).copy()[0] for i in range(count)])
    return [np.stack(column) for column in zip(*rows, strict=True)]


def compare(model: bytes, seed: int) -> set[str]:
    """Assert equality of every tensor; give the operators that took part."""
    network = read_tflite(model, f"random {seed}")
    images = random_inputs(network, seed, INPUTS)
    values = reference.run(network, images)
    makers = {op.outputs[0]: op for op in network.operators}
    expected = dict(zip(network.outputs, oracle(model, images), strict=True))
    for index in sorted(expected, key=list(makers).index):
        ours, op = values[index], makers[index]
        differing = int((ours != expected[index]).sum())
        assert differing == 0, (
            f"seed {seed}: {op.kind} {op.attributes}, tensor {index}: "
            f"{differing} of {ours.size} values differ"
        )
    return {op.kind for op in network.operators}


@needs_tflm
def test_random_networks_equal_tflite_micro() -> None:
    seen: set[str] = set()
    for seed in range(NETWORKS):
        seen |= compare(random_network(seed, exposed=True), seed)
    assert seen == {*reference.KERNELS}, "the generator must reach every operator"


def test_every_random_network_is_declared_supported() -> None:
    for seed in range(NETWORKS):
        network = read_tflite(random_network(seed), f"random {seed}")
        require_supported(integer_core(network))
