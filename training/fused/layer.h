/* One layer: its sizes, parameters and work space, and where things stand in them. */
#ifndef FUSED_LAYER_H
#define FUSED_LAYER_H

#include "vec.h"

#define ROWS 32 /* rows of a kernel at most */
#define WIDEST 256 /* channels of a layer at most */

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

/* Where row `y` of the output stands in `d_output` and `picked`. */
static int out_row(const layer_t *l, int block, int c, int y) {
    return block * out_block(l) + (c * l->out_rows + y) * l->out_columns;
}

static const lanes_t *sums_plane(const layer_t *l, int block, int c) {
    return l->sums + block * sums_block(l) + c * l->rows * l->columns;
}

/* What stands before batch norm and the activation of each output of a block. */
static const lanes_t *passed(const layer_t *l, int block) {
    return l->pool == 1 ? l->sums + block * sums_block(l)
                        : l->picked + block * out_block(l);
}

#endif
