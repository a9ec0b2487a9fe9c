"""The four MLPerf Tiny shapes, as a converter writes them, against TFLite Micro."""

from pathlib import Path

import pytest

from export import tflm
from export.compile import compile_model, random_inputs
from export.network import read_tflite
from export.support import integer_core, require_supported
from tests.export import mlperf_tiny, oracle

pytestmark = pytest.mark.slow
MACS = {
    "resnet8": 12_501_632,
    "ds_cnn": 2_656_768,
    "mobilenet": 7_489_664,
    "autoencoder": 264_192,
}
INPUTS = 6


@pytest.fixture(scope="module", params=mlperf_tiny.SHAPES)
def shape(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    """One network: its name and its .tflite."""
    return request.param, mlperf_tiny.build(request.param)


def test_the_shape_is_read_and_supported(shape: tuple[str, bytes]) -> None:
    name, model = shape
    network = read_tflite(model, name)
    require_supported(integer_core(network))
    assert network.macs() == MACS[name]


@pytest.mark.skipif(not tflm.available(), reason=tflm.SKIPPED)
def test_the_reference_equals_tflite_micro(shape: tuple[str, bytes]) -> None:
    name, model = shape
    inputs = random_inputs(read_tflite(model, name), INPUTS, 0)
    oracle.compare(model, inputs, name)


def test_the_component_is_exact_and_smaller_in_ram(
    shape: tuple[str, bytes], tmp_path: Path
) -> None:
    name, model = shape
    result = compile_model(model, name, name, tmp_path / name, "balanced")
    if result.tflm_arena_bytes is not None:
        assert "TFLite Micro" in result.compared_with
        assert result.arena_bytes < result.tflm_arena_bytes
