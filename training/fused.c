/* Forward and backward of a small sequential net, a whole batch at a time.
 *
 * A layer is: convolution, batch norm if any, max pool if any, leaky ReLU (slope
 * 1: none). A linear layer is a convolution over its whole input.
 *
 * One vector holds the same value of LANES images, and every loop of a textbook runs
 * over such vectors: whatever the channels, nothing is padded or shuffled. Arrays are
 * [block of images][channel][row][column][lane]. The images that fill up the last
 * block are zero at the input; they are masked out where images meet each other: in
 * the statistics of batch norm and in the gradient that leaves it.
 *
 * No memory is owned here: `training/fused.py` hands all of it over.
 */

#include <math.h>
#include <stdint.h>
#include <string.h>
#ifdef __AVX__
#include <immintrin.h>
#endif

#ifdef __AVX512F__
#define LANES 16
#define OUTPUTS 4 /* a tile of the convolution: channels ... */
#define COLUMNS 6 /* ... by columns; its sums stay in registers */
#define ABREAST 8 /* channels of a tile of the weights' gradient */
#define SQUARE 3  /* channels of one of a whole kernel 3x3 */
/* GCC would load an operand anew for each product: more loads than products. */
#define IN_REGISTER(v) __asm__("" : "+v"(v))
#else
#define LANES 8
#define OUTPUTS 3
#define COLUMNS 4
#define ABREAST 4
#define SQUARE 1
#define IN_REGISTER(v)
#endif
#define TAPS 3 /* columns of the kernel in a tile of the weights' gradient */
#define ROWS 32 /* rows of a kernel at most */

typedef float lanes_t __attribute__((vector_size(4 * LANES)));

typedef struct {
    /* Sizes: input, kernel, output of the convolution, output after the pool. */
    int32_t in_channels, in_rows, in_columns;
    int32_t channels, kernel_rows, kernel_columns, stride, padding;
    int32_t rows, columns;
    int32_t pool, pool_stride, pool_padding, out_rows, out_columns; /* pool 1: none */
    float slope, momentum, epsilon;
    /* Parameters, running statistics and gradients; absent ones are NULL. */
    const float *weight, *bias, *gamma, *beta;
    float *running_mean, *running_variance;
    float *d_weight, *d_bias, *d_gamma, *d_beta;
    /* Work space. */
    lanes_t *input;      /* all blocks; rows have `padding` zeros at both ends */
    lanes_t *sums;       /* all blocks: what the convolution gives */
    lanes_t *d_output;   /* all blocks: gradient of this layer's output */
    lanes_t *picked;     /* all blocks: of `sums`, what the max pool passes on */
    lanes_t *d_sums;     /* one block: gradient of `sums`, see d_width() */
    float *packed;       /* weights in the order of the tiles */
    float *mean, *inverse, *scale, *shift; /* of the batch, a channel each */
} layer_t;

/* ==== Sizes =============================================================== */

int32_t fused_lanes(void) { return LANES; }

int32_t fused_layer_bytes(void) { return (int32_t)sizeof(layer_t); }

static int in_width(const layer_t *l) { return l->in_columns + 2 * l->padding; }

static int in_block(const layer_t *l) {
    return l->in_channels * l->in_rows * in_width(l);
}

static int sums_block(const layer_t *l) { return l->channels * l->rows * l->columns; }

static int out_block(const layer_t *l) {
    return l->channels * l->out_rows * l->out_columns;
}

/* Columns of `d_sums`: as many as make the input's gradient a plain convolution, with
 * zeros at both ends and between where the stride is above 1. */
static int d_width(const layer_t *l) { return l->in_columns + l->kernel_columns - 1; }

static int d_left(const layer_t *l) { return l->kernel_columns - 1 - l->padding; }

static int smaller(int a, int b) { return a < b ? a : b; }

/* Size of the next tile: `left` in equal parts of at most `most`. */
static int part(int left, int most) {
    int parts = (left + most - 1) / most;
    return (left + parts - 1) / parts;
}

