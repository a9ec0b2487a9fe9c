"""F(4, 3)'s C against a plain convolution, at the edge of what its arithmetic holds."""

import ctypes

import numpy as np
import pytest

from export.arithmetic import winograd
from tests.support.native import TRAP, kernels

DEPTH = 114  # the most whose worst sum is below 2^31 / 64
SOURCE = """
#include "nn_winograd4.h"

void tile(const uint8_t *d, const int16_t *u, int32_t depth, int32_t *out);
void tile(const uint8_t *d, const int16_t *u, int32_t depth, int32_t *out)
{
    static int16_t v[36 * 128];
    uint32_t sums[36];
    uint32_t lines[24];

    nn_winograd4_input(d, 6 * depth, depth, v, depth, 1);
    for (int32_t f = 0; f < 36; ++f) {
        sums[f] = 0;
        for (int32_t k = 0; k < depth; ++k) {
            sums[f] += (uint32_t)(v[f * depth + k] * u[f * depth + k]);
        }
    }
    nn_winograd4_lines(sums, 1, lines);
    for (int32_t i = 0; i < 4; ++i) {
        const nn_row4_t row = nn_winograd4_row(lines + i);

        *out++ = row.y0;
        *out++ = row.y1;
        *out++ = row.y2;
        *out++ = row.y3;
    }
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return kernels(tmp_path_factory.mktemp("winograd4"), SOURCE, *TRAP)


def by_tile(library: ctypes.CDLL, d: np.ndarray, g: np.ndarray) -> np.ndarray:
    """4x4 outputs of bytes (6, 6, I) and a filter (3, 3, I)."""
    u = np.ascontiguousarray(winograd.filters4(g[None])[0], np.int16)
    d = np.ascontiguousarray(d, np.uint8)
    out = np.empty((4, 4), np.int32)
    pointers = (ctypes.c_void_p(a.ctypes.data) for a in (d, u, out))
    source, filters, target = pointers
    library.tile(source, filters, ctypes.c_int32(d.shape[2]), target)
    return out


def plainly(d: np.ndarray, g: np.ndarray) -> np.ndarray:
    return np.array(
        [[(d[y : y + 3, x : x + 3] * g).sum() for x in range(4)] for y in range(4)]
    )


@pytest.mark.parametrize("depth", [1, 2, 17, DEPTH])
@pytest.mark.parametrize("seed", range(4))
def test_a_tile_is_sixteen_plain_sums(
    library: ctypes.CDLL, depth: int, seed: int
) -> None:
    random = np.random.default_rng([depth, seed])
    for values in (random.integers(0, 256, (6, 6, depth)), np.full((6, 6, depth), 255)):
        for g in (
            random.integers(-127, 128, (3, 3, depth)),
            random.choice([-127, 127], (3, 3, depth)),
            np.full((3, 3, depth), -127),
            np.full((3, 3, depth), 127),
        ):
            assert np.array_equal(by_tile(library, values, g), plainly(values, g))


@pytest.mark.parametrize("sign", [-1, 1])
def test_what_is_refused_would_be_wrong(library: ctypes.CDLL, sign: int) -> None:
    for depth, fits in ((DEPTH, True), (DEPTH + 2, False)):
        d, g = np.full((6, 6, depth), 255), np.full((3, 3, depth), sign * 127)
        assert winograd.fits4(g.reshape(1, -1)) == fits
        assert np.array_equal(by_tile(library, d, g), plainly(d, g)) == fits


def test_every_input_and_filter_fits_int16(library: ctypes.CDLL) -> None:
    """Each of the 36 transformed inputs at its own least and greatest."""
    lines = np.array(
        [
            [4, 0, -5, 0, 1, 0],
            [0, 4, 4, -1, -1, 0],
            [0, -4, 4, 1, -1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, -2, 1, 2, -1, 0],
            [0, -4, 0, 5, 0, -1],
        ]
    )
    g = np.random.default_rng(0).choice([-128, 127], (3, 3, 1))
    for row in lines:
        for column in lines:
            signs = np.outer(row, column)
            for d in (255 * (signs > 0), 255 * (signs < 0)):
                assert abs((signs * d).sum()) < 1 << 15
                d = d[..., None]
                assert np.array_equal(by_tile(library, d, g), plainly(d, g))
    assert np.abs(winograd.G4).sum(axis=1).max() ** 2 * 128 < 1 << 15
