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

/* Three times a Q3.12 number to Q0.15; table: sigmoid(i / 24) in Q0.16 for
 * i = 0..255. */
NN_INLINE int32_t nn_sigmoid16(int32_t x, const uint16_t *table)
{
    const int32_t size = x < 0 ? -x : x;
    const int32_t at = size >> 9;
    int32_t y = 0x7FFF << 10;

    if (at < 255) {
        y = (table[at] << 9) + (size & 0x1FF) * (table[at + 1] - table[at]);
    }
    return (x < 0 ? (1 << 25) - y + 511 : y + 512) >> 10;
}

/* Three times a Q3.12 number to Q0.15: 2 * sigmoid(2 * x) - 1. */
NN_INLINE int32_t nn_tanh16(int32_t x, const uint16_t *table)
{
    const int32_t size = x < 0 ? -x : x;
    const int32_t at = size >> 8;
    int32_t y = 0xFFFF << 8;

    if (at < 255) {
        y = (table[at] << 8) + (size & 0xFF) * (table[at + 1] - table[at]);
    }
    return (x < 0 ? (1 << 23) + 127 - y : y - (1 << 23) + 128) >> 8;
}

#endif
