"""One sum, a rounding, an activation of the float16 engine: with an FPU and without."""

import ctypes

import numpy as np
import pytest

from export.arithmetic import float16 as arithmetic
from tests.support.native import TRAP, kernels, same_bits

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