/* ==== Convolution ========================================================= */

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
            int row = y * l->stride - l->padding + k;
            if (row >= 0 && row < l->in_rows) {
                m.kernel[m.count] = k;
                m.input[m.count++] = row;
            }
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
            if (from >= 0 && from % l->stride == 0 && from / l->stride < l->rows) {
                m.kernel[m.count] = k;
                m.input[m.count++] = from / l->stride;
            }
        }
        conv_row(&c, &m, c.out + y * l->in_columns, l->in_columns);
    }
}

static inline float total(lanes_t v) {
    float sum = 0.0f;
    for (int i = 0; i < LANES; ++i) {
        sum += v[i];
    }
    return sum;
}

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

/* ==== Batch norm, pool, activation ======================================== */

/* 1 for a lane that holds an image, 0 for one that fills up the block. */
static lanes_t mask(int block, int images) {
    lanes_t result = {0};
    for (int i = 0; i < LANES && block * LANES + i < images; ++i) {
        result[i] = 1.0f;
    }
    return result;
}

/* Adds a block's sums and squares of (value - middle) to each channel's. */
static void add_statistics(const layer_t *l, int block, lanes_t held, double *sum,
                           double *squares) {
    const int plane = l->rows * l->columns;
    const lanes_t *at = l->sums + block * sums_block(l);
    for (int c = 0; c < l->channels; ++c, at += plane) {
        /* Four chains hide the latency of the additions. */
        lanes_t s[4] = {{0}}, q[4] = {{0}};
        const float middle = l->running_mean[c];
        for (int p = 0; p < plane; ++p) {
            lanes_t d = (at[p] - middle) * held;
            s[p & 3] += d;
            q[p & 3] += d * d;
        }
        sum[c] += (double)total((s[0] + s[1]) + (s[2] + s[3]));
        squares[c] += (double)total((q[0] + q[1]) + (q[2] + q[3]));
    }
}

static void finish_statistics(const layer_t *l, int images, const double *sum,
                              const double *squares) {
    const double count = (double)images * l->rows * l->columns;
    for (int c = 0; c < l->channels; ++c) {
        const double off = sum[c] / count;
        const double mean = l->running_mean[c] + off;
        const double found = squares[c] / count - off * off;
        const double variance = found > 0 || isnan(found) ? found : 0;
        l->mean[c] = (float)mean;
        l->inverse[c] = (float)(1 / sqrt(variance + (double)l->epsilon));
        l->scale[c] = l->gamma[c] * l->inverse[c];
        l->shift[c] = l->beta[c] - (float)mean * l->scale[c];
        const float keep = 1 - l->momentum;
        const double unbiased = variance * count / (count - 1);
        l->running_mean[c] = keep * l->running_mean[c] + l->momentum * (float)mean;
        l->running_variance[c] =
            keep * l->running_variance[c] + l->momentum * (float)unbiased;
    }
}

static void no_statistics(const layer_t *l) {
    for (int c = 0; c < l->channels; ++c) {
        l->mean[c] = l->shift[c] = 0.0f;
        l->inverse[c] = l->scale[c] = 1.0f;
    }
}

typedef int32_t choice_t __attribute__((vector_size(4 * LANES)));

/* In each lane `a` where `which` is true, else `b`. */
static inline lanes_t choose(choice_t which, lanes_t a, lanes_t b) {
    return (lanes_t)((which & (choice_t)a) | (~which & (choice_t)b));
}

static inline lanes_t larger(lanes_t a, lanes_t b) {
#if defined __AVX512F__
    return (lanes_t)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined __AVX__
    return (lanes_t)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return choose(a > b, a, b);
#endif
}

static inline lanes_t leaky(lanes_t v, float slope) {
    return choose(v > 0, v, v * slope);
}

/* Where row `y` of the output stands in `d_output` and `picked`. */
static int out_row(const layer_t *l, int block, int c, int y) {
    return block * out_block(l) + (c * l->out_rows + y) * l->out_columns;
}

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

