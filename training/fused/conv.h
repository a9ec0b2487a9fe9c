/* The convolution, forward and backward to its input: tiles of some channels by some
 * columns, whose sums stay in registers. */
#ifndef FUSED_CONV_H
#define FUSED_CONV_H

#include "layer.h"

/* One row of outputs: which rows of the kernel meet which rows of the input. */
typedef struct {
    int count;
    int kernel[ROWS], input[ROWS];
} meeting_t;

typedef struct {
    const float *packed; /* (tile of outputs, input, row, column, output) */
    const float *start;  /* a bias for each output, or NULL */
    const lanes_t *in;
    lanes_t *out;
    int inputs, in_plane, in_width, outputs, out_plane;
    int kernel_rows, kernel_columns, stride;
} conv_t;

static inline __attribute__((always_inline)) void
tile(const conv_t *c, const meeting_t *m, const float *weights, int first, int x,
     lanes_t *out, const int outputs, const int columns, const int stride) {
    lanes_t sum[OUTPUTS][COLUMNS];
    for (int o = 0; o < outputs; ++o) {
        float start = c->start ? c->start[first + o] : 0.0f;
        for (int j = 0; j < columns; ++j) {
            sum[o][j] = (lanes_t){0} + start;
        }
    }
    for (int i = 0; i < c->inputs; ++i) {
        for (int r = 0; r < m->count; ++r) {
            const lanes_t *in =
                c->in + i * c->in_plane + m->input[r] * c->in_width + x * stride;
            const float *w = weights + (i * c->kernel_rows + m->kernel[r]) *
                                           c->kernel_columns * outputs;
            for (int k = 0; k < c->kernel_columns; ++k, ++in, w += outputs) {
                for (int j = 0; j < columns; ++j) {
                    lanes_t value = in[j * stride];
                    IN_REGISTER(value);
                    for (int o = 0; o < outputs; ++o) {
                        sum[o][j] += w[o] * value;
                    }
                }
            }
        }
    }
    for (int o = 0; o < outputs; ++o) {
        for (int j = 0; j < columns; ++j) {
            out[o * c->out_plane + x + j] = sum[o][j];
        }
    }
}

#define TILE(o, x) \
    case 16 * o + x: \
        if (c->stride == 1) { \
            tile(c, m, weights, first, at, out, o, x, 1); \
        } else { \
            tile(c, m, weights, first, at, out, o, x, c->stride); \
        } \
        break;
#define TILES(o) TILE(o, 1) TILE(o, 2) TILE(o, 3) TILE(o, 4)
#define WIDE_TILES(o) TILES(o) TILE(o, 5) TILE(o, 6)

/* One row of all outputs. */
static void conv_row(const conv_t *c, const meeting_t *m, lanes_t *row, int width) {
    const int size = c->inputs * c->kernel_rows * c->kernel_columns;
    for (int first = 0, height; first < c->outputs; first += height) {
        height = part(c->outputs - first, OUTPUTS);
        const float *weights = c->packed + first * size;
        lanes_t *out = row + first * c->out_plane;
        for (int at = 0, columns; at < width; at += columns) {
            columns = part(width - at, COLUMNS);
            switch (16 * height + columns) {
#ifdef __AVX512F__
                WIDE_TILES(1) WIDE_TILES(2) WIDE_TILES(3) WIDE_TILES(4)
#else
                TILES(1) TILES(2) TILES(3)
#endif
            }
        }
    }
}

/* Weights in the order in which the tiles read them; `back`: for the gradient of the
 * input, where the channels change places and the kernel's columns are mirrored. */
static void pack(const layer_t *l, int back) {
    const int kernel = l->kernel_rows * l->kernel_columns;
    const int outputs = back ? l->in_channels : l->channels;
    const int inputs = back ? l->channels : l->in_channels;
    const int by_output = back ? kernel : l->in_channels * kernel;
    const int by_input = back ? l->in_channels * kernel : kernel;
    float *next = l->packed;
    for (int first = 0, height; first < outputs; first += height) {
        height = part(outputs - first, OUTPUTS);
        for (int i = 0; i < inputs; ++i) {
            for (int k = 0; k < kernel; ++k) {
                int column = k % l->kernel_columns;
                int mirrored = k - column + l->kernel_columns - 1 - column;
                for (int o = 0; o < height; ++o) {
                    *next++ = l->weight[(first + o) * by_output + i * by_input +
                                        (back ? mirrored : k)];
                }
            }
        }
    }
}

/* A row of the kernel, and the row of `rows` that it lies on, if it does. */
static void meet(meeting_t *m, int kernel, int row, int rows) {
    if (row >= 0 && row < rows) {
        m->kernel[m->count] = kernel;
        m->input[m->count++] = row;
    }
}

static void convolve(const layer_t *l, int block) {
    const conv_t c = {
        .packed = l->packed,
        .start = l->bias,
        .in = l->input + block * in_block(l),
        .out = l->sums + block * sums_block(l),
        .inputs = l->in_channels,
        .in_plane = l->in_rows * in_width(l),
        .in_width = in_width(l),
        .outputs = l->channels,
        .out_plane = l->rows * l->columns,
        .kernel_rows = l->kernel_rows,
        .kernel_columns = l->kernel_columns,
        .stride = l->stride,
    };
    for (int y = 0; y < l->rows; ++y) {
        meeting_t m = {0};
        for (int k = 0; k < l->kernel_rows; ++k) {
            meet(&m, k, y * l->stride - l->padding + k, l->in_rows);
        }
        conv_row(&c, &m, c.out + y * l->columns, l->columns);
    }
}

/* d_output of the layer before: this layer's d_sums through the turned kernel. */
static void convolve_back(const layer_t *l, int block, lanes_t *d_input) {
    const conv_t c = {
        .packed = l->packed,
        .in = l->d_sums,
        .out = d_input + block * l->in_channels * l->in_rows * l->in_columns,
        .inputs = l->channels,
        .in_plane = l->rows * d_width(l),
        .in_width = d_width(l),
        .outputs = l->in_channels,
        .out_plane = l->in_rows * l->in_columns,
        .kernel_rows = l->kernel_rows,
        .kernel_columns = l->kernel_columns,
        .stride = 1,
    };
    for (int y = 0; y < l->in_rows; ++y) {
        meeting_t m = {0};
        for (int k = 0; k < l->kernel_rows; ++k) {
            int from = y + l->padding - k;
            if (from % l->stride == 0) {
                meet(&m, k, from / l->stride, l->rows);
            }
        }
        conv_row(&c, &m, c.out + y * l->in_columns, l->in_columns);
    }
}

#endif
