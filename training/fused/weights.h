/* The gradient of a convolution's weights, each a sum over all places and images. */
#ifndef FUSED_WEIGHTS_H
#define FUSED_WEIGHTS_H

#include "layer.h"

static inline __attribute__((always_inline)) void
weight_tile(const layer_t *l, const lanes_t *in, int first, int i, int row, int tap,
            const int channels, const int taps, const int stride) {
    const int plane = l->rows * d_width(l), kernel = l->kernel_rows * l->kernel_columns;
    lanes_t sum[ABREAST][TAPS];
    for (int o = 0; o < channels; ++o) {
        for (int k = 0; k < taps; ++k) {
            sum[o][k] = (lanes_t){0};
        }
    }
    for (int y = 0; y < l->rows; ++y) {
        int from = y * stride - l->padding + row;
        if (from < 0 || from >= l->in_rows) {
            continue;
        }
        const lanes_t *a = in + (i * l->in_rows + from) * in_width(l) + tap;
        const lanes_t *d = l->d_sums + first * plane + y * d_width(l) + d_left(l);
        for (int x = 0; x < l->columns; ++x, a += stride, d += stride) {
            for (int o = 0; o < channels; ++o) {
                for (int k = 0; k < taps; ++k) {
                    sum[o][k] += d[o * plane] * a[k];
                }
            }
        }
    }
    float *out = l->d_weight + (first * l->in_channels + i) * kernel +
                 row * l->kernel_columns + tap;
    for (int o = 0; o < channels; ++o, out += l->in_channels * kernel) {
        for (int k = 0; k < taps; ++k) {
            out[k] += total(sum[o][k]);
        }
    }
}

#define WEIGHT_TILE(o, k) \
    case 4 * o + k: \
        if (l->stride == 1) { \
            weight_tile(l, in, first, i, row, tap, o, k, 1); \
        } else { \
            weight_tile(l, in, first, i, row, tap, o, k, l->stride); \
        } \
        break;
#define WEIGHT_TILES(o) WEIGHT_TILE(o, 1) WEIGHT_TILE(o, 2) WEIGHT_TILE(o, 3)

/* All of a kernel 3x3 at once: a gradient that was loaded meets nine values, which lie
 * in the cache nearby. */
static inline __attribute__((always_inline)) void
square_tile(const layer_t *l, const lanes_t *in, int first, int i, const int channels) {
    const int plane = l->rows * d_width(l), width = in_width(l);
    lanes_t sum[SQUARE][9];
    for (int o = 0; o < channels; ++o) {
        for (int k = 0; k < 9; ++k) {
            sum[o][k] = (lanes_t){0};
        }
    }
    for (int y = 0; y < l->rows; ++y) {
        const lanes_t *a = in + (i * l->in_rows + y) * width;
        const lanes_t *d = l->d_sums + first * plane + y * d_width(l) + d_left(l);
        for (int x = 0; x < l->columns; ++x, ++a, ++d) {
            for (int k = 0; k < 9; ++k) {
                lanes_t value = a[k / 3 * width + k % 3];
                IN_REGISTER(value);
                for (int o = 0; o < channels; ++o) {
                    sum[o][k] += d[o * plane] * value;
                }
            }
        }
    }
    float *out = l->d_weight + (first * l->in_channels + i) * 9;
    for (int o = 0; o < channels; ++o, out += l->in_channels * 9) {
        for (int k = 0; k < 9; ++k) {
            out[k] += total(sum[o][k]);
        }
    }
}

static void square_gradient(const layer_t *l, const lanes_t *in) {
    for (int first = 0, height; first < l->channels; first += height) {
        height = part(l->channels - first, SQUARE);
        for (int i = 0; i < l->in_channels; ++i) {
            switch (height) {
            case 1: square_tile(l, in, first, i, 1); break;
#ifdef __AVX512F__
            case 2: square_tile(l, in, first, i, 2); break;
            case 3: square_tile(l, in, first, i, 3); break;
#endif
            }
        }
    }
}

static void weight_gradient(const layer_t *l, int block) {
    const lanes_t *in = l->input + block * in_block(l);
    if (l->kernel_rows == 3 && l->kernel_columns == 3 && l->stride == 1 &&
        l->padding == 0) {
        square_gradient(l, in);
        return;
    }
    for (int first = 0, height; first < l->channels; first += height) {
        height = part(l->channels - first, ABREAST);
        for (int i = 0; i < l->in_channels; ++i) {
            for (int row = 0; row < l->kernel_rows; ++row) {
                for (int tap = 0, taps; tap < l->kernel_columns; tap += taps) {
                    taps = part(l->kernel_columns - tap, TAPS);
                    switch (4 * height + taps) {
                        WEIGHT_TILES(1) WEIGHT_TILES(2) WEIGHT_TILES(3) WEIGHT_TILES(4)
#ifdef __AVX512F__
                        WEIGHT_TILES(5) WEIGHT_TILES(6) WEIGHT_TILES(7) WEIGHT_TILES(8)
#endif
                    }
                }
            }
        }
    }
}

#endif
