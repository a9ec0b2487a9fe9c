/* What follows the convolution of a block: pool, batch norm, activation; and back. */
#ifndef FUSED_FINISH_H
#define FUSED_FINISH_H

#include "norm.h"
#include "pool.h"

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

#endif
