"""The MAC16 kernel over a C model of its instructions, against the portable one."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest

from core.paths import ROOT
from export.emit.generate import generate
from export.frontend.support import integer_core
from export.graph.network import read_tflite
from export.reference import int8
from tests.support.components import IDENTITY, Components, Networks
from tests.support.native import TRAP, Native, kernels
from tools.bench.drawn.networks import random_inputs, random_network

SUPPORT = ROOT / "tests" / "support"
MODEL = (f"-I{SUPPORT}", '-DNN_MAC16_MODEL="nn_mac16_model.h"')
SOURCE = """
#include "nn_mac16.h"

int32_t dot(const int16_t *v, const int16_t *w, int32_t pairs);
int32_t dot(const int16_t *v, const int16_t *w, int32_t pairs)
{
    return nn_mac16_dot(v, w, pairs);
}

int32_t high(void);
int32_t high(void)
{
    return (int32_t)(model.acc >> 32);
}

void gather(int16_t *to, const uint8_t *from, const int32_t *n);
void gather(int16_t *to, const uint8_t *from, const int32_t *n)
{
    nn_mac16_gather(to, from, n[0], n[1], n[2], n[3], n[4]);
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return kernels(tmp_path_factory.mktemp("mac16"), SOURCE, *MODEL, *TRAP)


def aligned(values: np.ndarray) -> np.ndarray:
    """A copy on a multiple of 4, between words that must not be read."""
    room = np.full(len(values) + 8, 0x5A5A, np.int16)
    start = 2 + (-room.ctypes.data // 2) % 2
    room[start : start + len(values)] = values
    return room[start : start + len(values)]


def dot(library: ctypes.CDLL, v: np.ndarray, w: np.ndarray) -> int:
    v, w = aligned(v), aligned(w)
    return library.dot(
        ctypes.c_void_p(v.ctypes.data), ctypes.c_void_p(w.ctypes.data), len(v) // 2
    )


@pytest.mark.parametrize("pairs", [*range(1, 24), 64, 320])
def test_the_sum_is_that_of_whole_numbers(library: ctypes.CDLL, pairs: int) -> None:
    random = np.random.default_rng(pairs)
    for low, high in ((0, 256), (255, 256), (0, 1)):
        v = random.integers(low, high, 2 * pairs)
        for w in (
            random.integers(-127, 128, 2 * pairs),
            np.full(2 * pairs, -127),
            np.full(2 * pairs, 127),
            random.choice([-32768, 32767], 2 * pairs),
        ):
            assert dot(library, v, w) == int((v * w).sum())


def test_the_accumulator_has_40_bits_and_starts_from_zero(
    library: ctypes.CDLL,
) -> None:
    v, w = np.full(640, -32768), np.full(640, -32768)
    total = 640 << 30
    assert dot(library, v, w) == (total + (1 << 31)) % (1 << 32) - (1 << 31)
    assert library.high() == total >> 32 & 0xFF != 0
    assert dot(library, np.array([1, 2]), np.array([3, 4])) == 11
    assert library.high() == 0


@pytest.mark.parametrize(
    ("rows", "pitch", "segments", "step", "count"),
    [(3, 28, 1, 0, 3), (3, 96, 1, 0, 24), (2, 40, 3, 8, 4), (1, 0, 1, 0, 1)],
)
def test_bytes_are_gathered_row_by_row(
    library: ctypes.CDLL, rows: int, pitch: int, segments: int, step: int, count: int
) -> None:
    source = np.random.default_rng(0).integers(0, 256, 400).astype(np.uint8)
    numbers = np.array([rows, pitch, segments, step, count], np.int32)
    taps = rows * segments * count
    found = np.full(taps + taps % 2 + 1, -7, np.int16)
    library.gather(
        ctypes.c_void_p(found.ctypes.data),
        ctypes.c_void_p(source.ctypes.data),
        ctypes.c_void_p(numbers.ctypes.data),
    )
    at = [
        y * pitch + x * step + k
        for y in range(rows)
        for x in range(segments)
        for k in range(count)
    ]
    assert found.tolist() == [*source[at], *([0] * (taps % 2)), -7]


@pytest.mark.parametrize(
    ("model", "profile"), [("v2", "speed"), ("v2", "balanced"), ("v3", "balanced")]
)
def test_a_network_gives_the_same_bytes(
    model: str,
    profile: str,
    components: Components,
    networks: Networks,
    images: np.ndarray,
    tmp_path: Path,
) -> None:
    component = components(model, profile)
    native = Native(component, tmp_path, options=MODEL)
    assert "nn_mac16_dot" in (component / "src" / f"{model}_int8_network.c").read_text()
    images = images[[*range(20), *range(-22, 0)]]  # digits, noise and the extremes
    inputs = (images.astype(np.int16) - 128).astype(np.int8)
    expected = int8.outputs(networks(model)[0], inputs)
    assert np.array_equal(native.run("int8", images), expected.reshape(-1, 10))


def test_random_networks_give_the_same_bytes(tmp_path: Path) -> None:
    reached = {"CONV_2D": 0, "FULLY_CONNECTED": 0, "nn_window(": 0, "best[": 0}
    for seed in range(12):
        network = integer_core(read_tflite(random_network(seed), "net"))
        if not {op.kind for op in network.operators} & reached.keys():
            continue
        folder = tmp_path / str(seed)
        generate(network, None, folder, "balanced", "net", IDENTITY)
        code = (folder / "src" / "net_int8_network.c").read_text()
        for sign in reached:
            reached[sign] += sign in code and "nn_mac16_dot" in code
        inputs = random_inputs(network, seed, 8)
        native = Native(folder, folder / "native", options=("-O0", *MODEL))
        found = native.run("int8", (inputs.astype(np.int16) + 128).astype(np.uint8))
        expected = int8.outputs(network, inputs).reshape(found.shape)
        assert np.array_equal(found, expected), f"seed {seed}"
    assert min(reached.values()) > 0, reached


def test_other_compilers_see_only_the_portable_loops(
    networks: Networks, tmp_path: Path
) -> None:
    generate(*networks("v2"), tmp_path, "balanced", "v2", IDENTITY)
    for compiler in ("gcc", "xtensa-lx106-elf-gcc", "riscv64-unknown-elf-gcc"):
        source = tmp_path / "src" / "v2_int8_network.c"
        found = subprocess.run(
            [compiler, "-ffreestanding", "-E", str(source)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "nn_mac16_dot" not in found.stdout
        assert "mula" not in found.stdout
