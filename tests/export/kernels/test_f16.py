"""float16: the same bits fused, unfused and in whole numbers; what is refused."""

import ctypes
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import Esp8kError
from core.words import PROFILES
from export.arithmetic import float16 as arithmetic
from export.arithmetic import scales
from export.emit import layout
from export.graph.fusion import plan_stages
from export.graph.network import Network
from export.plan import row_buffers
from export.reference import float16
from tests.support.components import Components, Networks
from tests.support.native import TRAP, Native, kernels
from tools.bench import budget

SOURCE = """
#include "nn_f16.h"
#if NN_SOFT_FLOAT
#include "nn_f16_soft.h"
#endif

void rounded(const float *x, float *out, float *flushed, float *large,
             int32_t count);
void rounded(const float *x, float *out, float *flushed, float *large,
             int32_t count)
{
    for (int32_t i = 0; i < count; ++i) {
        out[i] = nn_round(x[i]);
        flushed[i] = nn_round_flush(x[i], 0);
        *large++ = nn_round(nn_scaled(x[i], 60));
        *large++ = nn_round_flush(x[i], 60);
    }
}

void shaped(const float *a, const float *b, float *out, int32_t count);
void shaped(const float *a, const float *b, float *out, int32_t count)
{
    for (int32_t i = 0; i < count; ++i) {
        *out++ = nn_larger(a[i], b[i]);
        *out++ = nn_relu(a[i]);
        *out++ = nn_relu6(a[i]);
        *out++ = nn_leaky(a[i], 0.01f);
    }
}

#if NN_SOFT_FLOAT
void dots(const float *start, const float *v, const uint16_t *w, float *out,
          int32_t count, int32_t size, int32_t raw);
void dots(const float *start, const float *v, const uint16_t *w, float *out,
          int32_t count, int32_t size, int32_t raw)
{
    for (int32_t i = 0; i < count; ++i) {
        out[i] = (raw ? nn_dot_raw : nn_dot)(start[i], &v, i * size, w + i * size,
                                             1, size);
    }
}
#endif
"""


