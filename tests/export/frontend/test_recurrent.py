"""LSTM and SVDF: their state is a variable of the network, as in TFLite Micro."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import Esp8kError
from export.compile import compared_inputs, compile_model
from export.emit import host_build
from export.frontend.support import core_of, require_supported
from export.graph.read import read_tflite
from export.reference import int8
from tools.bench.drawn.recurrent import Recurrent
from tools.bench.drawn.tflite_builder import TfliteBuilder

WEIGHT, HIDDEN, CELL, PEEPHOLE = 1, 18, 19, 9


def lstm(seed: int = 0, steps: int = 6) -> TfliteBuilder:
    """The file of one LSTM, to be changed; tensor 0 goes in, the last comes out."""
    net = Recurrent(seed)
    net.lstm(net.value((1, steps, 4), 2.0**-6, 3))
    return net.builder


def built(builder: TfliteBuilder) -> bytes:
    return builder.build([0], [int(builder.graph.operators[-1].outputs[0])])


def test_the_state_goes_on_and_a_reset_begins_anew(tmp_path: Path) -> None:
    result = compile_model(built(lstm()), "net", "net", tmp_path / "c", "size")
    assert (result.compared_with.endswith("TFLite Micro"), result.checked) == (
        True,
        200,
    )
    assert any("net_int8_reset" in note for note in result.notes)
    library = host_build.build(tmp_path / "c", tmp_path)
    once = np.tile(np.arange(24, dtype=np.uint8), (4, 1))
    first, second = library.int8(once), library.int8(once)  # each from a reset
    assert np.array_equal(first, second)
    assert not np.array_equal(first[0], first[1])


@pytest.mark.parametrize(("steps", "calls"), [(6, 200), (100, 50), (900, 20)])
def test_long_sequences_are_compared_over_fewer_calls(steps: int, calls: int) -> None:
    network, _ = core_of(read_tflite(built(lstm(0, steps)), "net"))
    assert compared_inputs(network) == calls


def test_the_state_begins_with_the_zero_points() -> None:
    builder = lstm(3)
    network, _ = core_of(read_tflite(built(builder), "net"))
    hidden, cell = network.variables
    zero = network.tensors[hidden.read].zero_point
    assert set(hidden.initial.tolist()) == {zero}
    assert (cell.initial.dtype, set(cell.initial.tolist())) == (np.dtype(np.int16), {0})


def test_several_inputs_at_once_equal_one_at_a_time() -> None:
    network, _ = core_of(read_tflite(built(lstm(1)), "net"))
    inputs = np.arange(48, dtype=np.int8).reshape(2, 6, 4)
    both = int8.run(network, inputs)[network.outputs[0]]
    for one, expected in zip(inputs, both, strict=True):
        assert np.array_equal(
            int8.run(network, one[None])[network.outputs[0]][0], expected
        )


@pytest.mark.parametrize(
    ("place", "value", "what"),
    [
        (PEEPHOLE, 1, "peepholes"),
        (HIDDEN, -1, "no state"),
        (1, -1, "no input gate"),
        (CELL, HIDDEN, "another's"),
        (5, 1, "does not follow"),
    ],
)
def test_what_a_plain_lstm_has_not_is_named(place: int, value: int, what: str) -> None:
    builder = lstm()
    inputs = builder.graph.operators[-1].inputs
    inputs[place] = inputs[value] if value >= 0 else -1
    with pytest.raises(Esp8kError, match=what) as caught:
        require_supported(core_of(read_tflite(built(builder), "net"))[0])
    assert caught.value.hint


def test_sums_that_leave_32_bits_are_refused_as_inputs_that_are_too_large() -> None:
    """As of 24-bit sensors: beyond it TFLite Micro's own C is undefined."""
    builder = lstm()
    weights = builder.graph.tensors[builder.graph.operators[-1].inputs[WEIGHT]]
    for power, taken in ((-6, True), (8, False)):
        weights.quantization.scale = np.array([2.0**power], np.float32)
        network, _ = core_of(read_tflite(built(builder), "net"))
        if taken:
            require_supported(network)
            continue
        with pytest.raises(Esp8kError, match="leave 32 bits: divide the model's"):
            require_supported(network)
