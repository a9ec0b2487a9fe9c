"""Files of uint8 as TensorFlow 1 quantized them: the C equals TensorFlow Lite's."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import Esp8kError
from export.compile import compile_model
from export.emit.generate import generate
from export.emit.s3_host import S3
from export.frontend import sources
from export.frontend.canonical.unsigned import TAKEN
from export.frontend.support import integer_core, require_supported
from export.frontend.tflite import dequantized
from export.graph.network import Network
from export.graph.read import read_tflite
from export.reference import int8, lite
from tests.support import oracle
from tests.support.components import IDENTITY
from tests.support.native import TRAP, Native
from tools.bench.drawn.tflite_builder import TfliteBuilder
from tools.bench.drawn.unsigned import network

COUNT = 12  # inputs


def drawn_inputs(core: Network, seed: int) -> np.ndarray:
    shape = core.tensors[core.inputs[0]].shape[1:]
    return np.random.default_rng(seed).integers(0, 256, (COUNT, *shape), np.uint8)


def test_every_operator_that_is_taken_is_that_of_tensorflow_lite() -> None:
    reached: set[str] = set()
    for seed in range(4):
        model, kinds = network(seed)
        reached |= kinds
        opened = oracle.exposed(model)
        whole = read_tflite(opened, "net")
        core = integer_core(whole)
        require_supported(core)
        inputs = drawn_inputs(core, seed)
        values = int8.run(core, inputs.astype(np.int16) - 128)
        found = lite.sequence(opened, [inputs], len(whole.outputs))
        makers = {op.outputs[0]: op.kind for op in whole.operators}
        for index, mine, theirs in zip(whole.outputs, core.outputs, found, strict=True):
            ours = values[mine].reshape(COUNT, -1).astype(np.int16) + 128
            assert np.array_equal(ours, theirs), (seed, makers[index])
    assert reached == set(TAKEN) - {"DEQUANTIZE"}


@pytest.mark.parametrize("profile", ["size", "balanced"])
def test_the_c_of_every_core_is_that_of_the_reference(
    profile: str, tmp_path: Path
) -> None:
    core = integer_core(read_tflite(network(0)[0], "net"))
    inputs = drawn_inputs(core, 1)
    values = int8.run(core, inputs.astype(np.int16) - 128)
    expected = values[core.outputs[0]].reshape(COUNT, -1)
    generate(core, None, tmp_path, profile, "net", IDENTITY, s3=True, lx6=True)
    text = (tmp_path / "src" / "net_int8_weights.c").read_text()
    assert ("const uint8_t net_int8_conv2_weights" in text) == (profile == "size")
    portable = Native(tmp_path, tmp_path / "portable", options=TRAP)
    assert np.array_equal(portable.run("int8", inputs), expected)
    if profile == "balanced":
        lx6 = Native(tmp_path, tmp_path / "lx6", options=("-DNN_LX6_MODEL", "-O1"))
        assert np.array_equal(lx6.run("int8", inputs), expected)
        assert np.array_equal(S3(tmp_path, tmp_path / "s3").run(inputs), expected)


def test_it_is_compiled_as_it_is_and_held_to_tensorflow_lite(tmp_path: Path) -> None:
    path = tmp_path / "old.tflite"
    path.write_bytes(network(2, real=True)[0])
    taken = sources.load(str(path), sources.Options())
    assert taken.model == path.read_bytes() and not taken.costs
    made = compile_model(taken.model, "net", "net", tmp_path / "c", "speed")
    assert made.compared_with == f"the integer reference and {lite.NAME}"
    assert all("float32 in the file" in note for note in made.notes[-2:])


def refused(kind: str, weights: str, zero: int) -> Network:
    b = TfliteBuilder()
    start, end = (b.tensor(s, 0.1, 7, dtype="uint8") for s in ((1, 8), (1, 3)))
    w = b.tensor((3, 8), 0.1, zero, np.zeros((3, 8)), weights)
    b.operator(kind, [start, w, -1], end)
    return read_tflite(b.build([start], [end]), "net")


@pytest.mark.parametrize(
    ("kind", "weights", "zero", "what"),
    [
        ("BATCH_MATMUL", "uint8", 9, "of uint8 it is not taken as it is"),
        ("FULLY_CONNECTED", "int8", 0, "its weights are no constant of uint8"),
        ("FULLY_CONNECTED", "uint8", 256, "no valid zero point"),
    ],
)
def test_what_is_not_taken_is_named_with_the_cure(
    kind: str, weights: str, zero: int, what: str
) -> None:
    found = refused(kind, weights, zero)
    assert dequantized.otherwise(found) == "to uint8, as TensorFlow 1 did"
    with pytest.raises(Esp8kError, match=f"operator 0 {kind} .*{what}") as caught:
        integer_core(found)
    assert "--calibration" in caught.value.hint
