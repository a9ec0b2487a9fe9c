/* Max pool: it stands before batch norm and the activation, so it picks the value that
 * is largest behind them. */
#ifndef FUSED_POOL_H
#define FUSED_POOL_H

#include "layer.h"

/* The part of the convolution's plane that one output pools; no pool: one value. */
typedef struct {
    int row, column, rows, columns;
} window_t;

static inline window_t window(const layer_t *l, int y, int x) {
    const int row = y * l->pool_stride - l->pool_padding;
    const int column = x * l->pool_stride - l->pool_padding;
    const int top = row < 0 ? 0 : row, left = column < 0 ? 0 : column;
    return (window_t){top, left, smaller(row + l->pool, l->rows) - top,
                      smaller(column + l->pool, l->columns) - left};
}

/* The value of a window that is largest behind batch norm: the largest itself, or the
 * smallest where batch norm turns the sign (`turn` is then -1, else 1). */
static inline __attribute__((always_inline)) lanes_t
pick_of(const lanes_t *in, int width, int rows, int columns, float turn) {
    lanes_t best = in[0] * turn;
    for (int r = 0; r < rows; ++r, in += width) {
        for (int k = 0; k < columns; ++k) {
            best = larger(in[k] * turn, best);
        }
    }
    return best * turn;
}

/* Literal sizes for the usual windows: loops that the compiler unrolls. */
static inline lanes_t pick(const layer_t *l, const lanes_t *plane, window_t w,
                           float turn) {
    const lanes_t *in = plane + w.row * l->columns + w.column;
    if (w.rows == 2 && w.columns == 2) {
        return pick_of(in, l->columns, 2, 2, turn);
    }
    if (w.rows == 4 && w.columns == 4) {
        return pick_of(in, l->columns, 4, 4, turn);
    }
    return pick_of(in, l->columns, w.rows, w.columns, turn);
}

static void pool_block(const layer_t *l, int block) {
    for (int c = 0; c < l->channels; ++c) {
        const lanes_t *plane = sums_plane(l, block, c);
        const float turn = l->scale[c] < 0 ? -1.0f : 1.0f;
        for (int y = 0; y < l->out_rows; ++y) {
            lanes_t *out = l->picked + out_row(l, block, c, y);
            for (int x = 0; x < l->out_columns; ++x) {
                out[x] = pick(l, plane, window(l, y, x), turn);
            }
        }
    }
}

/* `g` to the first of a window's values that equals the one picked. */
static inline __attribute__((always_inline)) void
spread(const lanes_t *in, int width, int rows, int columns, lanes_t picked, lanes_t g,
       lanes_t *d, int d_across, int d_down) {
    const lanes_t none = {0};
    for (int r = 0; r < rows; ++r, in += width, d += d_down) {
        for (int k = 0; k < columns; ++k) {
            const choice_t here = in[k] == picked;
            d[k * d_across] += choose(here, g, none);
            g = choose(here, none, g);
        }
    }
}

/* scale * gradient of the output, into d_sums, where a pool has picked. */
static void add_picked_gradient(const layer_t *l, int block, int c, int y) {
    const float scale = l->scale[c];
    const int s = l->stride, width = d_width(l), row = out_row(l, block, c, y);
    const lanes_t *g = l->d_output + row, *picked = l->picked + row;
    for (int x = 0; x < l->out_columns; ++x) {
        const window_t w = window(l, y, x);
        const lanes_t *in = sums_plane(l, block, c) + w.row * l->columns + w.column;
        lanes_t *d = l->d_sums + (c * l->rows + w.row) * width + d_left(l) + w.column * s;
        const lanes_t by = g[x] * scale;
        if (w.rows == 2 && w.columns == 2) {
            spread(in, l->columns, 2, 2, picked[x], by, d, s, width);
        } else if (w.rows == 4 && w.columns == 4) {
            spread(in, l->columns, 4, 4, picked[x], by, d, s, width);
        } else {
            spread(in, l->columns, w.rows, w.columns, picked[x], by, d, s, width);
        }
    }
}

#endif
