/* SPDX-License-Identifier: MIT
 *
 * SOFTMAX of bytes, as TFLite computes it: exp by table, 1 / sum by Newton.
 */
#ifndef NN_SOFTMAX_H
#define NN_SOFTMAX_H

#include "nn_common.h"

/* a * b / 2^31, to nearest, halves up. */
NN_INLINE int32_t nn_high_mul(int32_t a, int32_t b)
{
    const int64_t high = ((int64_t)a * b + (1 << 30)) >> 31;

    return high > INT32_MAX ? INT32_MAX : (int32_t)high;
}

NN_INLINE int32_t nn_shift_left(int32_t x, int32_t shift)
{
    const int64_t wide = (int64_t)x * ((int64_t)1 << shift);

    return wide > INT32_MAX   ? INT32_MAX
           : wide < INT32_MIN ? INT32_MIN
                              : (int32_t)wide;
}

/* 1 / (1 + a), Q0.31. */
NN_INLINE int32_t nn_one_over_one_plus(int32_t a)
{
    const int32_t half = (int32_t)(((int64_t)a + 0x80000000) >> 1);
    int32_t x = 1515870810 + nn_high_mul(half, -1010580540);

    for (int32_t i = 0; i < 3; ++i) {
        const int32_t rest = (1 << 29) - nn_high_mul(half, x);

        x += nn_shift_left(nn_high_mul(x, rest), 2);
    }
    return nn_shift_left(x, 1);
}

/* What a row has in common. */
typedef struct {
    int32_t scale;
    int32_t exponent;
    uint8_t largest;
} nn_softmax_t;

/* exps: exp(-i * scale) in Q0.31 for i = 0..255. */
NN_INLINE nn_softmax_t nn_softmax(const uint8_t *in, int32_t count,
                                  const int32_t *exps)
{
    nn_softmax_t row = {0, 0, 0};
    int32_t total = 0;
    int32_t length = 0;

    for (int32_t i = 0; i < count; ++i) {
        row.largest = in[i] > row.largest ? in[i] : row.largest;
    }
    for (int32_t i = 0; i < count; ++i) {
        const int32_t e = exps[row.largest - in[i]];

        total += (e >> 12) + ((e >> 11) & 1); /* e / 2^12, halves up */
    }
    while (length < 31 && (total >> length) != 0) {
        ++length;
    }
    row.scale = nn_one_over_one_plus(
        (int32_t)(((int64_t)total << (32 - length)) - 0x80000000));
    row.exponent = length + 3;
    return row;
}

/* u of an element, made of the input's u. */
NN_INLINE int32_t nn_softmax_value(nn_softmax_t row, uint8_t u,
                                   const int32_t *exps)
{
    const int32_t y = nn_high_mul(exps[row.largest - u], row.scale);
    const int64_t half = (int64_t)1 << (row.exponent - 1);
    const int64_t value = ((int64_t)y + half) >> row.exponent;

    return value > 255 ? 255 : (int32_t)value;
}

#endif
