"""Decoding of binary16 in C, over all 65,536 patterns."""

import ctypes

import numpy as np
import pytest

from tests.support.native import kernels

SOURCE = """
#include "nn_f16.h"

void decode_any(const uint16_t *half, float *out, uint32_t count);
void decode_finite(const uint16_t *half, float *out, uint32_t count);
void decode_normal(const uint16_t *half, float *out, uint32_t count);

void decode_any(const uint16_t *half, float *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; ++i) out[i] = nn_half(half[i]);
}

void decode_finite(const uint16_t *half, float *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; ++i) out[i] = nn_half_finite(half[i]);
}

void decode_normal(const uint16_t *half, float *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; ++i) out[i] = nn_half_normal(half[i]);
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return kernels(tmp_path_factory.mktemp("half"), SOURCE)


@pytest.mark.parametrize("which", ["any", "finite", "normal"])
def test_every_pattern_decodes_exactly(library: ctypes.CDLL, which: str) -> None:
    patterns = np.arange(1 << 16, dtype=np.uint32).astype(np.uint16)
    halves = patterns.view(np.float16)
    size = np.abs(halves.astype(np.float32))
    if which == "finite":
        patterns = patterns[np.isfinite(size)]
    if which == "normal":
        patterns = patterns[np.isfinite(size) & (size >= 2.0**-14)]
    expected = patterns.view(np.float16).astype(np.float32)
    found = np.empty(len(patterns), np.float32)
    getattr(library, f"decode_{which}")(
        ctypes.c_void_p(patterns.ctypes.data),
        ctypes.c_void_p(found.ctypes.data),
        ctypes.c_uint32(len(patterns)),
    )
    same = found.view(np.uint32) == expected.view(np.uint32)
    nan = np.isnan(expected)
    assert np.all(same | (nan & np.isnan(found)))
    assert len(patterns) == {"any": 65_536, "finite": 63_488, "normal": 61_440}[which]
