/* SPDX-License-Identifier: MIT
 *
 * Kernels of activations of 16 bits and weights of 8, as TFLite computes them.
 *
 * A sum has 64 bits. As many products as never leave 32 are added in 32, which
 * is all that a core of 32 bits can do at once. Zero points are 0: a raw number
 * is what is multiplied, and what lies beyond an edge adds nothing.
 */
#ifndef NN_INT16_H
#define NN_INT16_H

#include "nn_int8.h"

#define NN_DOT16 511 /* products of at most 2^22 that fit into 31 bits */

/* A value in the arena, at an offset that is even. */
NN_INLINE int16_t *nn_at16(uint8_t *arena, int32_t offset)
{
    return (int16_t *)(void *)(arena + offset);
}

/* The sum of x[i * step] * w[i]; of less than one product it is 0. */
NN_INLINE int64_t nn_dot16(const int16_t *x, int32_t step, const int8_t *w,
                           int32_t count)
{
    int64_t sum = 0;

    for (int32_t start = 0; start < count; start += NN_DOT16) {
        const int32_t end = nn_min(count, start + NN_DOT16);
        int32_t part = 0;

        for (int32_t i = start; i < end; ++i) {
            part += x[i * step] * w[i];
        }
        sum += part;
    }
    return sum;
}

/* How a window lies on an input; lengths in rows, columns and numbers. */
typedef struct {
    int32_t height;
    int32_t width;
    int32_t pitch; /* from one row to the next */
    int32_t depth; /* from one column to the next */
    int32_t read;  /* of each column: depth, or 1 by channel */
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t dilation_h;
    int32_t dilation_w;
} nn_window16_t;

/* The sum of a window's products; top and left may lie beyond the edges. */
NN_INLINE int64_t nn_window16(const int16_t *in, const int8_t *w,
                              const nn_window16_t *k, int32_t top, int32_t left)
{
    const int32_t step = k->dilation_w;
    const int32_t first = left < 0 ? (step - 1 - left) / step : 0;
    const int32_t last =
        nn_min(k->kernel_w, (k->width - left + step - 1) / step);
    int64_t sum = 0;

    for (int32_t i = 0; i < k->kernel_h; ++i) {
        const int32_t y = top + i * k->dilation_h;
        const int32_t x = left + first * step;
        const int16_t *row;
        const int8_t *v;

        if (y < 0 || y >= k->height || first >= last) {
            continue;
        }
        row = in + y * k->pitch + x * k->depth;
        v = w + (i * k->kernel_w + first) * k->read;
        if (k->read == 1) {
            sum += nn_dot16(row, k->depth * step, v, last - first);
        } else if (step == 1) {
            sum += nn_dot16(row, 1, v, (last - first) * k->read);
        } else {
            for (int32_t j = first; j < last; ++j) {
                sum += nn_dot16(row, 1, v, k->read);
                row += step * k->depth;
                v += k->read;
            }
        }
    }
    return sum;
}

/* sum * factor / 2^shift, to nearest, halves up; bits beyond 32 are dropped. */
NN_INLINE int32_t nn_scale64(int64_t sum, int32_t factor, int32_t shift)
{
    const int64_t half = (int64_t)1 << (shift - 1);

    return (int32_t)(uint32_t)((sum * factor + half) >> shift);
}

/* The same of a sum of 32 bits, which wraps around, by TFLite's two roundings. */
NN_INLINE int32_t nn_scale32(int64_t sum, int32_t factor, int32_t shift)
{
    return nn_scale((int32_t)(uint32_t)sum, factor, shift);
}

#endif
