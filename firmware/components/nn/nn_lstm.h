/* SPDX-License-Identifier: MIT
 *
 * The curves of an LSTM with a cell of 16 bits, as TFLite computes them: lines
 * between the entries of a table of the sigmoid.
 */
#ifndef NN_LSTM_H
#define NN_LSTM_H

#include "nn_int8.h"

/* How the two sums of a gate are scaled. */
typedef struct {
    int32_t input;
    int32_t input_shift;
    int32_t recurrent;
    int32_t recurrent_shift;
} nn_gate_t;

NN_INLINE int32_t nn_clamp16(int32_t x)
{
    return nn_clamp(x, -32768, 32767);
}

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

/* Q3.12 to Q0.15; table: sigmoid(i / 24) in Q0.16 for i = 0..255. */
NN_INLINE int32_t nn_sigmoid16(int32_t x, const uint16_t *table)
{
    const int32_t size = (x < 0 ? -x : x) * 3;
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
