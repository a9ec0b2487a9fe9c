/* Batch norm as a scale and a shift of each channel; without one 1 and 0. */
#ifndef FUSED_NORM_H
#define FUSED_NORM_H

#include "layer.h"

#include <math.h>

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

/* Gradients of what batch norm and a bias have learned, from the sums of a batch; and
 * what sums_gradient() of finish.h takes off, zero without batch norm. */
static inline void norm_gradients(const layer_t *l, int images, const double *sum,
                                  const double *product, float *constant,
                                  float *linear) {
    const double places = (double)images * l->rows * l->columns;
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
}

#endif
