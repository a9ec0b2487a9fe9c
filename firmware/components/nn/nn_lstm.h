/* SPDX-License-Identifier: MIT
 *
 * The gates of an LSTM with a cell of 16 bits, as TFLite computes them.
 */
#ifndef NN_LSTM_H
#define NN_LSTM_H

#include "nn_curves.h"

/* How the two sums of a gate are scaled. */
typedef struct {
    int32_t input;
    int32_t input_shift;
    int32_t recurrent;
    int32_t recurrent_shift;
} nn_gate_t;

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

/* Both sums of a gate, scaled to Q3.12. */
NN_INLINE int32_t nn_gate(int32_t sum, int32_t back, const nn_gate_t *k)
{
    const int32_t fresh = nn_scale(sum, k->input, k->input_shift);
    const int32_t again = nn_scale(back, k->recurrent, k->recurrent_shift);

    return nn_clamp16(nn_clamp16(fresh) + nn_clamp16(again));
}

#endif
