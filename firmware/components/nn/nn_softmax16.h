/* SPDX-License-Identifier: MIT
 *
 * SOFTMAX of 16 bits, as TFLite computes it: exp and 1 / (1 + x) are lines
 * between the 513 entries of a table each, in Q0.15.
 */
#ifndef NN_SOFTMAX16_H
#define NN_SOFTMAX16_H

#include "nn_curves.h"

NN_INLINE int32_t nn_line16(int32_t x, const int16_t *table)
{
    const int16_t *const at = table + 256 + (x >> 7);

    return at[0] + (((at[1] - at[0]) * (x & 127) + 64) >> 7);
}

/* exp of what element is below the largest; the scale brings 10 to 65535. */
NN_INLINE int32_t nn_exp16(int32_t below, int32_t factor, int32_t shift,
                           const int16_t *exps)
{
    return nn_line16(nn_clamp16(nn_scale(below, factor, shift) + 32767), exps);
}

/* 1 / total, and by how many bits a product with it is too large. */
typedef struct {
    int32_t inverse;
    int32_t shift;
} nn_softmax16_t;

NN_INLINE nn_softmax16_t nn_softmax16(int32_t total, const int16_t *reciprocals)
{
    nn_softmax16_t found = {0, 0};
    int64_t fraction;

    while (found.shift < 30 && (total >> (found.shift + 1)) != 0) {
        ++found.shift;
    }
    fraction = (int64_t)total << (30 - found.shift); /* from 1 to 2 */
    fraction = ((fraction + (1 << 13)) >> 14) - (1 << 15) - (1 << 16);
    found.inverse = nn_line16(nn_clamp16((int32_t)fraction), reciprocals);
    return found;
}

NN_INLINE int32_t nn_softmax16_value(nn_softmax16_t row, int32_t exp)
{
    const int64_t half = (int64_t)1 << (row.shift - 1);
    const int64_t y = ((int64_t)exp * row.inverse + half) >> row.shift;

    return y < 0 ? 0 : y > 32767 ? 32767 : (int32_t)y;
}

#endif