static const lanes_t *sums_plane(const layer_t *l, int block, int c) {
    return l->sums + block * sums_block(l) + c * l->rows * l->columns;
}

/* What stands before batch norm and the activation of each output of a block. */
static const lanes_t *passed(const layer_t *l, int block) {
    return l->pool == 1 ? l->sums + block * sums_block(l)
                        : l->picked + block * out_block(l);
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

/* This layer's output of one block, into rows of `width` vectors. */
static void finish_block(const layer_t *l, int block, lanes_t *to, int width) {
    if (l->pool > 1) {
        pool_block(l, block);
    }
    const lanes_t *in = passed(l, block);
    for (int c = 0; c < l->channels; ++c) {
        const float scale = l->scale[c], shift = l->shift[c];
        for (int y = 0; y < l->out_rows; ++y, in += l->out_columns, to += width) {
            for (int x = 0; x < l->out_columns; ++x) {
                to[x] = leaky(in[x] * scale + shift, l->slope);
            }
        }
    }
}

/* d_output becomes the gradient before the activation; its sums go to `sum`, those of
 * its product with (value - mean) to `product`. */
static void add_gradient_sums(const layer_t *l, int block, double *sum, double *product) {
    const int plane = l->out_rows * l->out_columns;
    const lanes_t *in = passed(l, block);
    lanes_t *d = l->d_output + block * out_block(l);
    for (int c = 0; c < l->channels; ++c, in += plane, d += plane) {
        const float scale = l->scale[c], shift = l->shift[c], mean = l->mean[c];
        lanes_t s[2] = {{0}}, q[2] = {{0}};
        for (int p = 0; p < plane; ++p) {
            const lanes_t g = choose(in[p] * scale + shift > 0, d[p], d[p] * l->slope);
            d[p] = g;
            s[p & 1] += g;
            q[p & 1] += g * (in[p] - mean);
        }
        sum[c] += (double)total(s[0] + s[1]);
        product[c] += (double)total(q[0] + q[1]);
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

/* The gradient of the convolution's sums, of one block, into d_sums:
 * scale * (g - mean(g) - (value - mean) * inverse^2 * mean(g * (value - mean))),
 * which is scale * g - constant - linear * (value - mean). */
static void sums_gradient(const layer_t *l, int block, lanes_t held, const float *constant,
                          const float *linear) {
    const int s = l->stride, width = d_width(l);
    for (int c = 0; c < l->channels; ++c) {
        const float mean = l->mean[c], by = linear[c], add = constant[c];
        const float scale = l->pool == 1 ? l->scale[c] : 0.0f;
        const lanes_t *in = sums_plane(l, block, c);
        lanes_t *out = l->d_sums + c * l->rows * width + d_left(l);
        for (int y = 0; y < l->rows; ++y, in += l->columns, out += width) {
            const lanes_t *g = l->d_output + out_row(l, block, c, y);
            for (int x = 0; x < l->columns; ++x) {
                const lanes_t common = ((mean - in[x]) * by - add) * held;
                out[x * s] = l->pool == 1 ? common + g[x] * scale : common;
            }
        }
        for (int y = 0; l->pool > 1 && y < l->out_rows; ++y) {
            add_picked_gradient(l, block, c, y);
        }
    }
}

/* ==== The net ============================================================= */

#define WIDEST 256 /* channels of a layer at most */

/* (images, channels, rows, columns) floats into the first layer's input. */
static void load_images(const layer_t *l, const float *images, int count) {
    const int plane = l->in_rows * l->in_columns;
    for (int block = 0; block * LANES < count; ++block) {
        const int held = smaller(LANES, count - block * LANES);
        float *to = (float *)(l->input + block * in_block(l));
        for (int row = 0; row < l->in_channels * l->in_rows; ++row) {
            float *out = to + (row * in_width(l) + l->padding) * LANES;
            const float *from =
                images + block * LANES * l->in_channels * plane + row * l->in_columns;
            for (int x = 0; x < l->in_columns; ++x) {
                for (int n = 0; n < held; ++n) {
                    out[x * LANES + n] = from[n * l->in_channels * plane + x];
                }
                for (int n = held; n < LANES; ++n) {
                    out[x * LANES + n] = 0.0f;
                }
            }
        }
    }
}

/* What the last layer gives, (images, channels, rows, columns), in training mode;
 * running statistics move on. */
void fused_forward(const layer_t *layers, int32_t count, const float *images,
                   int32_t batch, float *result) {
    const int blocks = (batch + LANES - 1) / LANES;
    load_images(layers, images, batch);
    for (int i = 0; i < count; ++i) {
        const layer_t *l = layers + i;
        double sum[WIDEST] = {0}, squares[WIDEST] = {0};
        pack(l, 0);
        for (int block = 0; block < blocks; ++block) {
            if (i > 0) { /* as late as this: the next loop finds it in the cache */
                lanes_t *to = l->input + block * in_block(l) + l->padding;
                finish_block(l - 1, block, to, in_width(l));
            }
            convolve(l, block);
            if (l->gamma) {
                add_statistics(l, block, mask(block, batch), sum, squares);
            }
        }
        if (l->gamma) {
            finish_statistics(l, batch, sum, squares);
        } else {
            no_statistics(l);
        }
    }
    const layer_t *last = layers + count - 1;
    const int values = out_block(last);
    for (int block = 0; block < blocks; ++block) {
        lanes_t *out = last->d_output + block * values; /* free until the way back */
        finish_block(last, block, out, last->out_columns);
        for (int n = 0; n < LANES && block * LANES + n < batch; ++n) {
            for (int v = 0; v < values; ++v) {
                result[(block * LANES + n) * values + v] = out[v][n];
            }
        }
    }
}

/* Gradients of all parameters; follows the forward pass of the same batch. */
void fused_backward(const layer_t *layers, int32_t count, const float *d_result,
                    int32_t batch) {
    const int blocks = (batch + LANES - 1) / LANES;
    const layer_t *last = layers + count - 1;
    const int values = out_block(last);
    for (int block = 0; block < blocks; ++block) {
        for (int v = 0; v < values; ++v) {
            lanes_t d = {0};
            for (int n = 0; n < LANES && block * LANES + n < batch; ++n) {
                d[n] = d_result[(block * LANES + n) * values + v];
            }
            last->d_output[block * values + v] = d;
        }
    }
    for (int i = count - 1; i >= 0; --i) {
        const layer_t *l = layers + i;
        double sum[WIDEST] = {0}, product[WIDEST] = {0};
        float constant[WIDEST] = {0}, linear[WIDEST] = {0};
        for (int block = 0; block < blocks; ++block) {
            add_gradient_sums(l, block, sum, product);
        }
        const double places = (double)batch * l->rows * l->columns;
        for (int c = 0; c < l->channels; ++c) {
            if (l->gamma) {
                const double inverse = l->inverse[c], scale = l->scale[c];
                l->d_gamma[c] = (float)(product[c] * inverse);
                l->d_beta[c] = (float)sum[c];
                constant[c] = (float)(scale * sum[c] / places);
                linear[c] = (float)(scale * inverse * inverse * product[c] / places);
            }
            if (l->bias) { /* batch norm takes a bias out again */
                l->d_bias[c] = l->gamma ? 0.0f : (float)sum[c];
            }
        }
        memset(l->d_weight, 0,
               sizeof(float) * (size_t)(l->channels * l->in_channels * l->kernel_rows *
                                        l->kernel_columns));
        if (i > 0) {
            pack(l, 1);
        }
        for (int block = 0; block < blocks; ++block) {
            sums_gradient(l, block, mask(block, batch), constant, linear);
            weight_gradient(l, block);
            if (i > 0) {
                convolve_back(l, block, (l - 1)->d_output);
            }
        }
    }
}
