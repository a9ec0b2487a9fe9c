/* SPDX-License-Identifier: MIT
 *
 * LOG_SOFTMAX of bytes, as TFLite computes it: exp by table, the logarithm by
 * a quotient of two polynomials.
 */
#ifndef NN_LOG_SOFTMAX_H
#define NN_LOG_SOFTMAX_H

#include "nn_int8.h"
#include "nn_softmax.h"

/* Zeros in front of a number that is not negative. */
NN_INLINE int32_t nn_zeros(int32_t x)
{
    int32_t zeros = 32;

    while (zeros > 0 && ((uint32_t)x >> (32 - zeros)) != 0) {
        --zeros;
    }
    return zeros;
}

/* ln x in Q5.26 of x in Q12.19, at least 1. */
NN_INLINE int32_t nn_logarithm(int32_t x)
{
    const int32_t root = 1518500250, fourth = 1805811301; /* of 1/2, Q0.31 */
    const int32_t high = nn_zeros(x);
    const int32_t low = nn_zeros(nn_high_mul(x, root)) - 1;
    const int32_t first =
        nn_shift_left(nn_high_mul(nn_shift_left(x, high - 1), root), 1);
    const int32_t second = nn_shift_left(x, low);
    const int32_t r = nn_min(first, second);
    const int32_t power = nn_max((12 - high) * (1 << 25) + (1 << 23),
                                 (12 - low) * (1 << 25) - (1 << 23));
    const int32_t middle = (int32_t)(((int64_t)r + fourth + 1) >> 1);
    const int32_t q = 2 * (r - fourth);
    const int32_t square = nn_high_mul(q, q);
    const int32_t over =
        nn_high_mul(q, r) + nn_high_mul(nn_high_mul(q, square), 117049297);
    const int32_t inner = 1057819769 + q + nn_high_mul(127690142, square);
    const int32_t under =
        nn_high_mul(middle, inner) + nn_high_mul(638450708, q);
    const int32_t quotient =
        nn_high_mul(nn_divide_by_power(over, 6), nn_one_over_one_plus(under));

    return nn_shift_left(nn_high_mul(power, 1488522236) + quotient, 1);
}

/* What a row has in common. */
typedef struct {
    int32_t log;   /* of the sum of its exponentials, Q5.26 */
    int32_t least; /* difference that counts */
    uint8_t largest;
} nn_log_softmax_t;

/* terms: exp(-i * scale) in Q12.19 for i = 0..255; back: from Q5.26. */
NN_INLINE nn_log_softmax_t nn_log_softmax(const uint8_t *in, int32_t count,
                                          const int32_t *terms, int32_t least,
                                          int32_t back, int32_t back_shift)
{
    nn_log_softmax_t row = {0, 0, 0};
    int32_t total = 0;

    for (int32_t i = 0; i < count; ++i) {
        row.largest = in[i] > row.largest ? in[i] : row.largest;
    }
    for (int32_t i = 0; i < count; ++i) {
        total += terms[row.largest - in[i]];
    }
    row.log = nn_logarithm(total);
    row.least =
        nn_max(least - 1, nn_scale(row.log + INT32_MIN, back, back_shift));
    return row;
}

/* u of an element; differences: -i * scale in Q5.26 for i = 0..255. */
NN_INLINE int32_t nn_log_softmax_value(nn_log_softmax_t row, uint8_t u,
                                       const int32_t *differences)
{
    const int32_t difference = u - row.largest;

    if (difference <= row.least) {
        return 0;
    }
    return nn_clamp(nn_divide_by_power(differences[-difference] - row.log, 22)
                        + 255,
                    0, 255);
}

#endif
