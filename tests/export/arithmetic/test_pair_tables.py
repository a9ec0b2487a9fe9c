"""ADD by 32 bits: every pair of bytes gives TFLite's, or 64 bits are taken."""

from pathlib import Path

import numpy as np
import pytest

from export.arithmetic import int8
from export.arithmetic.pair_tables import Narrow, narrow
from export.emit.generate import generate
from export.graph.read import read_tflite
from export.reference import int8 as reference
from tests.support.components import IDENTITY
from tests.support.native import TRAP, Native
from tools.bench.drawn.tflite_builder import TfliteBuilder

# Scales and zero points of two operands and their sum: of which two factors give every
# pair's byte, of which it takes tables, and of which no two tables do.
EVEN = ((0.1, -128), (0.1, -7), (0.2, 3))
UNEVEN = ((0.0407, 97), (0.2527, -61), (0.3466, 27))
STUBBORN = ((2.989963, -97), (0.444257, 3), (0.545911, -21))
FULL = (0, 255)


def found(ends: tuple[tuple[float, int], ...], bounds: tuple[int, int]) -> tuple:
    """(narrow, TFLite's u of every pair) of two operands and the result."""
    (a, x), (b, y), (c, z) = ((float(np.float32(s)), q) for s, q in ends)
    twice = 2 * max(a, b)
    first = int8.add_table(int8.multiplier(a / twice), x)
    second = int8.add_table(int8.multiplier(b / twice), y)
    output = int8.multiplier(twice / ((1 << int8.ADD_LEFT_SHIFT) * c))
    sums = int8.requantize(first[:, None] + second[None], *output)
    u = np.clip(sums + z + 128, *bounds)
    return narrow(first, second, output, z + 128, bounds), u


@pytest.mark.parametrize("seed", range(8))
def test_every_pair_gives_tflites_byte(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scale = 2.0 ** rng.uniform(-8, 2)
    # Equal scales have the most halves to be rounded away from zero.
    ratios = (1.0, 1.0) if seed % 2 else 2.0 ** rng.uniform(-3, 3, 2)
    zeros = [int(rng.choice([-128, 0, 127, -7])) for _ in range(3)]
    scales = (scale, *(scale * r for r in ratios))
    bounds = FULL if seed % 3 else (100, 130)
    made, expected = found(tuple(zip(scales, zeros, strict=True)), bounds)
    assert isinstance(made, Narrow)
    sums = made.first[:, None] + made.second[None]
    words = (made.first, made.second, sums)
    assert all(abs(w).max() < 1 << 31 for w in words)
    assert np.array_equal(np.clip(sums >> made.shift, *bounds), expected)


@pytest.mark.parametrize("constant", ["", "few", "many"])
@pytest.mark.parametrize("name", ["EVEN", "UNEVEN", "STUBBORN"])
def test_each_form_gives_tflites_bytes(
    name: str, constant: str, tmp_path: Path
) -> None:
    ends = {"EVEN": EVEN, "UNEVEN": UNEVEN, "STUBBORN": STUBBORN}[name]
    made = found(ends, FULL)[0]
    assert (made is None) == (name == "STUBBORN")
    assert (made is not None and made.factors is not None) == (name == "EVEN")
    text = generated(ends, constant, tmp_path)
    assert ("nn_scale(" in text) == (name == "STUBBORN")
    assert ("_scaled_a[" in text) == (name != "EVEN")


def generated(ends: tuple[tuple[float, int], ...], constant: str, folder: Path) -> str:
    """The C of an ADD of all pairs of some bytes, which is held to the reference."""
    b = TfliteBuilder()
    shape = (1, 2, 64, 8)
    start, again, end = (b.tensor(shape, *ends[i]) for i in (0, 1, 2))
    rng = np.random.default_rng(0)
    if constant:
        size = (1, 1, 1, 8) if constant == "few" else shape
        each = rng.integers(-128, 128, size)
        again = b.tensor(size, *ends[1], each)
    b.operator("ADD", [start, again], end)
    starts = [start] if constant else [start, again]
    network = read_tflite(b.build(starts, [end]), "net")
    generate(network, None, folder, "size", "net", IDENTITY)
    native = Native(folder, folder / "native", options=("-O0", *TRAP))
    values = [rng.integers(-128, 128, (3, *shape[1:])).astype(np.int8) for _ in starts]
    expected = reference.sequence(network, values)[0].reshape(3, -1)
    joined = np.concatenate([v.reshape(3, -1) for v in values], 1)
    got = native.run("int8", (joined.astype(np.int16) + 128).astype(np.uint8))
    assert np.array_equal(got.reshape(3, -1), expected)
    return (folder / "src" / "net_int8_network.c").read_text()
