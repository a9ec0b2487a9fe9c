"""A network that keeps a state from call to call."""

from pathlib import Path

import numpy as np
import pytest

from export.compile import compile_model
from export.emit import host_build
from export.reference import tflm
from tools.bench.stranger_models import streaming


@pytest.mark.slow
@pytest.mark.skipif(not tflm.available(), reason=tflm.SKIPPED)
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_streaming_network_equals_tflite_micro_over_its_calls(
    layers: int, tmp_path: Path
) -> None:
    result = compile_model(streaming(layers), "net", "net", tmp_path / "c", "balanced")
    assert result.compared_with.endswith("TFLite Micro")
    header = (tmp_path / "c/src/net_model.h").read_text()
    assert "net_int8_reset" in header and "NET_INT8_STATE_BYTES" in header
    library = host_build.build(tmp_path / "c", tmp_path)
    rng = np.random.default_rng(0)
    stream = rng.integers(0, 256, (50, 8)).astype(np.uint8)
    first, second = library.int8(stream), library.int8(stream)  # each from a reset
    assert np.array_equal(first, second)
    assert not np.array_equal(library.int8(stream[10:])[:5], first[10:15])
