"""Equal constants stand once in the C of each core; equal functions once on the S3."""

import re
from pathlib import Path

import numpy as np
import pytest

from core.pixels import to_bytes
from export.emit import s3_host
from export.emit.generate import generate
from export.emit.lower import int8 as lowered
from export.graph.network import Network
from export.graph.read import read_tflite
from export.kernels import registry
from export.reference import int8
from tests.support.components import IDENTITY
from tests.support.native import TRAP, Native
from tests.support.s3 import QUICK
from tools.bench.drawn.networks import random_inputs
from tools.bench.drawn.tflite_builder import TfliteBuilder

UNITS = 32
# Of the input and three outputs: two of the layers are equal in all.
SCALES, ENDS = (0.05, 0.05, 0.05, 0.09), (7, 7, 7, -3)


@pytest.fixture(scope="module")
def network() -> Network:
    """Three layers of the same weights, as three steps written out; two are equal."""
    b, rng = TfliteBuilder(), np.random.default_rng(3)
    shape = (UNITS, UNITS)
    weights = b.tensor(shape, 0.01, 0, rng.integers(-127, 128, shape))
    bias = b.tensor((UNITS,), 0.0005, 0, rng.integers(-500, 500, UNITS), "int32")
    values = [
        b.tensor((1, UNITS), scale, end)
        for scale, end in zip(SCALES, ENDS, strict=True)
    ]
    for source, target in zip(values, values[1:], strict=False):
        b.operator("FULLY_CONNECTED", [source, weights, bias], target)
    return read_tflite(b.build(values[:1], values[-1:]), "net")


def of(network: Network, folder: Path, name: str) -> str:
    """The text of a generated file."""
    generate(network, None, folder, "speed", "net", IDENTITY, s3=True)
    return (folder / "src" / name).read_text()


def check(found: np.ndarray, network: Network) -> None:
    inputs = random_inputs(network, 1, 20)
    expected = int8.outputs(network, inputs).reshape(len(inputs), -1)
    assert np.array_equal(found, expected)


def inputs(network: Network) -> np.ndarray:
    return to_bytes(random_inputs(network, 1, 20))


def test_portable_weights_stand_once(network: Network, tmp_path: Path) -> None:
    text = of(network, tmp_path, "net_int8_weights.c")
    assert re.findall(r"(\w+_weights)\[", text) == ["net_int8_dense1_weights"]
    check(
        Native(tmp_path, tmp_path, options=TRAP).run("int8", inputs(network)), network
    )


def test_lx6_tables_stand_once(network: Network, tmp_path: Path) -> None:
    text = of(network, tmp_path, "net_int8_lx6_network.c")
    tables = re.findall(r"static const uint32_t (\w+)\[", text)
    bodies = re.findall(r"static const uint32_t \w+(\[\d+\] = \{.*?\};)", text, re.S)
    assert len(tables) == len(set(bodies)) == len(set(tables)) > 1
    options = ("-DNN_LX6_MODEL", "-O1", *TRAP)
    native = Native(tmp_path, tmp_path / "native", options=options)
    check(native.run("int8", inputs(network)), network)


def test_s3_weights_and_functions_stand_once(network: Network, tmp_path: Path) -> None:
    text = of(network, tmp_path, "net_int8_s3.c")
    assert len(re.findall(r"\w+_weights\[\d+\] = ", text)) == 1
    code = (tmp_path / "src" / "net_int8_s3.S").read_text()
    functions = re.findall(r"^(net_s3_dense\d):", code, re.M)
    assert 1 <= len(functions) < 3
    assert sum(text.count(f"{name}(") for name in functions) >= 3
    engine = s3_host.S3(tmp_path, tmp_path / "s3", QUICK)
    check(engine.run(inputs(network)), network)


def test_what_stands_once_is_counted_once(network: Network) -> None:
    for core in (registry.PORTABLE, registry.LX6):
        engine = lowered(network, "speed", "net", core=core)
        most = sum(kernel.constant_bytes for kernel in engine.kernels)
        assert 0 < engine.constant_bytes < most
        assert engine.constant_bytes == sum(plan.weight_bytes for plan in engine.plans)
        kept = [array.name for array in engine.arrays]
        assert len(kept) == len(set(kept))
