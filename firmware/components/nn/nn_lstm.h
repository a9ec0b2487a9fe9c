/* SPDX-License-Identifier: MIT
 *
 * What an LSTM with a cell of 16 bits has beyond its curves.
 */
#ifndef NN_LSTM_H
#define NN_LSTM_H

#include "nn_curves.h"

/* A number of 16 bits in two bytes of the state, the low one first. */
NN_INLINE int32_t nn_get16(const uint8_t *p)
{
    const int32_t x = p[0] | (p[1] << 8);

    return x > 32767 ? x - 65536 : x;
}

NN_INLINE void nn_put16(uint8_t *p, int32_t x)
{
    p[0] = (uint8_t)x;
    p[1] = (uint8_t)(x >> 8);
}

/* x / 2^(shift + 1), rounded twice, as nn_scale by a power of two does. */
NN_INLINE int32_t nn_shifted(int32_t x, int32_t shift)
{
    return nn_divide_by_power((x + 1) >> 1, shift);
}

#endif
