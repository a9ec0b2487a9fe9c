"""Reading .tflite files: what comes out, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import Esp8kError
from export.graph.read import read_tflite
from export.pipeline import Artefacts
from tools.bench.drawn.networks import random_network
from tools.bench.drawn.tflite_builder import TfliteBuilder


def test_v2_is_read_with_its_layers_and_macs(artefacts: Artefacts) -> None:
    network = artefacts.int8
    kinds = [op.kind for op in network.operators]
    block = ["CONV_2D", "LEAKY_RELU"]
    pooled = ["CONV_2D", "MAX_POOL_2D", "LEAKY_RELU"]
    head = ["RESHAPE", "FULLY_CONNECTED"]
    assert kinds == pooled + block + pooled + block + head
    assert network.macs() == 231_392


def test_the_input_of_v2_is_the_raw_pixel(artefacts: Artefacts) -> None:
    start = artefacts.int8.tensors[artefacts.int8.inputs[0]]
    assert start.scale == np.float32(1 / 255)
    assert start.zero_point == -128


def test_float16_constants_are_collapsed(artefacts: Artefacts) -> None:
    network = artefacts.float16
    assert "DEQUANTIZE" not in {op.kind for op in network.operators}
    for op in network.operators:
        if op.kind in ("CONV_2D", "FULLY_CONNECTED"):
            for index in op.inputs[1:]:
                assert network.tensors[index].dtype == "float16"
                assert network.tensors[index].data.dtype == np.float16


def test_a_file_cut_short_anywhere_is_refused() -> None:
    model = random_network(3)
    refused = 0
    for length in range(0, len(model) - 1, max(len(model) // 200, 1)):
        try:
            read_tflite(model[:length], "cut")
        except Esp8kError as error:
            assert error.code == 2 and error.hint
            refused += 1
    assert refused > 150, "most cuts must be noticed, all without a traceback"


def test_damaged_bytes_never_give_a_traceback() -> None:
    model = random_network(5)
    rng = np.random.default_rng(0)
    for _ in range(200):
        bad = bytearray(model)
        for place in rng.integers(8, len(bad), 4):
            bad[place] = rng.integers(256)
        try:
            read_tflite(bytes(bad), "damaged")
        except Esp8kError as error:
            assert error.hint


def test_another_file_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "picture.tflite"
    path.write_bytes(b"\x89PNG" * 100)
    with pytest.raises(Esp8kError, match=r"picture\.tflite is not a \.tflite file"):
        read_tflite(path, "x")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Esp8kError, match="cannot read"):
        read_tflite(tmp_path / "none.tflite", "x")


def test_an_index_beyond_the_tensors_is_refused() -> None:
    builder = TfliteBuilder()
    start = builder.tensor((1, 4), 0.1)
    end = builder.tensor((1, 4), 0.1)
    builder.operator("RELU", [start + 7], end)
    with pytest.raises(Esp8kError, match="damaged"):
        read_tflite(builder.build([start], [end]), "x")


@pytest.mark.parametrize("rank", [1, 2])
def test_a_bias_has_one_dimension_whatever_the_file_says(rank: int) -> None:
    """Older converters give it that of the weights, 3; so has person_detect."""
    builder = TfliteBuilder()
    start, end = builder.tensor((1, 4), 0.1), builder.tensor((1, 4), 0.1)
    builder.operator("RELU", [start], end)
    shape = (2,) if rank == 1 else (2, 1)
    builder.tensor(shape, [0.1, 0.2], 0, np.zeros(shape, np.int32), "int32", 3)
    model = builder.build([start], [end])
    if rank == 1:
        quant = read_tflite(model, "x").tensors[-1].quant
        assert quant is not None and quant.axis == 0
    else:
        with pytest.raises(Esp8kError, match="damaged"):
            read_tflite(model, "x")
