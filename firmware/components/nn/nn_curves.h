/* SPDX-License-Identifier: MIT
 *
 * Sigmoid and tanh of 16 bits, as TFLite computes them: lines between the
 * entries of a table of the sigmoid.
 */
#ifndef NN_CURVES_H
#define NN_CURVES_H

#include "nn_int8.h"

NN_INLINE int32_t nn_clamp16(int32_t x)
{
    return nn_clamp(x, -32768, 32767);
}

/* The table's Q0.16 with `bits` bits more, on a line; `most` beyond its end. */
NN_INLINE int32_t nn_on_curve(int32_t x, int32_t bits, int32_t most,
                              const uint16_t *table)
{
    const int32_t size = x < 0 ? -x : x;
    const int32_t at = size >> bits;
    const int32_t rest = size - (at << bits);

    return at < 255 ? (table[at] << bits) + rest * (table[at + 1] - table[at])
                    : most << bits;
}

/* Three times a Q3.12 number to Q0.15; table: sigmoid(i / 24) in Q0.16 for
 * i = 0..255. */
NN_INLINE int32_t nn_sigmoid16(int32_t x, const uint16_t *table)
{
    const int32_t y = nn_on_curve(x, 9, 0xFFFE, table);

    return (x < 0 ? (1 << 25) - y + 511 : y + 512) >> 10;
}

/* Three times a Q3.12 number to Q0.15: 2 * sigmoid(2 * x) - 1. */
NN_INLINE int32_t nn_tanh16(int32_t x, const uint16_t *table)
{
    const int32_t y = nn_on_curve(x, 8, 0xFFFF, table);

    return (x < 0 ? (1 << 23) + 127 - y : y - (1 << 23) + 128) >> 8;
}

#endif
