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
 * No memory is owned here: `training/fused/network.py` hands all of it over. The layers lie in
 * the headers here, included and not linked, so that the compiler sees their sizes.
 */

#include "conv.h"
#include "weights.h"
#include "finish.h"

#include <string.h>

int32_t fused_lanes(void) { return LANES; }

int32_t fused_layer_bytes(void) { return (int32_t)sizeof(layer_t); }

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
        norm_gradients(l, batch, sum, product, constant, linear);
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