@pytest.fixture(scope="module")
def soft(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The whole numbers, with every undefined operation trapped."""
    folder = tmp_path_factory.mktemp("soft")
    return kernels(folder, SOURCE, "-DNN_SOFT_FLOAT=1", *TRAP)


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return kernels(tmp_path_factory.mktemp("hard"), SOURCE)


def at(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def same_bits(found: np.ndarray, wanted: np.ndarray) -> bool:
    return bool(np.array_equal(found.view(np.uint32), wanted.view(np.uint32)))


# ==== One sum ====


def floats(
    random: np.random.Generator, shape: tuple[int, int], low: int, high: int
) -> np.ndarray:
    """Activations: 11 bits, exponents from `low` to `high`, and zeros."""
    values = random.integers(1024, 2048, shape) * 2.0 ** random.integers(
        low - 10, high - 10, shape
    )
    values *= random.choice([-1, 1, 0], shape, p=[0.4, 0.4, 0.2])
    return values.astype(np.float32) + np.float32(0)


def halves(
    random: np.random.Generator, shape: tuple[int, int], kind: str
) -> np.ndarray:
    """Weights: any finite pattern, or those that networks have."""
    if kind == "any":
        bits = random.integers(0, 1 << 16, shape).astype(np.uint16)
        return np.where((bits & 0x7C00) == 0x7C00, bits & 0x83FF, bits).astype(
            np.uint16
        )
    return random.normal(0, 0.2, shape).astype(np.float16).view(np.uint16)


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("kind", ["any", "usual", "cancelling"])
@pytest.mark.parametrize("span", [(-1, 1), (-14, 4), (-60, 14)])
def test_a_sum_in_whole_numbers_has_the_bits_of_float32(
    soft: ctypes.CDLL, kind: str, span: tuple[int, int], raw: bool
) -> None:
    """`raw`: with inputs that are too large, and weights of the other sign."""
    random = np.random.default_rng([len(kind), *map(abs, span)])
    count, size = 20_000, 24
    v = floats(random, (count, size), *span)
    w = halves(random, (count, size), kind)
    if kind == "cancelling":  # every other product takes the one before away
        v[:, 1::2], w[:, 1::2] = v[:, ::2], w[:, ::2] ^ 0x8000
        v[:, 3::4] *= np.float32(1 + 2.0**-10)
        v = arithmetic.rounded(v, False)
    start = random.normal(0, 1, count).astype(np.float16).astype(np.float32)
    start[::3] = 0
    expected = start.copy()
    for k in range(size):
        expected += v[:, k] * w[:, k].view(np.float16).astype(np.float32)
    if raw:
        v, w = np.ldexp(v, 112), w ^ 0x8000
    found = np.empty(count, np.float32)
    soft.dots(at(start), at(v), at(w), at(found), count, size, int(raw))
    assert same_bits(found, expected)


def edges() -> np.ndarray:
    """Values around every power of two and around halfway cases; no -0, no NaN."""
    around = np.array([0x3F800000, 0x3F801000, 0x3F803000, 0x3FFFF000, 0x3FFFFFFF])
    scales = np.arange(-60, 60)[:, None] * (1 << 23)
    bits = (around + scales)[:, :, None] + np.arange(-2, 3)
    plus = bits.reshape(-1).astype(np.uint32).view(np.float32)
    return np.concatenate([[np.float32(0)], plus, -plus]).astype(np.float32)


@pytest.mark.parametrize("way", ["soft", "hard"])
def test_rounding_is_that_of_the_reference(
    way: str, request: pytest.FixtureRequest
) -> None:
    x = edges()
    plain, flushed = np.empty_like(x), np.empty_like(x)
    library = request.getfixturevalue(way)
    large = np.empty((len(x), 2), np.float32)
    library.rounded(at(x), at(plain), at(flushed), at(large), len(x))
    assert same_bits(large, np.ldexp(np.stack([plain, flushed], 1), 60))
    assert same_bits(plain, arithmetic.rounded(x, False))
    assert same_bits(flushed, arithmetic.rounded(x, True))
    part, _ = np.frexp(plain.astype(np.float64))
    assert np.array_equal(part * 2.0**11, np.rint(part * 2.0**11))
    assert np.abs(flushed[flushed != 0]).min() == 2.0**-14


def test_activations_are_the_same_with_and_without_an_fpu(
    soft: ctypes.CDLL, hard: ctypes.CDLL
) -> None:
    a = edges()
    b = np.random.default_rng(0).permutation(a)
    found = [np.empty((len(a), 4), np.float32) for _ in range(2)]
    for library, out in zip((soft, hard), found, strict=True):
        library.shaped(at(a), at(b), at(out), len(a))
    assert same_bits(found[0], found[1])
    assert np.array_equal(found[1][:, 0], np.maximum(a, b))
    assert np.array_equal(found[1][:, 1], np.maximum(a, 0))
    assert np.array_equal(found[1][:, 2], np.clip(a, 0, 6))
    assert np.array_equal(found[1][:, 3], np.where(a > 0, a, a * np.float32(0.01)))


# ==== A network ====


@pytest.mark.parametrize("model", ["v1", "v2", "v3"])
@pytest.mark.parametrize("way", ["whole numbers", "fused"])
def test_every_way_of_computing_gives_the_same_bits(
    way: str,
    model: str,
    components: Components,
    networks: Networks,
    images: np.ndarray,
    tmp_path: Path,
) -> None:
    if way == "fused" and " fma " not in Path("/proc/cpuinfo").read_text():
        pytest.skip("this machine has no fused multiply-add")
    option = "-mfma" if way == "fused" else "-DNN_SOFT_FLOAT=1"
    native = Native(components(model, "balanced"), tmp_path, options=(option,))
    if way == "fused":
        code = subprocess.run(
            ["objdump", "-d", str(native.path)], capture_output=True, text=True
        )
        assert "vfmadd" in code.stdout
    images = images[[*range(20), *range(-22, 0)]]  # digits, noise and the extremes
    expected = float16.outputs(networks(model)[1], images)
    assert same_bits(native.run("f16", images), expected)


@pytest.mark.parametrize("profile", PROFILES)
def test_v2_takes_no_more_than_four_kilobytes(
    profile: str, components: Components
) -> None:
    plan = Native.plan_of(components("v2", profile))
    assert plan.f16_arena_bytes <= row_buffers.ARENA
    source = (components("v2", profile) / "src" / "v2_f16_network.c").read_text()
    assert "rows_conv1[2]);" in source  # conv3 borrows a row
    rows = {stage.method for stage in plan.engine("f16")}
    assert ("2 rows a call" in rows) == (profile != "size")


def test_a_window_that_a_call_would_overfill_is_refused(networks: Networks) -> None:
    """Two rows a call of conv1 do not fit conv2's three; four of conv2 fit conv3's."""
    network = networks("v2")[1]
    chain = plan_stages(network)[:3]
    assert row_buffers.chained(chain, (1, 1, 1))
    assert row_buffers.chained(chain, (2, 1, 1)) is None
    assert row_buffers.chained(chain, (1, 4, 1)) is None
    wide = row_buffers.chained(chain, (1, 2, 2))
    assert wide
    found = [(x.need, x.step, x.room, x.keep) for x in wide.links]
    assert found == [(4, 2, 4, 2), (6, 4, 6, 2)]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("model", ["v1", "v2", "v3", "v3-small"])
def test_generated_lines_are_no_longer_than_eighty_columns(
    model: str, profile: str, components: Components, tmp_path: Path
) -> None:
    """As it is published: laid out by clang-format, which changes nothing else."""
    made = components(model, profile)
    folder = shutil.copytree(made, tmp_path / "component")
    layout.lay_out(folder)
    sources = sorted(folder.rglob("*.[ch]"))
    networks = [path.name for path in sources if path.name.endswith("_network.c")]
    wanted = 4 if profile == "speed" else 3  # of both engines, for the LX6 too
    assert len(networks) == wanted
    for path in sources:
        lines = path.read_text().splitlines()
        assert [line for line in lines if len(line) > 80] == [], path.name
        assert [line for line in lines if line != line.rstrip()] == [], path.name
        before = (made / path.relative_to(folder)).read_text()
        same = "".join(before.split()) == "".join(path.read_text().split())
        assert same, path.name


@pytest.mark.parametrize("profile", ["speed", "balanced"])
def test_v2_takes_at_most_three_and_a_half_instructions_a_mac(
    profile: str, components: Components
) -> None:
    """As committed; tests/tools/bench/test_budget.py measures that it still is so."""
    plan = Native.plan_of(components("v2", profile))
    macs = sum(stage.effective_macs for stage in plan.engine("f16"))
    rows = [
        line
        for line in budget.load()
        if (line["model"], line["engine"], line["profile"]) == ("v2", "f16", profile)
        and line["target"] == "host"
    ]
    assert len(rows) == 1
    assert rows[0]["instructions"] <= 3.5 * macs
    assert rows[0]["const_bytes"] <= 16_000 and rows[0]["ram_bytes"] <= 4096


def scaled(network: Network, factor: float) -> Network:
    """All weights times a power of two."""
    tensors = list(network.tensors)
    for op in network.operators:
        if op.kind in ("CONV_2D", "FULLY_CONNECTED"):
            tensor = tensors[op.inputs[1]]
            assert tensor.data is not None
            data = (tensor.data.astype(np.float32) * factor).astype(np.float16)
            tensors[op.inputs[1]] = replace(tensor, data=data)
    return replace(network, tensors=tuple(tensors))


def test_tiny_values_go_only_where_they_could_become_subnormal(
    networks: Networks,
) -> None:
    found = {}
    for model in ("v1", "v2"):
        network = networks(model)[1]
        found[model] = arithmetic.flushed(plan_stages(network))
    # v1 has no slope, whose 24 bits make the grid finer
    assert found == {"v1": {3}, "v2": {1, 3}}


def test_inputs_are_as_much_too_large_as_weights_are_too_small(
    networks: Networks,
) -> None:
    network = networks("v2")[1]
    stages = plan_stages(network)
    found = scales.plan(stages)
    assert found.weights.keys() == {1, 2, 3, 4}
    for stage in stages[1:]:
        power = found.weights[stage.number]
        assert power + found.outputs[stage.number - 1] == scales.MISSING
        stored = np.ldexp(arithmetic.constant(network, stage.head.inputs[1]), power)
        assert 2.0**15 <= np.abs(stored).max() < 2.0**16
        assert np.abs(stored[stored != 0]).min() >= 2.0**-14


def test_inputs_that_might_be_too_large_then_stay_as_they_are(
    networks: Networks,
) -> None:
    network = scaled(networks("v2")[1], 2.0**8)
    stages = plan_stages(network)
    assert arithmetic.largest(stages)[3] > 2.0**40
    assert scales.plan(stages).weights.keys() == {1}


@pytest.mark.parametrize(
    ("values", "log2"),
    [([1.0, 3.0], 0), ([0.0], 0), ([0.75, 4], -2), ([1 / 255], -31), ([2.0**-24], -24)],
)
def test_the_least_bit_is_the_lowest_of_all(values: list[float], log2: int) -> None:
    assert arithmetic.least_bit(np.array(values, np.float32)) == log2


def test_values_that_may_leave_float32_are_refused(networks: Networks) -> None:
    network = scaled(networks("v2")[1], 2.0**12)
    arithmetic.largest(plan_stages(network))
    deep = [*plan_stages(network)[:4]] * 3
    with pytest.raises(Esp8kError, match="too large for float32"):
        arithmetic.largest(tuple(deep))
