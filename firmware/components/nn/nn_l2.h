/* SPDX-License-Identifier: MIT
 *
 * L2_NORMALIZATION of bytes, as TFLite computes it: 1 / sqrt by five Newton
 * steps.
 */
#ifndef NN_L2_H
#define NN_L2_H

#include "nn_int8.h"
#include "nn_softmax.h"

typedef struct {
    int32_t multiplier;
    int32_t shift;
} nn_l2_t;

/* 1 / sqrt(x) for nn_scale; 0 is taken as 1. */
NN_INLINE nn_l2_t nn_inverse_root(int32_t x)
{
    nn_l2_t k = {INT32_MAX, 0};
    int32_t shift = 11;
    int32_t half = 0;
    int32_t y = 1 << 28; /* Q3.28 */

    if (x <= 1) {
        return k;
    }
    while (x >= 1 << 29) {
        x /= 4;
        ++shift;
    }
    while (x < 1 << 27) {
        x *= 4;
        --shift;
    }
    half = ((x >> 1) + 1) >> 1;
    for (int32_t i = 0; i < 5; ++i) {
        const int32_t cube =
            nn_shift_left(nn_high_mul(nn_high_mul(y, y), y), 6);

        y = nn_shift_left(
            nn_high_mul((1 << 28) + (1 << 27), y) - nn_high_mul(half, cube), 3);
    }
    y = nn_high_mul(y, 1518500250); /* sqrt(1/2), Q0.31 */
    k.multiplier = shift < 0 ? (int32_t)((uint32_t)y << -shift) : y;
    k.shift = shift < 0 ? 0 : -shift;
    return k;
}

/* The factor of a row's elements, to Q0.7. */
NN_INLINE nn_l2_t nn_l2(const uint8_t *in, int32_t count, int32_t zero)
{
    nn_l2_t k;
    int32_t sum = 0;

    for (int32_t i = 0; i < count; ++i) {
        sum += (in[i] - zero) * (in[i] - zero);
    }
    k = nn_inverse_root(sum);
    k.shift += 7;
    return k;
}

#endif
